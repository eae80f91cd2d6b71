"""Figures of texts, machines and what a text reveals show what they are given."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.patches import Circle

from hmmlib import HMM
from hmmlib.plotting.text_from_an_hmm import (
    floor_against_states,
    graphical_model,
    parameter_maps,
    posterior_maps,
    text_with_states,
)
from plotting.drawn import dots, line, title, words

MACHINE = HMM([0.5, 0.5], [[0.9, 0.1], [0.3, 0.7]], [[0.2, 0.3, 0.5], [0.6, 0.4, 0.0]])


def test_each_state_hangs_on_the_one_before_and_each_token_on_its_state():
    (axes,) = graphical_model(3).axes
    centres = [patch.center for patch in axes.patches if isinstance(patch, Circle)]
    assert centres == [(0, 1), (0, 0), (1, 1), (1, 0), (2, 1), (2, 0)]
    shades = {patch.get_facecolor()[:3] for patch in axes.patches if patch.center[1] == 0}
    assert len(shades) == 1
    assert shades != {(1.0, 1.0, 1.0)}
    arrows = [(text.xyann, text.xy) for text in axes.texts if getattr(text, "arrow_patch", None)]
    down = [(start, end) for start, end in arrows if start[0] == end[0]]
    along = [(start, end) for start, end in arrows if start[1] == end[1] == 1]
    assert [start[0] for start, _ in down] == [0, 1, 2]
    assert all(start[1] > end[1] for start, end in down)
    assert [round(end[0] + 0.24) for _, end in along] == [0, 1, 2, 3]
    assert all(start[0] < end[0] for start, end in along)
    said = [text for text in words(axes.texts) if text]
    assert said.count("$W$") == 3
    assert said.count("$A$") == 3
    assert said.count(r"$\pi_0$") == 1
    assert {"$H_0$", "$X_2$", "…"} <= set(said)


def test_a_text_stands_under_its_states():
    (axes,) = text_with_states(torch.tensor([2, 0, 1]), torch.tensor([1, 0, 3])).axes
    (steps,) = axes.lines
    assert (list(steps.get_xdata()), list(steps.get_ydata())) == ([0, 1, 2], [1, 0, 3])
    assert words(axes.get_xticklabels()) == ["c", "a", "b"]
    assert list(axes.get_yticks()) == [0, 1, 2, 3]
    assert axes.get_ylim() == pytest.approx((-0.4, 3.4))


def test_words_and_states_may_have_names():
    (axes,) = text_with_states(
        torch.tensor([1, 0]), torch.tensor([1, 0]), ("plot", "great"), ("describe", "praise", "complain")
    ).axes
    assert words(axes.get_xticklabels()) == ["great", "plot"]
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {90}
    assert words(axes.get_yticklabels()) == ["describe", "praise", "complain"]
    assert axes.get_ylim() == pytest.approx((-0.4, 2.4))


def test_each_machine_has_its_transitions_over_its_emissions():
    other = HMM([1.0], [[1.0]], [[0.5, 0.25, 0.25]])
    *panels, bar = parameter_maps([MACHINE, other]).axes
    tables = [np.asarray(axes.images[0].get_array()) for axes in panels]
    machines = (MACHINE, other)
    expected = [m.transition for m in machines] + [m.emission for m in machines]
    for found, table in zip(tables, expected, strict=True):
        assert found == pytest.approx(table.numpy())
    assert [title(axes) for axes in panels] == ["$H = 2$", "$H = 1$", "", ""]
    assert [axes.get_xlabel() for axes in panels] == ["to state", "to state", "token", "token"]
    assert [axes.get_ylabel() for axes in panels] == ["from state", "", "state", ""]
    assert words(panels[2].get_xticklabels()) == ["a", "b", "c"]
    # One scale of colours for all of them.
    assert {axes.images[0].get_clim() for axes in panels} == {(0, 1)}
    assert bar.get_ylabel() == "probability"


def test_posteriors_stand_one_above_the_other_with_the_states_that_were():
    tables = {
        "first": torch.tensor([[0.9, 0.1], [0.2, 0.8]]),
        "second": torch.tensor([[0.5, 0.5], [1.0, 0.0]]),
    }
    above, below, _ = posterior_maps(tables, torch.tensor([1, -1]), torch.tensor([0, 1])).axes
    for axes, (name, table) in zip((above, below), tables.items(), strict=True):
        assert np.asarray(axes.images[0].get_array()) == pytest.approx(table.T.numpy())
        assert axes.images[0].get_clim() == (0, 1)
        assert title(axes) == name
        assert dots(axes, "o") == [([0, 1], [0, 1])]
    assert words(below.get_xticklabels()) == ["b", "∅"]


def test_states_that_are_not_given_are_not_marked():
    axes = posterior_maps({"one": torch.ones(2, 1)}, torch.tensor([0, 0])).axes[0]
    assert not axes.lines


def test_the_floor_is_below_the_entropy_of_frequencies():
    rows = {4: [(2.0, 1.8), (1.8, 1.7)], 8: [(2.2, 1.9)]}
    (axes,) = floor_against_states(rows).axes
    assert line(axes, "knows only how frequent tokens are") == ([4, 8], pytest.approx([1.9, 2.2]))
    assert line(axes, "knows everything: the Bayes floor") == ([4, 8], pytest.approx([1.75, 1.9]))
    assert dots(axes, "o") == [([4, 4], [2.0, 1.8]), ([8], [2.2])]
    assert dots(axes, "s") == [([4, 4], [1.8, 1.7]), ([8], [1.9])]
    assert list(axes.get_xticks()) == [4, 8]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("hidden states $H$", "loss (nats per token)")
