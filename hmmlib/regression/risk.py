"""The risk of least-squares heads: E (xᵀw − βᵀz)², over texts, and in the mean over training examples too.

Up to n − 2 features the mean risk of the head of smallest norm is exact. Beyond n + 1 it is the deterministic
equivalent, which is near it where features and examples are many; between, it is infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from hmmlib._checks import ArrayLike, check_kind, check_positive_int, real_array
from hmmlib._random import drawing_generator
from hmmlib.regression.features import LinearFeatures
from hmmlib.regression.heads import min_norm_head
from hmmlib.regression.tasks import LinearTask, check_not_negative

# Variances below this share of the largest are rounding.
_ROUNDING = 1e-12


def null_risk(task: LinearTask) -> float:
    """The risk of the head that says nothing: the variance βᵀΣβ of what it should say.

    Args:
        task: The task.

    Returns:
        The risk.

    Raises:
        TypeError: Not a task.
    """
    check_kind(task, LinearTask, "task", "a LinearTask")
    return float(task.beta @ task.covariance @ task.beta)


def head_risk(head: ArrayLike, task: LinearTask, features: LinearFeatures) -> float:
    """The risk of one head, exactly: (Wᵀw − β)ᵀ Σ (Wᵀw − β) + σ_u² |w|².

    Args:
        head: Weights w, shape (p,).
        task: The task.
        features: What the head sees.

    Returns:
        The risk.

    Raises:
        TypeError: Not a task or features, or no real numbers.
        ValueError: Shapes that do not fit, or numbers that are not finite.
    """
    _check_both(task, features)
    weights = real_array(head, "head", (features.n_features,))
    off = features.weights.T @ weights - task.beta
    return float(off @ task.covariance @ off + features.noise**2 * weights.square().sum())


def sampled_risks(
    task: LinearTask,
    features: LinearFeatures,
    n: int,
    draws: int,
    *,
    fit: Callable[[Tensor, Tensor], Tensor] = min_norm_head,
    generator: int | np.random.RandomState,
) -> Tensor:
    """Risks of heads, each fitted to examples of its own.

    Args:
        task: The task.
        features: What the heads see.
        n: Number of examples of each.
        draws: How many heads.
        fit: Makes a head, shape (p,), of features, shape (n, p), and labels, shape (n,).
        generator: Seed of the examples, or numpy RandomState.

    Returns:
        The risks, double precision, shape (draws,).

    Raises:
        TypeError: Not a task or features, or a number that is not an integer.
        ValueError: Features of another hidden vector, or a number below 1.
    """
    _check_both(task, features)
    n, draws, random = (
        check_positive_int(n, "n"),
        check_positive_int(draws, "draws"),
        drawing_generator(generator),
    )
    found = []
    for _ in range(draws):
        some = task.draw(n, generator=random)
        shown = features.show(some.hidden, generator=random)
        found.append(head_risk(fit(shown, some.targets), task, features))
    return torch.tensor(found, dtype=torch.float64)


class _Spectrum(NamedTuple):
    """The covariance of the features and the best head, by eigenvectors.

    Attributes:
        variances: Eigenvalues in whose directions the features know of z, descending, shape (m,).
        rest: Number of the other directions, in which there is only noise.
        noise: Variance in each of these.
        best: Weights of the best head in the first directions, shape (m,).
        unexplained: v.
    """

    variances: Tensor
    rest: int
    noise: float
    best: Tensor
    unexplained: float


def _spectrum(task: LinearTask, features: LinearFeatures) -> _Spectrum:
    root = task.root
    shown = features.weights @ root
    # All directions of z are wanted, and of the features no more than there are.
    _, values, right = torch.linalg.svd(shown, full_matrices=shown.shape[0] < shown.shape[1])
    told = right @ (root @ task.beta)  # (d,): what is asked, by direction of z
    values = torch.cat([values, values.new_zeros(len(told) - len(values))])
    alive = values > _ROUNDING * max(float(values[0]), torch.finfo(torch.float64).tiny)
    noise = features.noise**2
    if noise <= _ROUNDING**2 * float(values[0]) ** 2:
        noise = 0.0
    variances = values.square() + noise
    left = torch.where(alive, noise / variances.clamp_min(torch.finfo(torch.float64).tiny), 1)
    return _Spectrum(
        variances[alive],
        features.n_features - int(alive.sum()),
        noise,
        (values * told)[alive] / variances[alive],
        float((left * told.square()).sum()),
    )


def unexplained_variance(task: LinearTask, features: LinearFeatures) -> float:
    """The risk of the best head on these features, v = βᵀ (Σ⁻¹ + WᵀW / σ_u²)⁻¹ β.

    Args:
        task: The task.
        features: What the head sees.

    Returns:
        The risk; that of a head fitted to ever more examples comes near to it.

    Raises:
        TypeError: Not a task, or not features.
        ValueError: Features of another hidden vector.
    """
    _check_both(task, features)
    return _spectrum(task, features).unexplained


def min_norm_risk(task: LinearTask, features: LinearFeatures, n: int) -> float:
    """The mean risk of `min_norm_head`, over training examples.

    With r directions in which features vary it is v + (v + σ_y²) r / (n − r − 1) for r < n − 1, exactly, for
    features and labels are jointly normal. For n − 1 ≤ r ≤ n + 1 it is infinite, unless nothing blurs the
    label: v = σ_y = 0. For more it is the deterministic equivalent, which is near where r − n is large.

    Args:
        task: The task.
        features: What the head sees.
        n: Number of examples.

    Returns:
        The risk, perhaps infinite.

    Raises:
        TypeError: Not a task or features, or no integer.
        ValueError: Features of another hidden vector, or fewer than one example.
    """
    _check_both(task, features)
    n = check_positive_int(n, "n")
    found = _spectrum(task, features)
    rest = found.rest if found.noise else 0
    rank, missing = len(found.variances) + rest, found.unexplained
    blurred = missing + task.label_noise**2
    if not rank:
        return missing
    if rank <= n and blurred <= _ROUNDING * null_risk(task):
        return missing  # as many equations as weights, and all of them right
    if rank < n - 1:
        return missing + blurred * rank / (n - rank - 1)
    if rank <= n + 1 and blurred > _ROUNDING * null_risk(task):
        return math.inf
    variances = torch.cat([found.variances, found.variances.new_full((rest,), found.noise)])
    best = torch.cat([found.best, found.best.new_zeros(rest)])
    return missing + _equivalent(variances, best, blurred, n, 0.0)


def wide_limit_risk(task: LinearTask, noise: float, n: int) -> float:
    """Where the risk of `min_norm_head` on `random_features` goes as these become ever more.

    The head then does what ridge regression does on the hidden vector itself, with the penalty d σ_u²: the
    features' own noise is a penalty.

    Args:
        task: The task.
        noise: Standard deviation σ_u of the features' noise.
        n: Number of examples.

    Returns:
        The deterministic equivalent of that risk.

    Raises:
        TypeError: Not a task, or no number.
        ValueError: Negative noise, or fewer than one example.
    """
    check_kind(task, LinearTask, "task", "a LinearTask")
    noise, n = check_not_negative(noise, "noise"), check_positive_int(n, "n")
    values, vectors = torch.linalg.eigh(task.covariance)
    penalty = task.n_hidden * noise**2
    if penalty <= _ROUNDING**2 * float(values[-1]):
        return min_norm_risk(task, LinearFeatures(torch.eye(task.n_hidden)), n)
    return _equivalent(values.clamp_min(0), vectors.T @ task.beta, task.label_noise**2, n, penalty)


def _equivalent(variances: Tensor, best: Tensor, blurred: float, n: int, penalty: float) -> float:
    """Deterministic equivalent of ridge regression's risk, less what no head explains.

    Args:
        variances: Eigenvalues of the features' covariance, shape (p,).
        best: The best head in these directions, shape (p,).
        blurred: Variance of the label that no head explains.
        n: Number of examples.
        penalty: Of ridge regression; 0 for the head of smallest norm.

    Returns:
        The risk.
    """

    def left(log_kappa: float) -> float:
        kappa = math.exp(log_kappa)
        return float((variances / (variances + kappa)).sum()) + penalty / kappa - n

    largest = float(variances.max()) * len(variances) + penalty
    kappa = math.exp(brentq(left, math.log(largest) - 80, math.log(largest) + 2, xtol=1e-13))
    shrunk = kappa / (variances + kappa)
    bias = float((shrunk.square() * variances * best.square()).sum())
    used = float((variances / (variances + kappa)).square().sum()) / n
    return (bias + blurred * used) / (1 - used)


def _check_both(task: LinearTask, features: LinearFeatures) -> None:
    check_kind(task, LinearTask, "task", "a LinearTask")
    check_kind(features, LinearFeatures, "features", "LinearFeatures")
    if features.weights.shape[1] != task.n_hidden:
        raise ValueError(
            f"features: expected those of a hidden vector of {task.n_hidden} entries, got "
            f"{features.weights.shape[1]}"
        )
