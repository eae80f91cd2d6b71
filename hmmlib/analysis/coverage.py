"""How often intervals hold what they should: by drawing seeds again from accuracies that are known.

Accuracies of a curve are not normal: at 100 percent there is an end, and many seeds reach it. So intervals
are tried on the exact model, whose accuracies are known for many seeds: these are taken for all that there
are, a few of them are drawn with replacement, again and again, and the interval of each draw holds their
mean, or does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from hmmlib.analysis.curves import measured
from hmmlib.analysis.intervals import mean_over_seeds, no_error_floor
from hmmlib.analysis.results import n_test_texts
from hmmlib.tables import Table

Numbers = NDArray[np.float64]
Interval = Callable[[Numbers], tuple[Numbers, Numbers]]
"""From draws, shape (draws, seeds), the lower and the upper ends of their intervals."""

HAIR = 0.5
"""An interval that misses by no more than this, in points of percent, misses *by a hair*."""

METHODS = {"head": "heads, fitted", "head_paper": "heads, AdamW", "prompt_1": "prompts"}
"""Methods of ``exact_prompts.json`` that intervals are tried on, and what they are called."""

_RESAMPLES = 1000


class Coverage(NamedTuple):
    """How often an interval holds the mean.

    Attributes:
        share: Of the draws whose interval holds it.
        nearly: The same, counting those that miss it by no more than `HAIR` points.
        half_width: Mean half-width.
        agree: Share of the draws in which all seeds agree.
    """

    share: float
    nearly: float
    half_width: float
    agree: float


def student(floor: float = 0.0) -> Interval:
    """Student's interval with a floor, which the book uses.

    Args:
        floor: Its least half-width.

    Returns:
        The interval.
    """

    def ends(draws: Numbers) -> tuple[Numbers, Numbers]:
        mean, half = mean_over_seeds(draws, floor=floor)
        return mean - half, mean + half

    return ends


def bootstrap(seed: int = 0, *, corrected: bool = False) -> Interval:
    """A bootstrap interval, which the book does not use.

    Args:
        seed: Of the resampling.
        corrected: Whether it is corrected for bias and skewness (BCa), or plain quantiles.

    Returns:
        The interval.
    """

    def ends(draws: Numbers) -> tuple[Numbers, Numbers]:
        n = draws.shape[-1]
        picks = np.random.default_rng(seed).integers(0, n, (_RESAMPLES, n))
        means = np.sort(draws[:, picks].mean(-1), axis=1)
        at = np.broadcast_to([0.025, 0.975], (len(draws), 2))
        if corrected:
            at = _corrected(draws, means, at)
        index = np.clip((at * _RESAMPLES).astype(int), 0, _RESAMPLES - 1)
        low, high = np.take_along_axis(means, index, axis=1).T
        return low, high

    return ends


def _corrected(draws: Numbers, means: Numbers, at: Numbers) -> Numbers:
    """The quantiles that BCa takes in place of those asked for."""
    middle = draws.mean(-1, keepdims=True)
    below = (means < middle).mean(1) + (means == middle).mean(1) / 2
    bias = scipy.stats.norm.ppf(np.clip(below, 1 / _RESAMPLES, 1 - 1 / _RESAMPLES))[:, None]
    off = draws - middle
    spread = 6 * (off**2).sum(1) ** 1.5
    skew = ((off**3).sum(1) / np.where(spread > 0, spread, 1))[:, None]
    moved = bias + scipy.stats.norm.ppf(at)
    found: Numbers = scipy.stats.norm.cdf(bias + moved / (1 - skew * moved))
    return found


def coverage(
    values: ArrayLike, n_seeds: int, interval: Interval, *, draws: int = 2000, seed: int = 0
) -> Coverage:
    """Try an interval on known accuracies.

    Args:
        values: Accuracies in percent, taken for all that there are, shape (many,).
        n_seeds: Size of each draw, at least 2.
        interval: The interval.
        draws: Number of draws.
        seed: Of the draws.

    Returns:
        How often it holds the mean of all values.

    Raises:
        ValueError: No values, or another shape, fewer than two seeds, or no draw.
    """
    known = np.asarray(values, dtype=np.float64)
    if known.ndim != 1 or not known.size:
        raise ValueError(f"values: expected shape (many,), got {known.shape}")
    if n_seeds < 2 or draws < 1:
        raise ValueError(f"n_seeds, draws: expected at least 2 and 1, got {n_seeds} and {draws}")
    drawn = known[np.random.default_rng(seed).integers(0, known.size, (draws, n_seeds))]
    low, high = interval(drawn)
    miss = np.maximum(np.maximum(low - known.mean(), known.mean() - high), 0)
    return Coverage(
        float((miss < 1e-9).mean()),
        float((miss <= HAIR).mean()),
        float((high - low).mean() / 2),
        float((np.ptp(drawn, axis=1) == 0).mean()),
    )


def coverage_table(exact: Mapping[str, Any], seeds: tuple[int, ...] = (3, 5, 20), draws: int = 2000) -> Table:
    """How often the book's interval holds the mean, by method and number of states.

    Args:
        exact: Contents of ``exact_prompts.json``.
        seeds: Sizes of the draws.
        draws: Number of draws.

    Returns:
        The table: for each number of seeds the share of intervals that hold the mean, and in brackets the
        share that hold it or miss it by a hair.
    """
    lines = []
    floor = no_error_floor(n_test_texts(exact))
    for method, name in METHODS.items():
        curve = measured(exact["cells"], method)
        for point, values in zip(curve.points, curve.known, strict=True):
            found = [coverage(values, n, student(floor), draws=draws) for n in seeds]
            shares = [f"{one.share:.0%} ({one.nearly:.0%})" for one in found]
            lines.append([name, str(point), f"{values.mean():.1f}", *shares])
    return Table(["method", "states", "mean", *(f"{n} seeds" for n in seeds)], lines)


def interval_table(exact: Mapping[str, Any], seeds: tuple[int, ...] = (3, 5, 20), draws: int = 500) -> Table:
    """Kinds of intervals side by side, over all methods and numbers of states.

    Args:
        exact: Contents of ``exact_prompts.json``.
        seeds: Sizes of the draws.
        draws: Number of draws.

    Returns:
        The table: for each kind and number of seeds the mean and the lowest share of intervals that hold the
        mean or miss it by a hair, and the mean half-width.
    """
    floor = no_error_floor(n_test_texts(exact))
    kinds: dict[str, Interval] = {
        "Student's": student(),
        "Student's, with the floor": student(floor),
        "bootstrap": bootstrap(),
        "bootstrap, BCa": bootstrap(corrected=True),
    }
    known = np.concatenate([measured(exact["cells"], method).known for method in METHODS])
    lines = []
    for n in seeds:
        for kind, interval in kinds.items():
            found = [coverage(values, n, interval, draws=draws) for values in known]
            shares = [one.share for one in found]
            nearly = [one.nearly for one in found]
            widths = float(np.mean([one.half_width for one in found]))
            lines.append(
                [
                    str(n),
                    kind,
                    f"{np.mean(shares):.0%}",
                    f"{min(shares):.0%}",
                    f"{np.mean(nearly):.0%}",
                    f"{min(nearly):.0%}",
                    f"{widths:.1f}",
                ]
            )
    header = ["seeds", "interval", "holds", "lowest", "holds or by a hair", "lowest of these", "half-width"]
    return Table(header, lines)
