"""Random models, drawn as the paper's experiments draw them."""

from __future__ import annotations

from decimal import Context, Decimal

import numpy as np
import torch

from hmmlib._checks import check_positive, check_positive_int
from hmmlib._random import drawing_generator
from hmmlib.hmm.memory import MemoryHMM
from hmmlib.hmm.vanilla import HMM

# Of the paper's experiments.
N_TOKENS = 10
N_SYNTAX = 4

# More digits than a double has, so that what is rounded to a double is rounded once.
_DIGITS = Context(prec=28)


def random_hmm(
    n_states: int,
    n_tokens: int = 10,
    *,
    generator: int | np.random.RandomState,
    transition_temperature: float = 0.01,
    emission_temperature: float = 0.01,
    initial_temperature: float = 10.0,
    n_permutations: int | None = None,
    device: str | torch.device | None = None,
) -> HMM:
    """Draw an HMM as the paper's experiments do (its simulations, and the released generator).

    The transition matrix is a mixture Σ w_k P_k of random permutation matrices, w = softmax(U/temperature)
    with U uniform on [0, 1); emission rows and the initial distribution are softmax(U/temperature) too. Being
    doubly stochastic, the chain has the uniform stationary distribution.

    Draws are made in the order of the released code and from the same generator: an int seed gives the
    very HMM that the paper's first experiment used for that seed.

    Example:
        >>> from hmmlib import random_hmm
        >>> random_hmm(15, 10, generator=1)
        HMM(n_states=15, n_tokens=10)

    Args:
        n_states: Number H of hidden states, ≥ 1.
        n_tokens: Size V of the vocabulary, ≥ 1; the paper's is 10.
        generator: Seed, or a numpy RandomState (advanced by the draw).
        transition_temperature: Temperature of the mixture weights, > 0; lower is more deterministic.
        emission_temperature: Temperature of the emission rows, > 0.
        initial_temperature: Temperature of the initial distribution, > 0.
        n_permutations: Number of permutations mixed; n_states by default, as in the paper.
        device: Where the model is put.

    Returns:
        The model, in float64.

    Raises:
        TypeError: A size is not an integer, a temperature is not a number, or the generator is of another
            kind.
        ValueError: A size below 1, a temperature that is not positive, a seed beyond 32 bits, or an unknown
            device.
    """
    n_states = check_positive_int(n_states, "n_states")
    n_tokens = check_positive_int(n_tokens, "n_tokens")
    count = n_states if n_permutations is None else check_positive_int(n_permutations, "n_permutations")
    random = drawing_generator(generator)
    initial = tempered(random.rand(n_states), initial_temperature, "initial_temperature")
    transition = permutation_mixture(n_states, count, transition_temperature, random)
    emission = emission_rows((n_states,), n_tokens, emission_temperature, random)
    return HMM(initial, transition, emission, device=device)


def tempered(scores: np.ndarray, temperature: float, name: str) -> np.ndarray:
    """Softmax of scores / temperature, with correctly rounded exponentials.

    Those of numpy differ in the last bit between processors, and a seed would not mean the same HMM on all.

    Args:
        scores: Shape (…, n).
        temperature: > 0; lower is closer to one-hot.
        name: The temperature's name, for the message.

    Returns:
        Distributions along the last axis, shape (…, n).

    Raises:
        TypeError: The temperature is not a number.
        ValueError: The temperature is not finite and > 0.
    """
    logits = scores / check_positive(temperature, name)
    below = logits - logits.max(-1, keepdims=True)
    weights = np.array([float(_DIGITS.exp(Decimal(value))) for value in below.ravel().tolist()])
    weights = weights.reshape(below.shape)
    result: np.ndarray = weights / weights.sum(-1, keepdims=True)
    return result


def permutation_mixture(
    n_states: int, n_permutations: int, temperature: float, random: np.random.RandomState
) -> np.ndarray:
    """Mixture Σ w_k P_k of random permutation matrices, w = softmax(U/temperature).

    Args:
        n_states: Number of states.
        n_permutations: Number of permutations mixed.
        temperature: > 0; lower lets fewer of them dominate.
        random: Source of randomness: first the weights, then the permutations.

    Returns:
        Doubly stochastic matrix, shape (n_states, n_states).

    Raises:
        TypeError: The temperature is not a number.
        ValueError: The temperature is not finite and > 0.
    """
    weights = tempered(random.rand(n_permutations), temperature, "transition_temperature")
    transition = np.zeros((n_states, n_states))
    for weight in weights:
        transition[np.arange(n_states), random.permutation(n_states)] += weight
    return transition


def emission_rows(
    shape: tuple[int, ...], n_tokens: int, temperature: float, random: np.random.RandomState
) -> np.ndarray:
    """Rows softmax(U/temperature), U uniform on [0, 1).

    Args:
        shape: Shape of the table of rows.
        n_tokens: Length of a row.
        temperature: > 0; lower is closer to one-hot.
        random: Source of randomness.

    Returns:
        Distributions, shape (…, n_tokens).

    Raises:
        TypeError: The temperature is not a number.
        ValueError: The temperature is not finite and > 0.
    """
    return tempered(random.rand(*shape, n_tokens), temperature, "emission_temperature")


def random_memory_hmm(
    n_values: int,
    n_syntax: int = 4,
    n_tokens: int = 10,
    *,
    generator: int | np.random.RandomState,
    n_cells: int = 1,
    transition_temperature: float = 0.01,
    emission_temperature: float = 0.01,
    initial_temperature: float = 10.0,
    n_permutations: int | None = None,
    device: str | torch.device | None = None,
) -> MemoryHMM:
    """Draw a memory-augmented HMM as the paper's experiments do.

    The transition matrix of (j, s) is a mixture of random permutations, as in `hmmlib.random_hmm`, mixing as
    many of them as a vanilla HMM of the same number of flat states; emission rows and the joint initial
    distribution are tempered softmaxes. With one cell, draws are made in the order of the released code: an
    int seed gives the very model that the paper's second experiment used for that seed.

    Example:
        >>> from hmmlib import random_memory_hmm
        >>> random_memory_hmm(3, generator=1)
        MemoryHMM(n_cells=1, n_values=3, n_syntax=4, n_tokens=10; 12 flat states)

    Args:
        n_values: Number |ℳ| of values of a cell, ≥ 1.
        n_syntax: Number |𝒮| of syntax states, ≥ 1; the paper's is 4.
        n_tokens: Size V of the vocabulary, ≥ 1; the paper's is 10.
        generator: Seed, or a numpy RandomState (advanced by the draw).
        n_cells: Number N of cells, ≥ 1; the paper's experiments have one.
        transition_temperature: Temperature of the mixture weights, > 0.
        emission_temperature: Temperature of the emission rows, > 0.
        initial_temperature: Temperature of the initial distribution, > 0.
        n_permutations: Number of permutations mixed; the number of flat states by default.
        device: Where the model is put.

    Returns:
        The model, in float64.

    Raises:
        TypeError: A size is not an integer, a temperature is not a number, or the generator is of another
            kind.
        ValueError: A size below 1, a temperature that is not positive, a seed beyond 32 bits, or an unknown
            device.
    """
    n_values = check_positive_int(n_values, "n_values")
    n_syntax = check_positive_int(n_syntax, "n_syntax")
    n_tokens = check_positive_int(n_tokens, "n_tokens")
    n_cells = check_positive_int(n_cells, "n_cells")
    shape = (n_values,) * n_cells + (n_cells, n_syntax)
    size = int(np.prod(shape))
    count = size if n_permutations is None else check_positive_int(n_permutations, "n_permutations")
    random = drawing_generator(generator)
    initial = tempered(random.rand(size), initial_temperature, "initial_temperature")
    emission = emission_rows((n_values, n_cells, n_syntax), n_tokens, emission_temperature, random)
    transition = permutation_mixture(n_cells * n_syntax, count, transition_temperature, random)
    return MemoryHMM(initial.reshape(shape), transition, emission, device=device)
