"""Posteriors of a batch by compiled loops, where numba is installed and they apply.

They go once through the memory of a piece, where numpy and torch go through it for every operation. Their
numbers are those of `hmmlib.hmm._forward_backward`, and their safety is its own too: a row in whose
messages anything may have underflowed is computed again there.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hmmlib.hmm._forward_backward import RowPosteriors, floor, forward_backward, is_large
from hmmlib.hmm._sweeps import Scratch, goes_by_blocks

# More states than this are left to BLAS, and less work than this (numbers of a table) to numpy: numba would
# take longer to load.
_MOST_STATES, _LEAST_NUMBERS = 128, 50_000
# Bytes of messages that stay in a core's second cache.
_CACHE = 600_000
_KINDS = ("filtered", "smoothed", "leave_one_out")


class Lookup(NamedTuple):
    """Evidence that repeats itself, as that of tokens does.

    Attributes:
        table: Its kinds, (kinds, K·C).
        positions: The kind that each position meets, integers, (texts, time).
    """

    table: Tensor
    positions: Tensor


class Task(NamedTuple):
    """What all texts of a batch share.

    Attributes:
        start: Distribution of the first state given each content, (K, C).
        transition: Row-stochastic, (C, C).
        emission: P[token | flat state], (K·C, V); None where no conditionals are wanted.
        needed: Names of the tables of states that are asked for, or from which those are made.
        kept: First position of which tables are kept, and the one after the last.
    """

    start: Tensor
    transition: Tensor
    emission: Tensor | None
    needed: frozenset[str]
    kept: tuple[int, int]


@dataclass
class Fused:
    """Tables of a piece of a batch, written to where they belong, and what they are still to be divided by.

    With one content the tables are normalised, and there is nothing left to do.

    Attributes:
        found: Scales as in `RowPosteriors`, sums of the tables of states; no tables.
        task: What was computed.
        tables: By name, (texts, kept, …).
        doubtful: Rows in whose messages something may have underflowed, integers.
    """

    found: RowPosteriors
    task: Task
    tables: dict[str, Tensor]
    doubtful: Tensor

    def put_right(self, lookup: Lookup) -> None:
        """Compute the doubtful rows again, where nothing underflows."""
        rows, task, tables, (first, last) = self.doubtful, self.task, self.tables, self.task.kept
        if len(rows) == 0:
            return
        n_contents, size = task.start.shape
        text, content = rows // n_contents, rows % n_contents
        table = lookup.table.reshape(-1, size)
        evidence = table[lookup.positions[text].T * n_contents + content]  # (T, R, C)
        exact = forward_backward(task.start[content], task.transition, evidence, task.needed, Scratch())
        for scale, replacement in zip(self.found[2:], exact[2:], strict=True):
            scale[:, rows] = replacement
        at = content[:, None] * size + torch.arange(size)  # (R, C)
        for kind, found in exact.tables.items():
            weights, total = found[first:last], exact.totals[kind][first:last]
            if n_contents > 1:
                self.found.totals[kind][:, rows] = exact.totals[kind]
                tables[kind][text[:, None], :, at] = weights.permute(1, 2, 0)
            elif kind in tables:
                tables[kind][rows] = (weights / total[..., None]).transpose(0, 1)
            if kind == "leave_one_out" and n_contents == 1 and "conditionals" in tables:
                assert task.emission is not None
                mixed = torch.from_numpy(np.matmul(weights.numpy(), task.emission.numpy()))
                tables["conditionals"][rows] = (mixed / total[..., None]).transpose(0, 1)

    def weigh(self, factors: dict[str, Tensor]) -> None:
        """Multiply the tables of several contents with factors, (time, texts, K), and make conditionals."""
        first, last = self.task.kept
        for kind in self.task.needed & self.tables.keys():
            _kernels().weigh(self.tables[kind].numpy(), factors[kind][first:last].contiguous().numpy())
        if "conditionals" in self.tables:
            assert self.task.emission is not None
            table, mixed = self.tables["leave_one_out"].numpy(), self.tables["conditionals"].numpy()
            _kernels().mix(table, _padded(self.task.emission, 0.0), mixed)


def applies(task: Task, texts: int, time: int) -> bool:
    """Whether the compiled loops are to be used for a batch."""
    size = task.transition.shape[-1]
    return (
        task.start.device.type == "cpu"
        and task.start.dtype == torch.float64
        and task.transition.ndim == 2
        and takes(size)
        and task.kept[0] < task.kept[1]
        and texts * time * task.start.numel() >= _LEAST_NUMBERS
        and not goes_by_blocks(time, texts * len(task.start), size)
        and has_numba()
    )


@cache
def has_numba() -> bool:
    """Whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


def takes(n_states: int) -> bool:
    """Whether a message of so many states is worth a compiled loop."""
    return n_states <= _MOST_STATES


def fused(task: Task, lookup: Lookup, tables: dict[str, Tensor]) -> Fused:
    """Compute some texts.

    Args:
        task: What the batch shares.
        lookup: The texts' evidence.
        tables: The tables wanted, (texts, kept, …), to be written.

    Returns:
        The tables, with one content normalised.
    """
    (texts, time), (n_contents, size) = lookup.positions.shape, task.start.shape
    if n_contents > 1 and "conditionals" in tables and "leave_one_out" not in tables:
        tables["leave_one_out"] = task.start.new_empty(*tables["conditionals"].shape[:2], task.start.numel())
    evidence = lookup.table.reshape(-1, size)  # (kinds · K, C)
    mixing = n_contents == 1 and "conditionals" in tables
    emission = task.emission if mixing and task.emission is not None else task.start.new_zeros(size, 0)
    none = np.empty((0, 0, 0))
    written = {kind: table.numpy() for kind, table in tables.items() if mixing or kind != "conditionals"}
    totals = {kind: torch.ones(time, texts * n_contents, dtype=torch.float64) for kind in _KINDS}
    scale, back_scale = torch.empty(2, time, texts * n_contents, dtype=torch.float64)
    clear = torch.empty(texts * n_contents, dtype=torch.bool)
    lowest, dimmest = float(task.transition[task.transition > 0].min()), floor(evidence)
    ahead = _padded(task.transition, 1.0)
    _kernels().posteriors(
        task.start.contiguous().numpy(),
        lookup.positions.numpy(),
        _padded(evidence, 0.0),
        (((evidence == 0) | (evidence >= dimmest)) & (evidence <= 1 / dimmest)).all(-1).numpy(),
        ahead,
        _padded(task.transition.T, 1.0),
        _padded(emission, 0.0),
        _block(time, ahead.shape[1]),
        *task.kept,
        # Then no product of a large entry, evidence, and a transition can underflow: what is zero should be.
        bool(evidence.max() <= 1) and lowest >= torch.finfo(torch.float64).tiny ** 0.04,
        torch.finfo(torch.float64).tiny ** 0.65,
        tuple(written.get(kind, none) for kind in (*_KINDS, "conditionals")),
        tuple(totals[kind].numpy() for kind in _KINDS),
        scale.numpy(),
        back_scale.numpy(),
        clear.numpy(),
    )
    scale.reciprocal_()
    back_scale.reciprocal_()
    weight = totals["leave_one_out"]
    for total in totals.values():
        clear &= is_large(total).all(0)
    clear &= (torch.minimum(scale, back_scale) >= dimmest).all(0)
    several = n_contents > 1  # else these two are not read
    found = RowPosteriors(
        {},
        {kind: totals[kind] for kind in task.needed},
        scale.log_(),
        weight.log() if several else weight,
        back_scale.log_() if several else back_scale,
    )
    return Fused(found, task, tables, (~clear).nonzero()[:, 0])


def _block(time: int, width: int) -> int:
    """How many rows, a multiple of four, have messages that stay in the cache."""
    fitting: int = _CACHE // (8 * time * width)
    return 4 * min(16, max(1, fitting // 4))


def _padded(matrix: Tensor, filling: float) -> np.ndarray:
    """The matrix with its width raised to a multiple of eight beyond one more, in an array of numpy's."""
    height, width = matrix.shape
    padded = matrix.new_full((height, 8 * math.ceil((width + 1) / 8)), filling)
    padded[:, :width] = matrix
    return padded.numpy()


@cache
def _kernels() -> ModuleType:
    """The compiled loops: loaded in a moment, but the very first time compiled in several seconds."""
    return importlib.import_module("hmmlib.hmm._kernels")
