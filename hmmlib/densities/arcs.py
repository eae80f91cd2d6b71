"""A world of classes whose vectors lie near thin curves, with known densities at every level of noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_fraction, check_positive, check_positive_int
from hmmlib._random import drawing_generator, sampling_generator
from hmmlib.densities.emissions import check_states
from hmmlib.densities.gaussian import GaussianMixtureEmissions, check_sigma
from hmmlib.densities.model import EmissionHMM
from hmmlib.hmm import MarkovChain


class PlanarEmissions:
    """Vectors of 2P coordinates: in each of P planes a mixture of Gaussians, side by side, then turned.

    Args:
        planes: The mixtures, each of S states and two coordinates.
        rotation: Orthogonal matrix by which the planes' coordinates, side by side, are multiplied, shape
            (2P, 2P).
        scale: Factor of the result.
    """

    def __init__(
        self, planes: tuple[GaussianMixtureEmissions, ...], rotation: Tensor, scale: float = 1.0
    ) -> None:
        self.planes, self.rotation, self.scale = planes, rotation, scale

    @property
    def n_states(self) -> int:
        """Number S of states."""
        return self.planes[0].n_states

    @property
    def dim(self) -> int:
        """Length 2P of a vector."""
        return 2 * len(self.planes)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of vectors in each state.

        Args:
            x: Shape (…, 2P).

        Returns:
            Nats, shape (…, S).
        """
        flat = (x / self.scale) @ self.rotation
        parts = [plane.log_prob(flat[..., 2 * i : 2 * i + 2]) for i, plane in enumerate(self.planes)]
        return torch.stack(parts).sum(0) - self.dim * math.log(self.scale)

    def with_noise(self, sigma: float) -> PlanarEmissions:
        """The densities of what is seen after independent Gaussian noise was added.

        Args:
            sigma: Standard deviation of the noise in each coordinate, ≥ 0.

        Returns:
            The emissions; exact, as noise is the same in every direction.

        Raises:
            TypeError: Not a number.
            ValueError: Negative or not finite.
        """
        level = check_sigma(sigma) / self.scale
        return PlanarEmissions(tuple(p.with_noise(level) for p in self.planes), self.rotation, self.scale)

    def sample(self, states: ArrayLike, *, generator: int | torch.Generator) -> Tensor:
        """Draw a vector in each of some states.

        Args:
            states: Integers 0 … S − 1, of any shape.
            generator: Seed or torch.Generator.

        Returns:
            Vectors, of that shape and one more axis, 2P.

        Raises:
            TypeError: The states are not integers.
            ValueError: A state out of range.
        """
        found = check_states(states, self.n_states)
        random = sampling_generator(generator, torch.device("cpu"))
        flat = torch.cat([plane.sample(found, generator=random) for plane in self.planes], -1)
        return self.scale * flat @ self.rotation.T


@dataclass(frozen=True, eq=False)
class NoisyArcs:
    """Classes of sequences, each written by an HMM that moves from left to right.

    Attributes:
        classes: The HMM of each class.
        thickness: τ, how thick the curves are, before the vectors were scaled to unit variance.
    """

    classes: tuple[EmissionHMM[PlanarEmissions], ...]
    thickness: float

    @property
    def n_classes(self) -> int:
        """Number of classes, all as frequent."""
        return len(self.classes)

    def with_noise(self, sigma: float) -> tuple[EmissionHMM[PlanarEmissions], ...]:
        """The HMM of each class after independent Gaussian noise was added to what is seen.

        Args:
            sigma: Standard deviation of the noise, ≥ 0; the vectors have unit variance.

        Returns:
            The HMMs.

        Raises:
            TypeError: Not a number.
            ValueError: Negative or not finite.
        """
        return tuple(EmissionHMM(one.chain, one.emissions.with_noise(sigma)) for one in self.classes)

    def sample(self, batch: int, time: int, *, generator: int | torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw sequences of all classes in turn.

        Args:
            batch: Number of sequences of each class, ≥ 1.
            time: Vectors in each, ≥ 1.
            generator: Seed or torch.Generator.

        Returns:
            Vectors, shape (n_classes · batch, time, D), and classes, int64, shape (n_classes · batch,).

        Raises:
            TypeError: A size is not an integer.
            ValueError: A size below 1.
        """
        random = sampling_generator(generator, torch.device("cpu"))
        drawn = [one.sample(batch, time, generator=random)[0] for one in self.classes]
        return torch.cat(drawn), torch.arange(self.n_classes).repeat_interleave(batch)


def random_arcs(
    thickness: float,
    *,
    generator: int | np.random.RandomState,
    n_classes: int = 6,
    n_states: int = 3,
    n_planes: int = 2,
    n_components: int = 24,
    shared: float = 0.8,
) -> NoisyArcs:
    """Draw a world of classes whose vectors lie near arcs.

    In each state and plane the vectors lie along an arc of a circle, with random centre, radius, direction
    and width: a mixture of Gaussians in a row, narrow across the arc and as wide along it as they are apart.
    To some share the
    arcs are those that all classes have in common. Each chain moves from left to right. A random rotation
    hides the planes, and one factor brings all vectors together to unit variance.

    Args:
        thickness: τ, standard deviation across the arc, > 0.
        generator: Seed or numpy RandomState.
        n_classes: Number of classes.
        n_states: Number S of states of each.
        n_planes: Number P of planes; vectors have 2P coordinates.
        n_components: Gaussians along an arc.
        shared: Share of what all classes have in common in centre, radius, direction and width, in [0, 1).

    Returns:
        The world.

    Raises:
        TypeError: A size is not an integer, or a parameter not a number.
        ValueError: A size below 1, or a parameter out of range.
    """
    tau = check_positive(thickness, "thickness")
    sizes = {"n_classes": n_classes, "n_states": n_states, "n_planes": n_planes, "n_components": n_components}
    sizes = {name: check_positive_int(size, name) for name, size in sizes.items()}
    shared = check_fraction(shared, "shared", below_one=True)
    random = drawing_generator(generator)
    shape = (sizes["n_states"], sizes["n_planes"])
    common = _arc_parameters(random, shape)
    turn, upper = np.linalg.qr(random.standard_normal((2 * shape[1], 2 * shape[1])))
    rotation = torch.from_numpy(turn * np.sign(np.diag(upper)))
    made = []
    for _ in range(sizes["n_classes"]):
        own = _arc_parameters(random, shape)
        mixed = [shared * a + (1 - shared) * b for a, b in zip(common, own, strict=True)]
        planes = tuple(
            _arcs([part[:, plane] for part in mixed], tau, sizes["n_components"]) for plane in range(shape[1])
        )
        made.append((_left_to_right(random.uniform(0.55, 0.8, shape[0])), planes))
    scale = _variance(made) ** -0.5
    return NoisyArcs(
        tuple(EmissionHMM(chain, PlanarEmissions(planes, rotation, scale)) for chain, planes in made), tau
    )


def _arc_parameters(random: np.random.RandomState, shape: tuple[int, int]) -> list[np.ndarray]:
    """Centres (S, P, 2), radii, directions and widths (S, P)."""
    return [
        random.standard_normal((*shape, 2)),
        random.uniform(0.6, 1.4, shape),
        random.uniform(0, 2 * np.pi, shape),
        random.uniform(1.5, 4.0, shape),
    ]


def _arcs(parameters: list[np.ndarray], tau: float, n: int) -> GaussianMixtureEmissions:
    centre, radius, direction, width = parameters
    angle = direction[:, None] + width[:, None] * ((np.arange(n) + 0.5) / n - 0.5)  # (S, n)
    outward = np.stack([np.cos(angle), np.sin(angle)], -1)  # (S, n, 2)
    along = np.stack([-np.sin(angle), np.cos(angle)], -1)
    apart = (radius * width / n)[:, None, None, None]
    covariance = tau**2 * np.eye(2) + (0.6 * apart) ** 2 * along[..., :, None] * along[..., None, :]
    means = centre[:, None] + radius[:, None, None] * outward
    return GaussianMixtureEmissions(np.full(angle.shape, 1 / n), means, covariance)


def _left_to_right(stay: np.ndarray) -> MarkovChain:
    moves = np.diag(stay) + np.diag(1 - stay[:-1], 1)
    moves[-1, -1] = 1.0
    return MarkovChain(np.eye(len(stay))[0], moves)


def _variance(made: list[tuple[MarkovChain, tuple[GaussianMixtureEmissions, ...]]], time: int = 6) -> float:
    """Mean square distance of all classes' vectors from their mean, per coordinate, over so many steps."""
    means, squares = [], []  # of each class: E[x] (2P,), E|x|² ()
    for chain, planes in made:
        weight = torch.zeros(chain.n_states, dtype=torch.float64)
        now = chain.initial
        for _ in range(time):
            weight += now / time
            now = now @ chain.transition
        shares = [weight[:, None] * plane.weights for plane in planes]  # (S, K) each
        pairs = list(zip(shares, planes, strict=True))
        means.append(torch.cat([(share[..., None] * plane.means).sum((0, 1)) for share, plane in pairs]))
        around = [p.covariances.diagonal(dim1=-2, dim2=-1).sum(-1) + p.means.square().sum(-1) for p in planes]
        squares.append(sum(float((s * a).sum()) for s, a in zip(shares, around, strict=True)))
    mean = torch.stack(means).mean(0)
    return (float(np.mean(squares)) - float(mean.square().sum())) / len(mean)
