"""Other values in the cells of an experiment, by their paths, where the experiment has no option for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hmmlib._files import canonical
from hmmlib.sweeps.experiment import Configuration, joined


@dataclass(frozen=True)
class ChangedConfig:
    """A configuration with other values in each of its cells.

    A cell's configuration says all that its record depends on, so that whatever stands there can be changed,
    and a changed cell has another name in a store than the one it was made from.

    Example:
        >>> from hmmlib.experiments import EXPERIMENTS
        >>> from hmmlib.sweeps import ChangedConfig
        >>> config = EXPERIMENTS["exact-prompts"].presets["smoke"]
        >>> changed = ChangedConfig(config, {"recipe.epochs": 5, "length": 32})
        >>> cell = changed.cells()[0]
        >>> cell["recipe"]["epochs"], cell["length"]
        (5, 32)

    Attributes:
        config: What is changed.
        changes: The new values, nested as in the cells. A key may be a path, its parts with dots between
            them.
    """

    config: Configuration
    changes: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "changes", nested(self.changes))

    def cells(self) -> list[dict[str, Any]]:
        """The cells of the configuration, with what is changed in them.

        Returns:
            The configurations, in the same order.

        Raises:
            ValueError: A path that a cell does not have, a value of another kind than the one there, or cells
                that are told apart by nothing any more.
        """
        cells = [_changed(cell, self.changes, "") for cell in self.config.cells()]
        alike = len(cells) - len({canonical(cell) for cell in cells})
        if alike:
            raise ValueError(
                f"changes: what tells cells apart is changed, and {alike} of {len(cells)} are like others; "
                f"expected other entries than {', '.join(self.changes)}"
            )
        return cells

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it.

        Returns:
            That of `config`, with the new values where it has the same entries, and all of them under
            `changes`.
        """
        return _where_there(self.config.asked(), self.changes) | {"changes": dict(self.changes)}


def nested(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes as nested tables, as the cells' configurations are.

    Args:
        changes: New values by path, or tables of them; of two for one path the later counts.

    Returns:
        Tables of JSON.

    Raises:
        TypeError: Not a table, or a value that cannot be written as JSON.
        ValueError: A path with an empty part, or a number that is not finite.
    """
    if not isinstance(changes, Mapping):
        raise TypeError(f"changes: expected a table of paths and values, got {changes!r}")
    try:
        plain = json.loads(json.dumps(dict(changes), allow_nan=False))
    except ValueError as error:
        raise ValueError(f"changes: expected finite numbers, got {dict(changes)!r} ({error})") from None
    return _nested(plain)


def _nested(changes: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, value in changes.items():
        parts = path.split(".")
        if not all(parts):
            raise ValueError(f"changes: expected names with dots between them, got {path!r}")
        value = _nested(value) if isinstance(value, dict) else value
        for part in reversed(parts):
            value = {part: value}
        found = joined(found, value)
    return found


def _changed(entries: Mapping[str, Any], changes: Mapping[str, Any], where: str) -> dict[str, Any]:
    found = dict(entries)
    for name, value in changes.items():
        path = f"{where}.{name}" if where else name
        if name not in entries:
            raise ValueError(f"changes: there is no {path}; {where or 'a cell'} has {', '.join(entries)}")
        there = entries[name]
        if isinstance(there, Mapping) and isinstance(value, Mapping):
            found[name] = _changed(there, value, path)
        elif not _alike(there, value):
            raise ValueError(f"changes: {path}: expected {_expected(path, there)}, got {json.dumps(value)}")
        else:
            found[name] = value
    return found


def _where_there(entries: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(entries)
    for name, value in changes.items():
        there = entries.get(name)
        if isinstance(there, Mapping) and isinstance(value, Mapping):
            found[name] = _where_there(there, value)
        elif name in entries and _alike(there, value):
            found[name] = value
    return found


def _alike(there: Any, value: Any) -> bool:
    """Whether one may stand where the other does; nothing (null) goes with everything."""
    return there is None or value is None or _kind(there) == _kind(value)


def _kind(value: Any) -> str:
    kinds = (
        ("true or false", bool),
        ("a number", int | float),
        ("a word", str),
        ("a list", list | tuple),
        ("a table", Mapping),
    )
    return next(name for name, kind in kinds if isinstance(value, kind))


def _expected(path: str, there: Any) -> str:
    if isinstance(there, Mapping):
        return f"one of its entries, such as {path}.{next(iter(there), '…')} (it has {', '.join(there)})"
    return f"{_kind(there)} as {json.dumps(there)}"
