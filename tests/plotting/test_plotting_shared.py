"""Figures that several chapters draw show the accuracies and margins that they are given."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from hmmlib.plotting import PALETTE, accuracy_by_states, turning_labels
from hmmlib.plotting.shared import kl_maps, means_over_seeds
from plotting.drawn import dots, line, lines, points, title, words


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


def test_maps_of_kl_share_a_scale_and_have_their_numbers_in_them():
    panels = {"one": {"a": {"x": 0.1234, "y": 2e-9}, "b": {"y": 0.0045}}, "other": {"c": {"x": 0.00067}}}
    left, right, bar = kl_maps(panels, rows="letters", columns="names").axes
    assert words(left.texts) == ["123", "0.00", "4.5"]
    assert words(right.texts) == ["0.67"]
    assert left.images[0].get_clim() == right.images[0].get_clim() == (1e-6, 0.1234)
    # A KL of zero has a place on the logarithmic scale; what was not measured has none.
    found = np.ma.filled(left.images[0].get_array(), np.nan)
    assert found == pytest.approx(np.array([[0.1234, 1e-6], [np.nan, 0.0045]]), nan_ok=True)
    assert (left.get_xlabel(), left.get_ylabel(), title(right)) == ("names", "letters", "other")
    assert [words(axes.get_yticklabels()) for axes in (left, right)] == [["a", "b"], ["c"]]
    light = {text.get_text(): text.get_color() for text in left.texts}
    assert (light["0.00"], light["123"]) == ("white", "black")
    assert bar.get_ylabel() == "KL (thousandths of a nat)"


def test_a_map_without_numbers_is_refused():
    with pytest.raises(ValueError, match="panels: expected at least one number, got none"):
        kl_maps({"empty": {"a": {}}}, rows="letters", columns="names")


def test_exact_models_are_grey_and_values_have_dots():
    values = {"clean": [0.9, 1.0], "10 dB": [0.5, 0.7]}
    better = {"clean": [1.0, 1.0], "10 dB": [0.9, 0.9]}
    figure = means_over_seeds(
        {"thin": {"flows": values, "Bayes": better}, "thick": {"flows": better}},
        ("Bayes",),
        x_label="noise",
        y_label="accuracy",
    )
    left, right = figure.axes
    found = lines(left)
    np.testing.assert_allclose(found["flows"][1], [0.95, 0.6])
    np.testing.assert_allclose(found["Bayes"][1], [1.0, 0.9])
    colours = {line.get_label(): line.get_color() for line in left.lines}
    assert colours["Bayes"] == "#666666" != colours["flows"]
    dots = [list(line.get_ydata()) for line in left.lines if line.get_linestyle() == "None"]
    assert dots == [[0.9, 1.0], [0.5, 0.7], [1.0, 1.0], [0.9, 0.9]]
    assert right.get_title(loc="left") == "thick"
    assert [word.get_text() for word in figure.legends[0].get_texts()] == ["flows", "Bayes"]
    assert (left.get_xlabel(), left.get_ylabel()) == ("noise", "accuracy")
