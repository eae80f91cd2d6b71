"""How far apart are the predictions of two classes? The distance of their hulls, and the head at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, distributions, real_tensor
from hmmlib._display import compact_repr, fields_html
from hmmlib.certificates._labelled import check_labelled, tensor_like
from hmmlib.certificates.separation import ATTEMPTS
from hmmlib.heads import LinearHead

# Head and points that agree so well are the best there are.
_AGREE = 1e-12


@dataclass(frozen=True)
class HullDistance:
    """The total-variation distance between the convex hulls of two classes of distributions.

    For any head b with |b_j| ≤ 1, any constant c, and any points p and q of the hulls of class 1 and class 0,

        min_i y_i (bᵀg_i + c)  ≤  (bᵀp − bᵀq) / 2  ≤  ‖p − q‖₁ / 2,

    y being 1 for class 1 and −1 for class 0. So a head shows how large the distance is at least, and two
    points how large it is at most. As distributions sum to one, bᵀg + c is what a head with the weights
    b + c gives.

    Attributes:
        distance: ‖p − q‖₁ / 2, in [0, 1]; no less than that of the hulls.
        margin: The smallest y_i bᵀg_i that the head achieves; no more than the hulls' distance.
        head: A head whose weights lie within 1 of some number, shape (V,).
        certificate: Weights λ ≥ 0 of the rows, shape (n,), which sum to one half in each class; p and q are
            twice their sums of rows.
        points: q and p, the point of class 0 first, shape (2, V).
    """

    distance: float
    margin: float
    head: LinearHead
    certificate: Tensor
    points: Tensor

    __repr__ = compact_repr
    _repr_html_ = fields_html


def hull_distance(features: ArrayLike, labels: ArrayLike) -> HullDistance:
    """Find the distance between the convex hulls of two classes of token distributions, and the head at it.

    The head solves max t subject to y_i (bᵀg_i + c) ≥ t and |b_j| ≤ 1; the points solve the dual program.
    Both numbers are recomputed from the features, so neither rests on the solver.

    The distance is the error that can be borne: if every g_i moves by less in ‖·‖₁, the head stays right; and
    there are moves of this size, by vectors that sum to zero, after which no head is right.

    Example:
        >>> from hmmlib.certificates import hull_distance
        >>> found = hull_distance([[0.9, 0.1], [0.8, 0.2]], [1, 0])
        >>> round(found.distance, 3), round(found.margin, 3)
        (0.1, 0.1)

    Args:
        features: Token distributions, e.g. from `blank_probs`, shape (n, V).
        labels: Classes 0 or 1, integers, both of them, shape (n,).

    Returns:
        The distance, with the head and the points that prove it, in float64.

    Raises:
        TypeError: The features are not real numbers, or the labels not integers.
        ValueError: Shapes that do not fit, a row that is no distribution, another label, or one class only,
            as an empty set has no hull: its labels bear any error.
    """
    _, classes = check_labelled(features, labels)
    cpu = torch.device("cpu")
    rows = distributions(real_tensor(features, "features"), "features", ("row",), torch.float64, cpu).numpy()
    if len(set(classes)) < 2:
        raise ValueError(f"labels: expected both classes, got {classes[0]} alone, of which any head is right")
    # Equal rows of equal class are one constraint; λ goes to the first of them.
    distinct, first = np.unique(np.column_stack([rows, classes]), axis=0, return_index=True)
    table, signs = distinct[:, :-1], 2 * distinct[:, -1] - 1
    weights, shares = _solve(table, signs)
    margin, middle = _margin(table, signs, weights)
    certificate = np.zeros(len(rows))
    certificate[first] = shares
    points = np.stack([2 * shares[signs == sign] @ table[signs == sign] for sign in (-1, 1)])
    return HullDistance(
        distance=_distance(table, signs, shares),
        margin=margin,
        head=LinearHead(tensor_like(weights - middle, features)),
        certificate=tensor_like(certificate, features),
        points=tensor_like(points, features),
    )


def _solve(table: np.ndarray, signs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best head in the box and the best shares that any attempt found."""
    n_rows, size = table.shape
    # What holds without a solver: the head of zeros, and equal shares.
    head, shares = np.zeros(size), _balanced(np.ones(n_rows), signs)
    for method, zoom in ATTEMPTS:
        if _distance(table, signs, shares) - _margin(table, signs, head)[0] <= _AGREE:
            break
        solved = scipy.optimize.linprog(
            np.append(np.zeros(size + 1), -1.0),
            A_ub=np.column_stack([-zoom * signs[:, None] * table, -zoom * signs, np.ones(n_rows)]),
            b_ub=np.zeros(n_rows),
            # The best constant is minus the mean of two values of a head in the box.
            bounds=[(-1, 1)] * (size + 1) + [(None, None)],
            method=method,
            options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
        )
        if solved.x is None:
            continue
        weights = np.clip(solved.x[:size], -1, 1)
        head = max(head, weights, key=lambda b: _margin(table, signs, b)[0])
        multipliers = np.clip(-solved.ineqlin.marginals, 0, None)
        if all(multipliers[signs == sign].any() for sign in (-1, 1)):
            found = _balanced(multipliers, signs)
            shares = min(shares, found, key=lambda s: _distance(table, signs, s))
    return head, shares


def _balanced(multipliers: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Shares of the rows, one half for each class."""
    shares = multipliers.copy()
    for sign in (-1, 1):
        shares[signs == sign] /= 2 * shares[signs == sign].sum()
    return shares


def _margin(table: np.ndarray, signs: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """The smallest margin with the best constant, and the middle of the gap, which it takes away."""
    values = table @ weights
    least, most = values[signs > 0].min(), values[signs < 0].max()
    return float(least - most) / 2, float(least + most) / 2


def _distance(table: np.ndarray, signs: np.ndarray, shares: np.ndarray) -> float:
    return float(np.abs((shares * signs) @ table).sum())
