"""Figures about heads: where a line crosses the triangle of distributions, and what can be drawn there."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hmmlib.plotting._parts import CORNERS, zero_line
from hmmlib.plotting.head_tuning import two_simplices

weights = arrays(float, 3, elements=st.sampled_from([-2.0, -1.5, -0.3, 0.0, 0.7, 1.0]))


@given(weights)
def test_the_line_has_both_ends_where_it_meets_the_edges(normal: np.ndarray) -> None:
    ends = zero_line(normal)
    # Distributions from points of the plane: barycentric coordinates.
    plane = np.vstack([CORNERS.T, np.ones(3)])
    probs = np.linalg.solve(plane, np.column_stack([ends, np.ones(len(ends))]).T).T
    assert np.abs(probs @ normal).max(initial=0) < 1e-12
    assert (probs > -1e-12).all()
    assert (probs.min(axis=1) < 1e-12).all()
    # Weights of one sign miss the triangle; if one of them is zero, all but a corner.
    assert len(ends) == (0 if abs(np.sign(normal).sum()) >= 2 else 2)


def test_three_of_each_are_drawn() -> None:
    probs = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
    figure = two_simplices(
        probs, probs, torch.tensor([0, 1]), torch.tensor([1.0, -1, 0]), torch.tensor([1.0, 1, 2])
    )
    left, right = (axes.lines[-1].get_xydata() for axes in figure.axes)
    assert left == pytest.approx(np.array([CORNERS[2], (CORNERS[0] + CORNERS[1]) / 2]))
    assert len(right) == 0
    plt.close(figure)


@pytest.mark.parametrize("wrong", ["posteriors", "token_probs", "mu", "head"])
def test_other_numbers_are_not(wrong: str) -> None:
    probs = torch.tensor([[0.2, 0.3, 0.5]])
    given = {"posteriors": probs, "token_probs": probs, "mu": probs[0], "head": probs[0]}
    given[wrong] = given[wrong][..., :2]
    with pytest.raises(
        ValueError, match=f"{wrong}: expected three columns, one per corner of a triangle, got 2"
    ):
        two_simplices(labels=torch.tensor([0]), **given)
