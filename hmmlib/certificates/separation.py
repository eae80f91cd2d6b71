"""Does any linear head get every label of this finite set right? A linear program, and a proof if not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import scipy
import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_positive, float_tensor
from hmmlib._display import compact_repr, fields_html
from hmmlib.certificates._labelled import check_labelled, tensor_like
from hmmlib.heads import LinearHead

# HiGHS drops matrix entries below 1e-9; probabilities may be as small and still decide a label, so the
# features are multiplied up. The second and third way are only for sets that the first leaves open.
ATTEMPTS = (("highs-ds", 2.0**10), ("highs-ipm", 2.0**10), ("highs-ds", 2.0**20))


@dataclass(frozen=True)
class Separation:
    """Whether a linear head can get every label of a finite set right, with the proof.

    With y = 1 for class 1 and −1 for class 0, any head b with |b_j| ≤ 1 and any λ ≥ 0 that sums to one have

        min_i y_i bᵀg_i  ≤  Σ_i λ_i y_i bᵀg_i  ≤  ‖Σ_i λ_i y_i g_i‖₁,

    so a head proves a margin possible and λ proves a larger one impossible. If the right-hand side is zero,
    the convex hulls of the two classes meet (for features that sum to one), and no head is right.

    Attributes:
        separable: Whether the best margin is above the tolerance.
        head: A head with weights of size at most 1, shape (V,); all zero if nothing better exists.
        margin: The smallest y_i bᵀg_i that this head achieves; no more than the best.
        certificate: λ, shape (n,), positive on a few rows only.
        bound: ‖Σ λ_i y_i g_i‖₁; no less than the best margin. See `certificate_bound` for exact arithmetic.
    """

    separable: bool
    head: LinearHead
    margin: float
    certificate: Tensor
    bound: float

    __repr__ = compact_repr
    _repr_html_ = fields_html


def separate(features: ArrayLike, labels: ArrayLike, *, tolerance: float = 1e-9) -> Separation:
    """Find the linear head of largest margin, or a proof that no head gets every label right.

    The head solves max t subject to y_i bᵀg_i ≥ t and |b_j| ≤ 1; λ solves the dual program,
    min ‖Σ λ_i y_i g_i‖₁ over λ ≥ 0 with Σ λ_i = 1. Both are recomputed from the features, so the verdict
    does not rest on the solver.

    The margin is strict on both sides, while `LinearHead` gives class 1 to a value of zero. For features
    that sum to one this is the same: a multiple of ones added to b moves all values up a little.

    Example:
        >>> from hmmlib import separate
        >>> separate([[0.9, 0.1], [0.2, 0.8]], [1, 0]).separable
        True
        >>> separate([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]], [1, 0, 1]).separable
        False

    Args:
        features: What a head reads of each text, e.g. from `blank_probs`, shape (n, V).
        labels: Classes 0 or 1, integers, shape (n,).
        tolerance: Margins up to this share of the largest ‖g_i‖₁ (1 for token distributions) count as none,
            as features come with rounding errors.

    Returns:
        The verdict, with head and certificate in float64.

    Raises:
        TypeError: The features are not real numbers, or the labels not integers.
        ValueError: Shapes that do not fit, a feature that is not finite, another label, or a tolerance
            that is not positive.
        RuntimeError: The best margin is too close to the tolerance for the solver to tell.
    """
    rows, classes = check_labelled(features, labels)
    tolerance = check_positive(tolerance, "tolerance")
    # Equal rows of equal class are one constraint; λ goes to the first of them.
    distinct, first = np.unique(np.column_stack([rows, classes]), axis=0, return_index=True)
    signed = distinct[:, :-1] * (2 * distinct[:, -1:] - 1)
    scale = float(np.abs(signed).sum(1).max()) or 1.0
    found = largest_margin(signed / scale, tolerance)
    if found.margin <= tolerance < found.bound:
        raise RuntimeError(
            f"tolerance: {tolerance:.3g} is too close to the best margin, which is between "
            f"{found.margin:.3g} and {found.bound:.3g} of the largest row; expected another tolerance"
        )
    certificate = np.zeros(len(rows))
    certificate[first] = found.certificate
    return Separation(
        separable=found.margin > tolerance,
        head=LinearHead(tensor_like(found.weights, features)),
        margin=_margin(signed, found.weights),
        certificate=tensor_like(certificate, features),
        bound=_bound(signed, found.certificate),
    )


def certificate_bound(features: ArrayLike, labels: ArrayLike, certificate: ArrayLike) -> float:
    """Recompute the bound of a certificate in rational numbers, free of rounding.

    Args:
        features: As for `separate`, shape (n, V).
        labels: As for `separate`, shape (n,).
        certificate: λ ≥ 0, not all zero, shape (n,); it need not sum to one.

    Returns:
        ‖Σ λ_i y_i g_i‖₁ / Σ λ_i, exact for the floats given and rounded up: no head with weights of size
        at most 1 has a larger margin.

    Raises:
        TypeError: The features or λ are not real numbers, or the labels not integers.
        ValueError: Shapes that do not fit, an entry that is not finite, another label, λ negative or zero.
    """
    rows, classes = check_labelled(features, labels)
    shares = float_tensor(certificate, "certificate", torch.float64, torch.device("cpu")).numpy()
    if shares.shape != classes.shape:
        raise ValueError(
            f"certificate: expected shape {classes.shape}, one entry per row of features, got {shares.shape}"
        )
    bad = np.flatnonzero(~np.isfinite(shares) | (shares < 0))
    if len(bad):
        raise ValueError(f"certificate: entry {bad[0]} is {shares[bad[0]]:g}; expected a finite number >= 0")
    support = np.flatnonzero(shares)
    if not len(support):
        raise ValueError("certificate: all entries are 0; expected a positive one")
    sums = [Fraction(0)] * rows.shape[1]
    for i in support:
        share = Fraction(shares[i]) * (1 if classes[i] else -1)
        sums = [total + share * Fraction(value) for total, value in zip(sums, rows[i], strict=True)]
    exact = sum((abs(total) for total in sums), Fraction(0)) / sum(Fraction(shares[i]) for i in support)
    rounded = float(exact)
    return math.nextafter(rounded, math.inf) if rounded < exact else rounded


class LargestMargin(NamedTuple):
    """What the solver found, verified.

    Attributes:
        weights: b in the box |b_j| ≤ 1, shape (V,).
        margin: The smallest value of b on a row.
        certificate: λ ≥ 0 that sums to one, shape (m,).
        bound: ‖Σ λ_i · row_i‖₁.
    """

    weights: np.ndarray
    margin: float
    certificate: np.ndarray
    bound: float


def largest_margin(signed: np.ndarray, tolerance: float) -> LargestMargin:
    """Solve max t subject to b·row ≥ t for all rows and |b_j| ≤ 1, with its dual.

    Args:
        signed: Rows y_i g_i of size about 1, shape (m, V).
        tolerance: Solve again, in other ways, while margin ≤ tolerance < bound.

    Returns:
        The best head and the best certificate that any attempt found.
    """
    n_rows, size = signed.shape
    # What holds without a solver: the head of zeros, and equal shares.
    head, shares = np.zeros(size), np.full(n_rows, 1 / n_rows)
    for method, zoom in ATTEMPTS:
        if not _margin(signed, head) <= tolerance < _bound(signed, shares):
            break
        solved = scipy.optimize.linprog(
            np.append(np.zeros(size), -1.0),
            A_ub=np.column_stack([-zoom * signed, np.ones(n_rows)]),
            b_ub=np.zeros(n_rows),
            bounds=[(-1, 1)] * size + [(None, None)],
            method=method,
            options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
        )
        if solved.x is None:
            continue
        weights = np.clip(solved.x[:size], -1, 1)
        head = max(head, weights, key=lambda b: _margin(signed, b))
        multipliers = np.clip(-solved.ineqlin.marginals, 0, None)
        if multipliers.any():
            shares = min(shares, multipliers / multipliers.sum(), key=lambda s: _bound(signed, s))
    return LargestMargin(head, _margin(signed, head), shares, _bound(signed, shares))


def _margin(signed: np.ndarray, weights: np.ndarray) -> float:
    return float((signed @ weights).min())


def _bound(signed: np.ndarray, shares: np.ndarray) -> float:
    return float(np.abs(shares @ signed).sum())
