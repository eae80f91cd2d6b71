"""A hidden Markov chain by itself, for emissions that are no table: what is seen comes as evidence."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_device, check_dtype, distributions, own_copy, real_tensor
from hmmlib.hmm.chain import Dynamics


class MarkovChain:
    """The dynamics of an HMM without a vocabulary; immutable: its tables are given out as copies.

    Emissions of any kind can be had with it: densities of real vectors, scores of a network. They are
    evaluated at what is seen, one number for each state, and given to `posteriors_from_evidence` or
    `log_likelihood` as evidence.

    Args:
        initial: P[first state], shape (H,).
        transition: P[next state | state], rows sum to one, shape (H, H); or one such matrix for each step,
            shape (T − 1, H, H), for sequences of T positions.
        device: Where the parameters live; the CPU by default.
        dtype: torch.float64 (default) or torch.float32.

    Raises:
        TypeError: A parameter does not hold real numbers.
        ValueError: Shapes that do not fit, a negative or non-finite entry, a row that does not sum to
            one, or an unknown device. The message names the argument, the step, the row and the value.
    """

    def __init__(
        self,
        initial: ArrayLike,
        transition: ArrayLike,
        *,
        device: str | torch.device | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        at, to = check_device(device), check_dtype(dtype)
        distribution = real_tensor(initial, "initial")
        if distribution.ndim != 1 or distribution.numel() == 0:
            raise ValueError(f"initial: expected shape (n_states,), got {tuple(distribution.shape)}")
        self._initial = distributions(distribution, "initial", [], to, at)
        self._transition = _check_transition(transition, self._initial.numel(), self._initial)

    @property
    def initial(self) -> Tensor:
        """P[first state], shape (H,)."""
        return own_copy(self._initial)

    @property
    def transition(self) -> Tensor:
        """P[next state | state], shape (H, H) or (T − 1, H, H)."""
        return own_copy(self._transition)

    @property
    def n_states(self) -> int:
        """Number H of hidden states."""
        return self._initial.numel()

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return self._initial.device

    @property
    def dtype(self) -> torch.dtype:
        """Number type of the parameters, and of everything computed from them."""
        return self._initial.dtype

    @cached_property
    def dynamics(self) -> Dynamics:
        """The chain as inference sees it (see `hmmlib.hmm.chain`)."""
        # Kept for good, so it must not be made in inference mode, which bars it from work with gradients.
        with torch.inference_mode(False):
            columns = torch.arange(self.n_states, device=self.device, dtype=torch.int64)[None]
            return Dynamics(self._initial[None], self._transition, columns, self.n_states)

    def __repr__(self) -> str:
        steps = f", n_steps={len(self._transition)}" if self._transition.ndim == 3 else ""
        kind = "" if self.device.type == "cpu" else f", device={str(self.device)!r}"
        kind += "" if self.dtype == torch.float64 else f", dtype={self.dtype}"
        return f"MarkovChain(n_states={self.n_states}{steps}{kind})"


def with_transition(dynamics: Dynamics, transition: ArrayLike | None, time: int) -> Dynamics:
    """The same chain moved by another transition, if one is given.

    Args:
        dynamics: The chain, of C chain states.
        transition: Row-stochastic, shape (C, C) or (time − 1, C, C); None to keep the chain's own.
        time: Number of positions of the sequences.

    Returns:
        The chain.

    Raises:
        TypeError: `transition` does not hold real numbers.
        ValueError: A wrong shape, an entry that is no probability, or a row that does not sum to one; the
            message names the step and the row.
    """
    if transition is not None:
        table = _check_transition(transition, dynamics.initial.shape[1], dynamics.initial)
        dynamics = dynamics._replace(transition=table)
    check_steps(dynamics.transition, time)
    return dynamics


def check_steps(transition: Tensor, time: int) -> None:
    """Raise unless a transition that changes with time has a matrix for each step.

    Args:
        transition: Shape (C, C) or (steps, C, C).
        time: Number of positions of the sequences.

    Raises:
        ValueError: It has not time − 1 matrices.
    """
    if transition.ndim == 3 and len(transition) != time - 1:
        raise ValueError(
            f"transition: expected {time - 1} matrices, one for each step between {time} positions, "
            f"got {len(transition)}"
        )


def _check_transition(transition: ArrayLike, size: int, like: Tensor) -> Tensor:
    """Row-stochastic matrices (size, size) or (steps, size, size), of the type and device of `like`."""
    table = real_tensor(transition, "transition")
    if table.ndim not in (2, 3) or table.shape[-2:] != (size, size):
        raise ValueError(
            f"transition: expected shape ({size}, {size}) for {size} states, or (time - 1, {size}, {size}) "
            f"to change with time, got {tuple(table.shape)}"
        )
    return distributions(table, "transition", ["step", "row"][3 - table.ndim :], like.dtype, like.device)
