"""Intervals over seeds."""

import numpy as np
import pytest
import scipy.stats

from hmmlib.analysis import (
    Mean,
    bootstrap,
    coverage,
    coverage_table,
    interval_table,
    mean_over_seeds,
    n_test_texts,
    no_error_floor,
    read_results,
    share_that_may_differ,
    student,
)


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
        ([1.0, float("inf")], 0.95, r"got inf at \(1,\)"),
    ],
)
def test_bad_input_is_named(values, level, message):
    with pytest.raises(ValueError, match=message):
        mean_over_seeds(values, level)


# --- where all seeds agree ---


def test_a_test_set_without_an_error_leaves_nearly_three_in_n_open():
    floor = no_error_floor(1000)
    assert floor == pytest.approx(0.2991, abs=1e-4)
    # With that share of errors, a thousand texts have none once in twenty times.
    assert scipy.stats.binom.pmf(0, 1000, floor / 100) == pytest.approx(0.05)
    assert no_error_floor(1) == pytest.approx(95)


def test_seeds_that_agree_leave_a_share_of_others_open():
    assert share_that_may_differ(3) == pytest.approx(0.6316, abs=1e-4)
    for n in (1, 5, 20):
        assert (1 - share_that_may_differ(n)) ** n == pytest.approx(0.05)


def test_no_interval_is_shorter_than_the_floor():
    found = mean_over_seeds([[100.0, 100.0, 100.0], [90.0, 95.0, 100.0]], floor=0.3)
    assert found.interval == pytest.approx([0.3, 4.3027 * 5 / 3**0.5], rel=1e-4)
    found = mean_over_seeds([[1.0, 1.0], [1.0, 1.0]], floor=[0.1, 0.2])
    assert found.interval.tolist() == [0.1, 0.2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_over_seeds([1.0, 2.0], floor=-1), "floor: expected numbers of at least 0, got -1"),
        (lambda: no_error_floor(0), "n_texts: expected at least 1, got 0"),
        (lambda: no_error_floor(5, level=0), "level: expected"),
        (lambda: share_that_may_differ(0), "n_seeds: expected at least 1, got 0"),
    ],
)
def test_bad_floors_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_number_of_test_texts_is_that_of_the_configuration():
    assert n_test_texts(read_results("exact_prompts")) == 1000
    assert n_test_texts(read_results("head_vs_prompt_laptop")) == 1000
    with pytest.raises(ValueError, match=r"expected 'sizes' in its config.* got \['seeds'\]"):
        n_test_texts({"config": {"seeds": [1]}})


# --- coverage, on accuracies as they are ---


@pytest.fixture(scope="module")
def exact() -> dict:
    return read_results("exact_prompts")


def test_coverage_counts_the_intervals_that_hold_the_mean():
    # Two of two seeds are the same half of the time; then there is no interval but the floor.
    found = coverage([0.0, 1.0], 2, student(), draws=4000)
    assert found.agree == pytest.approx(0.5, abs=0.03)
    assert found.share == pytest.approx(0.5, abs=0.03)
    assert found.nearly == 1  # half a point away
    assert coverage([0.0, 1.0], 2, student(0.6)).share == 1
    assert coverage([3.0] * 5, 3, bootstrap()).half_width == 0


@pytest.mark.parametrize("corrected", [False, True])
def test_bootstrap_intervals_are_those_of_scipy(corrected):
    drawn = np.random.default_rng(3).gamma(2, 10, 30)
    low, high = bootstrap(corrected=corrected)(drawn[None])
    theirs = scipy.stats.bootstrap(
        (drawn,), np.mean, method="BCa" if corrected else "percentile", n_resamples=9999, rng=1
    ).confidence_interval
    assert low[0] == pytest.approx(theirs.low, abs=0.7)
    assert high[0] == pytest.approx(theirs.high, abs=0.7)


def test_with_the_floor_twenty_seeds_hold_the_mean_nearly_as_often_as_they_should(exact):
    """What the page says: by a hair if not wholly; with few seeds less often."""
    table = coverage_table(exact)
    few, some, many = ([float(row[i].partition("(")[2].strip("%)")) for row in table.rows] for i in (3, 4, 5))
    assert min(many) >= 95
    assert min(some) >= 85
    assert 75 < min(few) < 90


def test_other_intervals_are_no_better_at_any_number_of_seeds(exact):
    shares: dict[str, dict[str, float]] = {}
    for n, kind, *_, nearly, _ in interval_table(exact, draws=300).rows:
        shares.setdefault(n, {})[kind] = float(nearly.strip("%"))
    for found in shares.values():
        assert found["Student's, with the floor"] == max(found.values())


@pytest.mark.parametrize(
    ("values", "n", "message"),
    [([], 3, "values: expected shape"), ([[1.0]], 3, "values: expected shape"), ([1.0], 1, "n_seeds")],
)
def test_coverage_needs_values_and_seeds(values, n, message):
    with pytest.raises(ValueError, match=message):
        coverage(values, n, student())
