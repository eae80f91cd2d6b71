"""The figure of how inference grows shows measurements over their smallest, and the fit."""

from __future__ import annotations

import itertools

import matplotlib.pyplot as plt
import pytest

from hmmlib.plotting.library_speed import growth
from plotting.drawn import band, title


@pytest.fixture
def measured() -> dict:
    x = [1, 10, 100, 1000]
    line = {"median": x, "min": [0.9 * v for v in x], "max": [1.1 * v for v in x]}
    one = {"x": x, "seconds": line, "fit": {"exponent": 1.0, "factor": 1.0, "fitted_from": 100}}
    return {"growth": {"time": {"time": one, "n_states": one, "batch": one}}}


def test_growth_shows_points_and_fit_in_three_panels(measured: dict) -> None:
    panels = growth(measured)
    for panel, symbol in itertools.zip_longest(panels, "THB"):
        points, fit = panel.get_lines()
        assert list(points.get_xdata()) == [1, 10, 100, 1000]
        assert list(fit.get_ydata()) == pytest.approx([100, 1000])
        assert f"{symbol}^{{1.00}}" in fit.get_label()
        assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")


def test_times_are_relative_to_the_smallest_problem() -> None:
    seconds = {"median": [2.0, 8.0], "min": [1.0, 6.0], "max": [3.0, 9.0]}
    one = {"x": [1, 2], "seconds": seconds, "fit": {"exponent": 2.0, "factor": 2.0, "fitted_from": 1}}
    panels = growth({"growth": {"time": {"time": one, "n_states": one, "batch": one}}})
    for panel in panels:
        measured, fit = panel.get_lines()
        assert list(measured.get_ydata()) == [1, 4]
        assert list(fit.get_ydata()) == [1, 4]
        assert band(panel) == {1: (0.5, 1.5), 2: (3, 4.5)}
    assert [title(panel) for panel in panels] == ["Length", "States", "Batch"]


def test_growth_says_what_is_wrong(measured: dict) -> None:
    with pytest.raises(ValueError, match="axes: expected 3 panels, got 2"):
        growth(measured, plt.subplots(1, 2)[1])
    plt.close("all")
