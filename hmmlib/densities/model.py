"""An HMM whose emissions are densities of vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_kind, check_positive_int
from hmmlib._random import sampling_generator
from hmmlib._texts import check_lengths
from hmmlib.densities.emissions import EmissionModel, check_vectors
from hmmlib.hmm import HMM, MarkovChain, Posteriors, posteriors_from_evidence, sample_tokens

Emissions = TypeVar("Emissions", bound=EmissionModel)


@dataclass(frozen=True, eq=False)
class EmissionHMM(Generic[Emissions]):
    """A Markov chain of S states, each of which emits vectors.

    Attributes:
        chain: The chain, one transition for all steps.
        emissions: The densities.
    """

    chain: MarkovChain
    emissions: Emissions

    def __post_init__(self) -> None:
        check_kind(self.chain, MarkovChain, "chain", "a MarkovChain")
        if not isinstance(self.emissions, EmissionModel):
            raise TypeError(f"emissions: expected an EmissionModel, got {type(self.emissions).__name__}")
        if self.emissions.n_states != self.chain.n_states:
            raise ValueError(
                f"emissions: expected {self.chain.n_states} states, as the chain has, got "
                f"{self.emissions.n_states}"
            )
        if self.chain.dynamics.transition.ndim != 2:
            raise ValueError("chain: expected one transition for all steps, got one for each")

    @property
    def n_states(self) -> int:
        """Number S of states."""
        return self.chain.n_states

    @property
    def dim(self) -> int:
        """Length D of a vector."""
        return self.emissions.dim

    def posteriors(self, x: ArrayLike, *, lengths: ArrayLike | None = None) -> Posteriors:
        """Posteriors of the hidden states given sequences of vectors.

        Args:
            x: Shape (batch, time, D); what lies beyond the end of a sequence is never read.
            lengths: Length of each sequence, 1 … time, shape (batch,); all of them `time` by default.

        Returns:
            Log-likelihood, filtered, smoothed and leave-one-out posteriors.

        Raises:
            TypeError: Not real numbers, or lengths that are not integers.
            ValueError: A wrong shape, an empty batch, or an entry that is not finite.
        """
        vectors = check_vectors(x, self.dim, lengths)
        with torch.no_grad():
            logs = self.emissions.log_prob(vectors).double()
        return posteriors_from_evidence(self.chain, logs, in_logs=True, lengths=lengths)

    def log_likelihood(self, x: ArrayLike, *, lengths: ArrayLike | None = None) -> Tensor:
        """Log-density of sequences of vectors.

        Args:
            x: Shape (batch, time, D); what lies beyond the end of a sequence is never read.
            lengths: Length of each sequence, 1 … time, shape (batch,); all of them `time` by default.

        Returns:
            Nats, shape (batch,).

        Raises:
            TypeError: Not real numbers, or lengths that are not integers.
            ValueError: A wrong shape, an empty batch, or an entry that is not finite.
        """
        vectors = check_vectors(x, self.dim, lengths)
        with torch.no_grad():
            logs = self.emissions.log_prob(vectors).double()
        found = posteriors_from_evidence(self.chain, logs, in_logs=True, lengths=lengths, keep=())
        return found.log_likelihood

    def sample(
        self, batch: int, time: int, *, generator: int | torch.Generator, lengths: ArrayLike | None = None
    ) -> tuple[Tensor, Tensor]:
        """Draw sequences of vectors and the states that wrote them.

        Args:
            batch: Number of sequences, ≥ 1.
            time: Positions of each, ≥ 1.
            generator: Seed or torch.Generator.
            lengths: Length of each sequence, shape (batch,); all of them `time` by default.

        Returns:
            Vectors, shape (batch, time, D), zero beyond the ends, and states, int64, shape (batch, time).

        Raises:
            TypeError: Sizes or lengths that are not integers, or emissions that cannot be drawn from.
            ValueError: A size below 1, or a length out of range.
        """
        batch, time = check_positive_int(batch, "batch"), check_positive_int(time, "time")
        random = sampling_generator(generator, torch.device("cpu"))
        ends = check_lengths(lengths, (batch, time), torch.device("cpu"))
        draw = getattr(self.emissions, "sample", None)
        if draw is None:
            raise TypeError(f"emissions: {type(self.emissions).__name__} cannot be drawn from")
        # A chain whose tokens are its states.
        shown = HMM(self.chain.initial, self.chain.transition, torch.eye(self.n_states))
        states = sample_tokens(shown, batch, time, generator=random)
        vectors: Tensor = draw(states, generator=random)
        if ends is not None:
            vectors[torch.arange(time) >= ends[:, None]] = 0.0
        return vectors, states
