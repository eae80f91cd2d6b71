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
    features: ArrayLike,
    labels: ArrayLike,
    sizes: Sequence[int],
    *,
    probs: ArrayLike | None = None,
    asked: tuple[ArrayLike, ArrayLike] | None = None,
) -> Tensor:
    """Probability that the nearest of N random references has another label than the text that is asked.

    References are drawn independently from a distribution over finitely many texts. Sorted by their distance
    from the text that is asked, the nearest is at the distance r with the probability (1 − P[nearer than
    r])^N − (1 − P[at r or nearer])^N. Of references that are equally near, any one may be the nearest, each
    as often as it is drawn. So no reference has to be drawn.

    Example:
        >>> from hmmlib.heads import nearest_error
        >>> nearest_error([[0.0], [1.0]], [0, 1], (1, 2, 10)).tolist()
        [0.5, 0.25, 0.0009765625]

    Args:
        features: What is shown of each text that references are drawn from, shape (M, d).
        labels: Their classes, integers, shape (M,).
        sizes: Numbers N of references.
        probs: How probable each text is, above 0, with the sum 1, shape (M,); all the same if not given.
        asked: Other texts that are asked, each as often: what is shown of them, shape (m, d), and their
            classes, shape (m,). If not given, what is asked is drawn as references are.

    Returns:
        A probability for each size, double precision, shape (len(sizes),).

    Raises:
        TypeError: No numbers, labels or sizes that are not integers.
        ValueError: Shapes that do not fit, numbers that are not finite, a size below 1, or probabilities
            that are not above 0 or do not sum to 1.
    """
    x = real_array(features, "features", (-1, -1))
    y = _classes(labels, len(x), "labels")
    check_kind(sizes, Sequence, "sizes", "a sequence of integers")
    powers = np.array([check_positive_int(size, "sizes") for size in sizes])[:, None]
    shares = _shares(probs, len(x))
    table = x.numpy(force=True)
    questions: tuple[np.ndarray, np.ndarray, np.ndarray] = (table, y, shares)
    if asked is not None:
        if len(check_kind(asked, tuple, "asked", "a tuple of features and labels")) != 2:
            raise ValueError(f"asked: expected features and labels, got {len(asked)} things")
        rows = real_array(asked[0], "asked", (-1, x.shape[1])).numpy(force=True)
        questions = rows, _classes(asked[1], len(rows), "asked"), _shares(None, len(rows))
    errors = np.zeros(len(powers))
    for row, label, share in zip(*questions, strict=True):
        squares = np.square(table - row).sum(1)
        order = np.argsort(squares, kind="stable")
        begins = np.flatnonzero(np.diff(squares[order], prepend=-np.inf) > _TIE * squares.max())
        mass = np.add.reduceat(shares[order], begins)
        wrong = np.add.reduceat(shares[order] * (y[order] != label), begins)
        # The last of all is at the largest distance, whatever rounding says.
        beyond = np.concatenate([[1.0], np.clip(1 - np.cumsum(mass[:-1]), 0, None), [0.0]])
        nearest = -np.diff(beyond**powers)
        errors += share * (nearest @ (wrong / mass))
    return torch.from_numpy(errors)


def _classes(labels: ArrayLike, count: int, name: str) -> np.ndarray:
    found = check_integers(as_tensor(labels, name, "integers"), name)
    if found.shape != (count,):
        raise ValueError(f"{name}: expected labels of shape ({count},), got {tuple(found.shape)}")
    classes: np.ndarray = found.numpy(force=True)
    return classes


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
