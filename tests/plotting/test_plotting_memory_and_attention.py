"""Figures of the attention head show the texts, keys, values and bounds that they are given."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch

from hmmlib.plotting.memory_and_attention import (
    attention_over_text,
    deviation_against_bound,
    emission_columns,
    memory_model,
    soft_attention,
    text_and_reader,
)
from hmmlib.plotting.style import PALETTE
from plotting.drawn import heights, line, middles, points, title, words

WORDS, NAMES = ["the", "boat", "is"], ["article", "noun", "link"]
STATES = torch.tensor([0, 2, 1])


def check_chain(axes: Axes) -> None:
    """State 1 is starred: its place is full, the others are open."""
    steps, full, hollow = axes.lines
    assert points(steps) == ([0, 1, 2], [0, 2, 1])
    assert steps.get_drawstyle() == "steps-mid"
    assert (points(full), to_hex(full.get_markerfacecolor())) == (([2], [1]), PALETTE[0].color)
    assert (points(hollow), hollow.get_markerfacecolor()) == (([0, 1], [0, 2]), "white")
    assert words(axes.get_yticklabels()) == NAMES
    assert axes.get_ylim() == (2.5, -0.5)


def test_a_text_stands_under_the_chain_that_reads():
    (axes,) = text_and_reader(WORDS, STATES, NAMES, [1], "a title").axes
    check_chain(axes)
    assert title(axes) == "a title"
    assert words(axes.get_xticklabels()) == WORDS


def test_columns_stand_upright_and_some_have_a_frame():
    columns = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    axes, bar = emission_columns(columns, ["a", "b"], NAMES, starred=[2]).axes
    assert np.asarray(axes.images[0].get_array()) == pytest.approx(columns.T.numpy())
    assert axes.images[0].get_clim() == (0, 1)
    (frame,) = axes.patches
    assert frame.get_bbox().extents == pytest.approx((1.5, -0.5, 2.5, 1.5))
    assert not frame.get_fill()
    assert words(axes.get_xticklabels()) == NAMES
    assert words(axes.get_yticklabels()) == ["a", "b"]
    assert bar.get_ylabel() == "probability"


def test_positions_of_the_largest_key_are_dark():
    keys, values = torch.tensor([1.0, 0.25, 1.0], dtype=torch.double), torch.tensor([0.3, -0.5, 0.3])
    figure = attention_over_text(WORDS, keys, values, 0.3, states=STATES, names=NAMES, starred=[1])
    chain, above, below = figure.axes
    check_chain(chain)
    assert heights(above) == [[1, 0.25, 1]]
    assert heights(below) == [pytest.approx([0.3, -0.5, 0.3])]
    for axes in (above, below):
        assert [bool(bar.get_hatch()) for bar in axes.patches] == [False, True, False]
        assert to_hex(axes.patches[0].get_facecolor()) == PALETTE[0].color
        assert middles(axes) == [pytest.approx([0, 1, 2])]
    assert line(below, "margin of the text")[1] == [0.3, 0.3]
    low, high = below.get_ylim()
    assert low < -0.5 < 0.3 < high
    assert words(below.get_xticklabels()) == WORDS


def test_keys_as_large_as_the_largest_but_for_rounding_are_dark_too():
    keys = torch.tensor([1.0, 1.0 - 1e-12, 0.9], dtype=torch.double)
    axes = attention_over_text(WORDS, keys, keys, 1.0, tolerance=1e-9).axes[0]
    assert [bool(bar.get_hatch()) for bar in axes.patches] == [False, False, True]


def test_without_the_chain_there_are_keys_and_values_only():
    keys = torch.tensor([0.5, 1.0], dtype=torch.double)
    figure = attention_over_text(["a", "b"], keys, -keys, -0.5, condition="given ℳ*")
    above, below = figure.axes
    assert heights(above) == [[0.5, 1]]
    assert heights(below) == [[-0.5, -1]]
    assert line(below, "margin of the text given ℳ*")[1] == [-0.5, -0.5]
    assert words(below.get_xticklabels()) == ["a", "b"]


def test_every_token_hangs_on_its_address_and_on_the_memory():
    (axes,) = memory_model(3).axes
    shown = {text.get_text(): text.get_position() for text in axes.texts}
    assert [shown[f"$J_{i}, S_{i}$"] for i in (1, 2, 3)] == [(1, 2), (2, 2), (3, 2)]
    assert [shown[f"$X_{i}$"] for i in (1, 2, 3)] == [(1, 1), (2, 1), (3, 1)]
    assert shown["$M_j$"] == pytest.approx((2, -0.05))
    assert "$j = 1, …, N$" in shown
    assert len([patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]) == 3 * 3 + 1


def test_softened_attention_stays_under_its_bounds():
    strays = {"text": torch.tensor([[0.0, 0.1], [0.5, 1.0]])}
    moves = [torch.tensor([[0.01, 0.02], [0.2, 0.4]])]
    left, right = soft_attention([0.1, 1.0], strays, moves).axes
    # Nothing at all is drawn below the axis.
    assert line(left, "text") == ([0.1, 1.0], pytest.approx([1e-13, 0.1]))
    assert points(left.lines[1]) == ([0.1, 1.0], pytest.approx([0.5, 1.0]))
    assert line(right, "text") == ([0.1, 1.0], pytest.approx([0.01, 0.02]))
    assert points(right.lines[1]) == ([0.1, 1.0], pytest.approx([0.2, 0.4]))
    for axes in (left, right):
        known, most = axes.lines
        assert known.get_linewidth() > most.get_linewidth()
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (title(left), title(right)) == (r"Attention outside of $\mathcal{I}$", "Deviation of the output")


def test_deviations_stay_below_the_line_of_their_bounds():
    bounds, deviations = torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0.0, 0.1, 0.9])
    (axes,) = deviation_against_bound(bounds, deviations).axes
    assert points(axes.lines[0]) == ([0, 0.5, 1], pytest.approx([0, 0.1, 0.9]))
    assert line(axes, "deviation = bound") == ([0, pytest.approx(1.03)], [0, pytest.approx(1.03)])
    assert axes.get_xlim() == axes.get_ylim() == pytest.approx((-0.0206, 1.03))
    assert axes.get_xlabel() == r"$P[H_i \notin \mathcal{H}^* | x]$"
    assert axes.get_ylabel() == r"deviation / $\max|\mu|$"
