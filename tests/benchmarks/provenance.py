"""Where and with what a result was measured; neither host name nor paths."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from hmmlib.sweeps.provenance import provenance as of_experiments

# numba where the extra `fast` is installed: hmmlib then computes posteriors with it.
PACKAGES = ("hmmlib", "numpy", "torch", "numba", "jax", "dynamax", "hmmlearn")
MEASURED_AGAINST = ("dynamax", "jax", "hmmlearn")


def missing_libraries() -> list[str]:
    """The libraries to be measured against that are not installed."""
    return [name for name in MEASURED_AGAINST if importlib.util.find_spec(name) is None]


def provenance(output: Path | None) -> dict[str, Any]:
    """Describe the machine and how busy it is, the versions and the state of the repository.

    Args:
        output: The file about to be written, whose own change does not make the tree dirty.

    Returns:
        The description, ready for JSON.
    """
    found = of_experiments(output, PACKAGES)
    found["versions"] = {name: version for name, version in found["versions"].items() if version}
    found["machine"] |= {
        "memory_gib": _memory_gib(),
        "load_at_start": [round(load, 2) for load in os.getloadavg()],
    }
    return found


def _memory_gib() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (ValueError, OSError):
        return None
