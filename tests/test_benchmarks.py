"""What the benchmarks compute from their measurements, and the figure drawn from them."""

from __future__ import annotations

import pytest

from tests.benchmarks.blocked import compare, forward
from tests.benchmarks.fresh import run_fresh
from tests.benchmarks.report import table
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


POINTS = {
    "head-vs-prompt": {"n_states": [4], "seeds": [1]},
    "memory-vs-vanilla": {"kinds": ["vanilla"], "n_values": [2], "seeds": [1]},
}


@pytest.fixture(scope="module")
def cells() -> list[dict]:
    """A small cell of each experiment, in a process of its own."""
    return [run_fresh("cells.cost", experiment=name, preset="smoke", point=p) for name, p in POINTS.items()]


def test_a_cell_says_what_each_part_costs_and_what_it_buys(cells: list[dict]) -> None:
    first, second = cells
    assert (first["experiment"], first["preset"], first["threads"]) == ("head-vs-prompt", "smoke", 1)
    assert first["point"] == {"n_states": 4, "seeds": 1}
    assert {"exact_head", "exact_prompt", "pretraining", "learnt_prompt"} <= set(first["cpu_seconds"])
    assert {"exact_head", "pretraining", "read_off_attention"} <= set(second["cpu_seconds"])
    for cell in cells:
        # The parts are the whole cell, and no more than the process did.
        assert cell["cpu_seconds_in_all"] == pytest.approx(sum(cell["cpu_seconds"].values()), rel=1e-3)
        assert cell["cpu_seconds_in_all"] <= cell["cpu_seconds_of_the_process"] + 1
        assert cell["kl"] > 0
        assert cell["wall_seconds"] > 0
        assert {"majority", "posterior", "exact_head", "learnt_head"} <= set(cell["accuracy"])
        assert all(0 <= share <= 1 for share in cell["accuracy"].values())


def test_the_table_in_the_terminal_has_a_cells_costs(cells: list[dict]) -> None:
    growth = {"time": {}, "memory": {"bytes_per_number": {}}}
    result = {
        "provenance": {"machine": {"cpu": "X", "cores": 2, "load_at_start": [0.5]}, "wall_seconds": 1.0},
        "comparisons": [],
        "inference": {"accuracy": {}},
        "sampling": {"corpus": {"seconds": 1.0, "tokens_per_second": 2.0, "peak_gib": 3.0}},
        "blocked": {"forward": [{"n_states": 1024, "words_per_second": 5.0}]},
        "growth": growth,
        "cells": cells,
    }
    lines = table(result).splitlines()
    (found,) = (line for line in lines if "memory-vs-vanilla" in line)
    assert found.startswith(f"{cells[1]['cpu_seconds_in_all']:9.1f}  memory-vs-vanilla, smoke, kinds vanilla")
    assert f"pretraining {cells[1]['cpu_seconds']['pretraining']:.1f}" in found
    assert f"KL {cells[1]['kl']:.4g}" in lines[lines.index(found) + 1]


def test_a_point_of_several_cells_is_refused() -> None:
    with pytest.raises(RuntimeError, match="point: expected one cell, got 2 for"):
        run_fresh("cells.cost", experiment="head-vs-prompt", preset="smoke", point={"n_states": [4, 8]})


def test_blocked_and_dense_agree_and_the_pass_of_many_states_is_timed() -> None:
    sizes = {"n_classes": 4, "states_per_class": 3, "sentences": 5, "length": 6, "repetitions": 1, "seed": 1}
    found = compare(words_per_class=2, **sizes)
    assert (found["n_states"], found["tokens"]) == (12, 30)
    assert found["largest_deviation"] < 1e-12
    found = forward(**sizes)
    assert found["n_states"] == 12
    assert found["words_per_second"] == pytest.approx(30 / found["seconds"]["median"], rel=1e-3)
