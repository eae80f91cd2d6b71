"""The stationary distribution of a Markov chain, accurate also where probabilities are tiny."""

from __future__ import annotations

import numpy as np
import scipy
import torch
from torch import Tensor

from hmmlib._checks import check_tensor


def stationary_law(transition: Tensor) -> Tensor:
    """Stationary law of a row-stochastic matrix; see `HMM.stationary`.

    Args:
        transition: Row-stochastic matrix, shape (n, n).

    Returns:
        π, shape (n,).

    Raises:
        TypeError: `transition` is not a tensor of real numbers.
        ValueError: There are several closed classes, hence several stationary laws.
    """
    check_tensor(transition, "transition")
    matrix = transition.detach().cpu().double().numpy()
    closed = _closed_classes(matrix > 0)
    if len(closed) > 1:
        listing = ", ".join("{" + ", ".join(map(str, members)) + "}" for members in closed)
        raise ValueError(
            f"transition: {len(closed)} closed classes of states, {listing}, each with its own stationary "
            "law; expected one"
        )
    law = np.zeros(len(matrix))
    law[closed[0]] = _eliminate_states(matrix[np.ix_(closed[0], closed[0])])
    return torch.as_tensor(law, dtype=transition.dtype, device=transition.device)


def _closed_classes(edges: np.ndarray) -> list[list[int]]:
    """Communicating classes that the chain cannot leave, by their first states."""
    count, label = scipy.sparse.csgraph.connected_components(edges, connection="strong")
    sources, targets = edges.nonzero()
    left = set(label[sources[label[sources] != label[targets]]].tolist())
    closed = [np.flatnonzero(label == one).tolist() for one in range(count) if one not in left]
    return sorted(closed)


def _eliminate_states(matrix: np.ndarray) -> np.ndarray:
    """Stationary law of an irreducible chain: censor the last state again and again, then go back."""
    n = len(matrix)
    # Ratios of a few probabilities of 1e-40 are beyond the range of doubles; their logarithms are not.
    with np.errstate(divide="ignore"):
        log = np.log(matrix)
    for k in range(n - 1, 0, -1):
        log[:k, k] -= np.logaddexp.reduce(log[k, :k])
        log[:k, :k] = np.logaddexp(log[:k, :k], log[:k, k, None] + log[k, :k])
    log_law = np.zeros(n)
    for k in range(1, n):
        log_law[k] = np.logaddexp.reduce(log_law[:k] + log[:k, k])
    law: np.ndarray = np.exp(log_law - log_law.max())
    return law / law.sum()
