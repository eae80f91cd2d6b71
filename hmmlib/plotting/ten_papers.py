"""Ten claims in one picture: where each holds, and where it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from hmmlib.analysis import Mean
from hmmlib.plotting.style import PALETTE

# Light enough for lines on it, and a grey in print.
_HOLDS: dict[str, Any] = {"facecolor": "#dfeaf4", "linewidth": 0}
_FAILS: dict[str, Any] = {"facecolor": "white", "edgecolor": "#d0d0d0", "hatch": "////", "linewidth": 0}
_WORDS = 9
_LEGEND: dict[str, Any] = {
    "fontsize": 8.5,
    "handlelength": 1.6,
    "handletextpad": 0.5,
    "borderpad": 0.1,
    "labelspacing": 0.1,
    "borderaxespad": 0.2,
}


class Gain(NamedTuple):
    """By how much an idea is ahead of its rival, along the variable that decides.

    Attributes:
        places: Where along the axis, rising.
        found: Means over seeds and half-widths of their intervals, one for each place.
    """

    places: Sequence[float]
    found: Mean


@dataclass(frozen=True)
class ClaimPanel:
    """A paper's claim, and what a world where the right answer is known says of it.

    Attributes:
        claim: The claim, in three or four words.
        paper: Who makes it.
        gains: Name of each line, and the gain that it shows; four at most. Above zero the claim holds.
        x_label: The variable that decides, with its unit.
        y_label: What is gained, with its unit.
        ticks: Places along the axis that are named, and their names.
        log: Whether the axis of the variable is logarithmic.
        limits: Lower and upper edge of the gain; None leaves one to the data. What is beyond is outside.
        legend: Where the names of the lines stand, as Matplotlib says it.
    """

    claim: str
    paper: str
    gains: Mapping[str, Gain]
    x_label: str
    y_label: str
    ticks: Mapping[float, str]
    log: bool = False
    limits: tuple[float | None, float | None] = (None, None)
    legend: str = "best"


def where_claims_hold(panels: Sequence[ClaimPanel]) -> Figure:
    """Draw for each claim the gain of its idea along the variable that decides, two panels in a row.

    Over each panel stand the claim, the paper, and what is gained. Lines are means, bars their intervals.
    Above the zero line the ground is shaded: there the claim holds. Below, where it fails, it is hatched.

    Args:
        panels: The claims, row by row.

    Returns:
        The figure, as wide as a phone.

    Raises:
        ValueError: No panel; a panel without a line or with more than four; a line whose places, means and
            intervals are not equally many; or a place on a logarithmic axis that is not above 0.
    """
    if not panels:
        raise ValueError("panels: expected at least one, got none")
    for panel in panels:
        _check(panel)
    rows = (len(panels) + 1) // 2
    figure, axes = plt.subplots(rows, 2, figsize=(4.2, 0.4 + 2.2 * rows), squeeze=False)
    for place, (axis, panel) in enumerate(zip(axes.flat, panels, strict=False)):
        _draw(axis, panel)
        _head(axis, panel, 0.015 + 0.5 * (place % 2))
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    ground = [Patch(label="the claim holds", **_HOLDS), Patch(label="it fails", **_FAILS)]
    figure.legend(handles=ground, loc="outside upper left", ncols=2, fontsize=9)
    return figure


def _check(panel: ClaimPanel) -> None:
    if not 1 <= len(panel.gains) <= len(PALETTE):
        raise ValueError(
            f"panels: {panel.claim!r} has {len(panel.gains)} lines, expected 1 to {len(PALETTE)}"
        )
    for name, gain in panel.gains.items():
        counts = len(gain.places), np.size(gain.found.mean), np.size(gain.found.interval)
        if len(set(counts)) > 1:
            raise ValueError(
                f"panels: {panel.claim!r}, {name!r} has {counts[0]} places, {counts[1]} means and "
                f"{counts[2]} intervals, expected equally many"
            )
        if panel.log and min(gain.places) <= 0:
            raise ValueError(
                f"panels: {panel.claim!r}, {name!r} has the place {min(gain.places)}, expected numbers above "
                "0 on a logarithmic axis"
            )


def _draw(axis: Axes, panel: ClaimPanel) -> None:
    for place, ((name, gain), style) in enumerate(zip(panel.gains.items(), PALETTE, strict=False)):
        mean, half = (np.asarray(values) for values in gain.found)
        # The first line's bars are wider, so that others over them do not hide them.
        width, alpha = (1.2, 1.0) if place else (3.0, 0.45)
        axis.vlines(gain.places, mean - half, mean + half, color=style.color, linewidth=width, alpha=alpha)
        axis.plot(gain.places, mean, label=name, **style._asdict() | {"markersize": 4, "linewidth": 1.5})
    if panel.log:
        axis.set_xscale("log")
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticks(list(panel.ticks), list(panel.ticks.values()))
    axis.set_ylim(*panel.limits)
    low, high = axis.get_ylim()
    # There is ground on both sides, and as far as the edges.
    low, high = min(low, -0.12 * (high - low)), max(high, 0.12 * (high - low))
    across: dict[str, Any] = {"transform": axis.get_yaxis_transform(), "zorder": 0}
    axis.fill_between([0, 1], 0, high, **_HOLDS, **across)
    axis.fill_between([0, 1], low, 0, **_FAILS, **across)
    axis.axhline(0, color="#444444", linewidth=1, linestyle="-")
    axis.set_ylim(low, high)
    axis.grid(visible=False)
    axis.tick_params(labelsize=_WORDS)
    axis.set_xlabel(panel.x_label, fontsize=_WORDS)
    axis.legend(**_LEGEND | {"loc": panel.legend})


def _head(axis: Axes, panel: ClaimPanel, left: float) -> None:
    """Three lines over a panel, from the left edge of its half of the figure."""
    axis.set_title("\n\n", fontsize=9)  # the room for them
    lines = (
        (panel.claim, 26, 9, "bold"),
        (panel.paper, 15, _WORDS, "normal"),
        (f"↑ {panel.y_label}", 4, _WORDS, "normal"),
    )
    for text, above, size, weight in lines:
        axis.annotate(
            text,
            (left, 1),
            xycoords=("figure fraction", "axes fraction"),
            xytext=(0, above),
            textcoords="offset points",
            fontsize=size,
            fontweight=weight,
            annotation_clip=False,
            in_layout=False,
        )
