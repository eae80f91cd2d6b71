"""What a sweep says of the time that it takes, and what it calls its cells."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_experiments import FAKE, FakeConfig

from hmmlib.experiments import EXPERIMENTS
from hmmlib.sweeps import CellStore, collect, count_in_words, counted, outlook, span, sweep
from hmmlib.sweeps.costs import Costs
from hmmlib.sweeps.identity import cell_labels
from hmmlib.sweeps.progress import Lines
from hmmlib.sweeps.workers import Outcome


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (119, "119 s"),
        (121, "2 min"),
        (7100, "118 min"),
        (7200, "2 h 00 min"),
        (11_100, "3 h 05 min"),
    ],
)
def test_times_are_for_people(seconds, words):
    assert span(seconds) == words


def test_one_is_one():
    assert (counted(1, "cell"), counted(0, "cell")) == ("1 cell", "0 cells")
    assert (counted(1, "cell", be=True), counted(2, "cell", be=True)) == ("1 cell is", "2 cells are")


def test_a_cell_likely_costs_what_those_in_its_row_did():
    costs = Costs(FAKE, "cpu_seconds")
    first, second, third = (FakeConfig(numbers=(0,), seeds=(seed,)).cells()[0] for seed in (1, 2, 3))
    assert costs.expected(first) is None
    assert costs.expected_in_all([first]) is None
    assert costs.expected_in_all([]) == 0
    for config, seconds in ((first, 10.0), (first, 20.0), (second, 60.0)):
        costs.add(config, {"cpu_seconds": seconds, "wall_seconds": 1000.0})
    assert costs.expected(first) == 15
    assert costs.expected(second) == 60
    assert costs.expected(third) == 30
    assert costs.expected_in_all([first, second, third]) == 105


def test_nothing_is_left_of_what_is_there(tmp_path):
    store, config = CellStore(tmp_path), FakeConfig(numbers=(1, 2), seeds=(1, 2))
    sweep(FAKE, replace(config, seeds=(1,)), store)
    rows = outlook(collect(FAKE, config, store))
    assert [(row.group, row.cells, row.there) for row in rows] == [(("1",), 2, 2), (("2",), 2, 0)]
    assert rows[0].left == 0
    assert rows[1].left == pytest.approx(2 * sum(c.provenance["cpu_seconds"] for c in store.cells()) / 2)


def test_cells_are_called_by_what_tells_them_apart():
    config = FakeConfig(numbers=(1, 2), seeds=(3, 4), rates=(None, 0.5))
    assert cell_labels(FAKE, config.cells())[1] == "number 2, seed 3, rate None"
    assert cell_labels(FAKE, FakeConfig(numbers=(1,), seeds=(3,)).cells()) == ["seed 3"]
    assert cell_labels(FAKE, []) == []
    for experiment in EXPERIMENTS.values():
        cells = next(iter(experiment.presets.values())).cells()
        assert len(set(cell_labels(experiment, cells))) == len(cells)


def test_cells_are_counted_by_kind_or_by_row():
    cells = FakeConfig(numbers=(1, 2), seeds=(3, 4, 5)).cells()
    assert count_in_words(FAKE, cells) == "6 cells (seed: 2 of 3, 2 of 4, 2 of 5)"
    assert count_in_words(FAKE, cells[:1]) == "1 cell"
    odd = replace(FAKE, kind=lambda config: "odd" if config["number"] % 2 else "even")
    assert count_in_words(odd, cells) == "6 cells (3 odd, 3 even)"
    assert count_in_words(odd, cells[:1]) == "1 cell"
    memory = EXPERIMENTS["memory-vs-vanilla"]
    assert count_in_words(memory, memory.presets["smoke"].cells()) == (
        "8 cells (kind: 4 of memory, 4 of vanilla; n_values: 2 of 2, 2 of 3, 2 of 5, 2 of 7)"
    )


def test_lines_say_what_is_left_for_as_many_as_are_at_work(tmp_path):
    store = CellStore(tmp_path)
    config = FakeConfig(numbers=(1, 2, 3, 4), seeds=(1,))
    first = config.cells()[0]
    store.put("fake", first, {"value": 1}, {"wall_seconds": 30.0, "cpu_seconds": 20.0})
    said = []
    lines = Lines(collect(FAKE, config, store), said.append)
    lines.finished(Outcome(1, {"value": 1}, {"wall_seconds": 90.0, "cpu_seconds": 80.0}, None), 2)
    lines.finished(Outcome(0, None, {}, "it broke"), 2)
    lines.finished(Outcome(2, {"value": 1}, {"wall_seconds": 90.0, "cpu_seconds": 80.0}, None), 2)
    lines.close()
    assert said == [
        "2/4 number 3, seed 1: 90 s, 80 s of CPU time; about 60 s left",
        "3/4 number 2, seed 1: failed; about 60 s left",
        "4/4 number 4, seed 1: 90 s, 80 s of CPU time",
    ]


def test_a_sweep_reports_each_cell(tmp_path):
    said = []
    sweep(FAKE, FakeConfig(numbers=(1, 2), trouble="fails"), CellStore(tmp_path), report=said.append)
    assert [line.partition(":")[0] for line in said] == ["1/2 number 1, seed 1", "2/2 number 2, seed 1"]
    assert said[0] == "1/2 number 1, seed 1: failed"
