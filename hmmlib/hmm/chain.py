"""What inference and sampling need to know of a model: a Markov chain that runs under fixed contents.

A vanilla HMM and a memory-augmented HMM differ only in what stays fixed along a sequence. Given the
content k of the memory, both are a chain over C states that emits tokens; a vanilla HMM has a single
content. Everything that is computed from a model is computed from this view of it, so that the flat
transition matrix of a memory-augmented HMM is never built, but for a small one where that is quicker.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

from torch import Tensor

from hmmlib.hmm._alias import AliasTable


class Dynamics(NamedTuple):
    """The hidden side of a chain, apart from any vocabulary: all that evidence needs to meet.

    Attributes:
        initial: Joint distribution of content and first chain state, shape (K, C).
        transition: P[next chain state | chain state], row-stochastic, shape (C, C); or one such matrix for
            each step, shape (T − 1, C, C).
        columns: The entry of an evidence row that each content and chain state reads, integers, shape (K, C).
        n_columns: Number E of entries of an evidence row.
    """

    initial: Tensor
    transition: Tensor
    columns: Tensor
    n_columns: int

    @property
    def n_states(self) -> int:
        """Number K·C of flat states; state (k, c) has index k·C + c."""
        return self.initial.numel()


@dataclass(frozen=True, eq=False)
class Chain:
    """K contents, C chain states, E emission columns, V tokens.

    Its tables are the model's own memory, so that inference copies nothing: never write to them.

    Attributes:
        initial: Joint distribution of content and first chain state, shape (K, C).
        transition: P[next chain state | chain state], row-stochastic, shape (C, C).
        emission: P[token | emission column], row-stochastic, shape (E, V).
        columns: The emission column of each content and chain state, integers, shape (K, C).
    """

    initial: Tensor
    transition: Tensor
    emission: Tensor
    columns: Tensor

    @property
    def n_states(self) -> int:
        """Number K·C of flat states; state (k, c) has index k·C + c."""
        return self.initial.numel()

    @property
    def dynamics(self) -> Dynamics:
        """The chain without its vocabulary."""
        return Dynamics(self.initial, self.transition, self.columns, len(self.emission))

    @property
    def n_tokens(self) -> int:
        """Size V of the vocabulary."""
        return self.emission.shape[1]

    @property
    def flat_emission(self) -> Tensor:
        """P[token | flat state], shape (K·C, V)."""
        return self.emission[self.columns.reshape(-1)]

    @cached_property
    def _alias_tables(self) -> tuple[AliasTable, AliasTable, AliasTable]:
        """To draw from the rows of `initial` (flat), `transition` and `emission`; made once."""
        return (
            AliasTable(self.initial.reshape(1, -1)),
            AliasTable(self.transition),
            AliasTable(self.emission),
        )


class LatentChainModel(Protocol):
    """Anything with a `chain`: `hmmlib.HMM`, `hmmlib.MemoryHMM`."""

    @property
    def chain(self) -> Chain:
        """The model as a chain under fixed contents."""
        ...


def chain_of(model: LatentChainModel, name: str = "model") -> Chain:
    """The chain of what should be a model.

    Args:
        model: What came in.
        name: The argument's name, for the message.

    Returns:
        Its chain.

    Raises:
        TypeError: It is no HMM and no memory-augmented HMM.
    """
    chain = getattr(model, "chain", None)
    if not isinstance(chain, Chain):
        raise TypeError(f"{name}: expected an HMM or a MemoryHMM, got {type(model).__name__}")
    return chain
