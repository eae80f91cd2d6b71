"""Figures of texts with a memory, and of the head that attends to where the memory is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle
from torch import Tensor

from hmmlib.plotting.style import PALETTE

_FAINT = "#b9c6d3"


def memory_model(length: int) -> Figure:
    """Draw what depends on what in a memory-augmented HMM: a chain of addresses, tokens, and the memory.

    Args:
        length: Number of tokens drawn, ≥ 2; the chain goes on.

    Returns:
        The figure: the chain above, tokens (shaded) in the middle, below the memory in a plate that stands
        for its N cells.
    """
    figure, axes = plt.subplots(figsize=(1.75 * length + 1.6, 4.2))
    for step in range(1, length + 1):
        axes.add_patch(Circle((step, 2), 0.33, facecolor="white", edgecolor="black", zorder=2))
        axes.text(step, 2, f"$J_{step}, S_{step}$", ha="center", va="center", fontsize=9, zorder=3)
        axes.add_patch(Circle((step, 1), 0.24, facecolor="#d9d9d9", edgecolor="black", zorder=2))
        axes.text(step, 1, f"$X_{step}$", ha="center", va="center", zorder=3)
        _arrow(axes, (step, 1.67), (step, 1.24))
        _arrow(axes, (step - 0.67, 2), (step - 0.33, 2))
        axes.text(step - 0.5, 2.06, "$A$", ha="center", va="bottom")
    middle = (1 + length) / 2
    axes.add_patch(Circle((middle, -0.05), 0.24, facecolor="white", edgecolor="black", zorder=2))
    axes.text(middle, -0.05, "$M_j$", ha="center", va="center", zorder=3)
    axes.add_patch(Rectangle((middle - 0.45, -0.65), 0.9, 1.0, facecolor="none", edgecolor="black"))
    axes.text(middle + 0.4, -0.6, "$j = 1, …, N$", ha="right", va="bottom", fontsize=8)
    for step in range(1, length + 1):
        _arrow(axes, (middle + 0.25 * (step - middle), 0.35), (step + 0.12 * (middle - step), 0.77))
    axes.text(length - 0.1, 0.55, "$W$", ha="left", va="center")
    _arrow(axes, (length + 0.33, 2), (length + 0.67, 2))
    axes.text(length + 0.85, 2, "…", ha="center", va="center")
    axes.text(0.1, 2, "…", ha="center", va="center")
    axes.set(xlim=(-0.1, length + 1), ylim=(-0.75, 2.5), aspect="equal")
    axes.axis("off")
    return figure


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", color="black", shrinkA=0, shrinkB=0, mutation_scale=12)
    )


def text_and_reader(
    words: Sequence[str], states: Tensor, names: Sequence[str], starred: Sequence[int] = (), title: str = ""
) -> Figure:
    """Draw a text over the chain that decides which memory cell each of its tokens reads.

    Args:
        words: The text.
        states: Chain state of each token, shape (time,).
        names: What each chain state reads, and in which syntax state.
        starred: Chain states that matter, drawn as full markers; the others are open.
        title: What the memory holds, say.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(figsize=(6.8, 2.4))
    _draw_states(axes, states, names, starred)
    axes.set_xticks(range(len(words)), words, rotation=60, ha="right", rotation_mode="anchor")
    axes.set(xlabel="token", title=title)
    return figure


def emission_columns(
    columns: Tensor, words: Sequence[str], names: Sequence[str], starred: Sequence[int] = ()
) -> Figure:
    """Draw emission columns side by side as a heat map, with a frame around some.

    Args:
        columns: Distributions over tokens, one per row, shape (n_columns, V).
        words: The V tokens.
        names: Name of each column.
        starred: Places of the columns to frame.

    Returns:
        The figure: tokens downwards, columns to the right.
    """
    n_columns, n_tokens = columns.shape
    size = (min(7.4, 2.2 + 0.36 * n_columns), min(7.0, 1.6 + 0.22 * n_tokens))
    figure, axes = plt.subplots(figsize=size)
    image = axes.imshow(columns.T.cpu().numpy(), vmin=0, vmax=1, aspect="auto", cmap="Greys")
    for place in starred:
        frame = Rectangle(
            (place - 0.5, -0.5), 1, n_tokens, fill=False, edgecolor=PALETTE[1].color, linewidth=2.4
        )
        frame.set_clip_on(False)
        axes.add_patch(frame)
    axes.set_xticks(range(n_columns), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=9)
    axes.set_yticks(range(n_tokens), words, fontsize=9)
    axes.set(xlabel="column of $W$", ylabel="token")
    axes.grid(visible=False)
    figure.colorbar(image, ax=axes, label="probability", fraction=0.05)
    return figure


def attention_over_text(
    words: Sequence[str],
    keys: Tensor,
    values: Tensor,
    margin: float,
    *,
    states: Tensor | None = None,
    names: Sequence[str] = (),
    starred: Sequence[int] = (),
    condition: str = "",
    tolerance: float = 1e-9,
) -> Figure:
    """Draw where an attention head looks in one text, and what it reads there.

    Args:
        words: The text.
        keys: The head's keys, shape (time,).
        values: The head's values, each divided by the probability of the token seen, shape (time,).
        margin: μᵀP[M_{j*} | x], which the values are to be compared with, drawn as a line.
        states: Chain state of each token, which the head does not see, shape (time,); not drawn if None.
        names: Name of each chain state.
        starred: Chain states that the head looks for.
        condition: What the margin is given, say "given ℳ*".
        tolerance: Keys this close to the largest count as equal to it.

    Returns:
        The figure: chain, keys and values from top to bottom; bars of the largest key are dark.
    """
    ratios, height = ([1, 1.2], 3.9) if states is None else ([1.2, 1, 1.2], 5.2)
    figure, panels = plt.subplots(
        len(ratios), 1, figsize=(6.8, height), sharex=True, gridspec_kw={"height_ratios": ratios}
    )
    if states is not None:
        _draw_states(panels[0], states, names, starred)
        panels[0].set_title("which cell is read, and as what (hidden)")
    upper, below = panels[-2:]
    best = (keys >= keys.max() - tolerance).cpu().numpy()
    for panel, heights in ((upper, keys), (below, values)):
        bars = panel.bar(range(len(words)), heights.cpu().numpy(), width=0.75, edgecolor="#444444")
        for bar, chosen in zip(bars, best, strict=True):
            bar.set_facecolor(PALETTE[0].color if chosen else _FAINT)
            bar.set_hatch("" if chosen else "////")
    upper.set(title="key: probability that it is one of those looked for", ylabel="key", ylim=(0, 1.08))
    line = PALETTE[1]
    label = f"margin of the text {condition}".rstrip()
    below.axhline(margin, color=line.color, linestyle=line.linestyle, label=label)
    below.axhline(0, color="#444444", linewidth=0.8)
    low, high = min(0.0, margin, float(values.min())), max(0.0, margin, float(values.max()))
    room = 0.08 * (high - low or 1.0)
    below.set(title="value, divided by $G_i(x)[x_i]$", ylabel="value", xlabel="token")
    below.set_ylim(low - room, high + 4.5 * room)
    below.legend(loc="upper right")
    slanted = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"} if max(map(len, words)) > 1 else {}
    below.set_xticks(range(len(words)), words, **slanted)
    return figure


def soft_attention(
    temperatures: Sequence[float], strays: Mapping[str, Tensor], moves: Sequence[Tensor]
) -> Figure:
    """Draw what softmax attention changes as its temperature grows, with bounds as thin lines.

    Args:
        temperatures: τ > 0.
        strays: Name of some texts and, for each, the share of attention outside of the best positions, and
            its bound, shape (2, n_temperatures).
        moves: For the same texts how far the output is from that of hard attention, and its bound, each of
            shape (2, n_temperatures).

    Returns:
        The figure: shares of attention on the left, outputs on the right.
    """
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.4), sharey=True)
    for panel, tables in zip(axes, (strays.values(), moves), strict=True):
        for name, table, line in zip(strays, tables, PALETTE, strict=False):
            known, most = table.clamp(min=_FLOOR / 10).cpu().numpy()
            panel.loglog(temperatures, known, label=name, **line._asdict())
            panel.loglog(temperatures, most, color=line.color, linestyle=line.linestyle, linewidth=0.9)
        panel.set(xlabel=r"temperature $\tau$", ylim=(_FLOOR, 1e2))
    axes[0].set(title=r"Attention outside of $\mathcal{I}$", ylabel="share, or deviation")
    axes[1].set(title="Deviation of the output")
    axes[0].legend(loc="lower right")
    return figure


_FLOOR = 1e-12


def deviation_against_bound(bounds: Tensor, deviations: Tensor) -> Figure:
    """Draw how far a head's values are from the margins against how far they may be.

    Args:
        bounds: P[H_i ∉ H* | x] at each position, shape (n,).
        deviations: How far the value there, divided by G_i(x)[x_i], is from the margin, in units of max|μ|,
            shape (n,).

    Returns:
        The figure, with the line on which the two are equal.
    """
    figure, axes = plt.subplots(figsize=(4.8, 3.6))
    dots = PALETTE[0]
    axes.plot(bounds.cpu().numpy(), deviations.cpu().numpy(), ".", color=dots.color, alpha=0.35, markersize=4)
    most = 1.03 * max(float(bounds.max()), 1e-12)
    line = PALETTE[1]
    axes.plot([0, most], [0, most], color=line.color, linestyle=line.linestyle, label="deviation = bound")
    axes.set(xlabel=r"$P[H_i \notin \mathcal{H}^* | x]$")
    axes.set(ylabel=r"deviation / $\max|\mu|$", xlim=(-0.02 * most, most), ylim=(-0.02 * most, most))
    axes.legend(loc="upper left")
    return figure


def _draw_states(axes: Axes, states: Tensor, names: Sequence[str], starred: Sequence[int]) -> None:
    """The chain as a step line, the first state on top; full markers for the starred states."""
    found = states.cpu().numpy()
    time, colour = np.arange(len(found)), PALETTE[0].color
    axes.plot(time, found, color=_FAINT, drawstyle="steps-mid", linewidth=1)
    chosen = np.isin(found, list(starred))
    axes.plot(time[chosen], found[chosen], "o", color=colour, markersize=6)
    axes.plot(time[~chosen], found[~chosen], "o", color=colour, markerfacecolor="white", markersize=6)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
