"""Attention heads that are trained: the theorem's is one of them; ways to ask a model about its text."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tuning_cases import small_transformer, task_data, warm_hmm, word_task

from hmmlib import (
    ExactMaskedLM,
    Masking,
    PosteriorTask,
    draw_dataset,
    prepend_mask,
    random_memory_hmm,
    sample_tokens,
    text_probs,
)
from hmmlib.constructions import attention_head, recovery
from hmmlib.heads import SoftAttentionHead
from hmmlib.heads._grouped import GroupedTexts
from hmmlib.hmm import random_recoverable_hmm
from hmmlib.lm import _unchecked
from hmmlib.tasks import Split
from hmmlib.tuning import CONVERGED, Epoch, SolverStep, TuningRecipe, _attention_training, tune_head
from hmmlib.tuning._attention_training import AttentionTraining, ShownTexts

BLANKED = {"reading": "blanked", "with_blanks": True}
FAST = TuningRecipe(epochs=15, batch=32, learning_rates=(0.03,), warmup=10)


def numbers(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def random_head(n_tokens=4, size=3, length=5, n_classes=2, embeddings=True):
    return SoftAttentionHead(
        numbers(size),
        numbers(size, n_tokens, seed=1),
        numbers(1 + length, size, seed=2),
        numbers(size, n_tokens, seed=3),
        numbers(n_classes, size, seed=4) if n_classes > 1 else numbers(size, seed=4),
        numbers(n_tokens + 1, size, seed=5) if embeddings else None,
    )


def random_texts(n_texts=6, n_tokens=4, length=5):
    probs = numbers(n_texts, 1 + length, n_tokens, seed=6).softmax(-1)
    tokens = torch.randint(n_tokens, (n_texts, length), generator=torch.Generator().manual_seed(7))
    return probs, torch.cat([torch.full((n_texts, 1), n_tokens), tokens], 1)


def shown_texts(lm, split):
    return ShownTexts(
        text_probs(lm, split.tokens, with_blanks=True), prepend_mask(lm, split.tokens), split.labels
    )


@pytest.fixture(scope="module")
def memory():
    """A machine whose first cell is recoverable, and a task on it."""
    model = random_recoverable_hmm(3, 3, 12, generator=5)
    task = PosteriorTask.two_class(model, [1.0, -0.6, -0.5])
    return model, task, draw_dataset(task, generator=1, sizes=(300, 100, 300), length=16)


@pytest.mark.parametrize("embeddings", [True, False])
@pytest.mark.parametrize("n_classes", [1, 3])
def test_the_formula_position_by_position(embeddings, n_classes):
    head = random_head(n_classes=n_classes, embeddings=embeddings)
    probs, tokens = random_texts()
    for text, distribution in enumerate(probs):
        scores, values = [], []
        for i, g in enumerate(distribution):
            scores.append(head.query @ (head.projection @ g + head.positions[i]))
            read = head.readout @ g
            if embeddings:
                read = read * head.embeddings[tokens[text, i]]
            values.append(head.weights @ read)
        shares = torch.stack(scores).softmax(0)
        torch.testing.assert_close(head.attention(probs)[text], shares)
        expected = sum(share * value for share, value in zip(shares, values, strict=True))
        torch.testing.assert_close(head.values(probs, tokens)[text], expected)
    labels = head.values(probs, tokens)
    expected_labels = (labels >= 0).long() if n_classes == 1 else labels.argmax(1)
    assert head.labels(probs, tokens).tolist() == expected_labels.tolist()


@pytest.mark.parametrize("embeddings", [True, False])
def test_gradients_are_the_finite_differences(embeddings):
    head = random_head(embeddings=embeddings)
    probs, tokens = random_texts(3)
    parts = [head.query, head.projection, head.positions, head.readout, head.weights]

    def values(*parts):
        return SoftAttentionHead(*parts, embeddings=head.embeddings).values(probs, tokens)

    assert torch.autograd.gradcheck(values, [part.clone().requires_grad_() for part in parts])


def test_shorter_texts_use_the_first_positions():
    head = random_head()
    probs, tokens = random_texts()
    first = replace(head, positions=head.positions[:4])
    torch.testing.assert_close(
        head.values(probs[:, :4], tokens[:, :4]), first.values(probs[:, :4], tokens[:, :4])
    )


def test_the_theorems_head_is_one_of_these(memory):
    """Section 4: with the model's own embeddings, at a low temperature, all of the theorem's labels."""
    model, task, data = memory
    lm, temperature = ExactMaskedLM(model), 1e-3
    hard = attention_head(model, task.mu)
    columns = recovery(model).columns
    # The theorem's features, at the places of the embedding that they have among all the states.
    projection = torch.zeros(lm.embedding_dim, lm.n_tokens, dtype=torch.float64)
    projection[columns] = hard.projection
    key, weights = torch.zeros(2, lm.embedding_dim, dtype=torch.float64)
    key[columns], weights[columns] = hard.key, hard.weights
    positions = torch.zeros(17, lm.embedding_dim, dtype=torch.float64)
    embeddings = lm.embed(torch.tensor([[*range(13)]]))[0]
    head = SoftAttentionHead(key / temperature, projection, positions, projection, weights, embeddings)

    seen = prepend_mask(lm, data.test.tokens)
    probs = lm.token_probs(lm.embed(seen))
    soft = replace(hard, temperature=temperature)
    torch.testing.assert_close(head.attention(probs), soft.attention(probs))
    torch.testing.assert_close(head.values(probs, seen), soft.values(probs, seen))
    agree = head.labels(probs, seen) == hard.labels(probs, seen)
    assert agree.double().mean() > 0.99
    # Where some position surely reads the cell, they are the task's own.
    certain = hard.keys(probs).amax(1) > 1 - 1e-9
    assert certain.sum() > 100
    assert torch.equal(head.labels(probs, seen)[certain], data.test.labels[certain])


@pytest.mark.parametrize(
    "recipe", [replace(FAST, epochs=60), replace(CONVERGED, starts=1)], ids=["adamw", "l-bfgs"]
)
def test_training_finds_a_head_that_beats_the_blank(recipe):
    # Twice as many flat states as tokens: the blank alone does not tell them apart.
    model = random_memory_hmm(5, 4, 10, generator=1)
    data = task_data(model, 400, 20, seed=1)[1]
    lm = ExactMaskedLM(model)
    linear = tune_head(lm, data, CONVERGED)
    tuned = tune_head(lm, data, recipe, head="attention")
    assert tuned.accuracy(data.test) > linear.accuracy(data.test) + 0.03
    losses = [epoch.validation_loss for epoch in tuned.history]
    kept = torch.nn.functional.cross_entropy(tuned.values(data.validation.tokens), data.validation.labels)
    assert float(kept) == pytest.approx(min(losses))


def test_lbfgs_goes_further_than_adamw_and_keeps_what_is_best_on_validation(memory):
    model, _, data = memory
    few = data._replace(train=Split(*(part[:60] for part in data.train)))
    lm = ExactMaskedLM(model)
    solved = tune_head(lm, few, replace(CONVERGED, starts=1), head="attention")
    slow = tune_head(lm, few, FAST, head="attention")
    assert solved.history[-1].train_loss < 0.5 * slow.history[-1].train_loss
    losses = [epoch.validation_loss for epoch in solved.history]
    assert min(losses) < losses[-1]  # 60 texts are soon learnt by heart
    kept = torch.nn.functional.cross_entropy(solved.values(few.validation.tokens), few.validation.labels)
    assert float(kept) == pytest.approx(min(losses))
    assert [epoch.step for epoch in solved.history] == list(range(len(losses)))


@pytest.mark.parametrize("n_starts", [2, 5])
def test_of_the_three_best_starts_the_best_in_the_end_is_kept(monkeypatch, n_starts):
    monkeypatch.setattr(_attention_training, "_MOST_STEPS", 5)
    lm, data = small_transformer(), word_task()
    recipe = replace(CONVERGED, starts=n_starts, epochs=2)
    tuned = tune_head(lm, data, recipe, head="plain attention")
    train, validation = (shown_texts(lm, split).to(torch.float64) for split in data[:2])
    search = AttentionTraining(train, validation, None, 16, 2)
    single = AttentionTraining(*(shown_texts(lm, split) for split in data[:2]), None, 16, 2)
    firsts = [single.train(recipe, False, number)[1] for number in range(n_starts)]
    firsts = sorted(firsts, key=lambda first: first.loss)[:3]
    losses = [search.solve_from([part.double() for part in first.parameters]).loss for first in firsts]
    assert all(loss <= first.loss + 1e-6 for loss, first in zip(losses, firsts, strict=True))
    assert len(set(losses)) == len(losses)
    assert min(e.validation_loss for e in tuned.history) == pytest.approx(min(losses))
    assert tuned.head.embeddings is None
    assert tuned.head.query.dtype == torch.float64


def test_exact_models_show_the_same_as_with_the_word_hidden():
    for model in (warm_hmm(), random_recoverable_hmm(2, 3, 8, generator=0)):
        lm = ExactMaskedLM(model)
        texts = sample_tokens(model, 20, 17, generator=0)[:, 1:]
        shown, hidden = text_probs(lm, texts, with_blanks=True), text_probs(lm, texts, **BLANKED)
        assert float((shown - hidden).abs().max()) < 1e-12
        torch.testing.assert_close(shown[:, 1:], text_probs(lm, texts))


def test_a_transformer_is_asked_about_one_hidden_word_at_a_time(monkeypatch):
    monkeypatch.setattr(_unchecked, "_EMBEDDED", 7 * 9 * 16)
    lm = small_transformer().requires_grad_(False)
    texts = word_task(20).train.tokens
    hidden, shown = text_probs(lm, texts, **BLANKED), text_probs(lm, texts, with_blanks=True)
    seen = prepend_mask(lm, texts)
    torch.testing.assert_close(shown, lm.token_probs(lm.embed(seen)))
    torch.testing.assert_close(hidden[:, 0], shown[:, 0])
    for i in range(1, 9):
        blanked = seen.clone()
        blanked[:, i] = lm.mask_token
        torch.testing.assert_close(hidden[:, i], lm.token_probs(lm.embed(blanked))[:, i])
    assert float((hidden - shown).abs().max()) > 0.01


class ToldTheWord:
    """The best model under a masking, for independent words: it sees chosen ones, corrupted or not."""

    n_tokens = mask_token = 3
    embedding_dim = 1
    distribution = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)

    def __init__(self, masking):
        kept = 1 - masking.blank - masking.random
        likelihood = kept * torch.eye(3) + masking.random / 3
        joint = torch.cat([likelihood, torch.ones(1, 3)]).double() * self.distribution
        self.table = joint / joint.sum(1, keepdim=True)

    def embed(self, tokens):
        return tokens[..., None].double()

    def token_probs(self, embeddings):
        return self.table[embeddings[..., 0].long()]


@pytest.mark.parametrize(
    "masking", [Masking(0.15, 0.8, 0.1), Masking(0.15, 0.5, 0.5), Masking(0.3, 0.0, 0.2)]
)
def test_what_the_word_itself_says_is_taken_out(masking):
    lm = ToldTheWord(masking)
    found = text_probs(lm, [[0, 1, 2, 1]], reading="read off", masking=masking, with_blanks=True)
    torch.testing.assert_close(found, lm.distribution.expand(1, 5, 3))
    if masking.random < 0.5:
        assert float((text_probs(lm, [[0, 1, 2, 1]]) - lm.distribution).abs().max()) > 0.1


def test_a_tuned_head_reads_as_it_was_trained():
    lm, data = small_transformer(), word_task(60)
    masking = Masking(0.15, 0.8, 0.1)
    recipe = replace(FAST, epochs=2)
    for reading, given in (("blanked", None), ("read off", masking)):
        tuned = tune_head(lm, data, recipe, head="attention", reading=reading, masking=given)
        probs = text_probs(lm, data.test.tokens, reading=reading, masking=given, with_blanks=True)
        seen = prepend_mask(lm, data.test.tokens)
        torch.testing.assert_close(tuned.values(data.test.tokens), tuned.head.values(probs, seen))
        torch.testing.assert_close(tuned.head.embeddings, lm.embedding.weight.detach())
        assert tuned.head.query.shape == (16,)


def test_the_same_seed_gives_the_same_head():
    lm, data = small_transformer(), word_task(60)
    for recipe in (replace(FAST, epochs=2), replace(CONVERGED, starts=1)):
        heads = [tune_head(lm, data, replace(recipe, seed=seed), head="attention").head for seed in (1, 1, 2)]
        assert torch.equal(heads[0].readout, heads[1].readout)
        assert not torch.equal(heads[0].readout, heads[2].readout)


def test_attention_starts_even_but_for_the_laws():
    _, data = task_data(warm_hmm(), 20, validation=5, test=5)
    lm = ExactMaskedLM(warm_hmm())
    texts = shown_texts(lm, data.train)
    parts = AttentionTraining(texts, texts, None, 6, 2).start(FAST, 0)
    assert [tuple(part.shape) for part in parts] == [(6,), (6, 8), (17, 6), (6, 8), (2, 6)]
    assert not parts[2].any()
    assert all(bool(torch.isfinite(part).all()) for part in parts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"projection": torch.ones(3)}, r"projection: expected shape \(d, V\), got \(3,\)"),
        ({"query": torch.ones(2)}, r"query: expected shape \(3,\), got \(2,\)"),
        ({"positions": torch.ones(6, 2)}, r"positions: expected shape \(6, 3\), got \(6, 2\)"),
        ({"readout": torch.ones(3, 5)}, r"readout: expected shape \(3, 4\), got \(3, 5\)"),
        ({"weights": torch.ones(2, 4)}, r"weights: expected shape \(2, 3\), got \(2, 4\)"),
        ({"weights": torch.ones(4)}, r"weights: expected shape \(3,\), got \(4,\)"),
        ({"embeddings": torch.ones(4, 3)}, r"embeddings: expected shape \(5, 3\), got \(4, 3\)"),
    ],
)
def test_parts_that_do_not_fit(change, message):
    with pytest.raises(ValueError, match=message):
        replace(random_head(), **change)


def test_inputs_that_do_not_fit():
    head = random_head()
    probs, tokens = random_texts(length=6)
    with pytest.raises(ValueError, match="probs: texts of 6 tokens; the head was made for at most 5"):
        head.values(probs, tokens)
    with pytest.raises(
        ValueError, match=r"probs: expected distributions over 4 tokens, got shape \(6, 7, 3\)"
    ):
        head.attention(probs[..., :3])
    with pytest.raises(ValueError, match=r"tokens: expected shape \(6, 5\) as of probs, got \(6, 4\)"):
        head.values(probs[:, :5], tokens[:, :4])
    lm = ExactMaskedLM(warm_hmm())
    with pytest.raises(
        ValueError, match="masking: expected the Masking of the model's training for reading='read off'"
    ):
        text_probs(lm, [[0, 1]], reading="read off")
    with pytest.raises(ValueError, match=r"masking: a model trained under Masking.* never saw a random word"):
        text_probs(lm, [[0, 1]], reading="read off", masking=Masking(0.15, 0.8, 0.0))
    data = word_task()
    longer = data._replace(validation=word_task(length=9).validation)
    with pytest.raises(ValueError, match=r"data.validation.tokens: texts of 9 tokens; an attention head"):
        tune_head(small_transformer(), longer, FAST, head="attention")
    tuned = tune_head(small_transformer(), data, replace(FAST, epochs=1), head="attention")
    with pytest.raises(ValueError, match="probs: texts of 9 tokens; the head was made for at most 8"):
        tuned.labels(longer.validation.tokens)


def test_queries_and_weights_start_at_a_scale_that_keeps_scores_and_values_near_one():
    texts = ShownTexts(torch.rand(2, 4, 5), torch.zeros(2, 4, dtype=torch.int64), torch.tensor([0, 1]))
    query, projection, _, readout, weights = AttentionTraining(texts, texts, None, 4096, 2).start(FAST, 0)
    for part, spread in ((query, 1 / 64), (projection, 1), (readout, 1), (weights, 1 / 64)):
        assert float(part.std()) == pytest.approx(spread, rel=0.05)


def test_solving_leaves_what_it_is_given_as_it_is(monkeypatch):
    monkeypatch.setattr(_attention_training, "_MOST_STEPS", 2)
    probs = torch.rand(6, 4, 5, generator=torch.Generator().manual_seed(0)).softmax(-1)
    texts = ShownTexts(probs, torch.zeros(6, 4, dtype=torch.int64), torch.tensor([0, 1] * 3))
    training = AttentionTraining(texts, texts, torch.rand(6, 3), 3, 2)
    head, _ = training.solve(replace(CONVERGED, starts=1))
    assert head.query.dtype == torch.float64
    assert training.train_texts is training.validation is texts
    assert training.embeddings.dtype == texts.probs.dtype == torch.float32
    assert training.start(FAST, 0)[0].dtype == torch.float32


def test_a_solved_head_has_steps_where_a_trained_one_has_epochs():
    lm, data = small_transformer(), word_task(40)
    solved = tune_head(lm, data, replace(CONVERGED, starts=1), head="attention")
    trained = tune_head(lm, data, replace(FAST, epochs=2), head="attention")
    assert {type(entry) for entry in solved.history} == {SolverStep}
    assert {type(entry) for entry in trained.history} == {Epoch}
    assert f", steps={len(solved.history)}, learning_rate={solved.learning_rate}" in repr(solved).replace(
        "\n   ", ""
    )
    assert ", epochs=2, learning_rate=0.03" in repr(trained).replace("\n   ", "")


def test_of_two_classes_one_row_of_weights_has_the_loss_of_two():
    lm, data = small_transformer(), word_task(40)
    train, validation = (shown_texts(lm, split).to(torch.float64) for split in data[:2])
    search = AttentionTraining(train, validation, None, 16, 2)
    parts = search.start(FAST, 0)
    both, one = search.head(parts), search._log_odds(parts)
    values, odds = (head.values(*train[:2]) for head in (both, one))
    torch.testing.assert_close(values[:, 1] - values[:, 0], odds)
    torch.testing.assert_close(
        torch.nn.functional.cross_entropy(values, train.labels),
        torch.nn.functional.binary_cross_entropy_with_logits(odds, train.labels.double()),
    )


@pytest.mark.parametrize("n_rows", [None, 2, 3])
@pytest.mark.parametrize("embedded", [False, True])
def test_grouped_by_word_heads_have_the_same_values_and_gradients(n_rows, embedded):
    random = torch.Generator().manual_seed(1)

    def numbers(*shape):
        return torch.randn(shape, generator=random, dtype=torch.float64).requires_grad_()

    probs = numbers(7, 9, 5).detach().softmax(-1)
    tokens = torch.randint(5, (7, 9), generator=random)
    tokens[:, 0] = 5
    weights = numbers(4) if n_rows is None else numbers(n_rows, 4)
    parts = [numbers(4), numbers(4, 5), numbers(12, 4), numbers(4, 5), weights]
    head = SoftAttentionHead(*parts, numbers(6, 4).detach() if embedded else None)
    found = []
    for values in (head.values(probs, tokens), GroupedTexts(probs, tokens).values(head)):
        assert values.shape == (7,) if n_rows is None else (7, n_rows)
        found.append((values, *torch.autograd.grad(values.square().sum(), parts)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
