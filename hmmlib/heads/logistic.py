"""The best linear head by log-loss: logistic regression, solved to convergence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
import scipy
import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, as_tensor, check_kind, check_positive_int, float_tensor
from hmmlib._display import compact_repr, fields_html
from hmmlib.heads.linear import LinearHead

Penalised = Literal["values", "weights"]

# Directions of less than this share of the largest hold little but rounding noise.
RANK_TOLERANCE = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-6}
# Tokens that never get this likely are left at that, lest a head's weights overflow.
SMALLEST_FEATURE = 1e-200
# Length of the gradient, in whitened coordinates, at which to stop.
GRADIENT_TOLERANCE = 1e-10
# Fall of the loss still to be had, in nats, at which the optimum counts as reached.
GAIN_TOLERANCE = 1e-9


class LogisticFit(NamedTuple):
    """A head fitted to labels.

    Attributes:
        head: Its weights, shape (V,).
        loss: Mean log-loss in nats, without the penalty.
        accuracy: Share of the labels that the head gets right.
        converged: Whether what is left to gain, by the curvature at the end, is below 1e-9 nats.
    """

    head: LinearHead
    loss: float
    accuracy: float
    converged: bool

    def __repr__(self) -> str:
        return compact_repr(self)

    def _repr_html_(self) -> str:
        return fields_html(self)


def logistic_head(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    l2: float = 1e-8,
    penalise: Penalised = "values",
    max_iterations: int = 1000,
) -> LogisticFit:
    """Fit a linear head to two classes: the optimum of logistic regression.

    Minimises the mean log-loss plus l2/2 times the mean square of the head's values bᵀg, or times σ² |b|²,
    where σ² is the features' total variance. There is no constant term: where features sum to one, as token
    distributions do, it is a linear function already.

    Token distributions of an HMM at the paper's temperatures are nearly one-hot and nearly repeat one
    another: tokens reach probabilities of 1e-40, and what tells two states apart may be a direction of
    relative size 1e-11.
    So every token is first scaled to be as large as the others, for even the smallest probabilities are known
    to many digits; then the features are whitened by their singular vectors. Directions below 1e-12 of the
    largest (1e-6 for features in float32) are dropped, as they hold little but rounding noise. Otherwise
    neither step changes the optimum, only how well it can be found.

    Example:
        >>> from hmmlib import logistic_head
        >>> fit = logistic_head([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]], [1, 1, 0, 0], l2=1e-3)
        >>> fit.accuracy, fit.converged
        (1.0, True)

    Args:
        features: One row per text, any finite numbers, shape (n, V).
        labels: 0 or 1, integers, shape (n,).
        l2: Weight of the penalty, ≥ 0. Without one, classes that a head can separate have no optimum.
        penalise: What the penalty is on. 'values' treats all directions alike, however little features vary
            along them, which token distributions need. 'weights' prefers directions along which they vary
            much, which is better where weights are as many as texts.
        max_iterations: Of Newton's method in a trust region, ≥ 1.

    Returns:
        The head, in float64 on the features' device, and how it does on these texts.

    Raises:
        TypeError: Features that are not real numbers, or labels that are not integers.
        ValueError: Shapes that do not fit, no texts, a feature that is not finite, a label that is neither 0
            nor 1, a negative penalty, another word for what is penalised, or no iterations.
    """
    if penalise not in get_args(Penalised):
        raise ValueError(f"penalise: expected one of {get_args(Penalised)}, got {penalise!r}")
    rows = check_features(features)
    classes = check_binary_labels(labels, len(rows))
    l2 = check_penalty(l2)
    max_iterations = check_positive_int(max_iterations, "max_iterations")
    table = rows.numpy(force=True)
    whitening = whitening_map(table) if penalise == "values" else _scaling(table)
    rows = rows.double()
    weights, converged = minimise_log_loss(
        rows.numpy(force=True) @ whitening, classes.numpy(force=True), l2, max_iterations=max_iterations
    )
    head = LinearHead(torch.from_numpy(whitening @ weights).to(rows.device))
    # Scored as it will be used, not in the whitened coordinates.
    loss, accuracy = log_loss(head.values(rows), classes.to(rows.device))
    return LogisticFit(head, loss, accuracy, converged)


def tune_logistic(
    features: ArrayLike,
    labels: ArrayLike,
    validation_features: ArrayLike,
    validation_labels: ArrayLike,
    *,
    l2s: Sequence[float] = (1e-8, 1e-6, 1e-4, 1e-2, 1e-1),
) -> LogisticFit:
    """Choose on validation texts how a linear head is penalised, and how much.

    Args:
        features: One row per text, any finite numbers, shape (n, V).
        labels: 0 or 1, integers, shape (n,).
        validation_features: Of texts to choose by, shape (m, V).
        validation_labels: Their labels, shape (m,).
        l2s: Weights of the penalty to try, each on the head's values and on its weights, as for
            `logistic_head`.

    Returns:
        The fit whose head gets most validation labels right, the first of several.

    Raises:
        TypeError: Features that are not real numbers, or labels that are not integers.
        ValueError: As for `logistic_head`, for either set of texts, or no penalty to try.
    """
    check_kind(l2s, Sequence, "l2s", "a sequence of numbers")
    if not l2s:
        raise ValueError("l2s: expected a penalty to try, got none")
    asked = check_features(validation_features, "validation_features").double()
    right = check_binary_labels(validation_labels, len(asked), "validation_labels")
    fits = [
        logistic_head(features, labels, l2=check_penalty(l2, "l2s"), penalise=penalise)
        for penalise in get_args(Penalised)
        for l2 in l2s
    ]
    width = len(fits[0].head.weights)
    if asked.shape[1] != width:
        raise ValueError(f"validation_features: expected {width} columns, as features, got {asked.shape[1]}")
    return max(fits, key=lambda fit: log_loss(fit.head.values(asked), right.to(asked.device))[1])


def log_loss(values: Tensor, labels: Tensor) -> tuple[float, float]:
    """How well a head's values fit labels.

    Args:
        values: bᵀg for each text, shape (n,).
        labels: 0 or 1, shape (n,).

    Returns:
        Mean log-loss in nats, and the share of texts whose label is 1(value ≥ 0).
    """
    signs = 2 * labels.to(values) - 1
    loss = -torch.nn.functional.logsigmoid(signs * values).mean()
    return float(loss), float(((values >= 0) == (labels == 1)).double().mean())


def whitening_map(features: np.ndarray) -> np.ndarray:
    """The linear map to coordinates with the identity as matrix of second moments.

    Args:
        features: In float64, or float32 if that is all they are known to, shape (n, V).

    Returns:
        M, float64, shape (V, rank): the columns of ``features @ M`` are orthogonal, of mean square one.
    """
    table = features.astype(np.float64)
    scale = np.abs(table).max(0)
    scale[scale < SMALLEST_FEATURE] = 1
    _, sizes, directions = np.linalg.svd(table / scale, full_matrices=False)
    kept = sizes > RANK_TOLERANCE[features.dtype] * sizes[0]
    whitening: np.ndarray = directions[kept].T / sizes[kept] * np.sqrt(len(features)) / scale[:, None]
    return whitening


def _scaling(features: np.ndarray) -> np.ndarray:
    """The map that gives features the total variance one."""
    variance = float(features.astype(np.float64).var(0).sum())
    scaling: np.ndarray = np.eye(features.shape[1]) / np.sqrt(variance or 1.0)
    return scaling


def minimise_log_loss(
    features: np.ndarray,
    labels: np.ndarray,
    l2: float,
    *,
    start: np.ndarray | None = None,
    max_iterations: int = 1000,
) -> tuple[np.ndarray, bool]:
    """Logistic regression on whitened features.

    Args:
        features: As by `whitening_map`, shape (n, rank).
        labels: 0 or 1, shape (n,).
        l2: Weight of the penalty |w|²/2, which is half the mean square of the values.
        start: Where to begin, shape (rank,); at 0 by default.
        max_iterations: When to give up.

    Returns:
        The weights w, shape (rank,), and whether they are the optimum up to rounding.
    """
    count, rank = features.shape
    signs = 2.0 * labels - 1

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margins = signs * (features @ weights)
        tail = np.exp(-np.abs(margins))
        value = (np.log1p(tail) - np.minimum(margins, 0)).mean() + l2 / 2 * weights @ weights
        slopes = np.where(margins < 0, 1, tail) / (1 + tail)
        return float(value), l2 * weights - (signs * slopes) @ features / count

    def curvature(weights: np.ndarray) -> np.ndarray:
        tail = np.exp(-np.abs(features @ weights))
        spread = tail / np.square(1 + tail) / count
        hessian: np.ndarray = (features * spread[:, None]).T @ features + l2 * np.eye(rank)
        return hessian

    origin = np.zeros(rank)
    if rank == 0:
        return origin, True
    # From a start that is worse than no head at all, the way back would be long.
    begin = origin if start is None or loss(start)[0] > loss(origin)[0] else start
    found = scipy.optimize.minimize(
        loss,
        begin,
        jac=True,
        hess=curvature,
        method="trust-exact",
        options={
            "gtol": GRADIENT_TOLERANCE,
            "maxiter": max_iterations,
            "initial_trust_radius": max(1.0, 0.1 * float(np.linalg.norm(begin))),
            "max_trust_radius": 1e12,
        },
    )
    # What another step of Newton's method would gain. It says more than scipy's own verdict, which is one of
    # failure if the last steps changed the loss by less than rounding.
    gain = found.jac @ np.linalg.lstsq(found.hess, found.jac)[0] / 2
    return found.x, bool(gain <= GAIN_TOLERANCE)


def check_penalty(l2: float, name: str = "l2") -> float:
    """Check the weight of a penalty.

    Args:
        l2: The weight.
        name: The argument's name, for the message.

    Returns:
        It, as a float.

    Raises:
        TypeError: Not a number.
        ValueError: Negative, or not finite.
    """
    if isinstance(l2, bool) or not isinstance(l2, int | float | np.integer | np.floating):
        raise TypeError(f"{name}: expected a number >= 0, got {l2!r}")
    if not (np.isfinite(l2) and l2 >= 0):
        raise ValueError(f"{name}: expected a finite number >= 0, got {l2!r}")
    return float(l2)


def check_binary_labels(labels: ArrayLike, count: int, name: str = "labels") -> Tensor:
    """Check labels of two classes.

    Args:
        labels: 0 or 1, integers, shape (count,).
        count: Number of texts.
        name: The argument's name, for the message.

    Returns:
        The labels, int64, shape (count,).

    Raises:
        TypeError: They are not integers.
        ValueError: Another shape, or a label that is neither 0 nor 1.
    """
    found = as_tensor(labels, name, f"integers of shape ({count},)")
    if found.dtype.is_floating_point or found.is_complex() or found.dtype == torch.bool:
        raise TypeError(f"{name}: expected integers, got {found.dtype}")
    if found.shape != (count,):
        raise ValueError(f"{name}: expected shape ({count},), one per text, got {tuple(found.shape)}")
    bad = ((found != 0) & (found != 1)).nonzero()
    if len(bad):
        row = int(bad[0])
        raise ValueError(f"{name}: text {row} has label {int(found[row])}; expected 0 or 1")
    return found.long()


def check_features(features: ArrayLike, name: str = "features") -> Tensor:
    """Check features.

    Args:
        features: Finite numbers, shape (n, V).
        name: The argument's name, for the message.

    Returns:
        A copy, in float32 if they came so or in half precision, else in float64.

    Raises:
        TypeError: They are not real numbers.
        ValueError: Another number of axes, an empty set, or a feature that is not finite.
    """
    known = as_tensor(features, name, "numbers of shape (n, V)")
    dtype = torch.float32 if known.dtype in (torch.float32, torch.float16, torch.bfloat16) else torch.float64
    found = float_tensor(known, name, dtype, known.device)
    if found.ndim != 2 or 0 in found.shape:
        raise ValueError(f"{name}: expected shape (n >= 1, V >= 1), got {tuple(found.shape)}")
    bad = (~torch.isfinite(found)).nonzero()
    if len(bad):
        row, column = (int(i) for i in bad[0])
        raise ValueError(
            f"{name}: row {row}, entry {column} is {float(found[row, column])}; expected a finite number"
        )
    return found
