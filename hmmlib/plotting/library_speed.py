"""How the time of exact inference grows with the size of the problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from hmmlib.plotting.style import PALETTE

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
    points, fitting = PALETTE[0], PALETTE[1]
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
            color=fitting.color,
            linestyle=fitting.linestyle,
            label=f"fit, ∝ ${symbol}^{{{fit['exponent']:.2f}}}$",
        )
        panel.set(title=title, xlabel=x_label, xscale="log", yscale="log")
        panel.legend(loc="upper left")
    axes[0].set_ylabel("time, smallest problem = 1")
    return axes[0], axes[1], axes[2]
