"""Figures of processes, and of what is learnt of them where variants are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from torch import Tensor

from hmmlib.plotting._parts import HATCHED, legend_below, mean_and_dots
from hmmlib.plotting.style import PALETTE
from hmmlib.processes import ProcessTree, Variants

_MARKERS = "os^DvP"
_Move = tuple[ProcessTree, ProcessTree]


def marking_graph(tree: ProcessTree, texts: Variants, panels: Mapping[str, Tensor]) -> Figure:
    """Draw the markings of a process, and which moves between them a log shows.

    Args:
        tree: The process.
        texts: Its variants.
        panels: For each title the numbers of the variants that are left out.

    Returns:
        The figure, one panel below the other. A marking is written as the activities that may come next;
        markings in a column have as many activities behind them.
    """
    places, markings = _places(tree)
    tallest = max(sum(x == column for x, _ in places.values()) for column, _ in places.values())
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(6.4, 0.4 + (0.5 + 0.25 * tallest) * len(panels)), squeeze=False
    )
    for axis, (title, left) in zip(axes.flat, panels.items(), strict=True):
        gone = set(left.tolist())
        shown: set[_Move] = set()
        for row, text in enumerate(texts.tokens.tolist()):
            if row not in gone:
                shown |= _moves(markings, tree, [texts.names[token] for token in text])
        for marking, following in markings.items():
            for rest in following.values():
                across, up = zip(places[marking], places[rest], strict=True)
                if (marking, rest) in shown:
                    axis.plot(across, up, color=PALETTE[0].color, linestyle="-", linewidth=1.5)
                else:
                    axis.plot(across, up, color=PALETTE[1].color, linestyle=(0, (1, 1.5)), linewidth=2.2)
        for marking, (x, y) in places.items():
            box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "#666666"}
            name = "".join(markings[marking]) or "END"
            axis.text(x, y, name, ha="center", va="center", fontsize=8, bbox=box)
        axis.set_title(title)
        axis.margins(x=0.06, y=0.15)
        axis.axis("off")
    axes[0, 0].plot([], [], color=PALETTE[0].color, linestyle="-", linewidth=1.5, label="move in the log")
    dotted = {"color": PALETTE[1].color, "linestyle": (0, (1, 1.5)), "linewidth": 2.2}
    axes[0, 0].plot([], [], label="only in what was left out", **dotted)
    legend_below(figure)
    return figure


def _places(
    tree: ProcessTree,
) -> tuple[dict[ProcessTree, tuple[float, float]], dict[ProcessTree, dict[str, ProcessTree]]]:
    """Where each marking stands, and what it moves to by each activity."""
    depth, found = {tree: 0}, [tree]
    markings: dict[ProcessTree, dict[str, ProcessTree]] = {}
    for marking in found:  # `found` grows on the way
        markings[marking] = dict(marking.moves())
        for rest in markings[marking].values():
            if rest not in depth:
                depth[rest] = depth[marking] + 1
                found.append(rest)
    places = {}
    for column in set(depth.values()):
        here = [marking for marking in found if depth[marking] == column]
        for i, marking in enumerate(here):
            places[marking] = (float(column), (len(here) - 1) / 2 - i)
    return places, markings


def _moves(
    markings: Mapping[ProcessTree, Mapping[str, ProcessTree]], tree: ProcessTree, names: Sequence[str]
) -> set[_Move]:
    found = set()
    marking = tree
    for name in names:
        if name in markings[marking]:
            found.add((marking, markings[marking][name]))
            marking = markings[marking][name]
    return found


def variant_bars(panels: Mapping[str, Tensor], left_out: Tensor, levels: Mapping[str, float]) -> Figure:
    """Draw how probable each variant is to several learners.

    Args:
        panels: For each title the probabilities of all variants, shape (n,).
        left_out: Numbers of the variants that were left out, shape (k,).
        levels: Probabilities to compare with, by name.

    Returns:
        The figure, one panel below the other. Variants that were shown come first, each group from the most
        probable to the least.
    """
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(7.0, 0.8 + 1.5 * len(panels)), sharex=True, sharey=True, squeeze=False
    )
    for axis, (title, probs) in zip(axes.flat, panels.items(), strict=True):
        mask = np.zeros(len(probs), dtype=bool)
        mask[left_out.cpu().numpy()] = True
        values = probs.cpu().numpy()
        shown, gone = (np.sort(values[group])[::-1] for group in (~mask, mask))
        axis.bar(np.arange(len(shown)), shown, color=PALETTE[0].color, label="in the log")
        axis.bar(len(shown) + np.arange(len(gone)), gone, label="left out", **HATCHED)
        for dots, (name, level) in enumerate(levels.items()):
            look = {"color": "#666666", "linestyle": (0, (1, 1 + 2 * dots)), "linewidth": 1.4}
            axis.axhline(level, label=name, **look)
        axis.set(title=title, ylabel="probability", xticks=[])
        axis.margins(x=0.02)
    axes[-1, 0].set_xlabel("variants")
    legend_below(figure, ncols=4)
    return figure


def left_out_curves(panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]]) -> Figure:
    """Draw generalisation by how many variants are left out.

    Args:
        panels: For each title and name numbers of variants, and the generalisation at each.

    Returns:
        The figure, one panel beside the other.
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(1.0 + 3.0 * len(panels), 3.3), sharey=True, squeeze=False
    )
    for axis, (title, curves) in zip(axes.flat, panels.items(), strict=True):
        for (name, (counts, values)), style in zip(curves.items(), PALETTE, strict=False):
            axis.plot(counts, values, label=name, **style._asdict())
        axis.set(title=title, xlabel="variants left out", ylim=(-0.03, 1.03))
    axes[0, 0].set_ylabel("generalisation")
    legend_below(figure, ncols=3)
    return figure


def along_training(
    panels: Mapping[str, tuple[Mapping[str, Mapping[int, Sequence[float]]], float]],
    rows: Mapping[str, tuple[Sequence[str], tuple[float, float]]],
) -> Figure:
    """Draw what a network is after each epoch.

    Args:
        panels: For each title the curves by name, values for each seed at each epoch, and the epoch by which
            the validation texts have ended the training.
        rows: For each label of a vertical axis the names of the curves in that row, and the axis' limits.

    Returns:
        The figure: a row of panels for each of `rows`. Lines are means of the seeds that came so far, dots
        the seeds; a vertical line is where training ends.
    """
    size = (1.0 + 2.8 * len(panels), 0.6 + 2.0 * len(rows))
    figure, axes = plt.subplots(
        len(rows), len(panels), figsize=size, sharex=True, sharey="row", squeeze=False
    )
    order = [name for names, _ in rows.values() for name in names]
    styles = {name: style._asdict() for name, style in zip(order, PALETTE, strict=False)}
    for column, (title, (curves, end)) in enumerate(panels.items()):
        for row, (label, (names, limits)) in enumerate(rows.items()):
            axis = axes[row, column]
            for name in names:
                mean_and_dots(axis, name, curves[name], styles[name])
            axis.axvline(end, color="#999999", linewidth=1)
            axis.set(xscale="log", ylim=limits)
            if column == 0:
                axis.set_ylabel(label)
        axes[0, column].set_title(title)
        axes[-1, column].set_xlabel("epoch")
        lines = axes[-1, column].xaxis  # plain numbers in place of powers
        lines.set_major_locator(LogLocator(10, (1, 2, 5)))
        lines.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        lines.set_minor_locator(NullLocator())
    legend_below(figure, ncols=4)
    return figure


def chosen_by(
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]], y_label: str
) -> Figure:
    """Draw what several settings reach against what they would be chosen by.

    Args:
        panels: For each name of a loss, and each setting, the loss and what is reached, one value for each
            seed; at most six settings.
        y_label: What is reached.

    Returns:
        The figure, one panel beside the other: a large marker for the means of a setting, small ones for
        the seeds.
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(1.0 + 3.0 * len(panels), 3.6), sharey=True, squeeze=False
    )
    for axis, (loss, settings) in zip(axes.flat, panels.items(), strict=True):
        for (name, (losses, reached)), marker in zip(settings.items(), _MARKERS, strict=False):
            face = PALETTE[0].color if name in list(settings)[::2] else "white"
            look = {"color": PALETTE[0].color, "linestyle": "None", "marker": marker}
            axis.plot(losses, reached, markersize=3, alpha=0.45, markerfacecolor=face, **look)
            means = [np.mean(losses)], [np.mean(reached)]
            axis.plot(*means, markersize=9, markerfacecolor=face, label=name, **look)
        axis.set_xlabel(loss)
    axes[0, 0].set_ylabel(y_label)
    legend_below(figure, ncols=3)
    return figure
