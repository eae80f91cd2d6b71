"""Forward and backward passes over sentences when each word leaves k states possible."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib.words.corpora import Sentences

# So many sentences are worked on at a time, fewer where blocks are large: the transitions of one step, k²
# numbers for each sentence, should stay in the cache.
_MOST_ROWS, _LEAST_ROWS, _NUMBERS = 512, 16, 2**20
# Outer products of neighbouring messages wait until there are so many numbers, and are then summed pair of
# classes by pair of classes, each by one product of matrices.
_WAITING = 2**23


class Blocks(NamedTuple):
    """Tables of an HMM with K classes of k states, or weights in their place.

    Attributes:
        initial: P[first state], shape (K, k).
        moves: P[next state | state], one block for each pair of classes (from, to), shape (K·K, k, k).
        emission: P[word | j-th state of its class], shape (V, k).
        classes: Class of each word, shape (V,).
    """

    initial: Tensor
    moves: Tensor
    emission: Tensor
    classes: Tensor


class BlockCounts(NamedTuple):
    """How often each thing is expected to have happened in sentences.

    Attributes:
        initial: Sentences that start in each state, shape (K, k).
        moves: Steps from state to state, shape (K·K, k, k).
        emission: Words written in each state of their class, shape (V, k).
        log_probs: Log-probability of each sentence in nats, shape (n,).
    """

    initial: Tensor
    moves: Tensor
    emission: Tensor
    log_probs: Tensor


class _Pass(NamedTuple):
    """Messages of a forward pass over a piece, rows from long to short.

    Attributes:
        words: Shape (T, n).
        active: How many rows have a word at each position; they come first.
        forward: P[state | words so far], one table (active, k) for each position.
        scales: P[word | words before], one vector (active,) for each position.
    """

    words: Tensor
    active: list[int]
    forward: list[Tensor]
    scales: list[Tensor]


def sentence_log_probs(blocks: Blocks, sentences: Sentences) -> Tensor:
    """Log-probability of each sentence.

    Args:
        blocks: The model.
        sentences: Checked sentences.

    Returns:
        Nats, double precision, shape (n,); −inf for what is impossible.
    """
    found = torch.empty(len(sentences.lengths), dtype=torch.float64)
    for rows, words, active in _pieces(blocks, sentences):
        with torch.no_grad():
            found[rows] = _log_probs(_forward(blocks, words, active))
    return found


def block_counts(blocks: Blocks, sentences: Sentences) -> BlockCounts:
    """Expected numbers of starts, steps and words given the sentences.

    Args:
        blocks: The model.
        sentences: Checked sentences.

    Returns:
        The counts.

    Raises:
        ValueError: A sentence that the model cannot produce.
    """
    m = blocks.initial.shape[0]
    initial, emission = torch.zeros_like(blocks.initial), torch.zeros_like(blocks.emission)
    products = torch.zeros_like(blocks.moves)
    waiting: list[tuple[Tensor, Tensor, Tensor]] = []
    size = 0
    found = torch.empty(len(sentences.lengths), dtype=torch.float64)
    with torch.no_grad():
        for rows, words, active in _pieces(blocks, sentences):
            run = _forward(blocks, words, active)
            found[rows] = _log_probs(run)
            if bool(torch.isinf(found[rows]).any()):
                raise ValueError(_impossible(run, rows))
            classes = blocks.classes[words]  # (T, n)
            behind = torch.ones_like(run.forward[-1])  # P[words after | state], over P[words after | before]
            for t in range(len(active) - 1, -1, -1):
                n = active[t]
                smoothed = run.forward[t] * behind  # (n, k)
                emission.index_add_(0, words[t, :n], smoothed)
                if t == 0:
                    initial.index_add_(0, classes[0], smoothed)
                    break
                onward = blocks.emission[words[t, :n]] * behind / run.scales[t][:, None]  # (n, k)
                pair = classes[t - 1, :n] * m + classes[t, :n]
                waiting.append((pair, run.forward[t - 1][:n], onward))
                size += onward.numel()
                came = torch.bmm(blocks.moves.index_select(0, pair), onward[..., None])[..., 0]  # (n, k)
                short = came.new_ones(active[t - 1] - n, came.shape[1])
                behind = torch.cat([came, short])
            if size > _WAITING:
                _add_products(products, waiting)
                waiting, size = [], 0
        if waiting:
            _add_products(products, waiting)
    return BlockCounts(initial, products.mul_(blocks.moves), emission, found)


def next_words(blocks: Blocks, words: Tensor | None) -> Tensor:
    """The distribution of the word after some, shape (V,).

    Args:
        blocks: The model.
        words: Those before, shape (T,); None for the first word of a sentence.

    Returns:
        Probabilities.

    Raises:
        ValueError: They are impossible.
    """
    m, k = blocks.initial.shape
    if words is None:
        states = blocks.initial
    else:
        run = _forward(blocks, words[:, None], [1] * len(words))
        if not math.isfinite(float(_log_probs(run))):
            raise ValueError(f"history: {_where(run, 0)} cannot follow what precedes it")
        own = int(blocks.classes[words[-1]])
        states = run.forward[-1] @ blocks.moves[own * m : (own + 1) * m].transpose(0, 1).reshape(k, m * k)
        states = states.view(m, k)
    return (states[blocks.classes] * blocks.emission).sum(1)


def _pieces(blocks: Blocks, sentences: Sentences) -> Iterator[tuple[Tensor, Tensor, list[int]]]:
    """Rows, words (T, n) and active rows of pieces of the sentences, from long to short."""
    k = blocks.initial.shape[1]
    size = min(_MOST_ROWS, max(_LEAST_ROWS, _NUMBERS // k**2))
    for rows in sentences.lengths.argsort(descending=True, stable=True).split(size):
        lengths = sentences.lengths[rows]
        longest = int(lengths[0])
        words = sentences.tokens[rows, :longest].T.contiguous()
        active = (lengths[None] > torch.arange(longest)[:, None]).sum(1).tolist()
        yield rows, words, active


def _forward(blocks: Blocks, words: Tensor, active: list[int]) -> _Pass:
    m = blocks.initial.shape[0]
    classes = blocks.classes[words]
    joint = blocks.initial[classes[0]] * blocks.emission[words[0]]  # (n, k)
    forward: list[Tensor] = []
    scales: list[Tensor] = []
    for t, n in enumerate(active):
        if t:
            pair = classes[t - 1, :n] * m + classes[t, :n]
            moved = torch.bmm(forward[-1][:n, None], blocks.moves.index_select(0, pair))[:, 0]
            joint = moved * blocks.emission[words[t, :n]]
        scale = joint.sum(1)
        # What is impossible stays so: its messages are zero from there on.
        forward.append(joint / torch.where(scale > 0, scale, 1.0)[:, None])
        scales.append(scale)
    return _Pass(words, active, forward, scales)


def _log_probs(run: _Pass) -> Tensor:
    total = torch.zeros(run.active[0], dtype=torch.float64)
    for n, scale in zip(run.active, run.scales, strict=True):
        total[:n] += scale.double().log()
    return total


def _add_products(products: Tensor, waiting: list[tuple[Tensor, Tensor, Tensor]]) -> None:
    """Add to each pair's block the sum of outer products of what came before and what goes on."""
    pair, before, onward = (torch.cat(parts) for parts in zip(*waiting, strict=True))
    order = pair.argsort(stable=True)
    kinds, counts = torch.unique_consecutive(pair[order], return_counts=True)
    before, onward = before[order], onward[order]
    start = 0
    for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True):
        some = slice(start, start + count)
        products[kind].addmm_(before[some].T, onward[some])
        start += count


def _impossible(run: _Pass, rows: Tensor) -> str:
    row = int(torch.isinf(_log_probs(run)).nonzero()[0])
    return f"sentences: sentence {int(rows[row])}: {_where(run, row)} cannot follow what precedes it"


def _where(run: _Pass, row: int) -> str:
    t = next(t for t, scale in enumerate(run.scales) if float(scale[row]) == 0)
    return f"word {int(run.words[t, row])} at position {t}"
