"""Figures about heads: where a line crosses the triangle of distributions, and what can be drawn there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hmmlib.plotting._parts import CORNERS, zero_line
from hmmlib.plotting.head_tuning import accuracy_curves, pipeline, two_simplices
from plotting.drawn import line, title, words

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


@pytest.mark.parametrize("wrong", ["posteriors", "token_probs", "mu", "head"])
def test_other_numbers_are_not(wrong: str) -> None:
    probs = torch.tensor([[0.2, 0.3, 0.5]])
    given = {"posteriors": probs, "token_probs": probs, "mu": probs[0], "head": probs[0]}
    given[wrong] = given[wrong][..., :2]
    with pytest.raises(
        ValueError, match=f"{wrong}: expected three columns, one per corner of a triangle, got 2"
    ):
        two_simplices(labels=torch.tensor([0]), **given)


def test_texts_lie_where_their_distributions_are() -> None:
    posteriors = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], dtype=torch.double)
    token_probs = posteriors.flip(1)
    mu = torch.tensor([1.0, -1, 0])
    left, right = two_simplices(posteriors, token_probs, torch.tensor([1, 0]), mu, mu).axes
    for axes, table in ((left, posteriors), (right, token_probs)):
        for label, row in ((1, 0), (0, 1)):
            x, y = line(axes, f"label {label}")
            assert np.array([x[0], y[0]]) == pytest.approx(table[row].numpy() @ CORNERS)
    assert (title(left), title(right)) == ("posterior $P[H_0 | x]$", "$G_∅(∅, x)$")
    assert words(left.texts) == ["state 0", "state 1", "state 2"]
    assert words(right.texts) == ["token a", "token b", "token c"]
    assert words(left.get_legend().get_texts()) == ["label 0", "label 1"]


def test_accuracies_are_percentages_over_a_logarithmic_axis() -> None:
    (axes,) = accuracy_curves([1, 100], {"a": [0.9, 0.8], "b": [1.0, 0.95]}, "size", baseline=0.6).axes
    assert line(axes, "a") == ([1, 100], [90, 80])
    assert line(axes, "b") == ([1, 100], [100, 95])
    assert line(axes, "more frequent label")[1] == [60, 60]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("size", "labels right (%)")
    assert (axes.get_xscale(), axes.get_ylim()) == ("log", (48, 102))
    (plain,) = accuracy_curves([1, 100], {"a": [0.9, 0.8]}, "size").axes
    assert len(plain.lines) == 1


def test_the_way_to_a_label_shows_what_is_computed_on_it() -> None:
    probs, head = torch.tensor([0.5, 0.25, 0.25]), torch.tensor([0.0, 2.0, -1.0])
    figure = pipeline(("great", "dull"), ("plot", "great", "dull"), probs, head)
    text, model, shown, weights, label = figure.axes[::2]
    arrows = [arrow for axes in figure.axes[1::2] for arrow in axes.texts]
    assert [(arrow.xyann, arrow.xy) for arrow in arrows] == [((0, 0.5), (1, 0.5))] * 4
    assert words(text.texts) == ["[MASK]\ngreat\ndull"]
    assert title(model) == "frozen"
    assert words(model.texts) == ["masked\nlanguage\nmodel"]
    assert [bar.get_height() for bar in shown.patches] == [0.5, 0.25, 0.25]
    assert [bar.get_height() for bar in weights.patches] == [0, 2, -1]
    assert words(shown.get_xticklabels()) == ["plot", "great", "dull"]
    assert words(label.texts) == ["$b^\\top G_∅ = +0.25$\n\nlabel 1"]
    with pytest.raises(ValueError, match=r"head: expected shape \(3,\), one for each name, got \(2,\)"):
        pipeline((), ("plot", "great", "dull"), probs, head[:2])


def test_the_image_of_the_triangle_has_the_columns_for_corners() -> None:
    probs, mu = torch.tensor([[0.2, 0.3, 0.5]], dtype=torch.double), torch.tensor([0.0, 1, -1])
    columns = torch.tensor([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.2, 0.1, 0.7]], dtype=torch.double)
    names = ("describe", "praise", "complain"), ("plot", "great", "dull")
    left, right = two_simplices(probs, probs, torch.tensor([0]), mu, mu, columns, names).axes
    (image,) = right.patches
    assert image.get_xy()[:3] == pytest.approx(columns.numpy() @ CORNERS)
    assert words(left.texts) == [*names[0], "0", "1", "2"]
    assert words(right.texts) == [*names[1], "0", "1", "2"]
    middle = columns.numpy().mean(0) @ CORNERS
    for state, text in enumerate(right.texts[3:]):
        corner = columns[state].numpy() @ CORNERS
        assert np.array(text.get_position()) == pytest.approx(corner + 0.1 * (middle - corner))
    with pytest.raises(ValueError, match="columns: expected three columns"):
        two_simplices(probs, probs, torch.tensor([0]), mu, mu, columns[:, :2])
