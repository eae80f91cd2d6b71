"""Random models that satisfy a theorem's assumptions by construction, to check it on many."""

from __future__ import annotations

import numpy as np
import torch

from hmmlib._checks import check_positive_int
from hmmlib._random import drawing_generator
from hmmlib.hmm.memory import MemoryHMM
from hmmlib.hmm.stationary import stationary_distribution
from hmmlib.hmm.vanilla import HMM


def random_sparse_hmm(
    n_states: int, n_tokens: int, *, generator: int | np.random.RandomState, n_followers: int = 2
) -> HMM:
    """Draw an HMM in which each state has few possible followers, so that a prompt can switch states off.

    Every row of the transition matrix has `n_followers` positive entries, in random places; those, the
    initial distribution and the emission rows are uniform on their simplices.

    Args:
        n_states: Number H of hidden states, ≥ 1.
        n_tokens: Size V of the vocabulary, ≥ 1.
        generator: Seed, or a numpy RandomState (advanced by the draw).
        n_followers: Number of possible followers of each state, 1 … H.

    Returns:
        The model, in float64.

    Raises:
        TypeError: A size is not an integer, or the generator is of another kind.
        ValueError: A size out of range.
    """
    n_states = check_positive_int(n_states, "n_states")
    n_tokens = check_positive_int(n_tokens, "n_tokens")
    if check_positive_int(n_followers, "n_followers") > n_states:
        raise ValueError(f"n_followers: expected at most n_states = {n_states}, got {n_followers}")
    random = drawing_generator(generator)
    transition = np.zeros((n_states, n_states))
    for row in transition:
        row[random.permutation(n_states)[:n_followers]] = random.dirichlet(np.ones(n_followers))
    initial = random.dirichlet(np.ones(n_states))
    return HMM(initial, transition, random.dirichlet(np.ones(n_tokens), n_states))


def random_recoverable_hmm(
    n_values: int,
    n_syntax: int,
    n_tokens: int,
    *,
    generator: int | np.random.RandomState,
    n_cells: int = 1,
    n_recoverable: int = 1,
    n_patterns: int = 1,
    n_kept: int | None = None,
) -> MemoryHMM:
    """Draw a memory-augmented HMM whose first cell is recoverable in its first syntax states.

    - Cell 0 in syntax states 0 … n_recoverable − 1, H* of the paper's Section 4, has emission columns of its
      own, uniform on the simplex of all tokens but the last.
    - The last chain state, a *cue*, emits the last token, which nothing else emits, and is followed by a
      state of H*. So the text shows where H* is visited for certain.
    - All other columns are mixtures of `n_patterns` token distributions, hence dependent when there are more
      of them.

    The chain is stationary, its other transitions are uniform on the simplex, and the memory is independent
    of it, with a distribution uniform on the simplex.

    Args:
        n_values: Number |ℳ| of values of a cell, ≥ 1.
        n_syntax: Number |𝒮| of syntax states, more than n_recoverable.
        n_tokens: Size V of the vocabulary, ≥ n_kept·n_recoverable + n_patterns + 1.
        generator: Seed, or a numpy RandomState (advanced by the draw).
        n_cells: Number N of cells, ≥ 1.
        n_recoverable: Number of recoverable syntax states, ≥ 1.
        n_patterns: Number of token distributions that the other columns are mixed from, ≥ 1.
        n_kept: Number of values, 1 … n_values, that a prompt has to reduce the first cell to before its
            states are recoverable; n_values, no prompt needed, by default.

    Returns:
        The model, in float64.

    Raises:
        TypeError: A size is not an integer, or the generator is of another kind.
        ValueError: A size out of range.
    """
    n_values = check_positive_int(n_values, "n_values")
    n_cells = check_positive_int(n_cells, "n_cells")
    n_recoverable = check_positive_int(n_recoverable, "n_recoverable")
    n_syntax = check_positive_int(n_syntax, "n_syntax", n_recoverable + 1)
    n_patterns = check_positive_int(n_patterns, "n_patterns")
    n_kept = n_values if n_kept is None else check_positive_int(n_kept, "n_kept")
    if n_kept > n_values:
        raise ValueError(f"n_kept: expected at most n_values = {n_values}, got {n_kept}")
    n_tokens = check_positive_int(n_tokens, "n_tokens", n_kept * n_recoverable + n_patterns + 1)
    random = drawing_generator(generator)
    size = n_cells * n_syntax

    emission = np.zeros((n_values, n_cells, n_syntax, n_tokens))
    patterns = random.dirichlet(np.ones(n_tokens - 1), n_patterns)
    emission[..., :-1] = random.dirichlet(np.ones(n_patterns), emission.shape[:3]) @ patterns
    own = random.dirichlet(np.ones(n_tokens - 1), (n_values, n_recoverable))
    emission[:, 0, :n_recoverable, :-1] = own
    emission[:, -1, -1] = np.eye(n_tokens)[-1]

    transition = random.dirichlet(np.ones(size), size)
    transition[-1] = 0.0
    transition[-1, :n_recoverable] = 1 / n_recoverable
    memory = random.dirichlet(np.ones(n_values**n_cells)).reshape((n_values,) * n_cells)
    start = stationary_distribution(torch.from_numpy(transition)).numpy().reshape(n_cells, n_syntax)
    return MemoryHMM(memory[..., None, None] * start, transition, emission)
