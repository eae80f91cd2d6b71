"""Figures of what is right before it is copied, and of what that foretells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from hmmlib.plotting._parts import legend_below
from hmmlib.plotting.style import PALETTE


def examples_over_steps(panels: Mapping[str, tuple[Sequence[int], Tensor, Tensor]]) -> Figure:
    """Draw how often each training example is answered rightly at each checkpoint, and when it is copied.

    Args:
        panels: For each title the steps, accuracies in [0, 1], and whether the trace is memorised, both of
            shape (checkpoints, examples), examples in the order in which they are drawn.

    Returns:
        The figure, one panel under the other: examples from left to right, checkpoints from top to bottom. A
        dot marks what is memorised.
    """
    rows = [len(steps) for steps, _, _ in panels.values()]
    figure, axes = plt.subplots(
        len(panels),
        1,
        figsize=(7.4, 0.9 + sum(0.45 + 0.26 * n for n in rows)),
        height_ratios=rows,
        squeeze=False,
    )
    for axis, (title, (steps, accuracies, memorised)) in zip(axes.flat, panels.items(), strict=True):
        shares = np.asarray(accuracies)
        image = axis.imshow(shares, vmin=0, vmax=1, aspect="auto")
        marked = np.asarray(memorised)
        # Dark dots on light ground, and light ones on dark.
        for dark in (False, True):
            row, column = np.nonzero(marked & ((shares < 0.5) == dark))
            dots = {"color": "white" if dark else "black", "marker": ".", "linestyle": "none"}
            axis.plot(column, row, markersize=3, **dots)
        axis.set_yticks(range(len(steps)), [str(step) for step in steps])
        axis.set(title=title, ylabel="steps")
        axis.grid(visible=False)
    axes[-1, 0].set_xlabel("training examples")
    figure.colorbar(image, ax=axes, label="right", fraction=0.03)
    return figure


def foretold_and_found(
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]], *, y_label: str
) -> Figure:
    """Draw accuracies that are found against those that were foretold, a dot for each run.

    Args:
        panels: For each title, what foretells, and for each kind of runs, predictions and what was found.
        y_label: What was found.

    Returns:
        The figure, one panel beside the other, with the line on which predictions are right.
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(0.8 + 2.5 * len(panels), 3.7), sharey=True, squeeze=False
    )
    for axis, (title, kinds) in zip(axes.flat, panels.items(), strict=True):
        axis.axline((0, 0), slope=1, color="#888888", linewidth=1, linestyle="-")
        for number, ((name, (predicted, found)), style) in enumerate(
            zip(kinds.items(), PALETTE, strict=False)
        ):
            face = "white" if number % 2 else style.color
            look = {"color": style.color, "marker": style.marker, "markerfacecolor": face}
            axis.plot(predicted, found, linestyle="none", label=name, **look)
        axis.set(title=title, xlabel="foretold", xlim=(-0.03, 1.03))
    axes[0, 0].set_ylabel(y_label)
    legend_below(figure, ncols=3)
    return figure


def worth_of_thresholds(
    panels: Mapping[str, Mapping[str, Mapping[float, Sequence[float]]]],
    *,
    own: Mapping[str, Mapping[str, float]] | None = None,
    lowest: float = -2.0,
) -> Figure:
    """Draw R² of what is foretold with each threshold, in several worlds.

    Args:
        panels: For each title, what the threshold is on, and for each world R² by threshold, one value for
            each seed. The line is their mean.
        own: For a title and a world, a threshold to mark: a vertical line in the world's style.
        lowest: R² at the lower edge; worse ones are outside.

    Returns:
        The figure, one panel beside the other.
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(0.8 + 3.2 * len(panels), 3.7), sharey=True, squeeze=False
    )
    for axis, (title, worlds) in zip(axes.flat, panels.items(), strict=True):
        for (name, values), style in zip(worlds.items(), PALETTE, strict=False):
            places = list(values)
            means = [float(np.mean(values[place])) for place in places]
            axis.plot(places, means, label=name, **style._asdict())
            for place in places:
                dots = {"color": style.color, "marker": style.marker, "markersize": 3, "alpha": 0.4}
                axis.plot([place] * len(values[place]), values[place], linestyle="None", **dots)
            mark = (own or {}).get(title, {}).get(name)
            if mark is not None:
                axis.axvline(mark, color=style.color, linestyle=style.linestyle, linewidth=1)
        axis.axhline(0, color="#888888", linewidth=0.8, linestyle="-")
        axis.set(xlabel=title, ylim=(lowest, 1.05))
    axes[0, 0].set_ylabel("$R^2$ about $y = x$")
    legend_below(figure)
    return figure
