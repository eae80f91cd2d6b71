"""How a model is asked: for one position where one will do, in pieces, with texts checked at the door."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tuning_cases import small_transformer, task_data, warm_hmm, word_task

from hmmlib import (
    ExactMaskedLM,
    Masking,
    blank_probs,
    posteriors_from_evidence,
    prepend_prompt,
    random_hmm,
    random_memory_hmm,
    sample_tokens,
    text_probs,
)
from hmmlib.hmm import conditionals_at
from hmmlib.lm import MaskedLM, OnePositionLM, _unchecked, base, readings
from hmmlib.tuning import TuningRecipe, _inputs, fine_tune, optimal_prompt, tune_head, tune_prompt, tuned

MODELS = [
    random_hmm(6, generator=0),
    random_memory_hmm(2, 3, generator=1),
    random_memory_hmm(2, 2, 10, generator=2, n_cells=2),
]
FAST = TuningRecipe(epochs=2, batch=16, learning_rates=(0.1, 0.2), warmup=0, n_prompt=2)


class Pooled:
    """A language model of one's own, with nothing but what the interface asks for."""

    n_tokens = mask_token = 5
    embedding_dim = 4

    def __init__(self):
        random = torch.Generator().manual_seed(0)
        self.table = torch.randn(6, 4, generator=random, dtype=torch.float64)
        self.out = torch.randn(4, 5, generator=random, dtype=torch.float64)

    def embed(self, tokens):
        return self.table[tokens]

    def token_probs(self, embeddings):
        mixed = embeddings + embeddings.mean(1, keepdim=True) + torch.arange(embeddings.shape[1])[:, None]
        return (mixed.sin() @ self.out).softmax(-1)


class PooledAt(Pooled):
    """The same, which can say one position's distribution alone."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def token_probs_at(self, embeddings, position):
        self.asked.append(position)
        return super().token_probs(embeddings)[:, position]

    def token_probs(self, embeddings):
        raise AssertionError(f"all {embeddings.shape[1]} positions were asked for")


@pytest.mark.parametrize("model", MODELS, ids=repr)
@pytest.mark.parametrize("position", [0, 4, 8])
def test_one_position_is_that_of_all(model, position):
    lm = ExactMaskedLM(model)
    random = torch.Generator().manual_seed(0)
    evidence = 0.1 + torch.rand(7, 9, lm.embedding_dim, generator=random, dtype=torch.float64)
    whole = posteriors_from_evidence(model, evidence, keep=("conditionals",)).conditionals[:, position]
    assert torch.equal(conditionals_at(model, evidence, position), whole)
    assert torch.equal(lm.token_probs_at(evidence, position), whole)


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_gradients_of_one_position_are_those_of_all(model):
    lm = ExactMaskedLM(model)
    random = torch.Generator().manual_seed(0)
    evidence = 0.1 + torch.rand(7, 9, lm.embedding_dim, generator=random, dtype=torch.float64)
    evidence.requires_grad_()
    weights = torch.rand(7, 10, generator=random, dtype=torch.float64)
    one, whole = (
        torch.autograd.grad((probs * weights).sum(), evidence)[0]
        for probs in (lm.token_probs_at(evidence, 4), lm.token_probs(evidence)[:, 4])
    )
    assert float(one.abs().max()) > 1e-3
    torch.testing.assert_close(one, whole, atol=1e-15, rtol=1e-12)


@pytest.mark.parametrize(
    ("position", "error", "message"),
    [
        (9, ValueError, "position: expected 0 … 8, got 9"),
        (-1, ValueError, "position: expected at least 0, got -1"),
        (1.5, TypeError, "position: expected an integer, got 1.5"),
    ],
)
def test_positions_that_are_not_there(position, error, message):
    with pytest.raises(error, match=message):
        conditionals_at(MODELS[0], torch.ones(2, 9, 6), position)


def test_a_model_that_can_say_one_position_is_asked_for_it_alone():
    texts, prompt = word_task(20).train.tokens, torch.ones(2, 4)
    plain, lm = Pooled(), PooledAt()
    assert isinstance(plain, MaskedLM)
    assert not isinstance(plain, OnePositionLM)
    assert isinstance(lm, OnePositionLM)
    assert torch.equal(blank_probs(lm, texts, prompt), blank_probs(plain, texts, prompt))
    assert lm.asked == [2]
    blanked = text_probs(plain, texts, prompt, reading="blanked")
    lm.asked.clear()
    assert torch.equal(text_probs(lm, texts, prompt, reading="blanked"), blanked)
    assert sorted(set(lm.asked)) == [*range(2, 3 + texts.shape[1])]


@pytest.mark.parametrize(
    "lm", [ExactMaskedLM(random_hmm(6, 5, generator=0)), small_transformer().eval(), Pooled()]
)
@pytest.mark.parametrize("n_prompt", [0, 3])
def test_pieces_add_up(lm, n_prompt, monkeypatch):
    texts, rule = word_task(50).train.tokens, Masking(0.15, 0.8, 0.1)
    prompt = torch.rand(n_prompt, lm.embedding_dim, generator=torch.Generator().manual_seed(0))
    ways = ({}, {"reading": "blanked"}, {"reading": "read off", "masking": rule}, {"with_blanks": True})

    def answers():
        with torch.no_grad():
            probs = [text_probs(lm, texts, prompt, 2, **way) for way in ways]
            return [blank_probs(lm, texts, prompt), *probs]

    whole = answers()
    assert [distribution.shape for distribution in whole[1:]] == [(50, 8, 5)] * 3 + [(50, 10, 5)]
    monkeypatch.setattr(_unchecked, "_EMBEDDED", 7 * (n_prompt + 9) * lm.embedding_dim)
    for distribution, expected in zip(answers(), whole, strict=True):
        torch.testing.assert_close(distribution, expected)


def test_a_piece_has_as_many_texts_as_have_room(monkeypatch):
    lm, seen = Pooled(), []
    ask = lm.token_probs
    monkeypatch.setattr(lm, "token_probs", lambda e: seen.append(e.shape) or ask(e), raising=False)
    monkeypatch.setattr(_unchecked, "_EMBEDDED", 21 * 11 * 4)
    blank_probs(lm, word_task(50).train.tokens, torch.ones(2, 4))
    assert seen == [(21, 11, 4), (21, 11, 4), (8, 11, 4)]


def test_gradients_reach_a_prompt_and_weights():
    lm, texts = small_transformer().eval(), word_task(20).train.tokens
    prompt = torch.zeros(2, 16, requires_grad=True)
    for probs in (blank_probs(lm, texts, prompt), text_probs(lm, texts, prompt, reading="blanked")):
        found = torch.autograd.grad(probs.square().sum(), [prompt, lm.embedding.weight])
        assert all(float(part.abs().max()) > 0 for part in found)


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_a_prompt_may_be_any_array(kind):
    lm, texts = ExactMaskedLM(MODELS[0]), sample_tokens(MODELS[0], 4, 6, generator=0)
    rows = [[1.0, 0.5, 0.0, 0.25, 1.0, 2.0]] * 2
    expected = blank_probs(lm, texts, torch.tensor(rows, dtype=torch.float64))
    assert torch.equal(blank_probs(lm, texts, kind(rows)), expected)


@pytest.mark.parametrize(
    ("prompt", "error", "message"),
    [
        ("ones", TypeError, r"prompt: expected numbers of shape \(k, 6\), got str"),
        ([1.0] * 6, ValueError, r"prompt: expected shape \(k, 6\), as of the embeddings, got \(6,\)"),
        (1.0, ValueError, r"prompt: expected shape \(k, 6\), as of the embeddings, got \(\)"),
    ],
)
def test_prompts_that_are_none(prompt, error, message):
    lm = ExactMaskedLM(MODELS[0])
    calls = (
        lambda: blank_probs(lm, [[1, 2]], prompt),
        lambda: text_probs(lm, [[1, 2]], prompt),
        lambda: prepend_prompt(prompt, lm.embed([[1, 2]])),
    )
    for call in calls:
        with pytest.raises(error, match=message):
            call()


@pytest.fixture
def checked(monkeypatch):
    """How many tokens were checked, by shape, outside of the models' own doors."""
    seen = []
    check = base.check_tokens
    for module in (base, readings, tuned, _inputs):
        monkeypatch.setattr(
            module, "check_tokens", lambda tokens, *args, **kw: seen.append(1) or check(tokens, *args, **kw)
        )
    return seen


def entries(lm, monkeypatch):
    """How often a network is frozen: that is when it is put in eval mode."""
    seen = []
    leave = lm.eval
    monkeypatch.setattr(lm, "eval", lambda: seen.append(1) or leave())
    return seen


def test_texts_are_checked_and_the_model_frozen_at_the_door(checked, monkeypatch):
    lm, data = small_transformer(), word_task(96)
    frozen = entries(lm, monkeypatch)
    for call in (
        lambda: tune_head(lm, data, FAST, progress=False),
        lambda: tune_head(lm, data, FAST, head="attention", reading="blanked", progress=False),
        lambda: tune_prompt(lm, data, replace(FAST, solve_heads=True), progress=False),
    ):
        found = call()
        assert (len(checked), len(frozen)) == (2, 1)  # the training and the validation texts
        checked.clear()
        frozen.clear()
        found.labels(data.test.tokens)
        assert (len(checked), len(frozen)) == (1, 1)
        checked.clear()
        frozen.clear()
    fine_tune(lm, data, FAST, progress=False)
    assert len(checked) == 2


def test_the_best_prompt_is_that_of_a_model_without_dropout():
    data = word_task(60)
    lms = small_transformer(dropout=0.5).train(), small_transformer(dropout=0.5).eval()
    found = [
        optimal_prompt(lm, data.train.tokens, data.train.labels, starts=1, generator=0, max_iterations=3)
        for lm in lms
    ]
    assert torch.equal(found[0].prompt, found[1].prompt)
    assert found[0].losses == found[1].losses
    assert lms[0].training
    assert all(weight.requires_grad and weight.grad is None for weight in lms[0].parameters())


def test_integers_of_any_width_will_do():
    model = warm_hmm()
    data = task_data(model, 60, 10)[1]
    narrow = data._replace(
        **{
            name: split._replace(tokens=split.tokens.to(torch.uint8), labels=split.labels.to(torch.int32))
            for name, split in data._asdict().items()
        }
    )
    for tune in (tune_head, tune_prompt):
        wide, same = (tune(ExactMaskedLM(model), some, FAST, progress=False) for some in (data, narrow))
        assert torch.equal(wide.head.weights, same.head.weights)
