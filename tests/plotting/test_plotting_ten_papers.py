"""The picture of ten papers shows the gains that it is given, on ground that says what they mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from hmmlib.analysis import Mean
from hmmlib.plotting.ten_papers import ClaimPanel, Gain, where_claims_hold
from plotting.drawn import band, line, words
from ten_papers import ten_panels


def gain(*means: float, places: tuple[float, ...] = (1, 10, 100)) -> Gain:
    return Gain(places, Mean(np.array(means), np.full(len(means), 0.5)))


PANEL = ClaimPanel(
    claim="More is better",
    paper="One 2020",
    gains={"here": gain(-1, 0.2, 4), "there": gain(2, places=(10,))},
    x_label="how much",
    y_label="labels right",
    ticks={1: "one", 100: "many"},
    legend="upper left",
)


def test_lines_go_through_means_and_bars_are_their_intervals():
    (axes,) = where_claims_hold([PANEL]).axes
    assert line(axes, "here") == ([1, 10, 100], [-1, 0.2, 4])
    assert line(axes, "there") == ([10], [2])
    bars = [one for one in axes.collections if isinstance(one, LineCollection)]
    np.testing.assert_allclose(bars[0].get_segments()[0], [[1, -1.5], [1, -0.5]])
    np.testing.assert_allclose(bars[1].get_segments(), [[[10, 1.5], [10, 2.5]]])
    assert (axes.get_xlabel(), axes.get_xscale()) == ("how much", "linear")
    assert words(axes.get_xticklabels()) == ["one", "many"]
    assert words(axes.texts) == ["More is better", "One 2020", "↑ labels right"]
    assert words(axes.get_legend().get_texts()) == ["here", "there"]


def test_the_ground_changes_at_zero_and_there_is_some_of_both_even_if_all_gains_have_one_sign():
    panels = [
        PANEL,
        replace(PANEL, gains={"up": gain(3, 4, 5)}),
        replace(PANEL, gains={"down": gain(-3, -4, -5)}),
    ]
    figure = where_claims_hold(panels)
    assert len(figure.axes) == 3
    for axes in figure.axes:
        low, high = axes.get_ylim()
        assert low < 0 < high
        holds, fails = (band(axes, len(axes.collections) - back)[0.0] for back in (2, 1))
        assert (holds, fails) == ((0, high), (low, 0))
    assert words(figure.legends[0].get_texts()) == ["the claim holds", "it fails"]


def test_edges_and_a_logarithmic_axis_can_be_asked_for():
    (axes,) = where_claims_hold([replace(PANEL, log=True, limits=(-0.8, None), legend="center left")]).axes
    assert axes.get_xscale() == "log"
    assert axes.get_ylim()[0] == -0.8
    assert axes.get_ylim()[1] > 4.5


def test_the_figure_of_the_landing_page_is_as_wide_as_a_phone_and_its_legends_lie_over_no_bar():
    figure = where_claims_hold(ten_panels())
    assert figure.get_size_inches()[0] <= 4.4
    assert len(figure.axes) == len(ten_panels())
    figure.canvas.draw()
    for axes in figure.axes:
        legend = axes.get_legend().get_window_extent()
        for bars in axes.collections:
            for segment in bars.get_segments() if isinstance(bars, LineCollection) else ():
                (x, low), (_, high) = axes.transData.transform(segment)
                assert not (legend.x0 < x < legend.x1 and low < legend.y1 and legend.y0 < high), axes.texts[0]
        for text in axes.texts:
            box = text.get_window_extent()
            half = figure.bbox.width / 2
            assert box.x0 // half == box.x1 // half, f"{text} runs out of its half"


@pytest.mark.parametrize(
    ("panels", "message"),
    [
        ([], "panels: expected at least one, got none"),
        ([replace(PANEL, gains={})], "'More is better' has 0 lines, expected 1 to 4"),
        ([replace(PANEL, gains={str(n): gain(1, 2, 3) for n in range(5)})], "has 5 lines, expected 1 to 4"),
        (
            [PANEL, replace(PANEL, gains={"a": gain(1, 2)})],
            "'More is better', 'a' has 3 places, 2 means and 2 intervals, expected equally many",
        ),
        (
            [replace(PANEL, log=True, gains={"a": gain(1, places=(0,))})],
            "'a' has the place 0, expected numbers above 0 on a logarithmic axis",
        ),
    ],
)
def test_what_does_not_fit_is_refused(panels, message):
    with pytest.raises(ValueError, match=message):
        where_claims_hold(panels)
