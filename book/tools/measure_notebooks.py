"""Measure what each notebook needs: seconds, and memory under a limit such as Binder's.

Run as ``make costs``, or ``make costs NOTEBOOKS=head_tuning`` for some. Writes
``book/results/notebook_costs.json``, from which each page says what it needs; where only some were measured,
it says of these when, where and from which commit.
Works on Linux, where the limit counts all memory that a process asks for to write in.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from execute_notebooks import COSTS, NOTEBOOKS, ROOT, notebook_from_script
from hmmlib.sweeps.provenance import provenance
from kernels import execute

LIMIT_MIB = 2048  # about what Binder gives


def measure(script: Path, limit_mib: int = LIMIT_MIB) -> dict[str, float]:
    """Execute a notebook in a kernel that may not have more memory than the limit.

    Args:
        script: A file ``notebooks/*.py``.
        limit_mib: Most memory of the kernel, MiB.

    Returns:
        ``seconds`` of wall time with the start of the kernel, and ``peak_mib``, the most memory in use.

    Raises:
        CellExecutionError: If a cell raises, as it does when the memory is used up.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as alone:
        return alone.submit(_measure_here, script, limit_mib).result()


def _measure_here(script: Path, limit_mib: int) -> dict[str, float]:
    """As `measure`, in a process that has no other children; the kernel inherits the limit."""
    notebook = notebook_from_script(script)
    resource.setrlimit(resource.RLIMIT_DATA, (limit_mib * 2**20,) * 2)
    started = time.perf_counter()
    asyncio.run(execute(notebook, script.parent))
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10
    return {"seconds": round(seconds, 1), "peak_mib": round(peak)}


def with_some(
    stored: dict[str, Any], found: dict[str, dict[str, float]], made: dict[str, Any]
) -> dict[str, Any]:
    """What the file holds when some notebooks were measured again.

    Args:
        stored: What it held.
        found: ``seconds`` and ``peak_mib`` of each notebook that was measured.
        made: Where, when and from which commit.

    Returns:
        The same with these notebooks' numbers, each with its ``provenance``, and without those that are gone.
    """
    there = {script.stem for script in NOTEBOOKS.glob("*.py")}
    costs = {name: cost for name, cost in stored["notebooks"].items() if name in there}
    costs |= {name: {**cost, "provenance": made} for name, cost in found.items()}
    return {**stored, "notebooks": dict(sorted(costs.items()))}


def main(arguments: list[str] | None = None) -> None:
    """Measure notebooks, one after the other, and write the file.

    Args:
        arguments: What stands on the command line; None: that of this process.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", help="names of notebooks; all by default", metavar="NAME")
    names = parser.parse_args(arguments).names
    scripts = [NOTEBOOKS / f"{name}.py" for name in names] or sorted(NOTEBOOKS.glob("*.py"))
    for script in scripts:
        if not script.exists():
            parser.error(f"NAME: there is no notebook {script.stem}")
    found: dict[str, dict[str, float]] = {}
    for script in scripts:
        found[script.stem] = measure(script)
        print(f"{script.stem}: {found[script.stem]}", flush=True)
    made = provenance(COSTS)
    if names:
        content = with_some(json.loads(COSTS.read_text(encoding="utf-8")), found, made)
    else:
        content = {"limit_mib": LIMIT_MIB, "notebooks": found, "provenance": made}
    COSTS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {COSTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
