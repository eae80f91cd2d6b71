"""Readers of spans: scores, the loss that the exact posterior makes least, and what training changes."""

from __future__ import annotations

import pytest
import torch

from hmmlib import TransformerConfig, random_memory_hmm
from hmmlib.hmm import uniform_memory
from hmmlib.pretraining import ModuleRecipe
from hmmlib.spans import (
    Articles,
    SpanReader,
    SpanWorld,
    adapt,
    evaluate_spans,
    exact_spans,
    read_spans,
    reader_lm,
    retrofit,
    span_agreement,
    span_loss,
    span_targets,
)

MODEL = uniform_memory(
    random_memory_hmm(
        3, 2, 12, n_cells=1, generator=1, transition_temperature=0.05, emission_temperature=0.05
    )
)
WORLD = SpanWorld(MODEL, n_segments=2, lengths=(2, 4), context_length=7, definition_length=4, n_fillers=2)
SHAPE = TransformerConfig(width=16, n_layers=1, n_heads=2, feed_forward=32)
START = SpanReader(reader_lm(WORLD, SHAPE, generator=0), hidden=16, generator=0)
ITEMS = WORLD.draw(300, generator=1)


def loss_of(reader):
    with torch.no_grad():
        return float(span_loss(reader(ITEMS.query, ITEMS.context), span_targets(ITEMS)))


def test_scores_and_targets_have_a_place_for_the_mark_and_each_word():
    scores, targets = START(ITEMS.query[:5], ITEMS.context[:5]), span_targets(ITEMS)
    assert scores.shape == (5, 8, 8)
    assert torch.equal(targets[:, 0, 0].bool(), ITEMS.relevant)
    assert torch.equal(targets[:, 1:, 1:].sum((1, 2)), targets[:, 0, 0])
    row = int(ITEMS.relevant.nonzero()[0])
    assert targets[row, ITEMS.start[row] + 1, ITEMS.end[row] + 1] == 1


def test_only_candidates_have_gradients():
    scores = torch.zeros(300, 8, 8, requires_grad=True)
    span_loss(scores, span_targets(ITEMS)).backward()
    touched = (scores.grad != 0).any(0)
    expected = torch.ones(8, 8, dtype=torch.bool).triu()
    expected[0, 1:] = False
    assert torch.equal(touched, expected)


@pytest.mark.parametrize("weight", [None, 0.1, 0.5])
def test_theorem_the_loss_is_least_at_the_logits_of_the_posterior(weight):
    many = WORLD.draw(4000, generator=2)
    exact = exact_spans(WORLD, many.query, many.context)
    scores = torch.zeros(4000, 8, 8, dtype=torch.float64)
    scores[:, 1:, 1:] = torch.logit(exact.spans.clamp(1e-12, 1 - 1e-12))
    scores[:, 0, 0] = torch.logit(exact.relevance.clamp(1e-12, 1 - 1e-12))
    targets = span_targets(many).double()
    best = float(span_loss(scores, targets, weight))
    # The empirical optimum of one temperature and one shift for all scores is near one and zero.
    for other in (0.7 * scores, 1.4 * scores, scores + 0.5, scores - 0.5):
        assert float(span_loss(other, targets, weight)) > best


def test_exact_answers_agree_with_one_another_and_a_readers_need_not():
    exact = evaluate_spans(ITEMS, exact_spans(WORLD, ITEMS.query, ITEMS.context))
    ours = evaluate_spans(ITEMS, read_spans(START, ITEMS))
    assert exact.consistency_gap < 1e-12 < 0.01 < ours.consistency_gap
    assert exact.f1 > ours.f1
    assert exact.accuracy > 0.6
    assert 0 <= ours.exact_match <= ours.f1 <= 1
    said = read_spans(START, ITEMS)
    assert not said.spans.tril(-1).any()
    assert float(span_agreement(ITEMS, said.spans).mean()) == ours.f1


def test_retrofitting_teaches_reading_and_leaves_the_start_alone():
    before = {name: value.clone() for name, value in START.state_dict().items()}
    recipe = ModuleRecipe(150, 32, warmup=5, seed=1)
    trained = retrofit(START, WORLD, recipe=recipe)
    assert loss_of(trained) < 0.7 * loss_of(START)
    assert all(torch.equal(value, before[name]) for name, value in START.state_dict().items())
    again = retrofit(START, WORLD, recipe=recipe)
    assert all(map(torch.equal, trained.state_dict().values(), again.state_dict().values()))
    few = adapt(START, ITEMS.part(slice(16)), recipe=ModuleRecipe(60, 8, matrix_learning_rate=None, warmup=2))
    with torch.no_grad():
        own = ITEMS.part(slice(16))
        found, base = (
            float(span_loss(reader(own.query, own.context), span_targets(own))) for reader in (few, START)
        )
    assert found < 0.7 * base


def test_articles_speak_of_two_entities_by_turns():
    source = Articles(WORLD, entities=[1], seed=3)
    first, later = source.batch(0, 4, 15), source.batch(9000, 4, 15)
    assert first.shape == (4, 15)
    assert bool(((first >= MODEL.n_tokens).sum(1) == 3).all())
    assert not torch.equal(first, later)
    assert torch.equal(Articles(WORLD, entities=[1], seed=3).batch(9000, 4, 15), later)
    # Of one entity alone all words are its own.
    held = MODEL.contents[1]
    chain = MODEL.chain
    own = chain.emission[chain.columns[1]].sum(0) > 0
    words = first[first < MODEL.n_tokens]
    assert held.tolist() == [1]
    assert bool(own[words].all())


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: SpanReader(MODEL), TypeError, "lm: expected a TransformerMaskedLM"),
        (lambda: SpanReader(START.lm, hidden=0), ValueError, "hidden: expected at least 1"),
        (lambda: retrofit(START, MODEL), TypeError, "world: expected a SpanWorld"),
        (lambda: retrofit(START, WORLD, entities=[3]), ValueError, "entities: expected 0 … 2"),
        (lambda: retrofit(START, WORLD, relevance_weight=2.0), ValueError, "relevance_weight"),
        (lambda: adapt(START, ITEMS.query), TypeError, "items: expected SpanItems"),
        (
            lambda: evaluate_spans(ITEMS.part(~ITEMS.relevant), read_spans(START, ITEMS)),
            ValueError,
            "items: expected some that are relevant",
        ),
        (lambda: Articles(WORLD, n_segments=1), ValueError, "n_segments: expected at least 2"),
        (lambda: Articles(WORLD).batch(0, 2, 6), ValueError, "length: expected room for 4 segments"),
    ],
)
def test_what_is_wrong_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
