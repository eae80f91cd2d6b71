"""Figures of what labels were lost to: `hmmlib.analysis.ladder`, and what goes with a loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from hmmlib.analysis import Ladder, Mean, Step
from hmmlib.plotting.style import PALETTE

_GREY = "#888888"
# Colour and hatching of each cause: told apart without colour too.
_CAUSES: dict[str, dict[str, Any]] = {
    "labels": {"color": "#cfcfcf", "hatch": ""},
    "emissions": {"color": PALETTE[0].color, "hatch": ""},
    "pretraining": {"color": PALETTE[1].color, "hatch": "////"},
    "recipe": {"color": PALETTE[2].color, "hatch": "...."},
    "network, tuning": {"color": PALETTE[3].color, "hatch": "xx"},
}
_OTHER = {"color": _GREY, "hatch": ""}
# Numbers above bars, on white: no line of the grid runs through them.
_NUMBER: dict[str, Any] = {
    "ha": "center",
    "fontsize": 9,
    "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.5},
}


def waterfall(ladders: Mapping[str, Sequence[Step]]) -> Figure:
    """Draw the way down from 100 percent, a bar for each step, one panel for each ladder.

    Args:
        ladders: Title of each panel, and its steps.

    Returns:
        The figure. The last bar of a panel is what is left; bars that go up are gains.
    """
    widths = [len(steps) + 1 for steps in ladders.values()]
    figure, axes = plt.subplots(
        1, len(ladders), figsize=(7.0, 3.3), sharey=True, squeeze=False, width_ratios=widths
    )
    lowest = min(min(step.start, step.end) for steps in ladders.values() for step in steps)
    for panel, (title, steps) in zip(axes[0], ladders.items(), strict=True):
        for place, step in enumerate(steps):
            panel.bar(place, -step.loss, 0.7, bottom=step.start, **_look(step.cause))
            panel.plot([place - 0.35, place + 1.35], [step.end] * 2, "-", color=_GREY, linewidth=1)
            top = max(step.start, step.end) + 0.6
            panel.text(place, top, _signed(step.end - step.start), **_NUMBER)
        left = steps[-1].end
        panel.bar(len(steps), left, 0.7, color="white", edgecolor="black")
        panel.text(len(steps), left + 0.6, f"{left:.1f}", **_NUMBER)
        names = [*(step.cause.replace(", ", ",\n") for step in steps), "left"]
        panel.set_xticks(
            range(len(names)), names, fontsize=8, rotation=30, ha="right", rotation_mode="anchor"
        )
        panel.set(title=title, ylim=(max(0.0, 10 * np.floor(lowest / 10 - 0.5)), 104))
        panel.grid(visible=False, axis="x")
    axes[0, 0].set_ylabel("labels right (%)")
    return figure


def _signed(points: float) -> str:
    """A change with its sign, to one decimal; nothing has none."""
    shown = round(points, 1)
    return f"{shown:+.1f}".replace("-", "−") if shown else "0"


def stacked_losses(panels: Mapping[str, tuple[Ladder, Mapping[int, Mean]]], xlabel: str) -> Figure:
    """Draw what each cause costs as signed stacked bars: losses upward from zero, gains downward.

    Args:
        panels: Title of each panel, its ladder, and for each size the means of the losses, one for each
            cause.
        xlabel: What the sizes are.

    Returns:
        The figure, two panels in a row; a dash on each bar marks the sum of losses and gains.
    """
    rows = -(-len(panels) // 2)
    columns = min(len(panels), 2)
    figure, axes = plt.subplots(rows, columns, figsize=(6.8, 0.7 + 2.0 * rows), sharey=True, squeeze=False)
    legend: dict[str, Any] = {}
    for panel, (title, (ladder, by_size)) in zip(axes.flat, panels.items(), strict=False):
        places = np.arange(len(by_size))
        losses = np.array([found.mean for found in by_size.values()])
        high, low = np.zeros(len(places)), np.zeros(len(places))
        for cause, values in zip(ladder.causes, losses.T, strict=True):
            up, down = np.maximum(values, 0), np.minimum(values, 0)
            legend[cause] = panel.bar(places, up, 0.7, bottom=high, **_look(cause))
            panel.bar(places, down, 0.7, bottom=low, **_look(cause))
            high, low = high + up, low + down
        for place, total in zip(places, losses.sum(1), strict=True):
            panel.plot([place - 0.42, place + 0.42], [total] * 2, "-", color="black", linewidth=2.2)
        panel.axhline(0, color="#444444", linewidth=1)
        panel.set_xticks(places, [str(size) for size in by_size])
        panel.set(title=title, xlabel=xlabel)
        panel.grid(visible=False, axis="x")
    for panel in axes.flat[len(panels) :]:
        panel.remove()
    for panel in axes[:, 0]:
        panel.set_ylabel("labels lost (points)")
    figure.legend(legend.values(), legend.keys(), loc="outside upper center", ncols=5)
    return figure


def _look(cause: str) -> dict[str, Any]:
    return {"edgecolor": "white", "linewidth": 0.6, **_CAUSES.get(cause, _OTHER)}


def points_by_size(series: Mapping[str, Mean], sizes: Sequence[int], ylabel: str) -> Figure:
    """Draw means with their intervals, side by side for each number of states.

    Args:
        series: Name of each series, and its means, one for each size; four at most.
        sizes: Numbers H of states.
        ylabel: What is measured.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(figsize=(6.6, 3.4))
    groups = np.arange(len(sizes))
    shifts = np.linspace(-0.24, 0.24, len(series)) if len(series) > 1 else [0.0]
    for (name, found), line, shift in zip(series.items(), PALETTE, shifts, strict=False):
        style: dict[str, Any] = {"color": line.color, "marker": line.marker, "linestyle": "none"}
        axes.errorbar(groups + shift, found.mean, found.interval, label=name, capsize=3, **style)
    if min(np.min(found.mean) for found in series.values()) < 50:
        axes.axhline(0, color="#444444", linewidth=1)
    for between in groups[1:] - 0.5:
        axes.axvline(between, color="#e4e4e4", linewidth=0.8)
    axes.set_xticks(groups, [str(size) for size in sizes])
    axes.set(xlabel="hidden states $H$", ylabel=ylabel, xlim=(-0.5, len(groups) - 0.5))
    axes.grid(visible=False, axis="x")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def scatter_panels(
    panels: Mapping[str, tuple[ArrayLike, ArrayLike]],
    sizes: Sequence[int],
    ylabel: str,
    logarithmic: Sequence[str] = (),
) -> Figure:
    """Draw one quantity against others, a marker for each machine and a kind of marker for each size.

    Args:
        panels: Label of each horizontal axis, with its values and those of the vertical axis, one for each
            machine.
        sizes: Number of states of each machine; six different ones at most.
        ylabel: Label of the vertical axis.
        logarithmic: The horizontal axes that are logarithmic.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(6.8 if len(panels) > 1 else 5.2, 3.2), sharey=True, squeeze=False
    )
    different = sorted(set(sizes))
    shades = plt.colormaps["viridis"](np.linspace(0, 0.88, len(different)))
    for panel, (label, (x, y)) in zip(axes[0], panels.items(), strict=True):
        across, up = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        for size, marker, shade in zip(different, "osD^vP", shades, strict=False):
            chosen = np.asarray(sizes) == size
            panel.plot(
                across[chosen], up[chosen], marker, color=shade, alpha=0.75, markersize=5, label=f"{size}"
            )
        panel.set_xlabel(label)
        if label in logarithmic:
            panel.set_xscale("log")
    axes[0, 0].set_ylabel(ylabel)
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right upper", title="$H$")
    return figure


def deviations_by_spread(panels: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draw by how much a head's value changes from one model to another, and what bounds it.

    Args:
        panels: Title of each panel, and its series: 'spread' of the heads' weights, the horizontal axis, and
            others drawn against it; four at most.

    Returns:
        The figure, with logarithmic axes.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(6.4, 2.9), squeeze=False, sharey=True)
    for panel, (title, series) in zip(axes[0], panels.items(), strict=True):
        others = {name: values for name, values in series.items() if name != "spread"}
        for (name, values), line in zip(others.items(), PALETTE, strict=False):
            panel.loglog(series["spread"], values, label=name, **line._asdict())
        panel.set(title=title, xlabel="spread of the head's weights")
    axes[0, 0].set_ylabel("change of the head's value")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def along_training(cells: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the accuracy of head and prompt against the KL of a network, stopped on its way.

    Args:
        cells: Records of `hmmlib.experiments.half_trained.half_trained_cell`, a panel for each.

    Returns:
        The figure, two panels in a row; training goes to the right, where the KL is small. Thin lines: the
        same on the exact model. Grey: the more frequent label.
    """
    rows = -(-len(cells) // 2)
    figure, axes = plt.subplots(
        rows, min(len(cells), 2), figsize=(6.4, 0.6 + 1.9 * rows), sharey=True, squeeze=False
    )
    for panel, cell in zip(axes.flat, cells, strict=False):
        kl = [stop["blank_kl"] for stop in cell["stops"]]
        for method, line in zip(("head", "prompt"), PALETTE, strict=False):
            right = [100 * stop["methods"][f"learnt_{method}"]["test"] for stop in cell["stops"]]
            panel.plot(kl, right, label=method, **line._asdict())
            _level(panel, cell["exact"][f"exact_{method}"]["test"], line.color, line.linestyle)
        _level(panel, cell["exact"]["majority"]["test"], _GREY, "-")
        panel.set(
            title=f"$H = {cell['n_states']}$, seed {cell['seed']}",
            xscale="log",
            xlabel="KL at the blank (nats)",
        )
        panel.invert_xaxis()
    for panel in axes.flat[len(cells) :]:
        panel.remove()
    for panel in axes[:, 0]:
        panel.set_ylabel("labels right (%)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def _level(panel: Axes, share: float, color: str, linestyle: str) -> None:
    panel.axhline(100 * share, color=color, linestyle=linestyle, linewidth=0.9)


def quartiles(
    panels: Mapping[str, Mapping[str, ArrayLike]], counts: Sequence[int], xlabel: str, ylabel: str
) -> Figure:
    """Draw medians over machines, with bands from the lower to the upper quartile.

    Args:
        panels: Title of each panel, and the name and values of each series, shape (machines, counts); not a
            number where a machine has none.
        counts: The horizontal axis, logarithmic.
        xlabel: What they count.
        ylabel: What is measured.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(6.4, 2.8), sharey=True, squeeze=False)
    for panel, (title, series) in zip(axes[0], panels.items(), strict=True):
        for (name, values), line in zip(series.items(), PALETTE, strict=False):
            low, middle, high = np.nanquantile(np.asarray(values, dtype=float), [0.25, 0.5, 0.75], axis=0)
            panel.plot(counts, middle, label=name, **line._asdict())
            panel.fill_between(counts, low, high, color=line.color, alpha=0.15, linewidth=0)
        panel.set_xscale("log")
        panel.set_xticks(counts, [f"{count:,d}" for count in counts])
        panel.minorticks_off()
        panel.set(title=title, xlabel=xlabel)
    axes[0, 0].set_ylabel(ylabel)
    axes[0, 0].legend(loc="lower right")
    return figure
