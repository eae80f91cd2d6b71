"""Figures drawn from result files: the paper's Figure 3, and the growth of inference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from hmmlib.plotting.style import PALETTE, LineStyle

_FIGURE3_PANELS = (
    (
        "experiment_1",
        "H",
        (("prompt_tuning", "prompt tuning"), ("head_tuning", "head tuning")),
        "Head or prompt, vanilla HMM",
        "hidden states $H$",
    ),
    (
        "experiment_2",
        "n_flat_states",
        (
            ("memory_hmm_attention_head", "memory HMM, attention head"),
            ("vanilla_hmm_linear_head", "vanilla HMM, linear head"),
        ),
        "Memory or not",
        "hidden states, memory included",
    ),
)


def paper_figure3(results: Mapping[str, Any], axes: Sequence[Axes] | None = None) -> tuple[Axes, Axes]:
    """Draw the paper's Figure 3: downstream accuracy against the number of hidden states.

    Left, prompt tuning against head tuning on vanilla HMMs; right, memory-augmented HMMs with an
    attention head against vanilla HMMs with a linear head. Bands are 95% intervals over seeds.

    Args:
        results: The numbers, in the layout of ``book/results/figure3_paper.json``: accuracies and
            half-widths of the bands in percent.
        axes: Two axes to draw on; a new figure if absent.

    Returns:
        The axes of the left and of the right panel.

    Raises:
        ValueError: If ``axes`` are not two, or the means, intervals and state counts of a series
            are not equally many.
        KeyError: If ``results`` lacks a series.
    """
    if axes is None:
        _, axes = plt.subplots(1, 2, figsize=(7.2, 3.4), sharey=True)
    left, right = _two(axes)
    for panel, (key, x_key, series, title, x_label) in zip((left, right), _FIGURE3_PANELS, strict=True):
        experiment = results[key]
        for (name, label), line in zip(series, PALETTE, strict=False):
            line_with_band(panel, name, experiment[x_key], experiment[name], label, line)
        panel.set(title=title, xlabel=x_label, xticks=experiment[x_key], ylim=(48, 102))
        panel.legend(loc="lower left")
    left.set_ylabel("downstream accuracy (%)")
    return left, right


def _two(axes: Sequence[Axes]) -> tuple[Axes, Axes]:
    if len(axes) != 2:
        raise ValueError(f"axes: expected 2 panels, got {len(axes)}")
    return axes[0], axes[1]


def line_with_band(
    panel: Axes,
    name: str,
    x: Sequence[float],
    series: Mapping[str, Sequence[float]],
    label: str,
    line: LineStyle,
) -> None:
    """Draw means as a line, and their intervals as a band around it.

    Args:
        panel: Where to draw.
        name: The series' name, for the message.
        x: Where the means are.
        series: ``mean`` and ``interval``, the half-width of the band.
        label: The line's name in the legend.
        line: Its style.

    Raises:
        ValueError: Means, intervals and x are not equally many.
    """
    mean, half_width = series["mean"], series["interval"]
    if not len(x) == len(mean) == len(half_width):
        raise ValueError(
            f"results: {name} has {len(mean)} means and {len(half_width)} intervals, "
            f"expected {len(x)} of each"
        )
    panel.plot(x, mean, label=label, **line._asdict())
    low = [m - h for m, h in zip(mean, half_width, strict=True)]
    high = [m + h for m, h in zip(mean, half_width, strict=True)]
    panel.fill_between(x, low, high, color=line.color, alpha=0.15, linewidth=0)


_GROWTH_PANELS = (
    ("time", "T", "Length", "tokens in a text $T$"),
    ("n_states", "H", "States", "hidden states $H$"),
    ("batch", "B", "Batch", "texts at once $B$"),
)


def growth(results: Mapping[str, Any], axes: Sequence[Axes] | None = None) -> tuple[Axes, Axes, Axes]:
    """Draw how the time of exact inference grows with length, number of states and batch.

    Both axes of each panel are logarithmic, and times are relative to the panel's smallest problem. Bands
    run from the fastest to the slowest repetition; the line is the power law fitted to the upper half.

    Args:
        results: The numbers, in the layout of ``book/results/benchmarks.json``.
        axes: Three axes to draw on; a new figure if absent.

    Returns:
        The axes of the panels for T, H and the batch.

    Raises:
        ValueError: If ``axes`` are not three.
        KeyError: If ``results`` lacks an axis of the measurement.
    """
    if axes is None:
        _, axes = plt.subplots(1, 3, figsize=(7.6, 2.9), sharey=True)
    if len(axes) != 3:
        raise ValueError(f"axes: expected 3 panels, got {len(axes)}")
    points, law = PALETTE[0], PALETTE[1]
    for panel, (key, symbol, title, x_label) in zip(axes, _GROWTH_PANELS, strict=True):
        measured = results["growth"]["time"][key]
        x, fit = measured["x"], measured["fit"]
        first = measured["seconds"]["median"][0]
        low, median, high = (
            [seconds / first for seconds in measured["seconds"][part]] for part in ("min", "median", "max")
        )
        panel.plot(x, median, color=points.color, linestyle="none", marker=points.marker, label="measured")
        panel.fill_between(x, low, high, color=points.color, alpha=0.15, linewidth=0)
        fitted = [value for value in x if value >= fit["fitted_from"]]
        panel.plot(
            fitted,
            [fit["factor"] * value ** fit["exponent"] / first for value in fitted],
            color=law.color,
            linestyle=law.linestyle,
            label=f"fit, ∝ ${symbol}^{{{fit['exponent']:.2f}}}$",
        )
        panel.set(title=title, xlabel=x_label, xscale="log", yscale="log")
        panel.legend(loc="upper left")
    axes[0].set_ylabel("time, smallest problem = 1")
    return axes[0], axes[1], axes[2]
