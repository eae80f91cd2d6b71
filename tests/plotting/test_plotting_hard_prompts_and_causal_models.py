"""Figures of hard prompts show the priors and the curves that they are given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hmmlib.plotting._parts import CORNERS
from hmmlib.plotting.hard_prompts_and_causal_models import curves_by_length, reachable_priors
from plotting.drawn import dots, line, lines, points, title, words


def test_priors_lie_in_the_triangle_and_in_a_row_for_their_length():
    columns = torch.tensor([[0.4, 0.3, 0.3], [0.4, 0.5, 0.1], [0.4, 0.1, 0.5]], dtype=torch.double)
    priors = [columns[:1], torch.tensor([[0.4, 0.4, 0.2], [0.4, 0.2, 0.4]], dtype=torch.double)]
    left, right = reachable_priors(priors, columns, ["x", "y", "z"], (1, 2)).axes
    assert title(left) == "the triangle of priors"
    assert words(left.texts) == ["x", "y", "z"]
    drawn = np.array(line(left, "strings of tokens")).T
    assert drawn == pytest.approx(torch.cat(priors).numpy() @ CORNERS)
    outline = np.array(line(left, "soft prompts")).T
    assert outline == pytest.approx(columns[[0, 1, 2, 0]].numpy() @ CORNERS)
    strokes = dots(right, "|")
    assert [y for _, y in strokes] == [[1], [2, 2]]
    assert strokes[1][0] == pytest.approx([0.2, -0.2])
    edges = [points(one)[0][0] for one in right.lines if list(one.get_ydata()) == [0, 1]]
    assert edges == pytest.approx([-0.4, 0.4])
    assert right.get_xlabel() == "prior of y − prior of z"
    assert right.get_ylim() == (2.6, 0.4)


def test_curves_may_end_early_and_a_level_goes_across():
    series = {"all": [0.5, 0.25], "some": [0.5, 0.3, 0.2]}
    labels = {"x_label": "words", "y_label": "loss"}
    (axes,) = curves_by_length(range(3), series, **labels, level=("soft", 0.1)).axes
    found = lines(axes)
    assert found["all"] == ([0, 1], [0.5, 0.25])
    assert found["some"] == ([0, 1, 2], [0.5, 0.3, 0.2])
    assert found["soft"][1] == [0.1, 0.1]
    assert axes.get_yscale() == "linear"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("words", "loss")
    (logarithmic,) = curves_by_length(range(3), series, **labels, log=True).axes
    assert logarithmic.get_yscale() == "log"
    assert len(logarithmic.lines) == 2
