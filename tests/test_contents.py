"""What a text says of the memory's content, and a content of the text."""

from __future__ import annotations

import itertools

import pytest
import torch

from hmmlib import MemoryHMM, posteriors, random_hmm, random_memory_hmm, sample
from hmmlib.hmm import (
    content_log_likelihood,
    content_posterior,
    contents,
    uniform_memory,
)

SHAPE = {"n_values": 3, "n_syntax": 2, "n_tokens": 5, "n_cells": 2}
MODEL = random_memory_hmm(**SHAPE, generator=1, transition_temperature=0.5, emission_temperature=0.3)
TEXT = sample(MODEL, 40, 9, generator=0)


def test_the_likelihood_is_the_sum_over_paths():
    chain = MODEL.chain
    first = chain.initial / chain.initial.sum(1, keepdim=True)
    emission = chain.emission[chain.columns]  # (K, C, V)
    text = [2, 0, 4]
    expected = torch.zeros(len(first), dtype=torch.float64)
    for path in itertools.product(range(4), repeat=3):
        p = first[:, path[0]] * chain.transition[path[0], path[1]] * chain.transition[path[1], path[2]]
        for state, word in zip(path, text, strict=True):
            p = p * emission[:, state, word]
        expected += p
    found = content_log_likelihood(MODEL, [text])[0].exp()
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


def test_the_posterior_is_that_of_the_flat_states():
    flat = posteriors(MODEL, TEXT.tokens, keep=("smoothed",))
    chain_states = MODEL.chain.initial.shape[1]
    expected = flat.smoothed[:, 0].reshape(40, -1, chain_states).sum(-1)
    torch.testing.assert_close(content_posterior(MODEL, TEXT.tokens), expected, rtol=0, atol=1e-12)
    joint = content_log_likelihood(MODEL, TEXT.tokens) + MODEL.chain.initial.sum(1).log()
    torch.testing.assert_close(joint.logsumexp(1), flat.log_likelihood)


def test_prefixes_are_the_beginnings_and_pieces_do_not_matter(monkeypatch):
    every = content_log_likelihood(MODEL, TEXT.tokens, prefixes=True)
    for t in (0, 4, 8):
        short = content_log_likelihood(MODEL, TEXT.tokens[:, : t + 1])
        torch.testing.assert_close(every[:, t], short, rtol=1e-13, atol=0)
    monkeypatch.setattr(contents, "_PIECE", 1)
    torch.testing.assert_close(content_log_likelihood(MODEL, TEXT.tokens, prefixes=True), every)


def test_another_grammar_is_another_model():
    other = random_memory_hmm(**SHAPE, generator=2).transition
    changed = MemoryHMM(MODEL.initial, other, MODEL.emission)
    found = content_posterior(MODEL, TEXT.tokens, transition=other)
    torch.testing.assert_close(found, content_posterior(changed, TEXT.tokens))
    assert not torch.allclose(found, content_posterior(MODEL, TEXT.tokens))


def test_texts_that_are_improbable_beyond_double_precision_are_told_apart():
    sharp = random_memory_hmm(3, 2, 6, n_cells=2, generator=1, emission_temperature=0.002)
    text = sample(sharp, 5, 40, generator=0).tokens.flip(1)
    found = content_log_likelihood(uniform_memory(sharp), text)
    assert float(found.min()) < -1000
    assert bool(found.isfinite().all())


def test_a_content_that_cannot_be_has_no_probability():
    initial = MODEL.initial
    initial[1, 2] = 0
    model = MemoryHMM(initial / initial.sum(), MODEL.transition, MODEL.emission)
    assert bool((content_log_likelihood(model, TEXT.tokens)[:, 5] == -torch.inf).all())
    assert bool((content_posterior(model, TEXT.tokens)[:, 5] == 0).all())


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: content_posterior(random_hmm(3, 5, generator=0), [[0]]),
            TypeError,
            "model: expected a MemoryHMM",
        ),
        (lambda: uniform_memory(random_hmm(3, 5, generator=0)), TypeError, "model: expected a MemoryHMM"),
        (lambda: content_posterior(MODEL, [[0, 5]]), ValueError, "tokens"),
        (
            lambda: content_log_likelihood(MODEL, [[0]], transition=[[1.0]]),
            ValueError,
            r"transition: expected shape \(4, 4\), got \(1, 1\)",
        ),
        (
            lambda: content_log_likelihood(MODEL, [[0]], transition=torch.ones(4, 4)),
            ValueError,
            "transition: row 0: sums to 4",
        ),
    ],
)
def test_what_is_wrong_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_a_text_that_no_content_writes_is_named():
    emission = MODEL.emission
    emission[..., 0] = 0
    emission /= emission.sum(-1, keepdim=True)
    model = MemoryHMM(MODEL.initial, MODEL.transition, emission)
    with pytest.raises(ValueError, match="tokens: row 1 has probability 0 with every content"):
        content_posterior(model, [[1, 2], [0, 1]])
