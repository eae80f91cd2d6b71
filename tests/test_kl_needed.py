"""The KL that a number of labels asks for, from networks that were stopped on their way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmmlib.analysis import CLEAR, LossCurve, loss_curve, mean_curve

FALLING = LossCurve(np.array([0.01, 0.1, 1.0]), np.array([0.0, 10.0, 30.0]))


def half_trained(stops: dict[float, float], exact: float = 0.9) -> dict[str, Any]:
    return {
        "n_states": 4,
        "exact": {"exact_head": {"test": exact, "clear": exact + 0.05}},
        "stops": [
            {"blank_kl": kl, "methods": {"learnt_head": {"test": right, "clear": right}}}
            for kl, right in stops.items()
        ],
    }


def test_losses_are_those_below_the_exact_model_by_rising_kl() -> None:
    curve = loss_curve(half_trained({0.5: 0.6, 0.7: 0.7, 0.1: 0.85}), "head")
    assert curve.kl.tolist() == [0.1, 0.5, 0.7]
    assert curve.loss == pytest.approx([5, 30, 20])
    assert loss_curve(half_trained({0.5: 0.6}), "head", CLEAR).loss == pytest.approx([35])


def test_a_kl_is_found_on_the_line_between_two_stops() -> None:
    # Half of the loss at half of the way in log KL.
    assert FALLING.kl_needed(5) == pytest.approx(10**-1.5)
    assert FALLING.kl_needed(20) == pytest.approx(10**-0.5)
    assert FALLING.kl_needed(0) == pytest.approx(0.01)
    assert FALLING.in_words(FALLING.kl_needed(5)) == "0.032"


def test_beyond_the_stops_nothing_is_said() -> None:
    assert FALLING.kl_needed(-1) == 0
    assert FALLING.in_words(0) == "< 0.01"
    assert FALLING.kl_needed(30) == np.inf
    assert FALLING.in_words(np.inf) == "> 1"


def test_where_losses_rise_and_fall_the_last_time_counts() -> None:
    wavy = LossCurve(np.array([0.01, 0.1, 1.0, 10.0]), np.array([0.0, 20.0, 5.0, 20.0]))
    # Not 1.9, though there too ten points are lost: between lies a KL that loses more.
    assert wavy.kl_needed(10) == pytest.approx(10**-1.5)


@given(st.lists(st.integers(-20, 60), min_size=2, max_size=8), st.integers(-25, 65))
def test_no_smaller_kl_loses_more(losses: list[int], asked: int) -> None:
    curve = LossCurve(np.logspace(-3, 0, len(losses)), np.array(losses, dtype=float))
    kl = curve.kl_needed(asked)
    grid = np.logspace(-3, 0, 400)
    found = np.interp(np.log(grid), np.log(curve.kl), curve.loss)
    assert (found[grid < kl * (1 - 1e-9)] <= asked + 1e-6).all()
    if 0 < kl < np.inf:
        assert np.interp(np.log(kl), np.log(curve.kl), curve.loss) == pytest.approx(asked, abs=1e-6)


def test_a_mean_curve_spans_what_all_curves_span() -> None:
    other = LossCurve(np.array([0.1, 10.0]), np.array([0.0, 20.0]))
    mean = mean_curve([FALLING, other])
    assert mean.kl.tolist() == [0.1, 1.0]
    assert mean.loss == pytest.approx([5, 20])
    assert mean_curve([FALLING]).loss == pytest.approx(FALLING.loss)


def test_what_is_no_curve_is_refused() -> None:
    with pytest.raises(ValueError, match="curves: expected at least one, got none"):
        mean_curve([])
    far = LossCurve(np.array([2.0, 3.0]), np.zeros(2))
    with pytest.raises(ValueError, match="KLs in common, got one from 2 up and one to 1"):
        mean_curve([FALLING, far])
    with pytest.raises(ValueError, match=r"positive KLs at the blank, got 0\.0"):
        loss_curve(half_trained({0.0: 0.5}), "head")
    with pytest.raises(ValueError, match="expected a method 'exact_prompt'"):
        loss_curve(half_trained({0.1: 0.5}), "prompt")
