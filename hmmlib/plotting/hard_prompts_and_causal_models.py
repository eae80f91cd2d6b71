"""Figures of hard prompts and causal models: which priors strings of tokens reach, what is forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from hmmlib.plotting._parts import CORNERS, draw_simplex
from hmmlib.plotting.style import PALETTE


def reachable_priors(
    priors: Sequence[Tensor], columns: Tensor, states: Sequence[str], contrast: tuple[int, int]
) -> Figure:
    """Draw the priors that strings of tokens leave under the blank, for a model of three states.

    Args:
        priors: For each length 1, 2, … the distributions ρ, shape (n_strings, 3).
        columns: The columns of A, between which all priors lie, one per row, shape (3, 3).
        states: Names of the three states.
        contrast: Two states: the right panel shows ρ of the first minus ρ of the second.

    Returns:
        The figure: all strings in the triangle of distributions on the left; on the right each length has a
        row of its own, and soft prompts reach all between the two lines.
    """
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.2), width_ratios=(1, 1.25))
    draw_simplex(axes[0], "the triangle of priors", "state")
    for text, name in zip(axes[0].texts, states, strict=False):
        text.set_text(name)
    corners = columns.cpu().numpy() @ CORNERS
    outline = np.vstack([corners, corners[:1]])
    ours, other = PALETTE[0].color, PALETTE[1].color
    axes[0].plot(*outline.T, "--", color=other, linewidth=1.6, label="soft prompts")
    flat = np.vstack([table.cpu().numpy() for table in priors]) @ CORNERS
    axes[0].plot(*flat.T, "o", color=ours, markersize=2.5, label="strings of tokens")
    one, two = contrast
    gaps = (columns[:, one] - columns[:, two]).cpu().numpy()
    for edge in (gaps.min(), gaps.max()):
        axes[1].axvline(float(edge), color=other, linewidth=1.6, linestyle="--")
    for length, table in enumerate(priors, 1):
        gap = (table[:, one] - table[:, two]).cpu().numpy()
        axes[1].plot(gap, np.full(len(gap), length), "|", color=ours, markersize=9)
    title = f"prior of {states[one]} − prior of {states[two]}"
    axes[1].set(xlabel=title, ylabel="tokens in the string", yticks=range(1, len(priors) + 1))
    axes[1].set_ylim(len(priors) + 0.6, 0.4)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=2)
    return figure


def curves_by_length(
    lengths: Sequence[int],
    series: Mapping[str, Sequence[float]],
    *,
    x_label: str,
    y_label: str,
    log: bool = False,
    level: tuple[str, float] | None = None,
) -> Figure:
    """Draw how something changes with the length of a prompt or a text.

    Args:
        lengths: The lengths.
        series: Name and values, one per length; a shorter series ends early.
        x_label: What is counted.
        y_label: What is shown.
        log: Whether the vertical axis is logarithmic.
        level: Name and height of a horizontal line.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    for (name, values), line in zip(series.items(), PALETTE, strict=False):
        axes.plot(list(lengths)[: len(values)], list(values), label=name, **line._asdict())
    if level is not None:
        axes.axhline(level[1], color="#444444", linewidth=1, linestyle=":", label=level[0])
    axes.set(xlabel=x_label, ylabel=y_label, xticks=list(lengths))
    if log:
        axes.set_yscale("log")
    figure.legend(loc="outside lower center", ncols=2)
    return figure
