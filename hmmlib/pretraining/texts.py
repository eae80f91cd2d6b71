"""Masked training on texts from anywhere: a model goes on learning, and nothing is measured."""

from __future__ import annotations

import copy
import math
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_kind, check_members
from hmmlib._random import step_generator
from hmmlib._texts import check_words
from hmmlib.lm import TransformerMaskedLM
from hmmlib.pretraining.loss import step_loss
from hmmlib.pretraining.optimisers import Optimisers
from hmmlib.pretraining.recipe import PretrainingRecipe


@runtime_checkable
class TextSource(Protocol):
    """Where texts come from; `TextStream` and `Corpus` are such."""

    def batch(self, step: int, size: int, length: int) -> Tensor:
        """Texts of one step.

        Args:
            step: Number of the step, from 0.
            size: Number of texts.
            length: Tokens in each.

        Returns:
            Tokens, integers, shape (size, length).
        """


def train_on_texts(
    lm: TransformerMaskedLM,
    texts: TextSource,
    recipe: PretrainingRecipe,
    *,
    never_hidden: ArrayLike | None = None,
) -> TransformerMaskedLM:
    """Train a model to predict hidden tokens of any texts.

    Args:
        lm: Where to begin; it is not changed.
        texts: Where texts come from. Step s of the recipe asks for ``batch(s, size, length)`` of its stage.
        recipe: Stages, masking and rates; its transformer is not looked at.
        never_hidden: Tokens that are neither hidden nor predicted, such as separators; none if not given.

    Returns:
        The trained model.

    Raises:
        TypeError: Not a transformer, a source of texts, or a recipe.
        ValueError: A token out of range, or texts of another shape or with unknown tokens.
        FloatingPointError: The loss is no longer finite, as where a batch has nothing to predict; the
            message names the step.
    """
    check_kind(lm, TransformerMaskedLM, "lm", "a TransformerMaskedLM")
    check_kind(recipe, PretrainingRecipe, "recipe", "a PretrainingRecipe")
    if not isinstance(texts, TextSource):
        raise TypeError(f"texts: expected an object with batch(step, size, length), got {texts!r}")
    trained = copy.deepcopy(lm)
    device = trained.device
    kept = None
    if never_hidden is not None:
        kept = check_members(never_hidden, "never_hidden", lm.n_tokens).to(device)
    optimisers = Optimisers(trained, recipe)
    scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "float16")
    trained.train()
    for step in range(recipe.n_steps):
        _, stage = recipe.stage_at(step)
        tokens = check_words(texts.batch(step, stage.batch, stage.length), lm.n_tokens, "texts", stage.length)
        random = step_generator(device, recipe.seed, 1, step)
        loss = step_loss(trained, trained.logits, tokens.to(device), recipe, random, kept)
        if not math.isfinite(nats := float(loss.detach())):
            raise FloatingPointError(f"the loss is {nats} at step {step} of {recipe.n_steps}")
        scaler.scale(loss).backward()
        optimisers.step(step, scaler)
    return trained.eval()
