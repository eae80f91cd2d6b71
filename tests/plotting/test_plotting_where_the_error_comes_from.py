"""Figures of what labels were lost to show the numbers that they are given."""

from __future__ import annotations

import numpy as np
import pytest

from hmmlib.analysis import ATTENTION, EXACT_PROMPT, HEAD, PROMPT, LossCurve, Mean, Step
from hmmlib.plotting import where_the_error_comes_from as figures
from plotting.drawn import bars, lines, title, words


def test_a_waterfall_goes_from_100_to_what_is_left() -> None:
    down = [Step("log-loss", "100", "a", 100, 90), Step("network", "a", "b", 90, 94.04)]
    figure = figures.waterfall({"head": down, "prompt": down[:1]})
    left, right = figure.axes
    assert bars(left)[:, 0] == pytest.approx(np.array([(100, 90), (90, 94.04), (0, 94.04)]))
    assert [text.get_text() for text in left.texts] == ["−10.0", "+4.0", "94.0"]
    assert [label.get_text() for label in left.get_xticklabels()] == ["log-loss", "network", "left"]
    assert [text.get_text() for text in right.texts] == ["−10.0", "90.0"]
    assert left.get_ylim()[0] < 90 < 100 < left.get_ylim()[1]


def test_a_step_that_loses_nothing_has_no_sign() -> None:
    (axes,) = figures.waterfall({"head": [Step("log-loss", "100", "a", 100, 100)]}).axes
    assert axes.texts[0].get_text() == "0"


def test_losses_are_stacked_upward_and_gains_downward() -> None:
    means = {
        4: Mean(np.array([1.0, -2.0, 3.0, -4.0, 0.0]), np.zeros(5)),
        8: Mean(np.array([0.0, 5.0, 0.0, 6.0, 0.0]), np.zeros(5)),
    }
    prompt = {4: Mean(np.array([1.0, 1.0, 1.0]), np.zeros(3))}
    figure = figures.stacked_losses({"head": (HEAD, means), "prompt": (PROMPT, prompt)}, "states")
    axes = figure.axes[0]
    up, down = bars(axes)[::2], bars(axes)[1::2]
    assert up[:4, 0] == pytest.approx(np.array([(0, 1), (1, 1), (1, 4), (4, 4)]))
    assert down[:4, 0] == pytest.approx(np.array([(0, 0), (0, -2), (-2, -2), (-2, -6)]))
    assert up[:4, 1] == pytest.approx(np.array([(0, 0), (0, 5), (5, 5), (5, 11)]))
    totals = [one.get_ydata()[0] for one in axes.lines[:2]]
    assert totals == pytest.approx([-2, 11])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [*HEAD.causes, PROMPT.causes[-1]]


LADDERS = (HEAD, PROMPT, EXACT_PROMPT, ATTENTION)


def test_every_cause_has_a_look_and_can_be_told_apart_in_grey() -> None:
    panels = {
        ladder.name: (ladder, {4: Mean(np.ones(len(ladder.causes)), np.zeros(len(ladder.causes)))})
        for ladder in LADDERS
    }
    looks = {}
    for axes, ladder in zip(figures.stacked_losses(panels, "states").axes, LADDERS, strict=True):
        for container, cause in zip(axes.containers[::2], ladder.causes, strict=True):
            bar = container[0]
            grey = round(float(np.dot(bar.get_facecolor()[:3], [0.3, 0.6, 0.1])), 1)
            looks[cause] = (bar.get_hatch() or "", grey)
    assert len(set(looks.values())) == len(looks)
    assert ("", 0.5) not in looks.values()  # that of a cause that has no look


def test_panels_that_are_not_needed_are_left_out() -> None:
    means = {4: Mean(np.ones(5), np.zeros(5))}
    figure = figures.stacked_losses({str(i): (HEAD, means) for i in range(3)}, "states")
    assert [title(axes) for axes in figure.axes] == ["0", "1", "2"]


def test_a_scatter_has_a_kind_of_marker_for_each_size() -> None:
    figure = figures.scatter_panels(
        {"KL": ([0.1, 0.2, 0.3], [1, 2, 3]), "rank": ([7, 8, 9], [1, 2, 3])},
        [8, 4, 8],
        "points",
        logarithmic=["KL"],
    )
    left, right = figure.axes
    assert lines(left) == {"4": ([0.2], [2]), "8": ([0.1, 0.3], [1, 3])}
    assert lines(right)["8"] == ([7, 9], [1, 3])
    assert len({one.get_marker() for one in left.lines}) == 2
    assert (left.get_xscale(), right.get_xscale()) == ("log", "linear")


def test_deviations_are_drawn_against_the_spread() -> None:
    series = {"spread": [1.0, 10.0], "measured": [0.1, 0.5], "bound": [1.0, 10.0]}
    figure = figures.deviations_by_spread({"small": series, "large": series})
    for axes in figure.axes:
        assert lines(axes) == {"measured": ([1, 10], [0.1, 0.5]), "bound": ([1, 10], [1, 10])}
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_losses_by_kl_have_single_networks_and_their_mean() -> None:
    curves = [
        LossCurve(np.array([0.1, 1.0]), np.array([0.0, 20.0])),
        LossCurve(np.array([0.1, 1.0]), np.array([10.0, 40.0])),
    ]
    met = {"head": {15: 10**-0.5}, "prompt": {15: float("inf")}}
    figure = figures.losses_by_kl({"head": {15: curves}, "prompt": {15: curves[:1]}}, met)
    left, right = figure.axes
    assert lines(left)["15"] == ([0.1, 1.0], pytest.approx([5, 30]))
    assert [list(one.get_ydata()) for one in left.lines[:2]] == [[0, 20], [10, 40]]
    (star,) = [one for one in left.lines if one.get_marker() == "*"]
    assert star.get_ydata() == pytest.approx([17.5])
    # A KL beyond the stops has no place on the curve.
    assert not [one for one in right.lines if one.get_marker() == "*"]
    assert left.get_xlim()[0] > left.get_xlim()[1]
    assert words(figure.legends[0].get_texts()) == ["15"]
