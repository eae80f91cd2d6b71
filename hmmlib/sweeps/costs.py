"""How long cells take, by those that are finished: what is left, before and while a sweep runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from hmmlib.sweeps.experiment import Experiment
from hmmlib.sweeps.identity import group_of
from hmmlib.sweeps.results import Results

Clock = Literal["cpu_seconds", "wall_seconds"]


class Costs:
    """What finished cells have cost.

    Args:
        experiment: The experiment of the cells.
        clock: Which seconds are meant; where a cell from earlier has no CPU seconds, its wall seconds count.
    """

    def __init__(self, experiment: Experiment, clock: Clock) -> None:
        self._experiment, self._clock = experiment, clock
        self._by_group: dict[tuple[str, ...], list[float]] = {}

    def add(self, config: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
        """Note what a cell has cost.

        Args:
            config: Its configuration.
            provenance: Where and how fast it was computed.
        """
        seconds = provenance.get(self._clock, provenance.get("wall_seconds"))
        if seconds is not None:
            self._by_group.setdefault(group_of(self._experiment, config), []).append(seconds)

    def expected(self, config: Mapping[str, Any]) -> float | None:
        """What a cell will likely cost.

        Args:
            config: Its configuration.

        Returns:
            The mean, in seconds, of the cells in the same row of the table; of all if there are none; None if
            nothing is known.
        """
        same = self._by_group.get(group_of(self._experiment, config))
        known = same or [seconds for group in self._by_group.values() for seconds in group]
        return fmean(known) if known else None

    def expected_in_all(self, configs: Iterable[Mapping[str, Any]]) -> float | None:
        """What cells will likely cost together.

        Args:
            configs: Their configurations.

        Returns:
            Seconds; None if nothing is known.
        """
        total = 0.0
        for config in configs:
            seconds = self.expected(config)
            if seconds is None:
                return None
            total += seconds
        return total


@dataclass(frozen=True)
class GroupOutlook:
    """One row of what a sweep has before it.

    Attributes:
        group: Values of the experiment's `groups`, as words.
        cells: Number of cells asked for.
        there: Number of those that are in the store.
        left: CPU seconds that the others will likely take; None if nothing is known.
    """

    group: tuple[str, ...]
    cells: int
    there: int
    left: float | None


def outlook(results: Results) -> tuple[GroupOutlook, ...]:
    """What a sweep has before it, and how long it may take.

    Args:
        results: What the store has.

    Returns:
        The rows of the experiment's table, in their order.
    """
    costs = Costs(results.experiment, "cpu_seconds")
    missing: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    cells: Counter[tuple[str, ...]] = Counter()
    for config, cell in zip(results.asked, results.found, strict=True):
        group = group_of(results.experiment, config)
        cells[group] += 1
        missing.setdefault(group, [])
        if cell is None:
            missing[group].append(config)
        else:
            costs.add(config, cell.provenance)
    return tuple(
        GroupOutlook(group, count, count - len(missing[group]), costs.expected_in_all(missing[group]))
        for group, count in cells.items()
    )


def count_in_words(experiment: Experiment, cells: Iterable[Mapping[str, Any]]) -> str:
    """How many cells there are, of which kinds.

    Args:
        experiment: Their experiment.
        cells: Their configurations.

    Returns:
        As in ``18 cells (6 vanilla, 12 memory)`` where the experiment has kinds, else as in
        ``18 cells (n_states: 9 of 4, 9 of 15)``.
    """
    asked = list(cells)
    if experiment.kind is not None:
        kinds = Counter(experiment.kind(dict(cell)) for cell in asked)
        parts = [", ".join(f"{count} {kind}" for kind, count in kinds.items())] if len(kinds) > 1 else []
    else:
        parts = []
        for name, values in zip(
            experiment.groups, zip(*(group_of(experiment, cell) for cell in asked), strict=True), strict=False
        ):
            counts = Counter(values)
            if len(counts) > 1:
                parts.append(
                    f"{name}: " + ", ".join(f"{count} of {value}" for value, count in counts.items())
                )
    return counted(len(asked), "cell") + (f" ({'; '.join(parts)})" if parts else "")


def counted(count: int, noun: str, *, be: bool = False) -> str:
    """A number of things.

    Args:
        count: How many.
        noun: What one of them is called.
        be: Whether a verb follows.

    Returns:
        As in ``1 cell`` or ``2 cells``; as in ``1 cell is`` or ``2 cells are`` with the verb.
    """
    one = count == 1
    return f"{count} {noun}{'' if one else 's'}" + ((" is" if one else " are") if be else "")


def span(seconds: float) -> str:
    """A time for people to read.

    Args:
        seconds: How long.

    Returns:
        As in ``0.4 s``, ``42 s``, ``12 min`` or ``3 h 05 min``.
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
