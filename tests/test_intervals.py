"""Intervals over seeds."""

import numpy as np
import pytest
import scipy.stats

from hmmlib.analysis import Mean, mean_over_seeds


def test_the_interval_of_three_numbers_is_that_of_the_tables():
    found = mean_over_seeds([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]])
    # Student's t with two degrees of freedom has its 97.5% point at 4.3027.
    assert found.mean == pytest.approx([2.0, 5.0])
    assert found.interval == pytest.approx([4.3027 / 3**0.5, 0.0], abs=1e-4)


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_intervals_are_those_of_scipy(level):
    drawn = np.random.default_rng(1).normal(80.0, 5.0, (40, 3, 5))
    found = mean_over_seeds(drawn, level)
    theirs = scipy.stats.ttest_1samp(drawn, 0.0, axis=-1).confidence_interval(level)
    np.testing.assert_allclose(found.mean - found.interval, theirs.low, rtol=1e-12)
    np.testing.assert_allclose(found.mean + found.interval, theirs.high, rtol=1e-12)


def test_intervals_hold_the_expectation_as_often_as_they_say():
    drawn = np.random.default_rng(0).normal(1.0, 2.0, (20_000, 4))
    for level in (0.5, 0.95):
        found = mean_over_seeds(drawn, level)
        share = (np.abs(found.mean - 1.0) <= found.interval).mean()
        assert share == pytest.approx(level, abs=0.012)


def test_a_mean_has_a_side_only_if_its_interval_leaves_zero_out():
    found = Mean(np.array([1.0, -1.0, 0.5, 0.0]), np.array([0.5, 0.9, 0.5, 0.0]))
    assert found.side().tolist() == [1, -1, 0, 0]


@pytest.mark.parametrize(
    ("values", "level", "message"),
    [
        ([1.0], 0.95, "at least two seeds"),
        (1.0, 0.95, "at least two seeds"),
        ([[1.0, 2.0], [1.0, float("nan")]], 0.95, r"got nan at \(1, 1\)"),
        ([1.0, 2.0], 1.0, "level: expected"),
    ],
)
def test_bad_input_is_named(values, level, message):
    with pytest.raises(ValueError, match=message):
        mean_over_seeds(values, level)
