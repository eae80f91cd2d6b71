"""Figures of risks by size show what they are given."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hmmlib.plotting.frozen_model_size import RiskCurve, regions_found, risk_by_size, trained_sizes
from plotting.drawn import lines, title


def test_infinite_risks_leave_a_gap_and_draws_have_their_median():
    drawn = np.array([[1.0, 2.0, 9.0], [3.0, 4.0, 5.0]])
    curve = RiskCurve(((1, 10, 20), (0.5, math.inf, 0.7)), ((1, 20), drawn), {"null": 0.25, "limit": 0.1})
    figure = risk_by_size({"one": curve, "two": curve}, 10)
    left, right = figure.axes
    assert (title(left), title(right)) == ("one", "two")
    drawn_line = left.lines[0]
    np.testing.assert_array_equal(drawn_line.get_ydata(), [0.5, np.nan, 0.7])
    medians = left.containers[0].lines[0]
    assert list(medians.get_ydata()) == [2.0, 4.0]
    assert list(lines(left)["null"][1]) == [0.25, 0.25]
    assert (left.get_ylabel(), left.get_yscale()) == ("risk", "log")


def test_every_point_of_the_grid_is_marked_by_what_is_the_case():
    figure = regions_found(
        (0.1, 1.0), (0.5, 2.0), (("a", "b"), ("b", "b")), {"border": ((0.5, 2.0), (0.2, 0.4))}
    )
    found = lines(figure.axes[0])
    assert found["a"] == ([0.1], [0.5])
    assert found["b"] == ([1.0, 0.1, 1.0], [0.5, 2.0, 2.0])
    assert found["border"][0] == pytest.approx([0.2, 0.4])


def test_means_over_machines_are_geometric_and_every_machine_is_a_dot():
    panels = {
        "one": {"min-norm": {4: [1.0, 100.0], 8: [2.0, 8.0]}, "ridge": {4: [0.5, 0.5], 8: [0.25, 0.25]}},
        "two": {"min-norm": {4: [3.0], 8: [5.0]}},
    }
    left, right = trained_sizes(panels, 6).axes
    assert (title(left), title(right)) == ("one", "two")
    assert lines(left)["min-norm"][0] == [4, 8]
    assert lines(left)["min-norm"][1] == pytest.approx([10.0, 4.0])
    assert lines(left)["ridge"][1] == pytest.approx([0.5, 0.25])
    dots = [line.get_ydata() for line in left.lines if line.get_linestyle() == "None"]
    assert [list(risks) for risks in dots] == [[1.0, 100.0], [2.0, 8.0], [0.5, 0.5], [0.25, 0.25]]
    assert list(right.lines[-1].get_xdata()) == [6, 6]
    assert (left.get_ylabel(), left.get_yscale()) == ("risk", "log")
