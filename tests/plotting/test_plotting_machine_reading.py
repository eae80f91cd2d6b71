"""Figures of readers show what they are given."""

from __future__ import annotations

import pytest
import torch

from hmmlib.plotting.machine_reading import learning_curves, places_found, reliability
from plotting.drawn import lines, title


def test_each_place_has_a_bar_for_each_reader():
    figure = places_found(
        {"relevant": {"Bayes": [0.1, 0.9], "reader": torch.tensor([0.2, 0.6])}, "not": {"Bayes": [0.0, 0.1]}},
        ["a", "b"],
    )
    first, second = figure.axes
    assert (title(first), title(second)) == ("relevant", "not")
    assert [bar.get_height() for bar in first.patches] == pytest.approx([0.1, 0.9, 0.2, 0.6])
    assert [bar.get_height() for bar in second.patches] == pytest.approx([0.0, 0.1])
    centres = [bar.get_x() + bar.get_width() / 2 for bar in first.patches]
    assert centres == pytest.approx([-0.2, 0.8, 0.2, 1.2])
    assert [text.get_text() for text in second.get_xticklabels()] == ["a", "b"]


def test_every_seed_has_its_line_and_its_start_a_name():
    panels = {
        "rate 0.01": {"nothing": [([1, 2], [0.3, 0.5]), ([1, 2], [0.2, 0.4])], "masked": [([1], [0.6])]},
        "rate 0.02": {"nothing": [([1], [0.1])]},
    }
    figure = learning_curves(panels, {"Bayes": 0.9}, y_label="F1")
    left, right = figure.axes
    assert lines(left)["nothing"] == ([1, 2], [0.3, 0.5])
    assert lines(left)["masked"] == ([1], [0.6])
    assert len(left.lines) == 4
    assert left.lines[0].get_color() == left.lines[1].get_color() != left.lines[2].get_color()
    assert list(right.lines[-1].get_ydata()) == [0.9, 0.9]
    assert (left.get_ylabel(), title(right)) == ("F1", "rate 0.02")


def test_bins_have_as_many_statements_and_their_share_that_is_so():
    probs = torch.tensor([0.9, 0.1, 0.2, 0.8])
    so = torch.tensor([True, False, True, True])
    (axis,) = reliability({"": {"reader": (probs, so)}}, n_bins=2).axes
    said, seen = lines(axis)["reader"]
    assert said == pytest.approx([0.15, 0.85])
    assert seen == pytest.approx([0.5, 1.0])
