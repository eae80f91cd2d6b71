"""Parts that figures of several chapters share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from hmmlib.plotting.style import PALETTE, LineStyle

LETTERS = "abcdefghijklmnopqrstuvwxyz"

HATCHED: dict[str, Any] = {"color": "white", "edgecolor": PALETTE[1].color, "hatch": "////"}
"""Bars beside full ones of the first colour, told apart from them in grey too."""

# Below this a KL is rounding noise, and a logarithmic axis has no room for it.
LEAST_KL = 1e-6


def spell(tokens: Tensor) -> str:
    """Write a text of at most 26 different tokens in letters.

    Args:
        tokens: Integers, shape (time,).

    Returns:
        One letter per token.
    """
    return "".join(LETTERS[int(token)] for token in tokens)


def short(value: float) -> str:
    """Write a divergence in nats as it stands beside a bar.

    Args:
        value: Nats, at least 0.

    Returns:
        Two digits, or that it is below 0.0001.
    """
    if value < 5e-5:
        return "< 0.0001"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def legend_below(figure: Figure, ncols: int = 2) -> None:
    """Put one legend for all panels below a figure, each name once.

    Args:
        figure: The figure.
        ncols: Columns of the legend.
    """
    found = {
        name: line
        for axis in figure.axes
        for line, name in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(found.values()), list(found), loc="outside lower center", ncols=ncols)


CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 3**0.5 / 2]])
"""Corners of a simplex in the plane: a distribution p over three things is drawn at ``p @ CORNERS``."""


def draw_simplex(panel: Axes, title: str, corner: str, names: Sequence[str] | None = None) -> None:
    """Draw the triangle of distributions over three states or tokens.

    Args:
        panel: Where to draw.
        title: Title of the panel.
        corner: What the corners stand for, "state" (numbered) or "token" (lettered).
        names: What is written at the corners in place of that.
    """
    outline = CORNERS[[0, 1, 2, 0]]
    panel.plot(*outline.T, color="#888888", linewidth=1)
    if names is None:
        names = [f"{corner} {i if corner == 'state' else LETTERS[i]}" for i in range(3)]
    for (x, y), name, shift in zip(CORNERS, names, (-0.07, -0.07, 0.04), strict=True):
        panel.text(x, y + shift, name, ha="center", va="bottom" if shift > 0 else "top", fontsize=9)
    panel.set(title=title, aspect="equal", xlim=(-0.12, 1.12), ylim=(-0.16, 1.0))
    panel.axis("off")


def zero_line(normal: np.ndarray) -> np.ndarray:
    """The line normalᵀp = 0 in the triangle of distributions p.

    Args:
        normal: Shape (3,).

    Returns:
        Its two ends on the edges, in the plane, shape (2, 2); shape (0, 2) if it misses the triangle.
    """
    ends = [corner for corner, value in zip(CORNERS, normal, strict=True) if value == 0]
    for i, j in ((0, 1), (1, 2), (0, 2)):
        if normal[i] * normal[j] < 0:
            share = normal[j] / (normal[j] - normal[i])
            ends.append(share * CORNERS[i] + (1 - share) * CORNERS[j])
    return np.array(ends[:2] if len(ends) > 1 else []).reshape(-1, 2)


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


def mean_and_dots(
    panel: Axes, name: str, values: Mapping[Any, Sequence[float]], style: Mapping[str, Any]
) -> None:
    """Draw a line through means, and a small dot for each value.

    Args:
        panel: Where to draw.
        name: Name of the line.
        values: At each place along the axis, a number or a word, the values.
        style: How the line is drawn: colour, linestyle and marker, which may be None.
    """
    places = list(values)
    panel.plot(places, [float(np.mean(values[place])) for place in places], label=name, **style)
    dots = {**style, "linestyle": "none", "marker": style["marker"] or ".", "markersize": 3, "alpha": 0.4}
    for place in places:
        panel.plot([place] * len(values[place]), values[place], **dots)
