"""Effects of one change, and what was run, from records."""

from __future__ import annotations

import copy

import pytest

from hmmlib.analysis import clear_gain, cpu_seconds, mean_over_seeds, method_gain, read_results, run_table


def cell(n_states, seed, head, prompt, clear=None):
    entries = {"head": {"test": head, "clear": clear}, "prompt": {"test": prompt, "clear": None}}
    return {"n_states": n_states, "seed": seed, "methods": entries}


CELLS = [cell(4, 1, 0.9, 1.0), cell(8, 1, 0.7, 0.9), cell(4, 2, 0.8, 0.8), cell(8, 2, 0.6, 0.9)]


def test_a_gain_is_taken_seed_by_seed_over_all_sizes():
    mean, half = method_gain(CELLS, "prompt", "head")
    assert mean == pytest.approx(15)
    assert half == pytest.approx(mean_over_seeds([15.0, 15.0]).interval, abs=1e-9)


def test_seeds_of_which_a_size_lacks_a_method_are_left_out():
    cells = copy.deepcopy([*CELLS, cell(4, 3, 0.1, 1.0), cell(8, 3, 0.1, 1.0)])
    del cells[-1]["methods"]["prompt"]
    assert method_gain(cells, "prompt", "head").mean == pytest.approx(15)
    with pytest.raises(ValueError, match="two seeds or more with 'prompt' and 'head' at all sizes"):
        method_gain(cells[2:3], "prompt", "head")


def test_what_clear_texts_gain_leaves_out_cells_that_have_none():
    cells = [cell(4, 1, 0.9, 1, 0.95), cell(8, 1, 0.7, 1), cell(4, 2, 0.8, 1, 0.9), cell(8, 2, 0.5, 1, 0.6)]
    assert clear_gain(cells, "head").mean == pytest.approx((5 + 10) / 2)
    with pytest.raises(ValueError, match="two seeds or more with 'head' at all sizes"):
        clear_gain(cells[:2], "head")


def test_cpu_seconds_are_those_of_all_runs_or_unknown():
    file = {"provenance": {"cpu_seconds": 5.0, "went_on_from": [{"cpu_seconds": 2.5}]}}
    assert cpu_seconds(file) == 7.5
    file["provenance"]["went_on_from"][0]["cpu_seconds"] = None
    assert cpu_seconds(file) is None
    assert cpu_seconds({"provenance": {"wall_seconds": 3.0}}) is None


def test_the_table_of_runs_has_what_is_there():
    def read(name):
        if name == "nothing":
            raise FileNotFoundError(name)
        content = copy.deepcopy(read_results("pretraining_laptop"))
        content["provenance"] |= {"cpu_seconds": 5400.0}
        return content

    table = run_table({"first": "pretraining_laptop", "second": "nothing"}, read)
    (row,) = table.rows
    found = read_results("pretraining_laptop")
    assert row[:5] == ("first", "laptop", str(len(found["cells"])), "1 to 5", "1.5")
    assert row[-1] == found["provenance"]["git"]["commit"][:7]


def test_seeds_that_are_no_range_are_listed():
    def read(_name):
        content = copy.deepcopy(read_results("pretraining_laptop"))
        content["cells"] = [cell for cell in content["cells"] if cell["seed"] != 3]
        return content

    assert run_table({"one": "x"}, read).rows[0][3] == "1, 2, 4, 5"
