"""Where and with what a result was computed; neither host name nor paths."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("hmmlib", "numpy", "scipy", "torch")


def provenance(output: Path | None = None, packages: Iterable[str] = PACKAGES) -> dict[str, Any]:
    """Describe the machine, the versions and the state of the repository, as they are now.

    Args:
        output: The file about to be written, whose own change does not make the tree dirty.
        packages: Names of the distributions whose versions matter.

    Returns:
        The description, ready for JSON. What cannot be found out is None.
    """
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpu": _cpu_model(),
            "cores": _usable_cores(),
            "system": f"{platform.system()} {platform.machine()}",
        },
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in packages},
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


def _usable_cores() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _git_state(output: Path | None) -> dict[str, Any] | None:
    """Commit (None before the first), and whether more than the result file differs from it; else None."""
    # An installed copy may lie inside a repository that is not its own.
    top = _git("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != ROOT:
        return None
    path = output.resolve() if output else None
    spared = [f":(exclude){path.relative_to(ROOT)}"] if path and path.is_relative_to(ROOT) else []
    changes = _git("status", "--porcelain", "--", ".", *spared)
    if changes is None:
        return None
    return {"commit": _git("rev-parse", "--verify", "--quiet", "HEAD"), "dirty": changes != ""}


def _git(*arguments: str) -> str | None:
    # Without locks: nothing is written to the repository, not even its index.
    command = ["git", "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
