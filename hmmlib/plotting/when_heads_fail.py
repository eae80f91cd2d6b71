"""Figures of what a head cannot do: posteriors that look alike, classes that overlap, margins that vanish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import scipy
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from hmmlib.certificates import HullDistance
from hmmlib.plotting._parts import CORNERS, draw_simplex, zero_line
from hmmlib.plotting.style import PALETTE

_MARKERS = "sD"
_CLASS_COLORS = (PALETTE[0].color, PALETTE[1].color)


def fibres(posteriors: Tensor, token_probs: Tensor, labels: Tensor, mu: Tensor, lost: Tensor) -> Figure:
    """Draw posteriors over three states, the lines along which a model shows the same, and what it shows.

    Args:
        posteriors: P[H_0 | x], shape (batch, 3).
        token_probs: Probability of the first of two tokens at the blank, shape (batch,).
        labels: 0 or 1, shape (batch,).
        mu: Weights of the task, shape (3,).
        lost: Direction in which posteriors look alike, shape (3,).

    Returns:
        The figure: posteriors on the left; on the right what the model shows, a row for each label.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.8, 3.2))
    draw_simplex(left, "posterior $P[H_0 | x]$", "state")
    for line in _lines_along(lost.cpu().numpy()):
        left.plot(*line.T, "-", color="#bbbbbb", linewidth=0.8)
    _points(left, posteriors, labels)
    left.plot(*zero_line(mu.cpu().numpy()).T, "-", color="black", linewidth=1.2)
    left.legend(loc="upper left")
    rows = labels.cpu().numpy()
    # Spread upwards only for the eye; the same spread in every run.
    spread = np.random.default_rng(0).uniform(-0.25, 0.25, len(rows))
    shown = token_probs.cpu().numpy()
    for label in (0, 1):
        kept = rows == label
        right.plot(
            shown[kept], label + spread[kept], _MARKERS[label], color=_CLASS_COLORS[label], alpha=0.5, ms=3.5
        )
    right.set(
        title="what the model shows",
        xlabel="probability of token a at the blank",
        yticks=[0, 1],
        yticklabels=["label 0", "label 1"],
        ylim=(-0.6, 1.6),
    )
    return figure


def overlap(
    token_probs: Tensor,
    labels: Tensor,
    certificate: Tensor,
    words: Sequence[str] | None = None,
    *,
    closer: bool = False,
) -> Figure:
    """Draw token distributions of two classes over three tokens, and a point that lies in both convex hulls.

    Args:
        token_probs: G at the blank, shape (batch, 3).
        labels: 0 or 1, shape (batch,).
        certificate: λ ≥ 0 with Σ λ_i y_i g_i = 0, shape (batch,).
        words: The three tokens, as they stand at the corners; letters if None.
        closer: Whether the texts lie close together: then a second panel, on the right, shows them enlarged.

    Returns:
        The figure; the texts with λ > 0 are joined to the common point, in the second panel if there is one.
    """
    figure, panels = plt.subplots(1, 1 + closer, figsize=(7.2 if closer else 4.6, 3.9), squeeze=False)
    panel = panels[0, -1]
    draw_simplex(panels[0, 0], "$G_∅(∅, x)$", "token", words)
    if closer:
        _points(panels[0, 0], token_probs, labels)
        _enlarge(panels[0, 0], panel, token_probs.cpu().numpy() @ CORNERS)
    _points(panel, token_probs, labels)
    points, shares = token_probs.cpu().numpy() @ CORNERS, certificate.cpu().numpy()
    ones = labels.cpu().numpy() == 1
    common = (shares[ones] @ points[ones]) / shares[ones].sum()
    panel.plot(*common, "*", color="black", markersize=15, label="in both hulls")
    for i in np.flatnonzero(shares > 1e-9):
        ends = np.array([points[i], common])
        kind = int(ones[i])
        panel.plot(*ends.T, "-" if kind else "--", color=_CLASS_COLORS[kind], linewidth=1.4)
        panel.plot(
            *points[i], _MARKERS[kind], color=_CLASS_COLORS[kind], markeredgecolor="white", markersize=6.5
        )
    panels[0, 0].legend(*panel.get_legend_handles_labels(), loc="upper left")
    return figure


def _enlarge(whole: Axes, panel: Axes, points: np.ndarray) -> None:
    """Let a panel show the square around the points, and mark it in the whole."""
    middle = (points.max(0) + points.min(0)) / 2
    half = 0.6 * float(np.ptp(points, axis=0).max())
    corner = middle - half
    whole.add_patch(Rectangle((corner[0], corner[1]), 2 * half, 2 * half, fill=False, edgecolor="black"))
    panel.set(
        title="enlarged",
        aspect="equal",
        xlim=(corner[0], corner[0] + 2 * half),
        ylim=(corner[1], corner[1] + 2 * half),
        xticks=[],
        yticks=[],
    )
    for spine in panel.spines.values():
        spine.set_visible(True)


def hulls(token_probs: Tensor, labels: Tensor, found: HullDistance) -> Figure:
    """Draw the convex hulls of two classes of distributions over three tokens, and how near they come.

    Args:
        token_probs: G at the blank, shape (batch, 3).
        labels: 0 or 1, shape (batch,).
        found: The distance of the hulls.

    Returns:
        The figure: hulls, their nearest points, and around these what is no further away than the distance.
    """
    figure, panel = plt.subplots(figsize=(5.2, 4.4))
    draw_simplex(panel, "$G_∅(∅, x)$", "token")
    for label in (0, 1):
        flat = token_probs[labels == label].cpu().numpy() @ CORNERS
        if np.linalg.matrix_rank(flat - flat[0]) == 2:
            corners = flat[scipy.spatial.ConvexHull(flat).vertices]
        else:  # a point or a line
            corners = flat[[np.lexsort(flat.T)[0], np.lexsort(flat.T)[-1]]]
        panel.fill(*corners.T, color=_CLASS_COLORS[label], alpha=0.18, linewidth=1.2, hatch="/\\"[label] * 2)
    _points(panel, token_probs, labels)
    # Six moves of size one in ‖·‖₁ by which what one token loses another gains, in the order of a hexagon.
    moves = np.array([[1, -1, 0], [1, 0, -1], [0, 1, -1], [-1, 1, 0], [-1, 0, 1], [0, -1, 1], [1, -1, 0]]) / 2
    points = found.points.cpu().numpy()
    for point in points:
        panel.plot(*((point + found.distance * moves) @ CORNERS).T, "--", color="#555555", linewidth=1)
    panel.plot(*(points @ CORNERS).T, "o-", color="black", linewidth=2, markersize=4, label="nearest points")
    panel.legend(loc="upper left")
    return figure


def distances_by_states(
    distances: Mapping[int, Sequence[float]], n_tokens: int, floor: float = 1e-9
) -> Figure:
    """Draw how far apart the hulls of the classes are, one dot per random model, on a logarithmic axis.

    Args:
        distances: For each number of states H, distances in total variation.
        n_tokens: V, for the axis' label.
        floor: Smaller distances count as none and are drawn on a line of their own.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    sizes = list(distances)
    none = floor / 30
    for index, size in enumerate(sizes):
        values = np.array([value if value > floor else none for value in distances[size]])
        across = index + np.linspace(-0.25, 0.25, len(values))
        seen = values > none
        axes.plot(across[seen], values[seen], "o", color=PALETTE[0].color, markersize=4)
        axes.plot(across[~seen], values[~seen], "x", color=PALETTE[1].color, markersize=5)
    axes.axhline(floor, color="#888888", linewidth=1)
    axes.text(len(sizes) - 0.45, none, "none", ha="left", va="center", fontsize=9)
    axes.set(
        yscale="log",
        ylim=(none / 5, 3),
        xlim=(-0.6, len(sizes) - 0.4),
        xticks=range(len(sizes)),
        xticklabels=[str(size) for size in sizes],
        xlabel=f"hidden states $H$ ($V$ = {n_tokens})",
        ylabel="distance of the hulls",
    )
    return figure


def _points(panel: Axes, points: Tensor, labels: Tensor) -> None:
    for label in (0, 1):
        flat = points[labels == label].cpu().numpy() @ CORNERS
        panel.plot(
            *flat.T, _MARKERS[label], color=_CLASS_COLORS[label], alpha=0.5, ms=3.5, label=f"label {label}"
        )


def _lines_along(direction: np.ndarray, count: int = 9) -> list[np.ndarray]:
    """Parallel lines along a direction in the triangle, as pairs of points in the plane."""
    normal = np.cross(direction, np.ones(3))
    levels = np.linspace(normal.min(), normal.max(), count + 2)[1:-1]
    return [zero_line(normal - level) for level in levels]
