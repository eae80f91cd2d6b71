"""Figures of English as an HMM of tags: how well words tell tags apart, and what tags leave unsaid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from hmmlib.analysis import Dependence
from hmmlib.plotting.style import PALETTE


def condition_numbers(curves: Mapping[str, Mapping[int, float]], paper: float) -> Figure:
    """Draw condition numbers of emissions against the size of the vocabulary.

    Args:
        curves: For each name the condition number for each V; infinite ones are left out.
        paper: Condition number of the paper's HMMs, drawn as a level.

    Returns:
        The figure; both axes are logarithmic.
    """
    figure, axes = plt.subplots()
    for style, (name, curve) in zip(PALETTE, curves.items(), strict=False):
        shown = {size: value for size, value in curve.items() if np.isfinite(value)}
        axes.plot(list(shown), list(shown.values()), label=name, **style._asdict())
    name = "the paper's, $H = V = 10$"
    axes.axhline(paper, color="#555555", linewidth=1.0, linestyle=(0, (1, 2)), label=name)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="words in the vocabulary, $V$",
        ylabel="condition number of $W$",
    )
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def distances(tags: Sequence[str], span: np.ndarray, cone: np.ndarray) -> Figure:
    """Draw how far each tag's column of W is from what the other columns span.

    Args:
        tags: Names of the H tags.
        span: Distance to the span of the other columns, over the length of the column, shape (H,).
        cone: Distance to the cone of the other columns, likewise.

    Returns:
        The figure; the tags that are nearest to the others come first.
    """
    order = np.argsort(span)
    figure, axes = plt.subplots(figsize=(6.8, 3.6))
    places = np.arange(len(tags))
    for style, name, values in zip(PALETTE, ("span", "cone"), (span, cone), strict=False):
        inside = name == "cone"  # a small square in a ring: where the two agree, both are seen
        axes.plot(
            places,
            np.asarray(values)[order],
            label=f"from the {name} of the others",
            color=style.color,
            marker=style.marker,
            markersize=3.5 if inside else 8,
            markerfacecolor=style.color if inside else "none",
            linestyle="none",
        )
    axes.set(ylabel="relative distance", ylim=(-0.03, 1.05), xlim=(-0.8, len(tags) - 0.2))
    axes.set_xticks(places, [tags[i].replace("$", r"\$") for i in order], rotation=90, fontsize=8)
    axes.legend(loc="lower right")
    return figure


def dependence_by_distance(found: Mapping[int, Dependence]) -> Figure:
    """Draw what two words tell of one another beyond their tags against how far apart they are.

    Args:
        found: The dependence at each distance, in words.

    Returns:
        The figure, with intervals; the axis of distances is logarithmic.
    """
    figure, axes = plt.subplots(figsize=(5.6, 3.2))
    middle = np.array([one.excess for one in found.values()])
    ends = np.array([(one.low, one.high) for one in found.values()]).T
    axes.errorbar(
        list(found), middle, yerr=np.abs(ends - middle), capsize=3, color=PALETTE[0].color, marker="o"
    )
    axes.axhline(0, color="#555555", linewidth=1.0)
    axes.set(
        xscale="log",
        xlabel="distance of the two words",
        ylabel="excess information (nats)",
    )
    axes.set_xticks(list(found), [str(distance) for distance in found])
    axes.minorticks_off()
    return figure
