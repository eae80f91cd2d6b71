"""Small models and sentences for the tests of language models of words."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from hmmlib.words import BlockedHMM, Sentences

CLASSES = torch.tensor([0, 1, 2, 0, 1, 2, 0])


def small_model(seed: int = 0, k: int = 2, *, zeros: bool = False) -> BlockedHMM:
    """Three classes of k states, seven words."""
    random = np.random.RandomState(seed)
    size = 3 * k
    moves, first = random.dirichlet(np.ones(size), size), random.dirichlet(np.ones(size))
    if zeros:
        moves[:, 1::2] = 0
        moves /= moves.sum(1, keepdims=True)
    emission = random.rand(7, k)
    for own in range(3):
        emission[own == CLASSES] /= emission[own == CLASSES].sum(0)
    return BlockedHMM(first, moves, emission, CLASSES)


def small_sentences(seed: int = 0, n: int = 9, longest: int = 8, n_tokens: int = 7) -> Sentences:
    """Sentences of different lengths, one of them as long as possible."""
    random = np.random.RandomState(seed)
    lengths = random.randint(1, longest + 1, n)
    lengths[n // 2] = longest
    tokens = torch.from_numpy(random.randint(0, n_tokens, (n, longest)))
    return Sentences(tokens, torch.from_numpy(lengths))


def summed_over_paths(model: BlockedHMM, sentence: list[int]) -> float:
    """P[sentence] as a sum over all paths of states."""
    dense = model.dense()
    first, moves, emission = dense.initial, dense.transition, dense.emission
    total = 0.0
    for path in itertools.product(range(model.n_states), repeat=len(sentence)):
        p = float(first[path[0]] * emission[path[0], sentence[0]])
        for t in range(1, len(sentence)):
            p *= float(moves[path[t - 1], path[t]] * emission[path[t], sentence[t]])
        total += p
    return total
