"""torch's Muon, with matrices of one shape made orthogonal together, and in their own number type.

Small products cost most in calls. And torch rounds to bfloat16 first, which makes products cheap where the
processor knows that type, as graphics cards do, and dear on a CPU that has to emulate it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class StackedMuon(torch.optim.Muon):
    """`torch.optim.Muon` with its step in batches: the same settings, state and, but for rounding, updates.

    Only what the recipes use is done: Nesterov's momentum, and the original adjustment of the learning rate.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step along the gradients.

        Args:
            closure: Computes the loss anew; None if the gradients are there.

        Returns:
            What the closure returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters: list[Tensor] = []
            gradients: list[Tensor] = []
            momenta: list[Tensor] = []
            self._init_group(group, parameters, gradients, momenta)
            if not parameters:
                continue
            rate, momentum = group["lr"], group["momentum"]
            torch._foreach_lerp_(momenta, gradients, 1 - momentum)
            updates = torch._foreach_lerp(gradients, momenta, momentum)
            torch._foreach_mul_(parameters, 1 - rate * group["weight_decay"])
            alike: dict[tuple[int, ...], list[int]] = {}
            for index, update in enumerate(updates):
                alike.setdefault(tuple(sorted(update.shape)), []).append(index)
            for indices in alike.values():
                wide = [_wide(updates[index]) for index in indices]
                found = orthogonal(
                    torch.stack(wide), group["ns_coefficients"], group["ns_steps"], group["eps"]
                )
                for index, direction in zip(indices, found, strict=True):
                    matrix = parameters[index]
                    rows, columns = matrix.shape
                    step = direction.mT if rows > columns else direction
                    matrix.add_(step, alpha=-rate * math.sqrt(max(1, rows / columns)))
        return loss


def orthogonal(
    matrices: Tensor, coefficients: tuple[float, float, float], n_steps: int, epsilon: float
) -> Tensor:
    """Nearly orthogonal matrices with the directions of the given ones, by iterations of Newton and Schulz.

    Args:
        matrices: Not taller than wide, shape (n, rows, columns).
        coefficients: Of the iteration's polynomial.
        n_steps: Number of iterations.
        epsilon: The least norm to divide by.

    Returns:
        The matrices, singular values near one.
    """
    a, b, c = coefficients
    x = matrices / matrices.flatten(1).norm(dim=1).clamp(min=epsilon)[:, None, None]
    for _ in range(n_steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def _wide(matrix: Tensor) -> Tensor:
    return matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix
