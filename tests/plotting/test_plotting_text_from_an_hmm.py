"""Figures of texts, machines and what a text reveals show what they are given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hmmlib import HMM
from hmmlib.plotting.text_from_an_hmm import (
    floor_against_states,
    parameter_maps,
    posterior_maps,
    text_with_states,
)
from plotting.drawn import dots, line, title, words

MACHINE = HMM([0.5, 0.5], [[0.9, 0.1], [0.3, 0.7]], [[0.2, 0.3, 0.5], [0.6, 0.4, 0.0]])


def test_a_text_stands_under_its_states():
    (axes,) = text_with_states(torch.tensor([2, 0, 1]), torch.tensor([1, 0, 3])).axes
    (steps,) = axes.lines
    assert (list(steps.get_xdata()), list(steps.get_ydata())) == ([0, 1, 2], [1, 0, 3])
    assert words(axes.get_xticklabels()) == ["c", "a", "b"]
    assert list(axes.get_yticks()) == [0, 1, 2, 3]
    assert axes.get_ylim() == pytest.approx((-0.4, 3.4))


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
