"""A memory that shows in the order of words, not in how often they occur, and is readable at few places."""

from __future__ import annotations

from math import factorial

import numpy as np

from hmmlib._checks import check_fraction, check_positive, check_positive_int
from hmmlib._random import drawing_generator
from hmmlib.hmm.memory import MemoryHMM


def random_ordered_hmm(
    n_values: int,
    n_tokens: int,
    *,
    generator: int | np.random.RandomState,
    n_patterns: int = 3,
    rate: float = 1 / 32,
    own_share: float = 0.6,
    clarity: float = 0.7,
) -> MemoryHMM:
    """Draw an HMM whose words and pairs of neighbours are as frequent whatever its memory holds, but for few.

    The chain walks round a ring of 2·n_patterns syntax states. Every second of them emits one of n_patterns
    token distributions, and those between all emit the same one. The value of the memory is the *order* in
    which the distributions come. The columns of the ring are dependent.

    Now and then the chain leaves the ring for three steps: a *cue*, which emits the last token, as nothing
    else does; a step as between; and the last syntax state, the one that is recoverable (the paper's
    Section 4). Its columns mix `own_share` of a distribution of each value's own with the mean of these. It
    enters the ring again anywhere.

    The chain starts anywhere in the ring, and never in the recoverable state. So at every place of a text,
    words and pairs of neighbours have the same distribution under all values, but for the word of the
    recoverable state and pairs with it.

    Args:
        n_values: Number |ℳ| of values of the one cell, 1 … (n_patterns − 1)!.
        n_tokens: Size V of the vocabulary, ≥ n_patterns + n_values + 2.
        generator: Seed, or a numpy RandomState (advanced by the draw).
        n_patterns: Number of token distributions in the ring, ≥ 2.
        rate: Cues per step in the ring, in (0, 0.5).
        own_share: Share of its own in each value's column of the recoverable state, in (0, 1].
        clarity: Probability of a word of its own in each of the ring's token distributions, in [0, 1]; the
            rest of it is uniform on the simplex.

    Returns:
        The model, in float64, with 2·n_patterns + 3 syntax states; all values are equally likely.

    Raises:
        TypeError: A size or a share is not a number of its kind, or the generator is of another kind.
        ValueError: A size or a share out of range.
    """
    n_values, n_tokens, n_patterns = _check_sizes(n_values, n_tokens, n_patterns)
    if check_positive(rate, "rate") >= 0.5:
        raise ValueError(f"rate: expected a number 0 < rate < 0.5, got {rate!r}")
    own_share = check_fraction(own_share, "own_share", above_zero=True)
    clarity = check_fraction(clarity, "clarity")
    random = drawing_generator(generator)
    ring = 2 * n_patterns
    cue, wait, read, size = ring, ring + 1, ring + 2, ring + 3

    transition = np.zeros((size, size))
    transition[np.arange(0, ring, 2), np.arange(1, ring, 2)] = 1
    for between in range(1, ring, 2):
        transition[between, (between + 1) % ring] = 1 - 2 * rate
        transition[between, cue] = 2 * rate  # only every second state can be left
    transition[cue, wait] = transition[wait, read] = 1
    transition[read, :ring:2] = 1 / n_patterns

    words = np.ones(n_tokens - 1)
    clear = np.eye(n_tokens - 1)[random.permutation(n_tokens - 1)[:n_patterns]]
    patterns = clarity * clear + (1 - clarity) * random.dirichlet(words, n_patterns)
    emission = np.zeros((n_values, 1, size, n_tokens))
    for value, order in enumerate(_orders(n_values, n_patterns, random)):
        emission[value, 0, :ring:2, :-1] = patterns[list(order)]
    emission[:, 0, [*range(1, ring, 2), wait], :-1] = random.dirichlet(words)
    emission[:, 0, cue, -1] = 1
    own = random.dirichlet(words, n_values)
    emission[:, 0, read, :-1] = own_share * own + (1 - own_share) * own.mean(0)

    initial = np.zeros((n_values, 1, size))
    initial[..., :ring] = 1 / (n_values * ring)
    return MemoryHMM(initial, transition, emission)


def _check_sizes(n_values: int, n_tokens: int, n_patterns: int) -> tuple[int, int, int]:
    n_patterns = check_positive_int(n_patterns, "n_patterns", 2)
    n_values = check_positive_int(n_values, "n_values")
    most = factorial(n_patterns - 1)
    if n_values > most:
        raise ValueError(
            f"n_values: expected at most {most}, the orders of {n_patterns} in a ring, got {n_values}"
        )
    return n_values, check_positive_int(n_tokens, "n_tokens", n_patterns + n_values + 2), n_patterns


def _orders(n_values: int, n_patterns: int, random: np.random.RandomState) -> list[tuple[int, ...]]:
    """Different orders round the ring, each beginning with the first pattern."""
    found: dict[tuple[int, ...], None] = {}
    while len(found) < n_values:
        found[(0, *(1 + random.permutation(n_patterns - 1)).tolist())] = None
    return list(found)
