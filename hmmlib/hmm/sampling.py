"""Sampling text from a hidden Markov model, many sequences at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import check_positive_int
from hmmlib._display import compact_repr
from hmmlib._random import sampling_generator
from hmmlib.hmm.chain import Chain, LatentChainModel

# Uniform numbers are drawn for this many tokens at a time: few calls, little memory.
_BLOCK_TOKENS = 2_000_000


class Sample(NamedTuple):
    """Text with the hidden variables that produced it.

    Attributes:
        tokens: int64, shape (batch, time).
        states: Chain states (for a memory-augmented HMM j·|𝒮| + s), int64, shape (batch, time).
        memory: Index of the memory's content (a row of `MemoryHMM.contents`; 0 for a vanilla HMM),
            int64, shape (batch,).
    """

    tokens: Tensor
    states: Tensor
    memory: Tensor

    def __repr__(self) -> str:
        return compact_repr(self)


def sample_tokens(
    model: LatentChainModel, batch: int, time: int, *, generator: int | torch.Generator
) -> Tensor:
    """Sample text.

    Args:
        model: HMM or memory-augmented HMM; the sample is made on its device.
        batch: Number of sequences, ≥ 1.
        time: Number of tokens in each, ≥ 1.
        generator: Seed, or a torch.Generator on the model's device (advanced). The same seed gives other
            text on another kind of device.

    Returns:
        Tokens, int64, shape (batch, time).

    Raises:
        TypeError: A size is not an integer, or the generator is of another kind.
        ValueError: A size below 1, a seed beyond 32 bits, or a generator on another device.
    """
    tokens, _, _ = _sample(model.chain, batch, time, generator, keep_states=False)
    return tokens


def sample(model: LatentChainModel, batch: int, time: int, *, generator: int | torch.Generator) -> Sample:
    """Sample text and keep the hidden states and the memory; the text is that of `sample_tokens`.

    Args:
        model: HMM or memory-augmented HMM; the sample is made on its device.
        batch: Number of sequences, ≥ 1.
        time: Number of tokens in each, ≥ 1.
        generator: Seed, or a torch.Generator on the model's device (advanced).

    Returns:
        Tokens, chain states and memory contents.

    Raises:
        TypeError: A size is not an integer, or the generator is of another kind.
        ValueError: A size below 1, a seed beyond 32 bits, or a generator on another device.
    """
    tokens, states, memory = _sample(model.chain, batch, time, generator, keep_states=True)
    assert states is not None
    return Sample(tokens, states, memory)


def _sample(
    chain: Chain, batch: int, time: int, generator: int | torch.Generator, keep_states: bool
) -> tuple[Tensor, Tensor | None, Tensor]:
    batch = check_positive_int(batch, "batch")
    time = check_positive_int(time, "time")
    device = chain.initial.device
    random = sampling_generator(generator, device)
    size = chain.transition.shape[0]
    start = AliasTable(chain.initial.reshape(1, -1))
    step = AliasTable(chain.transition)
    emit = AliasTable(chain.emission)

    flat = start.draw(torch.zeros(batch, dtype=torch.int64, device=device), random)
    memory, state = flat // size, flat % size
    tokens = torch.empty(batch, time, dtype=torch.int64, device=device)
    states = torch.empty_like(tokens) if keep_states else None
    columns = chain.columns.reshape(-1)
    block = max(1, _BLOCK_TOKENS // batch)
    for begin in range(0, time, block):
        end = min(begin + block, time)
        path = torch.empty(end - begin, batch, dtype=torch.int64, device=device)
        guess, coin = step.propose((end - begin, batch), random)
        for t in range(end - begin):
            path[t] = state
            state = step.accept(state, guess[t], coin[t])
        tokens[:, begin:end] = emit.draw(columns[memory * size + path], random).T
        if states is not None:
            states[:, begin:end] = path.T
    return tokens, states, memory


class AliasTable:
    """Draws from many discrete distributions in constant time each (Walker 1977, Vose 1991).

    A draw proposes one of the n outcomes uniformly and keeps it with a tabulated probability, otherwise it
    takes that outcome's alias. An outcome of probability zero is never drawn.

    Args:
        rows: Distributions, shape (m, n).
    """

    def __init__(self, rows: Tensor) -> None:
        keep, alias = _alias_rows(rows.detach().cpu().double().numpy())
        self.n = rows.shape[1]
        self._keep = torch.as_tensor(keep, device=rows.device).reshape(-1)
        self._alias = torch.as_tensor(alias, device=rows.device).reshape(-1)

    def propose(self, shape: tuple[int, ...], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw proposals and the coins that decide on them.

        Args:
            shape: How many.
            generator: Source of randomness.

        Returns:
            Proposed outcomes (int64) and coins, uniform on [0, 1), both of the given shape.
        """
        scaled = torch.rand(shape, dtype=torch.float64, device=self._keep.device, generator=generator)
        scaled *= self.n
        guess = scaled.long()
        return guess, scaled.sub_(guess)

    def accept(self, row: Tensor, guess: Tensor, coin: Tensor) -> Tensor:
        """Turn proposals into draws from the given rows.

        Args:
            row: Which distribution each draw is from, int64.
            guess: Proposed outcomes, same shape.
            coin: Coins, same shape.

        Returns:
            Outcomes, int64, same shape.
        """
        index = (row * self.n + guess).reshape(-1)
        # `index_select` starts no threads for so little work, unlike indexing.
        keep, alias = (table.index_select(0, index).view(guess.shape) for table in (self._keep, self._alias))
        return torch.where(coin < keep, guess, alias)

    def draw(self, row: Tensor, generator: torch.Generator) -> Tensor:
        """Draw once from each of the given rows.

        Args:
            row: Which distribution each draw is from, int64, any shape.
            generator: Source of randomness.

        Returns:
            Outcomes, int64, same shape.
        """
        return self.accept(row, *self.propose(tuple(row.shape), generator))


def _alias_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability of keeping each proposal, and its alias, both of the shape of `rows`."""
    m, n = rows.shape
    keep = np.ones((m, n))
    alias = np.tile(np.arange(n), (m, 1))
    for i, row in enumerate(rows):
        left = row * (n / row.sum())  # mass of each outcome, in units of one proposal
        small = [j for j in range(n) if left[j] < 1]
        large = [j for j in range(n) if left[j] >= 1]
        while small and large:
            j, k = small.pop(), large[-1]
            keep[i, j], alias[i, j] = left[j], k
            left[k] -= 1 - left[j]
            if left[k] < 1:
                small.append(large.pop())
        # Whatever remains has mass one, up to rounding.
    return keep, alias
