"""Figures of texts, of HMMs and of what a text reveals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from hmmlib.hmm import HMM
from hmmlib.plotting._parts import LETTERS, spell
from hmmlib.plotting.style import PALETTE


def graphical_model(length: int) -> Figure:
    """Draw what depends on what in an HMM: hidden states in a chain, and a token under each.

    Args:
        length: Number of states drawn, ≥ 2; the chain goes on.

    Returns:
        The figure: hidden states are white, tokens are shaded, and each arrow is named by its table.
    """
    figure, axes = plt.subplots(figsize=(1.5 * length + 1.6, 2.5))
    for step in range(length):
        for height, name, shade in ((1, "H", "white"), (0, "X", "#d9d9d9")):
            circle = Circle((step, height), 0.24, facecolor=shade, edgecolor="black", zorder=2)
            axes.add_patch(circle)
            axes.text(step, height, f"${name}_{step}$", ha="center", va="center", zorder=3)
        _arrow(axes, (step, 0.76), (step, 0.24), "$W$")
        _arrow(axes, (step - 0.76, 1), (step - 0.24, 1), "$A$" if step else r"$\pi_0$")
    _arrow(axes, (length - 0.76, 1), (length - 0.24, 1), "$A$")
    axes.text(length, 1, "…", ha="center", va="center")
    axes.set(xlim=(-0.9, length + 0.3), ylim=(-0.4, 1.5), aspect="equal")
    axes.axis("off")
    return figure


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], name: str) -> None:
    axes.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "color": "black", "shrinkA": 0, "shrinkB": 0}
    )
    across = start[1] == end[1]
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    axes.annotate(
        name,
        middle,
        (0, 4) if across else (4, 0),
        textcoords="offset points",
        ha="center" if across else "left",
        va="bottom" if across else "center",
    )


def text_with_states(
    tokens: Tensor, states: Tensor, words: Sequence[str] | None = None, names: Sequence[str] | None = None
) -> Figure:
    """Draw a text over the hidden states that wrote it.

    Args:
        tokens: Integers, shape (time,).
        states: The hidden states, shape (time,).
        words: What stands for each token; letters if None.
        names: What stands for each state, all of which are then on the axis; numbers if None.

    Returns:
        The figure. Words of several letters are written upwards.
    """
    figure, axes = plt.subplots(figsize=(6.4, 2.0 if words is None else 2.3))
    time = np.arange(len(states))
    axes.plot(
        time, states.cpu().numpy(), color=PALETTE[0].color, marker="o", drawstyle="steps-mid", linewidth=1
    )
    n_states = int(states.max()) + 1 if names is None else len(names)
    axes.set(xlabel="token", ylabel="hidden state")
    axes.set_yticks(range(n_states), [str(k) for k in range(n_states)] if names is None else list(names))
    shown = list(spell(tokens)) if words is None else [words[int(token)] for token in tokens]
    axes.set_xticks(time, shown, rotation=0 if max(map(len, shown)) == 1 else 90)
    axes.set_ylim(-0.4, n_states - 0.6)
    return figure


def parameter_maps(models: Sequence[HMM]) -> Figure:
    """Draw transition and emission probabilities of several models as heat maps.

    Args:
        models: The models, one column each.

    Returns:
        The figure: transitions above, emissions below.
    """
    figure, axes = plt.subplots(2, len(models), figsize=(2.3 * len(models), 4.4), squeeze=False)
    for (above, below), model in zip(axes.T, models, strict=True):
        above.imshow(model.transition.cpu().numpy(), vmin=0, vmax=1, aspect="auto")
        image = below.imshow(model.emission.cpu().numpy(), vmin=0, vmax=1, aspect="auto")
        above.set(title=f"$H = {model.n_states}$", xlabel="to state")
        below.set(xlabel="token")
        below.set_xticks(range(model.n_tokens), list(LETTERS[: model.n_tokens]), fontsize=8)
        for panel in (above, below):
            panel.grid(visible=False)
            panel.yaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set_ylabel("from state")
    axes[1, 0].set_ylabel("state")
    figure.colorbar(image, ax=axes, label="probability", fraction=0.04)
    return figure


def posterior_maps(tables: Mapping[str, Tensor], tokens: Tensor, states: Tensor | None = None) -> Figure:
    """Draw posteriors of the hidden state along a text, one heat map above the other.

    Args:
        tables: Title and probabilities of each map, shape (time, H).
        tokens: The text, shape (time,); a token of −1 is shown as a blank.
        states: The states that wrote it, shape (time,), marked by circles; not marked if None.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(len(tables), 1, figsize=(6.8, 1.75 * len(tables)), squeeze=False, sharex=True)
    for panel, (title, table) in zip(axes[:, 0], tables.items(), strict=True):
        image = panel.imshow(table.T.cpu().numpy(), vmin=0, vmax=1, aspect="auto")
        if states is not None:
            panel.plot(
                states.cpu().numpy(),
                "o",
                color="white",
                markerfacecolor="none",
                markersize=6,
                markeredgewidth=1.2,
            )
        panel.set(title=title, ylabel="state")
        panel.grid(visible=False)
    letters = ["∅" if int(token) < 0 else LETTERS[int(token)] for token in tokens]
    axes[-1, 0].set_xticks(range(len(letters)), letters)
    axes[-1, 0].set_xlabel("token")
    figure.colorbar(image, ax=axes, label="probability", fraction=0.04)
    return figure


def floor_against_states(rows: Mapping[int, Sequence[tuple[float, float]]]) -> Figure:
    """Draw, per number of states, each model's unigram entropy and Bayes floor, and their means.

    Args:
        rows: For each H, pairs (unigram entropy, Bayes floor) in nats, one per model.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    dot: dict[str, Any] = {"alpha": 0.35, "markersize": 3, "markeredgewidth": 0}
    for k, name in enumerate(("knows only how frequent tokens are", "knows everything: the Bayes floor")):
        means = [np.mean([row[k] for row in found]) for found in rows.values()]
        axes.plot(list(rows), means, label=name, **PALETTE[k]._asdict())
        for n_states, found in rows.items():
            singles = [row[k] for row in found]
            axes.plot([n_states] * len(found), singles, PALETTE[k].marker, color=PALETTE[k].color, **dot)
    axes.set(xlabel="hidden states $H$", ylabel="loss (nats per token)", ylim=(0, 2.4), xticks=list(rows))
    axes.legend(loc="center right")
    return figure
