"""HMMs with Gaussian mixtures fitted to vectors by exact expectation–maximisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import (
    ArrayLike,
    check_kind,
    check_number,
    check_positive,
    check_positive_int,
    real_tensor,
)
from hmmlib._random import drawing_generator
from hmmlib._texts import check_lengths
from hmmlib.densities.emissions import check_varies, check_vectors
from hmmlib.densities.gaussian import GaussianMixtureEmissions
from hmmlib.densities.model import EmissionHMM
from hmmlib.hmm import MarkovChain, log_likelihood


@dataclass(frozen=True)
class EMRecipe:
    """How an HMM with Gaussian mixtures is fitted.

    Attributes:
        max_iterations: Iterations, at most.
        tolerance: The fit ends when an iteration gains less than this, in nats per vector; 0: never.
        floor: Least variance of a component in any direction, > 0. Without one a component can shrink onto a
            single vector, and the likelihood has no bound.
    """

    max_iterations: int = 50
    tolerance: float = 1e-5
    floor: float = 1e-3

    def __post_init__(self) -> None:
        check_positive_int(self.max_iterations, "max_iterations")
        if check_number(self.tolerance, "tolerance", "a finite number >= 0") < 0:
            raise ValueError(f"tolerance: expected a finite number >= 0, got {self.tolerance!r}")
        check_positive(self.floor, "floor")


@dataclass(frozen=True, eq=False)
class FittedEmissions:
    """An HMM fitted to sequences of vectors.

    Attributes:
        model: The HMM.
        log_likelihoods: Log-likelihood in nats per vector, at the start and after each iteration, shape
            (n_iterations + 1,). It never falls, but where a variance has come to the floor.
        converged: Whether the last iteration gained less than the tolerance.
    """

    model: EmissionHMM[GaussianMixtureEmissions]
    log_likelihoods: Tensor
    converged: bool


def random_emission_hmm(
    x: ArrayLike,
    transition: ArrayLike,
    n_components: int,
    *,
    generator: int | np.random.RandomState,
    full: bool = False,
    initial: ArrayLike | None = None,
    lengths: ArrayLike | None = None,
) -> EmissionHMM[GaussianMixtureEmissions]:
    """A start for `fit_em`: the components of each state sit on vectors drawn from the data.

    In a chain that moves from left to right each sequence is cut into as many parts as there are states, and
    a state draws from its own part; in any other chain it draws from all.

    Args:
        x: Shape (batch, time, D).
        transition: P[next state | state] to begin with, shape (S, S); a zero stays zero.
        n_components: Number K of components of each state.
        generator: Seed or numpy RandomState.
        full: Whether covariances are full matrices.
        initial: P[first state], shape (S,); by default uniform, in a chain from left to right the first.
        lengths: Length of each sequence, shape (batch,); all of them `time` by default.

    Returns:
        The HMM.

    Raises:
        TypeError: Not real numbers, or sizes that are not integers.
        ValueError: Wrong shapes, an entry that is not finite, fewer vectors than components, or a coordinate
            that never changes.
    """
    vectors = check_vectors(x, None, lengths)
    ends = check_lengths(lengths, (vectors.shape[0], vectors.shape[1]), vectors.device)
    check_varies(vectors, ends)
    moves = real_tensor(transition, "transition")
    states = len(moves)
    k = check_positive_int(n_components, "n_components")
    random = drawing_generator(generator)
    ordered = bool((moves.tril(-1) == 0).all()) and states > 1
    if initial is None:
        initial = (
            torch.zeros(states).index_fill(0, torch.tensor([0]), 1.0)
            if ordered
            else torch.ones(states) / states
        )
    time = torch.arange(vectors.shape[1])
    length = torch.full((len(vectors),), vectors.shape[1]) if ends is None else ends
    part = torch.div(time * states, length[:, None], rounding_mode="floor")  # (B, T); ≥ states beyond the end
    means, covariances = [], []
    for state in range(states):
        own = vectors[part == state] if ordered else vectors[time < length[:, None]]
        if len(own) < k:
            raise ValueError(
                f"x: state {state} has {len(own)} vectors to begin with; expected at least n_components = {k}"
            )
        means.append(own[torch.from_numpy(random.permutation(len(own))[:k])])
        spread = own.var(0, correction=0).clamp_min(1e-6)
        covariances.append((torch.diag(spread) if full else spread).expand(k, *([-1] * (2 if full else 1))))
    emissions = GaussianMixtureEmissions(
        torch.full((states, k), 1 / k, dtype=torch.float64), torch.stack(means), torch.stack(covariances)
    )
    return EmissionHMM(MarkovChain(initial, moves), emissions)


def fit_em(
    model: EmissionHMM[GaussianMixtureEmissions],
    x: ArrayLike,
    *,
    lengths: ArrayLike | None = None,
    recipe: EMRecipe | None = None,
) -> FittedEmissions:
    """Fit an HMM with Gaussian mixtures to sequences by expectation–maximisation.

    By Fisher's identity the derivatives of the log-likelihood by the transition and by the logarithms of the
    densities are all that the E-step asks for: expected transitions, and posteriors of the states. The M-step
    is in closed form. A probability of zero stays zero; a component that no vector is likely to come from
    stays as it is.

    Args:
        model: Where to begin; see `random_emission_hmm`.
        x: Shape (batch, time, D); what lies beyond the end of a sequence is never read.
        lengths: Length of each sequence, 1 … time, shape (batch,); all of them `time` by default.
        recipe: How.

    Returns:
        The fit.

    Raises:
        TypeError: Another model or recipe, not real numbers, or lengths that are not integers.
        ValueError: A wrong shape, an empty batch, an entry that is not finite, or a coordinate that never
            changes.
    """
    check_kind(model, EmissionHMM, "model", "an EmissionHMM")
    check_kind(model.emissions, GaussianMixtureEmissions, "model.emissions", "GaussianMixtureEmissions")
    how = EMRecipe() if recipe is None else check_kind(recipe, EMRecipe, "recipe", "an EMRecipe")
    vectors = check_vectors(x, model.dim, lengths)
    ends = check_lengths(lengths, (vectors.shape[0], vectors.shape[1]), vectors.device)
    check_varies(vectors, ends)
    reached: list[float] = []
    converged = False
    for iteration in range(how.max_iterations + 1):
        counts = _expected(model, vectors, ends)
        reached.append(counts.log_likelihood)
        converged = iteration > 0 and reached[-1] - reached[-2] < how.tolerance
        if converged or iteration == how.max_iterations:
            break
        model = _maximised(model, vectors, counts, how.floor)
    return FittedEmissions(model, torch.tensor(reached, dtype=torch.float64), converged)


class _Counts(NamedTuple):
    """What an E-step found.

    Attributes:
        initial: Sequences that start in each state, shape (S,).
        transition: Steps from state to state, shape (S, S).
        component: Posterior of state and component at each position, 0 beyond the ends, shape (B, T, S, K).
        log_likelihood: Nats per vector.
    """

    initial: Tensor
    transition: Tensor
    component: Tensor
    log_likelihood: float


def _expected(model: EmissionHMM[GaussianMixtureEmissions], vectors: Tensor, ends: Tensor | None) -> _Counts:
    parts = model.emissions.component_log_probs(vectors)  # (B, T, S, K)
    logs = parts.logsumexp(-1)
    first = model.chain.initial.requires_grad_()
    moves = model.chain.transition.requires_grad_()
    seen = logs.clone().requires_grad_()
    total = log_likelihood(first, moves, seen, ends, in_logs=True)
    to_first, to_moves, states = torch.autograd.grad(total.sum(), (first, moves, seen))
    component = states[..., None] * (parts - logs[..., None]).exp()
    n = vectors.shape[0] * vectors.shape[1] if ends is None else int(ends.sum())
    return _Counts(
        to_first * first.detach(), to_moves * moves.detach(), component, float(total.detach().sum()) / n
    )


def _maximised(
    model: EmissionHMM[GaussianMixtureEmissions], vectors: Tensor, counts: _Counts, floor: float
) -> EmissionHMM[GaussianMixtureEmissions]:
    old = model.emissions
    flat = vectors.flatten(0, 1)  # (N, D)
    weight = counts.component.flatten(0, 1).flatten(1)  # (N, S·K)
    size = weight.sum(0)  # (S·K,)
    used = size > 1e-10
    divisor = torch.where(used, size, 1.0)[:, None]
    means = torch.where(used[:, None], weight.T @ flat / divisor, old.means.flatten(0, 1))
    d = old.dim
    if old.is_full:
        spread = torch.einsum("nc,nd,ne->cde", weight, flat, flat) / divisor[..., None]
        spread = spread - means[:, :, None] * means[:, None, :]
        values, vectors_ = torch.linalg.eigh((spread + spread.mT) / 2)
        spread = vectors_ @ torch.diag_embed(values.clamp_min(floor)) @ vectors_.mT
        spread = (spread + spread.mT) / 2
        kept = torch.where(used[:, None, None], spread, old.covariances.flatten(0, 1))
        covariances = kept.view(*old.weights.shape, d, d)
    else:
        centre = flat.mean(0)  # from a centre near the data, so that little cancels
        squares = weight.T @ (flat - centre).square() / divisor - (means - centre).square()
        kept = torch.where(used[:, None], squares.clamp_min(floor), old.covariances.flatten(0, 1))
        covariances = kept.view(*old.weights.shape, d)
    emissions = GaussianMixtureEmissions(
        _shares(size.view(old.weights.shape), old.weights), means.view(*old.weights.shape, d), covariances
    )
    chain = MarkovChain(
        counts.initial / counts.initial.sum(), _shares(counts.transition, model.chain.transition)
    )
    return EmissionHMM(chain, emissions)


def _shares(counts: Tensor, old: Tensor) -> Tensor:
    """Each row of counts as shares of its sum; the old row where there is nothing to share."""
    total = counts.sum(-1, keepdim=True)
    return torch.where(total > 1e-10, counts / torch.where(total > 1e-10, total, 1.0), old)
