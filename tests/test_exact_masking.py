"""The model that has learnt all that a masking asks for: against enumeration, and without noise."""

from __future__ import annotations

import itertools

import pytest
import torch

from hmmlib import (
    ExactMaskedLM,
    Masking,
    posteriors_from_evidence,
    random_hmm,
    random_memory_hmm,
    sample_tokens,
    text_probs,
)
from hmmlib.lm import ExactMaskingLM, noisy_evidence

RULES = [Masking(0.3, 0.8, 0.1), Masking(0.15, 0.5, 0.5), Masking(0.6, 0.3, 0.0), Masking(1.0, 0.2, 0.5)]


def enumerated(model, rule, seen, position):
    """P[X_i | what is shown, i was chosen], summed over all texts of three words and all states."""
    n_words, chain = model.n_tokens, model.chain
    kept = 1 - rule.blank - rule.random
    start, move, emission = chain.initial.flatten(), chain.transition, chain.flat_emission

    def shows(word, shown, chosen):
        blank = shown == n_words
        if not chosen:
            return (1 - rule.rate) * float(word == shown) + rule.rate * shows(word, shown, True)
        return rule.blank if blank else kept * float(word == shown) + rule.random / n_words

    found = torch.zeros(n_words, dtype=torch.float64)
    for text in itertools.product(range(n_words), repeat=3):
        weight = start * emission[:, text[0]]
        for word in text[1:]:
            weight = (weight @ move) * emission[:, word]
        channel = 1.0
        for place, (word, shown) in enumerate(zip(text, seen, strict=True)):
            channel *= shows(word, shown, place == position)
        found[text[position]] += weight.sum() * channel
    return found / found.sum()


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_it_shows_what_enumeration_finds(rule):
    warm = {"transition_temperature": 0.5, "emission_temperature": 0.5}
    model = random_hmm(2, 3, generator=3, **warm)
    lm = ExactMaskingLM(model, rule)
    for seen in ([0, 1, 2], [3, 1, 0], [2, 3, 3], [1, 1, 1]):
        shown = lm.token_probs(lm.embed([seen]))[0]
        for position in range(3):
            torch.testing.assert_close(shown[position], enumerated(model, rule, seen, position))


def test_without_noise_what_is_read_off_is_the_exact_models():
    model, rule = random_memory_hmm(2, 4, 10, generator=1), Masking(0.3, 0.8, 0.2)
    texts = sample_tokens(model, 20, 16, generator=2)
    noisy = text_probs(ExactMaskingLM(model, rule), texts, reading="read off", masking=rule, with_blanks=True)
    blanked = text_probs(ExactMaskingLM(model, rule), texts, reading="blanked", with_blanks=True)
    torch.testing.assert_close(noisy, blanked, rtol=0, atol=1e-14)
    faint = Masking(1e-9, 0.8, 0.1)
    clean = text_probs(ExactMaskedLM(model), texts, with_blanks=True)
    read = text_probs(
        ExactMaskingLM(model, faint), texts, reading="read off", masking=faint, with_blanks=True
    )
    torch.testing.assert_close(read, clean, rtol=0, atol=1e-4)


def test_what_is_read_off_is_inference_with_random_words_to_the_last_digits():
    model, rule = random_hmm(6, 5, generator=3), RULES[0]
    texts = sample_tokens(model, 20, 16, generator=2)
    read = text_probs(ExactMaskingLM(model, rule), texts, n_blanks=0, reading="read off", masking=rule)
    words = noisy_evidence(model.chain.emission, rule.context_noise).T
    noisy = posteriors_from_evidence(model, words[texts]).conditionals
    torch.testing.assert_close(read, noisy, rtol=0, atol=1e-14)


def test_prompts_are_evidence_as_for_the_exact_model():
    model = random_hmm(4, 6, generator=1)
    lm = ExactMaskingLM(model, RULES[0])
    prompt = torch.cat([torch.rand(2, 4, dtype=torch.float64), torch.ones(2, 6, dtype=torch.float64)], 1)
    texts = sample_tokens(model, 5, 8, generator=2)
    assert not torch.equal(text_probs(lm, texts, prompt), text_probs(lm, texts))


def test_a_masking_that_asks_for_no_word_in_sight_is_refused():
    model = random_hmm(4, 6, generator=1)
    with pytest.raises(ValueError, match=r"masking: .* asks for no word that is shown; expected blank < 1"):
        ExactMaskingLM(model, Masking(0.3))
    with pytest.raises(TypeError, match=r"masking: expected a Masking, got 0\.3"):
        ExactMaskingLM(model, 0.3)
    with pytest.raises(TypeError, match="model: expected an HMM"):
        ExactMaskingLM(3, RULES[0])
