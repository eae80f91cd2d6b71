"""Figures of pretraining show the losses, divergences and distributions that they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from hmmlib.plotting.pretraining import (
    kl_by_place,
    kl_by_seed,
    ladder_curves,
    probs_side_by_side,
    split_by_window,
    training_curves,
)
from hmmlib.pretraining import History, Measurement, Stage
from plotting.drawn import band, bars, dots, line, title, words


def test_what_is_missed_stands_on_the_floor():
    (axes,) = split_by_window([0, 2, 64], floor=1.5, kl=[0.5, 0.012, 1e-6]).axes
    floor, above = bars(axes)
    assert floor == pytest.approx(np.array([(0, 1.5)] * 3))
    assert above == pytest.approx(np.array([(1.5, 2.0), (1.5, 1.512), (1.5, 1.500001)]))
    assert [held.get_label() for held in axes.containers] == ["Bayes floor", "KL, what is missed"]
    assert words(axes.texts) == ["0.50", "0.012", "< 0.0001"]
    heads = np.array([text.xy for text in axes.texts])
    assert heads == pytest.approx(np.array([(0, 2.0), (1, 1.512), (2, 1.500001)]))
    assert words(axes.get_xticklabels()) == ["0", "2", "64"]
    assert axes.get_ylim() == pytest.approx((0, 1.12 * 2.0))


def history() -> History:
    return History(
        1.0,
        [
            Measurement(0, 0, 0.0, None, 2.5, 1.5, 0.5),
            Measurement(10, 2_000_000, 5.0, 2.0, 1.25, 0.25, 0.2),
            Measurement(20, 4_000_000, 9.0, 1.2, 1.0, 0.0, 0.0),
        ],
    )


def test_training_goes_by_tokens_on_the_left_and_by_seconds_on_the_right():
    stages = [Stage(10_000, 2, 100), Stage(10_000, 1, 200)]
    left, right = training_curves(history(), 2.2, stages, {4: 0.3, 64: 1e-9}).axes
    assert line(left, "held-out texts") == ([0, 2, 4], [2.5, 1.25, 1.0])
    assert line(left, "its training texts") == ([2, 4], [2.0, 1.2])
    assert line(left, "frequencies only")[1] == [2.2, 2.2]
    assert line(left, "Bayes floor")[1] == [1.0, 1.0]
    assert left.get_ylim() == pytest.approx((0, 1.15 * 2.5))
    # A line where the first stage ends, in millions of tokens, and lengths in the middle of the stages.
    assert list(left.lines[-1].get_xdata()) == [2, 2]
    assert [(text.get_text(), text.xy[0]) for text in left.texts] == [("100 tokens", 1), ("200 tokens", 3)]
    assert list(right.lines[0].get_xdata()) == [0, 5, 9]
    # A KL of zero has a place on a logarithmic axis.
    assert list(right.lines[0].get_ydata()) == [1.5, 0.25, 1e-6]
    assert [(list(one.get_ydata())) for one in right.lines[1:]] == [[0.3, 0.3]]
    assert [(text.get_text(), text.xy[1]) for text in right.texts] == [("4 on each side", 0.3)]
    assert right.get_yscale() == "log"


def test_a_single_stage_needs_no_lines():
    left, right = training_curves(history(), 2.2, [Stage(10, 2, 100)]).axes
    assert not left.texts
    assert len(left.lines) == 4
    assert len(right.lines) == 1


def test_the_exact_distributions_are_above_the_learnt_ones():
    exact = torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]])
    above, below, bar = probs_side_by_side(exact, exact.flip(0), torch.tensor([0, 2])).axes
    assert (title(above), title(below)) == ("exact", "learnt")
    assert np.asarray(above.images[0].get_array()) == pytest.approx(exact.T.numpy())
    assert np.asarray(below.images[0].get_array()) == pytest.approx(exact.flip(0).T.numpy())
    for axes in (above, below):
        assert axes.images[0].get_clim() == (0, 1)
        assert dots(axes, "o") == [([0, 1], [0, 2])]
        assert words(axes.get_yticklabels()) == ["a", "b", "c"]
    assert (below.get_xlabel(), bar.get_ylabel()) == ("blank", "probability")


def cell(n_states: int, n_values: int, kl: float, **more: Any) -> dict[str, Any]:
    return {"n_states": n_states, "n_values": n_values, "tests": {"0.05": {"kl": kl}}, **more}


def test_hmms_with_and_without_memory_have_maps_with_a_median_of_their_own():
    vanilla = [cell(8, 0, 0.4, seed=1), *(cell(4, 0, kl, seed=s) for s, kl in ((3, 0.3), (1, 0.1), (2, 0.2)))]
    left, right, bar = kl_by_seed([cell(12, 3, 0.01, seed=2), *vanilla]).axes
    assert (title(left), title(right)) == ("vanilla", "with a memory")
    assert words(left.get_yticklabels()) == ["4", "8"]
    assert words(left.get_xticklabels()) == ["1", "2", "3", "median"]
    found = np.ma.filled(left.images[0].get_array(), np.nan)
    assert found == pytest.approx(np.array([[0.1, 0.2, 0.3, 0.2], [0.4, np.nan, np.nan, 0.4]]), nan_ok=True)
    assert words(right.get_yticklabels()) == ["12"]
    assert words(right.texts) == ["10", "10"]
    assert bar.get_ylabel() == "KL (thousandths of a nat)"
    alone, _ = kl_by_seed([cell(12, 3, 0.01, seed=2)]).axes
    assert title(alone) == "with a memory"


def test_the_rate_says_which_test_is_drawn():
    one = cell(4, 0, 0.1, seed=1)
    one["tests"]["0.3"] = {"kl": 0.7}
    axes, _ = kl_by_seed([one], rate="0.3").axes
    assert words(axes.texts) == ["700", "700"]


def test_kl_of_a_place_is_divided_by_the_mean_of_the_run():
    def groups(scale: float, fewer: int = 500) -> dict[str, Any]:
        by = {"group": [0, 1, 2], "kl": [2 * scale, scale / 2, scale], "blanks": [500, 300, fewer]}
        near = {"group": [0, 3], "kl": [scale, 4 * scale], "blanks": [500, 500]}
        return {"kl": scale, "by_position": by, "by_neighbours": near}

    # Two runs that differ in size alone, and one without enough blanks in its last group.
    cells = [{"tests": {"0.05": groups(scale)}} for scale in (0.01, 10.0)]
    cells.append({"tests": {"0.05": groups(4.0, fewer=199)}})
    left, right = kl_by_place(cells).axes
    assert line(left, "5% blanks") == ([3.5, 11.5], pytest.approx([2, 0.5]))
    assert line(right, "5% blanks") == ([0, 3], pytest.approx([1, 4]))
    level = left.lines[-1]
    assert list(level.get_ydata()) == [1, 1]
    assert (left.get_xlabel(), right.get_xlabel()) == ("position in the text", "other blanks within 8")
    # Fewer blanks are enough if the caller says so; positions come in groups of this width.
    (left, _) = kl_by_place(cells, least_blanks=100, width=4).axes
    assert line(left, "5% blanks") == ([1.5, 5.5, 9.5], pytest.approx([2, 0.5, 1]))


def test_the_band_holds_the_middle_half_of_the_runs():
    def run(ratio: float) -> dict[str, Any]:
        table = {"group": [0], "kl": [ratio], "blanks": [500]}
        return {"tests": {"0.15": {"kl": 1.0, "by_position": table, "by_neighbours": table}}}

    left, _ = kl_by_place([run(ratio) for ratio in (1, 2, 3, 4, 9)], width=1).axes
    assert line(left, "15% blanks") == ([0], [3])
    assert band(left) == {0: (2, 4)}


def run(seed: int, *cross_entropies: float) -> dict[str, Any]:
    steps = list(range(0, 10 * len(cross_entropies), 10))
    way = {"step": steps, "cross_entropy": list(cross_entropies), "bayes_floor": [1.0] * len(steps)}
    return {"seed": seed, "unigram": 3.0, "history": way}


def test_the_gap_is_one_at_the_frequencies_and_nothing_at_the_floor():
    runs = {"theirs": [run(1, 3.0, 2.0), run(2, 5.0, 1.0)], "ours": [run(1, 3.0, 1.5)]}
    first, second, legend = ladder_curves(runs).axes
    assert (title(first), title(second)) == ("1. theirs", "2. ours")
    assert line(first, "seed 1") == ([0, 10], [1.0, 0.5])
    assert line(first, "seed 2") == ([0, 10], [2.0, 0.0])
    assert line(second, "seed 1") == ([0, 10], [1.0, 0.25])
    for axes in (first, second):
        assert line(axes, "frequencies only")[1] == [1, 1]
        assert line(axes, "Bayes floor")[1] == [0, 0]
    names = ["seed 1", "seed 2", "frequencies only", "Bayes floor"]
    assert words(legend.get_legend().get_texts()) == names
    assert first.get_xlabel() == second.get_xlabel() == "steps"
