"""Attention heads fitted to the outputs of a model: by AdamW, and from where that ends by L-BFGS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import scipy
import torch
from torch import Tensor

from hmmlib._random import step_generator
from hmmlib.heads import SoftAttentionHead
from hmmlib.heads._grouped import GroupedTexts
from hmmlib.tuning._training import Trainable, Trained, class_loss, score, train_at_best_rate
from hmmlib.tuning.recipe import TuningRecipe
from hmmlib.tuning.tuned import SolverStep

# Of L-BFGS: its steps, the largest derivative and the relative fall of the loss in a step at which it ends.
# The loss has local minima and long flat valleys: more steps gain less than another start.
_MOST_STEPS = 100
_GRADIENT_TOLERANCE = 1e-7
_LOSS_TOLERANCE = 1e-10
# Starts that go on by L-BFGS. It is the dearer part, and where AdamW ends tells which valley it is in.
_CARRIED_ON = 3


class ShownTexts(NamedTuple):
    """What a model shows of labelled texts.

    Attributes:
        probs: Token distributions at the blank and the text, shape (n, 1 + time, V).
        tokens: The blank and the text, shape (n, 1 + time).
        labels: Classes, shape (n,).
    """

    probs: Tensor
    tokens: Tensor
    labels: Tensor

    def to(self, dtype: torch.dtype) -> ShownTexts:
        """The same in another number type.

        Args:
            dtype: Of the distributions.

        Returns:
            The texts.
        """
        return self._replace(probs=self.probs.to(dtype))


class AttentionTraining:
    """What a `SoftAttentionHead` is fitted to, and how.

    Args:
        train: What it is fitted to.
        validation: What it is chosen by.
        embeddings: The head's embeddings, which stay as they are; or None.
        size: d, the length of queries.
        n_classes: Number of classes.
    """

    def __init__(
        self,
        train: ShownTexts,
        validation: ShownTexts,
        embeddings: Tensor | None,
        size: int,
        n_classes: int,
    ) -> None:
        self.train_texts, self.validation, self.embeddings = train, validation, embeddings
        n_positions, n_tokens = train.probs.shape[1:]
        self.shapes = [(size,), (size, n_tokens), (n_positions, size), (size, n_tokens), (n_classes, size)]

    def start(self, recipe: TuningRecipe, number: int) -> list[Tensor]:
        """Random parameters, those of positions zero.

        Args:
            recipe: Has the seed.
            number: Which start.

        Returns:
            Query, projection, positions, readout and weights.
        """
        random = step_generator(torch.device("cpu"), recipe.seed, 0, number)
        parts = [
            torch.randn(shape, generator=random, dtype=torch.float64, device="cpu") for shape in self.shapes
        ]
        query, _, positions, _, weights = parts
        query /= len(query) ** 0.5
        positions.zero_()
        weights /= len(query) ** 0.5
        return [part.to(self.train_texts.probs) for part in parts]

    def head(self, parts: Sequence[Tensor]) -> SoftAttentionHead:
        """The head with given parameters.

        Args:
            parts: Query, projection, positions, readout and weights.

        Returns:
            The head.
        """
        query, projection, positions, readout, weights = parts
        return SoftAttentionHead(query, projection, positions, readout, weights, self.embeddings)

    def train(
        self, recipe: TuningRecipe, progress: bool, number: int = 0
    ) -> tuple[SoftAttentionHead, Trained]:
        """Train by AdamW.

        Args:
            recipe: How.
            progress: Whether to show a bar.
            number: Which start.

        Returns:
            The head, and how it was found.
        """
        probs, tokens, _ = self.train_texts

        def begin() -> Trainable:
            parts = [part.requires_grad_() for part in self.start(recipe, number)]

            def train_values(rows: Tensor) -> Tensor:
                rows = rows.to(probs.device)
                return self._log_odds(parts).values(probs[rows], tokens[rows])

            return Trainable(parts, train_values, lambda: self._log_odds(parts).values(*self.validation[:2]))

        found = train_at_best_rate(begin, (self.train_texts.labels, self.validation.labels), recipe, progress)
        return self.head(found.parameters), found

    def solve(self, recipe: TuningRecipe) -> tuple[SoftAttentionHead, Trained]:
        """Train by AdamW from several starts, and go on from the best of them by L-BFGS.

        Single precision tells well enough which starts are the best. L-BFGS is in double precision.

        Args:
            recipe: How AdamW trains, and the number of starts.

        Returns:
            The head that is best on the validation texts, and how it was found.
        """
        single, double = self.to(torch.float32), self.to(torch.float64)
        begun = [single.train(recipe, False, number)[1] for number in range(recipe.starts)]
        tries = []
        for first in sorted(begun, key=lambda one: one.loss)[:_CARRIED_ON]:
            found = double.solve_from([part.double() for part in first.parameters])
            tries.append(replace(found, learning_rate=first.learning_rate))
        best = min(tries, key=lambda one: one.loss)
        return double.head(best.parameters), best

    def to(self, dtype: torch.dtype) -> AttentionTraining:
        """The same in another number type.

        Args:
            dtype: Of the texts' distributions and of the parameters.

        Returns:
            The same texts, ready for training.
        """
        embeddings = None if self.embeddings is None else self.embeddings.to(dtype)
        size, n_classes = self.shapes[0][0], self.shapes[-1][0]
        texts = self.train_texts.to(dtype), self.validation.to(dtype)
        return AttentionTraining(*texts, embeddings, size, n_classes)

    def solve_from(self, start: Sequence[Tensor]) -> Trained:
        """Minimise by L-BFGS from one start, in the number type of the texts' distributions.

        Args:
            start: Query, projection, positions, readout and weights.

        Returns:
            The best on the validation texts, and all steps; the first is the start.
        """
        history: list[SolverStep] = []
        best: list[Tensor] = []
        train, validation = (GroupedTexts(*texts[:2]) for texts in (self.train_texts, self.validation))

        def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
            parts = [part.requires_grad_() for part in self._parts(flat)]
            loss = class_loss(train.values(self._log_odds(parts)), self.train_texts.labels)
            return float(loss.detach()), _flat(torch.autograd.grad(loss, parts))

        def record(intermediate_result: scipy.optimize.OptimizeResult) -> None:
            nonlocal best
            parts = self._parts(intermediate_result.x)
            with torch.no_grad():
                loss, accuracy = score(validation.values(self._log_odds(parts)), self.validation.labels)
            if not history or loss < min(step.validation_loss for step in history):
                best = parts
            history.append(SolverStep(len(history), float(intermediate_result.fun), loss, accuracy))

        begin = _flat(start)
        record(scipy.optimize.OptimizeResult(x=begin, fun=loss_and_gradient(begin)[0]))
        end = scipy.optimize.minimize(
            loss_and_gradient,
            begin,
            jac=True,
            method="L-BFGS-B",
            callback=record,
            options={
                "maxiter": _MOST_STEPS,
                "maxfun": 10 * _MOST_STEPS,
                "maxcor": 20,
                "gtol": _GRADIENT_TOLERANCE,
                "ftol": _LOSS_TOLERANCE,
            },
        )
        return Trained(best, tuple(history), None, bool(end.success))

    def _log_odds(self, parts: Sequence[Tensor]) -> SoftAttentionHead:
        """The head; of two classes with one row of weights, which has the same loss for half the work."""
        *others, weights = parts
        return self.head([*others, weights[1] - weights[0]] if len(weights) == 2 else parts)

    def _parts(self, flat: np.ndarray) -> list[Tensor]:
        numbers = torch.tensor(flat, device=self.train_texts.probs.device)
        sizes = [int(np.prod(shape)) for shape in self.shapes]
        return [part.reshape(shape) for part, shape in zip(numbers.split(sizes), self.shapes, strict=True)]


def _flat(parts: Sequence[Tensor]) -> np.ndarray:
    return torch.cat([part.flatten() for part in parts]).numpy(force=True)
