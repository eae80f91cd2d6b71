"""The memory's contents as what a text is about: how probable a text is given each, and each given a text."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, distributions, real_tensor
from hmmlib._texts import check_tokens
from hmmlib.hmm.memory import MemoryHMM

# Messages of so many numbers are worked on at a time.
_PIECE = 2**20


def uniform_memory(model: MemoryHMM) -> MemoryHMM:
    """The same model with a memory and a first chain state that are drawn uniformly.

    Example:
        >>> from hmmlib import random_memory_hmm
        >>> from hmmlib.hmm import uniform_memory
        >>> model = uniform_memory(random_memory_hmm(3, 2, n_cells=2, generator=1))
        >>> model.initial.unique()
        tensor([0.0278], dtype=torch.float64)

    Args:
        model: Memory-augmented HMM.

    Returns:
        The model.

    Raises:
        TypeError: `model` is something else.
    """
    _check_memory(model)
    initial = torch.full_like(model.initial, 1 / model.n_states)
    return MemoryHMM(initial, model.transition, model.emission, device=model.device, dtype=model.dtype)


def content_log_likelihood(
    model: MemoryHMM,
    tokens: ArrayLike,
    *,
    transition: ArrayLike | None = None,
    prefixes: bool = False,
) -> Tensor:
    """Log P[x | M = m] for each content m of the memory, by one forward pass for each.

    Args:
        model: Memory-augmented HMM.
        tokens: Texts without blanks, integers 0 … V − 1, shape (batch, time).
        transition: P[next chain state | chain state] in place of the model's, shape (C, C): another grammar
            with the same words.
        prefixes: Whether the beginnings of the texts are wanted too.

    Returns:
        Nats, shape (batch, K), contents in the order of `MemoryHMM.contents`; −inf where a content cannot
        have written the text or has probability zero itself. With `prefixes`, shape (batch, time, K), entry
        t for the first t + 1 tokens.

    Raises:
        TypeError: A model without memory, or tokens that are not integers.
        ValueError: Wrong shapes, an empty text, a token out of range, or a transition whose rows do not sum
            to one.
    """
    _check_memory(model)
    chain = model.chain
    text = check_tokens(tokens, model.n_tokens, advice="").to(model.device)
    moves = chain.transition
    if transition is not None:
        moves = real_tensor(transition, "transition")
        if moves.shape != chain.transition.shape:
            raise ValueError(
                f"transition: expected shape {tuple(chain.transition.shape)}, got {tuple(moves.shape)}"
            )
        moves = distributions(moves, "transition", ["row"], model.dtype, model.device)
    probs = chain.initial.sum(1, keepdim=True)  # (K, 1)
    start = torch.where(probs > 0, chain.initial / probs, 0)  # (K, C)
    size = max(1, _PIECE // start.numel())
    return torch.cat(
        [_forward(start, moves, chain.emission, chain.columns, piece, prefixes) for piece in text.split(size)]
    )


def _forward(
    start: Tensor, moves: Tensor, emission: Tensor, columns: Tensor, text: Tensor, prefixes: bool
) -> Tensor:
    found, every = start.new_zeros(len(text), len(start)), []
    message = start.expand(len(text), -1, -1)  # (n, K, C)
    for t, words in enumerate(text.T):
        if t:
            message = message @ moves
        message = message * emission[:, words].T[:, columns]
        scale = message.sum(-1, keepdim=True)
        found = found + scale[..., 0].log()
        message = torch.where(scale > 0, message / scale, 0)
        if prefixes:
            every.append(found)
    return torch.stack(every, 1) if prefixes else found


def content_posterior(model: MemoryHMM, tokens: ArrayLike, *, transition: ArrayLike | None = None) -> Tensor:
    """P[M = m | x]: what the memory holds, given a text.

    Args:
        model: Memory-augmented HMM.
        tokens: Texts without blanks, integers 0 … V − 1, shape (batch, time).
        transition: As for `content_log_likelihood`.

    Returns:
        Probabilities, shape (batch, K), contents in the order of `MemoryHMM.contents`.

    Raises:
        TypeError: A model without memory, or tokens that are not integers.
        ValueError: As for `content_log_likelihood`, or a text that no content can have written.
    """
    joint = content_log_likelihood(model, tokens, transition=transition)
    joint = joint + model.chain.initial.sum(1).log()
    impossible = (joint == -torch.inf).all(1).nonzero()
    if len(impossible):
        raise ValueError(
            f"tokens: row {int(impossible[0])} has probability 0 with every content of the memory"
        )
    return joint.softmax(1)


def _check_memory(model: MemoryHMM) -> None:
    if not isinstance(model, MemoryHMM):
        raise TypeError(f"model: expected a MemoryHMM, got {type(model).__name__}")
