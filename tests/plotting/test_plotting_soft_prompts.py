"""Figures of soft prompts show the priors, distributions and accuracies that they are given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hmmlib.plotting._parts import CORNERS
from hmmlib.plotting.soft_prompts import (
    assumption_shares,
    prior_under_prompt,
    prompt_before_the_blank,
    token_probs_with_prompt,
)
from plotting.drawn import dots, heights, line, lines, middles, points, title, words


def test_the_prior_the_prompt_and_the_prior_under_it():
    initial, prompt, prior = (torch.tensor(t) for t in ([0.5, 0.3, 0.2], [1.0, 0.0, 2.0], [0.25, 0.0, 0.75]))
    figure = prior_under_prompt(initial, prompt, prior, weighed=[2])
    titles = ["no prompt: $\\pi_0$", "prompt: $u$", "with the prompt: $\\rho$"]
    assert [title(axes) for axes in figure.axes] == titles
    for axes, values in zip(figure.axes, (initial, prompt, prior), strict=True):
        assert heights(axes) == [pytest.approx(values.tolist())]
        assert middles(axes) == [pytest.approx([0, 1, 2])]
    # Weighed states are full, in the prompt all are.
    hatched = [[bool(bar.get_hatch()) for bar in axes.containers[0]] for axes in figure.axes]
    assert hatched == [[True, True, False], [False] * 3, [True, True, False]]
    # A cross where a state is switched off.
    crosses = [dots(axes, "x")[0][0] for axes in figure.axes]
    assert crosses == [[], [1], [1]]
    assert [axes.get_ylabel() for axes in figure.axes] == ["probability", "entry", "probability"]


def test_distributions_lie_between_the_columns_that_the_prompt_leaves():
    plain = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], dtype=torch.double)
    prompted = torch.tensor([[0.1, 0.8, 0.1], [0.7, 0.2, 0.1]], dtype=torch.double)
    columns = torch.eye(3, dtype=torch.double)
    head = torch.tensor([1.0, -1.0, 0.0], dtype=torch.double)
    figure = token_probs_with_prompt(plain, prompted, torch.tensor([1, 0]), columns, [0, 2], head)
    left, right = figure.axes
    assert (title(left), title(right)) == ("without a prompt", "with the prompt")
    for axes, probs, kept in ((left, plain, [0, 1, 2]), (right, prompted, [0, 2])):
        for label, row in ((1, 0), (0, 1)):
            x, y = line(axes, f"label {label}")
            assert np.array([x[0], y[0]]) == pytest.approx(probs[row].numpy() @ CORNERS)
        (corners,) = dots(axes, "o")
        assert pytest.approx(CORNERS[kept]) == np.array(corners).T
        assert words(axes.texts)[3:] == [str(state) for state in kept]
    ends = np.array(points(right.lines[-1])).T
    assert ends == pytest.approx(np.array([CORNERS[2], (CORNERS[0] + CORNERS[1]) / 2]))
    assert len(left.lines) == 4  # the outline, two labels and the columns; no line of the head
    assert len(right.lines) == 5


def test_numbers_of_states_stand_outside_of_the_triangle_of_their_columns():
    columns = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1 / 3, 1 / 3, 1 / 3]])
    none = torch.empty(0, 3)
    axes = token_probs_with_prompt(none, none, torch.empty(0), columns, [0], torch.ones(3)).axes[0]
    numbers = [np.array(text.get_position()) for text in axes.texts[3:]]
    middle = CORNERS.mean(0)
    for number, corner in zip(numbers[:3], CORNERS, strict=True):
        assert np.hypot(*(number - middle)) == pytest.approx(np.hypot(*(corner - middle)) + 0.075)
    assert numbers[3] == pytest.approx(middle + np.array([0, 0.075]))


def test_shares_are_percentages():
    (axes,) = assumption_shares([1, 3], {"head": [1.0, 0.5], "prompt": [1.0, 0.75]}).axes
    assert lines(axes) == {"head": ([1, 3], [100, 50]), "prompt": ([1, 3], [100, 75])}
    assert list(axes.get_xticks()) == [1, 3]
    assert axes.get_ylim() == (-3, 103)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("states that the task weighs", "HMMs (%)")


def test_the_prompt_stands_before_the_blank_and_the_head_reads_there():
    (axes,) = prompt_before_the_blank(2).axes
    shown = {text.get_text(): text.get_position() for text in axes.texts}
    assert {"$H_{u}$", r"$H_{\varnothing}$", "$H_{1}$", "$H_{2}$", "$u$", "∅", "$x_1$", "$x_2$"} <= set(shown)
    places = [shown[name][0] for name in ("$u$", "∅", "$x_1$", "$x_2$")]
    assert places == [0, 1, 2, 3]
    assert shown["head"][0] == 1
    arrows = [(text.xyann, text.xy) for text in axes.texts if getattr(text, "arrow_patch", None)]
    assert ((1, 0.76), (1, 0.24)) in arrows  # out of the state, at the blank
    assert ((0, 0.24), (0, 0.76)) in arrows  # into the state, elsewhere
    assert ((2, 0.24), (2, 0.76)) in arrows
