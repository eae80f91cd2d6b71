"""Figures of prompts that condition the memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from hmmlib.plotting._parts import spell
from hmmlib.plotting.style import PALETTE

_GREY = "#777777"


def memory_posteriors(
    without: Tensor, prompted: Tensor, tokens: Tensor, kept: Sequence[int], *, start: str = "∅"
) -> Figure:
    """Draw what a text reveals of a memory cell while it is read, without and with a prompt.

    Args:
        without: P[M | x_1, …, x_i] for i = 0 … T, shape (T + 1, |ℳ|).
        prompted: The same under the prompt, shape (T + 1, |ℳ|).
        tokens: The text, integers below 26, shape (T,).
        kept: Values that the prompt leaves; these are drawn in colour.
        start: What stands at the blank's place in the left panel; the prompt, u, stands there in the right.

    Returns:
        The figure: left without, right with the prompt.
    """
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.0), sharey=True)
    sides = (("without a prompt", without, start), ("with the prompt", prompted, "u"))
    for panel, (title, table, first) in zip(axes, sides, strict=True):
        columns, time = table.detach().cpu().numpy().T, np.arange(len(table))
        lines = cycle(PALETTE)
        for value, column in enumerate(columns):
            if value in kept:
                panel.plot(time, column, label=f"value {value}", **next(lines)._asdict())
            else:
                panel.plot(time, column, color=_GREY, linestyle=(0, (1, 1.2)), linewidth=1.3, zorder=1)
        panel.plot([], [], color=_GREY, linestyle=(0, (1, 1.2)), linewidth=1.3, label="weight zero")
        panel.set(title=title, xlabel="read so far", ylim=(-0.03, 1.03))
        panel.set_xticks(time, [first, *spell(tokens)])
    axes[0].set_ylabel("probability of the value")
    axes[1].legend(loc="best")
    return figure


def shares_recoverable(
    panels: Mapping[str, Mapping[str, Mapping[int, float]]], *, capacity: float | None = None
) -> Figure:
    """Draw the share of HMMs with a recoverable state against the number of values of a cell.

    Args:
        panels: For each panel's title, for each series' name: |ℳ| and the share, in [0, 1].
        capacity: V/|𝒮|, the largest number of values whose columns can all be independent; marked by a line
            if given.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(3.6 * len(panels), 3.0), sharey=True, squeeze=False)
    for panel, (title, series) in zip(axes[0], panels.items(), strict=True):
        for (name, shares), line in zip(series.items(), cycle(PALETTE), strict=False):
            panel.plot(list(shares), [100 * share for share in shares.values()], label=name, **line._asdict())
        if capacity is not None:
            panel.axvline(capacity, color=_GREY, linewidth=1)
            panel.text(capacity - 0.1, 20, "$V/|𝒮|$", ha="right", va="center", fontsize=9)
        panel.set(title=title, xlabel="values of the cell, |ℳ|", ylim=(-4, 104))
        panel.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set_ylabel("HMMs with a\nrecoverable state (%)")
    lines, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=len(lines))
    return figure


def forgetting(
    blanks: Sequence[int], measured: Sequence[float], bounds: Sequence[float], rate: float
) -> Figure:
    """Draw how the error of a prompt for one of several cells falls with the number of blanks.

    Args:
        blanks: Numbers of blanks, increasing.
        measured: Largest deviation over texts for each of them.
        bounds: What it cannot exceed, finite.
        rate: Second-largest modulus of the chain's eigenvalues, in (0, 1).

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    k = np.asarray(blanks)
    every = max(1, len(k) // 10)
    for name, series, line in (("bound", bounds, PALETTE[1]), ("measured", measured, PALETTE[0])):
        axes.semilogy(k, series, label=name, markevery=every, **line._asdict())
    slope = 5 * bounds[0] * rate ** (k - k[0])
    axes.semilogy(k, slope, color=_GREY, linestyle=":", label=f"slope of {rate:.2g}$^k$")
    axes.set(xlabel="blanks between prompt and text, $k$", ylabel="deviation from the margin")
    axes.legend(loc="lower left")
    return figure
