"""Figures of heads: where they split, and how many labels they get right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from hmmlib.plotting._parts import CORNERS, draw_simplex, zero_line
from hmmlib.plotting.style import PALETTE


def two_simplices(
    posteriors: Tensor, token_probs: Tensor, labels: Tensor, mu: Tensor, head: Tensor
) -> Figure:
    """Draw posteriors over three states, and the token distributions they lead to, each with a dividing line.

    Args:
        posteriors: P[H_0 | x], shape (batch, 3).
        token_probs: G at the blank over three tokens, shape (batch, 3).
        labels: 0 or 1, shape (batch,).
        mu: Weights of the task, shape (3,).
        head: Weights b of the head, shape (3,).

    Returns:
        The figure: posteriors on the left, token distributions on the right.

    Raises:
        ValueError: There are not three states, or not three tokens.
    """
    named = {"posteriors": posteriors, "token_probs": token_probs, "mu": mu, "head": head}
    for name, table in named.items():
        if table.shape[-1] != 3:
            raise ValueError(
                f"{name}: expected three columns, one per corner of a triangle, got {table.shape[-1]}"
            )
    figure, axes = plt.subplots(1, 2, figsize=(6.8, 3.2))
    panels = (
        (posteriors, mu, "posterior $P[H_0 | x]$", "state"),
        (token_probs, head, "$G_∅(∅, x)$", "token"),
    )
    for panel, (points, normal, title, corner) in zip(axes, panels, strict=True):
        draw_simplex(panel, title, corner)
        for label, (marker, line) in enumerate(zip("sD", PALETTE, strict=False)):
            flat = points[labels == label].cpu().numpy() @ CORNERS
            panel.plot(*flat.T, marker, color=line.color, alpha=0.5, markersize=3.5, label=f"label {label}")
        panel.plot(*zero_line(normal.cpu().numpy()).T, "-", color="black", linewidth=1.2)
    axes[0].legend(loc="upper left")
    return figure


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
