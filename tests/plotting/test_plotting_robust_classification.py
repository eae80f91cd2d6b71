"""Figures of densities and of noise show what they are given."""

from __future__ import annotations

import numpy as np

from hmmlib.plotting.robust_classification import accuracy_in_noise, densities_in_a_plane, margins_in_noise
from plotting.drawn import lines


def test_every_density_has_a_panel_and_dense_places_are_dark():
    table = np.array([[0.0, 1.0], [4.0, 0.25]])
    found = densities_in_a_plane(
        {"truth": table, "flow": 2 * table}, [-1.0, 1.0], {"truth": np.array([[0.5, -0.5], [0.1, 0.2]])}
    )
    left, right = found.axes
    assert [axis.get_title(loc="left") for axis in found.axes] == ["truth", "flow"]
    np.testing.assert_allclose(left.images[0].get_array(), np.sqrt(table))
    assert left.images[0].origin == "lower"
    assert left.images[0].get_extent() == [-1, 1, -1, 1]
    assert [np.asarray(part).tolist() for part in left.lines[0].get_data()] == [[0.5, 0.1], [-0.5, 0.2]]
    assert not right.lines
    assert right.images[0].get_array().max() > left.images[0].get_array().max()


def test_exact_models_are_grey_and_values_have_dots():
    values = {"clean": [0.9, 1.0], "10 dB": [0.5, 0.7]}
    better = {"clean": [1.0, 1.0], "10 dB": [0.9, 0.9]}
    figure = accuracy_in_noise(
        {"thin": {"flows": values, "Bayes": better}, "thick": {"flows": better}}, ("Bayes",)
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
    assert left.get_ylabel() == "accuracy"


def test_margins_stand_around_zero():
    (axes,) = margins_in_noise({"flows": {"clean": [1.0, 3.0], "10 dB": [-50.0, -70.0]}}).axes
    assert lines(axes)["flows"][1] == [2.0, -60.0]
    assert any(list(line.get_ydata()) == [0, 0] for line in axes.lines)
