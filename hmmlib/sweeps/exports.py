"""All results of an experiment in one value, as the book reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hmmlib.sweeps.cells import Cell, Record
from hmmlib.sweeps.experiment import Configuration, Experiment, joined

# What cells that were computed in one place have in common.
RUN = ("machine", "versions", "git", "device")
# What each has of its own, besides; older cells lack the last.
TIMES = ("date", "wall_seconds", "cpu_seconds")


def export_cells(
    experiment: Experiment, config: Configuration, cells: Sequence[Cell], missing: int
) -> Record:
    """Cells as an exported file keeps them; see `hmmlib.sweeps.Results.export`.

    Args:
        experiment: The experiment.
        config: What was asked for.
        cells: The cells that are there, at least one.
        missing: The number of those that are not.

    Returns:
        A value for JSON.

    Raises:
        ValueError: There is no cell.
    """
    if not cells:
        raise ValueError(f"{experiment.name}: none of {missing} cells is there; expected at least one")
    places = [json.dumps(_run(cell)) for cell in cells]
    runs = list(dict.fromkeys(places))
    return {
        "experiment": experiment.name,
        "config": json.loads(json.dumps(config.asked())),
        "provenance": _provenance_of_all(cells),
        "missing": missing,
        "cells": [joined(cell.record, cell.provenance["of_the_run"]) for cell in cells],
        "runs": [json.loads(run) for run in runs],
        "kept": [
            {"name": cell.name, "checksum": cell.content()["checksum"], "run": runs.index(place)}
            | {name: cell.provenance[name] for name in TIMES if name in cell.provenance}
            for cell, place in zip(cells, places, strict=True)
        ],
    }


def _run(cell: Cell) -> Record:
    return {name: cell.provenance[name] for name in RUN}


def _provenance_of_all(cells: Sequence[Cell]) -> Record:
    """One entry for each machine, version and state of the repository; the latest, and the others in it."""
    runs: dict[str, Record] = {}
    for cell in sorted(cells, key=lambda cell: cell.provenance["date"]):
        entry = _run(cell)
        run = runs.setdefault(
            json.dumps(entry), entry | {"cells": 0, "wall_seconds": 0.0, "cpu_seconds": 0.0}
        )
        run["date"] = cell.provenance["date"]
        run["cells"] += 1
        for name in ("wall_seconds", "cpu_seconds"):
            parts = run[name], cell.provenance.get(name)
            run[name] = None if None in parts else round(sum(parts), 1)
    latest, *others = sorted(runs.values(), key=lambda run: run["date"], reverse=True)
    return latest | {"went_on_from": others}
