"""Figures of what labels were lost to show the numbers that they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hmmlib.analysis import HEAD, PROMPT, Mean, Step
from hmmlib.plotting import where_the_error_comes_from as figures
from plotting.drawn import bars, lines, title


def test_a_waterfall_goes_from_100_to_what_is_left() -> None:
    down = [Step("labels", "100", "a", 100, 90), Step("emissions", "a", "b", 90, 94.04)]
    figure = figures.waterfall({"head": down, "prompt": down[:1]})
    left, right = figure.axes
    assert bars(left)[:, 0] == pytest.approx(np.array([(100, 90), (90, 94.04), (0, 94.04)]))
    assert [text.get_text() for text in left.texts] == ["−10.0", "+4.0", "94.0"]
    assert [label.get_text() for label in left.get_xticklabels()] == ["labels", "emissions", "left"]
    assert [text.get_text() for text in right.texts] == ["−10.0", "90.0"]
    assert left.get_ylim()[0] < 90 < 100 < left.get_ylim()[1]


def test_a_step_that_loses_nothing_has_no_sign() -> None:
    (axes,) = figures.waterfall({"head": [Step("labels", "100", "a", 100, 100)]}).axes
    assert axes.texts[0].get_text() == "0"


def test_losses_are_stacked_upward_and_gains_downward() -> None:
    means = {
        4: Mean(np.array([1.0, -2.0, 3.0, -4.0]), np.zeros(4)),
        8: Mean(np.array([0.0, 5.0, 0.0, 6.0]), np.zeros(4)),
    }
    prompt = {4: Mean(np.array([1.0, 1.0, 1.0]), np.zeros(3))}
    figure = figures.stacked_losses({"head": (HEAD, means), "prompt": (PROMPT, prompt)}, "states")
    axes = figure.axes[0]
    up, down = bars(axes)[::2], bars(axes)[1::2]
    assert up[:, 0] == pytest.approx(np.array([(0, 1), (1, 1), (1, 4), (4, 4)]))
    assert down[:, 0] == pytest.approx(np.array([(0, 0), (0, -2), (-2, -2), (-2, -6)]))
    assert up[:, 1] == pytest.approx(np.array([(0, 0), (0, 5), (5, 5), (5, 11)]))
    totals = [one.get_ydata()[0] for one in axes.lines[:2]]
    assert totals == pytest.approx([-2, 11])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [*HEAD.causes, PROMPT.causes[-1]]


def test_causes_can_be_told_apart_in_grey() -> None:
    means = {4: Mean(np.ones(4), np.zeros(4))}
    (axes,) = figures.stacked_losses({"head": (HEAD, means)}, "states").axes
    looks = set()
    for container in axes.containers[::2]:
        bar = container[0]
        looks.add((bar.get_hatch() or "", round(float(np.dot(bar.get_facecolor()[:3], [0.3, 0.6, 0.1])), 1)))
    assert len(looks) == len(HEAD.causes)


def test_panels_that_are_not_needed_are_left_out() -> None:
    means = {4: Mean(np.ones(4), np.zeros(4))}
    figure = figures.stacked_losses({str(i): (HEAD, means) for i in range(3)}, "states")
    assert [title(axes) for axes in figure.axes] == ["0", "1", "2"]


def test_points_have_their_intervals_beside_one_another() -> None:
    series = {
        "a": Mean(np.array([1.0, -2.0]), np.array([0.5, 1.0])),
        "b": Mean(np.array([3.0, 4.0]), np.array([0.0, 2.0])),
    }
    (axes,) = figures.points_by_size(series, [4, 8], "points").axes
    ((first, _, (segments,)), (second, _, _)) = axes.containers
    assert list(first.get_ydata()) == [1, -2]
    assert [tuple(part[:, 1]) for part in segments.get_segments()] == [(0.5, 1.5), (-3, -1)]
    assert np.all(np.asarray(first.get_xdata()) < np.asarray(second.get_xdata()))


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


def half_trained(seed: int) -> dict[str, Any]:
    def entry(share: float) -> dict[str, float]:
        return {"test": share}

    stops = [
        {"step": 10, "blank_kl": 0.5, "methods": {"learnt_head": entry(0.6), "learnt_prompt": entry(0.7)}},
        {"step": 20, "blank_kl": 0.1, "methods": {"learnt_head": entry(0.8), "learnt_prompt": entry(0.9)}},
    ]
    exact = {"majority": 0.55, "posterior": 1.0, "exact_head": 0.85, "exact_prompt": 0.95}
    return {
        "n_states": 15,
        "seed": seed,
        "exact": {name: entry(value) for name, value in exact.items()},
        "stops": stops,
    }


def test_training_goes_to_the_right_and_ends_below_the_exact_model() -> None:
    figure = figures.along_training([half_trained(seed) for seed in (1, 2, 3)])
    assert [title(axes) for axes in figure.axes] == [f"$H = 15$, seed {seed}" for seed in (1, 2, 3)]
    axes = figure.axes[0]
    assert lines(axes)["head"] == ([0.5, 0.1], pytest.approx([60, 80]))
    assert lines(axes)["prompt"] == ([0.5, 0.1], pytest.approx([70, 90]))
    levels = [one.get_ydata()[0] for one in axes.lines if one.get_label() not in ("head", "prompt")]
    assert sorted(levels) == pytest.approx([55, 85, 95])
    assert axes.get_xlim()[0] > axes.get_xlim()[1]


def test_quartiles_leave_out_machines_that_have_none() -> None:
    values = [[np.nan, 10.0], [20.0, 20.0], [30.0, 30.0], [40.0, 40.0], [50.0, 50.0]]
    figure = figures.quartiles({"few": {"exact": values}}, [50, 5000], "texts", "right")
    (axes,) = figure.axes
    assert lines(axes)["exact"] == ([50, 5000], [35, 30])
    band = axes.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == pytest.approx((20, 42.5))
