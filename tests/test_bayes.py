"""The Bayes floor against exact values where these can be had."""

from __future__ import annotations

import math

import pytest
import torch

from hmmlib import HMM, posteriors, random_hmm, random_memory_hmm, sample_tokens
from hmmlib.hmm import bayes_floor, entropy


def coin_model(p: float) -> HMM:
    """Independent tokens, 1 with probability p: nothing can be learnt from the neighbours."""
    return HMM([1.0], [[1.0]], [[1 - p, p]])


def test_entropy_is_zero_for_certainty_and_log_n_for_uniform_laws():
    probs = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]], dtype=torch.float64)
    torch.testing.assert_close(entropy(probs), torch.tensor([0.0, math.log(4)], dtype=torch.float64))


@pytest.mark.parametrize("mask_rate", [None, 0.15, 1.0])
def test_independent_tokens_have_their_entropy_as_floor(mask_rate):
    floor = bayes_floor(coin_model(0.3), mask_rate=mask_rate, generator=0, n_texts=20, length=30)
    assert floor.value == pytest.approx(-(0.3 * math.log(0.3) + 0.7 * math.log(0.7)), abs=1e-12)
    assert floor.standard_error == pytest.approx(0, abs=1e-12)


def test_a_deterministic_cycle_costs_nothing_unless_everything_is_masked():
    cycle = HMM([1 / 3] * 3, [[0, 1, 0], [0, 0, 1], [1, 0, 0]], torch.eye(3))
    assert bayes_floor(cycle, generator=0, n_texts=10, length=20).value == pytest.approx(0, abs=1e-12)
    everything = bayes_floor(cycle, mask_rate=1.0, generator=0, n_texts=10, length=20)
    assert everything.value == pytest.approx(math.log(3), abs=1e-12)


def test_all_masked_gives_the_entropy_of_the_marginals():
    hmm = random_hmm(4, 5, generator=3, transition_temperature=0.3, emission_temperature=0.3)
    distribution, marginals = hmm.initial, []
    for _ in range(6):
        marginals.append(entropy(distribution @ hmm.emission))
        distribution = distribution @ hmm.transition
    floor = bayes_floor(hmm, mask_rate=1.0, generator=0, n_texts=5, length=6)
    assert floor.value == pytest.approx(float(torch.stack(marginals).mean()), abs=1e-12)


@pytest.mark.parametrize("model", [random_hmm(8, generator=3), random_memory_hmm(3, generator=1)])
def test_the_floor_is_the_loss_of_the_exact_conditionals(model):
    floor = bayes_floor(model, generator=0, n_texts=800, length=40)
    tokens = sample_tokens(model, 800, 40, generator=1)
    probs = posteriors(model, tokens, keep=("conditionals",)).conditionals
    per_text = -probs.gather(-1, tokens[..., None])[..., 0].log().mean(1)
    error = math.hypot(float(per_text.std()) / 800**0.5, floor.standard_error)
    assert abs(float(per_text.mean()) - floor.value) < 4 * error
    assert 0 < error < 0.05


def test_more_masks_leave_less_to_read():
    hmm = random_hmm(15, generator=8)
    rates = (None, 0.15, 0.5, 1.0)
    values = [bayes_floor(hmm, mask_rate=rate, generator=0, n_texts=200).value for rate in rates]
    assert values == sorted(values)
    assert values[-1] - values[0] > 0.5


def test_the_standard_error_is_the_spread_of_repeated_estimates():
    hmm = random_hmm(10, generator=3)
    repeats = [bayes_floor(hmm, mask_rate=0.15, generator=s, n_texts=100, length=30) for s in range(60)]
    spread = float(torch.tensor([r.value for r in repeats]).std())
    claimed = sum(r.standard_error for r in repeats) / len(repeats)
    assert 0.7 < claimed / spread < 1.4


def test_batches_do_not_change_the_law(monkeypatch):
    hmm = random_hmm(5, generator=1, transition_temperature=0.2)
    whole = bayes_floor(hmm, generator=0, n_texts=300, length=20)
    monkeypatch.setattr("hmmlib.hmm.entropies._BATCH_TOKENS", 700)
    parts = bayes_floor(hmm, generator=0, n_texts=300, length=20)
    assert abs(whole.value - parts.value) < 4 * math.hypot(whole.standard_error, parts.standard_error)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask_rate": 0.0}, "mask_rate: expected a number 0 < mask_rate ≤ 1, got 0.0"),
        ({"mask_rate": 1.5}, "mask_rate: expected a number 0 < mask_rate ≤ 1, got 1.5"),
        ({"n_texts": 1}, "n_texts: expected at least 2, got 1"),
        ({"length": 0}, "length: expected at least 1, got 0"),
        ({"mask_rate": 1e-12}, "mask_rate: 1e-12 masked no position"),
    ],
)
def test_bad_arguments_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        bayes_floor(coin_model(0.5), **{"generator": 0, "n_texts": 5, "length": 5, **changes})
