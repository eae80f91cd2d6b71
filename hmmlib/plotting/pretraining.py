"""Figures of pretraining: loss and KL on the way, where the error sits, what a recipe costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from torch import Tensor

from hmmlib.plotting._parts import HATCHED, LEAST_KL, LETTERS, short
from hmmlib.plotting.shared import kl_maps
from hmmlib.plotting.style import PALETTE, LineStyle
from hmmlib.pretraining import History, Stage

_FAINT = "#888888"

Cell = Mapping[str, Any]


def split_by_window(sizes: Sequence[int], floor: float, kl: Sequence[float]) -> Figure:
    """Draw the cross-entropy of predictors that see a part of the text: the Bayes floor, and KL above it.

    Args:
        sizes: How many tokens on each side a predictor sees; one bar each.
        floor: Cross-entropy of the exact model that sees all, nats.
        kl: Mean KL(exact ‖ predictor) of each, nats.

    Returns:
        The figure; KL is written above each bar.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    x = range(len(sizes))
    axes.bar(x, [floor] * len(sizes), 0.62, color=PALETTE[0].color, label="Bayes floor")
    axes.bar(x, kl, 0.62, bottom=floor, label="KL, what is missed", **HATCHED)
    for place, value in zip(x, kl, strict=True):
        axes.annotate(
            short(value), (place, floor + value), (0, 3), textcoords="offset points", ha="center", fontsize=9
        )
    axes.set(xlabel="tokens seen on each side of the blank", ylabel="cross-entropy (nats)")
    axes.set_xticks(x, [str(size) for size in sizes])
    axes.set_ylim(0, 1.12 * (floor + max(kl)))
    axes.grid(visible=False, axis="x")
    axes.legend(loc="upper right")
    return figure


def training_curves(
    history: History, unigram: float, stages: Sequence[Stage] = (), windows: Mapping[int, float] | None = None
) -> Figure:
    """Draw a pretraining: cross-entropy against tokens, KL against seconds.

    Args:
        history: The measurements.
        unigram: Cross-entropy of a model that only knows how frequent each token is, nats.
        stages: The recipe's stages; lines mark where one ends, and the lengths of their texts are written.
        windows: KL of exact predictors that see so many tokens on each side, drawn as yardsticks.

    Returns:
        The figure, one panel each.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.6))
    own, other = PALETTE[0], PALETTE[1]
    millions = [tokens / 1e6 for tokens in history.column("tokens")]
    left.plot(millions, history.column("cross_entropy"), label="held-out texts", **_small(own))
    trained = [(found.tokens / 1e6, found.train_loss) for found in history.measurements if found.train_loss]
    if trained:
        style = {"color": PALETTE[2].color, "linestyle": PALETTE[2].linestyle, "linewidth": 1.1}
        left.plot(*zip(*trained, strict=True), label="its training texts", **style)
    left.axhline(unigram, color=_FAINT, linewidth=1.2, linestyle=":", label="frequencies only")
    left.axhline(
        history.exact_cross_entropy, color="black", linewidth=1.2, linestyle="--", label="Bayes floor"
    )
    left.set(xlabel="tokens seen (millions)", ylabel="cross-entropy (nats)")
    left.set_ylim(0, 1.15 * max(unigram, *history.column("cross_entropy")))
    _mark_stages(left, stages)
    left.legend(loc="upper right", fontsize=8)

    kl = [max(value, LEAST_KL) for value in history.column("kl")]
    right.semilogy(history.column("seconds"), kl, **_small(other))
    for size, value in (windows or {}).items():
        if value > min(kl) / 30:
            right.axhline(value, color=_FAINT, linewidth=1, linestyle=":")
            right.annotate(
                f"{size} on each side",
                (1, value),
                (0, 2),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha="right",
                fontsize=8,
                color="#555555",
            )
    right.set(xlabel="seconds of training", ylabel="KL to the exact model (nats)")
    return figure


def probs_side_by_side(exact: Tensor, learnt: Tensor, answers: Tensor) -> Figure:
    """Draw what the exact and a learnt model predict at the same blanks.

    Args:
        exact: Distributions at n blanks, shape (n, V).
        learnt: Those of the other model, same shape.
        answers: The tokens under the blanks, shape (n,), marked by circles.

    Returns:
        The figure: one heat map above the other.
    """
    figure, axes = plt.subplots(2, 1, figsize=(6.8, 4.0), sharex=True)
    for panel, probs, title in zip(axes, (exact, learnt), ("exact", "learnt"), strict=True):
        image = panel.imshow(probs.T.cpu().numpy(), vmin=0, vmax=1, aspect="auto")
        panel.plot(
            answers.cpu().numpy(),
            "o",
            color="white",
            markerfacecolor="none",
            markersize=5,
            markeredgewidth=1.2,
        )
        panel.set(title=title, ylabel="token")
        n_tokens = probs.shape[1]
        if n_tokens <= len(LETTERS):
            panel.set_yticks(range(n_tokens), list(LETTERS[:n_tokens]), fontsize=8)
        panel.grid(visible=False)
    axes[-1].set_xlabel("blank")
    figure.colorbar(image, ax=axes, label="probability", fraction=0.04)
    return figure


def kl_by_seed(cells: Sequence[Cell], rate: str = "0.05") -> Figure:
    """Draw the KL that pretraining leaves on every HMM, as heat maps with a row for each point.

    Args:
        cells: Records of `hmmlib.experiments.pretraining.pretraining_cell`.
        rate: Which test, by its rate of blanks.

    Returns:
        The figure: vanilla HMMs and, beside them, those with memory; a column for each seed, and one for
        the median.
    """
    panels: dict[str, dict[str, dict[str, float]]] = {}
    for cell in sorted(cells, key=lambda one: (one["n_values"] > 0, one["n_states"], one["seed"])):
        panel = panels.setdefault("with a memory" if cell["n_values"] else "vanilla", {})
        row = panel.setdefault(str(cell["n_states"]), {})
        row[str(cell["seed"])] = cell["tests"][rate]["kl"]
    for panel in panels.values():
        for row in panel.values():
            row["median"] = float(np.median(list(row.values())))
    return kl_maps(panels, rows="hidden states, memory included", columns="seed")


def kl_by_place(cells: Sequence[Cell], least_blanks: int = 200, width: int = 8) -> Figure:
    """Draw how KL depends on a blank's place: its position in the text, and the number of blanks nearby.

    KL is divided by the run's mean over all blanks of the same test; the line is the median over runs, and
    the band holds the middle half of them.

    Args:
        cells: Records of `hmmlib.experiments.pretraining.pretraining_cell`.
        least_blanks: Groups with fewer blanks in some run are left out.
        width: Positions in a group, as in the records.

    Returns:
        The figure: position on the left, other blanks nearby on the right, a line for each rate of blanks.
    """
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.3), sharey=True)
    panels = (("by_position", "position in the text", width), ("by_neighbours", "other blanks within 8", 1))
    for panel, (table, label, scale) in zip(axes, panels, strict=True):
        for rate, line in zip(cells[0]["tests"], PALETTE, strict=False):
            groups, ratios = _relative_kl([cell["tests"][rate] for cell in cells], table, least_blanks)
            x = [scale * group + (scale - 1) / 2 for group in groups]
            low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75], axis=0)
            panel.plot(x, middle, label=f"{float(rate):.0%} blanks", **_small(line))
            panel.fill_between(x, low, high, color=line.color, alpha=0.15, linewidth=0)
        panel.axhline(1, color=_FAINT, linewidth=1)
        panel.set_xlabel(label)
        panel.set_yscale("log", base=2)
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes[0].set_ylabel("KL, mean of the run = 1")
    axes[0].legend(loc="upper center")
    return figure


def ladder_curves(runs: Mapping[str, Sequence[Cell]]) -> Figure:
    """Draw the cross-entropy on the way for several recipes, one panel each.

    Each run has a machine of its own. So that runs can be compared, cross-entropy is drawn as the share of
    the gap that is left: 1 is a model that only knows how frequent each token is, 0 the Bayes floor.

    Args:
        runs: Name of each recipe and its records, one per seed, of
            `hmmlib.experiments.pretraining.pretraining_cell`.

    Returns:
        The figure.
    """
    n_columns = min(4, len(runs) + 1)
    n_rows = len(runs) // n_columns + 1  # room for the legend
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(7.6, 2.0 * n_rows + 0.3), sharex=True, sharey=True, squeeze=False
    )
    panels = list(axes.flat)
    for number, (panel, (name, cells)) in enumerate(zip(panels, runs.items(), strict=False), 1):
        for cell, line in zip(cells, PALETTE * len(cells), strict=False):
            way, style = cell["history"], {"color": line.color, "linestyle": line.linestyle, "linewidth": 1.4}
            floor = way["bayes_floor"][0]
            left = [(value - floor) / (cell["unigram"] - floor) for value in way["cross_entropy"]]
            panel.plot(way["step"], left, label=f"seed {cell['seed']}", **style)
        panel.axhline(1, color=_FAINT, linewidth=1.2, linestyle=":", label="frequencies only")
        panel.axhline(0, color="black", linewidth=1.2, linestyle="--", label="Bayes floor")
        panel.set_title(f"{number}. {name}", fontsize=9)
    for panel in panels[len(runs) :]:
        panel.axis("off")
    panels[len(runs)].legend(*panels[0].get_legend_handles_labels(), loc="center left")
    for column in range(min(n_columns, len(runs))):
        lowest = max(row for row in range(n_rows) if row * n_columns + column < len(runs))
        axes[lowest, column].set_xlabel("steps", fontsize=9)
        axes[lowest, column].tick_params(labelbottom=True)
    figure.supylabel("share of the gap that is left", fontsize=10)
    return figure


def _small(line: LineStyle) -> dict[str, Any]:
    return line._asdict() | {"markersize": 3}


def _mark_stages(panel: Axes, stages: Sequence[Stage]) -> None:
    """Lines where a stage ends, and above the panel the length of its texts."""
    begin = 0.0
    for stage in stages if len(stages) > 1 else ():
        end = begin + stage.steps * stage.batch * stage.length / 1e6
        if begin:
            panel.axvline(begin, color=_FAINT, linewidth=1)
        panel.annotate(
            f"{stage.length} tokens",
            ((begin + end) / 2, 1),
            (0, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color="#555555",
        )
        begin = end


def _relative_kl(tests: Sequence[Cell], table: str, least_blanks: int) -> tuple[list[int], np.ndarray]:
    """Groups that are in every run, and KL there over the run's mean, shape (runs, groups)."""
    found = [
        {
            int(group): kl / test["kl"]
            for group, kl, blanks in zip(
                *(test[table][name] for name in ("group", "kl", "blanks")), strict=True
            )
            if blanks >= least_blanks
        }
        for test in tests
    ]
    groups = sorted(set.intersection(*(set(entry) for entry in found)))
    return groups, np.array([[entry[group] for group in groups] for entry in found])
