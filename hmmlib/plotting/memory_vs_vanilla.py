"""Figures of heads tuned on HMMs with and without a memory, against the paper's Figure 3, right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from hmmlib.plotting._parts import LETTERS, line_with_band
from hmmlib.plotting.style import PALETTE

_GREY = "#777777"
_LIGHT = "#b9cbdc"


def certainty_by_place(
    places: Sequence[int], tables: Mapping[str, Sequence[float]], chances: Mapping[str, float]
) -> Figure:
    """Draw how sure one can be of the target from a few words, against where in the text they stand.

    Args:
        places: Position of the first of these words, from 1.
        tables: Name of each HMM and, for each place, the mean of the largest posterior probability.
        chances: For each HMM the same without any word, drawn as a thin line.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    for (name, values), line in zip(tables.items(), PALETTE, strict=False):
        axes.plot(places, values, label=name, **line._asdict())
        axes.axhline(chances[name], color=line.color, linestyle=line.linestyle, linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.set_xticks(places, [str(place) for place in places])
    axes.set(xlabel="first of the four words that are seen", ylabel="largest posterior\nprobability, mean")
    axes.set_ylim(0, 1.05)
    axes.legend(loc="center right")
    return figure


def accuracies(
    rows: Mapping[str, Mapping[str, float]], majorities: Mapping[str, float], *, left: float = 45
) -> Figure:
    """Draw the accuracy of several ways to answer as bars, one panel per HMM.

    Args:
        rows: For each HMM, in the panels' order, name of each way and its accuracy, from 0 to 1.
        majorities: For each HMM the share of the more frequent label, drawn as a line.
        left: Percentage at which the axes begin; smaller accuracies have no bar.

    Returns:
        The figure; percentages stand beside the bars.
    """
    most = max(len(found) for found in rows.values())
    figure, axes = plt.subplots(
        1, len(rows), figsize=(3.9 * len(rows), 0.9 + 0.33 * most), sharex=True, squeeze=False
    )
    for panel, (hmm, found) in zip(axes[0], rows.items(), strict=True):
        heights = [100 * value for value in found.values()]
        panel.barh(range(len(heights)), heights, height=0.66, color=_LIGHT, edgecolor=PALETTE[0].color)
        for place, value in enumerate(heights):
            panel.text(max(value, left) + 0.8, place, f"{value:.1f}", va="center", fontsize=8)
        panel.axvline(100 * majorities[hmm], color=PALETTE[1].color, linestyle="--", linewidth=1.4)
        panel.set_yticks(range(len(heights)), list(found), fontsize=8)
        panel.set_ylim(most - 0.4, -0.6)
        panel.set(title=hmm, xlabel="labels right (%)", xlim=(left, 112))
        panel.set_xticks(range(50, 101, 10))
        panel.grid(visible=False, axis="y")
    return figure


def attention_and_keys(keys: Tensor, attention: Tensor, tokens: Tensor) -> Figure:
    """Draw where a trained head looks in one text, under the keys of the theorem's head.

    Args:
        keys: P[H_i ∈ H* | x_{-i}] at each position of a text, shape (T,).
        attention: Shares of attention there, shape (T,).
        tokens: The text, integers below 26, shape (T,).

    Returns:
        The figure: keys above, attention below, as a multiple of an equal share.
    """
    figure, axes = plt.subplots(2, 1, figsize=(6.8, 3.6), sharex=True)
    time = np.arange(1, len(tokens) + 1)
    key = keys.detach().double().cpu().numpy()
    certain = key > 1 - 1e-9
    dark = PALETTE[0].color
    relative = (attention * len(attention)).detach().cpu().numpy()
    for panel, heights in ((axes[0], key), (axes[1], relative)):
        panel.bar(time[~certain], heights[~certain], color="white", edgecolor=_GREY, hatch="////")
        panel.bar(time[certain], heights[certain], color=dark, edgecolor=dark)
    axes[0].set(ylabel="theorem's key", ylim=(0, 1.08))
    axes[1].axhline(1, color=_GREY, linewidth=0.9)
    axes[1].set(ylabel="tuned attention\n(equal share = 1)", xlabel="token")
    axes[1].set_xticks(time, [LETTERS[z] for z in tokens.tolist()], fontsize=8)
    return figure


def attention_on_certain(positions: Mapping[str, float], attention: Mapping[str, float]) -> Figure:
    """Draw the share of positions that are certain, and the share of attention that they get.

    Args:
        positions: For each HMM the share of positions with key one, from 0 to 1.
        attention: For each HMM their share of attention.

    Returns:
        The figure, a pair of bars per HMM.
    """
    figure, axes = plt.subplots(figsize=(5.4, 2.9))
    place = np.arange(len(positions))
    dark = PALETTE[0].color
    few = [100 * share for share in positions.values()]
    got = [100 * attention[name] for name in positions]
    axes.bar(place - 0.19, few, 0.36, color="white", edgecolor=dark, hatch="////", label="of the positions")
    axes.bar(place + 0.19, got, 0.36, color=dark, edgecolor=dark, label="of the attention")
    axes.set_xticks(place, list(positions))
    axes.set(ylabel="certain positions (%)", ylim=(0, 105))
    axes.grid(visible=False, axis="x")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def attention_by_word(tells: Tensor, attention: Mapping[str, Tensor]) -> Figure:
    """Draw how much attention a position gets by the word that it shows, against what the word tells.

    Args:
        tells: For each word, what it tells by itself about the memory, nats, shape (V,).
        attention: For each of two heads the mean share of positions with each word, equal share = 1,
            shape (V,); NaN where a word never occurs.

    Returns:
        The figure, a marker with its letter for each word and head.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    # The second is drawn larger and hollow, its letters to the lower left: markers may fall on one another.
    looks: tuple[dict[str, Any], ...] = ({}, {"markersize": 9, "markerfacecolor": "none"})
    shifts = ((6, 3), (-11, -10))
    for (name, found), line, look, shift in zip(attention.items(), PALETTE, looks, shifts, strict=False):
        x, y = tells.cpu().numpy(), found.cpu().numpy()
        axes.plot(x, y, line.marker, color=line.color, label=name, **look)
        for z in np.flatnonzero(np.isfinite(y)):
            axes.annotate(LETTERS[z], (x[z], y[z]), shift, textcoords="offset points", fontsize=8)
    axes.axhline(1, color=_GREY, linewidth=0.9)
    axes.set(xlabel="what the word tells of the memory by itself (nats)", ylabel="attention, equal share = 1")
    axes.set_ylim(bottom=-0.3)
    axes.legend(loc="best")
    return figure


def accuracy_dots(
    panels: Mapping[str, Mapping[str, Mapping[int, Sequence[float]]]],
    *,
    sizes: str = "hidden states",
    chance: float | None = None,
) -> Figure:
    """Draw every accuracy as a dot: a row for each way to answer, a dot for each seed, a marker by size.

    Args:
        panels: For each panel's title, the name of each way to answer and, for each size, the accuracies of
            all seeds, in percent. The rows are those of the first panel; at most four sizes.
        sizes: What the sizes are, for the legend; there is none for a single size.
        chance: A percentage to mark by a line.

    Returns:
        The figure. Within a row sizes stand below one another, the first on top, and a bar marks the mean.

    Raises:
        ValueError: No way to answer, or more sizes than there are markers.
    """
    first = next(iter(panels.values()), {})
    points = list(dict.fromkeys(size for found in panels.values() for way in found.values() for size in way))
    if not first or not 0 < len(points) <= len(PALETTE):
        raise ValueError(
            f"panels: expected some ways to answer and 1 … {len(PALETTE)} sizes, got {len(first)} ways and "
            f"sizes {points}"
        )
    figure, axes = plt.subplots(
        1,
        len(panels),
        figsize=(1.6 + 2.9 * len(panels), 1.2 + (0.33 if len(points) > 1 else 0.22) * len(first)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    # Sizes fill two thirds of a row.
    shifts = dict(zip(points, 0.66 * ((np.arange(len(points)) + 0.5) / len(points) - 0.5), strict=True))
    for panel, (title, found) in zip(axes[0], panels.items(), strict=True):
        for row, way in enumerate(first):
            if row % 2:
                panel.axhspan(row - 0.5, row + 0.5, color="#f3f5f8", zorder=0)
            for size, values in found.get(way, {}).items():
                line = PALETTE[points.index(size)]
                height = row + shifts[size]
                panel.plot(
                    values,
                    [height] * len(values),
                    line.marker,
                    color=line.color,
                    markersize=4,
                    markerfacecolor="none",
                    markeredgewidth=0.9,
                )
                mean = float(np.mean(values))
                panel.plot([mean, mean], [height - 0.08, height + 0.08], "-", color=line.color, linewidth=2.2)
        if chance is not None:
            panel.axvline(chance, color=_GREY, linewidth=0.9, linestyle=":")
        panel.set(title=title, xlabel="labels right (%)")
        panel.set_yticks(range(len(first)), list(first), fontsize=8)
        panel.set_ylim(len(first) - 0.5, -0.5)
        panel.grid(visible=False, axis="y")
    if len(points) > 1:
        handles = [
            Line2D([], [], color=line.color, marker=line.marker, linestyle="", markerfacecolor="none")
            for line in PALETTE[: len(points)]
        ]
        figure.legend(
            handles, [f"{p} {sizes}" for p in points], loc="outside lower center", ncols=4, fontsize=8
        )
    return figure


def memory_and_vanilla(
    series: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]],
    n_states: Sequence[int],
    paper: Mapping[str, Mapping[str, Sequence[float]]],
    ceilings: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
) -> Figure:
    """Draw the paper's Figure 3, right, as two panels, with what else was measured.

    Args:
        series: For each kind of HMM, in the panels' order, the name of each way to answer with `mean`
            and `interval`, the half-width of its band, in percent; at most three ways.
        n_states: The numbers of flat states.
        paper: For each kind of HMM the paper's `mean` and `interval`.
        ceilings: For each kind of HMM and for some of the ways, the means on the exact model, drawn as
            thin lines of the same colour.

    Returns:
        The figure.

    Raises:
        ValueError: Means, intervals and numbers of states are not equally many.
    """
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 4.0), sharey=True)
    for panel, (kind, found) in zip(axes, series.items(), strict=True):
        _draw_ways(panel, found, n_states, (ceilings or {}).get(kind, {}))
        line_with_band(panel, kind, n_states, paper[kind], "paper", PALETTE[3])
        panel.set(title=kind, xlabel="hidden states, memory included", ylim=(38, 103))
        panel.set_xticks(list(n_states))
    axes[0].set_ylabel("labels right (%)")
    lines, names = axes[0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=3, fontsize=8)
    return figure


def _draw_ways(
    panel: Axes, found: Mapping[str, Any], n_states: Sequence[int], ceilings: Mapping[str, Sequence[float]]
) -> None:
    for (name, way), line in zip(found.items(), PALETTE, strict=False):
        line_with_band(panel, name, n_states, way, name, line)
        if name in ceilings:
            panel.plot(
                n_states,
                ceilings[name],
                color=line.color,
                linestyle=line.linestyle,
                linewidth=0.9,
                marker=line.marker,
                markersize=3,
                markerfacecolor="white",
                label=f"{name}, exact model",
            )
