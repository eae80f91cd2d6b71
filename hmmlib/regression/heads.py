"""Heads by least squares: of the smallest norm, or with a penalty."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, real_array
from hmmlib.regression.tasks import check_not_negative

# Singular values below this share of the largest are rounding.
_ROUNDING = 1e-12


class RidgeFit(NamedTuple):
    """A head, and the penalty with which it was fitted.

    Attributes:
        head: Weights, shape (p,).
        penalty: The penalty.
    """

    head: Tensor
    penalty: float


def min_norm_head(features: ArrayLike, targets: ArrayLike) -> Tensor:
    """The head of least squares; where many fit as well, that of the smallest norm.

    Args:
        features: Shape (n, p).
        targets: Shape (n,).

    Returns:
        Weights, double precision, shape (p,).

    Raises:
        TypeError: No real numbers.
        ValueError: Shapes that do not fit, or numbers that are not finite.
    """
    x, y = _checked(features, targets)
    left, values, right = torch.linalg.svd(x, full_matrices=False)
    kept = values > _ROUNDING * values[0]
    return right[kept].T @ ((left.T @ y)[kept] / values[kept])


def ridge_head(features: ArrayLike, targets: ArrayLike, penalty: float) -> Tensor:
    """The head w of the least |y − X w|² + penalty · |w|².

    Args:
        features: X, shape (n, p).
        targets: y, shape (n,).
        penalty: At least 0; 0 for `min_norm_head`.

    Returns:
        Weights, double precision, shape (p,).

    Raises:
        TypeError: No real numbers.
        ValueError: Shapes that do not fit, numbers that are not finite, or a negative penalty.
    """
    penalty = check_not_negative(penalty, "penalty")
    if penalty == 0:
        return min_norm_head(features, targets)
    x, y = _checked(features, targets)
    left, values, right = torch.linalg.svd(x, full_matrices=False)
    return right.T @ (values / (values.square() + penalty) * (left.T @ y))


def best_ridge_head(features: ArrayLike, targets: ArrayLike, penalties: ArrayLike) -> RidgeFit:
    """The head of the penalty that is best when each example is predicted from all others.

    No head is fitted anew for that: the errors follow from one fit with all.

    Args:
        features: Shape (n, p), n at least 2.
        targets: Shape (n,).
        penalties: Above 0, shape (m,).

    Returns:
        The head, and its penalty.

    Raises:
        TypeError: No real numbers.
        ValueError: Shapes that do not fit, numbers that are not finite, one example alone, or a penalty that
            is not above 0.
    """
    x, y = _checked(features, targets)
    if len(x) < 2:
        raise ValueError("features: expected two examples or more, got 1")
    tried = real_array(penalties, "penalties", (-1,)).tolist()
    for index, penalty in enumerate(tried):
        if penalty <= 0:
            raise ValueError(f"penalties: expected numbers above 0, got {penalty:g} at [{index}]")
    left, values, _ = torch.linalg.svd(x, full_matrices=False)
    told = left.T @ y
    # What lies in no feature's direction stays as it is; nothing does where features are as many as examples.
    wide = x.shape[1] >= len(x)
    outside = 0 if wide else y - left @ told
    free = 0 if wide else 1 - left.square().sum(1)
    best, least = tried[0], math.inf
    for penalty in tried:
        kept = penalty / (values.square() + penalty)  # the share of a label that is not fitted
        off, others = outside + left @ (kept * told), free + left.square() @ kept
        error = float((off / others).square().mean())
        if error < least:
            best, least = penalty, error
    return RidgeFit(ridge_head(x, y, best), best)


def _checked(features: ArrayLike, targets: ArrayLike) -> tuple[Tensor, Tensor]:
    x = real_array(features, "features", (-1, -1))
    return x, real_array(targets, "targets", (len(x),))
