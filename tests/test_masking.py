"""Masking hides what it says, as often as it says, and what it does to the best prediction is known."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hmmlib import Masking, posteriors_from_evidence, random_hmm, random_memory_hmm, sample_tokens
from hmmlib.lm import noisy_evidence

BERT = Masking(0.15, blank=0.8, random=0.1)


def hmm(**temperatures):
    return random_hmm(4, 8, generator=2, **temperatures)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def within_chance(count, total, share):
    """Whether a count is within five standard deviations of what independent draws give."""
    return abs(count - total * share) <= 5 * math.sqrt(total * share * (1 - share)) + 1e-9


@pytest.mark.parametrize(
    "masking",
    [Masking(), Masking(0.05), Masking(1.0), BERT, Masking(0.4, 0.5, 0.5), Masking(0.3, 0.0, 1.0)],
    ids=repr,
)
def test_as_many_tokens_as_asked_are_chosen_and_treated(masking):
    # No word that is drawn from so many is the one that was there.
    tokens, many = torch.zeros(400, 250, dtype=torch.int64), 10**9
    seen, chosen = masking.apply(tokens, many, seeded(1))
    total, blanks = int(chosen.sum()), seen == many
    assert within_chance(total, tokens.numel(), masking.rate)
    assert within_chance(int(blanks.sum()), total, masking.blank)
    replaced = ~blanks & (seen != 0)
    assert within_chance(int(replaced.sum()), total, masking.random)
    assert chosen[blanks | replaced].all()
    assert seen[~chosen].count_nonzero() == 0


def test_choices_are_independent():
    _, chosen = Masking(0.3).apply(torch.zeros(2000, 50, dtype=torch.int64), 5, seeded(2))
    for one, other in pairwise(chosen.T[:6]):
        assert within_chance(int((one & other).sum()), 2000, 0.09)
    for one, other in pairwise(chosen[:6]):
        assert within_chance(int((one & other).sum()), 50, 0.09)
    # The number of choices in a text varies as the binomial does.
    assert float(chosen.sum(1).double().var()) == pytest.approx(50 * 0.3 * 0.7, rel=0.2)


def test_random_words_are_uniform_and_may_be_the_word_itself():
    tokens = torch.full((400, 250), 3)
    seen, chosen = Masking(1.0, blank=0.0, random=1.0).apply(tokens, 7, seeded(3))
    assert chosen.all()
    for count in seen.flatten().bincount(minlength=8)[:7].tolist():
        assert within_chance(count, tokens.numel(), 1 / 7)
    assert int(seen.max()) == 6


@given(
    batch=st.integers(1, 4),
    time=st.integers(1, 9),
    rate=st.sampled_from([1e-12, 0.05, 0.5, 1.0]),
    shares=st.sampled_from([(1.0, 0.0), (0.8, 0.1), (0.0, 1.0), (0.0, 0.0), (0.2, 0.8)]),
    seed=st.integers(0, 10_000),
)
def test_something_is_chosen_and_the_rest_is_left_alone(batch, time, rate, shares, seed):
    tokens = torch.randint(4, (batch, time), generator=seeded(seed))
    before = tokens.clone()
    seen, chosen = Masking(rate, *shares).apply(tokens, 4, seeded(seed + 1))
    assert torch.equal(tokens, before)
    assert seen.shape == chosen.shape == tokens.shape
    assert (chosen.dtype, seen.dtype) == (torch.bool, torch.int64)
    assert chosen.any()
    assert torch.equal(seen[~chosen], tokens[~chosen])
    assert ((seen >= 0) & (seen <= 4)).all()
    if shares[0] == 1:
        assert (seen[chosen] == 4).all()
    if rate == 1:
        assert chosen.all()
    if rate < 1e-6:
        assert int(chosen.sum()) == 1


def test_the_lone_choice_may_fall_anywhere():
    found = {
        int(Masking(1e-9).apply(torch.zeros(1, 4, dtype=torch.int64), 2, seeded(seed))[1].nonzero()[0, 1])
        for seed in range(60)
    }
    assert found == {0, 1, 2, 3}


@pytest.mark.parametrize("masking", [Masking(), BERT], ids=repr)
def test_the_generator_decides(masking):
    tokens = torch.zeros(20, 30, dtype=torch.int64)
    first, again, other = (masking.apply(tokens, 5, seeded(seed)) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[1], other[1])
    before = torch.random.get_rng_state()
    masking.apply(tokens, 5, seeded(0))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    "masking", [BERT, Masking(0.6, 0.3, 0.5), Masking(1.0, 0.9, 0.05), Masking(0.5, 0.0, 0.4)], ids=repr
)
def test_context_noise_is_the_share_of_random_words_among_those_seen(masking):
    seen, _ = masking.apply(torch.zeros(1000, 400, dtype=torch.int64), 10**9, seeded(4))
    shown = seen != 10**9
    assert within_chance(int((seen[shown] != 0).sum()), int(shown.sum()), masking.context_noise)


@pytest.mark.parametrize(("blank", "random"), [(0.9, 0.1), (0.8, 0.2), (0.7, 0.3), (0.4, 0.6)])
def test_where_all_words_seen_are_random_the_noise_is_one(blank, random):
    noise = Masking(1.0, blank, random).context_noise
    assert noise == pytest.approx(1, abs=1e-12)
    assert noise <= 1
    torch.testing.assert_close(noisy_evidence(torch.eye(2), noise), torch.full((2, 2), 0.5))


def test_without_random_words_there_is_no_noise():
    assert Masking(0.3).context_noise == Masking(1.0).context_noise == Masking(0.3, 0.5).context_noise == 0


@pytest.mark.parametrize("noise", [0.0, 0.25, 1.0])
def test_noisy_evidence_is_what_the_channel_shows(noise):
    emission = random_hmm(3, 4, generator=0, emission_temperature=1.0).emission
    found = noisy_evidence(emission, noise)
    # The word stays, or a uniform word takes its place.
    channel = (1 - noise) * torch.eye(4) + noise * torch.full((4, 4), 1 / 4)
    torch.testing.assert_close(found, emission @ channel.double(), atol=1e-15, rtol=0)
    assert found.dtype == emission.dtype


def surprises(model, tokens, seen, blanks, noise):
    """−log of the probability of each text's hidden words, mean per text, under exact inference."""
    rows = noisy_evidence(model.chain.emission, noise).T
    evidence = torch.cat([rows, torch.ones_like(rows[:1])])[seen]
    probs = posteriors_from_evidence(model, evidence, keep=("conditionals",)).conditionals
    logs = -probs.gather(2, tokens[..., None])[..., 0].log()
    return torch.where(blanks, logs, 0).sum(1) / blanks.sum(1)


@pytest.mark.parametrize(
    ("model", "masking", "n_texts", "others"),
    [
        (hmm(transition_temperature=0.1, emission_temperature=0.06), BERT, 15_000, (0, 4)),
        (
            hmm(transition_temperature=0.1, emission_temperature=0.1),
            Masking(0.5, 0.4, 0.4),
            6000,
            (0, 0.5, 2),
        ),
        (
            random_memory_hmm(2, 2, 6, generator=1, emission_temperature=0.1),
            Masking(0.4, 0.5, 0.5),
            6000,
            (0, 0.5, 2),
        ),
    ],
    ids=["bert", "much noise", "memory"],
)
def test_the_best_predictor_knows_that_words_may_be_random(model, masking, n_texts, others):
    tokens = sample_tokens(model, n_texts, 30, generator=0)
    seen, chosen = masking.apply(tokens, model.n_tokens, seeded(5))
    # Blanks only: a word that is shown may be the answer, and a text without blanks tells nothing.
    blanks = chosen & (seen == model.n_tokens)
    some = blanks.any(1)
    tokens, seen, blanks = tokens[some], seen[some], blanks[some]
    best = surprises(model, tokens, seen, blanks, masking.context_noise)
    for factor in others:
        loss = surprises(model, tokens, seen, blanks, factor * masking.context_noise) - best
        z_score = float(loss.mean() / loss.std() * math.sqrt(len(loss)))
        assert z_score > 4, (factor, z_score)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0.0,), ValueError, "rate: expected a number 0 < rate ≤ 1, got 0.0"),
        ((1.1,), ValueError, "rate: expected a number 0 < rate ≤ 1, got 1.1"),
        ((math.nan,), ValueError, "rate: expected a number 0 < rate ≤ 1, got nan"),
        (("0.1",), TypeError, "rate: expected a number 0 < rate ≤ 1, got '0.1'"),
        ((0.1, -0.1), ValueError, "blank: expected a number 0 ≤ blank ≤ 1, got -0.1"),
        ((0.1, 0.5, 1.5), ValueError, "random: expected a number 0 ≤ random ≤ 1, got 1.5"),
        ((0.1, 0.8, 0.3), ValueError, r"random: expected blank \+ random ≤ 1, got 0.8 \+ 0.3 = 1.1"),
        ((0.1, 1.0, 0.1), ValueError, r"random: expected blank \+ random ≤ 1"),
    ],
)
def test_bad_settings_are_refused(arguments, error, message):
    with pytest.raises(error, match=f"^{message}"):
        Masking(*arguments)


def test_shares_that_sum_to_one_up_to_rounding_are_accepted():
    masking = Masking(0.5, blank=0.1 + 0.2, random=0.7)  # 0.30000000000000004
    seen, chosen = masking.apply(torch.zeros(50, 50, dtype=torch.int64), 10**9, seeded(0))
    assert (seen[chosen] != 0).all()


@pytest.mark.parametrize("noise", [-0.1, 1.1, math.nan])
def test_noise_that_is_no_probability_is_refused(noise):
    with pytest.raises(ValueError, match="noise: expected a number 0 ≤ noise ≤ 1"):
        noisy_evidence(torch.eye(2), noise)
