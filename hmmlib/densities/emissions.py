"""What an emission model is: for each state the density of what is seen; and vectors as they come in."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_integers, real_tensor
from hmmlib._texts import check_lengths


@runtime_checkable
class EmissionModel(Protocol):
    """Densities of vectors, one for each hidden state: `GaussianMixtureEmissions`, `FlowMixtureEmissions`."""

    @property
    def n_states(self) -> int:
        """Number S of states."""
        ...

    @property
    def dim(self) -> int:
        """Length D of a vector."""
        ...

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of vectors in each state.

        Args:
            x: Shape (…, D).

        Returns:
            Nats, shape (…, S).
        """
        ...


def check_vectors(x: ArrayLike, dim: int | None, lengths: ArrayLike | None = None, name: str = "x") -> Tensor:
    """Check sequences of vectors at the door.

    Args:
        x: Shape (batch, time, D); what lies beyond the end of a sequence is never read.
        dim: Length D of a vector; None: whatever it is.
        lengths: Length of each sequence, 1 … time, shape (batch,); None: all of them `time`.
        name: The argument's name, for the message.

    Returns:
        The vectors in double precision on the CPU, zero beyond the ends.

    Raises:
        TypeError: Not an array of real numbers, or lengths that are not integers.
        ValueError: A wrong shape, an empty batch, or an entry that is not finite; the message names the
            sequence and the position.
    """
    found = real_tensor(x, name)
    if found.ndim != 3 or 0 in found.shape or dim not in (None, found.shape[-1]):
        wanted = "D" if dim is None else dim
        raise ValueError(f"{name}: expected shape (batch, time, {wanted}), got {tuple(found.shape)}")
    found = found.to(dtype=torch.float64, device="cpu", copy=True)
    ends = check_lengths(lengths, (found.shape[0], found.shape[1]), found.device)
    if ends is not None:
        found[torch.arange(found.shape[1]) >= ends[:, None]] = 0.0
    bad = (~torch.isfinite(found)).nonzero()
    if len(bad):
        row, position, entry = (int(i) for i in bad[0])
        raise ValueError(
            f"{name}: sequence {row}, position {position}, entry {entry} is "
            f"{float(found[row, position, entry])}; expected a finite number"
        )
    return found


def check_varies(x: Tensor, lengths: Tensor | None, name: str = "x") -> None:
    """Raise if a coordinate never changes: on it a density has no bound, and can grow for ever.

    Args:
        x: Checked vectors, shape (batch, time, D).
        lengths: Length of each sequence, or None.
        name: The argument's name, for the message.

    Raises:
        ValueError: A coordinate is constant.
    """
    inside = x.flatten(0, 1)
    if lengths is not None:
        inside = x[torch.arange(x.shape[1]) < lengths[:, None]]
    spread = inside.amax(0) - inside.amin(0)
    if bool((spread == 0).any()):
        column = int((spread == 0).nonzero()[0])
        raise ValueError(
            f"{name}: coordinate {column} is {float(inside[0, column]):g} everywhere; expected one that "
            "varies, since a density that narrows on a constant has no largest likelihood"
        )


def check_states(states: ArrayLike, n_states: int) -> Tensor:
    """Return states as integers in range, or raise.

    Args:
        states: Integers 0 … S − 1, of any shape.
        n_states: Number S of states.

    Returns:
        The states, int64.

    Raises:
        TypeError: They are not integers.
        ValueError: One is out of range.
    """
    found = check_integers(real_tensor(states, "states"), "states")
    bad = (found < 0) | (found >= n_states)
    if bad.any():
        raise ValueError(f"states: expected 0 … {n_states - 1}, got {int(found[bad][0])}")
    return found
