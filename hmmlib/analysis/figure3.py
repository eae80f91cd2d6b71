"""Figure 3 as a table of its own: every number of every world, for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hmmlib.analysis.curves import CURVES, EXACT, EXACT_RECIPE, PAPER, RECIPE, SOLVED, rows
from hmmlib.analysis.series import World

SHOWN = (PAPER, RECIPE, SOLVED, EXACT)
"""The worlds that the overlay shows; the exact model by the recipe is in the tables."""

# Kept here, so that who draws the figure and who reads its numbers mean the same.
_HEADER = ("world", "curve", "n_states", "seeds", "mean", "half_width", "verdict")


def shown_worlds(worlds: Mapping[str, World]) -> dict[str, World]:
    """The worlds of the overlay.

    Args:
        worlds: All of them, as `hmmlib.analysis.worlds` finds them.

    Returns:
        Those of `SHOWN` that have a curve of the figure.
    """
    return {name: worlds[name] for name in SHOWN if any(curve in worlds[name] for curve in CURVES)}


def figure3_numbers(worlds: Mapping[str, World]) -> list[list[Any]]:
    """Every number of the figure, a row each.

    Args:
        worlds: All worlds, as `hmmlib.analysis.worlds` finds them.

    Returns:
        The header and the rows: world, curve, number of states, number of seeds, mean in percent, half-width
        of its 95% interval, and for ours the verdict beside the paper's number.
    """
    lines: list[list[Any]] = [list(_HEADER)]
    for name in (*SHOWN[:3], EXACT_RECIPE, EXACT):
        for curve in CURVES:
            if curve not in worlds[name]:
                continue
            ours = worlds[name][curve]
            for row in rows(worlds[PAPER][curve], ours):
                verdict = "" if name == PAPER else row.comparison.verdict
                numbers = (round(value, 4) for value in row.ours)
                lines.append([name, curve, row.point, ours.seeds, *numbers, verdict])
    return lines
