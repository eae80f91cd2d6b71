"""Run a measurement in a process of its own: nothing imported or allocated before can disturb it.

The process that starts it must stay small: Linux counts the memory of a parent towards the peak of
its child. Hence nothing here, nor in ``__main__``, imports torch or jax.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def run_fresh(task: str, **arguments: Any) -> Any:
    """Call a function of this package in a fresh process, on the CPU.

    Args:
        task: Module and function, as in ``"inference.compare"``.
        arguments: Its arguments, which JSON must be able to hold.

    Returns:
        What it returns.

    Raises:
        RuntimeError: It failed; the message holds what it wrote to stderr.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.fresh", task, json.dumps(arguments)],
        cwd=ROOT,
        env={**os.environ, "JAX_PLATFORMS": "cpu", "TQDM_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{task} failed with status {done.returncode}:\n{done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])


def peak_bytes() -> int:
    """The most memory this process has held so far (its peak resident set)."""
    try:
        import resource
    except ImportError:
        raise RuntimeError("peak memory is measured on Linux and macOS only") from None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    module, function = sys.argv[1].split(".")
    called = getattr(importlib.import_module(f"tests.benchmarks.{module}"), function)
    print(json.dumps(called(**json.loads(sys.argv[2]))))
