"""The difference estimator: a mean over few seeds, helped by another one over many."""

from __future__ import annotations

import numpy as np
import pytest

from hmmlib.analysis import (
    Series,
    difference_estimate,
    help_from_exact,
    mean_over_seeds,
    read_results,
    weighted_sums,
)

SEEDS = tuple(range(1, 21))


def test_it_is_the_mean_of_the_reference_plus_the_mean_difference():
    random = np.random.default_rng(0)
    many = random.normal(80, 10, (4, 20))
    few = many[:, [4, 0, 9]] + random.normal(-3, 2, (4, 3))
    found = difference_estimate(few, many, seeds=(5, 1, 10), reference_seeds=SEEDS)
    np.testing.assert_allclose(found.mean, many.mean(1) + (few - many[:, [4, 0, 9]]).mean(1))


def test_with_all_seeds_it_is_the_plain_mean():
    random = np.random.default_rng(1)
    many = random.normal(80, 10, (3, 20))
    all_of_them = random.normal(70, 10, (3, 20))
    found = difference_estimate(all_of_them, many, seeds=SEEDS, reference_seeds=SEEDS[::-1])
    plain = mean_over_seeds(all_of_them)
    np.testing.assert_array_equal(found.mean, plain.mean)
    np.testing.assert_array_equal(found.interval, plain.interval)
    # One seed more has no spread that could be known.
    found = difference_estimate(all_of_them[:, 1:], many, seeds=SEEDS[1:], reference_seeds=SEEDS)
    np.testing.assert_array_equal(found.interval, mean_over_seeds(all_of_them[:, 1:]).interval)


@pytest.mark.parametrize("n", [3, 5, 10, 18])
@pytest.mark.parametrize("together", [0.0, 0.5, 1.0])
def test_its_interval_holds_the_mean_as_often_as_it_says(n, together):
    """Whether the network's accuracy follows the exact model's or not, and with overlapping seeds."""
    random, draws = np.random.default_rng(n), 20_000
    exact = random.normal(85, 10, (draws, 20))
    network = 80 + together * (exact[:, :n] - 85) + random.normal(0, 3, (draws, n))
    found = difference_estimate(network, exact, seeds=SEEDS[:n], reference_seeds=SEEDS)
    assert (np.abs(found.mean - 80) <= found.interval).mean() >= 0.945
    plain = mean_over_seeds(network)
    if together == 1 and n < 10:
        assert found.interval.mean() < 0.75 * plain.interval.mean()


def test_on_accuracies_as_they_are_it_holds_the_mean_more_often_than_few_seeds_alone():
    """Fitted heads for all seeds help heads by the recipe on three: both are known for twenty."""
    cells = read_results("exact_prompts")["cells"]
    random, draws, shares = np.random.default_rng(0), 2000, []
    for n_states in (8, 10, 15, 25, 30):
        pairs = 100 * np.array(
            [
                [c["methods"][m]["test"] for m in ("head_paper", "head")]
                for c in cells
                if c["n_states"] == n_states
            ]
        )
        drawn = pairs[random.integers(0, len(pairs), (draws, 20))]
        helped = difference_estimate(
            drawn[:, :3, 0], drawn[:, :, 1], seeds=SEEDS[:3], reference_seeds=SEEDS, floor=0.3
        )
        plain = mean_over_seeds(drawn[:, :3, 0], floor=0.3)
        true = pairs[:, 0].mean()
        shares.append([(np.abs(f.mean - true) <= f.interval + 0.5).mean() for f in (helped, plain)])
    helped, plain = np.mean(shares, axis=0)
    assert helped > plain - 0.03


@pytest.mark.parametrize(
    ("seeds", "more", "message"),
    [
        ((1, 2), (1, 2, 3, 4), "seeds: expected 3 different seeds"),
        ((1, 2, 2), (1, 2, 3, 4), "seeds: expected 3 different seeds"),
        ((1, 2, 3), (1, 2, 3), "reference_seeds: expected 4 different seeds"),
        ((1, 2, 9), (1, 2, 3, 4), r"among them, lacks \[9\]"),
    ],
)
def test_seeds_have_to_fit(seeds, more, message):
    with pytest.raises(ValueError, match=message):
        difference_estimate([1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0], seeds=seeds, reference_seeds=more)


def series(values: np.ndarray, seeds: tuple[int, ...], exact: Series | None = None) -> Series:
    return Series((4, 30), mean_over_seeds(values), len(seeds), values, seeds, 0.3, exact)


@pytest.fixture
def world() -> dict[str, Series]:
    random = np.random.default_rng(5)
    found = {}
    for name in ("head", "prompt"):
        exact = random.normal(90, 5, (2, 20))
        found[name] = series(exact[:, 2:5] - 1, (3, 4, 5), series(exact, SEEDS))
    return found


def test_sums_of_a_helped_world_are_difference_estimates(world):
    helped = help_from_exact(world)
    weights = np.array([[0.5, 0.5]])
    curves = [helped["prompt"], helped["head"]]
    found = weighted_sums(curves, (1, -1), weights)
    exact = weights @ (curves[0].exact.values - curves[1].exact.values)
    # Networks lose one point of either, so that nothing but the exact model's mean is left.
    assert found.mean == pytest.approx(exact.mean(1))
    plain = weighted_sums([world["prompt"], world["head"]], (1, -1), weights)
    assert found.interval < plain.interval
    np.testing.assert_allclose(helped["head"].found.mean, world["head"].exact.values.mean(1) - 1)


def test_where_one_curve_has_no_exact_one_nothing_is_borrowed(world):
    alone = Series((4, 30), world["head"].found, 3, world["head"].values, (3, 4, 5))
    helped = help_from_exact({"prompt": world["prompt"], "head": alone})
    assert helped["head"] is alone
    found = weighted_sums([helped["prompt"], helped["head"]], (1, -1), np.eye(2))
    np.testing.assert_allclose(found.mean, (world["prompt"].values - alone.values).mean(1))


def test_sums_are_over_the_seeds_that_all_curves_have():
    random = np.random.default_rng(6)
    long, short = random.normal(90, 5, (2, 4)), random.normal(80, 5, (2, 3))
    curves = [series(long, (1, 2, 3, 4)), series(short, (4, 2, 1))]
    found = weighted_sums(curves, (1, -1), np.eye(2))
    np.testing.assert_allclose(found.mean, (long[:, [0, 1, 3]] - short[:, [2, 1, 0]]).mean(1))


def test_the_floor_of_a_sum_is_that_of_its_parts():
    flat = series(np.full((2, 3), 100.0), (1, 2, 3))
    found = weighted_sums([flat, flat], (1, -1), np.array([[0.5, 0.5], [1.0, 0.0]]))
    assert found.interval == pytest.approx([0.3, 0.3 * 2**0.5])


def test_what_agrees_is_shown_as_a_count():
    found = series(np.array([[100.0, 100.0, 100.0], [90.0, 95.0, 100.0]]), (1, 2, 3))
    assert [found.text(i) for i in (0, 1)] == ["3 of 3 at 100", "95.0 ± 12.4"]
    assert series(np.full((2, 2), 99.9), (1, 2)).text(1) == "2 of 2 at 99.9"
    with pytest.raises(ValueError, match="of which only means are known"):
        _ = Series((4,), mean_over_seeds([[1.0, 2.0]]), 2).known
