"""Sampling text from a hidden Markov model, many sequences at once."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, as_tensor, check_integers, check_positive_int
from hmmlib._display import compact_repr
from hmmlib._random import sampling_generator
from hmmlib.hmm._alias import AliasTable
from hmmlib.hmm.chain import Chain, LatentChainModel, chain_of

# Uniform numbers are drawn for this many tokens at a time: few calls, little memory.
_BLOCK_TOKENS = 2_000_000


class Sample(NamedTuple):
    """Text with the hidden variables that produced it.

    Attributes:
        tokens: int64, shape (batch, time).
        states: Chain states (for a memory-augmented HMM j·|𝒮| + s), int64, shape (batch, time).
        content: Which content the memory has, a row of `MemoryHMM.contents` (0 for a vanilla HMM), int64,
            shape (batch,).
    """

    tokens: Tensor
    states: Tensor
    content: Tensor

    def __repr__(self) -> str:
        return compact_repr(self)


def sample_tokens(
    model: LatentChainModel,
    batch: int,
    time: int,
    *,
    generator: int | torch.Generator,
    memory: ArrayLike | None = None,
) -> Tensor:
    """Sample text.

    Example:
        >>> from hmmlib import random_hmm, sample_tokens
        >>> sample_tokens(random_hmm(4, 10, generator=1), 1000, 128, generator=0).shape
        torch.Size([1000, 128])

    Args:
        model: HMM or memory-augmented HMM; the sample is made on its device.
        batch: Number of sequences, ≥ 1.
        time: Number of tokens in each, ≥ 1.
        generator: Seed, or a torch.Generator on the model's device (advanced). The same seed gives other
            text on another kind of device.
        memory: What the memory of each sequence holds, rows of `MemoryHMM.contents`, int64, shape (batch,);
            drawn like everything else if it is not given.

    Returns:
        Tokens, int64, shape (batch, time).

    Raises:
        TypeError: A size or a content is not an integer, the generator is of another kind, or a model
            without memory is told what it holds.
        ValueError: A size below 1, a seed beyond 32 bits, a generator on another device, or contents of
            another number than `batch`, out of range or of probability zero.
    """
    tokens, _, _ = _sample(chain_of(model), batch, time, generator, memory, keep_states=False)
    return tokens


def sample(
    model: LatentChainModel,
    batch: int,
    time: int,
    *,
    generator: int | torch.Generator,
    memory: ArrayLike | None = None,
) -> Sample:
    """Sample text and keep the hidden states and the memory; the text is that of `sample_tokens`.

    Args:
        model: HMM or memory-augmented HMM; the sample is made on its device.
        batch: Number of sequences, ≥ 1.
        time: Number of tokens in each, ≥ 1.
        generator: Seed, or a torch.Generator on the model's device (advanced).
        memory: What the memory of each sequence holds, rows of `MemoryHMM.contents`, int64, shape (batch,);
            drawn like everything else if it is not given.

    Returns:
        Tokens, chain states and memory contents.

    Raises:
        TypeError: A size or a content is not an integer, the generator is of another kind, or a model
            without memory is told what it holds.
        ValueError: A size below 1, a seed beyond 32 bits, a generator on another device, or contents of
            another number than `batch`, out of range or of probability zero.
    """
    tokens, states, content = _sample(chain_of(model), batch, time, generator, memory, keep_states=True)
    assert states is not None
    return Sample(tokens, states, content)


def _sample(
    chain: Chain,
    batch: int,
    time: int,
    generator: int | torch.Generator,
    memory: ArrayLike | None,
    keep_states: bool,
) -> tuple[Tensor, Tensor | None, Tensor]:
    batch = check_positive_int(batch, "batch")
    time = check_positive_int(time, "time")
    device = chain.initial.device
    random = sampling_generator(generator, device)
    size = chain.transition.shape[0]
    start, step, emit = chain._alias_tables

    if memory is None:
        flat = start.draw(torch.zeros(batch, dtype=torch.int64, device=device), random)
        content, state = flat // size, flat % size
    else:
        content = _given_contents(chain, batch, memory)
        used, row = content.unique(return_inverse=True)
        state = AliasTable(chain.initial[used]).draw(row, random)
    tokens = torch.empty(batch, time, dtype=torch.int64, device=device)
    states = torch.empty_like(tokens) if keep_states else None
    columns = chain.columns.reshape(-1)
    block = max(1, _BLOCK_TOKENS // batch)
    for begin in range(0, time, block):
        end = min(begin + block, time)
        path, state = step.walk(state, end - begin, random)
        tokens[:, begin:end] = emit.draw(columns[content * size + path], random).T
        if states is not None:
            states[:, begin:end] = path.T
    return tokens, states, content


def _given_contents(chain: Chain, batch: int, memory: ArrayLike) -> Tensor:
    probs = chain.initial.sum(1)
    if len(probs) == 1:
        raise TypeError("memory: the model has no memory, or one that can hold one thing only")
    content = check_integers(as_tensor(memory, "memory", "integers"), "memory").to(probs.device)
    if content.shape != (batch,):
        raise ValueError(f"memory: expected shape ({batch},), one content each, got {tuple(content.shape)}")
    possible = (content >= 0) & (content < len(probs))
    possible &= probs[content.clamp(0, len(probs) - 1)] > 0
    if not possible.all():
        row = int((~possible).nonzero()[0])
        raise ValueError(
            f"memory: expected contents 0 … {len(probs) - 1} of positive probability, "
            f"row {row} is {int(content[row])}"
        )
    return content
