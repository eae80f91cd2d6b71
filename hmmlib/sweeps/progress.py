"""How a sweep shows that it gets on: a bar on a terminal, elsewhere a line for each cell."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, Protocol

from tqdm import tqdm

from hmmlib.sweeps.costs import Costs, span
from hmmlib.sweeps.identity import cell_labels
from hmmlib.sweeps.results import Results
from hmmlib.sweeps.workers import Outcome


def progress_options() -> dict[str, Any]:
    """Whether to show a bar: on a terminal, but not in CI.

    Returns:
        Arguments for `tqdm`.
    """
    # Not disable=False, which would overrule TQDM_DISABLE.
    return {"disable": True} if os.environ.get("CI") or not sys.stderr.isatty() else {}


class Progress(Protocol):
    """Is told of each cell that is finished."""

    def finished(self, outcome: Outcome, slots: int) -> None:
        """Show it.

        Args:
            outcome: What became of a cell; its number counts the missing ones.
            slots: How many are computed at a time.
        """

    def close(self) -> None:
        """The sweep has ended."""


class Bar:
    """A bar, where there is a terminal.

    Args:
        results: What the store had when the sweep began.
    """

    def __init__(self, results: Results) -> None:
        total = len(results.asked)
        there = total - len(results.missing)
        self._bar = tqdm(total=total, initial=there, unit="cell", **progress_options())

    def finished(self, _outcome: Outcome, _slots: int) -> None:
        """Move it on.

        Args:
            _outcome: Whatever became of the cell.
            _slots: However many are computed at a time.
        """
        self._bar.update()

    def close(self) -> None:
        """Leave it as it is."""
        self._bar.close()


class Lines:
    """A line for each cell: how many of how many, which one, how long it took, and how long the rest may.

    Args:
        results: What the store had when the sweep began.
        report: Is given each line.
    """

    def __init__(self, results: Results, report: Callable[[str], object]) -> None:
        self._report, self._total = report, len(results.asked)
        self._missing = results.missing
        labels = cell_labels(results.experiment, results.asked)
        self._labels = [label for label, cell in zip(labels, results.found, strict=True) if cell is None]
        self._left = set(range(len(self._missing)))
        self._costs = Costs(results.experiment, "wall_seconds")
        for config, cell in zip(results.asked, results.found, strict=True):
            if cell is not None:
                self._costs.add(config, cell.provenance)

    def finished(self, outcome: Outcome, slots: int) -> None:
        """Report it.

        Args:
            outcome: What became of a cell; its number counts the missing ones.
            slots: How many are computed at a time.
        """
        self._left.remove(outcome.number)
        line = f"{self._total - len(self._left)}/{self._total} {self._labels[outcome.number]}: "
        if outcome.record is None:
            line += "failed"
        else:
            run = outcome.provenance
            self._costs.add(self._missing[outcome.number], run)
            line += f"{span(run['wall_seconds'])}, {span(run['cpu_seconds'])} of CPU time"
        left = self._costs.expected_in_all(self._missing[number] for number in self._left)
        if self._left and left is not None:
            line += f"; about {span(left / min(slots, len(self._left)))} left"
        self._report(line)

    def close(self) -> None:
        """All was said."""
