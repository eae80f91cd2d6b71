"""What is lost at each step adds up to what is missing, whatever the numbers are."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmmlib.analysis import (
    ATTENTION,
    HEAD,
    PROMPT,
    Ladder,
    find_cell,
    group,
    mean_losses,
    percent_right,
    steps,
    two_causes,
)
from hmmlib.experiments import head_vs_prompt, memory_vs_vanilla

LADDERS = {ladder.name: ladder for ladder in (HEAD, PROMPT, ATTENTION)}
SQUARE = ("exact_head", "exact_head_paper", "learnt_head", "learnt_head_paper")
shares = st.integers(0, 1000).map(lambda count: count / 1000)


def record(**shares: float) -> dict[str, Any]:
    return {"n_states": 4, "seed": 1, "methods": {name: {"test": share} for name, share in shares.items()}}


def test_a_head_loses_what_each_cause_takes() -> None:
    found = steps(record(posterior=1.0, exact_head=0.9, learnt_head=0.75, learnt_head_paper=0.8), HEAD)
    assert [step.cause for step in found] == ["labels", "emissions", "pretraining", "recipe"]
    assert [step.loss for step in found] == pytest.approx([0, 10, 15, -5])
    assert [(step.above, step.below) for step in found] == [
        ("100", "posterior"),
        ("posterior", "exact_head"),
        ("exact_head", "learnt_head"),
        ("learnt_head", "learnt_head_paper"),
    ]
    assert [step.start for step in found] == pytest.approx([100, 100, 90, 75])
    assert [step.end for step in found] == pytest.approx([100, 90, 75, 80])


@pytest.mark.parametrize("ladder", LADDERS.values(), ids=LADDERS.keys())
@given(data=st.data())
def test_losses_add_up_to_what_is_missing(ladder: Ladder, data: st.DataObject) -> None:
    cell = record(**{rung: data.draw(shares) for rung in ladder.rungs})
    found = steps(cell, ladder)
    assert sum(step.loss for step in found) == pytest.approx(100 - percent_right(cell, ladder.rungs[-1]))
    assert all(low.start == high.end for high, low in pairwise(found))


def test_every_rung_is_a_method_of_its_experiment() -> None:
    for ladder in (HEAD, PROMPT):
        assert set(ladder.rungs) <= set(head_vs_prompt.METHODS)
    for ladder in (HEAD, ATTENTION):
        assert set(ladder.rungs) <= set(memory_vs_vanilla.METHODS)
    assert set(SQUARE) <= set(head_vs_prompt.METHODS)


def test_means_are_of_differences_machine_by_machine() -> None:
    # Two seeds that differ much in level and not at all in what is lost.
    cells = [record(posterior=top, exact_prompt=top - 0.1, learnt_prompt=top - 0.3) for top in (1.0, 0.6)]
    found = mean_losses(cells, PROMPT)
    assert found.mean == pytest.approx([20, 10, 20])
    assert found.interval[1:] == pytest.approx([0, 0], abs=1e-9)
    assert found.interval[0] > 100
    assert found.mean.sum() == pytest.approx(np.mean([100 - 70, 100 - 30]))


def test_means_need_two_seeds() -> None:
    with pytest.raises(ValueError, match="at least two seeds"):
        mean_losses([record(posterior=1, exact_prompt=1, learnt_prompt=1)], PROMPT)


def test_a_missing_method_is_named_with_its_cell() -> None:
    with pytest.raises(
        ValueError, match=r"'exact_prompt' of the cell n_states 4, seed 1, got \['posterior'\]"
    ):
        steps(record(posterior=1.0), PROMPT)
    with pytest.raises(ValueError, match=r"expected a method 'learnt_head_paper' of the cell"):
        two_causes(record(exact_head=1.0, exact_head_paper=1.0, learnt_head=1.0))
    with pytest.raises(ValueError, match=r"expected a method 'head', got \[\]"):
        percent_right({"methods": {}}, "head")


def test_a_ladder_has_a_cause_for_each_rung() -> None:
    with pytest.raises(ValueError, match="causes: expected one for each"):
        Ladder("short", ("a", "b"), ("first",))
    with pytest.raises(ValueError, match="causes: expected one for each"):
        Ladder("empty", (), ())


def test_two_causes_that_lose_the_same_labels_overlap() -> None:
    # Each alone loses 20 points, and both together no more.
    found = two_causes(record(exact_head=1.0, exact_head_paper=0.8, learnt_head=0.8, learnt_head_paper=0.8))
    assert (found.pretraining_solved, found.pretraining_paper) == pytest.approx((20, 0))
    assert (found.recipe_exact, found.recipe_learnt) == pytest.approx((20, 0))
    assert found.interaction == pytest.approx(-20)
    assert (found.pretraining, found.recipe, found.total) == pytest.approx((10, 10, 20))


@given(st.tuples(shares, shares, shares, shares))
def test_both_ways_round_the_square_lose_the_same(corners: tuple[float, ...]) -> None:
    found = two_causes(record(**dict(zip(SQUARE, corners, strict=True))))
    total = 100 * (corners[0] - corners[3])
    assert found.total == pytest.approx(total)
    assert found.pretraining_solved + found.recipe_learnt == pytest.approx(total)
    assert found.recipe_exact + found.pretraining_paper == pytest.approx(total)
    assert found.pretraining + found.recipe == pytest.approx(total)
    assert found.pretraining_paper - found.pretraining_solved == pytest.approx(found.interaction)


def test_records_are_grouped_in_rising_order_and_found_by_their_fields() -> None:
    cells = [{"n_states": n, "seed": s} for s in (2, 1) for n in (25, 4)]
    groups = group(cells, "n_states")
    assert list(groups) == [4, 25]
    assert groups[4] == [{"n_states": 4, "seed": 2}, {"n_states": 4, "seed": 1}]
    assert find_cell(cells, n_states=25, seed=1) is cells[2]


def test_what_is_not_there_is_said_with_what_is() -> None:
    cells = [{"n_states": n, "seed": 1} for n in (4, 25)]
    with pytest.raises(
        ValueError, match=r"one record of n_states 8, seed 1, got 0; there are n_states in \[4, 25\]"
    ):
        find_cell(cells, n_states=8, seed=1)
    with pytest.raises(ValueError, match="got 2"):
        find_cell(cells, seed=1)
    with pytest.raises(ValueError, match=r"no 'kind'; it has \['n_states', 'seed'\]"):
        group(cells, "kind")
