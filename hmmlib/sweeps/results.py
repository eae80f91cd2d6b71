"""What a store has of an experiment: which cells are there, which are missing, and tables of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from hmmlib.sweeps.cells import Cell, Record
from hmmlib.sweeps.experiment import Configuration, Experiment
from hmmlib.sweeps.exports import export_cells
from hmmlib.sweeps.identity import cell_labels, group_of, is_plain
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

    @property
    def there(self) -> list[Cell]:
        """The cells that are there."""
        return [cell for cell in self.found if cell is not None]

    def values(self, columns: Sequence[str] | None = None) -> dict[tuple[str, ...], dict[str, list[float]]]:
        """The numbers behind the table.

        Args:
            columns: Names of the columns; None for all.

        Returns:
            For each row, named by the experiment's `groups`, and each column the numbers of the cells that
            are there and have one.

        Raises:
            ValueError: There is no such column.
        """
        chosen = self._chosen(columns)
        rows: dict[tuple[str, ...], dict[str, list[float]]] = {}
        for asked, cell in zip(self.asked, self.found, strict=True):
            row = rows.setdefault(group_of(self.experiment, asked), {name: [] for name in chosen})
            for name, column in chosen.items():
                value = None if cell is None else column(cell.record)
                if value is not None:
                    row[name].append(value)
        return rows

    def table(
        self,
        columns: Sequence[str] | None = None,
        summary: Callable[[Sequence[float]], str] = lambda values: f"{median(values):.4g}",
    ) -> list[list[str]]:
        """What is there, what is missing, and a summary of what is there.

        Args:
            columns: Names of the columns; None for all.
            summary: Says what one or more numbers are together; their median by default.

        Returns:
            Rows of as many words each, the first of them the header.

        Raises:
            ValueError: There is no such column.
        """
        values, there, count = self.values(columns), Counter[Any](), Counter[Any]()
        for asked, cell in zip(self.asked, self.found, strict=True):
            group = group_of(self.experiment, asked)
            count[group] += 1
            there[group] += cell is not None
        rows = [[*self.experiment.groups, "cells", *self._chosen(columns)]]
        for group, row in values.items():
            words = [summary(found) if found else "–" for found in row.values()]
            rows.append([*group, f"{there[group]}/{count[group]}", *words])
        return rows

    def tidy(self, columns: Sequence[str] | None = None) -> list[list[Any]]:
        """The numbers behind the table, each in a row of its own.

        Args:
            columns: Names of the columns; None for all.

        Returns:
            The header, and a row for each number: the entries of the cell's configuration that are one number
            or one word, the name of the `column`, and the `value`.

        Raises:
            ValueError: There is no such column.
        """
        chosen = self._chosen(columns)
        names = [name for name, value in self.asked[0].items() if is_plain(value)]
        rows: list[list[Any]] = [[*names, "column", "value"]]
        for asked, cell in zip(self.asked, self.found, strict=True):
            for name, column in chosen.items():
                value = None if cell is None else column(cell.record)
                if value is not None:
                    rows.append([*(asked[entry] for entry in names), name, value])
        return rows

    def export(self, *, allow_missing: bool = False) -> Record:
        """All results in one value, as the book reads it.

        Args:
            allow_missing: Whether cells may be missing.

        Returns:
            `experiment`, its name; `config`, what was asked for; `provenance`, that of the latest cells, with
            that of the others under `went_on_from`, each with the sums of their wall and CPU seconds (None if
            a cell is from a time when these were not measured); `missing`, the number of cells that are not
            there; `cells`, the records in the order of the configuration, each with what was of its run; and
            what it takes to put these into a store again, see `hmmlib.sweeps.import_cells`: `runs`, the
            machines, versions, states of the repository and devices that cells come from, and `kept`, for
            each cell its `name` in a store, a `checksum`, the place of its `run` in `runs`, its `date`, and
            its `wall_seconds` and `cpu_seconds`.

        Raises:
            ValueError: Cells are missing and may not, or there is none at all.
        """
        there = self.there
        if len(there) < len(self.found) and not allow_missing:
            raise ValueError(
                f"{self.experiment.name}: {len(self.missing)} of {len(self.found)} cells are missing"
            )
        return export_cells(self.experiment, self.config, there, len(self.missing))

    def _chosen(self, columns: Sequence[str] | None) -> dict[str, Callable[[Record], float | None]]:
        there = self.experiment.columns
        unknown = [name for name in columns or () if name not in there]
        if unknown:
            raise ValueError(f"columns: expected some of {tuple(there)}, got {unknown[0]!r}")
        return {name: there[name] for name in (there if columns is None else columns)}


def collect(experiment: Experiment, config: Configuration, store: CellStore) -> Results:
    """Look for the cells of an experiment in a store; no file is changed.

    Args:
        experiment: The experiment.
        config: What is asked for.
        store: The store.

    Returns:
        The cells that are there and the configurations of those that are not.

    Raises:
        ValueError: The configuration has no cells, or one that could not be computed.
    """
    asked = checked_cells(experiment, config)
    found = tuple(store.get(experiment.name, cell) for cell in asked)
    return Results(experiment, config, asked, found)


def checked_cells(experiment: Experiment, config: Configuration) -> tuple[Record, ...]:
    """The cells that a configuration asks for, each of which can be computed.

    Args:
        experiment: The experiment.
        config: What is asked for.

    Returns:
        Their configurations.

    Raises:
        ValueError: The configuration has no cells, or one that could not be computed.
    """
    asked = tuple(config.cells())
    if not asked:
        raise ValueError(f"config: no cells are left of {experiment.name}; expected at least one")
    if experiment.check is not None:
        for number, cell in enumerate(asked):
            try:
                experiment.check(cell)
            except (KeyError, TypeError, ValueError) as error:
                what = cell_labels(experiment, asked)[number]
                raise ValueError(
                    f"config: the cell {what} of {experiment.name} cannot be computed: {error}"
                ) from error
    return asked
