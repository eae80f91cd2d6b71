"""Times that can be compared: taken in turn after warming up, and reported as ratios."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence


def in_turn(
    tasks: Mapping[str, Callable[[], object]], repetitions: int, warm_up: int = 2
) -> dict[str, list[float]]:
    """Time several tasks as A B C A B C …

    Args:
        tasks: What to time, by name. What a task returns is freed after its time is taken.
        repetitions: How often each is timed.
        warm_up: How often each runs before that.

    Returns:
        Seconds of each repetition, by name.
    """
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(-warm_up, repetitions):
        for name, task in tasks.items():
            begin = time.perf_counter()
            result = task()
            taken = time.perf_counter() - begin
            del result
            if turn >= 0:
                seconds[name].append(taken)
    return seconds


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, smallest and largest of some numbers, to four digits."""
    found = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: rounded(value) for name, value in found.items()}


def per_unit_ratio(
    other: Sequence[float], ours: Sequence[float], other_units: float = 1, our_units: float = 1
) -> dict[str, float]:
    """How many times as long the other takes for a unit of work, from neighbouring repetitions.

    Args:
        other: Seconds of the other program.
        ours: Seconds of ours, measured in turn with them.
        other_units: Work in one of the other's repetitions, e.g. tokens.
        our_units: Work in one of ours.

    Returns:
        Median, smallest and largest of the pairwise ratios.
    """
    scale = our_units / other_units
    return spread([scale * a / b for a, b in zip(other, ours, strict=True)])


def power_law(x: Sequence[float], y: Sequence[float]) -> dict[str, float]:
    """Fit y = factor · x^exponent to the upper half of a grid, by least squares of the logarithms."""
    upper = len(x) // 2
    line = statistics.linear_regression(
        [math.log(value) for value in x[upper:]], [math.log(value) for value in y[upper:]]
    )
    return {
        "exponent": rounded(line.slope),
        "factor": rounded(math.exp(line.intercept)),
        "fitted_from": x[upper],
    }


def rounded(value: float, digits: int = 4) -> float:
    """A number to so many significant digits."""
    return float(f"{value:.{digits}g}")
