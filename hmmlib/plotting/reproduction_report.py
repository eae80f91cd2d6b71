"""The overview of the reproduction report: every number of Figure 3, theirs and ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from hmmlib.analysis import Mean, World
from hmmlib.plotting.style import PALETTE

_ROW = 0.36  # inches


def forest_panels(
    worlds: Mapping[str, World], titles: Mapping[str, str]
) -> tuple[dict[str, dict[str, Mean]], dict[str, tuple[int, ...]]]:
    """What `forest` draws of some worlds.

    Args:
        worlds: Name of each world, and its curves.
        titles: Title of the panel of each curve.

    Returns:
        The panels, each with the worlds that have its curve, and the numbers of states of each.
    """
    panels, points = {}, {}
    for curve, title in titles.items():
        having = {name: world[curve] for name, world in worlds.items() if curve in world}
        if having:
            panels[title] = {name: found.found for name, found in having.items()}
            points[title] = next(iter(having.values())).points
    return panels, points


def forest(
    panels: Mapping[str, Mapping[str, Mean]], points: Mapping[str, Sequence[int]], *, lowest: float = 35.0
) -> Figure:
    """Draw means with their intervals, a row for each point and a panel for each curve, one below the other.

    Args:
        panels: Title of each panel, and in it the name and numbers of each series, percent; four series at
            most. The first panel has all of them, others may lack some. The first series has filled markers,
            the others are white inside.
        points: For each panel the numbers of states, as many as its series have means.
        lowest: Where the axis begins; what is lower is cut, as is what exceeds 100 but for a margin.

    Returns:
        The figure, tall rather than wide.

    Raises:
        ValueError: A series and the points of its panel are not equally many, there are more than four
            series, or one that is not in the first panel.
    """
    names = list(next(iter(panels.values())))
    if len(names) > len(PALETTE):
        raise ValueError(f"panels: expected at most {len(PALETTE)} series, got {len(names)}")
    shifts = dict(zip(names, np.linspace(-0.27, 0.27, len(names)) if names[1:] else [0.0], strict=True))
    lines = dict(zip(names, PALETTE, strict=False))
    for title, series in panels.items():
        for name, found in series.items():
            if name not in names:
                raise ValueError(f"panels: expected one of {names} in {title!r}, got {name!r}")
            if len(found.mean) != len(points[title]):
                raise ValueError(
                    f"panels: {name} has {len(found.mean)} means in {title!r}, expected {len(points[title])}"
                )
    counts = [len(points[title]) for title in panels]
    figure, axes = plt.subplots(
        len(panels),
        1,
        figsize=(4.9, _ROW * sum(counts) * 1.35 + 1.6),
        sharex=True,
        squeeze=False,
        gridspec_kw={"height_ratios": counts},
    )
    for panel, (title, series) in zip(axes[:, 0], panels.items(), strict=True):
        rows = np.arange(len(points[title]))
        for name, found in series.items():
            line, first = lines[name], name == names[0]
            panel.errorbar(
                found.mean,
                rows + shifts[name],
                xerr=found.interval,
                label=name,
                color=line.color,
                marker=line.marker,
                markerfacecolor=line.color if first else "white",
                linestyle="none",
                markersize=5.5,
                elinewidth=2.2 if first else 1.3,
                capsize=2.5,
            )
        panel.set_title(title)
        panel.set_yticks(rows, [str(point) for point in points[title]])
        panel.set(ylabel="states", ylim=(len(rows) - 0.45, -0.55), xlim=(lowest, 102))
        panel.grid(visible=False, axis="y")
        for edge in rows[1:] - 0.5:
            panel.axhline(edge, color="#e4e4e4", linewidth=0.7)
    axes[-1, 0].set_xlabel("labels right (%)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=2, fontsize=9)
    return figure
