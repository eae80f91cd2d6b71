"""The paper's Figure 3, and the same figure from this book's own numbers, one below the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from hmmlib.analysis import World
from hmmlib.plotting._parts import line_with_band
from hmmlib.plotting.style import PALETTE

_COLUMNS = (
    (
        "Head or prompt",
        {"prompt": "prompt tuning", "head": "head tuning"},
        "hidden states $H$",
    ),
    (
        "Memory or not",
        {"attention": "memory, attention", "linear": "vanilla, linear"},
        "hidden states,\nmemory included",
    ),
)


def figure3_rows(worlds: Mapping[str, World], lowest: float = 35.0) -> Figure:
    """Draw downstream accuracy against the number of hidden states, as in the paper's Figure 3.

    Left, prompt tuning against head tuning on vanilla HMMs; right, memory-augmented HMMs with an
    attention head against vanilla HMMs with a linear head. Bands are the intervals.

    Args:
        worlds: Name of each row, and in it the curves "head", "prompt", "attention" and "linear", as
            `hmmlib.analysis.worlds` finds them. A panel's title has the row's name and the number of seeds.
        lowest: Percentage at which the axis begins; bands are cut there, and above 100 but for a margin.

    Returns:
        The figure, tall rather than wide, with a row of two panels for each of ``worlds``.

    Raises:
        ValueError: There is no row, the curves of a panel have different points or numbers of seeds, or
            means and intervals of a curve are not as many as its points.
        KeyError: A row lacks a curve.
    """
    if not worlds:
        raise ValueError("worlds: expected at least one row, got none")
    # As wide as a phone, so that its letters are not made smaller there.
    size = (4.2, 0.7 + 1.6 * len(worlds))
    figure, axes = plt.subplots(len(worlds), 2, figsize=size, sharex="col", sharey=True, squeeze=False)
    for row, (name, world) in zip(axes, worlds.items(), strict=True):
        for panel, (_, labels, _) in zip(row, _COLUMNS, strict=True):
            curves = [world[curve] for curve in labels]
            first = curves[0]
            for curve, label, found, line in zip(labels, labels.values(), curves, PALETTE, strict=False):
                if (found.points, found.seeds) != (first.points, first.seeds):
                    raise ValueError(
                        f"worlds: in {name!r} {curve} has {found.seeds} seeds at {found.points}, "
                        f"expected {first.seeds} at {first.points}"
                    )
                numbers = {"mean": list(found.found.mean), "interval": list(found.found.interval)}
                line_with_band(panel, curve, found.points, numbers, label, line)
            panel.set_title(f"{name}, {first.seeds} seeds", fontsize=9)
            panel.set_ylim(lowest, 102)
            panel.set_xticks(first.points, _apart(first.points))
            panel.tick_params(labelsize=9)
    for panel, (title, _, xlabel) in zip(axes[0], _COLUMNS, strict=True):
        panel.set_title(f"{title}\n{panel.get_title(loc='left')}", fontsize=9)
        panel.legend(loc="lower left", fontsize=9, handlelength=2.2, borderaxespad=0.2)
        axes[-1, list(axes[0]).index(panel)].set_xlabel(xlabel, fontsize=9)
    figure.supylabel("downstream accuracy (%)", fontsize=9)
    return figure


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
