"""How many seeds would tell: checked by drawing so many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hmmlib.analysis import (
    Finding,
    Mean,
    mean_over_seeds,
    seeds_for_agreement,
    seeds_for_claim,
    seeds_to_tell,
)
from hmmlib.analysis.power import MOST, SeedsNeeded


@pytest.mark.parametrize(("effect", "spread"), [(5.0, 5.0), (2.0, 6.0), (10.0, 3.0)])
def test_so_many_seeds_tell_four_times_in_five_and_one_less_does_not(effect, spread):
    n = seeds_to_tell(effect, spread)
    random = np.random.default_rng(0)
    told = [
        (mean_over_seeds(random.normal(effect, spread, (20_000, k))).side() > 0).mean() for k in (n - 1, n)
    ]
    assert told[0] < 0.805
    assert told[1] > 0.79


def test_what_is_out_of_reach_is_no_number():
    assert seeds_to_tell(0.001, 10) is None
    assert seeds_to_tell(3, 0) == 2
    assert str(SeedsNeeded(None, None, None)) == f"more than {MOST:,}"
    assert str(SeedsNeeded(12, 5, None)) == f"about 12 (5 to more than {MOST:,})"
    for bad in ((0, 1), (1, -1)):
        with pytest.raises(ValueError, match="effect, spread: expected"):
            seeds_to_tell(*bad)


def finding(mean: list[float], half: list[float], seeds: int = 5) -> Finding:
    return Finding(Mean(np.array(mean), np.array(half)), seeds, "cannot be told")


def spread(half: float, seeds: int) -> float:
    return half * seeds**0.5 / {5: 2.7764, 3: 4.3027}[seeds]


def test_a_claim_needs_the_seeds_of_its_hardest_effect():
    found = seeds_for_claim(finding([6.0, 4.0, 9.0], [8.0, 8.0, 1.0]))
    assert found.seeds == seeds_to_tell(4.0, spread(8.0, 5))
    assert found.low < found.seeds < found.high


def test_or_those_that_show_one_effect_to_be_next_to_nothing():
    found = seeds_for_claim(finding([3.0, -8.0], [20.0, 12.0]))
    assert found.seeds == seeds_to_tell(9.0, spread(12.0, 5))


def test_the_spread_is_known_the_better_the_more_seeds_there_are():
    few, more = seeds_for_claim(finding([4.0], [8.0], 3)), seeds_for_claim(finding([4.0], [8.0], 5))
    assert few.high / few.low > more.high / more.low


def test_what_is_settled_needs_no_seeds():
    with pytest.raises(ValueError, match="expected the verdict 'cannot be told', got 'holds'"):
        seeds_for_claim(replace(finding([1.0], [0.1]), verdict="holds"))


def point(mean: float, half: float) -> Mean:
    return Mean(np.array(mean), np.array(half))


def test_agreement_needs_an_interval_that_leaves_zero_out_or_is_short():
    theirs, ours = point(80, 3), point(86, 20)
    n = seeds_for_agreement(theirs, ours, 3).seeds
    halves = [
        np.hypot(3, mean_over_seeds(np.tile([-1.0, 1.0], 50)[:k]).interval * 0 + half)
        for k, half in ((n - 1, _half(20, 3, n - 1)), (n, _half(20, 3, n)))
    ]
    assert halves[1] < 6 <= halves[0]


def _half(half: float, seeds: int, n: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, n - 1) * spread(half, seeds) / n**0.5)


def test_a_wide_interval_of_theirs_leaves_nothing_to_be_done():
    assert seeds_for_agreement(point(80, 12), point(86, 20), 3).seeds is None
    with pytest.raises(ValueError, match="n_seeds: expected at least 2"):
        seeds_for_agreement(point(80, 1), point(86, 20), 1)
