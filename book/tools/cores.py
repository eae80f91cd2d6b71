"""How many cores there are to work on; run as a script, it prints the number."""

from __future__ import annotations

import os
from pathlib import Path

# Here Linux says how much time of its cores a container may have: "200000 100000" is two, "max 100000" all.
CONTAINER = Path("/sys/fs/cgroup/cpu.max")


def cores(container: Path = CONTAINER) -> int:
    """Count the cores that this process may use.

    Args:
        container: The file with the container's share of time.

    Returns:
        The number, at least 1: what the system gives this process, and no more than its container may use.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if container.is_file():
        share, period = container.read_text(encoding="utf-8").split()
        if share != "max":
            allowed = min(allowed, int(share) // int(period))
    return max(1, allowed)


if __name__ == "__main__":
    print(cores())
