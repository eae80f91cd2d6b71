"""Running a batch through the forward–backward algorithm, piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from threading import Lock, local
from typing import NoReturn, TypeVar

import numpy as np
import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor

from hmmlib._precision import exact_products
from hmmlib.hmm._forward_backward import NoGradientError, RowPosteriors, forward_backward
from hmmlib.hmm._fused import Lookup, Task, applies, fused, takes
from hmmlib.hmm._sweeps import Scratch
from hmmlib.hmm.chain import Dynamics

# Numbers in one message of a batch worked on at once: on a CPU about what its cache holds.
_CPU_MESSAGE = 16_384
_GPU_MESSAGE = 1 << 20

T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """What is to be computed for a batch of texts.

    Attributes:
        dynamics: The hidden chain.
        emission: P[token | flat state], (K·C, V); None where there is no vocabulary.
        shape: Number of texts and of positions.
        evidence: Evidence of a slice of the texts for the flat states, (time, rows, K·C); it may be put
            into the given scratch memory.
        log_evidence: Its logarithms, likewise, where the number type may not hold the evidence; or None.
        explain: Names a text's position and what stands there, for errors.
        wanted: Names of the tables.
        positions: Only these positions of each text are kept, a slice.
        lookup: The evidence once more, where it repeats itself.
    """

    dynamics: Dynamics
    emission: Tensor | None
    shape: tuple[int, int]
    evidence: Callable[[slice, Scratch | None], Tensor]
    log_evidence: Callable[[slice], Tensor] | None
    explain: Callable[[int, int], str]
    wanted: tuple[str, ...]
    positions: slice
    lookup: Lookup | None = None


def run(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """Log-likelihoods (texts,) and the tables (texts, positions, …), without gradients."""
    initial, on_cpu = batch.dynamics.initial, batch.dynamics.initial.device.type == "cpu"
    widths = dict.fromkeys(batch.wanted, batch.dynamics.n_states)
    if batch.emission is not None and "conditionals" in widths:
        widths["conditionals"] = batch.emission.shape[1]
    # Worker threads do not inherit these modes; outside of them all tensors are ordinary ones.
    with torch.inference_mode(False), torch.no_grad():
        likelihood = initial.new_empty(batch.shape[0])
        kept = len(range(batch.shape[1])[batch.positions])
        tables = {kind: initial.new_empty(batch.shape[0], kept, width) for kind, width in widths.items()}
    scratches = local()  # one for each thread
    tasks = _fused_tasks(batch)

    def work(rows: slice) -> None:
        if not hasattr(scratches, "own"):
            scratches.own = Scratch()
        scratch: Scratch | None = scratches.own if on_cpu else None
        with torch.inference_mode(False), torch.no_grad(), exact_products(initial.device):
            if tasks:
                here = {kind: table[rows] for kind, table in tables.items()}
                likelihood[rows] = _fused_piece(batch, tasks, rows, here)
                return
            likelihood[rows], parts = _piece(batch, rows, scratch)
            for kind, (weights, total) in parts.items():
                torch.div(weights.transpose(0, 1), total.T[..., None], out=tables[kind][rows])

    in_pieces(work, _pieces(batch), on_cpu)
    return likelihood, tables


def run_with_gradients(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """What `run` gives, with gradients to the evidence.

    The contents of the memory are normalised together here, so that one that a prompt rules out still has
    derivatives.

    Raises:
        ValueError: Evidence that is impossible, or that only log space can hold.
    """
    dynamics, everything = batch.dynamics, slice(None)
    evidence = batch.evidence(everything, None)
    logs = batch.log_evidence(everything) if batch.log_evidence else None
    start = dynamics.initial.reshape(-1).expand(evidence.shape[1:])
    try:
        with exact_products(start.device):
            found = forward_backward(start, dynamics.transition, evidence, _needed(batch), None, logs)
            parts = _with_conditionals(batch, found.tables, found.totals)
    except NoGradientError as error:
        run(batch)  # says so if the evidence is impossible
        raise ValueError(
            f"evidence: sequence {error.row} spans more orders of magnitude than gradients can pass through; "
            "detach the evidence, or keep its positive entries nearer to 1"
        ) from None
    tables = {kind: (weights / total[..., None]).transpose(0, 1) for kind, (weights, total) in parts.items()}
    return found.log_step.sum(0), tables


def _pieces(batch: Batch) -> list[slice]:
    """Slices of the batch: on a CPU, small ones, at least as many as it has cores."""
    on_cpu = batch.dynamics.initial.device.type == "cpu"
    fitting = fitting_rows(batch.dynamics.n_states, on_cpu)
    texts = batch.shape[0]
    size = min(fitting, -(-texts // (torch.get_num_threads() if on_cpu else 1)))
    return [slice(i, min(i + size, texts)) for i in range(0, texts, size)]


def fitting_rows(n_states: int, on_cpu: bool) -> int:
    """How many texts to work on at once."""
    return max(1, (_CPU_MESSAGE if on_cpu else _GPU_MESSAGE) // n_states)


def in_pieces(work: Callable[[slice], T], pieces: list[slice], on_cpu: bool) -> list[T]:
    """Call `work` on each piece: on a CPU, on as many at a time as it has cores; the results in order."""
    if not on_cpu:
        return [work(piece) for piece in pieces]
    # One thread per piece beats several threads within each of its many small products.
    with _ONE_BLAS_THREAD:
        if len(pieces) == 1:
            with _work_alone():
                return [work(pieces[0])]
        with ThreadPoolExecutor(torch.get_num_threads(), initializer=_work_alone) as pool:
            return list(pool.map(work, pieces))


def _work_alone() -> AbstractContextManager[object]:
    """Let torch start no threads from this one, from now on until the end of the context.

    Not by `torch.set_num_threads`, which would decide for threads of other callers too.
    """
    torch.get_num_threads()  # when a thread asks first, torch sets the number for it
    return _libraries().limit(limits=1, user_api="openmp")


class _OneBlasThread:
    """While anyone is inside, the process's BLAS works with one thread; it is one setting for all callers."""

    def __init__(self) -> None:
        self._lock, self._inside = Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._limit = _libraries().limit(limits=1, user_api="blas")
                _let_others_set_blas()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._limit.restore_original_limits()
                _let_others_set_blas()


def _let_others_set_blas() -> None:
    """Undo that threadpoolctl, in later versions, hears nobody but the thread that set a limit before.

    The last to leave may be another thread than the first to come.
    """
    for library in _libraries().lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread()


_ONE_BLAS_THREAD = _OneBlasThread()


@cache
def _libraries() -> ThreadpoolController:
    """The numerical libraries in this process, found once."""
    return ThreadpoolController()


def _needed(batch: Batch) -> set[str]:
    """The tables of states that the wanted ones are made from."""
    return {"leave_one_out" if kind == "conditionals" else kind for kind in batch.wanted}


def _start_of_contents(batch: Batch) -> tuple[Tensor, Tensor]:
    """P[content], (K,), and the distribution of the chain's first state given each, (K, C)."""
    initial = batch.dynamics.initial
    prior = initial.sum(-1)
    # Contents that never occur start anyhow.
    return prior, torch.where(prior[:, None] > 0, initial / prior[:, None], 1.0 / initial.shape[1])


def _fused_tasks(batch: Batch) -> list[Task]:
    """How the compiled loops may go about a batch, the quickest way first; none if they do not apply."""
    _, start = _start_of_contents(batch)
    kept = range(batch.shape[1])[batch.positions]
    if batch.log_evidence is not None or kept.step != 1:
        return []
    emission = batch.emission if "conditionals" in batch.wanted else None
    needed, span = frozenset(_needed(batch)), (kept.start, kept.stop)
    chain = Task(start, batch.dynamics.transition, emission, needed, span)
    if not applies(chain, *batch.shape):
        return []
    if len(start) == 1 or not takes(start.numel()):
        return [chain]
    # Few contents side by side in one message: quicker, unless one becomes too unlikely beside another.
    eye = torch.eye(len(start), dtype=start.dtype)
    together = chain._replace(
        start=(batch.dynamics.initial / batch.dynamics.initial.sum()).view(1, -1),
        transition=torch.kron(eye, chain.transition),
    )
    return [together, chain]


def _fused_piece(batch: Batch, tasks: list[Task], rows: slice, tables: dict[str, Tensor]) -> Tensor:
    """`_piece` by compiled loops: writes the tables, (texts, kept, …), and returns the log-likelihoods."""
    if batch.lookup is None:
        evidence = batch.evidence(rows, None)  # (T, texts, K·C)
        time, texts = evidence.shape[:2]
        lookup = Lookup(evidence.flatten(0, 1), torch.arange(time * texts).view(time, texts).T.contiguous())
    else:
        lookup = Lookup(batch.lookup.table, batch.lookup.positions[rows])
    numbers = torch.arange(rows.start, rows.stop)
    if len(tasks) == 1:
        return _by_task(batch, tasks[0], lookup, tables, numbers)
    result = fused(tasks[0], lookup, tables)
    likelihood = result.found.log_step.sum(0)
    left = result.doubtful
    if len(left):
        parts = {kind: torch.empty_like(table[: len(left)]) for kind, table in tables.items()}
        some = Lookup(lookup.table, lookup.positions[left])
        likelihood[left] = _by_task(batch, tasks[1], some, parts, numbers[left])
        for kind, part in parts.items():
            if kind in tables:
                tables[kind][left] = part
    return likelihood


def _by_task(batch: Batch, task: Task, lookup: Lookup, tables: dict[str, Tensor], numbers: Tensor) -> Tensor:
    """Log-likelihoods of texts of the given numbers in the batch, whose tables it writes."""
    prior, _ = _start_of_contents(batch)
    result = fused(task, lookup, tables)
    result.put_right(lookup)
    found = result.found
    if len(prior) == 1:
        likelihood = found.log_step.sum(0)
    else:
        likelihood, factors = _over_contents(found, prior.log())
        result.weigh(factors)
    _check_possible(likelihood, found, prior, lambda row, t: batch.explain(int(numbers[row]), t))
    return likelihood


def _piece(
    batch: Batch, rows: slice, scratch: Scratch | None
) -> tuple[Tensor, dict[str, tuple[Tensor, Tensor]]]:
    """Log-likelihoods (texts,) of a piece of the batch, its tables (time, texts, …), and their sums."""
    prior, start = _start_of_contents(batch)
    n_contents, size = start.shape
    evidence = batch.evidence(rows, scratch).unflatten(-1, (n_contents, size))
    time, texts = evidence.shape[:2]
    logs = batch.log_evidence(rows).reshape(time, -1, size) if batch.log_evidence else None
    found = forward_backward(
        start.expand(texts, n_contents, size).reshape(-1, size),
        batch.dynamics.transition,
        evidence.reshape(time, -1, size),
        _needed(batch),
        scratch,
        logs,
    )
    if n_contents == 1:
        likelihood, tables, totals = found.log_step.sum(0), found.tables, found.totals
    else:
        likelihood, factors = _over_contents(found, prior.log())
        tables = {
            kind: (factors[kind][..., None] * table.unflatten(1, (-1, n_contents))).flatten(2)
            for kind, table in found.tables.items()
        }
        totals = {kind: torch.ones_like(table[..., 0]) for kind, table in tables.items()}
    _check_possible(likelihood, found, prior, lambda row, t: batch.explain(rows.start + row, t))
    return likelihood, _with_conditionals(batch, tables, totals)


def _over_contents(found: RowPosteriors, log_prior: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Log-likelihoods, and what makes tables given each content those of content and state, (T, texts, K)."""
    log_step, log_weight, log_back_step = (scale.unflatten(-1, (-1, len(log_prior))) for scale in found[2:])
    # Sums along a long text are large, and only their differences between contents matter: what all
    # contents share is taken out of each step before steps are added up.
    shared, step = _centred(log_step)
    _, back_step = _centred(log_back_step)
    upto = log_prior + step.cumsum(0)
    none = torch.zeros_like(step[:1])
    before = log_prior + torch.cat([none, step[:-1].cumsum(0)])
    after = torch.cat([back_step[1:].flip(0).cumsum(0).flip(0), none])
    logs = {
        "filtered": upto,
        "smoothed": upto[-1:].expand_as(upto),
        "leave_one_out": before + log_weight + after,
    }
    factors = {
        kind: logs[kind].softmax(-1) / total.unflatten(-1, (-1, len(log_prior)))
        for kind, total in found.totals.items()
    }
    return upto[-1].logsumexp(-1) + shared.sum(0), factors


def _centred(log_steps: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of the contents at each step (0 if none is possible), and all less that."""
    largest = log_steps.amax(-1)
    largest = torch.where(largest > -torch.inf, largest, 0.0)
    return largest, log_steps - largest[..., None]


def _with_conditionals(
    batch: Batch, tables: dict[str, Tensor], totals: dict[str, Tensor]
) -> dict[str, tuple[Tensor, Tensor]]:
    """The wanted tables at the positions kept, up to a factor, in their order, each with its sums."""
    kept = batch.positions
    parts = {kind: (table[kept], totals[kind][kept]) for kind, table in tables.items()}
    if batch.emission is not None and "conditionals" in batch.wanted:
        (loo, sums), emission = parts["leave_one_out"], batch.emission
        if loo.requires_grad or loo.device.type != "cpu":
            conditionals = loo @ emission
        else:  # by numpy, as the sweeps of `forward_backward`
            conditionals = torch.from_numpy(np.matmul(loo.numpy(), emission.numpy()))
        parts["conditionals"] = (conditionals, sums)
    return {kind: parts[kind] for kind in batch.wanted}


def _check_possible(
    likelihood: Tensor, found: RowPosteriors, prior: Tensor, explain: Callable[[int, int], str]
) -> None:
    if bool((likelihood == -torch.inf).any()):
        raise_impossible(found.log_step.unflatten(-1, (len(likelihood), -1)), prior.log(), 0, explain)


def raise_impossible(
    log_step: Tensor, log_prior: Tensor, first_row: int, explain: Callable[[int, int], str]
) -> NoReturn:
    """Report the first position at which a text becomes impossible; log_step is (time, texts, K)."""
    impossible = (log_prior + log_step.cumsum(0)).logsumexp(-1) == -torch.inf
    row = int(impossible[-1].nonzero()[0])
    position = int(impossible[:, row].nonzero()[0])
    raise ValueError(
        f"{explain(first_row + row, position)} has probability 0 after what precedes it; "
        "expected a text that the model can produce"
    )
