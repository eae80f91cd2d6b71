"""Causal models learn to answer after a trace: on fresh sequences, or on the same ones again and again."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from hmmlib._checks import ArrayLike, check_kind, check_members
from hmmlib._random import step_generator
from hmmlib.lm import TransformerMaskedLM
from hmmlib.pretraining import ModuleRecipe, train_module
from hmmlib.pretraining.modules import given_recipe
from hmmlib.reasoning.answers import check_vocabulary
from hmmlib.reasoning.tasks import TraceData, TraceTask

Seen = TypeVar("Seen")
_CPU = torch.device("cpu")
# What the generators of a recipe's seed are for.
_FRESH, _FIXED = 1, 2


def train_on_fresh_traces(
    lm: TransformerMaskedLM, task: TraceTask, *, recipe: ModuleRecipe | None = None
) -> TransformerMaskedLM:
    """Train a causal transformer on sequences that are new in every step.

    It learns whole sequences, the text of the query too, and can copy none: its ability to begin with, before
    it is fine-tuned.

    Args:
        lm: Where to begin; it is not changed.
        task: What sequences are drawn from.
        recipe: How.

    Returns:
        The model.

    Raises:
        TypeError: Not a transformer, a task or a recipe.
        ValueError: A model that is not causal, has another vocabulary, or too few positions.
        FloatingPointError: The loss is no longer finite; the message names the step.
    """
    recipe = given_recipe(recipe)
    check_kind(task, TraceTask, "task", "a TraceTask")
    trained = _own_copy(lm, task)

    def loss(step: int) -> Tensor:
        random = step_generator(task.model.device, recipe.seed, _FRESH, step)
        return _loss(trained, task.draw(recipe.batch, generator=random).sequences, 0)

    train_module(trained, loss, recipe)
    return trained


def fine_tune_on_traces(
    lm: TransformerMaskedLM,
    data: TraceData,
    look: Callable[[TransformerMaskedLM], Seen],
    checkpoints: ArrayLike,
    *,
    recipe: ModuleRecipe | None = None,
) -> dict[int, Seen]:
    """Train a causal transformer on given sequences, again and again, and look at it on the way.

    Each step is on rows that are drawn with replacement. The loss is that of traces and answers: queries are
    given.

    Args:
        lm: Where to begin; it is not changed.
        data: The sequences.
        look: What is done with the model at checkpoints.
        checkpoints: Numbers of steps done when it is looked at, rising; 0 is before the first.
        recipe: How.

    Returns:
        What `look` returned, by checkpoint.

    Raises:
        TypeError: Not a transformer, data of a task, a function or a recipe, or checkpoints that are not
            integers.
        ValueError: A model that is not causal, has another vocabulary, or too few positions; no checkpoint,
            checkpoints that do not rise, or one after the last step.
        FloatingPointError: The loss is no longer finite; the message names the step.
    """
    recipe = given_recipe(recipe)
    check_kind(data, TraceData, "data", "TraceData, as TraceTask.draw makes them")
    trained = _own_copy(lm, data.task)
    at = check_checkpoints(checkpoints, recipe.steps)
    if not callable(look):
        raise TypeError(f"look: expected a function of a model, got {type(look).__name__}")

    def loss(step: int) -> Tensor:
        random = step_generator(_CPU, recipe.seed, _FIXED, step)
        rows = torch.randint(len(data.sequences), (recipe.batch,), generator=random)
        return _loss(trained, data.sequences[rows], data.task.length)

    found: dict[int, Seen] = {}

    def after(done: int) -> None:
        if done in at:
            found[done] = look(trained)

    after(0)
    train_module(trained, loss, recipe, after=after)
    return found


def check_checkpoints(checkpoints: ArrayLike, steps: int) -> list[int]:
    """Check numbers of steps after which a model is looked at.

    Args:
        checkpoints: They.
        steps: Steps of the training.

    Returns:
        They.

    Raises:
        TypeError: Not integers.
        ValueError: None at all, checkpoints that do not rise, or one after the last step.
    """
    found: list[int] = check_members(checkpoints, "checkpoints", steps + 1).tolist()
    if found != sorted(set(found)):
        raise ValueError(f"checkpoints: expected rising numbers of steps, got {found}")
    return found


def _own_copy(lm: TransformerMaskedLM, task: TraceTask) -> TransformerMaskedLM:
    """A copy to be trained, of a model that can be."""
    check_kind(lm, TransformerMaskedLM, "lm", "a causal TransformerMaskedLM")
    check_vocabulary(lm, task)
    config = lm.config
    if not config.causal:
        raise ValueError("lm: predicts each token from all others; expected a causal transformer")
    if config.positions == "learned" and config.max_positions < task.n_positions:
        raise ValueError(
            f"lm: learns max_positions = {config.max_positions}; expected {task.n_positions} or more, as a "
            "sequence takes"
        )
    return copy.deepcopy(lm).eval()


def _loss(lm: TransformerMaskedLM, sequences: Tensor, first: int) -> Tensor:
    """Cross-entropy of the tokens from a position on, nats per token."""
    sequences = sequences.to(lm.device)
    logits = lm.logits(lm.embed(sequences))[:, first:]
    return F.cross_entropy(logits.flatten(0, 1), sequences[:, first:].flatten())
