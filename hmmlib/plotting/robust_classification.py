"""Figures of densities of vectors, and of classes told apart in noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hmmlib.plotting.style import PALETTE

ByLevel = Mapping[str, Sequence[float]]
"""For each level of noise the values, one per seed."""


def densities_in_a_plane(
    densities: Mapping[str, np.ndarray], side: Sequence[float], points: Mapping[str, np.ndarray]
) -> Figure:
    """Draw densities of vectors of two coordinates, a panel for each.

    Args:
        densities: For each title the density on a grid, shape (n, n), rows along the second coordinate.
        side: The grid's coordinates, the same along both axes, shape (n,).
        points: Vectors to draw on top, by title, shape (m, 2); a title may have none.

    Returns:
        The figure; darker is denser, in each panel from its own largest value.
    """
    figure, axes = plt.subplots(2, (len(densities) + 1) // 2, figsize=(6.4, 5.6), squeeze=False)
    extent = (side[0], side[-1], side[0], side[-1])
    for axis, (title, table) in zip(axes.flat, densities.items(), strict=False):
        # The square root, so that thin and thick places can be seen at once.
        axis.imshow(np.sqrt(table), cmap="Greys", vmin=0, extent=extent, origin="lower")
        if title in points:
            style = {"linestyle": "none", "marker": ".", "markersize": 2, "color": PALETTE[1].color}
            axis.plot(*points[title].T, **style)
        axis.set(title=title, xlim=extent[:2], ylim=extent[2:])
        axis.grid(visible=False)
    for axis in axes[-1]:
        axis.set_xlabel("first coordinate")
    for axis in axes[:, 0]:
        axis.set_ylabel("second coordinate")
    return figure


def accuracy_in_noise(
    panels: Mapping[str, Mapping[str, ByLevel]], exact: Sequence[str], *, y_label: str = "accuracy"
) -> Figure:
    """Draw what each model reaches at each level of noise, a panel for each world.

    Args:
        panels: For each title the models by name, each with its values; the line is their mean, each value a
            dot.
        exact: Names of the models that are not fitted; they are drawn in grey.
        y_label: What the values are.

    Returns:
        The figure.
    """
    names = dict.fromkeys(name for models in panels.values() for name in models)
    fitted = [name for name in names if name not in exact]
    styles: dict[str, dict[str, Any]] = {
        name: style._asdict() for name, style in zip(fitted, PALETTE, strict=False)
    }
    for dots, name in enumerate(exact):
        styles[name] = {"color": "#666666", "linestyle": (0, (1, 1 + 2 * dots)), "marker": None}
    size = (2.0 + 2.2 * len(panels), 3.6)
    figure, axes = plt.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False)
    for axis, (title, models) in zip(axes.flat, panels.items(), strict=True):
        for name, values in models.items():
            _mean_and_dots(axis, name, values, styles[name])
        axis.set(title=title, xlabel="noise")
        axis.tick_params(axis="x", labelrotation=45)
    axes[0, 0].set_ylabel(y_label)
    found = {
        name: line for axis in axes.flat for line, name in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(found.values()), list(found), loc="outside lower center", ncols=2)
    return figure


def margins_in_noise(margins: Mapping[str, ByLevel]) -> Figure:
    """Draw by how much the right class is likelier than the best wrong one, as noise grows.

    Args:
        margins: For each model the mean logarithm of the ratio of the two, per vector, at each level.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    for (name, values), style in zip(margins.items(), PALETTE, strict=False):
        _mean_and_dots(axes, name, values, style._asdict())
    axes.axhline(0, color="#444444", linewidth=1, linestyle="-")
    axes.set(xlabel="noise", ylabel="margin, nats per vector")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _mean_and_dots(axis: Axes, name: str, values: ByLevel, style: dict[str, Any]) -> None:
    levels = list(values)
    axis.plot(levels, [float(np.mean(values[level])) for level in levels], label=name, **style)
    dots = {**style, "linestyle": "none", "marker": style["marker"] or ".", "markersize": 3, "alpha": 0.4}
    for level in levels:
        axis.plot([level] * len(values[level]), values[level], **dots)
