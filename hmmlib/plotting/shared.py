"""Figures that several chapters draw: means over seeds, labels that turn twice, maps of KL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from torch import Tensor

from hmmlib.plotting._parts import LEAST_KL, legend_below, mean_and_dots
from hmmlib.plotting.style import PALETTE


def accuracy_by_states(series: Mapping[str, Mapping[int, Sequence[float]]], n_tokens: int) -> Figure:
    """Draw accuracies of many models per number of states: the mean of each series, and the first's dots.

    Args:
        series: Name of each series and, for each H, its accuracies in [0, 1], one per model.
        n_tokens: V; a vertical line marks H = V.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    for (name, table), line in zip(series.items(), PALETTE, strict=False):
        means = [100 * float(np.mean(values)) for values in table.values()]
        axes.plot(list(table), means, label=name, **line._asdict())
    first = next(iter(series.values()))
    for n_states, values in first.items():
        dots = [100 * value for value in values]
        axes.plot([n_states] * len(dots), dots, ".", color=PALETTE[0].color, alpha=0.35)
    axes.axvline(n_tokens, color="#888888", linewidth=1)
    axes.text(n_tokens, 102.5, "$H = V$", ha="center", va="bottom", fontsize=9)
    axes.set(xlabel="hidden states $H$", ylabel="labels right (%)", ylim=(0, 102), xticks=list(first))
    axes.legend(loc="lower left")
    return figure


def means_over_seeds(
    panels: Mapping[str, Mapping[str, Mapping[Any, Sequence[float]]]],
    exact: Sequence[str] = (),
    *,
    x_label: str,
    y_label: str,
) -> Figure:
    """Draw what several models reach at each value of a setting, a panel for each world.

    Args:
        panels: For each title the models by name: for each value of the setting, a number or a word, what is
            reached, one value for each seed. The line is their mean, each value a dot.
        exact: Names of the models that are not fitted; they are drawn in grey.
        x_label: What the setting is.
        y_label: What is reached.

    Returns:
        The figure; the panels have one scale of what is reached.
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
            mean_and_dots(axis, name, values, styles[name])
            if len(values) > 5 and any(isinstance(value, str) for value in values):  # no room for words
                axis.tick_params(axis="x", labelrotation=45)
        axis.set(title=title, xlabel=x_label)
    axes[0, 0].set_ylabel(y_label)
    legend_below(figure)
    return figure


def turning_labels(
    counts: Sequence[int], margins: Sequence[float], shown: Tensor, *, x_label: str, y_labels: Sequence[str]
) -> Figure:
    """Draw margins that change sign twice beside what a model shows, which only ever moves one way.

    Args:
        counts: How often the token a stands in each text, increasing.
        margins: Margin of each text.
        shown: Probability of a that the model shows, one row per prompt, shape (n_prompts, n_texts); the
            first row is without a prompt.
        x_label: What the counts are.
        y_labels: What the margins, and the probabilities shown, are.

    Returns:
        The figure: margins on the left, probabilities on the right; full markers have label 1.
    """
    figure, axes = plt.subplots(1, 2, figsize=(7.0, 3.0))
    ours, others = PALETTE[0].color, PALETTE[1].color
    for row in shown[1:].cpu().numpy():
        axes[1].plot(counts, row, color=others, linewidth=0.8, linestyle="-", alpha=0.45)
    titles = ("The label turns twice", "What is shown moves one way")
    heights = (np.asarray(margins), shown[0].cpu().numpy())
    full = heights[0] >= 0
    for panel, title, y_label, curve in zip(axes, titles, y_labels, heights, strict=True):
        panel.plot(counts, curve, color=ours, linewidth=1)
        for label, face in ((1, ours), (0, "white")):
            kept = full == bool(label)
            style = {"color": ours, "markerfacecolor": face, "linestyle": "none", "marker": "o"}
            panel.plot(np.asarray(counts)[kept], curve[kept], label=f"label {label}", **style)
        panel.set(title=title, xlabel=x_label, ylabel=y_label)
        panel.xaxis.get_major_locator().set_params(integer=True)
    axes[0].axhline(0, color="#444444", linewidth=0.8)
    axes[0].legend(loc="best")
    if len(shown) > 1:
        axes[1].plot([], [], "-o", color=ours, linewidth=1, label="no prompt")
        axes[1].plot([], [], color=others, linewidth=0.8, linestyle="-", label="prompts")
        lines = axes[1].get_legend_handles_labels()[0][-2:]
        figure.legend(handles=lines, loc="outside lower right", ncols=2)
    return figure


def kl_maps(panels: Mapping[str, Mapping[str, Mapping[str, float]]], *, rows: str, columns: str) -> Figure:
    """Draw tables of KL as heat maps on one logarithmic scale, with their numbers in them.

    Args:
        panels: For each title the KL in nats, by row and by column; a row may lack columns.
        rows: What the rows are.
        columns: What the columns are.

    Returns:
        The figure, one panel beside the other, in thousandths of a nat.

    Raises:
        ValueError: No number at all.
    """
    found = [kl for panel in panels.values() for row in panel.values() for kl in row.values()]
    if not found:
        raise ValueError("panels: expected at least one number, got none")
    names = {
        title: list(dict.fromkeys(c for row in panel.values() for c in row))
        for title, panel in panels.items()
    }
    widths = [len(columns) for columns in names.values()]
    height = 0.9 + 0.36 * max(len(panel) for panel in panels.values())
    figure, axes = plt.subplots(
        1, len(panels), figsize=(1.6 + 0.56 * sum(widths), height), width_ratios=widths, squeeze=False
    )
    least = max(min(found), LEAST_KL)
    scale = LogNorm(least, max(max(found), 2 * least))
    for axis, (title, panel) in zip(axes.flat, panels.items(), strict=True):
        table = np.array([[row.get(name, np.nan) for name in names[title]] for row in panel.values()])
        image = axis.imshow(np.maximum(table, least), norm=scale, aspect="auto")
        for (i, j), kl in np.ndenumerate(table):
            if not np.isnan(kl):
                dark = scale(max(kl, least)) < 0.5
                style = {"ha": "center", "va": "center", "fontsize": 8}
                axis.text(j, i, _thousandths(kl), color="white" if dark else "black", **style)
        axis.set_xticks(range(len(names[title])), names[title], fontsize=8)
        axis.set_yticks(range(len(panel)), list(panel), fontsize=8)
        axis.set(title=title, xlabel=columns)
        axis.grid(visible=False)
    axes[0, 0].set_ylabel(rows)
    bar = figure.colorbar(image, ax=axes, label="KL (thousandths of a nat)", fraction=0.04)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda kl, _: f"{1000 * kl:g}"))
    return figure


def _thousandths(kl: float) -> str:
    """Two digits of a KL in nats, as thousandths of a nat."""
    value = 1000 * kl
    if value < 0.005:
        return "0.00"
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 10 else f"{value:.0f}"
