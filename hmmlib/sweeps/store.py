"""Finished cells on disk: one JSON file each, named by what was asked for, never half written.

A file ``<folder>/<experiment>/<hash>.json`` holds the configuration of a cell, its record, a checksum of the
two, and where the record was computed. The name is the SHA-256 of experiment and configuration, so that a
cell has the same name on every machine, and folders from several machines can be merged.

On the same kind of processor with the same versions a configuration gives the same record to the last digit;
on another one its numbers can differ by rounding, and by what rounding decides. The first record of a cell
stays.
Reading changes no file.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from hmmlib._files import set_aside, write_json
from hmmlib.sweeps.cells import Cell, cell_hash, read_cell
from hmmlib.sweeps.differences import Differences, differences

_NAME = re.compile(r"[0-9a-f]{64}\.json")
# Of cells and of the models beside them. A file is written in far less than an hour.
_DRAFT = re.compile(r"\.[0-9a-f]{64}\.(json|safetensors)\..+")
_DRAFT_LIFETIME = 3600

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MergeResult:
    """What became of another store's cells.

    Attributes:
        new: Number of cells that were taken over.
        rounded: Number of cells that both stores have, with other numbers.
        other: Number of cells that both have, with other keys, lengths, texts or kinds of values.
        differences: Where the cells that both have differ.
        processors: What the cells that differ were computed on, pair by pair: here and in the other store.
    """

    new: int
    rounded: int
    other: int
    differences: Differences
    processors: tuple[tuple[str, str], ...] = ()

    def where(self) -> str:
        """The processors in words.

        Returns:
            As in ``computed on 'A' here, on 'B' there``; empty if no cells differ.
        """
        return "; ".join(_where(*pair) for pair in self.processors)


class CellStore:
    """A folder of finished cells, and of the models that they needed.

    Args:
        folder: The folder; it is made when the first cell is put there.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def __repr__(self) -> str:
        return f"CellStore({str(self.folder)!r})"

    def path(self, experiment: str, config: Mapping[str, Any]) -> Path:
        """Where a cell is kept, whether it is there or not.

        Args:
            experiment: Name of its experiment.
            config: Its configuration.

        Returns:
            The file.

        Raises:
            TypeError: The configuration cannot be written as JSON.
            ValueError: It holds a number that is not finite.
        """
        return self.folder / experiment / f"{cell_hash(experiment, config)}.json"

    def get(self, experiment: str, config: Mapping[str, Any]) -> Cell | None:
        """A finished cell.

        A file that is damaged is reported on the logger of this module; the cell then counts as missing.

        Args:
            experiment: Name of its experiment.
            config: Its configuration.

        Returns:
            The cell, or None if it is not there.
        """
        path = self.path(experiment, config)
        try:
            return read_cell(path)
        except FileNotFoundError:
            return None
        except ValueError as error:
            _log.warning("%s %s; the cell counts as missing", path, error)
            return None

    def put(
        self,
        experiment: str,
        config: Mapping[str, Any],
        record: Mapping[str, Any],
        provenance: Mapping[str, Any],
    ) -> Path:
        """Keep a finished cell; its file is written as a whole or not at all.

        Where the store has the cell already, its own record stays, and it is reported on the logger of this
        module by how much numbers differ, and on which processors they were computed. A record that differs
        in more than numbers is reported as an error, and kept beside the other, under another name. So is a
        damaged file in whose place the cell is written.

        Args:
            experiment: Name of its experiment.
            config: Its configuration.
            record: What came out, ready for JSON.
            provenance: Where it was computed, ready for JSON.

        Returns:
            The file.

        Raises:
            TypeError: Something cannot be written as JSON.
            ValueError: A number is not finite.
        """
        cell = Cell(experiment, dict(config), dict(record), dict(provenance))
        path = self.path(experiment, config)
        found = self._keep(path, cell)
        if found is not None and found.differences.numbers:
            _log.warning(
                "%s: the record that is there stays; another one differs by %s; they were %s",
                path,
                found.differences.largest(),
                _where(*found.processors),
            )
        return path

    def cells(self, experiment: str | None = None) -> Iterator[Cell]:
        """All finished cells, in the order of their names.

        Damaged files, and files with the name of something else, are reported and passed over.

        Args:
            experiment: Name of the experiment; None for all of them.

        Yields:
            The cells.
        """
        for path in self._paths(experiment):
            try:
                yield read_cell(path)
            except FileNotFoundError:
                continue
            except ValueError as error:
                _log.warning("%s %s; it is passed over", path, error)

    def merge(self, other: CellStore | str | Path) -> MergeResult:
        """Take over the cells of another store.

        Where both have a cell, this store's stays: on two processors its numbers may differ by rounding. A
        cell that differs in more than numbers is reported as `put` does. Damaged files of the other store are
        reported and left there.

        Args:
            other: The other store, or its folder; it is not changed.

        Returns:
            How many cells are new here, and where those that both have differ.

        Raises:
            FileNotFoundError: The other store does not exist.
        """
        theirs = other if isinstance(other, CellStore) else CellStore(other)
        if not theirs.folder.is_dir():
            raise FileNotFoundError(f"other: there is no folder {theirs.folder}")
        new, apart = 0, list[_Known]()
        for path in theirs._paths(None):
            try:
                cell = read_cell(path)
            except ValueError as error:
                _log.warning("%s is not taken over: %s", path, error)
                continue
            found = self._keep(self.folder / cell.experiment / path.name, cell)
            new += found is None
            apart += [found] if found and found.differences else []
        other_kind = sum(bool(found.differences.structure) for found in apart)
        everything = Differences(
            tuple(entry for found in apart for entry in found.differences.numbers),
            tuple(entry for found in apart for entry in found.differences.structure),
        )
        processors = tuple(dict.fromkeys(found.processors for found in apart))
        return MergeResult(new, len(apart) - other_kind, other_kind, everything, processors)

    def tidy(self) -> int:
        """Remove what processes that were killed while writing have left behind, an hour after that.

        Returns:
            The number of files removed.
        """
        old = time.time() - _DRAFT_LIFETIME
        count = 0
        for path in self.folder.glob("*/.*"):
            try:
                if _DRAFT.fullmatch(path.name) and path.stat().st_mtime < old:
                    path.unlink()
                    count += 1
            except FileNotFoundError:
                continue  # another process was faster
        return count

    def _paths(self, experiment: str | None) -> Iterator[Path]:
        for path in sorted(self.folder.glob(f"{experiment or '*'}/*.json")):
            if _NAME.fullmatch(path.name):
                yield path
            elif not path.name.startswith("."):
                _log.warning("%s has not the name of a cell and is left alone", path)

    def _keep(self, path: Path, cell: Cell) -> _Known | None:
        """Write a cell that is not there yet; else say where it differs from the one that is."""
        content = cell.content()
        try:
            ours = read_cell(path)
        except FileNotFoundError:
            write_json(path, content)
            return None
        except ValueError as error:
            aside = set_aside(path)
            _log.warning("%s %s; it is kept as %s", path, error, aside and aside.name)
            write_json(path, content)
            return None
        theirs = json.loads(json.dumps(cell.record))
        found = differences(ours.record, theirs, f"{cell.experiment}/{path.stem[:12]}")
        processors = _processor(ours), _processor(cell)
        if found.structure:
            beside = path.with_name(f"{path.name}.other-{content['checksum'][:8]}")
            write_json(beside, content)
            _log.error(
                "%s: another record of the same cell differs in more than numbers (%s); they were %s; the "
                "one there stays, the other is kept as %s",
                path,
                "; ".join(found.structure),
                _where(*processors),
                beside.name,
            )
        return _Known(found, processors)


class _Known(NamedTuple):
    """How a cell compares with the one that a store has already."""

    differences: Differences
    processors: tuple[str, str]


def _processor(cell: Cell) -> str:
    """What a cell was computed on: the device, if it is not the CPU, else the kind of CPU."""
    machine = cell.provenance.get("machine") or {}
    device = cell.provenance.get("device") or "cpu"
    cpu = machine.get("cpu") or "an unknown processor"
    return cpu if device == "cpu" else f"{device} beside {cpu}"


def _where(ours: str, theirs: str) -> str:
    return f"both computed on {ours}" if ours == theirs else f"computed on {ours} here, on {theirs} there"
