"""Random parameters of models, drawn as the paper's experiments draw them."""

from __future__ import annotations

import numpy as np

from hmmlib._checks import check_positive


def tempered(scores: np.ndarray, temperature: float, name: str) -> np.ndarray:
    """Softmax of scores / temperature.

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
    weights = np.exp(logits - logits.max(-1, keepdims=True))
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
