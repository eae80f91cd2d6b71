"""Figures of questions that are answered from documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from hmmlib.plotting.style import PALETTE


def against_documents(
    curves: Mapping[tuple[str, float], tuple[Sequence[float], Sequence[float]]], sizes: Sequence[int]
) -> Figure:
    """Draw how good answers are when they are taken from few or many documents.

    Args:
        curves: By law and noise, at each size: right answers in percent, and nats of the right answer.
        sizes: Numbers of documents.

    Returns:
        The figure: right answers on the left, nats on the right. A colour for each noise; lines of the first
        law are solid, of the second dashed.
    """
    laws = list(dict.fromkeys(law for law, _ in curves))
    noises = list(dict.fromkeys(noise for _, noise in curves))
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.6))
    for (law, noise), both in curves.items():
        style = PALETTE[noises.index(noise)]
        look = {"color": style.color, "marker": style.marker, "linestyle": "-" if law == laws[0] else "--"}
        for axis, values in zip(axes, both, strict=True):
            axis.plot(sizes, values, label=f"{law}, ε = {noise:g}", **look)
    for axis, label in zip(axes, ("right answers, %", "nats of the right answer"), strict=True):
        axis.set_xscale("log", base=2)
        axis.set_xticks(sizes, [f"{size}" for size in sizes])
        axis.set(xlabel="documents $k$", ylabel=label)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def swaps(panels: Mapping[str, np.ndarray]) -> Figure:
    """Draw what is answered before and after everything was written anew.

    Args:
        panels: For each title the right answers in percent, shape (2, 2): rows are what is true, columns what
            the documents say, the old first.

    Returns:
        The figure, a square of four numbers for each title; darker is more.
    """
    n_rows = -(-len(panels) // 4)
    n_columns = -(-len(panels) // n_rows)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(0.6 + 1.75 * n_columns, 0.4 + 2.0 * n_rows), squeeze=False
    )
    for axis, (title, table) in zip(axes.flat, panels.items(), strict=False):
        axis.imshow(table, cmap="Greys", vmin=0, vmax=100)
        for (row, column), value in np.ndenumerate(table):
            dark = {"color": "white" if value > 55 else "black"}
            axis.text(column, row, f"{value:.0f}", ha="center", va="center", **dark)
        axis.set_title(title, fontsize=9)
        axis.set_xticks([0, 1], ["old", "new"])
        axis.set_yticks([0, 1], ["old", "new"])
        axis.grid(visible=False)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis in axes[-1]:
        axis.set_xlabel("documents")
    for axis in axes[:, 0]:
        axis.set_ylabel("truth")
    return figure
