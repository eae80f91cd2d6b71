"""Executes notebooks side by side, each in a fresh kernel that computes with one thread.

A second thread hardly makes one faster, and side by side each makes the others wait.

What would differ between two runs or two machines is left out of the outputs: times, versions, messages on
stderr.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
CELL_TIMEOUT = 600  # seconds
COLOUR = re.compile(r"\x1b\[[\d;]*m")


@dataclass(frozen=True)
class Outcome:
    """What became of a notebook.

    Attributes:
        name: Its name.
        seconds: Wall time with the start of the kernel.
        fault: The cell that failed, with its traceback; None if none did.
    """

    name: str
    seconds: float
    fault: str | None


async def execute(
    notebook: nbformat.NotebookNode, folder: Path, threads: int | None = None, timeout: int = CELL_TIMEOUT
) -> None:
    """Execute a notebook in place and drop what differs between two runs.

    Args:
        notebook: The notebook.
        folder: Working directory of the kernel.
        threads: Threads for a computation, if ``OMP_NUM_THREADS`` does not say it already; None: the usual.
        timeout: Most time of a cell, seconds.

    Raises:
        CellExecutionError: If a cell raises.
        CellTimeoutError: If a cell takes too long.
        RuntimeError: If the kernel does not start, or dies.
    """
    environment = {**os.environ, "TQDM_DISABLE": "1"}
    if threads is not None:
        environment.setdefault("OMP_NUM_THREADS", str(threads))
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name=KERNELSPEC["name"],
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
        coalesce_streams=True,
    )
    await client.async_execute(env=environment)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
    notebook.metadata["language_info"].pop("version", None)


def execute_side_by_side(
    notebooks: Mapping[str, nbformat.NotebookNode],
    folder: Path,
    tell: Callable[[Outcome], None],
    *,
    workers: int,
    timeout: int = CELL_TIMEOUT,
) -> list[Outcome]:
    """Execute notebooks in place, several at a time.

    All are executed, also after one failed. Each has one thread, if ``OMP_NUM_THREADS`` says no other number.

    Args:
        notebooks: The notebooks by name, in the order in which they start.
        folder: Working directory of the kernels.
        tell: Called with each outcome as soon as it is there.
        workers: How many at a time, at least 1.
        timeout: Most time of a cell, seconds.

    Returns:
        The outcomes, in the order in which the notebooks ended.
    """
    ended: list[Outcome] = []
    places = asyncio.Semaphore(workers)

    async def one(name: str, notebook: nbformat.NotebookNode) -> None:
        async with places:
            started, fault = time.perf_counter(), None
            try:
                await execute(notebook, folder, threads=1, timeout=timeout)
            except (CellExecutionError, CellTimeoutError, RuntimeError) as error:
                fault = COLOUR.sub("", str(error)) or repr(error)
            ended.append(Outcome(name, time.perf_counter() - started, fault))
            tell(ended[-1])

    async def every() -> None:
        async with asyncio.TaskGroup() as group:
            for name, notebook in notebooks.items():
                group.create_task(one(name, notebook))

    # In a thread of their own: in the main one each client would take Ctrl-C as meant for its kernel
    # alone, and whoever calls this may have a loop of their own running there.
    loop = asyncio.new_event_loop()
    work = loop.create_task(every())

    async def end() -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await loop.shutdown_asyncgens()

    def run() -> None:
        try:
            loop.run_until_complete(work)
        finally:
            loop.run_until_complete(end())

    try:
        with ThreadPoolExecutor(1) as thread:
            try:
                thread.submit(run).result()
            finally:
                loop.call_soon_threadsafe(work.cancel)
    finally:
        loop.close()
    return ended
