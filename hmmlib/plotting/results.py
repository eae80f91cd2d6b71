"""Results of a sweep as they come: a dot for each cell, row by row of its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hmmlib.plotting.style import PALETTE

_ACROSS = 4


def dots_by_group(
    groups: Sequence[str], values: Mapping[tuple[str, ...], Mapping[str, Sequence[float]]]
) -> Figure:
    """Draw a panel for each column of a table: a dot for each cell over its row, and the mean as a bar.

    Args:
        groups: Names of what tells the rows apart.
        values: For each row, named by as many words, and each column its numbers, as
            `hmmlib.sweeps.Results.values` gives them.

    Returns:
        The figure. Panels whose numbers are all from 0 to 1, such as accuracies, have the same scale.

    Raises:
        ValueError: No numbers at all.
    """
    rows = list(values)
    columns = [name for name in next(iter(values.values()), {}) if any(values[row][name] for row in rows)]
    if not columns:
        raise ValueError("values: expected at least one number, got none")
    # What is the same in all rows is no news.
    telling = [i for i in range(len(groups)) if len({row[i] for row in rows}) > 1] or range(len(groups))
    ticks = ["\n".join(row[i] for i in telling) for row in rows]
    across = min(_ACROSS, len(columns))
    down = -(-len(columns) // across)
    longest = max(len(word) for tick in ticks for word in tick.split("\n"))
    upright = longest <= 5
    wide, high = max(2.6, 0.35 * len(rows)), 2.8 if upright else 2.6 + 0.08 * longest
    figure, panels = plt.subplots(down, across, figsize=(max(4.0, wide * across), high * down), squeeze=False)
    found = {name: [values[row][name] for row in rows] for name in columns}
    shares = [name for name in columns if all(0 <= value <= 1 for row in found[name] for value in row)]
    lowest = min((value for name in shares for row in found[name] for value in row), default=0.0)
    for panel, name in zip(panels.flat, columns, strict=False):
        _draw(panel, found[name])
        if name in shares:
            panel.set_ylim(lowest - 0.03, 1.03)
        panel.set_xticks(range(len(rows)), ticks, fontsize=8, rotation=0 if upright else 90)
        panel.set(xlabel=", ".join(groups[i] for i in telling), ylabel=name, xlim=(-0.6, len(rows) - 0.4))
    for panel in panels.flat[len(columns) :]:
        panel.remove()
    return figure


def _draw(panel: Axes, rows: Sequence[Sequence[float]]) -> None:
    for place, found in enumerate(rows):
        if not found:
            continue
        # Beside each other, so that equal ones are seen.
        shift = np.linspace(-0.15, 0.15, len(found)) if len(found) > 1 else [0.0]
        panel.plot(place + np.asarray(shift), found, ".", color=PALETTE[0].color)
        panel.plot([place - 0.3, place + 0.3], [np.mean(found)] * 2, "-", color=PALETTE[1].color)
