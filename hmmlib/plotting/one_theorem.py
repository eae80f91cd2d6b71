"""The figure of *One theorem on one page*: which columns of W are left, and which of them are read."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

Case = tuple[str, ArrayLike, Sequence[str], Sequence[int], Sequence[int]]
"""A title; W, shape (V, n); a name for each column; the columns that are read; those that are removed."""


def columns_left(cases: Sequence[Case]) -> Figure:
    """Draw the emission columns of several cases: those read, those left but silent, those removed.

    Args:
        cases: For each panel its title, its columns W, shape (V, n), their names, and the indices of the
            columns that a head reads and of those that do not occur.

    Returns:
        The figure: darker squares are larger probabilities, framed columns are read, crossed ones removed.
    """
    rows = (len(cases) + 1) // 2
    figure, panels = plt.subplots(rows, 2, figsize=(7.2, 2.9 * rows), squeeze=False)
    for spare in panels.flat[len(cases) :]:
        spare.axis("off")
    for axes, (title, columns, names, read, removed) in zip(panels.flat, cases, strict=False):
        table: np.ndarray = np.asarray(columns, dtype=float)
        axes.imshow(table, cmap="Greys", vmin=0, vmax=1.4, aspect="auto")
        axes.grid(visible=False)
        for column in read:
            frame = Rectangle((column - 0.5, -0.5), 1, len(table), fill=False, linewidth=2.2)
            frame.set(edgecolor="black", clip_on=False)
            axes.add_patch(frame)
        for column in removed:
            for ends in ((-0.5, len(table) - 0.5), (len(table) - 0.5, -0.5)):
                axes.plot((column - 0.4, column + 0.4), ends, color="black", linestyle="-", linewidth=1)
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks([])
        axes.set_title(title, fontsize="medium")
    return figure


def certified_by_noise(sizes: ArrayLike, shares: dict[str, Sequence[float]]) -> Figure:
    """Draw the share of labels that a bound promises, and of those that are right, against noise.

    Args:
        sizes: Size of the noise, shape (n,).
        shares: Under each name, shares from 0 to 1, shape (n,).

    Returns:
        The figure, with a logarithmic axis of sizes.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    for name, share in shares.items():
        axes.plot(np.asarray(sizes), np.asarray(share), marker="o", label=name)
    axes.set(xscale="log", xlabel="weight of the random predictions", ylabel="share of texts")
    axes.set_ylim(-0.03, 1.03)
    axes.legend()
    return figure
