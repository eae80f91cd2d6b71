"""What an experiment is: cells to compute, a function that computes one, and a table of the results."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from hmmlib.sweeps.store import Cell, CellStore, Record

EntryPath = tuple[str, ...]


class Configuration(Protocol):
    """What a sweep is asked for: a frozen dataclass, whose fields the command line can change.

    One of its fields is `seeds`, a tuple of integers.
    """

    def cells(self) -> list[dict[str, Any]]:
        """The configurations of the cells, in the order of the results."""

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it."""


@dataclass(frozen=True)
class Workplace:
    """Where a cell is computed; its record does not depend on it.

    Attributes:
        device: The device, as torch names it.
        folder: Folder of the store, for what cells share; see `hmmlib.experiments.models`.
    """

    device: str
    folder: Path


@dataclass(frozen=True)
class Experiment:
    """An experiment, as the command line and the sweeps see it.

    Attributes:
        name: Its name on the command line and in the store.
        title: One line on what it measures.
        presets: Configurations by name, the default first.
        options: Help for each field of the configuration that the command line offers.
        compute: Makes the record of a cell from its configuration and the workplace: a function of a module,
            so that other processes can import it. The same configuration must give the same record; whatever
            else changes it belongs into the configuration.
        of_the_run: Entries of what `compute` returns, each as a path of keys, that are of this run and not
            of the configuration, such as wall times. They are kept with the provenance.
        groups: Entries of a configuration that tell the rows of the table apart.
        columns: The table's columns: a number for each record, of which the median is shown; None for a
            record that has no such number.
        devices: Kinds of devices that it can be computed on.
    """

    name: str
    title: str
    presets: Mapping[str, Configuration]
    options: Mapping[str, str]
    compute: Callable[[Record, Workplace], Record]
    of_the_run: tuple[EntryPath, ...]
    groups: tuple[str, ...]
    columns: Mapping[str, Callable[[Record], float | None]]
    devices: tuple[str, ...] = ("cpu", "cuda")

    def missing(self, config: Configuration, store: CellStore) -> list[Record]:
        """The cells that are not in a store yet.

        Args:
            config: What is asked for.
            store: The store.

        Returns:
            Their configurations.
        """
        return [cell for cell in config.cells() if store.get(self.name, cell) is None]

    def table(self, config: Configuration, store: CellStore) -> list[list[str]]:
        """What is there, what is missing, and medians over what is there.

        Args:
            config: What is asked for.
            store: The store.

        Returns:
            Rows of as many words each, the first of them the header.
        """
        rows = [[*self.groups, "cells", *self.columns]]
        grouped: dict[tuple[str, ...], list[Cell | None]] = {}
        for cell in config.cells():
            key = tuple(str(cell[name]) for name in self.groups)
            grouped.setdefault(key, []).append(store.get(self.name, cell))
        for key, found in grouped.items():
            records = [cell.record for cell in found if cell is not None]
            medians = [_median(column(record) for record in records) for column in self.columns.values()]
            rows.append([*key, f"{len(records)}/{len(found)}", *medians])
        return rows

    def export(self, config: Configuration, store: CellStore) -> Record:
        """All results in one value, as the book reads it.

        Args:
            config: What was asked for.
            store: The store.

        Returns:
            `config`; `provenance`, that of the latest cells, with that of the others under `went_on_from`;
            and `cells`, the records in the order of the configuration, each with what was of its run.

        Raises:
            ValueError: Cells are missing.
        """
        cells = [store.get(self.name, cell) for cell in config.cells()]
        there = [cell for cell in cells if cell is not None]
        if len(there) < len(cells):
            raise ValueError(
                f"{self.name}: {len(cells) - len(there)} of {len(cells)} cells are missing in {store.folder}"
            )
        return {
            "config": json.loads(json.dumps(config.asked())),
            "provenance": _provenance_of_all(there),
            "cells": [joined(cell.record, cell.provenance["of_the_run"]) for cell in there],
        }


def split(result: Record, of_the_run: Sequence[EntryPath]) -> tuple[Record, Record]:
    """Part what is of the run from what is of the configuration.

    Args:
        result: What the function of an experiment returned.
        of_the_run: The entries that are of the run; those that are not there are passed over.

    Returns:
        The record, and the entries of the run, nested as they were.
    """
    record: Record = json.loads(json.dumps(result, allow_nan=False))
    taken: Record = {}
    for *outer, last in of_the_run:
        source, target = record, taken
        for key in outer:
            source = source.get(key, {})
        if last not in source:
            continue
        for key in outer:
            target = target.setdefault(key, {})
        target[last] = source.pop(last)
    return record, taken


def joined(record: Mapping[str, Any], taken: Mapping[str, Any]) -> Record:
    """Put together what `split` has parted.

    Args:
        record: The record.
        taken: The entries of the run.

    Returns:
        Both in one.
    """
    whole = dict(record)
    for key, value in taken.items():
        both = isinstance(value, dict) and isinstance(whole.get(key), dict)
        whole[key] = joined(whole[key], value) if both else value
    return whole


def _median(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):.4g}" if known else "–"


def _provenance_of_all(cells: Sequence[Cell]) -> Record:
    """One entry for each machine, version and state of the repository; the latest, and the others in it."""
    runs: dict[str, Record] = {}
    for cell in sorted(cells, key=lambda cell: cell.provenance["date"]):
        entry = {name: cell.provenance[name] for name in ("machine", "versions", "git", "device")}
        run = runs.setdefault(json.dumps(entry), entry | {"cells": 0, "wall_seconds": 0.0})
        run["date"] = cell.provenance["date"]
        run["cells"] += 1
        run["wall_seconds"] = round(run["wall_seconds"] + cell.provenance["wall_seconds"], 1)
    latest, *others = sorted(runs.values(), key=lambda run: run["date"], reverse=True)
    return latest | {"went_on_from": others}
