"""What the benchmarks compute from their measurements, and the figure drawn from them."""

from __future__ import annotations

import pytest

from tests.benchmarks.timing import in_turn, per_unit_ratio, power_law, rounded, spread


def test_tasks_take_turns_after_warming_up() -> None:
    calls: list[str] = []
    tasks = {name: (lambda name=name: calls.append(name)) for name in "ab"}
    seconds = in_turn(tasks, repetitions=3, warm_up=1)
    assert calls == ["a", "b"] * 4
    assert {name: len(taken) for name, taken in seconds.items()} == {"a": 3, "b": 3}


def test_ratio_is_that_of_neighbours_and_per_unit_of_work() -> None:
    found = per_unit_ratio([2.0, 8.0, 3.0], [1.0, 2.0, 1.0], other_units=10, our_units=20)
    assert found == {"median": 6.0, "min": 4.0, "max": 8.0}
    assert spread([3, 1, 2]) == {"median": 2, "min": 1, "max": 3}
    assert rounded(1234.56) == 1235


def test_power_law_is_fitted_to_the_upper_half() -> None:
    grid = [1, 2, 4, 8, 16, 32]
    times = [5.0, 5.0, 5.0, *(0.5 * x**2 for x in grid[3:])]
    assert power_law(grid, times) == pytest.approx({"exponent": 2.0, "factor": 0.5, "fitted_from": 8})
