"""Figures of readers that find spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from hmmlib.plotting._parts import legend_below
from hmmlib.plotting.style import PALETTE


def places_found(
    panels: Mapping[str, Mapping[str, Sequence[float] | Tensor]], words: Sequence[str]
) -> Figure:
    """Draw how probable it is that a place of a context belongs to the answer.

    Args:
        panels: For each title, what each reader says of every place, by the reader's name.
        words: The context's words, which are written at the places.

    Returns:
        The figure, a panel below the other.
    """
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(7.2, 0.7 + 1.5 * len(panels)), sharex=True, sharey=True, squeeze=False
    )
    for axis, (title, readers) in zip(axes.flat, panels.items(), strict=True):
        width = 0.8 / len(readers)
        for number, ((name, probs), style) in enumerate(zip(readers.items(), PALETTE, strict=False)):
            places = np.arange(len(words)) + width * (number - (len(readers) - 1) / 2)
            axis.bar(places, np.asarray(probs), width, label=name, color=style.color)
        axis.set(title=title, ylabel="probability", ylim=(0, 1.05))
    axes[-1, 0].set_xticks(range(len(words)), words, fontsize=8)
    axes[-1, 0].set_xlabel("words of the context")
    legend_below(figure, ncols=len(PALETTE))
    return figure


def learning_curves(
    panels: Mapping[str, Mapping[str, Sequence[tuple[Sequence[float], Sequence[float]]]]],
    levels: Mapping[str, float],
    *,
    y_label: str,
) -> Figure:
    """Draw what readers reach as they learn, a line for each seed.

    Args:
        panels: For each title and each start, the steps and what was reached after them, for every seed.
        levels: What is reached without learning, by name.
        y_label: What is reached.

    Returns:
        The figure, one panel beside the other on one scale.
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(1.0 + 3.2 * len(panels), 3.6), sharey=True, squeeze=False
    )
    for axis, (title, starts) in zip(axes.flat, panels.items(), strict=True):
        for (name, seeds), style in zip(starts.items(), PALETTE, strict=False):
            for number, (steps, values) in enumerate(seeds):
                look = {"color": style.color, "linestyle": style.linestyle, "linewidth": 1.2}
                axis.plot(steps, values, label=None if number else name, **look)
        for dots, (name, level) in enumerate(levels.items()):
            axis.axhline(level, color="#666666", linestyle=(0, (1, 1 + 2 * dots)), label=name)
        axis.set(title=title, xlabel="steps of retrofitting")
    axes[0, 0].set_ylabel(y_label)
    legend_below(figure)
    return figure


def reliability(panels: Mapping[str, Mapping[str, tuple[Tensor, Tensor]]], n_bins: int = 8) -> Figure:
    """Draw how often what is said to have some probability happens.

    Args:
        panels: For each title and reader: the probabilities that it gave, shape (n,), and whether what it
            spoke of was so, booleans of the same shape.
        n_bins: Bins of as many statements each, or nearly.

    Returns:
        The figure; a reader that is right about its doubt lies on the diagonal.
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(1.0 + 2.8 * len(panels), 3.6), sharey=True, squeeze=False
    )
    for axis, (title, readers) in zip(axes.flat, panels.items(), strict=True):
        axis.plot([0, 1], [0, 1], color="#888888", linewidth=1, linestyle="-")
        for (name, (probs, so)), style in zip(readers.items(), PALETTE, strict=False):
            order = probs.argsort()
            said, seen = (
                [float(part.mean()) for part in values.double()[order].tensor_split(n_bins)]
                for values in (probs, so)
            )
            axis.plot(said, seen, label=name, **style._asdict())
        axis.set(title=title, xlabel="probability said", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes[0, 0].set_ylabel("share that is so")
    legend_below(figure)
    return figure
