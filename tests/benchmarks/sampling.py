"""Sampling the paper's pretraining corpus, time and memory, and one long text; beside hmmlearn."""

from __future__ import annotations

import time
from typing import Any

from hmmlib import random_hmm, sample_tokens
from tests.benchmarks.fresh import peak_bytes
from tests.benchmarks.timing import in_turn, per_unit_ratio, rounded, spread


def corpus_cost(n_states: int, sequences: int, length: int, seed: int) -> dict[str, float]:
    """Sample a corpus once, as a user's program would; to be run in a fresh process.

    Args:
        n_states: Number H of hidden states.
        sequences: Number of texts.
        length: Their length in tokens.
        seed: Seed of model and text.

    Returns:
        Wall time, and the peak memory of the process before and after.
    """
    hmm = random_hmm(n_states, generator=seed)
    before = peak_bytes()
    begin = time.perf_counter()
    text = sample_tokens(hmm, sequences, length, generator=seed)
    seconds = time.perf_counter() - begin
    return {
        "seconds": rounded(seconds),
        "tokens_per_second": rounded(text.numel() / seconds),
        "corpus_gib": rounded(text.nbytes / 2**30),
        "peak_before_gib": rounded(before / 2**30),
        "peak_gib": rounded(peak_bytes() / 2**30),
    }


def compare(
    n_states: int, sequences: int, length: int, hmmlearn_tokens: int, repetitions: int, seed: int
) -> dict[str, Any]:
    """Time hmmlib on the corpus in turn with hmmlearn on one shorter text.

    Args:
        n_states: Number H of hidden states.
        sequences: Number of hmmlib's texts.
        length: Their length in tokens.
        hmmlearn_tokens: Length of hmmlearn's text.
        repetitions: How often each is timed.
        seed: Seed of model and text.

    Returns:
        Times, tokens per second, and the ratio of times per token.
    """
    hmm = random_hmm(n_states, generator=seed)
    model = hmm.to_hmmlearn()
    tasks = {
        "hmmlib": lambda: sample_tokens(hmm, sequences, length, generator=seed),
        "hmmlearn": lambda: model.sample(hmmlearn_tokens, random_state=seed),
    }
    tokens = {"hmmlib": sequences * length, "hmmlearn": hmmlearn_tokens}
    seconds = in_turn(tasks, repetitions, warm_up=1)
    return {
        "seconds": {name: spread(taken) for name, taken in seconds.items()},
        "tokens": tokens,
        "tokens_per_second": {
            name: spread([tokens[name] / one for one in taken]) for name, taken in seconds.items()
        },
        "ratio_per_token": {
            "hmmlearn": per_unit_ratio(
                seconds["hmmlearn"], seconds["hmmlib"], tokens["hmmlearn"], tokens["hmmlib"]
            )
        },
    }


def compare_one_text(n_states: int, tokens: int, repetitions: int, seed: int) -> dict[str, Any]:
    """Time hmmlib and hmmlearn on one text of the same length.

    Args:
        n_states: Number H of hidden states.
        tokens: Length of the text.
        repetitions: How often each is timed.
        seed: Seed of model and text.

    Returns:
        Times, and how many times as long as hmmlib hmmlearn takes.
    """
    hmm = random_hmm(n_states, generator=seed)
    model = hmm.to_hmmlearn()
    tasks = {
        "hmmlib": lambda: sample_tokens(hmm, 1, tokens, generator=seed),
        "hmmlearn": lambda: model.sample(tokens, random_state=seed),
    }
    seconds = in_turn(tasks, repetitions, warm_up=1)
    return {
        "seconds": {name: spread(taken) for name, taken in seconds.items()},
        "ratio": {"hmmlearn": per_unit_ratio(seconds["hmmlearn"], seconds["hmmlib"], tokens, tokens)},
    }
