"""Figures of tuned heads and prompts show the numbers that they are given."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.patches import Rectangle

from hmmlib.plotting import head_vs_prompt as figures
from hmmlib.tuning import Epoch
from plotting.drawn import dots, line, middles, words

SIZES = [4, 12]
CURVE = {"mean": [90.0, 70.0], "interval": [1.0, 2.0]}


def test_the_diagram_has_a_prompt_in_the_lower_half_only() -> None:
    figure = figures.two_ways()
    above, below = ({text.get_text() for text in axes.texts} for axes in figure.axes)
    assert {"head", "∅"} <= above & below
    assert {"$u_1$", "$u_k$"} <= below - above


def test_what_is_trained_has_a_heavy_edge() -> None:
    for axes, vectors in zip(figures.two_ways().axes, (set(), {"$u_1$", "$u_k$"}), strict=True):
        named: dict[bool, set[str]] = {True: set(), False: set()}
        for box in (patch for patch in axes.patches if isinstance(patch, Rectangle)):
            inside = [text for text in axes.texts if box.get_bbox().contains(*text.get_position())]
            named[box.get_linewidth() > 2] |= set(words(inside))
        assert named[True] - {"", "…"} == vectors | {"head"}
        assert named[False] - {"", "…"} == {
            "language model",
            "∅",
            "$x_1$",
            "$x_2$",
            "$x_T$",
            "distribution at ∅",
        }


def test_descents_show_every_epoch_and_where_they_should_end() -> None:
    epochs = [Epoch(40 * i, 0.5, 0.6 / i, 0.9) for i in (1, 2, 3)]
    (axes,) = figures.descents({"slow": epochs}, solved=0.1, baseline=0.5).axes
    assert line(axes, "slow") == ([1, 2, 3], pytest.approx([0.6, 0.3, 0.2]))
    levels = [one.get_ydata()[0] for one in axes.lines[1:]]
    assert levels == [0.1, 0.5]
    named = [(text.get_text(), text.xy[1]) for text in axes.texts]
    assert named == [("solved", 0.1), ("frequency of the labels", 0.5)]


def test_twins_have_a_bar_for_each_token_and_text() -> None:
    probs = {name: torch.tensor([[0.7, 0.3], [0.2, 0.8]]) for name in ("one way", "other way")}
    figure = figures.twin_probs(probs)
    for axes in figure.axes:
        heights = [bar.get_height() for bars in axes.containers for bar in bars]
        assert heights == pytest.approx([0.7, 0.3, 0.2, 0.8])
        assert middles(axes) == [pytest.approx([-0.2, 0.8]), pytest.approx([0.2, 1.2])]
        assert words(axes.get_xticklabels()) == ["a", "b"]
    assert words(figure.legends[0].get_texts()) == ["label 0", "label 1"]


def test_distances_of_twins_and_their_median() -> None:
    figure = figures.twins_apart({"a": torch.tensor([0.1, 0.2, 0.9]), "b": torch.tensor([1.0])})
    (axes,) = figure.axes
    assert [list(one.get_ydata()) for one in axes.lines] == [
        pytest.approx(values) for values in ([0.1, 0.2, 0.9], [0.2, 0.2], [1.0], [1.0, 1.0])
    ]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["a", "b"]


def test_heads_are_on_the_left_and_prompts_on_the_right() -> None:
    other = {"mean": [99.0, 98.0], "interval": [0.5, 0.5]}
    singles = {"head": {4: [89.0, 91.0], 12: [70.0]}, "prompt": {4: [99.0], 12: [98.0]}}
    figure = figures.head_and_prompt(
        {"head": {"ours": CURVE}, "prompt": {"ours": other}}, SIZES, singles, n_tokens=10
    )
    left, right = figure.axes
    assert line(left, "ours") == (SIZES, CURVE["mean"])
    assert line(right, "ours") == (SIZES, other["mean"])
    band = left.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (68, 91)
    assert dots(left, ".") == [([4, 4], [89, 91]), ([12], [70])]
    assert dots(right, ".") == [([4], [99]), ([12], [98])]
    for axes in (left, right):
        assert list(axes.lines[-1].get_xdata()) == [10, 10]
        assert axes.texts[0].get_position()[0] == 10


def test_a_curve_of_another_length_is_refused() -> None:
    series = {"head": {"ours": CURVE}, "prompt": {"short": {"mean": [1.0], "interval": [1.0]}}}
    with pytest.raises(ValueError, match="short has 1 means and 1 intervals, expected 2"):
        figures.head_and_prompt(series, SIZES, {"head": {}, "prompt": {}}, n_tokens=10)
    plt.close("all")


def test_gains_have_intervals_and_shade_what_is_beyond_the_vocabulary() -> None:
    figure = figures.gains({"ours": CURVE, "theirs": CURVE}, SIZES, n_tokens=10)
    (axes,) = figure.axes
    ((first, _, (bars,)), (second, _, _)) = axes.containers
    assert list(first.get_ydata()) == CURVE["mean"]
    assert [tuple(part[:, 1]) for part in bars.get_segments()] == [(89, 91), (68, 72)]
    assert np.all(np.asarray(first.get_xdata()) < np.asarray(second.get_xdata()))
    assert [text.get_text() for text in axes.texts] == ["$H > V$"]


def test_nothing_is_shaded_where_all_states_have_their_token() -> None:
    figure = figures.gains({"ours": CURVE}, [4, 8], n_tokens=10)
    assert not figure.axes[0].texts


def test_fitted_priors_are_joined_by_their_medians() -> None:
    def cell(size: int, without: float, prompted: float) -> dict:
        return {
            "n_states": size,
            "prior": {"without": {"variation": without}, "with": {"variation": prompted}},
        }

    cells = [cell(12, 0.5, 0.7), cell(4, 0.1, 0.3), cell(4, 0.2, 0.9), cell(4, 0.0, 0.7)]
    (axes,) = figures.fitted_priors(cells).axes
    assert line(axes, "no prompt") == ([0, 1], pytest.approx([0.1, 0.5]))
    assert line(axes, "tuned prompt") == ([0, 1], pytest.approx([0.7, 0.7]))
