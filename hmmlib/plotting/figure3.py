"""The paper's Figure 3 with this book's own numbers over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hmmlib.analysis import Series, World
from hmmlib.plotting._parts import line_with_band
from hmmlib.plotting.style import PALETTE

# Of each panel the curve, the title and what is below the axis: heads and prompts left, memory right.
_PANELS = (
    (("prompt", "prompt tuning"), ("attention", "memory, attention head")),
    (("head", "head tuning"), ("linear", "no memory, linear head")),
)
_BELOW = ("hidden states $H$", "hidden states,\nmemory included")
# The paper's, filled and behind the others.
_GREY = "#8c8c8c"


def figure3_overlay(worlds: Mapping[str, World], lowest: float = 40.0) -> Figure:
    """Draw downstream accuracy against the number of hidden states, as in the paper's Figure 3.

    A panel for each of its four curves: left those of the first experiment, prompts above heads on vanilla
    HMMs; right those of the second, HMMs with memory and an attention head above vanilla ones with a linear
    head. Means are lines, intervals bands. The first world is the paper's, in grey; the others lie over it.

    Args:
        worlds: Name of each world, and in it its curves "head", "prompt", "attention" and "linear", as
            `hmmlib.analysis.worlds` finds them, the paper's first; four worlds at most. A world may lack
            curves. The legend has the names and, from the curves, the numbers of seeds.
        lowest: Percentage at which the axis begins; bands are cut there, and above 100 but for a margin.

    Returns:
        The figure, as wide as a phone.

    Raises:
        ValueError: No world or more than four, or means and intervals of a curve that are not as many as its
            points.
    """
    if not 1 <= len(worlds) <= len(PALETTE):
        raise ValueError(f"worlds: expected 1 to {len(PALETTE)}, got {len(worlds)}: {tuple(worlds)}")
    # As wide as a phone, so that its letters are not made smaller there.
    size = (4.3, 4.2 + 0.18 * len(worlds))
    figure, axes = plt.subplots(2, 2, figsize=size, sharex="col", sharey=True)
    for row, panels in zip(axes, _PANELS, strict=True):
        for panel, (curve, title) in zip(row, panels, strict=True):
            for place, (name, world) in enumerate(worlds.items()):
                if curve in world:
                    _draw(panel, world[curve], _label(name, world), place)
            panel.set_title(title, fontsize=9)
            panel.set_ylim(lowest, 102)
            panel.tick_params(labelsize=9)
    for panel, below, curves in zip(axes[1], _BELOW, zip(*_PANELS, strict=True), strict=True):
        points = next((w[curve].points for w in worlds.values() for curve, _ in curves if curve in w), ())
        panel.set_xticks(points, _apart(points))
        panel.set_xlabel(below, fontsize=9)
    entries = {
        label: handle
        for panel in axes.flat
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    names = [label for name, world in worlds.items() if (label := _label(name, world)) in entries]
    figure.legend(
        [entries[name] for name in names], names, loc="outside lower left", fontsize=9, handlelength=2.6
    )
    figure.supylabel("labels right (%)", fontsize=9)
    return figure


def _draw(panel: Axes, found: Series, label: str, place: int) -> None:
    """A curve: the paper's as a filled band, ours as lines over it with lighter bands."""
    mean, half = found.found
    if place == 0:
        if not len(found.points) == len(mean) == len(half):
            raise ValueError(
                f"results: {label} has {len(mean)} means and {len(half)} intervals, expected "
                f"{len(found.points)} of each"
            )
        panel.fill_between(found.points, mean - half, mean + half, color=_GREY, alpha=0.45, linewidth=0)
        panel.plot(found.points, mean, color="#4d4d4d", linewidth=2.6, label=label)
        return
    numbers = {"mean": list(mean), "interval": list(half)}
    line_with_band(panel, label, found.points, numbers, label, PALETTE[place - 1])


def _label(name: str, world: World) -> str:
    """The name of a world with its numbers of seeds, one if both experiments have as many."""
    counts = {
        max(world[curve].seeds for curve in curves if curve in world): None
        for curves in (("prompt", "head"), ("attention", "linear"))
        if any(curve in world for curve in curves)
    }
    return f"{name} ({' and '.join(map(str, counts))} seeds)"


def _apart(points: Sequence[int]) -> list[str]:
    """A label for each tick, left empty where it would run into the one before."""
    labels, last = [], float("-inf")
    for point in points:
        if point - last > 0.1 * (max(points) - min(points)):
            last = point
            labels.append(str(point))
        else:
            labels.append("")
    return labels
