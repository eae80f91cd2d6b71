"""Figures of heads and prompts tuned on exact and on pretrained models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from hmmlib.plotting._parts import HATCHED, LETTERS, line_with_band
from hmmlib.plotting.style import PALETTE
from hmmlib.tuning import Epoch

_FAINT = "#888888"

Series = Mapping[str, Sequence[float]]
Cell = Mapping[str, Any]


def two_ways() -> Figure:
    """Draw what is trained and what is frozen when a head is tuned, and when a prompt is.

    Returns:
        The figure: the head alone above, prompt and head below.
    """
    figure, axes = plt.subplots(2, 1, figsize=(6.8, 3.3))
    for panel, title, n_prompt in zip(axes, ("head tuning", "prompt tuning"), (0, 3), strict=True):
        shown = [*["$u_1$", "…", "$u_k$"][:n_prompt], "∅", "$x_1$", "$x_2$", "…", "$x_T$"]
        for place, name in enumerate(shown, 3 - n_prompt):
            trained = place < 3
            _box(panel, (place, 0), (0.86, 0.9), name, trained)
        _box(panel, (3, 1.3), (4.86, 0.9), "language model", False)
        _arrow(panel, (5.4, 0.95), (5.4, 1.25))
        _arrow(panel, (7.9, 1.75), (8.35, 1.75))
        _box(panel, (8.4, 1.3), (2.0, 0.9), "distribution at ∅", None)
        _arrow(panel, (10.45, 1.75), (10.85, 1.75))
        _box(panel, (10.9, 1.3), (1.3, 0.9), "head", True)
        _arrow(panel, (12.25, 1.75), (12.65, 1.75))
        panel.text(12.75, 1.75, "label", va="center", fontsize=10)
        panel.set(title=title, xlim=(-0.2, 14), ylim=(-0.15, 2.35), aspect="equal")
        panel.axis("off")
    _box(axes[0], (8.4, 0), (0.5, 0.5), "", True)
    axes[0].text(9.05, 0.25, "trained", va="center", fontsize=9)
    _box(axes[0], (10.9, 0), (0.5, 0.5), "", False)
    axes[0].text(11.55, 0.25, "given", va="center", fontsize=9)
    return figure


def _box(
    panel: Axes, corner: tuple[float, float], size: tuple[float, float], text: str, trained: bool | None
) -> None:
    """A box with a heavy edge if trained, shaded if not, and white with a dotted edge if it is neither."""
    own = PALETTE[1].color
    style: dict[str, Any] = {"facecolor": "#e9eef3", "edgecolor": _FAINT}
    if trained:
        style = {"facecolor": "#fbe3d0", "edgecolor": own, "linewidth": 2.2}
    elif trained is None:
        style = {"facecolor": "white", "edgecolor": _FAINT, "linestyle": ":"}
    panel.add_patch(Rectangle(corner, *size, **style))
    panel.text(corner[0] + size[0] / 2, corner[1] + size[1] / 2, text, ha="center", va="center", fontsize=10)


def _arrow(panel: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    panel.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "#444444"})


def descents(histories: Mapping[str, Sequence[Epoch]], solved: float, baseline: float) -> Figure:
    """Draw the validation loss of heads on their way, and where the solved head is.

    Args:
        histories: Name of each search, and its epochs; four at most.
        solved: Log-loss of the solved head on the same texts, nats.
        baseline: That of knowing how frequent the labels are.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.3))
    for (name, epochs), line in zip(histories.items(), PALETTE, strict=False):
        losses = [epoch.validation_loss for epoch in epochs]
        # One marker in ten: the lines stay apart where they are dense.
        axes.semilogy(range(1, 1 + len(losses)), losses, label=name, markevery=0.1, **line._asdict())
    axes.axhline(solved, color="black", linestyle=(0, (1, 1)), linewidth=1.4)
    axes.axhline(baseline, color=_FAINT, linewidth=1)
    for height, text in ((solved, "solved"), (baseline, "frequency of the labels")):
        axes.annotate(
            text,
            (1, height),
            (-2, 3),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            fontsize=9,
        )
    axes.set(xlabel="epochs", ylabel="validation loss (nats)")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def twin_probs(probs: Mapping[str, Tensor]) -> Figure:
    """Draw what is shown for two texts with different labels, a panel for each way to show it.

    Args:
        probs: Title and two distributions over tokens, shape (2, V); an even number of panels, two in a row.

    Returns:
        The figure; full bars for the first text, hatched ones for the second.
    """
    figure, axes = plt.subplots(
        len(probs) // 2, 2, figsize=(6.8, 1.9 * (len(probs) // 2)), squeeze=False, sharex=True, sharey=True
    )
    for panel, (title, pair) in zip(axes.flat, probs.items(), strict=True):
        first, second = pair.cpu().numpy()
        places = np.arange(len(first))
        panel.bar(places - 0.2, first, 0.4, color=PALETTE[0].color, label="label 0")
        panel.bar(places + 0.2, second, 0.4, label="label 1", **HATCHED)
        panel.set_title(title)
        panel.set_xticks(places, list(LETTERS[: len(first)]))
        panel.grid(visible=False, axis="x")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right upper")
    for panel in axes[:, 0]:
        panel.set_ylabel("probability")
    for panel in axes[-1]:
        panel.set_xlabel("token at the blank")
    return figure


def twins_apart(distances: Mapping[str, Tensor]) -> Figure:
    """Draw how far apart pairs of texts are in what is shown of them, in several ways.

    Args:
        distances: Name of each way and the total variation of each pair, shape (n,); four at most.

    Returns:
        The figure, a column of markers for each way, and a line at its median.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    for place, (values, line) in enumerate(zip(distances.values(), PALETTE, strict=False)):
        heights = values.cpu().numpy()
        # Spread sideways only for the eye; the same spread in every run.
        spread = np.random.default_rng(0).uniform(-0.3, 0.3, len(heights))
        axes.plot(place + spread, heights, line.marker, color=line.color, alpha=0.4, markersize=4)
        axes.plot([place - 0.38, place + 0.38], [np.median(heights)] * 2, "-", color="black", linewidth=1.6)
    axes.set_xticks(range(len(distances)), list(distances))
    axes.set(ylabel="distance of twins", ylim=(-0.03, 1.03))
    axes.grid(visible=False, axis="x")
    return figure


_PANELS = {"head": "Head alone", "prompt": "Prompt and head"}


def head_and_prompt(
    series: Mapping[str, Mapping[str, Series]],
    n_states: Sequence[int],
    dots: Mapping[str, Mapping[int, Sequence[float]]],
    n_tokens: int,
) -> Figure:
    """Draw accuracies against the number of states, heads on the left and prompts on the right.

    Args:
        series: For "head" and for "prompt", name and numbers of each curve: ``mean`` and ``interval``, the
            half-width of its band, in percent, one for each H; four at most.
        n_states: The H.
        dots: For "head" and "prompt", the accuracies of single machines behind the first curve in percent,
            for each H.
        n_tokens: V; a vertical line marks H = V.

    Returns:
        The figure.

    Raises:
        ValueError: The means or intervals of a curve are not as many as the H.
    """
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 4.2), sharey=True)
    for panel, (key, title) in zip(axes, _PANELS.items(), strict=True):
        for (name, numbers), line in zip(series[key].items(), PALETTE, strict=False):
            line_with_band(panel, name, n_states, numbers, name, line)
        for size, values in dots[key].items():
            panel.plot([size] * len(values), values, ".", color=PALETTE[0].color, alpha=0.45, markersize=5)
        panel.axvline(n_tokens, color=_FAINT, linewidth=1)
        panel.text(n_tokens, 102.5, "$H = V$", ha="center", va="bottom", fontsize=9)
        panel.set_title(title, pad=16)
        panel.set(xlabel="hidden states $H$", ylim=(40, 102), xticks=list(n_states))
    axes[0].set_ylabel("labels right (%)")
    names = {
        name: line for panel in axes for line, name in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(names.values(), names.keys(), loc="outside lower center", ncols=len(names), fontsize=9)
    return figure


def gains(series: Mapping[str, Series], n_states: Sequence[int], n_tokens: int) -> Figure:
    """Draw by how much a prompt beats a head, with intervals.

    Args:
        series: Name and numbers of each series: ``mean`` and ``interval``, the half-width, in points of
            percent, one for each H; four at most.
        n_states: The H.
        n_tokens: V; the H above it are shaded.

    Returns:
        The figure, one group of points for each H.
    """
    figure, axes = plt.subplots(figsize=(6.6, 3.5))
    groups = np.arange(len(n_states))
    shifts = np.linspace(-0.22, 0.22, len(series)) if len(series) > 1 else [0.0]
    for (name, numbers), line, shift in zip(series.items(), PALETTE, shifts, strict=False):
        style: dict[str, Any] = {"color": line.color, "marker": line.marker, "linestyle": "none"}
        axes.errorbar(groups + shift, numbers["mean"], numbers["interval"], label=name, capsize=3, **style)
    axes.axhline(0, color="#444444", linewidth=1)
    beyond = [group for group, size in zip(groups, n_states, strict=True) if size > n_tokens]
    if beyond:
        axes.axvspan(beyond[0] - 0.5, beyond[-1] + 0.5, color="#eeeeee", zorder=0)
        axes.text(beyond[0] - 0.45, 0.97, "$H > V$", transform=axes.get_xaxis_transform(), va="top")
    axes.set_xticks(groups, [str(size) for size in n_states])
    axes.set(xlabel="hidden states $H$", ylabel="prompt less head (points)")
    axes.set_xlim(-0.5, len(groups) - 0.5)
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def fitted_priors(cells: Sequence[Cell]) -> Figure:
    """Draw how far what trained models show is from exact inference under the prior that suits best.

    Args:
        cells: Records of `hmmlib.experiments.head_vs_prompt.head_vs_prompt_cell`.

    Returns:
        The figure, a dot for each machine; lines join the medians.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.3))
    sizes = sorted({cell["n_states"] for cell in cells})
    for key, name, line in zip(("without", "with"), ("no prompt", "tuned prompt"), PALETTE, strict=False):
        found = {
            size: [cell["prior"][key]["variation"] for cell in cells if cell["n_states"] == size]
            for size in sizes
        }
        medians = [float(np.median(values)) for values in found.values()]
        axes.plot(range(len(sizes)), medians, label=name, **line._asdict())
        for group, values in enumerate(found.values()):
            axes.plot([group] * len(values), values, line.marker, color=line.color, alpha=0.35, markersize=4)
    axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
    axes.set(xlabel="hidden states $H$", ylabel="total variation to the best prior", ylim=(-0.03, 1))
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
