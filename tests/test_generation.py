"""Causal models write: as often as their distributions say, greedily without heat, and only what they may."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import scipy.stats
import torch
from tuning_cases import small_transformer

from hmmlib import HMM, ExactMaskedLM, posteriors, random_memory_hmm, sample_tokens
from hmmlib.lm import ExactCausalLM, generate, sequence_log_probs

RANDOM = np.random.RandomState(0)
MODEL = HMM(*(RANDOM.dirichlet(np.ones(n), size) for n, size in ((2, None), (2, 2), (3, 2))))
EXACT = ExactCausalLM(MODEL)
NETWORK = small_transformer(causal=True)
NONE = torch.empty(1, 0, dtype=torch.int64)
N = 60_000


def log_likelihood(texts):
    return posteriors(MODEL, texts, keep=()).log_likelihood


def test_texts_are_as_frequent_as_the_hmm_says():
    found = generate(EXACT, NONE.expand(N, 0), 3, generator=0)
    texts = torch.tensor(list(product(range(3), repeat=3)))
    counts = np.bincount(found.tokens @ torch.tensor([9, 3, 1]), minlength=27)
    expected = log_likelihood(texts).exp().numpy() * N
    assert expected.min() >= 5
    assert scipy.stats.chisquare(counts, expected).pvalue > 1e-4
    torch.testing.assert_close(found.log_probs.sum(1), log_likelihood(found.tokens))


def test_theorem_log_probabilities_add_up_to_the_likelihood():
    memory = random_memory_hmm(2, 2, 5, generator=1)
    for model in (MODEL, memory):
        texts = sample_tokens(model, 5, 12, generator=0)
        found = sequence_log_probs(ExactCausalLM(model), texts, 0)
        whole, start = (posteriors(model, some, keep=()).log_likelihood for some in (texts, texts[:, :4]))
        torch.testing.assert_close(found.sum(1), whole, atol=1e-10, rtol=0)
        torch.testing.assert_close(found[:, 4:].sum(1), whole - start, atol=1e-10, rtol=0)
        assert torch.equal(found[:, 4:], sequence_log_probs(ExactCausalLM(model), texts, 4))


@pytest.mark.parametrize("lm", [EXACT, NETWORK], ids=["exact", "network"])
def test_what_is_drawn_has_the_probability_it_was_drawn_with(lm):
    prefix = torch.tensor([[0, 1], [2, 2], [1, 0]])
    allowed = torch.ones(4, lm.n_tokens, dtype=torch.bool)
    allowed[1, 0] = allowed[2, 1:] = False
    for may, temperature in ((None, 1.0), (allowed, 0.7)):
        tokens, found = generate(lm, prefix, 4, generator=0, temperature=temperature, allowed=may)
        assert tokens.shape == found.shape == (3, 4)
        again = sequence_log_probs(lm, torch.cat([prefix, tokens], 1), 2, may, temperature=temperature)
        torch.testing.assert_close(found, again.detach(), atol=1e-5, rtol=0)
    assert bool((found[:, 2] == 0).all())


@pytest.mark.parametrize("lm", [EXACT, NETWORK], ids=["exact", "network"])
@pytest.mark.parametrize("temperature", [1e-4, 1e-300])
def test_without_heat_the_most_probable_token_follows(lm, temperature):
    prefix = torch.tensor([[0, 1], [2, 2], [1, 0], [2, 1]])
    text = prefix
    for _ in range(5):
        asked = torch.cat([text, text.new_zeros(4, 1)], 1)
        text = torch.cat([text, lm.token_probs(lm.embed(asked))[:, -1].argmax(-1, keepdim=True)], 1)
    found = generate(lm, prefix, 5, generator=0, temperature=temperature)
    assert torch.equal(found.tokens, text[:, 2:])
    assert found.log_probs.abs().max() < 1e-3


def test_heat_makes_frequencies_even():
    prefix = torch.zeros(N, 1, dtype=torch.int64)
    law = EXACT.token_probs(EXACT.embed([[0, 0]]))[0, 1]
    for temperature in (0.5, 2.0):
        tokens, _ = generate(EXACT, prefix, 1, generator=1, temperature=temperature)
        expected = law ** (1 / temperature)
        shares = torch.bincount(tokens[:, 0], minlength=3) / N
        torch.testing.assert_close(shares.double(), expected / expected.sum(), atol=0.01, rtol=0)


def test_only_what_is_allowed_is_written_and_in_proportion():
    allowed = torch.tensor([[True, False, True], [False, True, True], [False, True, False]])
    tokens, _ = generate(EXACT, NONE.expand(N, 0), 3, generator=2, allowed=allowed)
    for step in range(3):
        assert set(tokens[:, step].tolist()) == set(allowed[step].nonzero()[:, 0].tolist())
    law = EXACT.token_probs(EXACT.embed([[0]]))[0, 0]
    share = float((tokens[:, 0] == 0).double().mean())
    assert share == pytest.approx(float(law[0] / (law[0] + law[2])), abs=0.01)
    forbidden = sequence_log_probs(EXACT, [[1, 1, 1], [0, 1, 1]], 0, allowed)
    assert (forbidden == -torch.inf).tolist() == [[True, False, False], [False, False, False]]


def test_the_same_seed_writes_the_same_and_the_network_stays_as_it_is():
    prefix = torch.tensor([[0, 1]] * 8)
    one, two = (generate(NETWORK, prefix, 5, generator=3) for _ in range(2))
    assert torch.equal(one.tokens, two.tokens)
    assert len(one.tokens.unique(dim=0)) > 1
    assert not one.log_probs.requires_grad
    assert sequence_log_probs(NETWORK, prefix, 0).requires_grad
    random = torch.Generator().manual_seed(3)
    assert torch.equal(generate(NETWORK, prefix, 5, generator=random).tokens, one.tokens)
    assert not torch.equal(generate(NETWORK, prefix, 5, generator=random).tokens, one.tokens)


CYCLE = ExactCausalLM(HMM([1.0, 0.0], [[0, 1], [1, 0]], np.eye(2)))
ALL = torch.ones(2, 3, dtype=torch.bool)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: generate(ExactMaskedLM(MODEL), [[0]], 1, generator=0),
            ValueError,
            r"^lm: ExactMaskedLM predicts each token from all others; expected a causal model",
        ),
        (
            lambda: sequence_log_probs(small_transformer(), [[0]], 0),
            ValueError,
            "^lm: TransformerMaskedLM predicts",
        ),
        (lambda: generate(EXACT, [[3]], 1, generator=0), ValueError, "^prefix: sequence 0, position 0 holds"),
        (lambda: generate(EXACT, [0, 1], 1, generator=0), ValueError, r"^prefix: expected shape \(batch, ti"),
        (lambda: generate(EXACT, [[0]], 0, generator=0), ValueError, "^n_new: expected at least 1, got 0"),
        (
            lambda: generate(EXACT, [[0]], 1, generator=0, temperature=0),
            ValueError,
            "^temperature: expected a finite number > 0, got 0",
        ),
        (
            lambda: generate(EXACT, [[0]], 1, generator=0, allowed=ALL),
            ValueError,
            r"^allowed: expected shape \(1, 3\), got \(2, 3\)",
        ),
        (
            lambda: generate(EXACT, [[0]], 2, generator=0, allowed=ALL * 1),
            TypeError,
            "^allowed: expected booleans",
        ),
        (
            lambda: generate(EXACT, [[0]], 2, generator=0, allowed=ALL & torch.tensor([[True], [False]])),
            ValueError,
            "^allowed: step 1 allows no token",
        ),
        (
            lambda: generate(CYCLE, [[0], [0]], 2, generator=0, allowed=[[True, True], [False, True]]),
            ValueError,
            "^allowed: at step 1 every allowed token has probability 0 after sequence 0",
        ),
        (
            lambda: sequence_log_probs(CYCLE, [[0, 1, 0]], 1, [[True, True], [False, True]]),
            ValueError,
            "^allowed: at step 1 every allowed token has probability 0 after sequence 0",
        ),
        (
            lambda: generate(CYCLE, [[0, 1], [0, 0]], 1, generator=0),
            ValueError,
            "^evidence: sequence 1, position 1: the evidence has probability 0",
        ),
        (
            lambda: sequence_log_probs(EXACT, [[0, 1]], 2),
            ValueError,
            r"^from_position: expected 0 … 1, got 2",
        ),
        (lambda: sequence_log_probs(EXACT, [[0, 1]], -1), ValueError, "^from_position: expected at least 0"),
    ],
)
def test_what_is_wrong_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
