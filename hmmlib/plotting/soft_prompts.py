"""Figures of soft prompts: what they do to the prior, to what the model shows, and to the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from torch import Tensor

from hmmlib.plotting._parts import CORNERS, draw_simplex, line_with_band, zero_line
from hmmlib.plotting.style import PALETTE

_FAINT = "#888888"


def prior_under_prompt(initial: Tensor, prompt: Tensor, prior: Tensor, weighed: Sequence[int] = ()) -> Figure:
    """Draw the prior of the state under the blank without a prompt, the prompt, and the prior with it.

    Args:
        initial: π₀, shape (H,).
        prompt: One prompt vector u, shape (H,).
        prior: ρ, shape (H,).
        weighed: States that the task weighs; their bars are full, the others hatched.

    Returns:
        The figure, one panel each. A state that is switched off has a cross instead of a bar.
    """
    n_states = len(initial)
    figure, axes = plt.subplots(1, 3, figsize=(7.2, 2.5))
    titles = (r"no prompt: $\pi_0$", "prompt: $u$", r"with the prompt: $\rho$")
    labels = ("probability", "entry", "probability")
    for panel, heights, title, label in zip(axes, (initial, prompt, prior), titles, labels, strict=True):
        values = heights.cpu().numpy()
        bars = panel.bar(range(n_states), values, width=0.7, edgecolor=PALETTE[0].color)
        for state, bar in enumerate(bars):
            plain = panel is axes[1] or state in weighed
            bar.set_facecolor(PALETTE[0].color if plain else "white")
            bar.set_hatch("" if plain else "////")
        off = np.flatnonzero(values == 0)
        panel.plot(off, np.full(len(off), 0.03 * values.max()), "x", color=PALETTE[1].color, markersize=6)
        panel.set(title=title, xlabel="state", ylabel=label, ylim=(-0.02 * values.max(), 1.12 * values.max()))
        panel.set_xticks(range(0, n_states, 1 + n_states // 10))
        panel.set_xlim(-0.6, n_states - 0.4)
    return figure


def token_probs_with_prompt(
    plain: Tensor, prompted: Tensor, labels: Tensor, columns: Tensor, reached: Sequence[int], head: Tensor
) -> Figure:
    """Draw what a model with three tokens shows at the blank, without and with a prompt.

    Args:
        plain: Ḡ at the blank without the prompt, shape (batch, 3).
        prompted: Ḡ at the blank with it, shape (batch, 3).
        labels: 0 or 1, shape (batch,).
        columns: The columns of W, one row per state, shape (H, 3).
        reached: States that the prompt leaves under the blank.
        head: Weights b of the head that goes with the prompt, shape (3,).

    Returns:
        The figure: without the prompt on the left, with it and the head's line on the right.
    """
    figure, axes = plt.subplots(1, 2, figsize=(6.8, 3.3))
    panels = (
        (plain, range(len(columns)), "without a prompt"),
        (prompted, reached, "with the prompt"),
    )
    for panel, (probs, states, title) in zip(axes, panels, strict=True):
        draw_simplex(panel, title, "token")
        for label, (marker, line) in enumerate(zip("sD", PALETTE, strict=False)):
            flat = probs[labels == label].cpu().numpy() @ CORNERS
            panel.plot(*flat.T, marker, color=line.color, alpha=0.45, markersize=3.2, label=f"label {label}")
        kept = list(states)
        corners = columns[kept].cpu().numpy() @ CORNERS
        panel.plot(*corners.T, "o", color="black", markerfacecolor="white", markersize=6)
        middle = corners.mean(0)
        for state, corner in zip(kept, corners, strict=True):
            away = corner - middle
            shift = 0.075 * away / max(float(np.hypot(*away)), 1e-9)
            if float(np.hypot(*away)) < 0.12:  # in the midst of the others
                shift = np.array([0.0, 0.075])
            number = panel.text(*(corner + shift), str(state), ha="center", va="center", fontsize=9)
            number.set_path_effects([withStroke(linewidth=3, foreground="white")])
    axes[1].plot(*zero_line(head.cpu().numpy()).T, "-", color="black", linewidth=1.2)
    axes[0].legend(loc="upper left")
    return figure


def assumption_shares(counts: Sequence[int], series: Mapping[str, Sequence[float]]) -> Figure:
    """Draw how many random machines satisfy an assumption, against the number of states weighed.

    Args:
        counts: Numbers of states that the task weighs.
        series: Name and shares in [0, 1], one per number.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    for (name, shares), line in zip(series.items(), PALETTE, strict=False):
        axes.plot(counts, [100 * share for share in shares], label=name, **line._asdict())
    axes.set(xlabel="states that the task weighs", ylabel="machines (%)", ylim=(-3, 103), xticks=list(counts))
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 0.06))
    return figure


_PANELS = {"head": ("Head alone", "head_tuning"), "prompt": ("Prompt and head", "prompt_tuning")}


def exact_beside_paper(
    series: Mapping[str, Mapping[str, Mapping[int, Sequence[float]]]], paper: Mapping[str, Any], n_tokens: int
) -> Figure:
    """Draw accuracies on the exact model beside the paper's, heads on the left and prompts on the right.

    Args:
        series: For "head" and for "prompt", two or three named series of accuracies in [0, 1], for each H
            one per seed: the first with a dot for every seed, the last a baseline.
        paper: The paper's numbers, ``experiment_1`` in the layout of ``book/results/figure3_paper.json``.
        n_tokens: V; a vertical line marks H = V.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.9), sharey=True)
    for panel, (key, (title, curve)) in zip(axes, _PANELS.items(), strict=True):
        own = series[key]
        styles = (*PALETTE[: len(own) - 1], PALETTE[3])  # PALETTE[2] is for the paper's curve
        for (name, table), line in zip(own.items(), styles, strict=True):
            means = [100 * float(np.mean(values)) for values in table.values()]
            panel.plot(list(table), means, label=name, **line._asdict())
        for n_states, values in next(iter(own.values())).items():
            dots = [100 * value for value in values]
            panel.plot([n_states] * len(dots), dots, ".", color=PALETTE[0].color, alpha=0.3, markersize=4)
        line_with_band(panel, curve, paper["H"], paper[curve], "the paper, trained network", PALETTE[2])
        panel.axvline(n_tokens, color=_FAINT, linewidth=1)
        panel.text(n_tokens, 102.5, "$H = V$", ha="center", va="bottom", fontsize=9)
        panel.set_title(title, pad=16)
        panel.set(xlabel="hidden states $H$", ylim=(40, 102), xticks=list(paper["H"]))
        panel.legend(loc="lower left", fontsize=8)
    axes[0].set_ylabel("labels right (%)")
    return figure
