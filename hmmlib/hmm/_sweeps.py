"""The sweeps of the forward–backward algorithm: messages along many chains at once, one step after another.

Arrays are time-major, (time, rows, states), in comments (T, R, C); a row is one chain run along one sequence.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat

import numpy as np
import torch
from torch import Tensor

# From this many steps on, and up to this many products of a row's states, a sweep goes by blocks of time.
_LONG, _FEW = 2_000, 2_000


class Scratch:
    """Arrays that every piece of a batch uses again: fresh memory would cost as much as the arithmetic."""

    def __init__(self) -> None:
        self._arrays: dict[str, Tensor] = {}

    def take(self, name: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """Return the array of that name, uninitialised, in the given shape.

        Args:
            name: What it is for; what was taken under the same name before is overwritten.
            shape: Its shape.
            like: A tensor of the wanted type and device.

        Returns:
            The array.
        """
        size = math.prod(shape)
        if name not in self._arrays or self._arrays[name].numel() < size:
            self._arrays[name] = like.new_empty(size)
        return self._arrays[name][:size].view(*shape)


def both_ways(transition: Tensor) -> tuple[Tensor, Tensor]:
    """The matrices by which a sweep moves on after each t, forward and backward.

    One for all t, (C, C), or one for each, (T, C, C): what a sweep moves to after its last step is not read.
    """
    if transition.ndim == 2:
        return transition, transition.T.contiguous()
    stay = torch.eye(transition.shape[-1], dtype=transition.dtype, device=transition.device)[None]
    return torch.cat([transition, stay]), torch.cat([stay, transition.mT])


def sweep(
    start: Tensor, evidence: Tensor, matrix: Tensor, scratch: Scratch | None, backward: bool
) -> tuple[Tensor, Tensor]:
    """Messages m_t, and scales s_t = Σ (m_t ∘ e_t), with m_t+1 = (m_t ∘ e_t)·matrix / s_t.

    Forward, m_t is the distribution of the state at t given the evidence before t. Backward, t runs from the
    end
    and the matrix is transposed: m_t is proportional to P[evidence after t | state at t].
    """
    time, rows, size = evidence.shape
    if scratch is None:
        message, messages, scales = start, [], []  # (R, C), T × (R, C), T × (R,)
        for now, move in zip(steps_of(evidence, backward), matrices(matrix, backward), strict=False):
            messages.append(message)
            weighted = message * now  # (R, C)
            scale = weighted.sum(-1, keepdim=True)  # (R, 1)
            message = move_on(weighted, move) / scale  # (R, C)
            scales.append(scale[:, 0])
        turn = -1 if backward else 1
        return torch.stack(messages[::turn]), torch.stack(scales[::turn])  # (T, R, C), (T, R)
    if matrix.ndim == 2 and goes_by_blocks(time, rows, size):
        return _long_sweep(start, evidence, matrix, scratch, backward)
    kept = scratch.take("backward" if backward else "forward", evidence.shape, evidence)  # (T, R, C)
    inverse = evidence.new_empty(time, rows, 1)  # (T, R, 1)
    _sweep_in_place(start, evidence, matrix, kept, inverse, backward)
    return kept, inverse[..., 0].reciprocal_()  # (T, R, C), (T, R)


def goes_by_blocks(time: int, rows: int, size: int) -> bool:
    """Whether a sweep is long and narrow enough to be cut into blocks of time."""
    return time >= _LONG and rows * size**2 <= _FEW


def matrices(matrix: Tensor, backward: bool) -> Iterable[Tensor]:
    """The matrix (C, C) after each step of a sweep, in the sweep's order."""
    return repeat(matrix) if matrix.ndim == 2 else steps_of(matrix, backward)


def move_on(weights: Tensor, matrix: Tensor) -> Tensor:
    """One step of every chain that a row holds, (rows, chains · states)."""
    return (weights.unflatten(-1, (-1, len(matrix))) @ matrix).flatten(-2)  # (R, chains · C)


def _sweep_in_place(
    start: Tensor, evidence: Tensor, matrix: Tensor, kept: Tensor, inverse: Tensor, backward: bool
) -> None:
    """Fill `kept` with the messages of `sweep` and `inverse` with one over its scales, on the CPU."""
    rows, size = start.shape
    # One product gives the next message and, in a last column, the scale. numpy makes it, on the tensors'
    # own memory: on some processors its small matrix products take half the time of torch's.
    augmented = torch.cat([matrix, matrix.new_ones(*matrix.shape[:-1], 1)], -1)  # (…, C, C + 1)
    moves = (move.numpy() for move in matrices(augmented, backward))
    weighted, product = start.new_empty(rows, size), start.new_empty(rows, size + 1)  # (R, C), (R, C + 1)
    factor, result = weighted.numpy(), product.numpy()  # the same memory
    following, total = product[:, :size], product[:, size:]  # (R, C), (R, 1)
    following.copy_(start)
    last = start.new_ones(rows, 1)  # (R, 1)
    steps = zip(*(steps_of(table, backward) for table in (evidence, kept, inverse)), strict=True)
    with np.errstate(all="ignore"):  # what over- or underflows is found by `_safe_rows`
        for (now, message, scale), move in zip(steps, moves, strict=False):
            torch.mul(following, last, out=message)  # (R, C)
            torch.mul(message, now, out=weighted)  # (R, C)
            np.matmul(factor, move, out=result)  # (R, C + 1)
            last = torch.reciprocal(total, out=scale)  # (R, 1)


def _long_sweep(
    start: Tensor, evidence: Tensor, matrix: Tensor, scratch: Scratch, backward: bool
) -> tuple[Tensor, Tensor]:
    """`sweep` for few rows and many steps: blocks of time side by side instead of one after another.

    A block maps the message at its first step linearly to that after its last. These maps are found for all
    blocks at once, by sweeping from each state alone; they give every block's first message; then all
    blocks are swept at once.
    """
    time, rows, size = evidence.shape
    length = math.isqrt(time)
    blocks = -(-time // length)
    # Blank steps fill up the last block; the sweep meets them at its very end.
    blank = evidence.new_ones(blocks * length - time, rows, size)  # (< length, R, C)
    full = torch.cat([blank, evidence] if backward else [evidence, blank])  # (blocks · length, R, C)
    by_block = full.view(blocks, length, rows, size).transpose(0, 1)  # (length, blocks, R, C)

    alone = torch.eye(size, dtype=matrix.dtype, device=matrix.device)  # (C, C)
    image = alone.expand(blocks, rows, size, size)  # (blocks, R, C, C)
    log_mass = matrix.new_zeros(blocks, rows, size)  # (blocks, R, C)
    for now in steps_of(by_block, backward):
        weighted = image * now[:, :, None]  # (blocks, R, C, C)
        mass = weighted.sum(-1)  # (blocks, R, C)
        image = weighted @ matrix / mass[..., None]  # (blocks, R, C, C)
        log_mass += mass.log()
    # States that cannot produce a block are left with 0/0.
    image, log_mass = image.nan_to_num(0.0), log_mass.nan_to_num(nan=-torch.inf)

    firsts = torch.empty(blocks, rows, size, dtype=matrix.dtype, device=matrix.device)  # (blocks, R, C)
    message = start  # (R, C)
    for block in reversed(range(blocks)) if backward else range(blocks):
        firsts[block] = message
        shares = (message.log() + log_mass[block]).softmax(-1)  # (R, C)
        message = (shares[:, None] @ image[block])[:, 0]  # (R, C)
    kept, scale = sweep(firsts.view(-1, size), by_block.reshape(length, -1, size), matrix, scratch, backward)
    kept = kept.view(length, blocks, rows, size).transpose(0, 1).reshape(-1, rows, size)  # as `full`
    scale = scale.view(length, blocks, rows).transpose(0, 1).reshape(-1, rows)  # (blocks · length, R)
    inside = slice(len(blank), None) if backward else slice(time)
    return kept[inside], scale[inside]  # (T, R, C), (T, R)


def log_sweep(start: Tensor, log_evidence: Tensor, matrix: Tensor, backward: bool) -> tuple[Tensor, Tensor]:
    """Logarithms of the messages and scales of a sweep."""
    message, messages, scales = start, [], []  # (R, C), T × (R, C), T × (R,)
    steps = zip(steps_of(log_evidence, backward), matrices(matrix.log(), backward), strict=False)
    for now, log_move in steps:
        messages.append(message)
        weighted = message + now  # (R, C)
        scale = weighted.logsumexp(-1)  # (R,)
        following = (weighted[..., None] + log_move).logsumexp(-2)  # (R, C)
        message = following - scale.clamp_min(torch.finfo(scale.dtype).min)[:, None]  # (R, C)
        scales.append(scale)
    turn = -1 if backward else 1
    return torch.stack(messages[::turn]), torch.stack(scales[::turn])  # (T, R, C), (T, R)


def steps_of(table: Tensor, backward: bool) -> Iterator[Tensor]:
    """The time steps of a table; unbinding many at once is quicker than indexing each."""
    blocks = table.split(1024)
    for block in reversed(blocks) if backward else blocks:
        steps = block.unbind(0)
        yield from reversed(steps) if backward else steps
