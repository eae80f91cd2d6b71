"""The paper's Figure 3, redrawn from the numbers in its released figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from hmmlib.plotting._parts import line_with_band
from hmmlib.plotting.style import PALETTE

_FIGURE3_PANELS = (
    (
        "experiment_1",
        "H",
        (("prompt_tuning", "prompt tuning"), ("head_tuning", "head tuning")),
        "Head or prompt, vanilla HMM",
        "hidden states $H$",
    ),
    (
        "experiment_2",
        "n_flat_states",
        (
            ("memory_hmm_attention_head", "memory HMM, attention head"),
            ("vanilla_hmm_linear_head", "vanilla HMM, linear head"),
        ),
        "Memory or not",
        "hidden states, memory included",
    ),
)


def paper_figure3(results: Mapping[str, Any], axes: Sequence[Axes] | None = None) -> tuple[Axes, Axes]:
    """Draw the paper's Figure 3: downstream accuracy against the number of hidden states.

    Left, prompt tuning against head tuning on vanilla HMMs; right, memory-augmented HMMs with an
    attention head against vanilla HMMs with a linear head. Bands are 95% intervals over seeds.

    Args:
        results: The numbers, in the layout of ``book/results/figure3_paper.json``: accuracies and
            half-widths of the bands in percent.
        axes: Two axes to draw on; a new figure if absent.

    Returns:
        The axes of the left and of the right panel.

    Raises:
        ValueError: If ``axes`` are not two, or the means, intervals and state counts of a series
            are not equally many.
        KeyError: If ``results`` lacks a series.
    """
    if axes is None:
        _, axes = plt.subplots(1, 2, figsize=(7.2, 3.4), sharey=True)
    left, right = _two(axes)
    for panel, (key, x_key, series, title, x_label) in zip((left, right), _FIGURE3_PANELS, strict=True):
        experiment = results[key]
        for (name, label), line in zip(series, PALETTE, strict=False):
            line_with_band(panel, name, experiment[x_key], experiment[name], label, line)
        panel.set(title=title, xlabel=x_label, xticks=experiment[x_key], ylim=(48, 102))
        panel.legend(loc="lower left")
    left.set_ylabel("downstream accuracy (%)")
    return left, right


def _two(axes: Sequence[Axes]) -> tuple[Axes, Axes]:
    if len(axes) != 2:
        raise ValueError(f"axes: expected 2 panels, got {len(axes)}")
    return axes[0], axes[1]
