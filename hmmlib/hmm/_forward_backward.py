"""Forward–backward along many chains at once: quick where that is safe, in log space where it is not.

Arrays are time-major here, (time, rows, states); a row is one chain run along one sequence.

Messages are rescaled at each step, so only *ratios* between states can underflow: those beyond what the
number type holds, as between two contents of a memory after a thousand tokens, or under near-impossible
evidence. Every row in which that may have happened is computed again in log space.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

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


class RowPosteriors(NamedTuple):
    """Posteriors of each row's chain, given that row's evidence.

    The three scales hold what was divided out, per position: log P[evidence before t] is the sum of
    `log_step` before t, and log P[all evidence but that at t] is that sum, plus `log_weight` at t, plus the
    sum of `log_back_step` after t.

    Attributes:
        tables: Of those asked for, 'filtered' P[state at t | evidence up to t], 'smoothed'
            P[state at t | all evidence] and 'leave_one_out' P[state at t | all evidence but that at t],
            each (time, rows, states), up to a factor; zeros in a row whose evidence is impossible.
        totals: These factors: the sums of each table over the states, (time, rows); never 0.
        log_step: log P[evidence at t | evidence before t], (time, rows); −inf from the first position on
            that the row's chain cannot produce.
        log_weight: Scale of the two messages that meet at t, (time, rows).
        log_back_step: Scale of the backward message's step from t to t − 1, (time, rows).
    """

    tables: dict[str, Tensor]
    totals: dict[str, Tensor]
    log_step: Tensor
    log_weight: Tensor
    log_back_step: Tensor


class NoGradientError(ValueError):
    """Evidence whose posteriors only log space can hold, where gradients are wanted.

    Args:
        row: The first such row.
    """

    def __init__(self, row: int) -> None:
        super().__init__(f"row {row}")
        self.row = row


def forward_backward(
    start: Tensor,
    transition: Tensor,
    evidence: Tensor,
    wanted: Collection[str],
    scratch: Scratch | None,
) -> RowPosteriors:
    """Posteriors of hidden chains given evidence.

    Args:
        start: Law of the first state of each row, (rows, states).
        transition: Row-stochastic matrix, (states, states). With gradients a row may hold several chains
            that run side by side, (rows, chains · states): they are then normalised together.
        evidence: How well each state explains what is seen at t, ≥ 0, (time, rows, states). All ones is no
            evidence.
        wanted: The tables to compute, of 'filtered', 'smoothed', 'leave_one_out'.
        scratch: Where intermediate arrays, and the tables, are put, on a CPU and without gradients; None
            to allocate them.

    Returns:
        The posteriors.

    Raises:
        NoGradientError: Gradients are wanted through evidence that only log space can hold.
    """
    forward, step = _sweep(start, evidence, transition, scratch, backward=False)
    backward, back_step = _sweep(
        torch.ones_like(start), evidence, transition.T.contiguous(), scratch, backward=True
    )
    safe = _safe_rows(start, transition, evidence, forward, backward)
    tables = {}
    if "filtered" in wanted:
        room = scratch.take("filtered", evidence.shape, evidence) if scratch else None
        tables["filtered"] = torch.mul(forward, evidence, out=room)
    # Without a graph the messages, no longer needed, make room for their products.
    joint = torch.mul(forward, backward, out=backward if scratch else None)
    if "leave_one_out" in wanted:
        tables["leave_one_out"] = joint
    if "smoothed" in wanted:
        tables["smoothed"] = torch.mul(joint, evidence, out=forward if scratch else None)
    totals = {kind: table.sum(-1) for kind, table in tables.items()}
    weight = totals["leave_one_out"] if "leave_one_out" in totals else joint.sum(-1)
    for total in [weight, *totals.values()]:
        safe &= _is_large(total).all(0)
    safe &= (torch.minimum(step, back_step) >= _floor(step)).all(0)
    result = RowPosteriors(tables, totals, step.log(), weight.log(), back_step.log())
    rows = (~safe).nonzero()[:, 0]
    if len(rows) == 0:
        return result
    if evidence.requires_grad and torch.is_grad_enabled():
        raise NoGradientError(int(rows[0]))
    for some in rows.split(max(1, 4_000_000 // transition.numel())):
        exact = _in_log_space(start[some], transition, evidence[:, some], wanted)
        for kind in tables:
            tables[kind][:, some], totals[kind][:, some] = exact.tables[kind], exact.totals[kind]
        for scale, replacement in zip(result[2:], exact[2:], strict=True):
            scale[:, some] = replacement
    return result


def _sweep(
    start: Tensor, evidence: Tensor, matrix: Tensor, scratch: Scratch | None, backward: bool
) -> tuple[Tensor, Tensor]:
    """Messages m_t, and scales s_t = Σ (m_t ∘ e_t), with m_t+1 = (m_t ∘ e_t)·matrix / s_t.

    Forward, m_t is the law of the state at t given the evidence before t. Backward, t runs from the end
    and the matrix is transposed: m_t is proportional to P[evidence after t | state at t].
    """
    time, rows, size = evidence.shape
    if scratch is None:
        message, messages, scales = start, [], []
        for now in _steps(evidence, backward):
            messages.append(message)
            weighted = message * now
            scale = weighted.sum(-1, keepdim=True)
            message = _move(weighted, matrix) / scale
            scales.append(scale[:, 0])
        turn = -1 if backward else 1
        return torch.stack(messages[::turn]), torch.stack(scales[::turn])
    if time >= _LONG and rows * size**2 <= _FEW:
        return _long_sweep(start, evidence, matrix, scratch, backward)
    kept = scratch.take("backward" if backward else "forward", evidence.shape, evidence)
    inverse = evidence.new_empty(time, rows, 1)
    _sweep_in_place(start, evidence, matrix, kept, inverse, backward)
    return kept, inverse[..., 0].reciprocal_()


def _move(weights: Tensor, matrix: Tensor) -> Tensor:
    """One step of every chain that a row holds, (rows, chains · states)."""
    return (weights.unflatten(-1, (-1, len(matrix))) @ matrix).flatten(-2)


def _sweep_in_place(
    start: Tensor, evidence: Tensor, matrix: Tensor, kept: Tensor, inverse: Tensor, backward: bool
) -> None:
    """Fill `kept` with the messages of `_sweep` and `inverse` with one over its scales, on the CPU."""
    rows, size = start.shape
    # One product gives the next message and, in a last column, the scale. numpy makes it, on the tensors'
    # own memory: on some processors its small matrix products take half the time of torch's.
    augmented = torch.cat([matrix, matrix.new_ones(size, 1)], 1).numpy()
    weighted, product = start.new_empty(rows, size), start.new_empty(rows, size + 1)
    factor, result = weighted.numpy(), product.numpy()
    following, total = product[:, :size], product[:, size:]
    following.copy_(start)
    last = start.new_ones(rows, 1)
    steps = zip(*(_steps(table, backward) for table in (evidence, kept, inverse)), strict=True)
    with np.errstate(all="ignore"):  # what over- or underflows is found by `_safe_rows`
        for now, message, scale in steps:
            torch.mul(following, last, out=message)
            torch.mul(message, now, out=weighted)
            np.matmul(factor, augmented, out=result)
            last = torch.reciprocal(total, out=scale)


def _long_sweep(
    start: Tensor, evidence: Tensor, matrix: Tensor, scratch: Scratch, backward: bool
) -> tuple[Tensor, Tensor]:
    """`_sweep` for few rows and many steps: blocks of time side by side instead of one after another.

    A block maps the message at its first step linearly to that after its last. These maps are found for all
    blocks at once, by sweeping from each state alone; they give every block's first message; then all
    blocks are swept at once.
    """
    time, rows, size = evidence.shape
    length = math.isqrt(time)
    blocks = -(-time // length)
    # Blank steps fill up the last block; the sweep meets them at its very end.
    blank = evidence.new_ones(blocks * length - time, rows, size)
    full = torch.cat([blank, evidence] if backward else [evidence, blank])
    by_block = full.view(blocks, length, rows, size).transpose(0, 1)  # (length, blocks, rows, states)

    image = torch.eye(size, dtype=matrix.dtype, device=matrix.device).expand(blocks, rows, size, size)
    log_mass = matrix.new_zeros(blocks, rows, size)
    for now in _steps(by_block, backward):
        weighted = image * now[:, :, None]
        mass = weighted.sum(-1)
        image = weighted @ matrix / mass[..., None]
        log_mass += mass.log()
    # States that cannot produce a block are left with 0/0.
    image, log_mass = image.nan_to_num(0.0), log_mass.nan_to_num(nan=-torch.inf)

    firsts = torch.empty(blocks, rows, size, dtype=matrix.dtype, device=matrix.device)
    message = start
    for block in reversed(range(blocks)) if backward else range(blocks):
        firsts[block] = message
        shares = (message.log() + log_mass[block]).softmax(-1)
        message = (shares[:, None] @ image[block])[:, 0]
    kept, scale = _sweep(firsts.view(-1, size), by_block.reshape(length, -1, size), matrix, scratch, backward)
    kept = kept.view(length, blocks, rows, size).transpose(0, 1).reshape(-1, rows, size)
    scale = scale.view(length, blocks, rows).transpose(0, 1).reshape(-1, rows)
    inside = slice(len(blank), None) if backward else slice(time)
    return kept[inside], scale[inside]


def _steps(table: Tensor, backward: bool) -> Iterator[Tensor]:
    """The time steps of a table; unbinding many at once is quicker than indexing each."""
    blocks = table.split(1024)
    for block in reversed(blocks) if backward else blocks:
        steps = block.unbind(0)
        yield from reversed(steps) if backward else steps


def _safe_rows(
    start: Tensor, transition: Tensor, evidence: Tensor, forward: Tensor, backward: Tensor
) -> Tensor:
    """Rows in whose messages nothing that matters can have underflowed, boolean (rows,).

    If every message that should be positive is large in the sense of `_is_large`, every positive evidence
    is between `_floor` and its inverse, and so are the scales (which the caller checks), then no product of
    these leaves the range of normal numbers, and every message is exact to rounding. Which messages should
    be positive is looked up in the supports, which do not underflow. Comparisons are written so that NaN
    counts as unsafe.
    """
    floor = _floor(evidence)
    dimmest, brightest = evidence.aminmax()
    least = torch.minimum(forward.min(), backward.min())
    if bool(_is_large(least) & (dimmest >= floor) & (brightest <= 1 / floor)):  # nearly always
        return torch.ones_like(start[:, 0], dtype=torch.bool)
    fine = ~(((evidence > 0) & (evidence < floor)) | (evidence > 1 / floor)).any(0).any(-1)
    clear = _is_large(forward.amin((0, 2))) & _is_large(backward.amin((0, 2)))
    some = (fine & ~clear).nonzero()[:, 0]
    if len(some):
        seen, edges = evidence[:, some] > 0, (transition > 0).float()
        ahead = _supports(start[some] > 0, seen, edges)
        behind = _supports(torch.ones_like(seen[0]), seen.flip(0), edges.T).flip(0)
        lost = (ahead & ~_is_large(forward[:, some])) | (behind & ~_is_large(backward[:, some]))
        fine[some] = ~lost.any(0).any(-1)
    return fine


def _is_large(values: Tensor) -> Tensor:
    """So large that what underflowed beside it is lost in rounding; False for NaN."""
    return values >= torch.finfo(values.dtype).tiny ** 0.65


def _floor(values: Tensor) -> float:
    """Smallest factor that keeps a large number, in the sense of `_is_large`, normal."""
    return float(torch.finfo(values.dtype).tiny ** 0.3)


def _supports(start: Tensor, seen: Tensor, edges: Tensor) -> Tensor:
    """Where the messages of a sweep are positive, boolean (time, rows, states)."""
    support, found = start, []
    for now in seen:
        found.append(support)
        support = _move((support & now).float(), edges) > 0
    return torch.stack(found)


def _in_log_space(
    start: Tensor, transition: Tensor, evidence: Tensor, wanted: Collection[str]
) -> RowPosteriors:
    """`forward_backward` with every product a sum of logarithms: slower, and nothing underflows."""
    log_evidence, log_transition = evidence.log(), transition.log()
    forward, log_step = _log_sweep(start.log(), log_evidence, log_transition)
    backward, log_back_step = (
        part.flip(0) for part in _log_sweep(torch.zeros_like(start), log_evidence.flip(0), log_transition.T)
    )
    joint = forward + backward
    logs = {
        "filtered": forward + log_evidence,
        "smoothed": joint + log_evidence,
        "leave_one_out": joint,
    }
    tables = {kind: logs[kind].softmax(-1).nan_to_num(0.0) for kind in wanted}
    totals = {kind: torch.ones_like(log_step) for kind in wanted}
    return RowPosteriors(tables, totals, log_step, joint.logsumexp(-1), log_back_step)


def _log_sweep(start: Tensor, log_evidence: Tensor, log_matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithms of the messages and scales of a sweep forward."""
    message, messages, scales = start, [], []
    for now in log_evidence:
        messages.append(message)
        weighted = message + now
        scale = weighted.logsumexp(-1)
        following = (weighted[..., None] + log_matrix).logsumexp(-2)
        message = following - scale.clamp_min(torch.finfo(scale.dtype).min)[:, None]
        scales.append(scale)
    return torch.stack(messages), torch.stack(scales)
