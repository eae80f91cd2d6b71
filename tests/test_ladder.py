"""What is lost at each step adds up to what is missing, whatever the numbers are."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmmlib.analysis import (
    ALL,
    ATTENTION,
    CLEAR,
    EXACT_PROMPT,
    HEAD,
    PROMPT,
    Ladder,
    find_cell,
    group,
    mean_losses,
    no_error_floor,
    percent_right,
    rounding,
    steps,
)
from hmmlib.experiments import exact_prompts, head_vs_prompt, memory_vs_vanilla
from hmmlib.sweeps import Workplace

LADDERS = {ladder.name: ladder for ladder in (HEAD, PROMPT, EXACT_PROMPT, ATTENTION)}
shares = st.integers(0, 1000).map(lambda count: count / 1000)


def record(texts: str = CLEAR, **shares: float) -> dict[str, Any]:
    return {"n_states": 4, "seed": 1, "methods": {name: {texts: share} for name, share in shares.items()}}


def test_a_head_loses_what_each_cause_takes() -> None:
    accuracies = (0.97, 0.9, 0.88, 0.75, 0.8)
    found = steps(record(**dict(zip(HEAD.rungs, accuracies, strict=True))), HEAD)
    causes = ["linear readout", "log-loss", "number format", "network", "training"]
    assert [step.cause for step in found] == causes
    assert [step.loss for step in found] == pytest.approx([3, 7, 2, 13, -5])
    assert [(step.above, step.below) for step in found] == list(pairwise(("100", *HEAD.rungs)))
    assert [step.start for step in found] == pytest.approx([100, 97, 90, 88, 75])
    assert [step.end for step in found] == pytest.approx([97, 90, 88, 75, 80])


def test_each_rung_lacks_one_thing_that_the_one_above_has() -> None:
    assert HEAD.rungs == (
        "exact_head_best",  # most training labels right
        "exact_head",  # least log-loss
        "exact_head_single",  # single precision
        "learnt_head",  # a network's distribution
        "learnt_head_paper",  # the paper's training
    )
    assert ATTENTION.rungs == (
        "exact_attention",
        "exact_read_off_attention",  # what the masking asks for
        "read_off_attention",  # a network, read in the same way
        "learnt_attention",  # as it is shown
        "learnt_attention_paper",  # the paper's training
    )
    assert PROMPT.rungs == ("exact_prompt_best", "exact_prompt", "learnt_prompt")
    assert EXACT_PROMPT.rungs == ("prompt_1_best", "prompt_1", "prompt_paper")


def test_one_cause_has_one_name_everywhere() -> None:
    assert HEAD.causes[:2] == PROMPT.causes[:2] == EXACT_PROMPT.causes[:2] == ("linear readout", "log-loss")
    assert HEAD.causes[-1] == EXACT_PROMPT.causes[-1] == ATTENTION.causes[-1] == "training"
    assert HEAD.causes[-2] == ATTENTION.causes[2] == "network"


@pytest.mark.parametrize("ladder", LADDERS.values(), ids=LADDERS.keys())
@given(data=st.data())
def test_losses_add_up_to_what_is_missing(ladder: Ladder, data: st.DataObject) -> None:
    cell = record(**{rung: data.draw(shares) for rung in ladder.rungs})
    found = steps(cell, ladder)
    missing = 100 - percent_right(cell, ladder.rungs[-1], CLEAR)
    assert sum(step.loss for step in found) == pytest.approx(missing)
    assert all(low.start == high.end for high, low in pairwise(found))


def test_every_rung_is_a_method_of_its_experiment() -> None:
    for ladder in (HEAD, PROMPT):
        assert set(ladder.rungs) <= set(head_vs_prompt.METHODS)
    for ladder in (HEAD, ATTENTION):
        assert set(ladder.rungs) <= set(memory_vs_vanilla.METHODS)


def test_the_exact_models_file_has_the_rungs_of_its_ladder(tmp_path: Path) -> None:
    config = exact_prompts.EXPERIMENT.presets["smoke"].cells()[0]
    cell = exact_prompts.exact_cell(config, Workplace("cpu", tmp_path))
    assert [step.below for step in steps(cell, EXACT_PROMPT)] == list(EXACT_PROMPT.rungs)


def test_clear_texts_are_counted_unless_all_are_asked_for() -> None:
    accuracies = {"exact_prompt_best": 0.9, "exact_prompt": 0.8, "learnt_prompt": 0.7}
    cell = record(**accuracies)
    for name, entry in cell["methods"].items():
        entry["test"] = accuracies[name] - 0.05
    assert [step.end for step in steps(cell, PROMPT)] == pytest.approx([90, 80, 70])
    assert [step.end for step in steps(cell, PROMPT, ALL)] == pytest.approx([85, 75, 65])
    assert percent_right(cell, "exact_prompt") == pytest.approx(75)


def test_means_are_of_differences_machine_by_machine() -> None:
    # Two seeds that differ much in level and not at all in what is lost.
    cells = [
        record(exact_prompt_best=top, exact_prompt=top - 0.1, learnt_prompt=top - 0.3) for top in (1.0, 0.6)
    ]
    found = mean_losses(cells, PROMPT)
    assert found.mean == pytest.approx([20, 10, 20])
    assert found.interval[1:] == pytest.approx([0, 0], abs=1e-9)
    assert found.interval[0] > 100
    assert found.mean.sum() == pytest.approx(np.mean([100 - 70, 100 - 30]))


def test_seeds_that_agree_leave_what_the_texts_leave_open() -> None:
    cells = [record(exact_prompt_best=1, exact_prompt=1, learnt_prompt=1)] * 3
    floor = no_error_floor(1000)
    # Of a difference both accuracies are open.
    found = mean_losses(cells, PROMPT, n_texts=1000)
    assert found.interval == pytest.approx([floor, 2**0.5 * floor, 2**0.5 * floor])


def test_means_need_two_seeds() -> None:
    with pytest.raises(ValueError, match="at least two seeds"):
        mean_losses([record(exact_prompt_best=1, exact_prompt=1, learnt_prompt=1)], PROMPT)


def test_rounding_is_what_all_texts_lack_to_the_clear_ones() -> None:
    entries = [{"test": 0.8, "clear": 0.9}, {"test": 0.7, "clear": 0.7}]
    cells = [
        {"clear_share": share, "methods": {"head": entry}}
        for share, entry in zip((0.5, 0.9), entries, strict=True)
    ]
    found = rounding(cells, ["head"])
    assert (found.share, found.lowest) == pytest.approx((70, 50))
    assert found.loss.mean == pytest.approx([5])


def test_a_missing_method_is_named_with_its_cell() -> None:
    with pytest.raises(
        ValueError, match=r"'exact_prompt_best' of the cell n_states 4, seed 1, got \['posterior'\]"
    ):
        steps(record(posterior=1.0), PROMPT)
    with pytest.raises(ValueError, match=r"expected a method 'head', got \[\]"):
        percent_right({"methods": {}}, "head")


def test_other_texts_and_none_that_are_clear_are_refused() -> None:
    cell = {"n_states": 4, "seed": 1, "methods": {"head": {"test": 0.5, "clear": None}}}
    with pytest.raises(
        ValueError, match=r"'clear' texts for 'head' of the cell n_states 4, seed 1, got none"
    ):
        percent_right(cell, "head", CLEAR)
    with pytest.raises(ValueError, match="texts: expected 'test' or 'clear', got 'train'"):
        percent_right(cell, "head", "train")


def test_a_ladder_has_a_cause_for_each_rung() -> None:
    with pytest.raises(ValueError, match="causes: expected one for each"):
        Ladder("short", ("a", "b"), ("first",))
    with pytest.raises(ValueError, match="causes: expected one for each"):
        Ladder("empty", (), ())


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
