"""A text of a million tokens: nothing drifts, nothing underflows."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from reference import corrupted, evidence_of, log_space, log_space_two_states

from hmmlib import HMM, MemoryHMM, posteriors, random_hmm, sample_tokens
from hmmlib.hmm import _sweeps

TIME = 1_000_000
MODEL = HMM(
    np.array([0.9, 0.1]),
    np.array([[0.98, 0.02], [0.05, 0.95]]),
    np.array([[0.6, 0.3, 0.0999, 0.0001], [0.1, 0.3, 0.5999, 0.0001]]),
)


@pytest.fixture(scope="module")
def answers():
    text = corrupted(
        sample_tokens(MODEL, 1000, TIME // 1000, generator=0).reshape(1, -1).numpy(),
        0.1,
        MODEL.n_tokens,
        seed=1,
    )
    found = posteriors(MODEL, text)
    expected = log_space_two_states(
        MODEL.initial.tolist(), MODEL.transition.tolist(), MODEL.emission.tolist(), text[0].tolist()
    )
    return found, expected


@pytest.mark.parametrize("kind", ["filtered", "smoothed", "leave_one_out"])
def test_posteriors_of_a_million_tokens_agree_with_log_space(answers, kind):
    found, expected = answers
    table = getattr(found, kind)[0]
    np.testing.assert_allclose(table[:, 0], getattr(expected, kind), atol=1e-10, rtol=0)
    np.testing.assert_allclose(table.sum(-1), 1, atol=1e-12)


def test_conditionals_of_a_million_tokens_agree_with_log_space(answers):
    found, expected = answers
    first = expected.leave_one_out[:, None]
    emission = MODEL.emission.numpy()
    np.testing.assert_allclose(
        found.conditionals[0], first * emission[0] + (1 - first) * emission[1], atol=1e-10, rtol=0
    )


def test_the_log_likelihood_of_a_million_tokens_agrees_with_log_space(answers):
    found, expected = answers
    assert float(found.log_likelihood[0]) == pytest.approx(expected.log_likelihood, rel=1e-10)


# --- the sweep by blocks of time, which long texts take, on texts short enough for every remainder ---


@pytest.fixture
def by_blocks(monkeypatch):
    """Posteriors by blocks of time, whatever the length and the number of rows."""
    sweeps = []
    honest = _sweeps._long_sweep
    monkeypatch.setattr(_sweeps, "_long_sweep", lambda *rest: sweeps.append(1) or honest(*rest))
    monkeypatch.setattr(_sweeps, "_FEW", math.inf)

    def posteriors_by_blocks(model, texts, **named):
        # The steps within a block, √time of them, are swept one by one.
        monkeypatch.setattr(_sweeps, "_LONG", math.isqrt(texts.shape[1]) + 1)
        sweeps.clear()
        try:
            return posteriors(model, texts, **named)
        finally:
            assert sweeps, "the texts were not swept by blocks"

    return posteriors_by_blocks


def agree(posteriors, model, texts, observed=None):
    found = posteriors(model, texts, observed=observed)
    flat = model.flatten() if isinstance(model, MemoryHMM) else model
    parts = [part.numpy() for part in (flat.initial, flat.transition, flat.emission)]
    for row, text in enumerate(np.asarray(texts)):
        seen = None if observed is None else observed[row]
        expected = log_space(*parts, evidence_of(parts[2], text, seen))
        for kind, table in found.kept.items():
            np.testing.assert_allclose(table[row], getattr(expected, kind), atol=1e-10, rtol=0, err_msg=kind)
        assert float(found.log_likelihood[row]) == pytest.approx(expected.log_likelihood, rel=1e-10)


@pytest.mark.parametrize("time", [2, 3, 4, 5, 8, 9, 10, 15, 16, 17, 100])
def test_blocks_of_every_remainder_join(by_blocks, time):
    agree(by_blocks, random_hmm(4, generator=2), np.random.default_rng(time).integers(10, size=(3, time)))


def test_blocks_join_where_states_cannot_produce_a_block(by_blocks):
    # Left to right, with words that belong to one state: within a block most first states are impossible.
    model = HMM(
        np.array([1.0, 0, 0]),
        np.array([[0.9, 0.1, 0], [0, 0.9, 0.1], [0, 0, 1]]),
        np.array([[0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0.5, 0.5]]),
    )
    agree(by_blocks, model, sample_tokens(model, 5, 60, generator=0).numpy())


def test_blocks_join_in_a_memory_whose_contents_fall_far_apart(by_blocks):
    agree(
        by_blocks,
        MemoryHMM(
            np.full((2, 1, 2), 0.25),
            np.array([[0.9, 0.1], [0.2, 0.8]]),
            np.array([[[[0.9, 0.1], [0.8, 0.2]]], [[[0.1, 0.9], [0.3, 0.7]]]]),
        ),
        np.array([[0] * 500 + [1] * 1200 + [0] * 500]),
    )


def test_a_block_of_blanks_joins(by_blocks):
    seen = np.ones((1, 50), dtype=bool)
    seen[0, 5:40] = False
    agree(by_blocks, random_hmm(4, generator=2), np.random.default_rng(0).integers(10, size=(1, 50)), seen)


@pytest.mark.parametrize("position", [0, 6, 7, 48])
def test_an_impossible_token_in_a_block_is_reported(by_blocks, position):
    model = HMM(torch.tensor([1.0, 0]), torch.eye(2), torch.eye(2))
    text = torch.zeros(1, 49, dtype=torch.int64)
    text[0, position] = 1
    with pytest.raises(
        ValueError, match=rf"tokens: sequence 0, position {position}: token 1 has probability 0"
    ):
        by_blocks(model, text)


def test_a_state_flushed_within_blocks_still_wins(by_blocks):
    model = HMM(np.array([0.5, 0.5]), np.eye(2), np.array([[0.9, 0.1], [0.1, 0.9]]))
    agree(by_blocks, model, np.array([[0] * 420 + [1] * 1050 + [0] * 420]))
