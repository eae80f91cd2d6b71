"""HMMs whose words belong to classes: the blocked forward pass beside the dense one, and up to 2¹⁵ states."""

from __future__ import annotations

from typing import Any

import torch

from hmmlib import posteriors
from hmmlib.words import BlockedHMM, Sentences, random_blocked_hmm
from hmmlib.words._recursion import Blocks
from tests.benchmarks.timing import in_turn, per_unit_ratio, rounded, spread


def compare(
    n_classes: int,
    states_per_class: int,
    words_per_class: int,
    sentences: int,
    length: int,
    repetitions: int,
    seed: int,
) -> dict[str, Any]:
    """Time the log-probabilities of sentences by the blocked model and by the dense one, which are the same.

    Args:
        n_classes: Number K of classes.
        states_per_class: Number k of states of each.
        words_per_class: Number of words of each.
        sentences: Number of sentences.
        length: Their length in words.
        repetitions: How often each is timed.
        seed: Seed of the model and of the sentences.

    Returns:
        Times, their ratio, and the largest relative deviation of the log-probabilities.
    """
    model = random_blocked_hmm(n_classes, states_per_class, words_per_class, generator=seed)
    dense = model.dense()
    text = _text(model.n_tokens, sentences, length, seed)
    tasks = {
        "blocked": lambda: model.log_probs(text),
        "dense": lambda: posteriors(dense, text.tokens, keep=()).log_likelihood,
    }
    seconds = in_turn(tasks, repetitions, warm_up=1)
    one, other = (task() for task in tasks.values())
    return {
        "n_states": model.n_states,
        "n_classes": n_classes,
        "tokens": sentences * length,
        "seconds": {name: spread(taken) for name, taken in seconds.items()},
        "ratio": per_unit_ratio(seconds["dense"], seconds["blocked"]),
        "largest_deviation": rounded(float(((one - other) / other).abs().max()), 2),
    }


def forward(
    n_classes: int, states_per_class: int, sentences: int, length: int, repetitions: int, seed: int
) -> dict[str, Any]:
    """Time the forward pass of a blocked HMM in single precision, whose transition may take gigabytes.

    Args:
        n_classes: Number K of classes, each of 8 words.
        states_per_class: Number k of states of each.
        sentences: Number of sentences.
        length: Their length in words.
        repetitions: How often it is timed.
        seed: Seed of the tables and of the sentences.

    Returns:
        Number of states, gigabytes of the transition, seconds, and words per second.
    """
    m, k, words = n_classes, states_per_class, 8
    torch.manual_seed(seed)
    # Made in place: a table of 2¹⁵ × 2¹⁵ numbers is four gigabytes, and there is no room for a second.
    moves = torch.empty(m * m, k, k).uniform_()
    moves.view(m, m, k, k).div_(moves.view(m, m, k, k).sum((1, 3), keepdim=True))
    emission = torch.full((m * words, k), 1 / words)
    model = BlockedHMM.of_blocks(
        Blocks(torch.full((m, k), 1 / (m * k)), moves, emission, torch.arange(m * words) % m)
    )
    text = _text(m * words, sentences, length, seed)
    (seconds,) = in_turn({"forward": lambda: model.log_probs(text)}, repetitions, warm_up=1).values()
    found = spread(seconds)
    return {
        "n_states": m * k,
        "n_classes": m,
        "gib": rounded(moves.numel() * moves.element_size() / 2**30),
        "seconds": found,
        "words_per_second": rounded(sentences * length / found["median"]),
    }


def _text(n_tokens: int, sentences: int, length: int, seed: int) -> Sentences:
    drawn = torch.randint(n_tokens, (sentences, length), generator=torch.Generator().manual_seed(seed))
    return Sentences(drawn, torch.full((sentences,), length))
