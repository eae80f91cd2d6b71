"""Figures of language models with many states show the perplexities that they are given."""

from __future__ import annotations

import numpy as np
import pytest

from hmmlib.plotting.thousands_of_states import blocked_matrices, perplexity_by_seconds, perplexity_by_states
from plotting.drawn import lines, words


def style(axes, name):
    (line,) = [one for one in axes.lines if one.get_label() == name]
    return line.get_color(), line.get_marker()


def test_means_have_lines_seeds_dots_and_others_levels():
    panels = {
        "one": {"test": {8: [200.0, 210.0], 64: [150.0, 140.0]}, "random": {64: [190.0]}},
        "two": {"test": {64: [120.0], 256: [90.0]}},
    }
    figure = perplexity_by_states(panels, {"one": {"bigram": 170.0, "source": 90.0}, "two": {"bigram": 95.0}})
    left, right = figure.axes
    found = lines(left)
    assert found["test"] == ([8, 64], [205.0, 145.0])
    assert found["random"] == ([64], [190.0])
    assert [line.get_ydata()[0] for line in left.lines if list(line.get_xdata()) == [0, 1]] == [170.0, 90.0]
    assert words(left.texts) == ["bigram", "source"]
    dots = [tuple(line.get_ydata()) for line in left.lines if line.get_linestyle() == "None"]
    assert dots == [(200.0, 210.0), (150.0, 140.0), (190.0,)]
    assert right.get_title(loc="left") == "two"
    assert [label.get_text() for label in right.get_xticklabels()] == ["64", "256"]
    assert style(right, "test") == style(left, "test") != style(left, "random")
    assert left.get_yscale() == left.get_xscale() == "log"


def test_every_point_in_time_has_its_word():
    points = {"HMM": [(1.0, 120.0, "64"), (30.0, 82.0, "1,024")], "n-grams": [(0.5, 90.0, "2")]}
    (axes,) = perplexity_by_seconds(points).axes
    found = lines(axes)
    assert found["HMM"] == ([1.0, 30.0], [120.0, 82.0])
    assert found["n-grams"] == ([0.5], [90.0])
    assert words(axes.texts) == ["64", "1,024", "2"]
    assert axes.get_xlabel() == "CPU seconds of training"


def test_lines_part_the_classes():
    transition, emission = np.full((4, 4), 0.25), np.eye(4)[:, [0, 1, 2]]
    left, right = blocked_matrices(transition, emission, [0, 0, 1]).axes
    assert np.asarray(left.images[0].get_array()) == pytest.approx(transition)
    assert np.asarray(right.images[0].get_array()) == pytest.approx(emission)
    assert sorted(line.get_xdata()[0] for line in right.lines) == [0, 1.5]
    assert sorted(line.get_ydata()[0] for line in left.lines) == [0, 1.5]
