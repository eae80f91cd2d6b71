"""Tasks: a hidden vector of known covariance, and labels that are linear in it up to noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_number, check_positive_int, real_array
from hmmlib._display import compact_repr
from hmmlib._random import drawing_generator


class Examples(NamedTuple):
    """Hidden vectors and their labels.

    Attributes:
        hidden: Double precision, shape (n, d).
        targets: Shape (n,).
    """

    hidden: Tensor
    targets: Tensor

    def __repr__(self) -> str:
        return compact_repr(self)


class LinearTask:
    """Labels y = βᵀz + ε of a hidden vector z of mean zero; z and ε are normally distributed.

    Example:
        >>> import torch
        >>> from hmmlib.regression import LinearTask
        >>> task = LinearTask(torch.eye(3), [1.0, 0.0, 0.0], label_noise=0.5)
        >>> task.draw(4, generator=0).hidden.shape
        torch.Size([4, 3])

    Args:
        covariance: Σ of the hidden vector, symmetric and without negative eigenvalues, shape (d, d).
        beta: Weights β of the label, shape (d,).
        label_noise: Standard deviation σ_y of ε.

    Attributes:
        covariance: Σ, double precision.
        beta: β, double precision.
        label_noise: σ_y.

    Raises:
        TypeError: No real numbers.
        ValueError: Shapes that do not fit, numbers that are not finite, a matrix that is no covariance, or
            negative noise.
    """

    def __init__(self, covariance: ArrayLike, beta: ArrayLike, *, label_noise: float = 0.0) -> None:
        self.covariance = check_covariance(covariance, "covariance")
        self.beta = real_array(beta, "beta", (len(self.covariance),))
        self.label_noise = check_not_negative(label_noise, "label_noise")

    def __repr__(self) -> str:
        return f"LinearTask(d={self.n_hidden}, label_noise={self.label_noise:g})"

    @property
    def n_hidden(self) -> int:
        """Entries d of the hidden vector."""
        return len(self.beta)

    @property
    def root(self) -> Tensor:
        """A square root of the covariance, symmetric, shape (d, d)."""
        values, vectors = torch.linalg.eigh(self.covariance)
        # What is only rounding would be a direction of its own under the root.
        values = torch.where(values > 1e-13 * values[-1], values, 0)
        return (vectors * values.sqrt()) @ vectors.T

    def draw(self, n: int, *, generator: int | np.random.RandomState) -> Examples:
        """Draw examples.

        Args:
            n: How many.
            generator: Seed or numpy RandomState.

        Returns:
            The examples.

        Raises:
            TypeError: A number that is not an integer, or another generator.
            ValueError: Fewer than one.
        """
        n, random = check_positive_int(n, "n"), drawing_generator(generator)
        normal = torch.from_numpy(random.standard_normal((n, self.n_hidden)))
        hidden = normal @ self.root
        noise = torch.from_numpy(random.standard_normal(n))
        return Examples(hidden, hidden @ self.beta + self.label_noise * noise)


def stationary_covariance(transition: ArrayLike, noise_covariance: ArrayLike) -> Tensor:
    """Covariance Σ of a linear-Gaussian HMM's hidden vector after very many steps: Σ = A Σ Aᵀ + Σ_e.

    Args:
        transition: A of the steps z' = A z + e, shape (d, d).
        noise_covariance: Σ_e of e, shape (d, d).

    Returns:
        The covariance, double precision.

    Raises:
        TypeError: No real numbers.
        ValueError: Shapes that do not fit, a matrix that is no covariance, or steps under which the vector
            grows for ever.
    """
    noise = check_covariance(noise_covariance, "noise_covariance")
    steps = real_array(transition, "transition", tuple(noise.shape))
    largest = float(torch.linalg.eigvals(steps).abs().max())
    if largest >= 1:
        raise ValueError(f"transition: expected eigenvalues smaller than 1 in size, got {largest:.6g}")
    return torch.from_numpy(scipy.linalg.solve_discrete_lyapunov(steps.numpy(), noise.numpy()))


def check_covariance(values: ArrayLike, name: str) -> Tensor:
    """Return a covariance in double precision, or raise.

    Args:
        values: The matrix.
        name: The argument's name, for the message.

    Returns:
        The matrix, made exactly symmetric.

    Raises:
        TypeError: No real numbers.
        ValueError: Not square, not finite, not symmetric, or with a negative eigenvalue; the message has it.
    """
    found = real_array(values, name, (-1, -1))
    if found.shape[0] != found.shape[1]:
        raise ValueError(f"{name}: expected a square matrix, got shape {tuple(found.shape)}")
    scale = float(found.abs().max()) or 1.0
    apart = (found - found.T).abs()
    if float(apart.max()) > 1e-8 * scale:
        row, column = divmod(int(apart.argmax()), len(found))
        raise ValueError(
            f"{name}: expected a symmetric matrix, but [{row}, {column}] and [{column}, {row}] differ"
        )
    even = (found + found.T) / 2
    least = float(torch.linalg.eigvalsh(even)[0])
    if least < -1e-8 * scale:
        raise ValueError(f"{name}: expected no negative eigenvalue, got {least:.6g}")
    return even


def check_not_negative(value: float, name: str) -> float:
    """Return a finite number of at least 0, or raise.

    Args:
        value: The number.
        name: The argument's name, for the message.

    Returns:
        It.

    Raises:
        TypeError: No number.
        ValueError: Below 0, or not finite.
    """
    found = check_number(value, name)
    if found < 0:
        raise ValueError(f"{name}: expected at least 0, got {found:g}")
    return found
