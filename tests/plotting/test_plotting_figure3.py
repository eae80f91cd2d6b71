"""Figure 3 has the numbers, intervals and seeds of each row."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hmmlib.analysis import Mean, Series, World, read_results, worlds
from hmmlib.analysis.curves import EXACT, PAPER, SOLVED
from hmmlib.plotting import figure3_rows
from plotting.drawn import band, line, title, words


def series(seeds: int, *means: float, points: tuple[int, ...] = (4, 8, 30)) -> Series:
    return Series(points, Mean(np.array(means), np.full(len(means), 2.0)), seeds)


def world(seeds: int, lower: float) -> World:
    return {
        "prompt": series(seeds, 99, 98, 97 - lower),
        "head": series(seeds, 90, 80, 70 - lower),
        "attention": series(5, 100, 99, 96 - lower),
        "linear": series(5, 85, 75, 65 - lower),
    }


def test_a_row_for_each_world_heads_and_prompts_on_the_left():
    figure = figure3_rows({"theirs": world(20, 0), "ours": world(3, 5)})
    above, memory, below, _ = figure.axes
    assert line(above, "prompt tuning") == ([4, 8, 30], [99, 98, 97])
    assert line(above, "head tuning") == ([4, 8, 30], [90, 80, 70])
    assert line(memory, "memory, attention") == ([4, 8, 30], [100, 99, 96])
    assert line(memory, "vanilla, linear") == ([4, 8, 30], [85, 75, 65])
    assert line(below, "head tuning") == ([4, 8, 30], [90, 80, 65])
    assert band(above, 1) == {4: (88, 92), 8: (78, 82), 30: (68, 72)}
    titles = ["Head or prompt\ntheirs, 20 seeds", "Memory or not\ntheirs, 5 seeds"]
    assert [title(axes) for axes in figure.axes] == [*titles, "ours, 3 seeds", "ours, 5 seeds"]
    assert words(above.get_legend().get_texts()) == ["prompt tuning", "head tuning"]
    assert below.get_xlabel() == "hidden states $H$"
    assert above.get_ylim() == below.get_ylim() == (35, 102)


def test_labels_of_ticks_do_not_run_into_each_other():
    close = {name: series(3, *[90.0] * 4, points=(4, 8, 10, 30)) for name in world(3, 0)}
    axes = figure3_rows({"ours": close}).axes[0]
    assert list(axes.get_xticks()) == [4, 8, 10, 30]
    assert words(axes.get_xticklabels()) == ["4", "8", "", "30"]


def test_the_figure_of_the_landing_page_is_as_wide_as_a_phone_and_has_the_papers_numbers():
    files = ("figure3_paper", "head_vs_prompt_laptop", "memory_vs_vanilla_laptop", "exact_prompts")
    every = worlds(*map(read_results, files))
    found = {name: every[name] for name in (PAPER, SOLVED, EXACT)}
    figure = figure3_rows(found)
    assert figure.get_size_inches()[0] <= 4.4
    paper = read_results("figure3_paper")["experiment_1"]
    assert line(figure.axes[0], "head tuning")[1] == paper["head_tuning"]["mean"]
    assert title(figure.axes[0]).endswith(f"the paper, {paper['seeds']} seeds")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, "worlds: expected at least one row, got none"),
        ({"ours": world(3, 0) | {"head": series(2, 90, 80, 70)}}, "in 'ours' head has 2 seeds at"),
        ({"ours": world(3, 0) | {"linear": series(5, 90, points=(4,))}}, r"linear has 5 seeds at \(4,\)"),
    ],
)
def test_rows_that_do_not_fit_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        figure3_rows(rows)
    plt.close("all")
