"""Figures of English as an HMM of tags show the numbers that they are given."""

from __future__ import annotations

import numpy as np
import pytest

from hmmlib.analysis import Dependence
from hmmlib.plotting.does_english_satisfy import condition_numbers, dependence_by_distance, distances
from plotting.drawn import line, points, words


def test_condition_numbers_leave_out_what_is_infinite():
    (axes,) = condition_numbers({"fine": {10: np.inf, 100: 50.0, 1000: 20.0}, "coarse": {10: 8.0}}, 1e6).axes
    assert line(axes, "fine") == ([100, 1000], [50.0, 20.0])
    assert line(axes, "coarse") == ([10], [8.0])
    assert line(axes, "the paper's, $H = V = 10$")[1] == [1e6, 1e6]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_tags_stand_in_the_order_of_their_distance_from_the_span():
    (axes,) = distances(["NN", "WP$", "DT"], np.array([0.5, 0.1, 0.9]), np.array([0.6, 0.2, 1.0])).axes
    assert words(axes.get_xticklabels()) == [r"WP\$", "NN", "DT"]
    assert line(axes, "from the span of the others") == ([0, 1, 2], [0.1, 0.5, 0.9])
    assert line(axes, "from the cone of the others") == ([0, 1, 2], [0.2, 0.6, 1.0])


def test_intervals_stand_where_they_were_computed():
    near = Dependence(0.5, 0.3, 0.31, 0.2, 0.15, 0.25, 0.05, 100)
    far = near._replace(excess=0.01, low=-0.01, high=0.03)
    (axes,) = dependence_by_distance({1: near, 20: far}).axes
    assert points(axes.lines[0]) == ([1, 20], [0.2, 0.01])
    spans = axes.containers[0].lines[2][0].get_segments()
    assert [list(span[:, 1]) for span in spans] == [pytest.approx([0.15, 0.25]), pytest.approx([-0.01, 0.03])]
    assert words(axes.get_xticklabels()) == ["1", "20"]
