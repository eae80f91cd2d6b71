"""Forward–backward along many chains at once: quick where that is safe, in log space where it is not.

Arrays are time-major here, (time, rows, states), in comments (T, R, C); a row is one chain run along one
sequence.

Messages are rescaled at each step, so only *ratios* between states can underflow: those beyond what the
number type holds, as between two contents of a memory after a thousand tokens, or under near-impossible
evidence. Every row in which that may have happened is computed again in log space.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib.hmm._sweeps import Scratch, both_ways, log_sweep, matrices, move_on, steps_of, sweep


class RowPosteriors(NamedTuple):
    """Posteriors of each row's chain, given that row's evidence.

    The three scales hold what was divided out, per position: log P[evidence before t] is the sum of
    `log_step` before t, and log P[all evidence but that at t] is that sum, plus `log_weight` at t, plus the
    sum of `log_back_step` after t.

    Attributes:
        tables: Of those asked for, 'filtered' P[state at t | evidence up to t], 'smoothed'
            P[state at t | all evidence] and 'leave_one_out' P[state at t | all evidence but that at t],
            each (time, rows, states); 'likelihood_ratio' P[evidence from t on | state at t] / P[evidence
            from t on | evidence before t]; 'slope', the derivative of log P[all evidence] by the evidence at
            t. Each up to a factor; zeros in a row whose evidence is impossible.
        totals: These factors, (time, rows), by which a table is to be divided; never 0.
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
    log_evidence: Tensor | None = None,
) -> RowPosteriors:
    """Posteriors of hidden chains given evidence.

    Args:
        start: Distribution of the first state of each row, (rows, states).
        transition: Row-stochastic matrix, (states, states), or one for each step, (time − 1, states,
            states). With gradients a row may hold several chains that run side by side, (rows, chains ·
            states): they are then normalised together.
        evidence: How well each state explains what is seen at t, ≥ 0, (time, rows, states). All ones is no
            evidence.
        wanted: The tables to compute, of 'filtered', 'smoothed', 'leave_one_out'; and, beside 'smoothed' and
            without 'leave_one_out', 'likelihood_ratio' and 'slope'.
        scratch: Where intermediate arrays, and the tables, are put, on a CPU and without gradients; None
            to allocate them.
        log_evidence: The logarithms of the evidence, where the number type may not hold the evidence.

    Returns:
        The posteriors.

    Raises:
        NoGradientError: Gradients are wanted through evidence that only log space can hold.
    """
    ahead, behind = both_ways(transition)  # (C, C) or (T, C, C)
    forward, step = sweep(start, evidence, ahead, scratch, backward=False)  # (T, R, C), (T, R)
    backward, back_step = sweep(torch.ones_like(start), evidence, behind, scratch, backward=True)
    safe = _safe_rows(start, ahead, behind, evidence, log_evidence, forward, backward)  # (R,)
    tables = {}
    for kind, message in (("filtered", forward), ("likelihood_ratio", backward)):
        if kind in wanted:
            room = scratch.take(kind, evidence.shape, evidence) if scratch else None
            tables[kind] = torch.mul(message, evidence, out=room)  # (T, R, C)
    # Without a graph the messages, no longer needed, make room for their products.
    joint = torch.mul(forward, backward, out=backward if scratch else None)  # (T, R, C)
    for kind in ("leave_one_out", "slope"):
        if kind in wanted:
            tables[kind] = joint
    if "smoothed" in wanted:
        tables["smoothed"] = torch.mul(joint, evidence, out=forward if scratch else None)  # (T, R, C)
    ratios = [kind for kind in ("likelihood_ratio", "slope") if kind in wanted]
    totals = {kind: table.sum(-1) for kind, table in tables.items() if kind not in ratios}  # (T, R)
    for kind in ratios:
        totals[kind] = totals["smoothed"]
    weight = totals["leave_one_out"] if "leave_one_out" in totals else joint.sum(-1)  # (T, R)
    for total in [weight, *totals.values()]:
        safe &= is_large(total).all(0)
    safe &= (torch.minimum(step, back_step) >= floor(step)).all(0)
    result = RowPosteriors(tables, totals, step.log(), weight.log(), back_step.log())
    rows = (~safe).nonzero()[:, 0]
    if len(rows) == 0:
        return result
    if evidence.requires_grad and torch.is_grad_enabled():
        raise NoGradientError(int(rows[0]))
    for some in rows.split(max(1, 4_000_000 // ahead.shape[-1] ** 2)):
        logs = evidence[:, some].log() if log_evidence is None else log_evidence[:, some]  # (T, some, C)
        exact = _in_log_space(start[some], ahead, behind, logs, wanted)
        for kind in tables:
            tables[kind][:, some], totals[kind][:, some] = exact.tables[kind], exact.totals[kind]
        for scale, replacement in zip(result[2:], exact[2:], strict=True):
            scale[:, some] = replacement
    return result


def _safe_rows(
    start: Tensor,
    ahead: Tensor,
    behind: Tensor,
    evidence: Tensor,
    log_evidence: Tensor | None,
    forward: Tensor,
    backward: Tensor,
) -> Tensor:
    """Rows in whose messages nothing that matters can have underflowed, boolean (rows,).

    If every message that should be positive is large in the sense of `is_large`, every positive evidence
    is between `floor` and its inverse, and so are the scales (which the caller checks), then no product of
    these leaves the range of normal numbers, and every message is exact to rounding. Which messages should
    be positive is looked up in the supports, which do not underflow. Comparisons are written so that NaN
    counts as unsafe.
    """
    least_factor = floor(evidence)
    dimmest, brightest = evidence.aminmax()  # numbers
    least = torch.minimum(forward.min(), backward.min())  # a number
    if bool(is_large(least) & (dimmest >= least_factor) & (brightest <= 1 / least_factor)):  # nearly always
        return torch.ones_like(start[:, 0], dtype=torch.bool)  # (R,)
    positive = evidence > 0 if log_evidence is None else log_evidence > -torch.inf  # (T, R, C)
    fine = ~((positive & (evidence < least_factor)) | (evidence > 1 / least_factor)).any(0).any(-1)  # (R,)
    clear = is_large(forward.amin((0, 2))) & is_large(backward.amin((0, 2)))  # (R,)
    some = (fine & ~clear).nonzero()[:, 0]
    if len(some):
        seen = positive[:, some]  # (T, some, C)
        due = _supports(start[some] > 0, seen, ahead, backward=False)  # (T, some, C)
        due_back = _supports(torch.ones_like(seen[0]), seen, behind, backward=True)  # (T, some, C)
        lost = (due & ~is_large(forward[:, some])) | (due_back & ~is_large(backward[:, some]))
        fine[some] = ~lost.any(0).any(-1)
    return fine


def is_large(values: Tensor) -> Tensor:
    """So large that what underflowed beside it is lost in rounding; False for NaN."""
    return values >= torch.finfo(values.dtype).tiny ** 0.65


def floor(values: Tensor) -> float:
    """Smallest factor that keeps a large number, in the sense of `is_large`, normal."""
    return float(torch.finfo(values.dtype).tiny ** 0.3)


def _supports(start: Tensor, seen: Tensor, matrix: Tensor, backward: bool) -> Tensor:
    """Where the messages of a sweep are positive, boolean (time, rows, states)."""
    edges = (matrix > 0).float()  # (C, C) or (T, C, C)
    support, found = start, []  # (R, C), T × (R, C)
    for now, move in zip(steps_of(seen, backward), matrices(edges, backward), strict=False):
        found.append(support)
        support = move_on((support & now).float(), move) > 0
    return torch.stack(found[:: -1 if backward else 1])  # (T, R, C)


def _in_log_space(
    start: Tensor, ahead: Tensor, behind: Tensor, log_evidence: Tensor, wanted: Collection[str]
) -> RowPosteriors:
    """`forward_backward` with every product a sum of logarithms: slower, and nothing underflows."""
    forward, log_step = log_sweep(start.log(), log_evidence, ahead, backward=False)  # (T, R, C), (T, R)
    backward, log_back_step = log_sweep(torch.zeros_like(start), log_evidence, behind, backward=True)
    joint = forward + backward  # (T, R, C)
    logs = {
        "filtered": forward + log_evidence,
        "smoothed": joint + log_evidence,
        "leave_one_out": joint,
    }
    probs = [kind for kind in wanted if kind in logs]
    tables = {kind: logs[kind].softmax(-1).nan_to_num(0.0) for kind in probs}  # (T, R, C) each
    ratios = {"likelihood_ratio": backward + log_evidence, "slope": joint}  # (T, R, C) each
    whole = logs["smoothed"].logsumexp(-1, keepdim=True)  # (T, R, 1)
    for kind in ratios.keys() & wanted:
        tables[kind] = (ratios[kind] - whole).exp().nan_to_num(0.0, posinf=torch.inf)
    totals = {kind: torch.ones_like(log_step) for kind in wanted}  # (T, R) each
    return RowPosteriors(tables, totals, log_step, joint.logsumexp(-1), log_back_step)
