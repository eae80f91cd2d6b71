"""Optional: cells computed by the workers of a Dask cluster that is already there (extra `cluster`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hmmlib.sweeps.workers import Job, Outcome, run_job

if TYPE_CHECKING:
    from distributed import Future

CONNECT_SECONDS = 10


class DaskWorkers:
    """The workers of a cluster; hmmlib, in the same version, must be installed there.

    Each process computes one cell at a time, so start workers with ``--nthreads 1``. Cells of a worker that
    dies are computed by another one.

    Args:
        scheduler: Address of the scheduler, as ``tcp://host:8786``.

    Raises:
        ImportError: Dask is not installed.
        ValueError: There is no scheduler at this address.
    """

    def __init__(self, scheduler: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise ImportError(
                "scheduler: Dask is not installed; expected the extra `cluster`, as in: "
                "pip install 'hmmlib[cluster]'"
            ) from None
        try:
            self._client = Client(scheduler, set_as_default=False, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"scheduler: cannot reach {scheduler!r}; expected an address such as 'tcp://host:8786' "
                f"({error})"
            ) from None
        self._running: dict[Future, int] = {}

    @property
    def slots(self) -> int:
        """One for each worker that is there now."""
        return max(1, len(self._client.nthreads()))

    def submit(self, job: Job) -> None:
        """Hand a cell to the cluster.

        Args:
            job: The cell.
        """
        # Not pure: a cell that failed because of a worker may be sent again.
        self._running[self._client.submit(run_job, job, pure=False)] = job.number

    def finished(self) -> list[Outcome]:
        """Wait until a cell is finished.

        Returns:
            What became of the cells that are.
        """
        from distributed import wait

        outcomes = []
        with self._client.as_current():
            done = wait(list(self._running), return_when="FIRST_COMPLETED").done
        for future in done:
            number = self._running.pop(future)
            if future.status == "finished":
                outcomes.append(future.result())
            else:
                reason = future.exception() if future.status == "error" else future.status
                outcomes.append(Outcome(number, None, {}, f"the cluster gave it up: {reason}"))
            future.release()
        return outcomes

    def close(self) -> None:
        """Take back what has not begun, and leave the cluster."""
        self._client.cancel(list(self._running))
        self._running.clear()
        self._client.close()
