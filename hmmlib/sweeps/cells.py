"""A finished cell, and the JSON that its file holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hmmlib._files import sha256

Record = dict[str, Any]

_FORMAT = "hmmlib cell 1"
_ENTRIES = {"format", "experiment", "config", "record", "provenance", "checksum"}


@dataclass(frozen=True)
class Cell:
    """A finished cell.

    Attributes:
        experiment: Name of its experiment.
        config: What was asked for, ready for JSON.
        record: What came out: on one machine with the same versions a function of `config` alone.
        provenance: Where, when, with what and how fast it was computed.
    """

    experiment: str
    config: Record
    record: Record
    provenance: Record

    @property
    def name(self) -> str:
        """What its file is called, without the ending; see `cell_hash`."""
        return cell_hash(self.experiment, self.config)

    def content(self) -> Record:
        """What its file holds.

        Returns:
            A value for JSON, with a checksum of configuration and record.

        Raises:
            TypeError: Something cannot be written as JSON.
            ValueError: A number is not finite.
        """
        parts = {"experiment": self.experiment, "config": self.config, "record": self.record}
        return {"format": _FORMAT, **parts, "provenance": self.provenance, "checksum": sha256(parts)}


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


def check_entries(stored: Mapping[str, Any], expected: Iterable[str], name: str = "config") -> None:
    """Check that a configuration says all that a record depends on, and nothing else.

    Args:
        stored: The configuration of a cell, or a part of it.
        expected: Names of its entries.
        name: What messages call it.

    Raises:
        ValueError: An entry is missing or too many.
    """
    wanted = tuple(expected)
    if set(stored) != set(wanted):
        raise ValueError(f"{name}: expected the entries {wanted}, got {tuple(stored)}")


def read_cell(path: Path) -> Cell:
    """The cell in a file, which is only read.

    Args:
        path: The file.

    Returns:
        The cell, as it comes back from JSON.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: What is wrong with the file, without its name.
    """
    try:
        stored = json.loads(path.read_bytes())
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"is cut short or no JSON ({error})") from None
    if not isinstance(stored, dict) or stored.get("format") != _FORMAT:
        raise ValueError("holds something else than a cell")
    tables = all(isinstance(stored.get(name), dict) for name in ("config", "record", "provenance"))
    if stored.keys() != _ENTRIES or not tables:
        raise ValueError("is not complete")
    cell = Cell(stored["experiment"], stored["config"], stored["record"], stored["provenance"])
    try:
        checksum, name = cell.content()["checksum"], cell.name
    except ValueError:
        raise ValueError("holds a number that is not finite") from None
    if stored["checksum"] != checksum:
        raise ValueError("was altered: configuration and record do not have its checksum")
    if (path.parent.name, path.stem) != (cell.experiment, name):
        raise ValueError(f"holds another cell than its name says, {cell.experiment}/{name}")
    return cell
