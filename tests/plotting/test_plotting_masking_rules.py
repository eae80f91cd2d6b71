"""Figures of masking rules show the distributions and divergences that they are given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hmmlib.plotting.masking_rules import taken_for_noise, two_targets
from plotting.drawn import heights, line, middles, words


def test_words_that_may_be_random_blur_the_distribution():
    exact, noisy = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.5, 0.3, 0.2])
    left, right = taken_for_noise(exact, noisy, 1, {"few": torch.tensor([0.5, 0.0, 0.1, 0.2])}).axes
    assert heights(left) == [pytest.approx(exact.tolist()), pytest.approx(noisy.tolist())]
    assert middles(left) == [pytest.approx([-0.2, 0.8, 1.8]), pytest.approx([0.2, 1.2, 2.2])]
    assert [held.get_label() for held in left.containers] == ["$G$", r"$\tilde{G}$"]
    assert words(left.get_xticklabels()) == ["a", "[b]", "c"]
    # A quarter of the blanks loses at least 0.5 nats, half of them 0.2, three quarters 0.1.
    assert line(right, "few") == (pytest.approx([0.5, 0.2, 0.1]), pytest.approx([25, 50, 75]))
    assert (right.get_xscale(), right.get_yscale()) == ("log", "log")


def test_distances_from_both_targets_stand_in_pairs():
    (axes,) = two_targets({"blank": (0.01, 0.3), "word": (0.2, 0.00001)}).axes
    assert heights(axes) == [[0.01, 0.2], [0.3, 0.00001]]
    assert middles(axes) == [pytest.approx([-0.18, 0.82]), pytest.approx([0.18, 1.18])]
    assert [held.get_label() for held in axes.containers] == ["from $G$", r"from $\tilde{G}$"]
    assert words(axes.texts) == ["0.01", "0.20", "0.30", "< 0.0001"]
    heads = np.array([text.xy for text in axes.texts])
    assert heads == pytest.approx(np.array([(-0.18, 0.01), (0.82, 0.2), (0.18, 0.3), (1.18, 1e-5)]))
    assert words(axes.get_xticklabels()) == ["blank", "word"]
    assert axes.get_ylim() == pytest.approx((0, 1.25 * 0.3))
