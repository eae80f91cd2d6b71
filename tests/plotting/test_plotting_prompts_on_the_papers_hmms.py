"""Figures of the exact model on the paper's HMMs show the accuracies that they are given."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_hex

from hmmlib.plotting.prompts_on_the_papers_hmms import exact_beside_paper
from hmmlib.plotting.style import PALETTE
from plotting.drawn import band, dots, line, title


def test_exact_accuracies_and_the_papers_are_in_the_same_unit():
    series = {
        "head": {"ours": {4: [0.9, 1.0], 12: [0.7]}, "always the same": {4: [0.7], 12: [0.65]}},
        "prompt": {
            "ours": {4: [1.0], 12: [0.8]},
            "other": {4: [0.9], 12: [0.9]},
            "same": {4: [0.7], 12: [0.65]},
        },
    }
    paper = {
        "H": [4, 12],
        "head_tuning": {"mean": [94.0, 84.0], "interval": [2.0, 3.0]},
        "prompt_tuning": {"mean": [99.0, 98.0], "interval": [1.0, 1.0]},
    }
    left, right = exact_beside_paper(series, paper, n_tokens=10).axes
    assert (title(left), title(right)) == ("Head alone", "Prompt and head")
    assert line(left, "ours") == ([4, 12], pytest.approx([95, 70]))
    assert line(left, "always the same") == ([4, 12], pytest.approx([70, 65]))
    assert line(right, "other") == ([4, 12], pytest.approx([90, 90]))
    assert line(left, "the paper, trained network") == ([4, 12], [94, 84])
    assert line(right, "the paper, trained network") == ([4, 12], [99, 98])
    assert band(left) == {4: (92, 96), 12: (81, 87)}
    assert dots(left, ".") == [([4, 4], pytest.approx([90, 100])), ([12], pytest.approx([70]))]
    assert dots(right, ".") == [([4], pytest.approx([100])), ([12], pytest.approx([80]))]
    for axes in (left, right):
        assert axes.texts[0].get_position()[0] == 10
        assert [one.get_xdata()[0] for one in axes.lines if list(one.get_ydata()) == [0, 1]] == [10]
        # The paper's curve and the baseline look the same on both sides.
        by_name = {one.get_label(): to_hex(one.get_color()) for one in axes.lines}
        assert by_name["the paper, trained network"] == PALETTE[2].color
        assert list(axes.get_xticks()) == [4, 12]
    assert to_hex(left.lines[1].get_color()) == to_hex(right.lines[2].get_color()) == PALETTE[3].color
