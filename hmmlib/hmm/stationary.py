"""The stationary distribution of a Markov chain, accurate also where probabilities are tiny."""

from __future__ import annotations

import numpy as np
import scipy
import torch
from torch import Tensor

from hmmlib._checks import check_tensor


def stationary_distribution(transition: Tensor) -> Tensor:
    """Stationary distribution of a row-stochastic matrix; see `HMM.stationary`.

    Args:
        transition: Row-stochastic matrix, shape (n, n).

    Returns:
        π, shape (n,).

    Raises:
        TypeError: `transition` is not a tensor of real numbers.
        ValueError: There are several closed classes, hence several stationary distributions.
    """
    check_tensor(transition, "transition")
    matrix = transition.detach().cpu().double().numpy()
    closed = _closed_classes(matrix > 0)
    if len(closed) > 1:
        listing = ", ".join("{" + ", ".join(map(str, members)) + "}" for members in closed)
        raise ValueError(
            f"transition: {len(closed)} closed classes of states, {listing}, each with its own stationary "
            "distribution; expected one"
        )
    distribution = np.zeros(len(matrix))
    distribution[closed[0]] = _eliminate_states(matrix[np.ix_(closed[0], closed[0])])
    return torch.as_tensor(distribution, dtype=transition.dtype, device=transition.device)


def _closed_classes(edges: np.ndarray) -> list[list[int]]:
    """Communicating classes that the chain cannot leave, by their first states."""
    count, label = scipy.sparse.csgraph.connected_components(edges, connection="strong")
    sources, targets = edges.nonzero()
    left = set(label[sources[label[sources] != label[targets]]].tolist())
    closed = [np.flatnonzero(label == one).tolist() for one in range(count) if one not in left]
    return sorted(closed)


def _eliminate_states(matrix: np.ndarray) -> np.ndarray:
    """Stationary distribution of an irreducible chain: censor the last state again and again, and go back."""
    n = len(matrix)
    # Ratios of a few probabilities of 1e-40 are beyond the range of doubles; their logarithms are not.
    with np.errstate(divide="ignore"):
        log = np.log(matrix)
    for k in range(n - 1, 0, -1):
        log[:k, k] -= np.logaddexp.reduce(log[k, :k])
        log[:k, :k] = np.logaddexp(log[:k, :k], log[:k, k, None] + log[k, :k])
    log_probs = np.zeros(n)
    for k in range(1, n):
        log_probs[k] = np.logaddexp.reduce(log_probs[:k] + log[:k, k])
    distribution: np.ndarray = np.exp(log_probs - log_probs.max())
    return distribution / distribution.sum()
