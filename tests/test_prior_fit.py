"""Which prior a model's answers at the blank speak for."""

from __future__ import annotations

import numpy as np
import pytest
import scipy
import torch
from scipy.spatial.distance import jensenshannon

from hmmlib import HMM, ExactMaskedLM, blank_probs, random_hmm, sample_tokens
from hmmlib.constructions import prompted_prior
from hmmlib.tuning import fit_prior

WARM = {"transition_temperature": 0.1, "emission_temperature": 0.1}


def case(n_states=4, n_tokens=6, seed=0, n_texts=200):
    hmm = random_hmm(n_states, n_tokens, generator=seed, **WARM)
    return hmm, ExactMaskedLM(hmm), sample_tokens(hmm, n_texts, 13, generator=seed)[:, 1:]


def prompt_of(hmm, length, seed=1):
    random = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(length, hmm.n_states, generator=random, dtype=torch.float64)).exp()


@pytest.mark.parametrize("length", [1, 3])
def test_the_prior_that_a_prompt_stands_for_is_found(length):
    hmm, lm, texts = case()
    prompt = prompt_of(hmm, length)
    fit = fit_prior(hmm, texts, blank_probs(lm, texts, prompt), generator=0)
    assert fit.divergence < 1e-8
    assert fit.variation < 1e-3
    assert fit.divergence_initial > 0.002
    torch.testing.assert_close(fit.prior, prompted_prior(hmm, prompt), atol=1e-3, rtol=0)


def test_without_a_prompt_it_is_the_initial_law():
    hmm, lm, texts = case()
    fit = fit_prior(hmm, texts, blank_probs(lm, texts), generator=0, starts=1)
    assert fit.divergence_initial < 1e-12
    assert fit.divergence < 1e-12
    assert fit.variation_initial < 1e-12
    torch.testing.assert_close(fit.prior, hmm.initial, atol=1e-6, rtol=0)


def test_what_no_prior_explains_is_left():
    hmm, lm, texts = case()
    others = blank_probs(lm, texts).roll(1, 0)
    fit = fit_prior(hmm, texts, others, generator=0)
    assert 0.005 < fit.divergence < fit.divergence_initial


def test_distances_are_what_they_say():
    hmm, lm, texts = case(n_texts=20)
    shown = blank_probs(lm, texts, prompt_of(hmm, 1)).float()
    fit = fit_prior(hmm, texts, shown, generator=0, starts=1, max_iterations=2)
    other = HMM(fit.prior, hmm.transition, hmm.emission)
    found = (other, fit.divergence, fit.variation), (hmm, fit.divergence_initial, fit.variation_initial)
    for prior_hmm, divergence, variation in found:
        p, q = shown.double().numpy(), blank_probs(ExactMaskedLM(prior_hmm), texts).numpy()
        expected = np.mean([jensenshannon(*pair) ** 2 for pair in zip(p, q, strict=True)])
        assert divergence == pytest.approx(expected, rel=1e-5)
        assert variation == pytest.approx(np.abs(p - q).sum(1).mean() / 2, rel=1e-6)


def test_a_token_that_cannot_be_costs_a_bounded_share():
    hmm = HMM([0.5, 0.5], [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    texts = torch.tensor([[0, 0], [1, 1]])
    shown = torch.tensor([[0.5, 0.0, 0.5], [0.0, 0.5, 0.5]])
    fit = fit_prior(hmm, texts, shown, generator=0)
    assert fit.divergence == pytest.approx(jensenshannon([0.5, 0, 0.5], [1.0, 0, 0]) ** 2)
    assert fit.variation == pytest.approx(0.5)


def test_the_search_is_a_function_of_its_seed():
    hmm, lm, texts = case(n_states=8, n_tokens=4)
    shown = blank_probs(lm, texts, prompt_of(hmm, 2)).roll(1, 0)
    first, again = (fit_prior(hmm, texts, shown, generator=3) for _ in range(2))
    assert torch.equal(first.prior, again.prior)
    assert fit_prior(hmm, texts, shown, generator=3, starts=6).divergence <= first.divergence


def test_states_that_cannot_be_there_stay_out():
    hmm, _, texts = case()
    initial = torch.tensor([0.0, 0.5, 0.3, 0.2], dtype=torch.float64)
    limited = HMM(initial, hmm.transition, hmm.emission)
    fit = fit_prior(limited, texts, blank_probs(ExactMaskedLM(limited), texts), generator=0, starts=1)
    assert fit.divergence_initial < 1e-12
    assert float(fit.prior[0]) < 1e-9


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"probs": torch.ones(3, 6) / 6}, ValueError, r"probs: expected shape \(5, 6\), .* got \(3, 6\)"),
        ({"probs": torch.ones(5, 6)}, ValueError, "probs: row 0 sums to 6; expected a distribution"),
        ({"probs": torch.full((5, 6), torch.nan)}, ValueError, "probs: row 0"),
        ({"tokens": torch.full((5, 3), 6)}, ValueError, "tokens: .*6"),
        ({"starts": 0}, ValueError, "starts: expected at least 1, got 0"),
        ({"max_iterations": 0}, ValueError, "max_iterations: expected at least 1, got 0"),
    ],
)
def test_arguments_are_checked(changes, error, message):
    hmm, lm, texts = case(n_texts=5)
    asked = {"tokens": texts, "probs": blank_probs(lm, texts), "generator": 0} | changes
    with pytest.raises(error, match=message):
        fit_prior(hmm, **asked)


@pytest.mark.parametrize("starts", [1, 4])
def test_the_search_begins_as_often_as_asked(starts, monkeypatch):
    hmm, lm, texts = case(n_texts=20)
    begun = []
    minimise = scipy.optimize.minimize
    monkeypatch.setattr(
        scipy.optimize, "minimize", lambda f, x, **how: begun.append(tuple(x)) or minimise(f, x, **how)
    )
    fit_prior(hmm, texts, blank_probs(lm, texts).roll(1, 0), generator=0, starts=starts)
    assert len(set(begun)) == len(begun) == starts


def test_a_model_in_float32_will_do():
    hmm, lm, texts = case()
    shown = blank_probs(lm, texts, prompt_of(hmm, 1))
    double, single = (
        fit_prior(model, texts, shown, generator=0) for model in (hmm, hmm.to(dtype=torch.float32))
    )
    torch.testing.assert_close(single.prior, double.prior, atol=1e-3, rtol=0)
