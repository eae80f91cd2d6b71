"""Measured against exact inference: divergences are those of their definitions, blank by blank."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hmmlib import (
    HMM,
    Evaluation,
    ExactMaskedLM,
    HeldOut,
    TransformerConfig,
    TransformerMaskedLM,
    draw_held_out,
    evaluate,
    posteriors,
    random_hmm,
    random_memory_hmm,
    sample_tokens,
)

PLAIN = random_hmm(4, 6, generator=0, emission_temperature=0.5)
MEMORY = random_memory_hmm(2, 2, 5, generator=0, emission_temperature=0.5)
SHORT = draw_held_out(PLAIN, generator=1, n_texts=12, length=20, rate=0.2)


class Table:
    """A model that predicts what a table says, at each position of each text."""

    embedding_dim = 1

    def __init__(self, probs, n_tokens=None):
        self.probs, self.n_tokens = probs, n_tokens or probs.shape[-1]
        self.mask_token = self.n_tokens
        self.seen = []

    def embed(self, tokens):
        self.seen.append(tokens)
        return tokens[..., None].double()

    def token_probs(self, embeddings):
        assert embeddings.shape[:2] == self.probs.shape[:2]
        assert not torch.is_grad_enabled()
        return self.probs


def table(seed=0, shape=(12, 20, 6), dtype=torch.float64):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=random, dtype=torch.float64).softmax(-1).to(dtype)


def made(divergence, text, position=None, neighbours=None):
    """An evaluation with the given divergences."""
    zero = torch.zeros(len(divergence), dtype=torch.float64)
    rest = {
        "position": torch.tensor(position or [0] * len(zero)),
        "neighbours": torch.tensor(neighbours or [0]),
    }
    return Evaluation(
        torch.tensor(divergence, dtype=torch.float64), zero, zero, zero, torch.tensor(text), reach=1, **rest
    )


@pytest.mark.parametrize("model", [PLAIN, MEMORY], ids=["plain", "memory"])
def test_held_out_text_has_blanks_and_exact_answers(model):
    held_out = draw_held_out(model, generator=1, n_texts=200, length=30, rate=0.1)
    tokens, masked = held_out.tokens, held_out.masked
    assert tokens.shape == masked.shape == (200, 30)
    assert masked.dtype == torch.bool
    assert abs(int(masked.sum()) - 600) < 5 * math.sqrt(540)
    places = masked.nonzero().tolist()
    assert held_out.conditionals.shape == (len(places), model.n_tokens)
    assert held_out.answers.tolist() == [int(tokens[text, position]) for text, position in places]
    # Text by text and blank by blank.
    for row in range(0, len(places), 40):
        text, position = places[row]
        seen = ~masked[text]
        alone = posteriors(model, tokens[text : text + 1], observed=seen[None]).conditionals[0, position]
        torch.testing.assert_close(held_out.conditionals[row], alone, atol=1e-12, rtol=0)
        surprise = -math.log(float(alone[tokens[text, position]]))
        assert float(held_out.surprise[row]) == pytest.approx(surprise, abs=1e-12)
    assert held_out.exact_cross_entropy == pytest.approx(float(held_out.surprise.mean()))


def test_held_out_text_comes_from_the_seed_alone():
    torch.rand(1)
    first, again, other = (draw_held_out(PLAIN, generator=seed, n_texts=3, length=9) for seed in (5, 5, 6))
    assert torch.equal(first.tokens, again.tokens)
    assert torch.equal(first.masked, again.masked)
    assert torch.equal(first.conditionals, again.conditionals)
    assert not torch.equal(first.tokens, other.tokens)


def test_held_out_text_is_the_papers_by_default():
    held_out = draw_held_out(random_hmm(2, 3, generator=0), generator=0)
    assert held_out.tokens.shape == (512, 128)
    total = held_out.tokens.numel()
    assert abs(int(held_out.masked.sum()) - 0.05 * total) < 5 * math.sqrt(total * 0.05 * 0.95)


def test_conditionals_are_in_double_precision_whatever_the_models_type():
    held_out = draw_held_out(PLAIN.to(dtype=torch.float32), generator=1, n_texts=12, length=20, rate=0.2)
    assert held_out.conditionals.dtype == torch.float64
    found = evaluate(Table(table()), held_out)
    assert {found.divergence.dtype, found.variation.dtype, found.surprise.dtype} == {torch.float64}
    assert evaluate(ExactMaskedLM(PLAIN.to(dtype=torch.float32)), held_out).kl == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("model", [PLAIN, MEMORY], ids=["plain", "memory"])
def test_the_exact_model_is_at_no_distance(model):
    held_out = draw_held_out(model, generator=1, n_texts=40, length=20, rate=0.2)
    found = evaluate(ExactMaskedLM(model), held_out)
    assert float(found.divergence.abs().max()) < 1e-12
    assert float(found.variation.max()) < 1e-12
    assert found.cross_entropy == pytest.approx(found.exact_cross_entropy, abs=1e-12)
    assert found.exact_cross_entropy == held_out.exact_cross_entropy


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_distances_are_those_of_their_definitions(dtype):
    probs = table(dtype=dtype)
    lm = Table(probs)
    found = evaluate(lm, SHORT)
    tokens, masked = SHORT.tokens, SHORT.masked
    exact = posteriors(PLAIN, tokens, observed=~masked).conditionals
    row = 0
    for text in range(12):
        for position in range(20):
            if not masked[text, position]:
                continue
            truth, guess = exact[text, position].tolist(), probs[text, position].tolist()
            answer = int(tokens[text, position])
            kl = sum(p * math.log(p / q) for p, q in zip(truth, guess, strict=True))
            variation = sum(abs(p - q) for p, q in zip(truth, guess, strict=True)) / 2
            assert float(found.divergence[row]) == pytest.approx(kl, abs=1e-10)
            assert float(found.variation[row]) == pytest.approx(variation, abs=1e-10)
            assert float(found.surprise[row]) == pytest.approx(-math.log(guess[answer]), abs=1e-10)
            assert float(found.floor[row]) == pytest.approx(-math.log(truth[answer]), abs=1e-10)
            assert (int(found.text[row]), int(found.position[row])) == (text, position)
            row += 1
    assert row == len(found.divergence)
    assert found.kl == pytest.approx(float(found.divergence.mean()))
    assert found.total_variation == pytest.approx(float(found.variation.mean()))
    assert found.cross_entropy == pytest.approx(float(found.surprise.mean()))
    assert found.exact_cross_entropy == pytest.approx(float(found.floor.mean()))
    # Blanks hide their tokens; all else is shown.
    assert torch.equal(lm.seen[0], torch.where(masked, 6, tokens))


def test_cross_entropy_is_floor_plus_divergence_on_average():
    held_out = draw_held_out(PLAIN, generator=2, n_texts=2000, length=20, rate=0.2)
    found = evaluate(Table(table(shape=(2000, 20, 6))), held_out)
    gap = found.surprise - found.floor - found.divergence
    assert abs(float(gap.mean())) < 5 * float(gap.std()) / math.sqrt(len(gap))
    assert float(gap.std()) > 0.1


@given(seed=st.integers(0, 1000))
def test_divergence_bounds_variation(seed):
    found = evaluate(Table(table(seed)), SHORT)
    assert (found.divergence > 0).all()
    assert (found.variation <= (found.divergence / 2).sqrt()).all()  # Pinsker


def test_the_error_is_that_of_independent_texts():
    random = np.random.default_rng(0)
    text = np.repeat(np.arange(300), random.integers(0, 12, 300))
    # Blanks of one text are alike.
    divergence = random.exponential(size=300)[text] + 0.1 * random.random(len(text))
    found = made(divergence.tolist(), text.tolist())
    sums, counts = np.bincount(text, divergence, 300), np.bincount(text, minlength=300)
    means = []
    for _ in range(4000):
        drawn = random.integers(0, 300, 300)
        means.append(sums[drawn].sum() / counts[drawn].sum())
    assert found.kl_error == pytest.approx(np.std(means), rel=0.05)
    # Independent blanks would give a much smaller one.
    assert found.kl_error > 1.5 * divergence.std() / math.sqrt(len(text))


def test_the_error_by_the_formula():
    found = made([1.0, 2.0, 6.0, 3.0], [0, 0, 1, 2])
    sums = [(1 - 3) + (2 - 3), 6 - 3, 3 - 3]
    variance = sum(value**2 for value in sums) / 2
    assert found.kl_error == pytest.approx(math.sqrt(variance * 3) / 4)


def test_one_text_has_no_error():
    assert math.isnan(made([1.0, 2.0], [0, 0]).kl_error)


def test_neighbours_are_counted():
    for reach in (1, 2, 5, 19, 20, 50):
        found = evaluate(Table(table()), SHORT, reach=reach)
        places = list(zip(found.text.tolist(), found.position.tolist(), strict=True))
        expected = [
            sum(1 for other, there in places if other == text and 0 < abs(there - position) <= reach)
            for text, position in places
        ]
        assert found.neighbours.tolist() == expected
        assert found.reach == reach
    assert evaluate(Table(table()), SHORT).reach == 8


def test_means_by_group():
    found = made([1.0, 2.0, 6.0, 3.0, 4.0], [0, 0, 1, 2, 2], position=[3, 0, 3, 7, 0])
    assert found.kl_by(found.position) == [(0, 3.0, 2), (3, 3.5, 2), (7, 3.0, 1)]
    assert found.kl_by(found.position // 4) == [(0, 3.25, 4), (1, 3.0, 1)]
    assert found.kl_by(found.text) == [(0, 1.5, 2), (1, 6.0, 1), (2, 3.5, 2)]
    assert found.kl_by(found.position > 2) == [(0, 3.0, 2), (1, pytest.approx(10 / 3), 3)]


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (
            torch.zeros(4, dtype=torch.int64),
            r"group: expected integers of shape \(5,\), .* got torch.int64 of",
        ),
        (torch.zeros(5), r"group: expected integers .* got torch.float32 of shape \(5,\)"),
    ],
)
def test_groups_that_do_not_fit_are_named(group, message):
    with pytest.raises(ValueError, match=message):
        made([1.0] * 5, [0] * 5).kl_by(group)


def test_it_says_what_it_found():
    found = made([1.0, 2.0, 6.0, 3.0], [0, 0, 1, 2])
    assert repr(found) == (
        "Evaluation(kl=3 ± 1.3, total_variation=0, cross_entropy=0,\n    exact_cross_entropy=0, blanks=4)"
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_probabilities_rounded_to_zero_are_finite(dtype):
    probs = torch.zeros(12, 20, 6, dtype=dtype)
    probs[..., 0] = 1
    found = evaluate(Table(probs), SHORT)
    assert torch.isfinite(found.divergence).all()
    assert torch.isfinite(found.surprise).all()
    wrong = SHORT.answers != 0
    assert found.surprise[wrong].tolist() == pytest.approx(
        [-math.log(torch.finfo(dtype).tiny)] * int(wrong.sum())
    )
    assert (found.surprise[~wrong] == 0).all()


def test_a_token_that_cannot_be_adds_nothing():
    # The state is shown by the token, and never the same twice in a row.
    model = HMM([0.5, 0.5, 0], [[0.0, 1, 0], [0.5, 0, 0.5], [0, 1, 0]], torch.eye(3))
    held_out = draw_held_out(model, generator=0, n_texts=20, length=9, rate=0.3)
    assert (held_out.conditionals == 0).any()
    found = evaluate(ExactMaskedLM(model), held_out)
    assert found.kl == 0
    assert found.total_variation == 0
    half = evaluate(Table(torch.full((20, 9, 3), 1 / 3, dtype=torch.float64)), held_out)
    assert torch.isfinite(half.divergence).all()
    assert (half.divergence <= math.log(3) + 1e-12).all()


def test_a_network_is_measured_as_it_is():
    lm = TransformerMaskedLM(6, TransformerConfig(width=8, n_layers=1, n_heads=1, feed_forward=8))
    found = evaluate(lm, SHORT)
    with torch.no_grad():
        probs = lm.token_probs(lm.embed(SHORT.tokens.masked_fill(SHORT.masked, 6)))
    again = evaluate(Table(probs), SHORT)
    assert torch.equal(found.divergence, again.divergence)
    assert not found.divergence.requires_grad


def test_a_prediction_that_is_nan_is_found():
    probs = table()
    text, position = (int(part) for part in SHORT.masked.nonzero()[7])
    shown = tuple(int(part) for part in (~SHORT.masked).nonzero()[0])
    probs[shown] = math.nan  # not a blank: nobody looks there
    assert math.isfinite(evaluate(Table(probs), SHORT).kl)
    probs[text, position, 2] = math.nan
    with pytest.raises(FloatingPointError, match=f"^lm: predicts NaN in text {text}, position {position}$"):
        evaluate(Table(probs), SHORT)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: evaluate(Table(table(), n_tokens=7), SHORT),
            ValueError,
            "lm: has 7 words; the held-out texts have 6",
        ),
        (lambda: evaluate(Table(table()), SHORT, reach=0), ValueError, "reach: expected at least 1, got 0"),
        (
            lambda: evaluate(
                TransformerMaskedLM(6, TransformerConfig(positions="learned", max_positions=19)), SHORT
            ),
            ValueError,
            "embeddings: 20 positions; the model has learnt max_positions = 19",
        ),
        (
            lambda: draw_held_out(PLAIN, generator=0, n_texts=0),
            ValueError,
            "n_texts: expected at least 1, got 0",
        ),
        (
            lambda: draw_held_out(PLAIN, generator=0, length=1.5),
            TypeError,
            "length: expected an integer, got 1.5",
        ),
        (
            lambda: draw_held_out(PLAIN, generator=0, rate=0),
            ValueError,
            "rate: expected a number 0 < rate ≤ 1, got 0",
        ),
        (lambda: draw_held_out(PLAIN, generator=-1), ValueError, "generator: expected at least 0, got -1"),
        (
            lambda: draw_held_out(PLAIN, generator=torch.Generator()),
            TypeError,
            "generator: expected an integer",
        ),
    ],
)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()


def test_text_of_ones_own_may_be_held_out():
    tokens = sample_tokens(PLAIN, 2, 5, generator=0)
    masked = torch.zeros(2, 5, dtype=torch.bool)
    masked[1, 3] = True
    exact = posteriors(PLAIN, tokens, observed=~masked).conditionals[masked]
    found = evaluate(ExactMaskedLM(PLAIN), HeldOut(tokens, masked, exact))
    assert (found.text.tolist(), found.position.tolist(), found.neighbours.tolist()) == ([1], [3], [0])
    worse = replace(
        HeldOut(tokens, masked, exact), conditionals=torch.full((1, 6), 1 / 6, dtype=torch.float64)
    )
    assert evaluate(ExactMaskedLM(PLAIN), worse).kl > 0.01
    assert worse.exact_cross_entropy == pytest.approx(math.log(6))
