"""Families of effects: p-values from intervals, Holm's correction, and the table that shows both."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from hmmlib.analysis import Mean, family_table, holm, mean_over_seeds, p_values


def test_p_values_are_those_of_scipy():
    drawn = np.random.default_rng(0).normal(1, 2, (30, 5))
    theirs = scipy.stats.ttest_1samp(drawn, 0.0, axis=-1).pvalue
    np.testing.assert_allclose(p_values(mean_over_seeds(drawn), 5), theirs)


def test_an_effect_of_exactly_zero_is_told_from_nothing():
    found = p_values(Mean(np.array([0.0, 0.0, 2.0]), np.array([0.0, 1.0, 0.0])), 3)
    assert found.tolist() == [1, 1, 0]
    with pytest.raises(ValueError, match="n_seeds: expected at least 2, got 1"):
        p_values(Mean(np.ones(1), np.ones(1)), 1)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]).tolist() == [1, 1]
    assert holm([]).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_between_nothing_and_bonferroni(p):
    found = holm(p)
    assert (found >= np.array(p) - 1e-12).all()
    assert (found <= np.minimum(1, np.array(p) * len(p)) + 1e-12).all()
    assert (np.diff(found[np.argsort(p)]) >= -1e-12).all()


@pytest.mark.parametrize("p", [[1.1], [-0.1], [[0.5]]])
def test_holm_takes_probabilities(p):
    with pytest.raises(ValueError, match="p: expected numbers from 0 to 1"):
        holm(p)


def test_a_family_of_nothing_is_rarely_told_from_zero():
    random, wrong, alone = np.random.default_rng(1), 0, 0
    for _ in range(400):
        p = p_values(mean_over_seeds(random.normal(0, 1, (20, 4))), 4)
        wrong, alone = wrong + bool((holm(p) < 0.05).any()), alone + bool((p < 0.05).any())
    assert wrong / 400 < 0.08
    assert alone / 400 > 0.5


def test_the_table_says_what_is_left_of_each_effect():
    effects = Mean(np.array([5.0, 5.0, -1.0]), np.array([1.0, 4.9, 3.0]))
    table = family_table(["sure", "alone", "none"], effects, 5)
    assert table.header[-1] == "of all 3"
    assert [row[2:] for row in table.rows] == [("yes", "yes"), ("yes", "no"), ("no", "no")]
    with pytest.raises(ValueError, match="names: expected 3, got 1"):
        family_table(["one"], effects, 5)
