"""Figures of what no head can do show the points, lines and margins that they are given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hmmlib.certificates import hull_distance
from hmmlib.plotting._parts import CORNERS
from hmmlib.plotting.when_heads_fail import distances_by_states, fibres, hulls, overlap
from plotting.drawn import dots, line, points, title, words

THREE = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8]], dtype=torch.double)
LABELS = torch.tensor([1, 0, 1])


def barycentric(plane: np.ndarray) -> np.ndarray:
    """The distributions that are drawn at these points, one per row."""
    square = np.vstack([CORNERS.T, np.ones(3)])
    return np.linalg.solve(square, np.column_stack([plane, np.ones(len(plane))]).T).T


def test_posteriors_lie_on_lines_along_what_is_lost():
    shown = torch.tensor([0.25, 0.5, 0.75])
    mu, lost = torch.tensor([1.0, -1.0, 0.0]), torch.tensor([1.0, -2.0, 1.0])
    left, right = fibres(THREE, shown, LABELS, mu, lost).axes
    assert pytest.approx(THREE[[0, 2]].numpy() @ CORNERS) == np.array(line(left, "label 1")).T
    assert pytest.approx(THREE[[1]].numpy() @ CORNERS) == np.array(line(left, "label 0")).T
    parallel = [np.array(points(one)).T for one in left.lines[1:10]]
    for ends in parallel:
        first, second = barycentric(ends)
        assert np.cross(second - first, lost.numpy()) == pytest.approx(np.zeros(3), abs=1e-12)
    across = np.cross(lost.numpy(), np.ones(3))
    levels = [float(barycentric(ends)[0] @ across) for ends in parallel]
    assert levels == pytest.approx(np.linspace(across.min(), across.max(), 11)[1:-1].tolist())
    split = np.array(points(left.lines[-1])).T
    assert barycentric(split) @ mu.numpy() == pytest.approx(np.zeros(2))
    # On the right what is shown, upwards spread around the row of the label.
    for one, label, kept in zip(right.lines, (0, 1), ([0.5], [0.25, 0.75]), strict=True):
        x, y = points(one)
        assert x == kept
        assert np.abs(np.array(y) - label).max() <= 0.25
    assert words(right.get_yticklabels()) == ["label 0", "label 1"]
    assert list(right.get_yticks()) == [0, 1]
    assert title(right) == "what the model shows"


def test_the_common_point_lies_in_both_hulls():
    token_probs = torch.tensor(
        [[0.6, 0.2, 0.2], [0.4, 0.4, 0.2], [0.2, 0.6, 0.2], [0.1, 0.1, 0.8]], dtype=torch.double
    )
    certificate = torch.tensor([0.5, 1.0, 0.5, 0.0], dtype=torch.double)
    (axes,) = overlap(token_probs, torch.tensor([1, 0, 1, 1]), certificate).axes
    middle = np.array([0.4, 0.4, 0.2]) @ CORNERS
    assert np.array(line(axes, "in both hulls")).T[0] == pytest.approx(middle)
    assert pytest.approx(token_probs[[0, 2, 3]].numpy() @ CORNERS) == np.array(line(axes, "label 1")).T
    assert pytest.approx(token_probs[[1]].numpy() @ CORNERS) == np.array(line(axes, "label 0")).T
    joined = [one for one in axes.lines[4:] if len(one.get_xdata()) == 2]
    assert [one.get_linestyle() for one in joined] == ["-", "--", "-"]
    for one, text in zip(joined, (0, 1, 2), strict=True):
        assert (
            pytest.approx(np.array([token_probs[text].numpy() @ CORNERS, middle])) == np.array(points(one)).T
        )
    marked = [one.get_marker() for one in axes.lines[4:] if len(one.get_xdata()) == 1]
    assert marked == ["D", "s", "D"]
    assert words(axes.texts) == ["token a", "token b", "token c"]
    (named,) = overlap(token_probs, torch.tensor([1, 0, 1, 1]), certificate, ("plot", "great", "dull")).axes
    assert words(named.texts) == ["plot", "great", "dull"]


def test_texts_that_lie_close_together_are_enlarged():
    token_probs = torch.tensor([[0.6, 0.2, 0.2], [0.5, 0.3, 0.2], [0.4, 0.4, 0.2]], dtype=torch.double)
    certificate = torch.tensor([0.25, 0.5, 0.25], dtype=torch.double)
    whole, near = overlap(token_probs, torch.tensor([1, 0, 1]), certificate, closer=True).axes
    (square,) = whole.patches
    flat = token_probs.numpy() @ CORNERS
    for axis, limits in enumerate((near.get_xlim(), near.get_ylim())):
        low = square.get_xy()[axis]
        assert limits == pytest.approx((low, low + square.get_width()))
        assert limits[0] < flat[:, axis].min()
        assert limits[1] > flat[:, axis].max()
    for axes in (whole, near):
        assert pytest.approx(flat[[0, 2]]) == np.array(line(axes, "label 1")).T
    assert np.array(line(near, "in both hulls")).T[0] == pytest.approx(flat[1])
    assert words(whole.get_legend().get_texts()) == ["label 0", "label 1", "in both hulls"]


def test_hulls_are_joined_where_they_are_nearest_and_hexagons_touch_half_way():
    token_probs = torch.tensor(
        [[0.6, 0.2, 0.2], [0.5, 0.1, 0.4], [0.7, 0.1, 0.2], [0.1, 0.5, 0.4], [0.2, 0.7, 0.1]],
        dtype=torch.double,
    )
    labels = torch.tensor([1, 1, 1, 0, 0])
    found = hull_distance(token_probs, labels)
    (axes,) = hulls(token_probs, labels, found).axes
    first, second = (barycentric(patch.get_xy()[:-1]) for patch in axes.patches[-2:])
    assert sorted(map(tuple, first.round(9))) == sorted(map(tuple, token_probs[3:].numpy()))
    assert sorted(map(tuple, second.round(9))) == sorted(map(tuple, token_probs[:3].numpy()))
    joined = barycentric(np.array(line(axes, "nearest points")).T)
    assert joined == pytest.approx(found.points.numpy())
    rings = [barycentric(np.array(points(one)).T) for one in axes.lines if one.get_linestyle() == "--"]
    for ring, point in zip(rings[-2:], found.points.numpy(), strict=True):
        assert np.abs(ring - point).sum(1) == pytest.approx(np.full(7, found.distance))
    # Half-way between the points, in both rings' hexagons at their rim.
    assert np.abs(joined.mean(0) - joined).sum(1) == pytest.approx(np.full(2, found.distance))


def test_distances_that_vanish_have_a_row_of_their_own():
    (axes,) = distances_by_states({4: [0.5, 0.25], 30: [1e-3, 0.0, 1e-12]}, n_tokens=10).axes
    seen, none = dots(axes, "o"), dots(axes, "x")
    assert seen == [(pytest.approx([-0.25, 0.25]), [0.5, 0.25]), (pytest.approx([0.75]), [1e-3])]
    assert none == [([], []), (pytest.approx([1, 1.25]), pytest.approx([1e-9 / 30] * 2))]
    floor = axes.lines[-1]
    assert list(floor.get_ydata()) == [1e-9, 1e-9]
    assert words(axes.texts) == ["none"]
    assert axes.texts[0].get_position() == pytest.approx((1.55, 1e-9 / 30))
    assert words(axes.get_xticklabels()) == ["4", "30"]
    assert axes.get_yscale() == "log"
    assert axes.get_ylim() == pytest.approx((1e-9 / 150, 3))
    assert axes.get_xlabel() == "hidden states $H$ ($V$ = 10)"
