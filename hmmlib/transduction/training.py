"""Transducers trained for the likelihood of the right string, or for the number of wrong words."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import check_kind, check_number, check_positive, check_positive_int
from hmmlib._random import drawing_generator
from hmmlib.transduction.beams import BeamRecipe, beam_search
from hmmlib.transduction.errors import Strings, edit_distances
from hmmlib.transduction.model import HybridTransducer, Utterances, as_pairs

Criterion = Literal["likelihood", "word errors"]


def expected_errors(log_probs: Tensor, errors: Tensor) -> Tensor:
    """Expected number of errors over lists of strings, the probabilities of each list made to sum to one.

    Its derivative by a log-probability is P̂·(errors − expected errors). A constant taken from all errors of a
    list changes nothing.

    Args:
        log_probs: Of each string, with gradients, shape (n, N).
        errors: Of each string, shape (n, N).

    Returns:
        The mean over lists, a scalar.

    Raises:
        ValueError: Shapes that differ, lists of one string, which have no gradient, or errors not finite.
    """
    if log_probs.shape != errors.shape or log_probs.ndim != 2:
        raise ValueError(f"errors: expected shape {tuple(log_probs.shape)}, got {tuple(errors.shape)}")
    if log_probs.shape[1] < 2:
        raise ValueError("log_probs: expected at least two strings in a list, got one: its gradient is zero")
    if not bool(torch.isfinite(errors.double()).all()):
        raise ValueError("errors: expected finite numbers")
    return (log_probs.softmax(1) * errors.to(log_probs)).sum(1).mean()


@dataclass(frozen=True)
class TransducerRecipe:
    """How a transducer is trained, by Adam.

    Attributes:
        steps: Number of steps.
        batch: Sequences of a step.
        learning_rate: Step size.
        clip: Largest norm of a gradient.
        criterion: 'likelihood' of the right string, or expected 'word errors' over strings of a beam search.
        n_best: Strings of that search, ≥ 2.
        likelihood_weight: With word errors, how much of the other loss is added, ≥ 0.
    """

    steps: int = 500
    batch: int = 32
    learning_rate: float = 0.003
    clip: float = 5.0
    criterion: Criterion = "likelihood"
    n_best: int = 4
    likelihood_weight: float = 0.1

    def __post_init__(self) -> None:
        for name in ("steps", "batch"):
            check_positive_int(getattr(self, name), name)
        check_positive_int(self.n_best, "n_best", 2)
        for name in ("learning_rate", "clip"):
            check_positive(getattr(self, name), name)
        if self.criterion not in ("likelihood", "word errors"):
            raise ValueError(f"criterion: expected 'likelihood' or 'word errors', got {self.criterion!r}")
        if check_number(self.likelihood_weight, "likelihood_weight", "a finite number >= 0") < 0:
            raise ValueError(
                f"likelihood_weight: expected a finite number >= 0, got {self.likelihood_weight!r}"
            )


def train_transducer(
    model: HybridTransducer,
    heard: Utterances,
    said: Strings,
    *,
    generator: int | np.random.RandomState,
    recipe: TransducerRecipe | None = None,
) -> HybridTransducer:
    """Train a transducer further.

    Args:
        model: Where to begin; it is not changed.
        heard: n sequences.
        said: What was said in each, n strings.
        generator: Seed or numpy RandomState of the order of sequences.
        recipe: How.

    Returns:
        The trained transducer.

    Raises:
        TypeError: Another model or recipe, not real numbers, or words that are not integers.
        ValueError: Wrong shapes, no sequence, an empty one, an entry that is not finite, or a word out of
            range.
    """
    check_kind(model, HybridTransducer, "model", "a HybridTransducer")
    how = (
        TransducerRecipe()
        if recipe is None
        else check_kind(recipe, TransducerRecipe, "recipe", "a TransducerRecipe")
    )
    sequences, strings = as_pairs(heard, said, model.dim, model.n_words)
    random, trained = drawing_generator(generator), copy.deepcopy(model)
    optimiser = torch.optim.Adam(trained.parameters(), how.learning_rate)
    batches = _batches(sequences.frames, how.batch, random)
    for _ in range(how.steps):
        rows = next(batches)
        optimiser.zero_grad()
        _loss(
            trained, sequences.part(rows), Strings(strings.words[rows], strings.lengths[rows]), how
        ).backward()
        torch.nn.utils.clip_grad_norm_(trained.parameters(), how.clip)
        optimiser.step()
    return trained


def _batches(frames: Tensor, size: int, random: np.random.RandomState) -> Iterator[Tensor]:
    """Rows of batches, for ever; those of a batch are about as long as one another, which saves padding."""
    while True:
        order = torch.from_numpy(random.permutation(len(frames)))
        for window in order.split(8 * size):
            parts = window[frames[window].argsort(stable=True)].split(size)
            yield from (parts[i] for i in random.permutation(len(parts)))


def _loss(model: HybridTransducer, heard: Utterances, said: Strings, how: TransducerRecipe) -> Tensor:
    if how.criterion == "likelihood":
        return -model.log_probs(heard, said).mean()
    found = beam_search(model, heard, BeamRecipe(how.n_best))
    n, size = found.lengths.shape
    lists = found.flat()
    repeated = Strings(said.words.repeat_interleave(size, 0), said.lengths.repeat_interleave(size))
    errors = edit_distances(lists, repeated).view(n, size)
    encoded = model.encode(heard)
    each = Utterances(heard.x.repeat_interleave(size, 0), heard.frames.repeat_interleave(size))
    logs = model.log_probs(each, lists, encoded.repeat_interleave(size, 0)).view(n, size)
    # A place in the beam that no string took counts for nothing.
    logs = torch.where(found.log_probs > -torch.inf, logs, -1e4)
    loss = expected_errors(logs, errors)
    if how.likelihood_weight:
        loss = loss - how.likelihood_weight * model.log_probs(heard, said, encoded).mean()
    return loss
