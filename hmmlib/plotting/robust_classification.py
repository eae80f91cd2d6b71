"""Figures of densities of vectors, and of classes told apart in noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from hmmlib.plotting._parts import mean_and_dots
from hmmlib.plotting.style import PALETTE


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


def margins_in_noise(margins: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draw by how much the right class is likelier than the best wrong one, as noise grows.

    Args:
        margins: For each model the mean logarithm of the ratio of the two, per vector, at each level.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    for (name, values), style in zip(margins.items(), PALETTE, strict=False):
        mean_and_dots(axes, name, values, style._asdict())
    axes.axhline(0, color="#444444", linewidth=1, linestyle="-")
    axes.set(xlabel="noise", ylabel="margin, nats per vector")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
