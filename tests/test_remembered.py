"""A model whose answers are kept says what the model says, and runs it once for each set of texts."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tuning_cases import small_transformer, word_task

from hmmlib import Masking, RememberedLM, blank_probs, fine_tune, text_probs, tune_head, tune_prompt
from hmmlib.tuning import CONVERGED, QUICK, TuningRecipe

FAST = TuningRecipe(epochs=3, batch=32, learning_rates=(0.03,), warmup=3)


@pytest.fixture
def counted(monkeypatch):
    """A model, and a list of how many texts it was run on."""
    lm, runs = small_transformer(), []
    plain = type(lm).logits

    def logits(model, embeddings, *rest):
        if not embeddings.requires_grad:
            runs.append(len(embeddings))
        return plain(model, embeddings, *rest)

    monkeypatch.setattr(type(lm), "logits", logits)
    return lm.requires_grad_(False), runs


def test_the_answers_are_the_models(counted):
    lm, runs = counted
    kept, texts, prompt = RememberedLM(lm), word_task(60).train.tokens, torch.randn(3, 16)
    rule = Masking(0.3, 0.8, 0.1)
    asked = [
        lambda lm: blank_probs(lm, texts),
        lambda lm: blank_probs(lm, texts, prompt),
        lambda lm: blank_probs(lm, texts[:50]),
        lambda lm: text_probs(lm, texts),
        lambda lm: text_probs(lm, texts, n_blanks=2, with_blanks=True),
        lambda lm: text_probs(lm, texts, reading="blanked"),
        lambda lm: text_probs(lm, texts, reading="read off", masking=rule),
    ]
    for ask in asked:
        torch.testing.assert_close(ask(kept), ask(lm), rtol=0, atol=0)
    runs.clear()
    for ask in asked:
        ask(kept)
    assert runs == []
    assert not blank_probs(kept, texts).requires_grad


def test_a_model_is_run_once_for_all_heads(counted):
    lm, runs = counted
    data = word_task(60)
    for recipe, head in ((FAST, "linear"), (CONVERGED, "linear"), (FAST, "attention")):
        found = []
        for model in (lm, RememberedLM(lm)):
            tuned = tune_head(model, data, recipe, head=head)
            found.append([tuned.values(split.tokens) for split in data])
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one, other)
    kept = RememberedLM(lm)
    runs.clear()
    for recipe in (FAST, CONVERGED):
        tuned = tune_head(kept, data, recipe)
        for split in data:
            tuned.accuracy(split)
    assert sum(runs) == sum(len(split.tokens) for split in data)


def test_a_prompt_is_tuned_as_on_the_model_itself(counted):
    lm, runs = counted
    data, recipe = word_task(60), replace(QUICK, n_prompt=2, starts=2)
    one, other = (tune_prompt(model, data, recipe) for model in (lm, RememberedLM(lm)))
    torch.testing.assert_close(one.prompt, other.prompt, rtol=0, atol=0)
    runs.clear()
    other.accuracy(data.train)
    assert runs == []  # it was scored when the best start was chosen


def test_weights_that_change_are_not_remembered():
    lm, data = small_transformer(), word_task(60)
    kept = RememberedLM(lm.requires_grad_(False))
    blank_probs(kept, data.train.tokens)
    one, other = (fine_tune(model, data, FAST) for model in (lm, kept))
    assert type(other.lm) is type(lm)
    torch.testing.assert_close(one.head.weights, other.head.weights, rtol=0, atol=0)
    prompt = torch.zeros(1, 16, requires_grad=True)
    assert blank_probs(kept, data.train.tokens, prompt).requires_grad


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match="model: expected a masked language model, got 3"):
        RememberedLM(3)
