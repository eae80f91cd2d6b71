"""Mixtures of Gaussians, one for each state of an HMM."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hmmlib._checks import (
    ArrayLike,
    check_finite,
    check_number,
    distributions,
    float_tensor,
    own_copy,
    real_tensor,
)
from hmmlib._random import sampling_generator
from hmmlib.densities.emissions import check_states


class GaussianMixtureEmissions:
    """For each of S states a mixture of K Gaussians in D dimensions; immutable.

    Args:
        weights: Share of each component, rows sum to one, shape (S, K).
        means: Shape (S, K, D).
        covariances: Variances, shape (S, K, D), or full matrices, shape (S, K, D, D).

    Raises:
        TypeError: A table does not hold real numbers.
        ValueError: Shapes that do not fit, weights that are no distributions, an entry that is not finite, a
            variance that is not positive, or a matrix that is not symmetric and positive definite. The
            message names the state and the component.
    """

    def __init__(self, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> None:
        cpu, to = torch.device("cpu"), torch.float64
        shares = real_tensor(weights, "weights")
        if shares.ndim != 2 or 0 in shares.shape:
            raise ValueError(f"weights: expected shape (S, K), got {tuple(shares.shape)}")
        self._weights = distributions(shares, "weights", ["state"], to, cpu)
        self._means = float_tensor(means, "means", to, cpu)
        if self._means.ndim != 3 or self._means.shape[:2] != shares.shape or not self._means.shape[2]:
            raise ValueError(
                f"means: expected shape ({shares.shape[0]}, {shares.shape[1]}, D), got "
                f"{tuple(self._means.shape)}"
            )
        check_finite(self._means.flatten(1), "means")
        self._covariances = float_tensor(covariances, "covariances", to, cpu)
        shape = tuple(self._means.shape)
        if self._covariances.shape not in (shape, (*shape, shape[-1])):
            raise ValueError(
                f"covariances: expected shape {shape}, variances, or {(*shape, shape[-1])}, got "
                f"{tuple(self._covariances.shape)}"
            )
        self._factor = _whitening(self._covariances, shape[-1])

    @property
    def weights(self) -> Tensor:
        """Share of each component, shape (S, K)."""
        return own_copy(self._weights)

    @property
    def means(self) -> Tensor:
        """Shape (S, K, D)."""
        return own_copy(self._means)

    @property
    def covariances(self) -> Tensor:
        """Variances, shape (S, K, D), or full matrices, shape (S, K, D, D)."""
        return own_copy(self._covariances)

    @property
    def n_states(self) -> int:
        """Number S of states."""
        return self._weights.shape[0]

    @property
    def n_components(self) -> int:
        """Number K of components of each state."""
        return self._weights.shape[1]

    @property
    def dim(self) -> int:
        """Length D of a vector."""
        return self._means.shape[2]

    @property
    def is_full(self) -> bool:
        """Whether covariances are full matrices."""
        return self._covariances.ndim == 4

    @property
    def n_parameters(self) -> int:
        """How many numbers can be chosen."""
        states, k, d = self._means.shape
        return states * (k - 1 + k * d + k * (d * (d + 1) // 2 if self.is_full else d))

    def component_log_probs(self, x: Tensor) -> Tensor:
        """Logarithm of weight times density of each component.

        Args:
            x: Shape (…, D).

        Returns:
            Nats, shape (…, S, K).
        """
        states, k, d = self._means.shape
        flat = x.reshape(-1, d)
        means = self._means.reshape(-1, d)  # (S·K, D)
        if self.is_full:
            factor = self._factor.reshape(-1, d, d)  # rows of L⁻¹
            white = torch.einsum("nd,ced->nce", flat, factor)  # (N, S·K, D)
            shifted = white - torch.einsum("cd,ced->ce", means, factor)
            squares = shifted.square().sum(-1)
            scale = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        else:
            factor = self._factor.reshape(-1, d)
            # As products of matrices, from a centre near the data, so that little cancels.
            centre = means.mean(0)
            moved, around = flat - centre, means - centre
            weight = factor.square()
            squares = moved.square() @ weight.T - 2 * moved @ (around * weight).T
            squares = squares + (around.square() * weight).sum(-1)
            scale = factor.log().sum(-1)
        logs = scale - 0.5 * (squares.clamp_min(0.0) + d * math.log(2 * math.pi))
        return (logs + self._weights.reshape(-1).log()).view(*x.shape[:-1], states, k)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of vectors in each state.

        Args:
            x: Shape (…, D).

        Returns:
            Nats, shape (…, S).
        """
        return self.component_log_probs(x).logsumexp(-1)

    def with_noise(self, sigma: float) -> GaussianMixtureEmissions:
        """The densities of what is seen after independent Gaussian noise was added: exact at every level.

        Args:
            sigma: Standard deviation of the noise in each coordinate, ≥ 0.

        Returns:
            The mixture with σ² added to each variance.

        Raises:
            TypeError: Not a number.
            ValueError: Negative or not finite.
        """
        added = check_sigma(sigma) ** 2
        noise = added * torch.eye(self.dim, dtype=torch.float64) if self.is_full else added
        return GaussianMixtureEmissions(self._weights, self._means, self._covariances + noise)

    def sample(self, states: ArrayLike, *, generator: int | torch.Generator) -> Tensor:
        """Draw a vector in each of some states.

        Args:
            states: Integers 0 … S − 1, of any shape.
            generator: Seed or torch.Generator.

        Returns:
            Vectors, of that shape and one more axis, D.

        Raises:
            TypeError: The states are not integers.
            ValueError: A state out of range.
        """
        found = check_states(states, self.n_states)
        random = sampling_generator(generator, torch.device("cpu"))
        flat = found.reshape(-1)
        component = torch.multinomial(self._weights[flat], 1, generator=random)[:, 0]
        noise = torch.randn(len(flat), self.dim, dtype=torch.float64, generator=random)
        covariance = self._covariances[flat, component]
        if self.is_full:
            drawn = torch.einsum("nde,ne->nd", torch.linalg.cholesky(covariance), noise)
        else:
            drawn = covariance.sqrt() * noise
        return (self._means[flat, component] + drawn).view(*found.shape, self.dim)

    def __repr__(self) -> str:
        kind = "full" if self.is_full else "diagonal"
        return (
            f"GaussianMixtureEmissions(n_states={self.n_states}, n_components={self.n_components}, "
            f"dim={self.dim}, {kind})"
        )


def check_sigma(sigma: float) -> float:
    """Return a level of noise, or raise.

    Args:
        sigma: Standard deviation, ≥ 0.

    Returns:
        The level.

    Raises:
        TypeError: Not a number.
        ValueError: Negative or not finite.
    """
    found = check_number(sigma, "sigma", "a finite number >= 0")
    if found < 0:
        raise ValueError(f"sigma: expected a finite number >= 0, got {sigma!r}")
    return found


def _whitening(covariances: Tensor, dim: int) -> Tensor:
    """One over standard deviations, or inverses of Cholesky factors."""
    if covariances.ndim == 3:
        bad = (~torch.isfinite(covariances) | (covariances <= 0)).nonzero()
        if len(bad):
            state, component, entry = (int(i) for i in bad[0])
            raise ValueError(
                f"covariances: state {state}, component {component}, entry {entry} is "
                f"{float(covariances[state, component, entry]):g}; expected a finite variance > 0"
            )
        return covariances.rsqrt()
    even = torch.isclose(covariances, covariances.mT, rtol=1e-9, atol=1e-12).all(-1).all(-1)
    lower, failed = torch.linalg.cholesky_ex(torch.where(even[..., None, None], covariances, 0.0))
    bad = (~even | (failed > 0)).nonzero()
    if len(bad):
        state, component = (int(i) for i in bad[0])
        raise ValueError(
            f"covariances: state {state}, component {component}: expected a symmetric, positive definite "
            "matrix"
        )
    return torch.linalg.solve_triangular(lower, torch.eye(dim, dtype=lower.dtype), upper=False)
