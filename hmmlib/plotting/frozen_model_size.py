"""Figures of how the risk of a head depends on the size of the frozen model under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from hmmlib.plotting._parts import legend_below
from hmmlib.plotting.style import PALETTE


class RiskCurve(NamedTuple):
    """Risks by the number of features.

    Attributes:
        theory: Sizes, and the mean risk that theory gives; infinite ones are left out.
        drawn: Sizes, and risks of heads fitted to drawn examples, shape (sizes, draws).
        levels: Risks that do not depend on the size, by name.
    """

    theory: tuple[Sequence[int], Sequence[float]]
    drawn: tuple[Sequence[int], np.ndarray]
    levels: Mapping[str, float]


def risk_by_size(panels: Mapping[str, RiskCurve], n: int, *, x_label: str = "features $p$") -> Figure:
    """Draw risks against the number of features, by theory and as they came out.

    Args:
        panels: A curve for each title.
        n: Number of examples; a vertical line marks as many features.
        x_label: What the sizes are.

    Returns:
        The figure, one panel beside the other: theory as a line, medians of the draws as dots with their
        middle half as a bar.
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(1.0 + 2.5 * len(panels), 3.8), sharey=True, squeeze=False
    )
    for axis, (title, curve) in zip(axes.flat, panels.items(), strict=True):
        sizes, risks = (np.asarray(values, dtype=float) for values in curve.theory)
        risks = np.where(np.isfinite(risks), risks, np.nan)
        axis.plot(sizes, risks, color=PALETTE[0].color, linestyle="-", label="theory, mean")
        tried, draws = curve.drawn
        low, middle, high = np.quantile(draws, (0.25, 0.5, 0.75), axis=1)
        style = {"color": PALETTE[1].color, "marker": "s", "markersize": 4, "linestyle": "none"}
        axis.errorbar(tried, middle, (middle - low, high - middle), label="drawn, median", **style)
        for dots, (name, level) in enumerate(curve.levels.items()):
            look = {"color": "#666666", "linestyle": (0, (1, 1 + 2 * dots)), "linewidth": 1.4}
            axis.axhline(level, label=name, **look)
        axis.axvline(n, color="#bbbbbb", linewidth=1)
        axis.set(title=title, xlabel=x_label, xscale="log", yscale="log")
    axes[0, 0].set_ylabel("risk")
    legend_below(figure)
    return figure


def regions_found(
    signals: Sequence[float],
    noises: Sequence[float],
    found: Sequence[Sequence[str]],
    borders: Mapping[str, tuple[Sequence[float], Sequence[float]]],
) -> Figure:
    """Draw which size is best, over how clear labels and features are.

    Args:
        signals: Ratios of signal to noise in the labels.
        noises: Standard deviations of the features' noise.
        found: What is the case, by name, for each noise and signal, shape (noises, signals).
        borders: Lines by name: noises, and the ratio at which theory changes its mind.

    Returns:
        The figure, a marker for each point of the grid.
    """
    figure, axis = plt.subplots(figsize=(6.4, 4.2))
    names = sorted({name for row in found for name in row})
    for name, style in zip(names, PALETTE, strict=False):
        points = [
            (signal, noise)
            for noise, row in zip(noises, found, strict=True)
            for signal, one in zip(signals, row, strict=True)
            if one == name
        ]
        across, up = zip(*points, strict=True)
        axis.plot(across, up, linestyle="none", marker=style.marker, color=style.color, label=name)
    for dots, (name, (heights, ratios)) in enumerate(borders.items()):
        axis.plot(
            ratios, heights, color="#444444", linestyle=(0, (1 + 4 * dots, 2)), linewidth=1.3, label=name
        )
    axis.set(xlabel="signal to noise in the labels", ylabel=r"noise of the features $\sigma_u$")
    axis.set(xscale="log", yscale="log", xlim=(0.8 * min(signals), 1.25 * max(signals)))
    axis.set_ylim(0.8 * min(noises), 1.25 * max(noises))
    for lines in (axis.xaxis, axis.yaxis):  # plain numbers in place of powers
        lines.set_major_locator(LogLocator(10, (1, 2, 5)))
        lines.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        lines.set_minor_locator(NullLocator())
    legend_below(figure)
    return figure


def trained_sizes(panels: Mapping[str, Mapping[str, Mapping[int, Sequence[float]]]], n: int) -> Figure:
    """Draw risks of heads on trained models of several widths.

    Args:
        panels: For each title and kind of head, the risks at each width, one for each HMM.
        n: Number of examples; a vertical line marks as many features.

    Returns:
        The figure, one panel beside the other; lines are geometric means, dots the risks.
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(1.0 + 3.0 * len(panels), 3.8), sharey=True, squeeze=False
    )
    for axis, (title, kinds) in zip(axes.flat, panels.items(), strict=True):
        for (name, risks), style in zip(kinds.items(), PALETTE, strict=False):
            means = [float(np.exp(np.mean(np.log(values)))) for values in risks.values()]
            axis.plot(list(risks), means, label=name, **style._asdict())
            for width, values in risks.items():
                dots = {"color": style.color, "marker": style.marker, "markersize": 3, "alpha": 0.5}
                axis.plot([width] * len(values), values, linestyle="None", **dots)
        axis.axvline(n, color="#bbbbbb", linewidth=1)
        axis.set(title=title, xlabel="width", xscale="log", yscale="log")
    axes[0, 0].set_ylabel("risk")
    legend_below(figure, ncols=3)
    return figure
