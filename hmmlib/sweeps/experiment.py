"""What an experiment is: cells to compute, a function that computes one, and the columns of a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol

from hmmlib.sweeps.cells import Record

EntryPath = tuple[str, ...]
_HELP = "help"


class Configuration(Protocol):
    """What a sweep is asked for: a frozen dataclass. The command line can change the fields made by `option`.

    One of its fields is `seeds`, a tuple of integers.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def cells(self) -> list[dict[str, Any]]:
        """The configurations of the cells, in the order of the results.

        Each says all that its record depends on, so that it can be computed after presets have changed.
        """

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it."""


def option(default: Any, text: str) -> Any:
    """A field of a configuration that the command line can change.

    Args:
        default: Its value by default.
        text: What the command line says of it.

    Returns:
        The field, for the body of a dataclass.
    """
    return field(default=default, metadata={_HELP: text})


def options(config: Configuration) -> dict[str, str]:
    """The fields of a configuration that the command line can change.

    Args:
        config: The configuration.

    Returns:
        What the command line says of each.
    """
    texts = {entry.name: entry.metadata.get(_HELP) for entry in fields(config)}
    return {name: text for name, text in texts.items() if text is not None}


@dataclass(frozen=True)
class Workplace:
    """Where a cell is computed.

    The record is the same on one machine with the same versions; on another processor, or on a GPU, its
    numbers are equal to rounding.

    Attributes:
        device: The device, as torch names it.
        folder: Folder of the store, for what cells share, such as pretrained models.
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
        compute: Makes the record of a cell from its configuration and the workplace: a function of a module,
            so that other processes can import it. On one machine the same configuration must give the same
            record; whatever else changes it belongs into the configuration.
        of_the_run: Entries of what `compute` returns, each as a path of keys, that are of this run and not
            of the configuration, such as wall times. They are kept with the provenance.
        groups: Entries of a configuration that tell the rows of the table apart.
        columns: The table's columns: a number for each record, of which the table shows a summary; None for a
            record that has no such number.
        devices: Kinds of devices that it can be computed on.
        check: Raises a ValueError or TypeError if a cell of this configuration could not be computed; it
            builds what the cell would build of it, in no time to speak of. None for no check.
        kind: In a word, what kind of cell a configuration is, to count them by; None where the entries in
            `groups` say all.
    """

    name: str
    title: str
    presets: Mapping[str, Configuration]
    compute: Callable[[Record, Workplace], Record]
    of_the_run: tuple[EntryPath, ...]
    groups: tuple[str, ...]
    columns: Mapping[str, Callable[[Record], float | None]]
    devices: tuple[str, ...] = ("cpu", "cuda")
    check: Callable[[Record], object] | None = None
    kind: Callable[[Record], str] | None = None


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
