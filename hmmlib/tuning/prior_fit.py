"""Which distribution of the state under the blank would make exact inference show what a model shows?

In the exact model a soft prompt does one thing: it turns the distribution of the state under the blank into
another one, ρ, and the model shows W(ρ ⊙ L(x))/ρᵀL(x) with L(x)_h = P[x | H_∅ = h] (Section 3.1). A trained
network is not so restricted. How near it comes to some ρ is a question to answer by measurement.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy
import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_kind, check_positive_int, float_tensor
from hmmlib._display import compact_repr, fields_html
from hmmlib._random import drawing_generator
from hmmlib._texts import check_tokens
from hmmlib.hmm import HMM
from hmmlib.tuning._prompt_parameters import blank_likelihood

# Spread of the logarithms that a search starts from, but for the first.
_SPREAD = 3.0
# Logarithms stay within this, lest a likelihood underflows.
_LARGEST_LOG_WEIGHT = 100.0


class PriorFit(NamedTuple):
    """The best re-weighting of the state under the blank.

    Attributes:
        prior: ρ, shape (H,).
        divergence: Mean Jensen–Shannon divergence of the distribution shown and that of exact inference under
            ρ, nats; at most log 2.
        variation: Mean total variation between the two, at most 1.
        divergence_initial: The divergence under the model's own initial distribution, which a model without a
            prompt should show.
        variation_initial: The total variation under it.
    """

    prior: Tensor
    divergence: float
    variation: float
    divergence_initial: float
    variation_initial: float

    def __repr__(self) -> str:
        return compact_repr(self)

    def _repr_html_(self) -> str:
        return fields_html(self)


def fit_prior(
    model: HMM,
    tokens: ArrayLike,
    probs: ArrayLike,
    *,
    starts: int = 3,
    generator: int | np.random.RandomState,
    max_iterations: int = 500,
) -> PriorFit:
    """Find the distribution ρ under which exact inference comes nearest to what a model shows at the blank.

    Minimises the mean over texts of the Jensen–Shannon divergence between the distribution and W(ρ ⊙ L)/ρᵀL
    by L-BFGS in log ρ, from the initial distribution and from random points around it. (In the
    Kullback–Leibler divergence, what a network leaves to tokens that are all but impossible would outweigh
    all else.)

    Args:
        model: Where the texts come from.
        tokens: Texts x without the blank, integers, shape (n, time).
        probs: What was shown at the blank before each, shape (n, V); rows that sum to one.
        starts: Number of starts, ≥ 1.
        generator: Seed of the random ones, or a numpy RandomState (advanced).
        max_iterations: Of L-BFGS from each start, ≥ 1.

    Returns:
        The best of all starts.

    Raises:
        TypeError: Tokens that are not integers, distributions that are not numbers, or a generator of another
            kind.
        ValueError: Shapes that do not fit, a row that is no distribution, or a number too small.
    """
    check_kind(model, HMM, "model", "an HMM")
    texts = check_tokens(tokens, model.n_tokens, advice="")
    shown = float_tensor(probs, "probs", torch.float64, torch.device("cpu"))
    if shown.shape != (len(texts), model.n_tokens):
        raise ValueError(
            f"probs: expected shape ({len(texts)}, {model.n_tokens}), one distribution per text, "
            f"got {tuple(shown.shape)}"
        )
    off = ((shown < 0).any(1) | ~((shown.sum(1) - 1).abs() < 1e-4)).nonzero()
    if len(off):
        row = int(off[0])
        raise ValueError(
            f"probs: row {row} sums to {float(shown[row].sum()):.6g}; expected a distribution over tokens"
        )
    starts = check_positive_int(starts, "starts")
    max_iterations = check_positive_int(max_iterations, "max_iterations")
    random = drawing_generator(generator)
    emission, initial = model.emission.cpu().double(), model.initial.cpu().double()
    likelihood = blank_likelihood(model.chain, texts).cpu()

    def inferred(prior: Tensor) -> Tensor:
        weights = likelihood * prior
        exact = (weights @ emission) / weights.sum(1, keepdim=True)
        # At zero its logarithm would have no gradient.
        return exact.clamp_min(torch.finfo(torch.float64).tiny)

    def divergence(prior: Tensor) -> Tensor:
        exact = inferred(prior)
        log_mean = ((shown + exact) / 2).log()
        both = torch.xlogy(shown, shown) + torch.xlogy(exact, exact) - (shown + exact) * log_mean
        return both.sum(1).mean() / 2

    def variation(prior: Tensor) -> float:
        return float((shown - inferred(prior)).abs().sum(1).mean() / 2)

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        log_prior = torch.tensor(point, requires_grad=True, device="cpu")
        value = divergence(log_prior.softmax(0))
        value.backward()
        assert log_prior.grad is not None
        return float(value.detach()), log_prior.grad.numpy()

    begin = initial.clamp_min(1e-12).log().numpy()
    best: tuple[float, np.ndarray] = (np.inf, begin)
    for number in range(starts):
        start = begin + (_SPREAD * random.randn(len(begin)) if number else 0)
        limits = [(-_LARGEST_LOG_WEIGHT, _LARGEST_LOG_WEIGHT)] * len(begin)
        found = scipy.optimize.minimize(
            objective, start, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": max_iterations}
        )
        if found.fun < best[0]:
            best = (float(found.fun), found.x)
    prior = torch.from_numpy(best[1]).softmax(0)
    return PriorFit(
        prior, max(best[0], 0.0), variation(prior), max(float(divergence(initial)), 0.0), variation(initial)
    )
