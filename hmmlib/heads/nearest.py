"""How often the nearest of random references is wrong: exactly, over all references that could be drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import (
    ArrayLike,
    as_tensor,
    check_integers,
    check_kind,
    check_positive_int,
    real_array,
)

# Squared distances that differ by less than this share of the largest are one.
_TIE = 1e-24


def nearest_error(
    features: ArrayLike, labels: ArrayLike, sizes: Sequence[int], *, probs: ArrayLike | None = None
) -> Tensor:
    """Probability that the nearest of N random references has another label than the text that is asked.

    The text and the references are drawn independently from one distribution over finitely many texts.
    Sorted by their distance from the text that is asked, the nearest reference is at the distance r with the
    probability (1 − P[nearer than r])^N − (1 − P[at r or nearer])^N. Of references that are equally near, any
    one may be the nearest, each as often as it is drawn. So no reference has to be drawn.

    Example:
        >>> from hmmlib.heads import nearest_error
        >>> nearest_error([[0.0], [1.0]], [0, 1], (1, 2, 10)).tolist()
        [0.5, 0.25, 0.0009765625]

    Args:
        features: What is shown of each text, shape (M, d).
        labels: Their classes, integers, shape (M,).
        sizes: Numbers N of references.
        probs: How probable each text is, above 0, with the sum 1, shape (M,); all the same if not given.

    Returns:
        A probability for each size, double precision, shape (len(sizes),).

    Raises:
        TypeError: No numbers, labels or sizes that are not integers.
        ValueError: Shapes that do not fit, numbers that are not finite, a size below 1, or probabilities
            that are not above 0 or do not sum to 1.
    """
    x = real_array(features, "features", (-1, -1))
    classes = check_integers(as_tensor(labels, "labels", "integers"), "labels")
    if classes.shape != (len(x),):
        raise ValueError(f"labels: expected shape ({len(x)},), got {tuple(classes.shape)}")
    check_kind(sizes, Sequence, "sizes", "a sequence of integers")
    powers = np.array([check_positive_int(size, "sizes") for size in sizes])[:, None]
    shares = _shares(probs, len(x))
    y, table = classes.numpy(force=True), x.numpy(force=True)
    errors = np.zeros(len(powers))
    for one, share in enumerate(shares):
        squares = np.square(table - table[one]).sum(1)
        order = np.argsort(squares, kind="stable")
        begins = np.flatnonzero(np.diff(squares[order], prepend=-np.inf) > _TIE * squares.max())
        mass = np.add.reduceat(shares[order], begins)
        wrong = np.add.reduceat(shares[order] * (y[order] != y[one]), begins)
        beyond = np.clip(1 - np.cumsum(mass), 0, None)
        beyond[-1] = 0.0
        nearest = np.concatenate([[1.0], beyond[:-1]]) ** powers - beyond**powers
        errors += share * (nearest @ (wrong / mass))
    return torch.from_numpy(errors)


def _shares(probs: ArrayLike | None, count: int) -> np.ndarray:
    if probs is None:
        return np.full(count, 1 / count)
    given = real_array(probs, "probs", (count,)).numpy(force=True)
    bad = np.flatnonzero(given <= 0)
    if len(bad):
        raise ValueError(f"probs: text {bad[0]} has {given[bad[0]]:g}; expected numbers above 0")
    if abs(given.sum() - 1) > 1e-8:
        raise ValueError(f"probs: expected the sum 1, got {given.sum():.10g}")
    found: np.ndarray = given / given.sum()
    return found
