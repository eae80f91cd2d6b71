"""What people call a cell: the few entries of its configuration that tell it from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hmmlib._files import canonical
from hmmlib.sweeps.experiment import Experiment


def is_plain(value: object) -> bool:
    """Whether an entry is one number, one word, a flag or nothing, so that it can stand in a line.

    Args:
        value: The entry.

    Returns:
        Whether it is.
    """
    return value is None or isinstance(value, str | int | float)


def cell_labels(experiment: Experiment, cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """Short names of cells.

    Args:
        experiment: Their experiment.
        cells: Their configurations.

    Returns:
        For each the plain entries that are not the same in all of them, or, where nothing differs, those that
        tell the rows of the table apart; and the seed: as in ``n_states 15, seed 1``.
    """
    if not cells:
        return []
    first, plain = cells[0], [name for name, value in cells[0].items() if is_plain(value)]
    telling = [name for name in plain if any(cell[name] != first[name] for cell in cells)]
    telling = telling or list(experiment.groups)
    names = [name for name in dict.fromkeys((*telling, "seed")) if name in first]
    return [", ".join(f"{name} {_word(cell[name])}" for name in names) for cell in cells]


def group_of(experiment: Experiment, config: Mapping[str, Any]) -> tuple[str, ...]:
    """The row of its experiment's table that a cell belongs to.

    Args:
        experiment: The experiment.
        config: The configuration of the cell.

    Returns:
        The entries that tell rows apart, as words.
    """
    return tuple(_word(config[name]) for name in experiment.groups)


def _word(value: object) -> str:
    return value if isinstance(value, str) else canonical(value) if not is_plain(value) else str(value)
