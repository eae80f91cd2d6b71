"""Frozen features: linear in a hidden vector, up to noise of their own."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_positive_int, real_array
from hmmlib._random import drawing_generator
from hmmlib.regression.tasks import check_not_negative


class LinearFeatures:
    """Features x = W z + u of a hidden vector z, with u of independent normal entries.

    Args:
        weights: W, shape (p, d).
        noise: Standard deviation σ_u of the entries of u.

    Attributes:
        weights: W, double precision.
        noise: σ_u.

    Raises:
        TypeError: No real numbers.
        ValueError: Another shape, numbers that are not finite, or negative noise.
    """

    def __init__(self, weights: ArrayLike, *, noise: float = 0.0) -> None:
        self.weights = real_array(weights, "weights", (-1, -1))
        self.noise = check_not_negative(noise, "noise")

    def __repr__(self) -> str:
        p, d = self.weights.shape
        return f"LinearFeatures(p={p}, d={d}, noise={self.noise:g})"

    @property
    def n_features(self) -> int:
        """Number p of features."""
        return len(self.weights)

    def show(self, hidden: Tensor, *, generator: int | np.random.RandomState) -> Tensor:
        """Features of hidden vectors.

        Args:
            hidden: The vectors, shape (n, d).
            generator: Seed of their noise, or numpy RandomState.

        Returns:
            The features, double precision, shape (n, p).

        Raises:
            TypeError: No real numbers, or another generator.
            ValueError: Another shape, or numbers that are not finite.
        """
        vectors = real_array(hidden, "hidden", (-1, self.weights.shape[1]))
        random = drawing_generator(generator)
        noise = torch.from_numpy(random.standard_normal((len(vectors), self.n_features)))
        return vectors @ self.weights.T + self.noise * noise


def random_features(
    n_features: int, n_hidden: int, *, noise: float = 0.0, generator: int | np.random.RandomState
) -> LinearFeatures:
    """Features whose weights are independent and normal, of variance 1 / d.

    Args:
        n_features: Number p of features.
        n_hidden: Entries d of the hidden vector.
        noise: Standard deviation of their noise.
        generator: Seed or numpy RandomState. With the same seed the first features are the same for any
            number of them.

    Returns:
        The features.

    Raises:
        TypeError: A number that is not an integer, or another generator.
        ValueError: A number below 1, or negative noise.
    """
    p, d = check_positive_int(n_features, "n_features"), check_positive_int(n_hidden, "n_hidden")
    weights = drawing_generator(generator).standard_normal((p, d)) / d**0.5
    return LinearFeatures(weights, noise=noise)
