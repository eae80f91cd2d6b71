"""Random blocked HMMs: a source of sentences whose entropy is known."""

from __future__ import annotations

import numpy as np

from hmmlib._checks import check_positive, check_positive_int
from hmmlib._random import drawing_generator
from hmmlib.words.blocked import BlockedHMM


def random_blocked_hmm(
    n_classes: int,
    states_per_class: int,
    words_per_class: int,
    *,
    generator: int | np.random.RandomState,
    sharpness: float = 3.2,
    concentration: float = 0.15,
) -> BlockedHMM:
    """A blocked HMM that can be learnt: its transition is made from few numbers, its emissions are uneven.

    Each state has two random vectors of twelve normal numbers, one for leaving and one for being reached. A
    transition is the softmax of their scalar product. The words of a class are distributed, in each of its
    states, by a draw from a symmetric Dirichlet distribution. The first state is uniform.

    Example:
        >>> from hmmlib.words import random_blocked_hmm
        >>> random_blocked_hmm(8, 32, 32, generator=0)
        BlockedHMM(n_states=256, n_classes=8, n_tokens=256)

    Args:
        n_classes: Number K of classes.
        states_per_class: Number k of states of each.
        words_per_class: Number of words of each.
        generator: Seed or numpy RandomState.
        sharpness: Factor of the scalar products, which have unit variance without it; > 0.
        concentration: Parameter of the Dirichlet distribution, > 0; small ones make few words likely.

    Returns:
        The HMM. Word w has class w mod K.

    Raises:
        TypeError: Sizes that are not integers, parameters that are no numbers.
        ValueError: A size or parameter that is not positive.
    """
    m = check_positive_int(n_classes, "n_classes")
    k = check_positive_int(states_per_class, "states_per_class")
    n_words = check_positive_int(words_per_class, "words_per_class")
    sharpness = check_positive(sharpness, "sharpness")
    concentration = check_positive(concentration, "concentration")
    random = drawing_generator(generator)
    leaving, reached = random.standard_normal((2, m * k, 12))
    scores = sharpness * leaving @ reached.T / 12**0.5
    moves = np.exp(scores - scores.max(1, keepdims=True))
    said = random.dirichlet(np.full(n_words, concentration), (m, k))  # (K, k, words)
    emission = said.transpose(2, 0, 1).reshape(n_words * m, k)
    return BlockedHMM(
        np.full(m * k, 1 / (m * k)),
        moves / moves.sum(1, keepdims=True),
        emission,
        np.tile(np.arange(m), n_words),
    )
