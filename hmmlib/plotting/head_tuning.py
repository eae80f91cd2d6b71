"""Figures of heads: where they split, and how many labels they get right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from hmmlib.plotting._parts import CORNERS, draw_simplex, zero_line
from hmmlib.plotting.style import PALETTE


def two_simplices(posteriors: Tensor, token_laws: Tensor, labels: Tensor, mu: Tensor, head: Tensor) -> Figure:
    """Draw posteriors over three states, and the token laws they lead to, with the line that splits each.

    Args:
        posteriors: P[H_0 | x], shape (batch, 3).
        token_laws: G at the blank over three tokens, shape (batch, 3).
        labels: 0 or 1, shape (batch,).
        mu: Weights of the task, shape (3,).
        head: Weights b of the head, shape (3,).

    Returns:
        The figure: posteriors on the left, token laws on the right.

    Raises:
        ValueError: There are not three states, or not three tokens.
    """
    named = {"posteriors": posteriors, "token_laws": token_laws, "mu": mu, "head": head}
    for name, table in named.items():
        if table.shape[-1] != 3:
            raise ValueError(
                f"{name}: expected three columns, one per corner of a triangle, got {table.shape[-1]}"
            )
    figure, axes = plt.subplots(1, 2, figsize=(6.8, 3.2))
    panels = ((posteriors, mu, "posterior $P[H_0 | x]$", "state"), (token_laws, head, "$G_∅(∅, x)$", "token"))
    for panel, (points, normal, title, corner) in zip(axes, panels, strict=True):
        draw_simplex(panel, title, corner)
        for label, (marker, line) in enumerate(zip("sD", PALETTE, strict=False)):
            flat = points[labels == label].cpu().numpy() @ CORNERS
            panel.plot(*flat.T, marker, color=line.color, alpha=0.5, markersize=3.5, label=f"label {label}")
        panel.plot(*zero_line(normal.cpu().numpy()).T, "-", color="black", linewidth=1.2)
    axes[0].legend(loc="upper left")
    return figure


"""Where the three corners of a simplex are drawn; a law p over three things is drawn at ``p @ CORNERS``."""


def accuracy_curves(
    x: Sequence[float], series: Mapping[str, Sequence[float]], x_label: str, baseline: float | None = None
) -> Figure:
    """Draw accuracies against a quantity on a logarithmic axis.

    Args:
        x: The quantity, positive.
        series: Name and accuracies in [0, 1], one per x.
        x_label: What x is, with its unit.
        baseline: Accuracy of always giving the more frequent label; not drawn if None.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    for (name, values), line in zip(series.items(), PALETTE, strict=False):
        axes.semilogx(x, [100 * value for value in values], label=name, **line._asdict())
    if baseline is not None:
        axes.axhline(100 * baseline, color="#888888", linewidth=1, label="more frequent label")
    axes.set(xlabel=x_label, ylabel="labels right (%)", ylim=(48, 102))
    axes.legend(loc="lower left")
    return figure


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
