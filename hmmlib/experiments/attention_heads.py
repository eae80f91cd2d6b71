"""Attention heads of a cell: that of the paper's recipe, and the best that was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from hmmlib.lm import MaskedLM
from hmmlib.tasks import TaskData
from hmmlib.tuning import Tuned, TuningRecipe, tune_head

AttentionKind = Literal["attention", "plain attention"]


def attention_heads(
    lm: MaskedLM,
    data: TaskData,
    recipes: Mapping[str, TuningRecipe],
    *,
    head: AttentionKind = "attention",
    **reading: Any,
) -> tuple[Tuned, Tuned]:
    """Train attention heads by the paper's recipe, and from several starts and for longer.

    Args:
        lm: The language model.
        data: The labelled texts.
        recipes: 'paper' and 'solved', as of `hmmlib.experiments.scales.DownstreamScale.recipes`.
        head: 'attention' or 'plain attention'.
        **reading: `reading` and `masking` of `hmmlib.tuning.tune_head`.

    Returns:
        The best of all by the loss on the validation texts, and that of the paper's recipe.

    Raises:
        ValueError: As for `hmmlib.tuning.tune_head`.
        FloatingPointError: As for `hmmlib.tuning.tune_head`.
    """
    found = [
        tune_head(lm, data, recipes[recipe], head=head, progress=False, **reading)
        for recipe in ("solved", "paper")
    ]
    return min(found, key=lambda tuned: min(step.validation_loss for step in tuned.history)), found[1]
