"""Figure 3 has the numbers, intervals and seeds of each world."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hmmlib.analysis import Mean, Results, Series, World, read_results
from hmmlib.analysis.figure3 import shown_worlds
from hmmlib.plotting import figure3_overlay
from plotting.drawn import band, line, title, words


def series(seeds: int, *means: float, points: tuple[int, ...] = (4, 8, 30)) -> Series:
    return Series(points, Mean(np.array(means), np.full(len(means), 2.0)), seeds)


def world(seeds: int, lower: float, others: int = 5) -> World:
    return {
        "prompt": series(seeds, 99, 98, 97 - lower),
        "head": series(seeds, 90, 80, 70 - lower),
        "attention": series(others, 100, 99, 96 - lower),
        "linear": series(others, 85, 75, 65 - lower),
    }


def test_a_panel_for_each_curve_and_all_worlds_in_each():
    figure = figure3_overlay({"theirs": world(20, 0), "ours": world(3, 5, others=3)})
    prompt, attention, head, linear = figure.axes
    assert line(prompt, "theirs (20 and 5 seeds)") == ([4, 8, 30], [99, 98, 97])
    assert line(head, "theirs (20 and 5 seeds)") == ([4, 8, 30], [90, 80, 70])
    assert line(attention, "ours (3 seeds)") == ([4, 8, 30], [100, 99, 91])
    assert line(linear, "ours (3 seeds)") == ([4, 8, 30], [85, 75, 60])
    assert band(head, 0) == {4: (88, 92), 8: (78, 82), 30: (68, 72)}
    assert band(head, 1) == {4: (88, 92), 8: (78, 82), 30: (63, 67)}
    assert [title(panel) for panel in figure.axes] == [
        "prompt tuning",
        "memory, attention head",
        "head tuning",
        "no memory, linear head",
    ]
    assert words(figure.legends[0].get_texts()) == ["theirs (20 and 5 seeds)", "ours (3 seeds)"]
    assert head.get_xlabel() == "hidden states $H$"
    assert prompt.get_ylim() == linear.get_ylim() == (40, 102)


def test_a_world_may_lack_curves():
    lacking = {name: curve for name, curve in world(3, 5).items() if name not in ("prompt", "attention")}
    figure = figure3_overlay({"theirs": world(20, 0), "ours": lacking})
    prompt, _, head, _ = figure.axes
    assert len(prompt.lines) == 1
    assert line(head, "ours (3 and 5 seeds)") == ([4, 8, 30], [90, 80, 65])
    assert words(figure.legends[0].get_texts()) == ["theirs (20 and 5 seeds)", "ours (3 and 5 seeds)"]


def test_labels_of_ticks_do_not_run_into_each_other():
    close = {name: series(3, *[90.0] * 4, points=(4, 8, 10, 30)) for name in world(3, 0)}
    axes = figure3_overlay({"ours": close}).axes[2]
    assert list(axes.get_xticks()) == [4, 8, 10, 30]
    assert words(axes.get_xticklabels()) == ["4", "8", "", "30"]


def test_the_figure_of_the_landing_page_is_as_wide_as_a_phone_and_has_the_papers_numbers():
    shown = shown_worlds(Results().named_worlds)
    figure = figure3_overlay(shown)
    assert figure.get_size_inches()[0] <= 4.4
    paper = read_results("figure3_paper")["experiment_1"]
    label = words(figure.legends[0].get_texts())[0]
    assert label == f"the paper ({paper['seeds']} and 5 seeds)"
    assert line(figure.axes[2], label)[1] == paper["head_tuning"]["mean"]
    assert list(shown) == ["the paper", "networks, AdamW", "networks, fitted", "exact model"]


@pytest.mark.parametrize(
    ("worlds", "message"),
    [
        ({}, "worlds: expected 1 to 4, got 0"),
        ({str(number): world(3, 0) for number in range(5)}, "worlds: expected 1 to 4, got 5"),
        (
            {"ours": world(3, 0) | {"linear": series(5, 90)}},
            "has 1 means and 1 intervals, expected 3 of each",
        ),
        (
            {"theirs": world(3, 0), "ours": world(3, 0) | {"head": series(3, 90)}},
            "has 1 means and 1 intervals, expected 3 of each",
        ),
    ],
)
def test_what_does_not_fit_is_refused(worlds, message):
    with pytest.raises(ValueError, match=message):
        figure3_overlay(worlds)
    plt.close("all")
