"""Figures of heads: where they split, and how many labels they get right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from hmmlib.plotting._parts import CORNERS, HATCHED, draw_simplex, zero_line
from hmmlib.plotting.style import PALETTE


def pipeline(words: Sequence[str], names: Sequence[str], probs: Tensor, head: Tensor) -> Figure:
    """Draw the way from a text to its label: the text, the frozen model, what it shows, the head, the label.

    Args:
        words: The text behind the mask, one entry per token.
        names: The vocabulary.
        probs: What the model shows at the mask, shape (V,).
        head: Weights b of the head, shape (V,).

    Returns:
        The figure; only the head is tuned.

    Raises:
        ValueError: Not one probability and one weight for each name.
    """
    for name, table in (("probs", probs), ("head", head)):
        if table.shape != (len(names),):
            raise ValueError(
                f"{name}: expected shape ({len(names)},), one for each name, got {tuple(table.shape)}"
            )
    widths = [1.0, 0.3, 1.1, 0.3, 1.2, 0.3, 1.2, 0.3, 1.3]
    figure, panels = plt.subplots(1, 9, figsize=(7.6, 2.3), width_ratios=widths)
    axes, between = panels[::2], panels[1::2]
    value = float(probs.double() @ head.double())
    _box(axes[0], "\n".join(["[MASK]", *words]), "text $(∅, x)$")
    _box(axes[1], "masked\nlanguage\nmodel", "frozen", shade="#d9d9d9")
    _bars(axes[2], names, probs, "$G_∅(∅, x)$")
    _bars(axes[3], names, head, "head $b$: tuned")
    _box(axes[4], f"$b^\\top G_∅ = {value:+.2f}$\n\nlabel {int(value >= 0)}", "label")
    for panel in between:
        panel.axis("off")
        panel.annotate("", (1, 0.5), (0, 0.5), arrowprops={"arrowstyle": "-|>", "color": "black"})
    return figure


def _box(panel: Axes, text: str, title: str, shade: str = "white") -> None:
    panel.set(title=title, xticks=[], yticks=[])
    panel.set_facecolor(shade)
    for spine in panel.spines.values():
        spine.set_visible(True)
    panel.text(0.5, 0.5, text, ha="center", va="center", transform=panel.transAxes, fontsize=9.5)


def _bars(panel: Axes, names: Sequence[str], values: Tensor, title: str) -> None:
    heights = values.cpu().numpy()
    for position, height in enumerate(heights):
        style: dict[str, Any] = {"color": PALETTE[0].color} if height >= 0 else HATCHED
        panel.bar(position, height, width=0.7, **style)
    panel.axhline(0, color="black", linewidth=0.8)
    panel.set(title=title, yticks=[])
    panel.set_xticks(range(len(names)), list(names), fontsize=8, rotation=90)
    panel.grid(visible=False)
    panel.spines["left"].set_visible(False)


def two_simplices(
    posteriors: Tensor,
    token_probs: Tensor,
    labels: Tensor,
    mu: Tensor,
    head: Tensor,
    columns: Tensor | None = None,
    names: tuple[Sequence[str], Sequence[str]] | None = None,
) -> Figure:
    """Draw posteriors over three states, and the token distributions they lead to, each with a dividing line.

    Args:
        posteriors: P[H_0 | x], shape (batch, 3).
        token_probs: G at the blank over three tokens, shape (batch, 3).
        labels: 0 or 1, shape (batch,).
        mu: Weights of the task, shape (3,).
        head: Weights b of the head, shape (3,).
        columns: The columns of W, one row per state, shape (3, 3): the corners of the triangle that the
            distributions on the right lie in. They are numbered, on the left too. Not drawn if None.
        names: What is written at the corners: states, then tokens.

    Returns:
        The figure: posteriors on the left, token distributions on the right.

    Raises:
        ValueError: There are not three states, or not three tokens.
    """
    named = {"posteriors": posteriors, "token_probs": token_probs, "mu": mu, "head": head}
    if columns is not None:
        named["columns"] = columns
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
    for side, (panel, (points, normal, title, corner)) in enumerate(zip(axes, panels, strict=True)):
        draw_simplex(panel, title, corner, None if names is None else names[side])
        for label, (marker, line) in enumerate(zip("sD", PALETTE, strict=False)):
            flat = points[labels == label].cpu().numpy() @ CORNERS
            panel.plot(*flat.T, marker, color=line.color, alpha=0.5, markersize=3.5, label=f"label {label}")
        panel.plot(*zero_line(normal.cpu().numpy()).T, "-", color="black", linewidth=1.2)
    if columns is not None:
        image = columns.cpu().numpy() @ CORNERS
        axes[1].fill(*image.T, facecolor="none", edgecolor="black", linewidth=1, linestyle="--")
        for panel, corners in zip(axes, (CORNERS, image), strict=True):
            _numbered(panel, corners)
    axes[0].legend(loc="upper left")
    return figure


def _numbered(panel: Axes, corners: np.ndarray) -> None:
    """Write 0, 1, 2 in the corners of a triangle, a little inside."""
    for number, (x, y) in enumerate(corners + 0.1 * (corners.mean(0) - corners)):
        panel.text(float(x), float(y), str(number), ha="center", va="center", fontsize=8, bbox=_NUMBER)


_NUMBER: dict[str, Any] = {
    "boxstyle": "circle,pad=0.15",
    "facecolor": "white",
    "edgecolor": "black",
    "linewidth": 0.8,
}


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
