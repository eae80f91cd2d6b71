"""The columns that are left are drawn as they are: framed where read, crossed where gone."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from hmmlib.plotting.one_theorem import certified_by_noise, columns_left
from plotting.drawn import lines, title, words

W = np.array([[0.8, 0.1, 0.3], [0.2, 0.9, 0.7]])


def test_columns_are_framed_where_they_are_read_and_crossed_where_they_are_gone():
    names = ["x", "y", "z"]
    first, second = columns_left([("one", W, names, [1], [2]), ("two", W, names, [], [])]).axes
    assert [title(axes) for axes in (first, second)] == ["one", "two"]
    assert words(first.get_xticklabels()) == ["x", "y", "z"]
    assert np.asarray(first.images[0].get_array()) == pytest.approx(W)
    (frame,) = (patch for patch in first.patches if isinstance(patch, Rectangle))
    assert (frame.get_xy(), frame.get_width(), frame.get_height()) == ((0.5, -0.5), 1, 2)
    ends = [(list(cross.get_xdata()), list(cross.get_ydata())) for cross in first.lines]
    assert ends == [([1.6, 2.4], [-0.5, 1.5]), ([1.6, 2.4], [1.5, -0.5])]
    assert not second.lines
    assert not [patch for patch in second.patches if isinstance(patch, Rectangle)]


def test_shares_stand_over_the_noise():
    (axes,) = certified_by_noise([0.01, 0.1], {"right": [1.0, 0.9], "promised": [0.8, 0.0]}).axes
    assert lines(axes) == {"right": ([0.01, 0.1], [1.0, 0.9]), "promised": ([0.01, 0.1], [0.8, 0.0])}
    assert axes.get_xscale() == "log"
    assert words(axes.get_legend().get_texts()) == ["right", "promised"]
