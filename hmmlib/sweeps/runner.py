"""Compute the cells of an experiment that are missing, and keep each as soon as it is there."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from hmmlib._checks import check_device, check_positive, check_positive_int
from hmmlib._files import canonical
from hmmlib.sweeps.cells import Record
from hmmlib.sweeps.experiment import Configuration, Experiment, Workplace
from hmmlib.sweeps.progress import Bar, Lines, Progress
from hmmlib.sweeps.results import collect
from hmmlib.sweeps.store import CellStore
from hmmlib.sweeps.workers import InProcess, Job, LocalWorkers, Pool

_log = logging.getLogger(__name__)


@dataclass
class SweepResult:
    """What a sweep did.

    Attributes:
        there: Number of cells that are in the store now.
        computed: Number of cells that were computed.
        failed: Configurations of the cells that failed.
        left: Number of cells that were not begun, for want of time.
    """

    there: int = 0
    computed: int = 0
    failed: list[Record] = field(default_factory=list)
    left: int = 0


def sweep(
    experiment: Experiment,
    config: Configuration,
    store: CellStore,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    device: str = "cpu",
    time_limit: float | None = None,
    report: Callable[[str], object] | None = None,
) -> SweepResult:
    """Compute the cells that the store does not have yet.

    On one machine with the same versions the records are the same, in however many processes they are
    computed and whether or not a sweep was interrupted; those of other processors, and of GPUs, are equal to
    rounding. If another sweep finishes a cell of the same store meanwhile, its record stays; see
    `CellStore.put`.

    A cell that fails is reported on the logger of this module, with its configuration, and the others go on.
    When the sweep itself is interrupted, by an exception, what is finished is kept and what is running is
    dropped.

    Args:
        experiment: The experiment.
        config: What to compute.
        store: Where finished cells are kept.
        workers: Processes, each on one core; with 1 the cells are computed in this process. On a GPU they
            share the card.
        scheduler: Address of a Dask scheduler, whose workers compute instead; None for this machine.
        device: Where each cell is computed.
        time_limit: Seconds after which to be done; None for no limit. No cell is begun that would end later
            if it took as long as the longest one so far; those that are running are waited for.
        report: Is given a line for each cell that is finished, such as `print`; with None there is a bar, if
            there is a terminal.

    Returns:
        How many cells were computed, failed and left.

    Raises:
        ImportError: A scheduler was named, but Dask is not installed.
        TypeError: A number of another type.
        ValueError: No cells, a cell that could not be computed, a number out of range, several workers as
            well as a scheduler, a device that cannot be used, or no scheduler at the address.
    """
    check_positive_int(workers, "workers")
    deadline = _Deadline(time_limit)
    if scheduler is not None and workers > 1:
        raise ValueError(f"workers: the scheduler has workers of its own; expected 1, got {workers}")
    _check_device(device, experiment, here=scheduler is None)
    store.tidy()
    results = collect(experiment, config, store)
    missing, n_cells = results.missing, len(results.asked)
    result = SweepResult(there=n_cells - len(missing), left=len(missing))
    if not missing:
        return result
    place = Workplace(device, store.folder.resolve())
    todo = deque(Job.of(experiment, number, cell, place) for number, cell in enumerate(missing))
    pool = _pool(workers, scheduler)
    progress: Progress = Bar(results) if report is None else Lines(results, report)
    try:
        while todo or deadline.running:
            while todo and len(deadline.running) < pool.slots and not deadline.is_near():
                job = todo.popleft()
                deadline.begin(job.number)
                pool.submit(job)
            if not deadline.running:
                break
            for outcome in pool.finished():
                deadline.end(outcome.number)
                cell = missing[outcome.number]
                if outcome.record is not None:
                    store.put(experiment.name, cell, outcome.record, outcome.provenance)
                    result.computed += 1
                    result.there += 1
                else:
                    result.failed.append(cell)
                    _log.error(
                        "%s: the cell %s failed: %s", experiment.name, canonical(cell), outcome.failure
                    )
                result.left -= 1
                progress.finished(outcome, pool.slots)
    finally:
        pool.close()
        progress.close()
    return result


class _Deadline:
    """Knows whether there is time to begin with another cell."""

    def __init__(self, limit: float | None, now: Callable[[], float] = time.monotonic) -> None:
        self._limit = None if limit is None else check_positive(limit, "time_limit")
        self._now, self._start, self._longest = now, now(), 0.0
        self.running: dict[int, float] = {}

    def begin(self, number: int) -> None:
        self.running[number] = self._now()

    def end(self, number: int) -> None:
        self._longest = max(self._longest, self._now() - self.running.pop(number))

    def is_near(self) -> bool:
        """Whether a cell that takes as long as the longest would end too late."""
        if self._limit is None:
            return False
        now = self._now()
        # One that is running may show by now that cells take longer.
        expected = max(self._longest, *(now - begin for begin in self.running.values()), 0.0)
        return now - self._start + expected > self._limit


def _check_device(device: str, experiment: Experiment, *, here: bool) -> None:
    kind = device.partition(":")[0]
    if kind not in experiment.devices:
        raise ValueError(f"device: {experiment.name} is computed on {experiment.devices}, got {device!r}")
    # A GPU is only asked whether it is there: using it here would take memory from the workers.
    if here and not (kind == "cuda" and torch.cuda.is_available()):
        check_device(device)


def _pool(workers: int, scheduler: str | None) -> Pool:
    if scheduler is not None:
        from hmmlib.sweeps.dask import DaskWorkers

        return DaskWorkers(scheduler)
    return LocalWorkers(workers) if workers > 1 else InProcess()
