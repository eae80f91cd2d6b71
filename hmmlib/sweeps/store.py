"""Finished cells on disk: one JSON file each, named by what was asked for, never half written.

A file ``<folder>/<experiment>/<hash>.json`` holds the configuration of a cell, its record, a checksum of the
two, and where the record was computed. The name is the SHA-256 of experiment and configuration, so that a
cell has the same name on every machine, and folders from several machines can be merged.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from hmmlib._files import canonical, sha256, write_json

Record = dict[str, Any]

_FORMAT = "hmmlib cell 1"
_ENTRIES = {"format", "experiment", "config", "record", "provenance", "checksum"}
_NAME = re.compile(r"[0-9a-f]{64}\.json")
# Of cells and of the models beside them. A file is written in far less than an hour.
_DRAFT = re.compile(r"\.+[0-9a-f]{64}\.(json|safetensors)\..+")
_DRAFT_LIFETIME = 3600

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cell:
    """A finished cell.

    Attributes:
        experiment: Name of its experiment.
        config: What was asked for, as it comes back from JSON.
        record: What came out: a function of `config` alone.
        provenance: Where, when, with what and how fast it was computed.
    """

    experiment: str
    config: Record
    record: Record
    provenance: Record


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

        A file that is damaged is reported on the logger of this module and kept aside, under another name
        in the same folder; the cell then counts as missing.

        Args:
            experiment: Name of its experiment.
            config: Its configuration.

        Returns:
            The cell, or None if it is not there.
        """
        path = self.path(experiment, config)
        try:
            return _read(path)
        except FileNotFoundError:
            return None
        except ValueError as error:
            self._set_aside(path, str(error))
            return None

    def put(
        self,
        experiment: str,
        config: Mapping[str, Any],
        record: Mapping[str, Any],
        provenance: Mapping[str, Any],
    ) -> Path:
        """Keep a finished cell; its file is written as a whole or not at all.

        Args:
            experiment: Name of its experiment.
            config: Its configuration.
            record: What came out, ready for JSON.
            provenance: Where it was computed, ready for JSON.

        Returns:
            The file.

        Raises:
            TypeError: Something cannot be written as JSON.
            ValueError: A number is not finite; or the store holds another record of the same configuration.
        """
        earlier = self.get(experiment, config)
        path = self.path(experiment, config)
        if earlier is not None:
            if canonical(earlier.record) != canonical(record):
                raise ValueError(f"record: {path} holds another one of the same configuration")
            return path
        content = {
            "format": _FORMAT,
            "experiment": experiment,
            "config": config,
            "record": record,
            "provenance": provenance,
            "checksum": _checksum(experiment, config, record),
        }
        write_json(path, content)
        return path

    def cells(self, experiment: str | None = None) -> Iterator[Cell]:
        """All finished cells, in the order of their names.

        Damaged files are dealt with as in `get`; files with the name of something else are reported and
        left alone.

        Args:
            experiment: Name of the experiment; None for all of them.

        Yields:
            The cells.
        """
        for path in self._paths(experiment):
            try:
                yield _read(path)
            except FileNotFoundError:
                continue
            except ValueError as error:
                self._set_aside(path, str(error))

    def merge(self, other: CellStore | str | Path) -> int:
        """Take over the cells of another store.

        Where both have a cell, this store's stays; they may differ in their provenance only. Damaged files
        of the other store are reported and left there.

        Args:
            other: The other store, or its folder; it is not changed.

        Returns:
            The number of cells that are new here.

        Raises:
            FileNotFoundError: The other store does not exist.
            ValueError: The stores hold two records of the same configuration; nothing was taken over. The
                message names the two files.
        """
        theirs = other if isinstance(other, CellStore) else CellStore(other)
        if not theirs.folder.is_dir():
            raise FileNotFoundError(f"other: there is no folder {theirs.folder}")
        new = []
        for path in theirs._paths(None):
            try:
                cell = _read(path)
            except ValueError as error:
                _log.warning("%s is not taken over: %s", path, error)
                continue
            ours = self.get(cell.experiment, cell.config)
            if ours is None:
                new.append(cell)
            elif canonical(ours.record) != canonical(cell.record):
                raise ValueError(
                    f"other: {path} and {self.path(cell.experiment, cell.config)} hold different records of "
                    f"the same configuration, {canonical(cell.config)}; nothing was merged"
                )
        for cell in new:
            self.put(cell.experiment, cell.config, cell.record, cell.provenance)
        return len(new)

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

    def _set_aside(self, path: Path, reason: str) -> None:
        aside = path.with_name(f"{path.name}.damaged-{uuid4().hex[:8]}")
        try:
            path.rename(aside)
        except FileNotFoundError:
            return
        _log.warning("%s %s; it is kept as %s, and the cell counts as missing", path, reason, aside.name)


def cell_hash(experiment: str, config: Mapping[str, Any]) -> str:
    """The name of a cell.

    Args:
        experiment: Name of its experiment.
        config: Its configuration.

    Returns:
        64 hexadecimal digits, the SHA-256 of both.

    Raises:
        TypeError: The configuration cannot be written as JSON.
        ValueError: It holds a number that is not finite.
    """
    return sha256({"experiment": experiment, "config": config})


def _checksum(experiment: str, config: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    return sha256({"experiment": experiment, "config": config, "record": record})


def _read(path: Path) -> Cell:
    """The cell in a file; ValueError says what is wrong with it."""
    try:
        stored = json.loads(path.read_bytes())
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"is cut short or no JSON ({error})") from None
    if not isinstance(stored, dict) or stored.get("format") != _FORMAT:
        raise ValueError("holds something else than a cell")
    tables = all(isinstance(stored.get(name), dict) for name in ("config", "record", "provenance"))
    if stored.keys() != _ENTRIES or not tables:
        raise ValueError("is not complete")
    parts = stored["experiment"], stored["config"], stored["record"]
    try:
        checksum, name = _checksum(*parts), cell_hash(*parts[:2])
    except ValueError:
        raise ValueError("holds a number that is not finite") from None
    if stored["checksum"] != checksum:
        raise ValueError("was altered: configuration and record do not have its checksum")
    if (path.parent.name, path.stem) != (stored["experiment"], name):
        raise ValueError(f"holds another cell than its name says, {stored['experiment']}/{name}")
    return Cell(*parts, stored["provenance"])
