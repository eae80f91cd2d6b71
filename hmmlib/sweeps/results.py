"""What a store has of an experiment: which cells are there, which are missing, tables and files of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from hmmlib.sweeps.cells import Cell, Record
from hmmlib.sweeps.experiment import Configuration, Experiment, joined
from hmmlib.sweeps.store import CellStore


@dataclass(frozen=True)
class Results:
    """The cells that were asked for, as far as they are there.

    Attributes:
        experiment: The experiment.
        config: What was asked for.
        asked: The configuration of each cell, in the order of the results.
        found: For each of them the finished cell; None where it is missing.
    """

    experiment: Experiment
    config: Configuration
    asked: tuple[Record, ...]
    found: tuple[Cell | None, ...]

    @property
    def missing(self) -> list[Record]:
        """The configurations of the cells that are not there."""
        return [cell for cell, found in zip(self.asked, self.found, strict=True) if found is None]

    def table(self) -> list[list[str]]:
        """What is there, what is missing, and medians over what is there.

        Returns:
            Rows of as many words each, the first of them the header.
        """
        groups, columns = self.experiment.groups, self.experiment.columns
        rows = [[*groups, "cells", *columns]]
        grouped: dict[tuple[str, ...], list[Cell | None]] = {}
        for asked, cell in zip(self.asked, self.found, strict=True):
            grouped.setdefault(tuple(str(asked[name]) for name in groups), []).append(cell)
        for key, found in grouped.items():
            records = [cell.record for cell in found if cell is not None]
            medians = [_median(column(record) for record in records) for column in columns.values()]
            rows.append([*key, f"{len(records)}/{len(found)}", *medians])
        return rows

    def export(self) -> Record:
        """All results in one value, as the book reads it.

        Returns:
            `config`, what was asked for; `provenance`, that of the latest cells, with that of the others
            under `went_on_from`, each with the sums of their wall and CPU seconds (None if a cell is from a
            time when these were not measured); and `cells`, the records in the order of the configuration,
            each with what was of its run.

        Raises:
            ValueError: Cells are missing.
        """
        there = [cell for cell in self.found if cell is not None]
        if len(there) < len(self.found):
            raise ValueError(
                f"{self.experiment.name}: {len(self.missing)} of {len(self.found)} cells are missing"
            )
        return {
            "config": json.loads(json.dumps(self.config.asked())),
            "provenance": _provenance_of_all(there),
            "cells": [joined(cell.record, cell.provenance["of_the_run"]) for cell in there],
        }


def collect(experiment: Experiment, config: Configuration, store: CellStore) -> Results:
    """Look for the cells of an experiment in a store; no file is changed.

    Args:
        experiment: The experiment.
        config: What is asked for.
        store: The store.

    Returns:
        The cells that are there and the configurations of those that are not.

    Raises:
        ValueError: The configuration has no cells.
    """
    asked = config.cells()
    if not asked:
        raise ValueError(f"config: no cells are left of {experiment.name}; expected at least one")
    found = tuple(store.get(experiment.name, cell) for cell in asked)
    return Results(experiment, config, tuple(asked), found)


def _median(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):.4g}" if known else "–"


def _provenance_of_all(cells: Sequence[Cell]) -> Record:
    """One entry for each machine, version and state of the repository; the latest, and the others in it."""
    runs: dict[str, Record] = {}
    for cell in sorted(cells, key=lambda cell: cell.provenance["date"]):
        entry = {name: cell.provenance[name] for name in ("machine", "versions", "git", "device")}
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
