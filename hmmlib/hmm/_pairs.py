"""Pairs of neighbouring states, summed over texts: what transitions are learnt from."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib.hmm._sweeps import both_ways, log_sweep


def pair_sums(
    start: Tensor,
    transition: Tensor,
    evidence: Tensor,
    log_evidence: Tensor | None,
    filtered: Tensor,
    ratio: Tensor,
    weights: Tensor,
    *,
    expected: bool,
) -> Tensor:
    """Derivatives of Σ weight · log P[evidence] by the transition, or the expected transitions.

    With F_t(i) = P[i at t | evidence up to t] and R_t(j) = P[evidence from t on | j at t] / P[evidence from t
    on | evidence before t], the derivative is Σ_t F_t(i)·R_t+1(j), and the expected transitions are that
    times the transition. Arrays are time-major as in `forward_backward`, (T, R, C).

    Args:
        start: Distribution of the first state of each row, (rows, states).
        transition: Row-stochastic, (states, states) or (time − 1, states, states).
        evidence: ≥ 0, (time, rows, states).
        log_evidence: Its logarithms, where the number type may not hold it.
        filtered: F, (time, rows, states).
        ratio: R, (time, rows, states).
        weights: Weight of each row's step from t to t + 1, 0 beyond the end of its text, (time − 1, rows).
        expected: Sum the expected transitions.

    Returns:
        The sums, of the shape of `transition`.
    """
    before, after = filtered[:-1], ratio[1:]  # (T − 1, R, C)
    # A state all but given up that later turns out to be the one: F underflows where R overflows.
    lost = ~(after < torch.finfo(after.dtype).tiny ** -0.85).all(-1).all(0)  # (R,)
    hard = lost.nonzero()[:, 0]
    if len(hard):
        weighted = torch.where(lost, 0.0, weights)  # (T − 1, R)
        after = torch.where(lost[:, None], 0.0, after)
    else:
        weighted = weights
    before = before * weighted[..., None]
    if transition.ndim == 3:
        sums = before.mT @ after  # (T − 1, C, C)
    else:
        sums = before.flatten(0, 1).T @ after.flatten(0, 1)  # (C, C)
    if expected:
        sums = sums * transition
    for row in hard.tolist():
        some = slice(row, row + 1)
        logs = evidence[:, some].log() if log_evidence is None else log_evidence[:, some]
        pairs = _pairs_in_log_space(start[some], transition, logs, expected)  # (T − 1, C, C)
        pairs = pairs * weights[:, row, None, None]
        sums = sums + (pairs if transition.ndim == 3 else pairs.sum(0))
    return sums


def _pairs_in_log_space(start: Tensor, transition: Tensor, logs: Tensor, expected: bool) -> Tensor:
    """The summands of one row, (T − 1, C, C)."""
    ahead, behind = both_ways(transition)
    forward, _ = log_sweep(start.log(), logs, ahead, backward=False)  # (T, 1, C)
    backward, _ = log_sweep(torch.zeros_like(start), logs, behind, backward=True)  # (T, 1, C)
    upto, onward = (forward + logs)[:-1, 0], (backward + logs)[1:, 0]  # (T − 1, C)
    pairs = upto[:, :, None] + onward[:, None, :]  # (T − 1, C, C)
    moved = pairs + transition.log()  # (T − 1, C, C)
    whole = moved.flatten(1).logsumexp(-1)[:, None, None]  # (T − 1, 1, 1)
    return ((moved if expected else pairs) - whole).exp()
