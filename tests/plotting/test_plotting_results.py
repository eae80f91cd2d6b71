"""The figure of a sweep's results."""

from __future__ import annotations

import pytest

from hmmlib.plotting.results import dots_by_group
from plotting.drawn import points

VALUES = {
    ("4", "0"): {"head": [0.9, 0.95, 0.95], "KL, 5%": [0.1, 0.2, 1.5], "none": []},
    ("15", "0"): {"head": [0.8], "KL, 5%": [0.3], "none": []},
    ("30", "0"): {"head": [], "KL, 5%": [0.4, 0.5], "none": []},
}


def test_each_column_has_a_panel_with_a_dot_for_each_cell_and_their_mean():
    figure = dots_by_group(("n_states", "n_values"), VALUES)
    head, kl = figure.axes
    assert (head.get_ylabel(), kl.get_ylabel()) == ("head", "KL, 5%")
    assert head.get_xlabel() == kl.get_xlabel() == "n_states"  # the other is 0 everywhere
    assert [label.get_text() for label in head.get_xticklabels()] == ["4", "15", "30"]
    dots = [points(line) for line in head.lines if line.get_marker() == "."]
    means = [points(line) for line in head.lines if line.get_marker() != "."]
    assert [y for _, y in dots] == [[0.9, 0.95, 0.95], [0.8]]
    assert len(set(dots[0][0])) == 3  # equal ones are beside each other
    assert [y for _, y in means] == [pytest.approx([2.8 / 3] * 2), [0.8, 0.8]]
    assert head.get_ylim() == pytest.approx((0.77, 1.03))
    assert kl.get_ylim()[1] > 1.5


def test_shares_have_one_scale():
    values = {("4",): {"head": [0.9], "prompt": [0.5, 1.0], "steps": [300.0]}}
    head, prompt, steps = dots_by_group(("n_states",), values).axes
    assert head.get_ylim() == prompt.get_ylim() == pytest.approx((0.47, 1.03))
    assert steps.get_ylim()[1] > 300


def test_many_columns_are_in_several_rows_of_panels():
    values = {("a long name", "1"): {f"column {i}": [0.1 * i] for i in range(6)}}
    figure = dots_by_group(("kind", "seed"), values)
    assert len(figure.axes) == 6
    assert figure.axes[0].get_xlabel() == "kind, seed"
    assert figure.axes[0].get_xticklabels()[0].get_text() == "a long name\n1"


def test_nothing_to_draw_is_an_error():
    for values in ({}, {("4",): {"head": []}}):
        with pytest.raises(ValueError, match="values: expected at least one number, got none"):
            dots_by_group(("n_states",), values)
