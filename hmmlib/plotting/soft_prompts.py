"""Figures of soft prompts: what they do to the prior, to what the model shows, and to the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from matplotlib.patheffects import withStroke
from torch import Tensor

from hmmlib.plotting._parts import CORNERS, draw_simplex, zero_line
from hmmlib.plotting.style import PALETTE


def prompt_before_the_blank(n_tokens: int) -> Figure:
    """Draw what depends on what in (u, ∅, x): a prompt, the blank that a head reads, and the text.

    Args:
        n_tokens: Number of tokens of the text drawn, ≥ 1; the text goes on.

    Returns:
        The figure: hidden states in a chain above, and below each what the model is fed there.
    """
    names = ["u", r"\varnothing", *(f"{i + 1}" for i in range(n_tokens))]
    fed = ["$u$", "∅", *(f"$x_{i + 1}$" for i in range(n_tokens))]
    figure, axes = plt.subplots(figsize=(1.3 * len(names) + 1.4, 3.1))
    for place, (name, below) in enumerate(zip(names, fed, strict=True)):
        axes.add_patch(Circle((place, 1), 0.24, facecolor="white", edgecolor="black", zorder=2))
        axes.text(place, 1, f"$H_{{{name}}}$", ha="center", va="center", zorder=3)
        style = {0: {"facecolor": "#fbe3d0", "edgecolor": PALETTE[1].color, "linewidth": 2.2}}
        style[1] = {"facecolor": "white", "edgecolor": "black", "linestyle": "--"}
        plain = {"facecolor": "#d9d9d9", "edgecolor": "black"}
        axes.add_patch(Rectangle((place - 0.24, -0.24), 0.48, 0.48, zorder=2, **style.get(place, plain)))
        axes.text(place, 0, below, ha="center", va="center", zorder=3)
        _arrow(axes, (place - 0.76, 1), (place - 0.24, 1), "$A$" if place else r"$\pi_0$")
        if place != 1:
            _arrow(axes, (place, 0.24), (place, 0.76), "" if place else "$u_h$")
    _arrow(axes, (1, 0.76), (1, 0.24), "$W$")
    _arrow(axes, (1, -0.24), (1, -0.72), r"$\overline{G}_\varnothing$")
    axes.text(1, -0.78, "head", ha="center", va="top")
    _arrow(axes, (len(names) - 0.76, 1), (len(names) - 0.24, 1), "$A$")
    axes.text(len(names), 1, "…", ha="center", va="center")
    axes.set(xlim=(-0.9, len(names) + 0.3), ylim=(-1.1, 1.5), aspect="equal")
    axes.axis("off")
    return figure


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], name: str) -> None:
    style = {"arrowstyle": "-|>", "color": "black", "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style)
    across = start[1] == end[1]
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    ha, va, offset = ("center", "bottom", (0, 4)) if across else ("left", "center", (4, 0))
    axes.annotate(name, middle, offset, textcoords="offset points", ha=ha, va=va)


def prior_under_prompt(initial: Tensor, prompt: Tensor, prior: Tensor, weighed: Sequence[int] = ()) -> Figure:
    """Draw the prior of the state under the blank without a prompt, the prompt, and the prior with it.

    Args:
        initial: π₀, shape (H,).
        prompt: One prompt vector u, shape (H,).
        prior: ρ, shape (H,).
        weighed: States that the task weighs; their bars are full, the others hatched.

    Returns:
        The figure, one panel each. A state that is switched off has a cross instead of a bar.
    """
    n_states = len(initial)
    figure, axes = plt.subplots(1, 3, figsize=(7.2, 2.5))
    titles = (r"no prompt: $\pi_0$", "prompt: $u$", r"with the prompt: $\rho$")
    labels = ("probability", "entry", "probability")
    for panel, heights, title, label in zip(axes, (initial, prompt, prior), titles, labels, strict=True):
        values = heights.cpu().numpy()
        bars = panel.bar(range(n_states), values, width=0.7, edgecolor=PALETTE[0].color)
        for state, bar in enumerate(bars):
            plain = panel is axes[1] or state in weighed
            bar.set_facecolor(PALETTE[0].color if plain else "white")
            bar.set_hatch("" if plain else "////")
        off = np.flatnonzero(values == 0)
        panel.plot(off, np.full(len(off), 0.03 * values.max()), "x", color=PALETTE[1].color, markersize=6)
        panel.set(title=title, xlabel="state", ylabel=label, ylim=(-0.02 * values.max(), 1.12 * values.max()))
        panel.set_xticks(range(0, n_states, 1 + n_states // 10))
        panel.set_xlim(-0.6, n_states - 0.4)
    return figure


def token_probs_with_prompt(
    plain: Tensor, prompted: Tensor, labels: Tensor, columns: Tensor, reached: Sequence[int], head: Tensor
) -> Figure:
    """Draw what a model with three tokens shows at the blank, without and with a prompt.

    Args:
        plain: Ḡ at the blank without the prompt, shape (batch, 3).
        prompted: Ḡ at the blank with it, shape (batch, 3).
        labels: 0 or 1, shape (batch,).
        columns: The columns of W, one row per state, shape (H, 3).
        reached: States that the prompt leaves under the blank.
        head: Weights b of the head that goes with the prompt, shape (3,).

    Returns:
        The figure: without the prompt on the left, with it and the head's line on the right.
    """
    figure, axes = plt.subplots(1, 2, figsize=(6.8, 3.3))
    panels = (
        (plain, range(len(columns)), "without a prompt"),
        (prompted, reached, "with the prompt"),
    )
    for panel, (probs, states, title) in zip(axes, panels, strict=True):
        draw_simplex(panel, title, "token")
        for label, (marker, line) in enumerate(zip("sD", PALETTE, strict=False)):
            flat = probs[labels == label].cpu().numpy() @ CORNERS
            panel.plot(*flat.T, marker, color=line.color, alpha=0.45, markersize=3.2, label=f"label {label}")
        kept = list(states)
        corners = columns[kept].cpu().numpy() @ CORNERS
        panel.plot(*corners.T, "o", color="black", markerfacecolor="white", markersize=6)
        middle = corners.mean(0)
        for state, corner in zip(kept, corners, strict=True):
            away = corner - middle
            shift = 0.075 * away / max(float(np.hypot(*away)), 1e-9)
            if float(np.hypot(*away)) < 0.12:  # in the midst of the others
                shift = np.array([0.0, 0.075])
            number = panel.text(*(corner + shift), str(state), ha="center", va="center", fontsize=9)
            number.set_path_effects([withStroke(linewidth=3, foreground="white")])
    axes[1].plot(*zero_line(head.cpu().numpy()).T, "-", color="black", linewidth=1.2)
    axes[0].legend(loc="upper left")
    return figure


def assumption_shares(counts: Sequence[int], series: Mapping[str, Sequence[float]]) -> Figure:
    """Draw how many random HMMs satisfy an assumption, against the number of states weighed.

    Args:
        counts: Numbers of states that the task weighs.
        series: Name and shares in [0, 1], one per number.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    for (name, shares), line in zip(series.items(), PALETTE, strict=False):
        axes.plot(counts, [100 * share for share in shares], label=name, **line._asdict())
    axes.set(xlabel="states that the task weighs", ylabel="HMMs (%)", ylim=(-3, 103), xticks=list(counts))
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 0.06))
    return figure
