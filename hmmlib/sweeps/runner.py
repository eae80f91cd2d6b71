"""Compute the cells of an experiment that are missing, and keep each as soon as it is there."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from tqdm import tqdm

from hmmlib._checks import check_device, check_positive, check_positive_int
from hmmlib._files import canonical
from hmmlib.sweeps.experiment import Configuration, Experiment, Workplace
from hmmlib.sweeps.store import CellStore, Record
from hmmlib.sweeps.workers import InProcess, Job, LocalWorkers, Pool

_log = logging.getLogger(__name__)


@dataclass
class SweepResult:
    """What a sweep did.

    Attributes:
        computed: Number of cells that were computed.
        failed: Configurations of the cells that failed.
        left: Number of cells that were not begun, for want of time.
    """

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
) -> SweepResult:
    """Compute the cells that the store does not have yet.

    The records are the same wherever they are computed, and whether or not a sweep was interrupted. A cell
    that fails is reported on the logger of this module, with its configuration, and the others go on. When
    the sweep itself is interrupted, by an exception, what is finished is kept and what is running is dropped.

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

    Returns:
        How many cells were computed, failed and left.

    Raises:
        ImportError: A scheduler was named, but Dask is not installed.
        TypeError: A number of another type.
        ValueError: A number out of range, several workers as well as a scheduler, a device that cannot be
            used, or no scheduler at the address.
    """
    check_positive_int(workers, "workers")
    late = _Clock(time_limit)
    if scheduler is not None and workers > 1:
        raise ValueError(f"workers: the scheduler has workers of its own; expected 1, got {workers}")
    _check_device(device, experiment, here=scheduler is None)
    store.tidy()
    cells = config.cells()
    missing = experiment.missing(config, store)
    result = SweepResult(left=len(missing))
    if not missing:
        return result
    place = Workplace(device, store.folder.resolve())
    todo = deque(Job.of(experiment, number, cell, place) for number, cell in enumerate(missing))
    pool = _pool(workers, scheduler)
    bar = tqdm(total=len(cells), initial=len(cells) - len(missing), unit="cell", **progress_options())
    try:
        while todo or late.running:
            while todo and len(late.running) < pool.slots and not late():
                job = todo.popleft()
                late.begin(job.number)
                pool.submit(job)
            if not late.running:
                break
            for outcome in pool.finished():
                late.end(outcome.number)
                cell, failure = missing[outcome.number], outcome.failure
                if outcome.record is not None:
                    try:
                        store.put(experiment.name, cell, outcome.record, outcome.provenance)
                        result.computed += 1
                    except ValueError as error:  # another sweep was faster, with another result
                        failure = str(error)
                if failure is not None:
                    result.failed.append(cell)
                    _log.error("%s: the cell %s failed: %s", experiment.name, canonical(cell), failure)
                result.left -= 1
                bar.update()
    finally:
        pool.close()
        bar.close()
    return result


def progress_options() -> dict[str, Any]:
    """Whether to show a bar: on a terminal, but not in CI.

    Returns:
        Arguments for `tqdm`.
    """
    # Not disable=False, which would overrule TQDM_DISABLE.
    return {"disable": True} if os.environ.get("CI") or not sys.stderr.isatty() else {}


class _Clock:
    """Knows whether it is too late to begin with another cell."""

    def __init__(self, limit: float | None, now: Callable[[], float] = time.monotonic) -> None:
        self._limit = None if limit is None else check_positive(limit, "time_limit")
        self._now, self._start, self._longest = now, now(), 0.0
        self.running: dict[int, float] = {}

    def begin(self, number: int) -> None:
        self.running[number] = self._now()

    def end(self, number: int) -> None:
        self._longest = max(self._longest, self._now() - self.running.pop(number))

    def __call__(self) -> bool:
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
