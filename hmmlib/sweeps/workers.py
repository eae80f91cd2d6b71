"""Where the cells of a sweep are computed: in this process, or in others of this machine.

Each cell is computed on one core: how many take part decides in which order numbers are added, and on one
machine a record must not depend on it.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

import torch
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from hmmlib.sweeps._signals import deaf_to_ctrl_c
from hmmlib.sweeps.cells import Record
from hmmlib.sweeps.experiment import Experiment, Workplace, split
from hmmlib.sweeps.provenance import provenance

# Dropout draws from torch's global generator, which the threads of a process share.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Job:
    """A cell to compute.

    Attributes:
        number: Tells the jobs of a sweep apart.
        compute: As in `Experiment`.
        of_the_run: As in `Experiment`.
        config: The cell's configuration.
        place: Where it is computed.
    """

    number: int
    compute: Any
    of_the_run: tuple[tuple[str, ...], ...]
    config: Record
    place: Workplace

    @classmethod
    def of(cls, experiment: Experiment, number: int, config: Record, place: Workplace) -> Job:
        """The job for one cell of an experiment.

        Args:
            experiment: The experiment; only its function travels to other processes.
            number: Tells the jobs of a sweep apart.
            config: The cell's configuration.
            place: Where it is computed.

        Returns:
            The job.
        """
        return cls(number, experiment.compute, experiment.of_the_run, config, place)


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        number: That of the job.
        record: The cell's record; None if it failed.
        provenance: Where it was computed, and what else is of the run.
        failure: What went wrong, with its traceback; None if nothing did.
    """

    number: int
    record: Record | None
    provenance: Record
    failure: str | None


class Pool(Protocol):
    """Something that computes cells, a few at a time."""

    @property
    def slots(self) -> int:
        """How many cells it computes at a time."""

    def submit(self, job: Job) -> None:
        """Begin with a cell; not more than there are slots.

        Args:
            job: The cell.
        """

    def finished(self) -> list[Outcome]:
        """Wait until a cell is finished, well or not, and return what is."""

    def close(self) -> None:
        """Drop the cells that are not finished, and end what was started."""


def run_job(job: Job) -> Outcome:
    """Compute a cell on one core.

    Args:
        job: The cell.

    Returns:
        What became of it; an error is an outcome too.
    """
    begin, begin_cpu = time.perf_counter(), time.process_time()
    try:
        with _ONE_AT_A_TIME, _one_core():
            record, taken = split(job.compute(job.config, job.place), job.of_the_run)
    except Exception:
        return Outcome(job.number, None, {}, traceback.format_exc().rstrip())
    run = _surroundings() | {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": job.place.device,
        "wall_seconds": round(time.perf_counter() - begin, 3),
        # Of all threads of this process; a busy machine, or one that sleeps, does not count.
        "cpu_seconds": round(time.process_time() - begin_cpu, 3),
        "of_the_run": taken,
    }
    return Outcome(job.number, record, run, None)


class InProcess:
    """Computes in this process, one cell after the other."""

    slots = 1

    def __init__(self) -> None:
        self._jobs: list[Job] = []

    def submit(self, job: Job) -> None:
        """Remember a cell.

        Args:
            job: The cell.
        """
        self._jobs.append(job)

    def finished(self) -> list[Outcome]:
        """Compute the cell.

        Returns:
            What became of it.
        """
        return [run_job(self._jobs.pop())]

    def close(self) -> None:
        """Nothing was started."""
        self._jobs.clear()


class LocalWorkers:
    """Processes of this machine, which end when this one does, whatever ends it.

    They are not forked: the threads of torch, and a GPU, would not survive it.

    Args:
        count: Number of processes.
    """

    def __init__(self, count: int) -> None:
        self.slots = count
        self._context = multiprocessing.get_context("spawn")
        self._idle: list[_Worker] = []
        self._busy: dict[Any, tuple[_Worker, Job]] = {}

    def submit(self, job: Job) -> None:
        """Hand a cell to a process, a new one if all are at work.

        Args:
            job: The cell.
        """
        while self._idle:
            worker = self._idle.pop()
            try:
                worker.pipe.send(job)
                break
            except (BrokenPipeError, ConnectionResetError):
                worker.end()  # somebody has killed it meanwhile
        else:
            worker = _Worker(self._context)
            worker.pipe.send(job)
        self._busy[worker.pipe] = worker, job

    def finished(self) -> list[Outcome]:
        """Wait until a process is done with its cell, or has died over it.

        Returns:
            What became of these cells.
        """
        outcomes = []
        for pipe in wait(list(self._busy)):
            worker, job = self._busy.pop(pipe)
            try:
                outcomes.append(worker.pipe.recv())
                self._idle.append(worker)
            except (EOFError, ConnectionResetError):
                code = worker.end()
                died = f"the process that computed it died, with exit code {code}"
                outcomes.append(Outcome(job.number, None, {}, died))
        return outcomes

    def close(self) -> None:
        """End all processes, those at work included."""
        for worker in (*self._idle, *(worker for worker, _ in self._busy.values())):
            worker.end()
        self._idle.clear()
        self._busy.clear()


class _Worker:
    """A process, and our end of the pipe to it."""

    def __init__(self, context: multiprocessing.context.SpawnContext) -> None:
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        try:
            with deaf_to_ctrl_c():
                self._process.start()
        except KeyboardInterrupt:
            self.end()
            raise
        theirs.close()

    def end(self) -> int | None:
        # Not terminate: a cell that catches everything would outlive it. Nothing is lost by it, as the
        # store is written by this process.
        self._process.kill()
        self._process.join()
        self.pipe.close()
        return self._process.exitcode


def _serve(pipe: Connection) -> None:
    """Compute what comes in, until nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # By default bars take a lock from the system, which would be left behind when this process is killed.
    tqdm.set_lock(threading.RLock())
    while True:
        try:
            pipe.send(run_job(pipe.recv()))
        except (EOFError, BrokenPipeError):
            return


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    # At once: what is being computed here, nobody waits for.
    os._exit(1)


@contextmanager
def _one_core() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)


@functools.cache
def _surroundings() -> Record:
    """Machine, versions and repository, looked up once in a process."""
    return provenance()
