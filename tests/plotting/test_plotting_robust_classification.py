"""Figures of densities and of noise show what they are given."""

from __future__ import annotations

import numpy as np

from hmmlib.plotting.robust_classification import densities_in_a_plane, margins_in_noise
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


def test_margins_stand_around_zero():
    (axes,) = margins_in_noise({"flows": {"clean": [1.0, 3.0], "10 dB": [-50.0, -70.0]}}).axes
    assert lines(axes)["flows"][1] == [2.0, -60.0]
    assert any(list(line.get_ydata()) == [0, 0] for line in axes.lines)
