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
        The figure. Panels whose numbers are all from 0 to 1 have the same scale.

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
    wide = max(2.6, 0.35 * len(rows))
    figure, panels = plt.subplots(down, across, figsize=(max(4.0, wide * across), 2.8 * down), squeeze=False)
    for panel, name in zip(panels.flat, columns, strict=False):
        _draw(panel, name, [values[row][name] for row in rows])
        panel.set_xticks(range(len(rows)), ticks, fontsize=8, rotation=90 if _long(ticks) else 0)
        panel.set_xlabel(", ".join(groups[i] for i in telling))
    for panel in panels.flat[len(columns) :]:
        panel.remove()
    return figure


def _draw(panel: Axes, name: str, rows: Sequence[Sequence[float]]) -> None:
    for place, found in enumerate(rows):
        if not found:
            continue
        # Beside each other, so that equal ones are seen.
        shift = np.linspace(-0.15, 0.15, len(found)) if len(found) > 1 else [0.0]
        panel.plot(place + np.asarray(shift), found, ".", color=PALETTE[0].color)
        panel.plot([place - 0.3, place + 0.3], [np.mean(found)] * 2, "-", color=PALETTE[1].color)
    everything = [value for found in rows for value in found]
    if min(everything) >= 0 and max(everything) <= 1:
        panel.set_ylim(-0.02, 1.02)
    panel.set(ylabel=name, xlim=(-0.6, len(rows) - 0.4))


def _long(ticks: Sequence[str]) -> bool:
    return max(len(word) for tick in ticks for word in tick.split("\n")) > 5
