"""The attention head of a memory-augmented HMM (the paper's Section 4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_kind, check_number
from hmmlib.constructions.dependencies import RTOL
from hmmlib.constructions.linear import check_weights
from hmmlib.constructions.recoverable import Recovery, recovery
from hmmlib.heads import AttentionHead
from hmmlib.hmm import MemoryHMM


def attention_head(
    model: MemoryHMM,
    mu: ArrayLike,
    *,
    cell: int = 0,
    states: Sequence[int] | None = None,
    temperature: float = 0.0,
    rtol: float = RTOL,
) -> AttentionHead:
    """The head that reads a memory cell where it can be read (Section 4).

    Its keys are P[H_i ∈ H* | x_{-i}] with H* = {j*} × S*, and its value at position i is
    Σ_m μ_m P[M_{j*} = m, H_i ∈ H*, X_i = x_i | x_{-i}]. Wherever some key is one, its sign is that of
    μᵀP[M_{j*} | x]. In general, the value at i divided by P[X_i = x_i | x_{-i}] differs from
    μᵀP[M_{j*} | x] by at most max|μ|·P[H_i ∉ H* | x].

    Args:
        model: The memory-augmented HMM.
        mu: Weights μ of the values, shape (|ℳ|,); or one row per class, shape (n_classes, |ℳ|).
        cell: The cell j*, 0 … N − 1.
        states: S*; the largest recoverable set by default.
        temperature: Of the attention; 0, hard attention, is the paper's.
        rtol: Emission columns count as dependent where singular values fall below this share of the
            largest.

    Returns:
        The head, for token distributions at the positions of a text.

    Raises:
        TypeError: Weights that are not real numbers, or a cell or state that is not an integer.
        ValueError: Wrong shapes or entries, no such cell or state.
        AssumptionError: The states are not recoverable; the message names the columns that are dependent, or
            the state that is never reached.
    """
    check_kind(model, MemoryHMM, "model", "a MemoryHMM")
    check_number(temperature, "temperature")
    weights = check_weights(mu, model.n_values, model.dtype, model.device)
    found = recovery(model, cell=cell, states=states, rtol=rtol)
    return head_of_recovery(model, weights, found, temperature)


def head_of_recovery(
    model: MemoryHMM, weights: Tensor, found: Recovery, temperature: float = 0.0
) -> AttentionHead:
    """The attention head over given recoverable states.

    Args:
        model: The memory-augmented HMM.
        weights: μ, shape (|ℳ|,) or (n_classes, |ℳ|).
        found: The recoverable states and their Φ.
        temperature: Of the attention.

    Returns:
        The head.
    """
    emission = model.chain.emission[found.columns]
    return AttentionHead(
        projection=found.projection,
        key=torch.ones_like(emission[:, 0]),
        weights=weights[..., found.values],
        embeddings=torch.cat([emission.T, torch.ones_like(emission.T[:1])]),
        temperature=temperature,
    )
