"""HMMs with mixtures of normalizing flows trained by generalised expectation–maximisation."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_fraction, check_kind, check_positive, check_positive_int
from hmmlib._random import drawing_generator
from hmmlib._texts import check_lengths
from hmmlib.densities.emissions import check_varies, check_vectors
from hmmlib.densities.flows import FlowMixtureEmissions
from hmmlib.densities.model import EmissionHMM
from hmmlib.hmm import MarkovChain, log_likelihood

# What a forbidden step of the chain has as its logarithm: it has to stay finite, or its gradient is NaN.
_FORBIDDEN = -60.0

Refresh = Literal["every step", "every fifth pass"]


@dataclass(frozen=True)
class FlowRecipe:
    """How flows are trained, by Adam whose step size falls along half a cosine.

    Attributes:
        steps: Number of steps.
        batch: Sequences of a step.
        learning_rate: Step size at the start, of which a twentieth is left in the end.
        clip: Largest norm of a gradient.
        refresh: When posteriors of the states are computed anew: at 'every step', which makes a step one of
            the gradient of the log-likelihood; or at 'every fifth pass' through the data, as in the paper.
        temper: Power to which densities are raised where states are inferred, in (0, 1]; 1 is right.
    """

    steps: int = 400
    batch: int = 64
    learning_rate: float = 0.004
    clip: float = 5.0
    refresh: Refresh = "every step"
    temper: float = 1.0

    def __post_init__(self) -> None:
        for name in ("steps", "batch"):
            check_positive_int(getattr(self, name), name)
        for name in ("learning_rate", "clip"):
            check_positive(getattr(self, name), name)
        if self.refresh not in ("every step", "every fifth pass"):
            raise ValueError(f"refresh: expected 'every step' or 'every fifth pass', got {self.refresh!r}")
        check_fraction(self.temper, "temper", above_zero=True)


@dataclass(frozen=True, eq=False)
class TrainedFlows:
    """An HMM with flows trained on sequences of vectors.

    Attributes:
        model: The HMM.
        losses: Mean loss of each twentieth of the training, nats per vector, shape (≤ 20,).
    """

    model: EmissionHMM[FlowMixtureEmissions]
    losses: Tensor


def fit_flows(
    model: EmissionHMM[FlowMixtureEmissions],
    x: ArrayLike,
    *,
    generator: int | np.random.RandomState,
    lengths: ArrayLike | None = None,
    recipe: FlowRecipe | None = None,
) -> TrainedFlows:
    """Train chain and flows on sequences, to a high likelihood.

    By Fisher's identity the gradient of the log-likelihood is that of Σ (posterior) · (log-density), with the
    posteriors held fixed: a step of generalised expectation–maximisation, whose M-step goes only part of the
    way.

    Args:
        model: Where to begin; it is not changed. A step of the chain that is impossible stays so.
        x: Shape (batch, time, D); what lies beyond the end of a sequence is never read.
        generator: Seed or numpy RandomState of the order of sequences.
        lengths: Length of each sequence, 1 … time, shape (batch,); all of them `time` by default.
        recipe: How.

    Returns:
        The model.

    Raises:
        TypeError: Another model or recipe, not real numbers, or lengths that are not integers.
        ValueError: A wrong shape, an empty batch, an entry that is not finite, or a coordinate that never
            changes.
    """
    check_kind(model, EmissionHMM, "model", "an EmissionHMM")
    check_kind(model.emissions, FlowMixtureEmissions, "model.emissions", "FlowMixtureEmissions")
    how = FlowRecipe() if recipe is None else check_kind(recipe, FlowRecipe, "recipe", "a FlowRecipe")
    vectors = check_vectors(x, model.dim, lengths)
    ends = check_lengths(lengths, (vectors.shape[0], vectors.shape[1]), vectors.device)
    check_varies(vectors, ends)
    if ends is None:
        ends = torch.full((len(vectors),), vectors.shape[1])
    run = _Training(model, vectors, ends, how, drawing_generator(generator))
    return run.done()


class _Training:
    """A training on its way."""

    def __init__(
        self,
        model: EmissionHMM[FlowMixtureEmissions],
        vectors: Tensor,
        ends: Tensor,
        how: FlowRecipe,
        random: np.random.RandomState,
    ) -> None:
        self.emissions = copy.deepcopy(model.emissions)
        self.first = model.chain.initial.log().clamp_min(_FORBIDDEN).requires_grad_()
        self.moves = model.chain.transition.log().clamp_min(_FORBIDDEN).requires_grad_()
        self.possible = model.chain.initial > 0, model.chain.transition > 0
        self.vectors, self.ends, self.how, self.random = vectors, ends, how, random
        self.posterior: Tensor | None = None

    def done(self) -> TrainedFlows:
        how = self.how
        parameters = [*self.emissions.parameters(), self.first, self.moves]
        optimiser = torch.optim.Adam(parameters, how.learning_rate)
        losses: list[float] = []
        order = torch.empty(0, dtype=torch.int64)
        passes = 0
        for step in range(how.steps):
            for group in optimiser.param_groups:
                cosine = 0.5 * (1 + math.cos(math.pi * step / how.steps))
                group["lr"] = how.learning_rate * (0.05 + 0.95 * cosine)
            if len(order) < min(how.batch, len(self.vectors)):
                order = torch.cat([order, torch.from_numpy(self.random.permutation(len(self.vectors)))])
                if how.refresh == "every fifth pass" and passes % 5 == 0:
                    self.posterior = self._posteriors()
                passes += 1
            rows, order = order[: how.batch], order[how.batch :]
            optimiser.zero_grad()
            loss = self._loss(rows)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, how.clip)
            optimiser.step()
            losses.append(float(loss.detach()))
        first, moves = (logits.detach().log_softmax(-1).exp() for logits in (self.first, self.moves))
        first, moves = (
            torch.where(may, p, 0.0) for may, p in zip(self.possible, (first, moves), strict=True)
        )
        chain = MarkovChain(first / first.sum(), moves / moves.sum(1, keepdim=True))
        for parameter in self.emissions.parameters():
            parameter.requires_grad_(False)
        means = [float(np.mean(part)) for part in np.array_split(losses, min(20, len(losses)))]
        return TrainedFlows(EmissionHMM(chain, self.emissions), torch.tensor(means, dtype=torch.float64))

    def _loss(self, rows: Tensor) -> Tensor:
        lengths = self.ends[rows]
        densities = self.emissions.log_prob(self.vectors[rows])
        if self.posterior is None:
            total = self._log_likelihood(densities, lengths).sum()
        else:
            total = (self.posterior[rows] * densities).sum()
        return -total / lengths.sum()

    def _log_likelihood(self, densities: Tensor, lengths: Tensor) -> Tensor:
        first, moves = self.first.log_softmax(-1).exp(), self.moves.log_softmax(-1).exp()
        return (
            log_likelihood(first, moves, self.how.temper * densities, lengths, in_logs=True) / self.how.temper
        )

    def _posteriors(self) -> Tensor:
        """Posteriors of the states of all sequences under the model as it is; the chain takes its shares."""
        with torch.no_grad():
            densities = self.emissions.log_prob(self.vectors)
        seen = densities.clone().requires_grad_()
        first, moves = self.first.detach().log_softmax(-1).exp(), self.moves.detach().log_softmax(-1).exp()
        first, moves = first.requires_grad_(), moves.requires_grad_()
        total = log_likelihood(first, moves, self.how.temper * seen, self.ends, in_logs=True).sum()
        to_first, to_moves, posterior = torch.autograd.grad(total, (first, moves, seen))
        with torch.no_grad():
            starts, steps = to_first * first, to_moves * moves
            self.first.copy_((starts / starts.sum()).log().clamp_min(_FORBIDDEN))
            self.moves.copy_(
                (steps / steps.sum(1, keepdim=True).clamp_min(1e-300)).log().clamp_min(_FORBIDDEN)
            )
        return posterior / self.how.temper
