"""Figures of accuracy before the copy show what they are given."""

from __future__ import annotations

import numpy as np
import torch

from hmmlib.plotting.pre_memorization import examples_over_steps, foretold_and_found, worth_of_thresholds
from plotting.drawn import lines, points, title


def test_accuracies_are_a_picture_and_what_is_memorised_has_a_dot():
    accuracies = torch.tensor([[0.0, 0.2, 0.4], [0.4, 0.9, 1.0]])
    memorised = torch.tensor([[False, False, True], [False, True, True]])
    figure = examples_over_steps(
        {"one": ((8, 32), accuracies, memorised), "two": ((8,), accuracies[:1], ~memorised[:1])}
    )
    one, two, _ = figure.axes
    assert (title(one), title(two)) == ("one", "two")
    np.testing.assert_array_equal(one.images[0].get_array(), accuracies.numpy())
    on_light, on_dark = (points(dots) for dots in one.lines)
    assert on_light == ([1, 2], [1, 1])
    assert on_dark == ([2], [0])
    assert [line.get_color() for line in one.lines] == ["black", "white"]
    assert [label.get_text() for label in one.get_yticklabels()] == ["8", "32"]
    assert points(two.lines[1]) == ([0, 1], [0, 0])


def test_every_run_is_a_dot_beside_the_line_of_right_predictions():
    panels = {
        "training": {"few": ([0.9, 1.0], [0.1, 0.2]), "many": ([0.5], [0.4])},
        "before": {"few": ([0.1, 0.2], [0.1, 0.2]), "many": ([0.4], [0.4])},
    }
    figure = foretold_and_found(panels, y_label="test")
    left, right = figure.axes
    assert (title(left), title(right)) == ("training", "before")
    assert left.get_ylabel() == "test"
    assert lines(left)["few"] == ([0.9, 1.0], [0.1, 0.2])
    assert lines(right)["many"] == ([0.4], [0.4])
    assert left.lines[0].get_slope() == 1


def test_worth_is_the_mean_over_seeds_and_seeds_are_dots():
    panels = {
        "gap": {"main": {-1.0: [0.5, 0.7], 0.0: [0.8, 0.9]}, "low noise": {-1.0: [0.1], 0.0: [-9.0]}},
        "perplexity": {"main": {1.2: [0.3, 0.5]}, "low noise": {1.2: [0.2]}},
    }
    figure = worth_of_thresholds(panels, own={"perplexity": {"main": 1.6, "low noise": 1.1}}, lowest=-1.0)
    left, right = figure.axes
    assert (left.get_xlabel(), right.get_xlabel()) == ("gap", "perplexity")
    places, means = lines(left)["main"]
    assert places == [-1.0, 0.0]
    np.testing.assert_allclose(means, [0.6, 0.85])
    assert left.get_ylim()[0] == -1.0
    assert [list(line.get_ydata()) for line in left.lines if line.get_linestyle() == "None"][:2] == [
        [0.5, 0.7],
        [0.8, 0.9],
    ]
    marks = [line.get_xdata()[0] for line in right.lines if list(line.get_ydata()) == [0, 1]]
    assert marks == [1.6, 1.1]
