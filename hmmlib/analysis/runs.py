"""What was computed for the book, where, and what it cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hmmlib.analysis.results import read_results
from hmmlib.tables import Table

_HOUR = 3600.0
Read = Callable[[str], Mapping[str, Any]]


def cpu_seconds(file: Mapping[str, Any]) -> float | None:
    """What the cells of a result file cost.

    Args:
        file: Its content.

    Returns:
        CPU seconds of all cells; None where that was not measured. Wall seconds say nothing of costs: a busy
        machine, or one that sleeps, counts in them.
    """
    runs = _runs(file)
    parts = [run.get("cpu_seconds") for run in runs]
    return None if not parts or None in parts else float(sum(part for part in parts if part is not None))


def run_table(names: Mapping[str, str], read: Read = read_results) -> Table:
    """The sweeps behind the book's results.

    Args:
        names: Title of each sweep, and the name of its file in ``book/results``.
        read: Reads a file by name.

    Returns:
        The table: preset, cells, seeds, CPU hours (none where they were not measured), kind of processor,
        version of torch and commit. Files that are not there are left out.
    """
    lines: list[Sequence[Any]] = []
    for title, name in names.items():
        try:
            file = read(name)
        except FileNotFoundError:
            continue
        seconds, latest = cpu_seconds(file), file["provenance"]
        lines.append(
            [
                title,
                file["config"].get("preset", "–"),
                len(file["cells"]),
                _seeds(file),
                None if seconds is None else seconds / _HOUR,
                latest["machine"]["cpu"],
                latest["versions"]["torch"],
                ", ".join(dict.fromkeys(run["git"]["commit"][:7] for run in _runs(file))),
            ]
        )
    header = ["sweep", "preset", "cells", "seeds", "CPU hours", "processor", "torch", "commit"]
    return Table(header, lines, (None, None, None, None, ".1f", None, None, None))


def _runs(file: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The run that a file is from, and those that it went on from."""
    latest = file["provenance"]
    return [latest, *latest.get("went_on_from", ())]


def _seeds(file: Mapping[str, Any]) -> str:
    """The seeds that cells are there for, as a range where they are one."""
    seeds = sorted({cell["seed"] for cell in file["cells"]})
    if seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))
