"""Figures that several chapters draw show the accuracies and margins that they are given."""

from __future__ import annotations

import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from hmmlib.plotting import PALETTE, accuracy_by_states, turning_labels
from plotting.drawn import dots, line, points, title, words


def bare_lines(axes: Axes) -> list[Line2D]:
    return [one for one in axes.lines if one.get_marker() == "None" and str(one.get_label()).startswith("_")]


def test_accuracies_have_means_for_all_and_dots_for_the_first():
    series = {"head": {4: [0.9, 1.0], 12: [0.7]}, "posterior": {4: [1.0, 1.0], 12: [0.95]}}
    (axes,) = accuracy_by_states(series, n_tokens=10).axes
    assert line(axes, "head") == ([4, 12], pytest.approx([95, 70]))
    assert line(axes, "posterior") == ([4, 12], pytest.approx([100, 95]))
    assert dots(axes, ".") == [([4, 4], pytest.approx([90, 100])), ([12], pytest.approx([70]))]
    assert list(axes.lines[-1].get_xdata()) == [10, 10]
    assert words(axes.texts) == ["$H = V$"]
    assert axes.texts[0].get_position()[0] == 10
    assert list(axes.get_xticks()) == [4, 12]
    assert axes.get_ylim() == (0, 102)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("hidden states $H$", "labels right (%)")


def test_labels_turn_where_margins_change_their_sign():
    shown = torch.tensor([[0.1, 0.5, 0.9], [0.2, 0.3, 0.4]])
    names = {"x_label": "how often", "y_labels": ("margin", "probability")}
    figure = turning_labels([1, 2, 3], [0.5, -0.5, 0.25], shown, **names)
    left, right = figure.axes
    assert points(left.lines[0]) == ([1, 2, 3], [0.5, -0.5, 0.25])
    assert line(left, "label 1") == ([1, 3], [0.5, 0.25])
    assert line(left, "label 0") == ([2], [-0.5])
    # The same texts on the right, with what each of them shows.
    assert line(right, "label 1") == ([1, 3], pytest.approx([0.1, 0.9]))
    assert line(right, "label 0") == ([2], pytest.approx([0.5]))
    faces = {one.get_label(): one.get_markerfacecolor() for one in left.lines}
    assert (to_hex(faces["label 1"]), faces["label 0"]) == (PALETTE[0].color, "white")
    prompts = [points(one)[1] for one in bare_lines(right)]
    assert prompts == [pytest.approx([0.2, 0.3, 0.4]), pytest.approx([0.1, 0.5, 0.9])]
    assert words(figure.legends[0].get_texts()) == ["no prompt", "prompts"]
    assert (left.get_ylabel(), right.get_ylabel()) == ("margin", "probability")
    assert left.get_xlabel() == right.get_xlabel() == "how often"
    assert title(right) == "What is shown moves one way"


def test_a_margin_of_zero_has_label_1_and_without_prompts_there_is_no_legend_of_them():
    names = {"x_label": "x", "y_labels": ("margin", "probability")}
    figure = turning_labels([1, 2], [0.0, -1.0], torch.tensor([[0.5, 0.6]]), **names)
    assert line(figure.axes[0], "label 1") == ([1], [0])
    assert not figure.legends
