"""Figures of language models with more and more states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from hmmlib.plotting.style import PALETTE

Curve = Mapping[int, Sequence[float]]
"""For each number of states the perplexities, one per seed."""


def perplexity_by_states(
    panels: Mapping[str, Mapping[str, Curve]], levels: Mapping[str, Mapping[str, float]]
) -> Figure:
    """Draw perplexities against the number of states, a panel for each source.

    Args:
        panels: For each title the series by name, of means with a dot for each seed.
        levels: For each title the models without states by name, drawn as horizontal lines.

    Returns:
        The figure; both axes are logarithmic.
    """
    names = dict.fromkeys(name for series in panels.values() for name in series)
    styles = dict(zip(names, PALETTE, strict=False))  # a name has one style in all panels
    figure, axes = plt.subplots(1, len(panels), figsize=(1.6 + 2.8 * len(panels), 3.6), squeeze=False)
    for axis, (title, series) in zip(axes.flat, panels.items(), strict=True):
        for name, curve in series.items():
            _with_dots(axis, name, curve, styles[name]._asdict())
        for number, (name, height) in enumerate(levels[title].items()):
            axis.axhline(height, color="#444444", linewidth=1, linestyle=(0, (1, 1 + number)))
            axis.annotate(
                name, (1, height), xycoords=("axes fraction", "data"), fontsize=8, ha="right", va="bottom"
            )
        axis.set(title=title, xlabel="states $H$", xscale="log", yscale="log")
        _plain(axis, sorted({n for curve in series.values() for n in curve}))
    axes[0, 0].set_ylabel("perplexity")
    found = {
        name: line for axis in axes.flat for line, name in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(found.values()), list(found), loc="outside lower center", ncols=2)
    return figure


def perplexity_by_seconds(points: Mapping[str, Sequence[tuple[float, float, str]]]) -> Figure:
    """Draw perplexities against the time that training took.

    Args:
        points: For each kind of model its points: CPU seconds, perplexity, a word beside it.

    Returns:
        The figure; both axes are logarithmic.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.8))
    for (name, some), style in zip(points.items(), PALETTE, strict=False):
        seconds, heights, words = zip(*some, strict=True)
        axes.plot(seconds, heights, label=name, **style._asdict())
        for x, y, word in zip(seconds, heights, words, strict=True):
            axes.annotate(word, (x, y), xytext=(5, 4), textcoords="offset points", fontsize=8)
    axes.set(xlabel="CPU seconds of training", ylabel="perplexity", xscale="log", yscale="log")
    axes.margins(0.12)
    _plain_heights(axes)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def blocked_matrices(transition: np.ndarray, emission: np.ndarray, classes: Sequence[int]) -> Figure:
    """Draw which entries of a small blocked HMM's matrices take part when one word follows another.

    Args:
        transition: Shape (H, H).
        emission: Of the dense HMM, shape (H, V), words in the order of their classes.
        classes: Class of each word in that order.

    Returns:
        The figure: transition on the left with lines between classes, emission on the right.
    """
    figure, axes = plt.subplots(
        1, 2, figsize=(6.8, 3.2), width_ratios=(transition.shape[1], emission.shape[1])
    )
    n_classes = max(classes) + 1
    k = len(transition) // n_classes
    for axis, table, title in ((axes[0], transition, "transition"), (axes[1], emission, "emission")):
        axis.imshow(table, cmap="Greys", vmin=0, aspect="auto")
        axis.grid(visible=False)
        axis.set(title=title, ylabel="state")
        for row in range(1, n_classes):
            axis.axhline(row * k - 0.5, color=PALETTE[1].color, linewidth=1, linestyle="-")
    for column in range(1, n_classes):
        axes[0].axvline(column * k - 0.5, color=PALETTE[1].color, linewidth=1, linestyle="-")
        edge = list(classes).index(column) - 0.5
        axes[1].axvline(edge, color=PALETTE[1].color, linewidth=1, linestyle="-")
    axes[0].set_xlabel("next state")
    axes[1].set_xlabel("word, class by class")
    return figure


def _with_dots(axis: Axes, name: str, curve: Curve, style: dict[str, Any]) -> None:
    sizes = sorted(curve)
    axis.plot(sizes, [float(np.mean(curve[n])) for n in sizes], label=name, **style)
    dots = style | {"linestyle": "none", "markersize": 3, "alpha": 0.4}
    for n in sizes:
        axis.plot([n] * len(curve[n]), curve[n], **dots)


def _plain(axis: Axes, sizes: Sequence[int]) -> None:
    axis.set_xticks(sizes, [str(n) for n in sizes], fontsize=8)
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.tick_params(axis="x", which="minor", length=0)
    _plain_heights(axis)


def _plain_heights(axis: Axes) -> None:
    axis.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axis.yaxis.set_minor_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axis.tick_params(axis="y", which="minor", labelsize=8)
