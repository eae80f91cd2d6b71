"""Figures of what the exact model permits on the paper's HMMs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from hmmlib.plotting._parts import line_with_band
from hmmlib.plotting.style import PALETTE

_FAINT = "#888888"
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
