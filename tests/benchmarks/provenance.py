"""Where and with what a result was measured; neither host name nor paths."""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.benchmarks.fresh import ROOT

PACKAGES = ("hmmlib", "numpy", "torch", "jax", "dynamax", "hmmlearn")
MEASURED_AGAINST = ("dynamax", "jax", "hmmlearn")


def missing_libraries() -> list[str]:
    """The libraries to be measured against that are not installed."""
    return [name for name in MEASURED_AGAINST if importlib.util.find_spec(name) is None]


def provenance(output: Path | None) -> dict[str, Any]:
    """Describe the machine, the versions and the state of the repository.

    Args:
        output: The file about to be written, whose own change does not make the tree dirty.

    Returns:
        The description, ready for JSON.
    """
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpu": _cpu_model(),
            "cores": _usable_cores(),
            "memory_gib": _memory_gib(),
            "system": f"{platform.system()} {platform.machine()}",
            "load_at_start": [round(load, 2) for load in os.getloadavg()],
        },
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "git": _git_state(output),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return "working tree" if package == "hmmlib" else None


def _cpu_model() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gib() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (ValueError, OSError):
        return None


def _git_state(output: Path | None) -> dict[str, Any] | None:
    """Commit (None before the first), and whether more than the result file differs from it; else None."""
    spared = [f":(exclude){output.relative_to(ROOT)}"] if output and output.is_relative_to(ROOT) else []
    changes = _git("status", "--porcelain", "--", ".", *spared)
    if changes is None:
        return None
    return {"commit": _git("rev-parse", "--verify", "--quiet", "HEAD"), "dirty": changes != ""}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
