"""Figures of texts with a memory, and of the head that attends to where the memory is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from hmmlib.plotting.style import PALETTE

_FAINT = "#b9c6d3"


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
    states: Tensor,
    names: Sequence[str],
    keys: Tensor,
    values: Tensor,
    margin: float,
    starred: Sequence[int] = (),
    tolerance: float = 1e-9,
) -> Figure:
    """Draw where an attention head looks in one text, and what it reads there.

    Args:
        words: The text.
        states: Chain state of each token, which the head does not see, shape (time,).
        names: Name of each chain state.
        keys: The head's keys, shape (time,).
        values: The head's values, each divided by the probability of the token seen, shape (time,).
        margin: μᵀP[M_{j*} | x], drawn as a line.
        starred: Chain states that the head looks for.
        tolerance: Keys this close to the largest count as equal to it.

    Returns:
        The figure: chain, keys and values from top to bottom; bars of the largest key are dark.
    """
    figure, axes = plt.subplots(
        3, 1, figsize=(6.8, 5.2), sharex=True, gridspec_kw={"height_ratios": [1.2, 1, 1.2]}
    )
    _draw_states(axes[0], states, names, starred)
    axes[0].set_title("which cell is read, and as what (hidden)")
    best = (keys >= keys.max() - tolerance).cpu().numpy()
    for panel, heights in ((axes[1], keys), (axes[2], values)):
        bars = panel.bar(range(len(words)), heights.cpu().numpy(), width=0.75, edgecolor="#444444")
        for bar, chosen in zip(bars, best, strict=True):
            bar.set_facecolor(PALETTE[0].color if chosen else _FAINT)
            bar.set_hatch("" if chosen else "////")
    axes[1].set(title="key: probability that it is one of those looked for", ylabel="key", ylim=(0, 1.08))
    line = PALETTE[1]
    axes[2].axhline(margin, color=line.color, linestyle=line.linestyle, label="margin of the text")
    axes[2].axhline(0, color="#444444", linewidth=0.8)
    low, high = min(0.0, margin, float(values.min())), max(0.0, margin, float(values.max()))
    room = 0.08 * (high - low or 1.0)
    axes[2].set(title="value, divided by $G_i(x)[x_i]$", ylabel="value", xlabel="token")
    axes[2].set_ylim(low - room, high + 4.5 * room)
    axes[2].legend(loc="upper right")
    axes[2].set_xticks(range(len(words)), words, rotation=60, ha="right", rotation_mode="anchor")
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
