"""A learning rate is chosen once for a variant, on texts that no result is given for."""

from __future__ import annotations

from typing import Any

import pytest

from hmmlib.analysis import at_chosen_rate, read_results


def run(variant: str, rate: float | None, seed: int, watched: float, tested: float = 0.0) -> dict[str, Any]:
    told = {"variant": variant, "learning_rate": rate, "n_states": 15, "n_values": 0, "seed": seed}
    return {**told, "history": {"kl": [9.0, watched]}, "tests": {"0.05": {"kl": tested}}}


def test_the_rate_has_the_least_mean_over_the_hmms_of_the_watched_texts():
    # The first rate is better on one HMM, the second on average; the test texts would choose the first.
    cells = [run("a", 1e-3, 2, 0.9, 0.1), run("a", 1e-3, 1, 0.1, 0.1)]
    cells += [run("a", 3e-3, 2, 0.3, 0.5), run("a", 3e-3, 1, 0.2, 0.5), run("b", None, 1, 0.4)]
    found = at_chosen_rate(cells)
    assert list(found) == ["a", "b"]
    assert found["a"].rate == 3e-3
    assert [cell["seed"] for cell in found["a"].cells] == [1, 2]
    assert found["b"] == (None, [cells[-1]])


def test_every_variant_of_the_book_has_a_rate_with_all_its_hmms():
    ladder = read_results("pretraining_ladder")
    found = at_chosen_rate(ladder["cells"])
    assert list(found) == ladder["config"]["variants"]
    for rate, cells in found.values():
        assert rate in ladder["config"]["learning_rates"]
        assert [cell["seed"] for cell in cells] == ladder["config"]["seeds"]


def test_rates_that_were_tried_on_other_hmms_are_refused():
    cells = [run("a", 1e-3, 1, 0.1), run("a", 3e-3, 2, 0.1)]
    with pytest.raises(
        ValueError, match=r"rate of 'a' on the same HMMs \[\(15, 0, 1\)\].* got \[\(15, 0, 2\)\] for 0\.003"
    ):
        at_chosen_rate(cells)
    with pytest.raises(ValueError, match="cells: expected at least one record, got none"):
        at_chosen_rate([])
