"""What a figure shows, read back from it, and whether it can be read: in grey, and beside its legend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.transforms import Bbox

# Two greys that differ by less (of 100, CIE L*) count as one.
LIGHTNESS_APART = 15
# ... and two lines by less than this, in points, as equally wide.
WIDTH_APART = 0.3


def points(line: Line2D) -> tuple[list[float], list[float]]:
    return np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist()


def line(axes: Axes, label: str) -> tuple[list[float], list[float]]:
    """The one line of this name: where it goes."""
    (found,) = (one for one in axes.lines if one.get_label() == label)
    return points(found)


def lines(axes: Axes) -> dict[str, tuple[list[float], list[float]]]:
    return {str(one.get_label()): points(one) for one in axes.lines}


def dots(axes: Axes, marker: str) -> list[tuple[list[float], list[float]]]:
    """Lines without a name and with this marker."""
    return [
        points(one)
        for one in axes.lines
        if one.get_marker() == marker and str(one.get_label()).startswith("_")
    ]


def heights(axes: Axes) -> list[list[float]]:
    """Of the bars in each group."""
    return [[bar.get_height() for bar in held] for held in axes.containers]


def middles(axes: Axes) -> list[list[float]]:
    """Where the bars of each group stand."""
    return [[bar.get_x() + bar.get_width() / 2 for bar in held] for held in axes.containers]


def bars(axes: Axes) -> np.ndarray:
    """Where each bar begins and ends, shape (containers, bars, 2)."""
    return np.array(
        [[(bar.get_y(), bar.get_y() + bar.get_height()) for bar in held] for held in axes.containers]
    )


def band(axes: Axes, number: int = 0) -> dict[float, tuple[float, float]]:
    """Lower and upper edge of a filled band, by place."""
    edges: dict[float, list[float]] = {}
    for x, y in axes.collections[number].get_paths()[0].vertices:
        edges.setdefault(float(x), []).append(float(y))
    return {x: (min(found), max(found)) for x, found in edges.items()}


def words(things: Iterable[Any]) -> list[str]:
    return [thing.get_text() for thing in things]


def title(axes: Axes) -> str:
    return axes.get_title(loc="left") or axes.get_title()


class Look(NamedTuple):
    """What is left of a line's or a bar's style in a print in grey."""

    kind: tuple[Any, ...]
    width: float
    lightness: float

    def like(self, other: Look) -> bool:
        return (
            self.kind == other.kind
            and abs(self.width - other.width) < WIDTH_APART
            and abs(self.lightness - other.lightness) < LIGHTNESS_APART
        )


def lightness(color: Any, alpha: float | None = None) -> float:
    """CIE L* of a colour on white, 0 to 100."""
    red, green, blue, opacity = to_rgba(color, alpha)
    on_white = opacity * np.array([red, green, blue]) + 1 - opacity
    linear = np.where(on_white <= 0.04045, on_white / 12.92, ((on_white + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return 116 * luminance ** (1 / 3) - 16 if luminance > 0.008856 else 903.3 * luminance


def look(artist: Line2D | Patch) -> Look:
    if isinstance(artist, Line2D):
        marker = str(artist.get_marker())
        hollow = marker != "None" and lightness(artist.get_markerfacecolor(), artist.get_alpha()) > 95
        kind = (artist.get_linestyle(), artist.get_drawstyle(), marker, hollow)
        return Look(kind, artist.get_linewidth(), lightness(artist.get_color(), artist.get_alpha()))
    edge = lightness(artist.get_edgecolor()) < 50
    kind = (artist.get_hatch(), edge, artist.get_linestyle())
    return Look(kind, artist.get_linewidth(), lightness(artist.get_facecolor()))


def color(artist: Line2D | Patch) -> Any:
    return to_rgba(artist.get_color() if isinstance(artist, Line2D) else artist.get_facecolor())[:3]


def is_level(artist: Line2D | Patch, axes: Axes) -> bool:
    """Whether it is a line from edge to edge of the panel."""
    return isinstance(artist, Line2D) and artist.get_transform() != axes.transData


def alike_in_grey(axes: Axes) -> list[tuple[Look, Look]]:
    """Lines, and bars, of one panel that differ in colour and in nothing else.

    A level all across a panel is told from a curve by being one.
    """
    drawn = [one for one in axes.lines if one.get_visible() and len(one.get_xdata())]
    filled = [patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_fill()]
    return [
        (look(one), look(other))
        for group in (drawn, filled)
        for one, other in combinations(group, 2)
        if is_level(one, axes) == is_level(other, axes)
        and color(one) != color(other)
        and look(one).like(look(other))
    ]


def legends(figure: Figure) -> list[Legend]:
    return [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]


def places(axes: Axes) -> Iterator[np.ndarray]:
    """Pixels that the data of a panel go through: lines and bars, but not levels and limits all across it."""
    for one in axes.lines:
        if is_level(one, axes):
            continue
        pixels = one.get_transform().transform_path(one.get_path())
        yield (pixels if one.get_linestyle() == "None" else pixels.interpolated(50)).vertices
    for patch in axes.patches:
        box = patch.get_window_extent()
        grid = np.meshgrid(np.linspace(box.x0, box.x1, 9), np.linspace(box.y0, box.y1, 60))
        yield np.stack([one.ravel() for one in grid], axis=1)


def covered(figure: Figure) -> int:
    """How many places of the data lie under a legend."""
    boxes: list[Bbox] = [legend.get_window_extent().padded(-2) for legend in legends(figure)]
    count = 0
    for axes in figure.axes:
        for pixels in places(axes):
            inside = [box.contains(x, y) for box in boxes for x, y in pixels if axes.bbox.contains(x, y)]
            count += sum(inside)
    return count


def check_readable(figure: Figure) -> None:
    """Everything has a name, nothing is told apart by colour alone, and no legend lies over data."""
    figure.canvas.draw()
    for axes in figure.axes:
        # The diagram's and the triangles' axes are off; they have titles.
        assert axes.get_xlabel() or axes.get_ylabel() or title(axes) or not axes.axison, axes
        assert alike_in_grey(axes) == [], "a series is told from another by its colour only"
    assert covered(figure) == 0, "a legend lies over data"


def open_figures() -> list[Figure]:
    return [plt.figure(number) for number in plt.get_fignums()]
