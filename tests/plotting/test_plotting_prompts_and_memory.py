"""Figures of prompts that condition a memory show the posteriors, keys and shares that they are given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hmmlib.plotting.prompts_and_memory import (
    forgetting,
    memory_posteriors,
    shares_recoverable,
)
from plotting.drawn import line, points, title, words


def test_values_that_the_prompt_leaves_are_named():
    without = torch.tensor([[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]])
    prompted = torch.tensor([[0.6, 0.0, 0.4], [0.9, 0.0, 0.1]])
    left, right = memory_posteriors(without, prompted, torch.tensor([1]), kept=[0, 2], start="-").axes
    assert (title(left), title(right)) == ("without a prompt", "with the prompt")
    for axes, table, start in ((left, without, "-"), (right, prompted, "u")):
        assert line(axes, "value 0") == ([0, 1], pytest.approx(table[:, 0].tolist()))
        assert line(axes, "value 2") == ([0, 1], pytest.approx(table[:, 2].tolist()))
        grey = [points(one) for one in axes.lines if str(one.get_label()).startswith("_")]
        assert grey == [([0, 1], pytest.approx(table[:, 1].tolist()))]
        assert words(axes.get_xticklabels()) == [start, "b"]
    assert words(right.get_legend().get_texts()) == ["value 0", "value 2", "weight zero"]


def test_shares_of_hmms_and_the_capacity():
    panels = {"random": {"one": {2: 1.0, 3: 0.5}, "two": {2: 0.75, 3: 0.25}}, "planted": {"one": {2: 0.9}}}
    figure = shares_recoverable(panels, capacity=2.5)
    left, right = figure.axes
    assert line(left, "one") == ([2, 3], [100, 50])
    assert line(left, "two") == ([2, 3], [75, 25])
    assert line(right, "one") == ([2], [90])
    assert (title(left), title(right)) == ("random", "planted")
    for axes in (left, right):
        assert axes.lines[-1].get_xdata() == [2.5, 2.5]
        assert words(axes.texts) == ["$V/|𝒮|$"]
        assert axes.texts[0].get_position()[0] < 2.5
    assert words(figure.legends[0].get_texts()) == ["one", "two"]
    assert not shares_recoverable({"x": {"one": {2: 1.0}}}).axes[0].texts


def test_forgetting_falls_at_the_rate_of_the_chain():
    (axes,) = forgetting([0, 1, 9], [0.35, 0.18, 9e-4], [0.4, 0.2, 1e-3], rate=0.5).axes
    assert line(axes, "measured") == ([0, 1, 9], [0.35, 0.18, 9e-4])
    assert line(axes, "bound") == ([0, 1, 9], [0.4, 0.2, 1e-3])
    assert line(axes, "slope of 0.5$^k$") == ([0, 1, 9], pytest.approx([2.0, 1.0, 2 / 512]))
    assert axes.get_yscale() == "log"
    assert "$k$" in axes.get_xlabel()
    # A slope that begins later is a slope from there on.
    (later,) = forgetting([2, 9], [0.3, 1e-3], [0.4, 2e-3], rate=0.5).axes
    assert np.array(line(later, "slope of 0.5$^k$")[1]) == pytest.approx([2.0, 2 / 128])
