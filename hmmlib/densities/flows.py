"""Normalizing flows: densities of any shape, made from a Gaussian by maps that can be undone (RealNVP)."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from hmmlib._checks import check_positive_int
from hmmlib._random import start_generator


class RealNVP(nn.Module):
    """Several flows side by side, each a chain of affine couplings (Dinh, Sohl-Dickstein and Bengio 2017).

    A coupling splits a vector in two, (a, b), and moves b ← (b + t(a))·exp(r ∘ tanh q(a)), with t and q from
    a small network; the next coupling swaps the parts. Its logarithm of the determinant is the sum of
    r ∘ tanh q(a). An affine layer stands before the couplings. At the start the couplings change nothing:
    their last layers are zero.

    Args:
        dim: Length D of a vector, ≥ 2.
        n_flows: How many flows there are.
        couplings: Number of couplings of each.
        hidden: Width of their networks.
        generator: Seed or numpy RandomState of the start.

    Raises:
        TypeError: A size is not an integer.
        ValueError: A size below 1, or one coordinate only, which cannot be split.
    """

    def __init__(
        self,
        dim: int,
        *,
        n_flows: int = 1,
        couplings: int = 8,
        hidden: int = 24,
        generator: int | np.random.RandomState,
    ) -> None:
        super().__init__()
        self.dim = check_positive_int(dim, "dim", 2)
        self.n_flows = check_positive_int(n_flows, "n_flows")
        couplings = check_positive_int(couplings, "couplings")
        hidden = check_positive_int(hidden, "hidden")
        random = start_generator(generator)
        half = (dim + 1) // 2
        self.split = [
            (list(range(half)), list(range(half, dim))),
            (list(range(half, dim)), list(range(half))),
        ]

        def normal(*shape: int, scale: float) -> nn.Parameter:
            return nn.Parameter(
                scale * torch.randn(self.n_flows, *shape, generator=random, dtype=torch.float64)
            )

        self.mean = normal(1, dim, scale=0.5)
        self.log_scale = normal(1, dim, scale=0.0)
        self.first, self.first_bias = nn.ParameterList(), nn.ParameterList()
        self.last, self.last_bias, self.reach = nn.ParameterList(), nn.ParameterList(), nn.ParameterList()
        for index in range(couplings):
            given, moved = (len(part) for part in self.split[index % 2])
            self.first.append(normal(given, hidden, scale=1 / math.sqrt(given)))
            self.first_bias.append(normal(1, hidden, scale=0.5))
            self.last.append(normal(hidden, 2 * moved, scale=0.0))
            self.last_bias.append(normal(1, 2 * moved, scale=0.0))
            self.reach.append(nn.Parameter(torch.ones(self.n_flows, 1, moved, dtype=torch.float64)))

    def _move(self, index: int, given: Tensor) -> tuple[Tensor, Tensor]:
        """Shift and logarithm of the scale of a coupling, (flows, N, moved) each."""
        inner = torch.tanh(torch.baddbmm(self.first_bias[index], given, self.first[index]))
        shift, raw = torch.baddbmm(self.last_bias[index], inner, self.last[index]).chunk(2, -1)
        return shift, self.reach[index] * torch.tanh(raw)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """From vectors to what should be standard normal.

        Args:
            x: Shape (N, D), or (flows, N, D).

        Returns:
            Images, shape (flows, N, D), and logarithms of the determinants, shape (flows, N).
        """
        z = x.expand(self.n_flows, *x.shape[-2:])
        z = (z - self.mean) * self.log_scale.exp()
        log_det = self.log_scale.sum(-1).expand(self.n_flows, z.shape[1])
        for index in range(len(self.first)):
            kept, moved = self.split[index % 2]
            given, other = z[..., kept], z[..., moved]
            shift, log_scale = self._move(index, given)
            other = (other + shift) * log_scale.exp()
            z = torch.cat([given, other] if index % 2 == 0 else [other, given], -1)
            log_det = log_det + log_scale.sum(-1)
        return z, log_det

    def inverse(self, z: Tensor) -> Tensor:
        """Undo `forward`.

        Args:
            z: Shape (N, D), or (flows, N, D).

        Returns:
            Vectors, shape (flows, N, D).
        """
        x = z.expand(self.n_flows, *z.shape[-2:])
        for index in range(len(self.first) - 1, -1, -1):
            kept, moved = self.split[index % 2]
            given, other = x[..., kept], x[..., moved]
            shift, log_scale = self._move(index, given)
            other = other * (-log_scale).exp() - shift
            x = torch.cat([given, other] if index % 2 == 0 else [other, given], -1)
        return x * (-self.log_scale).exp() + self.mean

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of vectors under each flow.

        Args:
            x: Shape (N, D).

        Returns:
            Nats, shape (flows, N).
        """
        z, log_det = self(x)
        return log_det - 0.5 * (z.square().sum(-1) + self.dim * math.log(2 * math.pi))


class FlowMixtureEmissions(nn.Module):
    """For each of S states a mixture of K normalizing flows in D dimensions.

    Args:
        n_states: Number S of states.
        n_flows: Number K of flows of each state.
        dim: Length D of a vector, ≥ 2.
        couplings: Number of couplings of a flow.
        hidden: Width of their networks.
        generator: Seed or numpy RandomState of the start.

    Raises:
        TypeError: A size is not an integer.
        ValueError: A size below 1, or one coordinate only.
    """

    def __init__(
        self,
        n_states: int,
        n_flows: int,
        dim: int,
        *,
        couplings: int = 8,
        hidden: int = 24,
        generator: int | np.random.RandomState,
    ) -> None:
        super().__init__()
        self._n_states = check_positive_int(n_states, "n_states")
        self.n_flows = check_positive_int(n_flows, "n_flows")
        self.logits = nn.Parameter(torch.zeros(n_states, n_flows, dtype=torch.float64))
        size = n_states * n_flows
        self.flows = RealNVP(dim, n_flows=size, couplings=couplings, hidden=hidden, generator=generator)

    @property
    def n_states(self) -> int:
        """Number S of states."""
        return self._n_states

    @property
    def dim(self) -> int:
        """Length D of a vector."""
        return self.flows.dim

    @property
    def n_parameters(self) -> int:
        """How many numbers can be chosen."""
        return sum(p.numel() for p in self.flows.parameters()) + self.n_states * (self.n_flows - 1)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of vectors in each state, with gradients.

        Args:
            x: Shape (…, D).

        Returns:
            Nats, shape (…, S).
        """
        logs = self.flows.log_prob(x.reshape(-1, self.dim)).view(self.n_states, self.n_flows, -1)
        mixed = (logs + self.logits.log_softmax(-1)[..., None]).logsumexp(1)
        return mixed.T.reshape(*x.shape[:-1], self.n_states)
