"""The linear head of a vanilla HMM (the paper's Section 3)."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_finite, check_kind, float_tensor
from hmmlib.constructions.assumptions import DependentColumnsError, UnreachableStateError, equation
from hmmlib.constructions.dependencies import RTOL, analyse, dependencies, leak_limit
from hmmlib.heads import LinearHead
from hmmlib.hmm import HMM


def linear_head(model: HMM, mu: ArrayLike, *, rtol: float = RTOL) -> LinearHead:
    """The head b = (W⁺)ᵀμ, whose value at the blank of (∅, x) is the margin μᵀP[H_0 | x] (Section 3).

    The paper assumes that the columns of W are independent. That is more than is needed: only states that
    the chain can start in take part, and of them only Wᵀb = μ has to have a solution.

    Example:
        >>> from hmmlib import HMM, linear_head
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.3, 0.7]])
        >>> linear_head(hmm, [1, -1]).weights.numpy().round(2)
        array([ 1.8, -2.2])

    Args:
        model: The HMM.
        mu: Weights μ, shape (H,); or one row per class, shape (n_classes, H).
        rtol: Emission columns count as dependent where singular values fall below this share of the
            largest.

    Returns:
        The head; its weights have shape (V,), or (n_classes, V).

    Raises:
        TypeError: The weights are not real numbers.
        ValueError: Not one weight per state, a weight that is not finite, or a tolerance out of range.
        DependentColumnsError: No b solves Wᵀb = μ; the message names the columns that are dependent.
    """
    return head_for_prior(model, check_mu(mu, model), model.initial, rtol)


def check_mu(mu: ArrayLike, model: HMM) -> Tensor:
    """Return μ in the model's number type, or raise.

    Args:
        mu: Weights, shape (H,) or (n_classes, H).
        model: The HMM.

    Returns:
        The weights.

    Raises:
        TypeError: The weights are not real numbers.
        ValueError: Not one weight per state, or a weight that is not finite.
    """
    check_kind(model, HMM, "model", "an HMM")
    return check_weights(mu, model.n_states, model.dtype, model.device)


def check_weights(mu: ArrayLike, size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return weights as a tensor of shape (size,) or (n_classes, size), or raise.

    Args:
        mu: The weights.
        size: Number of states, or of values of a memory cell.
        dtype: Number type of the result.
        device: Where it lives.

    Returns:
        The weights.

    Raises:
        TypeError: The weights are not real numbers.
        ValueError: Another shape, or a weight that is not finite.
    """
    weights = float_tensor(mu, "mu", dtype, device)
    if weights.ndim not in (1, 2) or weights.shape[-1] != size or 0 in weights.shape:
        raise ValueError(
            f"mu: expected shape ({size},), or one row per class, (n_classes, {size}); "
            f"got {tuple(weights.shape)}"
        )
    check_finite(weights, "mu")
    return weights


def head_for_prior(model: HMM, mu: Tensor, prior: Tensor, rtol: float) -> LinearHead:
    """The head that reads off μᵀP[H_0 | x], up to a positive factor, where the blank's prior is another.

    If the state under the blank has prior ρ instead of π₀, the model shows WP̃ with P̃_h ∝ ρ_h P[x | h], and
    the margin is Σ_h μ_h π₀_h P[x | h] up to a factor. So b has to solve W_Bᵀb = (μ ⊙ π₀/ρ)_B on B = supp ρ.

    Args:
        model: The HMM.
        mu: Weights, shape (H,) or (n_classes, H).
        prior: ρ ≥ 0, shape (H,); its scale scales the values.
        rtol: Relative tolerance for dependent columns.

    Returns:
        The head.

    Raises:
        UnreachableStateError: A state with μ_h π₀_h ≠ 0 has ρ_h = 0.
        DependentColumnsError: The equation has no solution.
    """
    wanted = mu * model.initial
    lost = (wanted != 0).reshape(-1, model.n_states).any(0) & (prior == 0)
    if lost.any():
        state = int(lost.nonzero()[0])
        raise UnreachableStateError(
            f"prompt: state {state}, which mu weighs, is out of reach: no state that the prompt lets the "
            f"chain start in is followed by it; expected every state that mu weighs among "
            f"{(prior > 0).nonzero().flatten().tolist()}",
            state,
        )
    kept = (prior > 0).nonzero().flatten()
    columns = model.emission[kept].T.double()
    target = wanted[..., kept].double() / prior[kept].double()
    weights = target @ analyse(columns, rtol).inverse
    residual = (weights @ columns - target).norm(dim=-1)
    if (residual > leak_limit(rtol) * target.norm(dim=-1)).any():
        raise _dependent(columns, target.reshape(-1, len(kept)), kept.tolist(), rtol)
    return LinearHead(weights.to(model.dtype))


def _dependent(columns: Tensor, target: Tensor, states: list[int], rtol: float) -> DependentColumnsError:
    """The error that names the dependency which the target violates the most."""
    found = dependencies(columns, rtol)
    vectors = torch.stack([dependency.vector(len(states)) for dependency in found])
    gaps = (vectors @ target.detach().cpu().double().T).abs().amax(1) / vectors.norm(dim=1)
    named = found[int(gaps.argmax())].renamed(states)
    return DependentColumnsError(
        f"emission: {equation(named, lambda state: f'W[:, {state}]')}, so that no head tells these states "
        f"apart as mu asks; expected independent columns (singular values above {rtol:g} of the largest), "
        "or mu in the row space of W",
        named,
    )
