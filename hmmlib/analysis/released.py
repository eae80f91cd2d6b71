"""What the paper's released code does otherwise than its text, where that can be computed."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike
from hmmlib.hmm import HMM, posteriors
from hmmlib.tasks import PosteriorTask


def released_scores(task: PosteriorTask, tokens: ArrayLike) -> Tensor:
    """Scores of the classes as the released code computes them, for tasks on vanilla HMMs.

    It takes the initial distribution for that of the state behind the *first word*, computes P[H_1 | x] with
    it, and goes one step back by A^T P[H_1 | x]. That is P[H_0 | x] if all states are as probable at the
    blank.

    Args:
        task: The task.
        tokens: Texts x, integers 0 … V − 1, shape (n, time).

    Returns:
        Shape (n, n_classes).

    Raises:
        TypeError: The task's model has a memory, or the tokens are not integers.
        ValueError: As for `hmmlib.posteriors`.
    """
    model = task.model
    if not isinstance(model, HMM):
        raise TypeError(f"task: expected one on an HMM, got {type(model).__name__}")
    first = posteriors(model, tokens, keep=["smoothed"]).smoothed[:, 0]
    return first @ model.transition.T @ task.weights.T


def log_ratio(task: PosteriorTask, tokens: ArrayLike) -> Tensor:
    """How far apart the two sides of a task of two classes are.

    Args:
        task: The task.
        tokens: Texts x, integers 0 … V − 1, shape (n, time).

    Returns:
        The logarithm of the positive part of μᵀ P[H_0 | x] over its negative part, shape (n,): infinite where
        one part is zero, NaN where both are.
    """
    posterior, mu = task.posterior(tokens), task.mu
    return torch.log(posterior @ mu.clamp_min(0)) - torch.log(posterior @ (-mu).clamp_min(0))
