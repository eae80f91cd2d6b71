"""Figures of transducers show the posteriors, losses and errors that they are given."""

from __future__ import annotations

import numpy as np

from hmmlib.plotting.word_error_rate_training import errors_by_setting, lattice_posteriors, loss_and_errors
from plotting.drawn import lines


def test_a_lattice_has_a_row_for_each_word():
    table = np.array([[0.9, 0.0], [0.1, 0.2], [0.0, 0.8]])
    (axes,) = lattice_posteriors({"after training": table}, ["3", "5"]).axes
    np.testing.assert_array_equal(axes.images[0].get_array(), table.T)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["3", "5"]
    assert axes.get_title(loc="left") == "after training"
    assert axes.get_xlabel() == "frame"


def test_lines_lead_from_starts_to_ends():
    small = {"likelihood": [(2.0, 30.0), (2.1, 31.0)], "errors": [(2.6, 27.0), (2.7, 28.0)]}
    large = {"likelihood": [(1.8, 25.0)], "errors": [(2.0, 24.0)]}
    figure = loss_and_errors({"small": small, "large": large}, [(2.5, 32.0), (2.4, 33.0), (1.9, 26.0)])
    left, right = figure.axes
    assert lines(left)["start"] == ([2.5, 2.4], [32.0, 33.0])
    assert lines(left)["errors"] == ([2.6, 2.7], [27.0, 28.0])
    ways = [tuple(map(tuple, line.get_data())) for line in left.lines if line.get_linestyle() != "None"]
    assert ways[0] == ((2.5, 2.0), (32.0, 30.0))
    assert ways[3] == ((2.4, 2.7), (33.0, 28.0))
    assert lines(right)["start"] == ([1.9], [26.0])
    assert [word.get_text() for word in figure.legends[0].get_texts()] == ["start", "likelihood", "errors"]


def test_errors_are_means_over_seeds():
    panels = {
        "beam": {"likelihood": {"1": [30.0, 32.0], "8": [26.0, 28.0]}},
        "length": {"likelihood": {"0": [26.0]}},
    }
    figure = errors_by_setting(panels, {"beam": "strings kept", "length": "exponent"})
    left, right = figure.axes
    assert lines(left)["likelihood"] == (["1", "8"], [31.0, 27.0])
    assert (left.get_xlabel(), right.get_xlabel()) == ("strings kept", "exponent")
    assert left.get_title(loc="left") == "beam"
