"""Readers of spans: scores, the loss that the exact posterior makes least, and what training changes."""

from __future__ import annotations

import math

import pytest
import torch

from hmmlib import TransformerConfig, random_memory_hmm
from hmmlib.hmm import content_posterior, uniform_memory
from hmmlib.pretraining import ModuleRecipe
from hmmlib.spans import (
    Articles,
    Names,
    PairTexts,
    SpanPosterior,
    SpanReader,
    SpanWorld,
    adapt,
    evaluate_spans,
    exact_spans,
    load_reader,
    pair_texts,
    read_spans,
    reader_lm,
    retrofit,
    save_reader,
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


def test_articles_speak_of_two_entities_in_any_order():
    source = Articles(WORLD, entities=[1], seed=3)
    first, later = source.batch(0, 4, 15), source.batch(9000, 4, 15)
    assert first.shape == (4, 15)
    assert bool(((first >= MODEL.n_tokens).sum(1) == 3).all())
    assert not torch.equal(first, later)
    assert torch.equal(Articles(WORLD, entities=[1], seed=3).batch(9000, 4, 15), later)
    # Segments have several lengths, and fillers therefore several places.
    assert len((Articles(WORLD, seed=3).batch(0, 50, 15) >= MODEL.n_tokens).unique(dim=0)) > 20
    even = Articles(WORLD, n_segments=4, spread=0, seed=3).batch(0, 5, 15)
    assert bool(((even >= MODEL.n_tokens).nonzero()[:, 1].reshape(5, 3) == torch.tensor([3, 7, 11])).all())
    # By turns, the first and the third segment are about one entity and the others about another.
    turns = Articles(WORLD, n_segments=2, spread=0, by_turns=True, seed=3).batch(0, 400, 9)
    mixed = Articles(WORLD, n_segments=2, spread=0, seed=3).batch(0, 400, 9)
    agree = [
        (content_posterior(MODEL, text[:, :4]).argmax(1) == content_posterior(MODEL, text[:, 5:]).argmax(1))
        .double()
        .mean()
        for text in (turns, mixed)
    ]
    assert agree[0] + 0.2 < agree[1]
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
        (lambda: retrofit(START, WORLD, watch_every=0), ValueError, "watch_every: expected at least 1"),
        (lambda: retrofit(START, WORLD, entities=[1]), ValueError, "entities: expected 2 or more, got 1"),
        (lambda: adapt(START, ITEMS, relevance_weight=-0.1), ValueError, "relevance_weight"),
        (lambda: PairTexts(WORLD, START.lm).batch(0, 2, 12), ValueError, "length: expected 13"),
        (lambda: pair_texts(START.lm, [[14]], [[0]]), ValueError, "query"),
        (lambda: pair_texts(START.lm, [[1]], [[0], [0]]), ValueError, "context: expected 1 rows"),
        (lambda: reader_lm(WORLD, more_words=-1), ValueError, "more_words: expected at least 0"),
        (lambda: Names(WORLD, 1, generator=0), ValueError, "n_name_words: expected 3 names"),
        (lambda: save_reader(START.lm, "x.safetensors"), TypeError, "reader: expected a SpanReader"),
        (lambda: Articles(WORLD, n_segments=1), ValueError, "n_segments: expected at least 2"),
        (lambda: Articles(WORLD).batch(0, 2, 6), ValueError, "length: expected room for 4 segments"),
    ],
)
def test_what_is_wrong_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_a_reader_comes_back_from_its_file(tmp_path):
    save_reader(START, tmp_path / "reader.safetensors", about={"made by": "me"})
    found, about = load_reader(tmp_path / "reader.safetensors")
    assert about == {"made by": "me"}
    with torch.no_grad():
        assert found(ITEMS.query[:9], ITEMS.context[:9]).equal(START(ITEMS.query[:9], ITEMS.context[:9]))
    again = adapt(found, ITEMS.part(slice(8)), recipe=ModuleRecipe(2, 4, matrix_learning_rate=None, warmup=0))
    assert not again.inner.weight.equal(found.inner.weight)  # it can be trained further


def test_pairs_are_what_retrofitting_reads_without_the_answers():
    source = PairTexts(WORLD, START.lm, entities=[0, 2], seed=1)
    assert source.length == 13
    text = source.batch(0, 6, 13)
    assert text.shape == (6, 13)
    mark, pause = WORLD.n_words, WORLD.n_words + 1
    assert bool((text[:, 0] == mark).all())
    assert bool((text[:, 5] == pause).all())
    assert int(((text == mark) | (text == pause)).sum()) == 12
    assert pair_texts(START.lm, text[:, 1:5], text[:, 6:]).equal(text)
    assert PairTexts(WORLD, START.lm, entities=[0, 2], seed=1).batch(40, 2, 13).equal(source.batch(40, 2, 13))


def test_a_reader_is_watched_as_it_learns():
    recipe, seen = ModuleRecipe(6, 4, warmup=1, seed=1), {}
    last = retrofit(
        START,
        WORLD,
        recipe=recipe,
        watch=lambda step, reader: seen.update({step: loss_of(reader)}),
        watch_every=2,
    )
    assert list(seen) == [2, 4, 6]
    assert seen[6] == loss_of(last) != seen[4]
    unwatched = retrofit(START, WORLD, recipe=recipe)
    assert all(map(torch.equal, last.state_dict().values(), unwatched.state_dict().values()))


def test_relevance_alone_can_be_learnt():
    scores = []
    recipe = ModuleRecipe(40, 32, learning_rate=1e-2, matrix_learning_rate=None, warmup=2)
    for weight in (1.0, 0.0):
        learnt = adapt(START, ITEMS, relevance_weight=weight, recipe=recipe)
        with torch.no_grad():
            first = learnt(ITEMS.query, ITEMS.context)[:, 0, 0]
        scores.append(
            float(torch.nn.functional.binary_cross_entropy_with_logits(first, ITEMS.relevant.float()))
        )
    assert scores[0] < scores[1]


def test_auc_is_the_share_of_pairs_in_the_right_order():
    relevant = torch.tensor([True, True, False, False])
    items = ITEMS.part(slice(4))._replace(relevant=relevant)
    posterior = SpanPosterior(torch.tensor([0.9, 0.4, 0.4, 0.1]).double(), read_spans(START, items).spans)
    assert evaluate_spans(items, posterior).auc == pytest.approx(3.5 / 4)
    only = items._replace(relevant=torch.ones(4, dtype=torch.bool))
    assert math.isnan(evaluate_spans(only, posterior).auc)


def test_names_open_every_mention_and_are_shown_or_hidden():
    names = Names(WORLD, 2, generator=1)
    assert names.words.shape == (3, 2)
    assert len(names.words.unique(dim=0)) == 3
    assert names.n_words == 3
    assert names.anybody == WORLD.n_words + 2
    shown, hidden = (names.give(ITEMS, shown=which) for which in (True, False))
    assert shown.query[:, :2].equal(names.words[ITEMS.entity])
    assert bool((hidden.query[:, :2] == names.anybody).all())
    assert hidden.context.equal(shown.context)
    rows = torch.arange(len(ITEMS.context))[:, None]
    for place in (0, 1):
        assert shown.context[rows, ITEMS.begins + place].equal(names.words[ITEMS.contents][..., place])
    assert shown.query[:, 2:].equal(ITEMS.query[:, 2:])
    assert int((shown.context != ITEMS.context).sum()) == 4 * len(ITEMS.context)
