"""Can a linear head reproduce every margin? A test on the span of all posteriors that texts lead to."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_finite, check_positive, check_positive_int, float_tensor
from hmmlib._display import compact_repr, fields_html
from hmmlib.heads import LinearHead
from hmmlib.hmm import HMM


@dataclass(frozen=True)
class RowSpaceTest:
    """Whether one linear head gives every text its exact margin μᵀ P[H_0 | x].

    Attributes:
        representable: Whether there is such a head.
        head: The one of smallest norm, with weights b of shape (V,); None if there is none.
        residual: Distance, on the span of the posteriors, of μ to the nearest Wᵀb, over the norm of μ.
        lost: A direction v of unit norm in that span with Wv = 0 and μᵀv > 0, shape (H,): posteriors that
            differ by a multiple of v look alike at the blank and have different margins. None if a head
            exists.
    """

    representable: bool
    head: LinearHead | None
    residual: float
    lost: Tensor | None

    __repr__ = compact_repr
    _repr_html_ = fields_html


def posterior_span(model: HMM, length: int | None = None, rtol: float = 1e-10) -> Tensor:
    """An orthonormal basis of the span of the posteriors P[H_0 | x] of all texts x.

    The posterior is, up to a positive factor, π₀ ⊙ L(x) with L(x)_h = P[x | H_0 = h], and putting a token z
    before a text makes L(zx) = M_z L(x), where M_z v = ``transition @ (emission[:, z] * v)``. So the span of
    L over texts of length n + 1 is the sum of the images, under all M_z, of the span over length n; the
    empty text has L = 1.

    Two facts end the search. Summing out the *last* token gives Σ_z L(xz) = L(x), so the spans are nested.
    And once a span equals the next one, all later ones are equal too, each being made from the last by the
    same maps. Dimensions thus grow strictly from 1 until they stop, after H − 1 steps at most, and the span
    for length H − 1 is the span for all lengths. A nested span need only pass on its new directions.

    Args:
        model: Where texts come from.
        length: Number of tokens in a text, ≥ 0; all lengths if None.
        rtol: A direction counts if the next token shows it with at least this share of the largest effect.
            The result is then the exact span of some model that differs from this one by about `rtol`.

    Returns:
        Basis as columns, float64, shape (H, r).

    Raises:
        TypeError: The model is not an HMM, or an argument is no number.
        ValueError: A negative length, or a tolerance that is not in (0, 1).
    """
    _check_model(model)
    rtol = _check_rtol(rtol)
    most = model.n_states - 1
    steps = most if length is None else min(check_positive_int(length, "length", 0), most)
    transition, emission = (_rescaled(table) for table in (model.transition, model.emission))
    # A rare token is still a token: M_z is looked at relative to the likeliest state's probability of z.
    peaks = emission.amax(0)
    evidence = (emission / peaks)[:, peaks > 0]
    basis = new = torch.ones_like(emission[:, :1]) / model.n_states**0.5
    for _ in range(steps):
        if not new.shape[1] or basis.shape[1] == model.n_states:
            break
        images = transition @ (evidence.T[:, :, None] * new)
        new = _beyond(images.transpose(0, 1).flatten(1), basis, rtol)
        basis = torch.cat([basis, new], 1)
    # States that the chain cannot start in count for nothing. On the others π₀ > 0 changes no dimension,
    # so that the rank is decided before π₀, which may be tiny, is multiplied in.
    initial = model.initial.double()
    seen = basis * (initial > 0)[:, None]
    left, sizes, _ = torch.linalg.svd(seen, full_matrices=False)
    found: Tensor = torch.linalg.qr(initial[:, None] * left[:, sizes > rtol]).Q
    return found


def row_space_test(
    model: HMM, mu: ArrayLike, *, length: int | None = None, rtol: float = 1e-10
) -> RowSpaceTest:
    """Test whether some linear head b has bᵀG_∅(x) = μᵀ P[H_0 | x] for every text x.

    As G_∅ = W p for the posterior p, b is right for all texts exactly if (Wᵀb − μ)ᵀp = 0 on the span P of
    the posteriors. Such a b exists if and only if μ ∈ row(W) + P^⊥; taking orthogonal complements, if and
    only if no v ∈ P has Wv = 0 and μᵀv ≠ 0. Independent columns of W (the paper's Section 3) leave only
    v = 0, whatever μ.

    This concerns margins. A head may get all labels right and no margin: see `separate`.

    Example:
        >>> from hmmlib import random_hmm, row_space_test
        >>> hmm = random_hmm(12, 10, generator=1)
        >>> row_space_test(hmm, [1, -1] + [0] * 10).representable
        False

    Args:
        model: Where texts come from.
        mu: Weights μ of the task, shape (H,).
        length: Number of tokens in a text, ≥ 0; all lengths if None.
        rtol: Directions that W shrinks to less than this share of the largest count as lost, as the head
            would need weights of 1/rtol; likewise for the span, see `posterior_span`. The default suits
            float64.

    Returns:
        The verdict, with the head or the lost direction, in float64.

    Raises:
        TypeError: The model is not an HMM, or an argument is no number.
        ValueError: Not one weight per state, a weight that is not finite, a negative length, or a
            tolerance that is not in (0, 1).
    """
    _check_model(model)
    weights = float_tensor(mu, "mu", torch.float64, model.device)
    if weights.shape != (model.n_states,):
        raise ValueError(f"mu: expected shape ({model.n_states},), got {tuple(weights.shape)}")
    check_finite(weights, "mu")
    basis = posterior_span(model, length, rtol)
    # On the span the head sees Wᵀb through these columns, and is to reproduce this target.
    shown = basis.T @ _rescaled(model.emission)
    target = basis.T @ weights
    left, sizes, right = torch.linalg.svd(shown, full_matrices=False)
    kept = sizes > rtol * sizes[0]
    left, sizes, right = left[:, kept], sizes[kept], right[kept]
    head = right.T @ ((left.T @ target) / sizes)
    missed = target - shown @ head
    scale = float(weights.norm()) or 1.0
    residual = float(missed.norm()) / scale
    # What rounding alone leaves over grows with the weights of the head.
    rounding = 100 * torch.finfo(torch.float64).eps * float(head.norm() * sizes[0]) / scale
    if residual <= rtol + rounding:
        return RowSpaceTest(True, LinearHead(head), residual, None)
    missed = missed - left @ (left.T @ missed)
    return RowSpaceTest(False, None, residual, basis @ (missed / missed.norm()))


def _beyond(images: Tensor, basis: Tensor, rtol: float) -> Tensor:
    """Orthonormal directions of the images that the basis does not hold, shape (H, new)."""
    rest = images
    for _ in range(2):  # once more, as the first projection leaves rounding errors along the basis
        rest = rest - basis @ (basis.T @ rest)
    # There are many images: the small factor of their QR decomposition has the same left singular vectors.
    left, sizes, _ = torch.linalg.svd(torch.linalg.qr(rest.T, mode="r").R.T, full_matrices=False)
    new = left[:, sizes > rtol * images.norm(dim=0).max()]
    # A residue as small as rtol has relative errors along the basis.
    new = new - basis @ (basis.T @ new)
    found: Tensor = torch.linalg.qr(new).Q
    return found


def _rescaled(table: Tensor) -> Tensor:
    """Rows that sum to one to the last digit of float64: without that, spans would not be nested."""
    table = table.double()
    return table / table.sum(-1, keepdim=True)


def _check_model(model: HMM) -> None:
    if not isinstance(model, HMM):
        raise TypeError(f"model: expected an HMM, got {type(model).__name__}")


def _check_rtol(rtol: float) -> float:
    rtol = check_positive(rtol, "rtol")
    if rtol >= 1:
        raise ValueError(f"rtol: expected a number below 1, got {rtol}")
    return rtol
