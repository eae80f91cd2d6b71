"""A curve of accuracies over seeds, and sums of accuracies with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hmmlib.analysis.estimators import difference_estimate
from hmmlib.analysis.intervals import Mean, mean_over_seeds
from hmmlib.tables import number

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """One curve: accuracies in percent against the number of states.

    Attributes:
        points: Numbers of states.
        found: Means and half-widths of 95% intervals, one for each point.
        seeds: Number of seeds behind each point.
        values: The single accuracies, shape (points, seeds); None where only means are known.
        seed_numbers: The seeds, in the order of the columns of `values`; empty where they are not known.
        floor: The least half-width of an accuracy, points of percent.
        exact: The same curve of the exact model, on these seeds and perhaps more, if there is one.
        helped: Whether `found`, and what is computed of this curve, is a difference estimate with `exact`.
    """

    points: tuple[int, ...]
    found: Mean
    seeds: int
    values: Numbers | None = None
    seed_numbers: tuple[int, ...] = ()
    floor: float = 0.0
    exact: Series | None = None
    helped: bool = False

    @property
    def known(self) -> Numbers:
        """The single accuracies, shape (points, seeds).

        Raises:
            ValueError: Only means are known.
        """
        if self.values is None:
            raise ValueError("values: expected single accuracies, got a curve of which only means are known")
        return self.values

    def text(self, place: int) -> str:
        """An accuracy as tables print it.

        Args:
            place: Index of the point.

        Returns:
            For example '86.7 ± 5.0', or '3 of 3 at 100' where all seeds agree.
        """
        if self.values is not None and not self.helped and np.ptp(self.values[place]) == 0:
            return f"{self.seeds} of {self.seeds} at {round(float(self.values[place, 0]), 1):g}"
        return number(float(self.found.mean[place]), float(self.found.interval[place]))


World = Mapping[str, Series]


def weighted_sums(curves: Sequence[Series], signs: Sequence[int], weights: Numbers) -> Mean:
    """Weighted sums of accuracies, with intervals.

    Where all accuracies of single seeds are known the sums are taken seed by seed, over the seeds that all
    curves have, so that what the seeds have in common cancels. Else the means count as independent, and the
    squares of half-widths add. Curves that are all `helped` give a difference estimate.

    Args:
        curves: One curve or more, with the same points.
        signs: 1 or −1 for each.
        weights: Of the points, shape (k, points).

    Returns:
        The sums, with half-widths of 95% intervals, shape (k,).

    Raises:
        ValueError: Curves with different points or seeds.
    """
    first = curves[0]
    for curve in curves[1:]:
        numbered = curve.seed_numbers and first.seed_numbers
        if curve.points != first.points or not (numbered or curve.seeds == first.seeds):
            raise ValueError(
                f"curves: expected curves with the same points and seeds, got {curve.points} and "
                f"{curve.seeds} beside {first.points} and {first.seeds}"
            )
    squares = (weights**2).sum(1)
    if any(curve.values is None for curve in curves):
        mean = np.sum([sign * curve.found.mean for sign, curve in zip(signs, curves, strict=True)], axis=0)
        widths = np.sum([curve.found.interval**2 for curve in curves], axis=0)
        return Mean(weights @ mean, np.sqrt(weights**2 @ widths))
    floor = np.sqrt(squares * sum(curve.floor**2 for curve in curves))
    seeds = common_seeds(curves)
    values = weights @ _signed(curves, signs, seeds)
    exact = [curve.exact for curve in curves if curve.exact is not None]
    if not all(curve.helped for curve in curves) or len(exact) < len(curves):
        return mean_over_seeds(values, floor=floor)
    more = common_seeds(exact)
    ideal = weights @ _signed(exact, signs, more)
    return difference_estimate(values, ideal, seeds=seeds, reference_seeds=more, floor=floor)


def common_seeds(curves: Sequence[Series]) -> tuple[int, ...]:
    """The seeds that all of some curves have.

    Args:
        curves: One curve or more.

    Returns:
        Their numbers, rising; those of the columns, from 0, if a curve does not know its seeds.
    """
    if not all(curve.seed_numbers for curve in curves):
        return tuple(range(curves[0].seeds))
    return tuple(sorted(set.intersection(*(set(curve.seed_numbers) for curve in curves))))


def _signed(curves: Sequence[Series], signs: Sequence[int], seeds: tuple[int, ...]) -> Numbers:
    """Sum of curves at these seeds, shape (points, seeds)."""
    parts = []
    for sign, curve in zip(signs, curves, strict=True):
        columns = [curve.seed_numbers.index(seed) for seed in seeds] if curve.seed_numbers else list(seeds)
        parts.append(sign * curve.known[:, columns])
    total: Numbers = np.sum(parts, axis=0)
    return total


def help_from_exact(world: World) -> dict[str, Series]:
    """A world whose curves borrow the seeds that only the exact model has.

    This was chosen after the numbers had been seen, because the exact model is known on more seeds than the
    networks. Where a network was trained for each of them nothing changes.

    Args:
        world: Curves of networks, some of them with an `exact` one.

    Returns:
        The curves; those without an exact one as they are.
    """
    found = {}
    for name, curve in world.items():
        if curve.exact is None:
            found[name] = curve
            continue
        helped = replace(curve, helped=True)
        found[name] = replace(helped, found=weighted_sums([helped], [1], np.eye(len(curve.points))))
    return found
