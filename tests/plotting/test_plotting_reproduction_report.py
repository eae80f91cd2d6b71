"""The overview of the reproduction report shows the numbers that it is given."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from hmmlib.analysis import Mean
from hmmlib.plotting.reproduction_report import forest, forest_panels


def mean(*values: float) -> Mean:
    return Mean(np.array(values), np.full(len(values), 2.0))


def test_each_panel_has_its_points_in_rows_and_its_series_beside_one_another():
    panels = {"above": {"a": mean(90, 80), "b": mean(70, 60)}, "below": {"b": mean(50)}}
    figure = forest(panels, {"above": [4, 8], "below": [12]})
    above, below = figure.axes
    assert [axes.get_title(loc="left") or axes.get_title() for axes in figure.axes] == ["above", "below"]
    assert [text.get_text() for text in above.get_yticklabels()] == ["4", "8"]
    (first, _, (bars,)), (second, _, _) = above.containers
    assert list(first.get_xdata()) == [90, 80]
    assert list(second.get_xdata()) == [70, 60]
    assert [tuple(part[:, 0]) for part in bars.get_segments()] == [(88, 92), (78, 82)]
    # The first series is above the second: the axis runs down.
    assert all(np.asarray(first.get_ydata()) < np.asarray(second.get_ydata()))
    low, high = above.get_ylim()
    assert low > high
    # A series looks the same in every panel.
    ((alone, _, _),) = below.containers
    assert (alone.get_color(), alone.get_marker()) == (second.get_color(), second.get_marker())
    assert alone.get_marker() != first.get_marker()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_the_figure_fits_a_phone():
    panels = {name: {"a": mean(90, 80, 70, 60), "b": mean(70, 60, 50, 40)} for name in "xy"}
    width, height = forest(panels, {key: [4, 8, 12, 16] for key in "xy"}).get_size_inches()
    assert width <= 5
    assert height > width


@pytest.mark.parametrize(
    ("panels", "points", "message"),
    [
        ({"x": {"a": mean(1, 2)}}, {"x": [4]}, "a has 2 means in 'x', expected 1"),
        ({"x": {"a": mean(1)}, "y": {"b": mean(1)}}, {"x": [4], "y": [4]}, r"one of \['a'\] in 'y', got 'b'"),
        ({"x": {name: mean(1) for name in "abcde"}}, {"x": [4]}, "at most 4 series, got 5"),
    ],
)
def test_bad_input_is_named(panels, points, message):
    with pytest.raises(ValueError, match=message):
        forest(panels, points)


def test_a_panel_has_the_worlds_that_know_its_curve():
    left = SimpleNamespace(found=mean(90, 80), points=(4, 8))
    right = SimpleNamespace(found=mean(95), points=(4,))
    worlds = {"ours": {"head": left, "prompt": right}, "theirs": {"head": left}}
    panels, points = forest_panels(worlds, {"head": "Heads", "prompt": "Prompts", "none": "Nothing"})
    assert {title: list(found) for title, found in panels.items()} == {
        "Heads": ["ours", "theirs"],
        "Prompts": ["ours"],
    }
    assert points == {"Heads": (4, 8), "Prompts": (4,)}
