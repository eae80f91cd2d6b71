"""A world of contexts: exact posteriors by enumeration, shifted priors, spans, and what draws hold."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from hmmlib import random_hmm, random_memory_hmm
from hmmlib.hmm import uniform_memory
from hmmlib.spans import (
    SpanPosterior,
    SpanWorld,
    best_f1_span,
    best_span,
    exact_spans,
    overlap_scores,
    shift_prior,
    span_f1,
)

WARM = {"transition_temperature": 0.4, "emission_temperature": 0.4}
MODEL = uniform_memory(random_memory_hmm(2, 2, 4, n_cells=2, generator=1, **WARM))
OTHER = random_memory_hmm(2, 2, 4, n_cells=2, generator=2, **WARM).chain.transition
SMALL = {"n_segments": 2, "lengths": (2, 4), "context_length": 7, "definition_length": 3, "n_fillers": 2}
SMALL |= {"question_length": 2}
WORLDS = {
    leak: SpanWorld(MODEL, question_transition=OTHER, leak=leak, relevant=0.4, **SMALL) for leak in (0.0, 0.3)
}
LARGE = uniform_memory(
    random_memory_hmm(
        4, 2, 20, n_cells=2, generator=1, transition_temperature=0.05, emission_temperature=0.05
    )
)
WORLD = SpanWorld(LARGE)


def likelihood(content, words, transition):
    """P[words | content] by one forward pass over chain states; 0 with a filler."""
    if any(word >= MODEL.n_tokens for word in words):
        return 0.0
    chain = MODEL.chain
    message = (chain.initial[content] / chain.initial[content].sum()).numpy()
    for t, word in enumerate(words):
        message = message if not t else message @ transition.numpy()
        message = message * chain.emission[chain.columns[content], word].numpy()
    return float(message.sum())


def enumerated(world, query, context, kind):
    """All weights by the definition, contents of the other segments drawn out one by one."""
    moves = OTHER if kind == "question" else MODEL.chain.transition
    belief = np.array([likelihood(k, query, moves) for k in range(4)])
    spans, nothing = np.zeros((7, 7)), 0.0
    probs = world.filler_probs.numpy()
    for first in (2, 3, 4):
        second = 6 - first
        pieces = (context[:first], context[first + 1 :])
        weight = probs[context[first]] / 3  # each of three layouts is as likely
        own = [[likelihood(k, piece, MODEL.chain.transition) for k in range(4)] for piece in pieces]
        for entity, a, b in itertools.product(range(4), repeat=3):
            joint = weight * belief[entity] * own[0][a] * own[1][b]
            if a != entity != b:
                nothing += joint * 0.6 / 9
            if a == entity != b:
                spans[0, first - 1] += joint * 0.4 / 2 / 3
            if a != entity == b:
                spans[first + 1, first + second] += joint * 0.4 / 2 / 3
    total = spans.sum() + nothing
    return spans / total


@pytest.mark.parametrize("kind", ["definition", "question"])
@pytest.mark.parametrize("leak", [0.0, 0.3])
def test_theorem_the_posterior_is_that_of_all_layouts_and_contents_enumerated(leak, kind):
    world = WORLDS[leak]
    items = world.draw(20, generator=3, kind=kind)
    found = exact_spans(world, items.query, items.context, kind=kind)
    for row in range(20):
        expected = enumerated(world, items.query[row].tolist(), items.context[row].tolist(), kind)
        np.testing.assert_allclose(found.spans[row].numpy(), expected, atol=1e-12)
    torch.testing.assert_close(found.spans.sum((1, 2)), found.relevance)


def test_only_the_entities_that_there_are_count():
    world, among = WORLDS[0.0], [0, 3]
    items = world.draw(10, generator=4, asked=among, others=among)
    found = exact_spans(world, items.query, items.context, entities=among)
    assert (items.contents.unique() == torch.tensor(among)).all()
    everybody = exact_spans(world, items.query, items.context)
    assert float((found.relevance - everybody.relevance).abs().max()) > 0.01


def test_the_posterior_is_calibrated():
    items = WORLD.draw(2000, generator=5)
    found = exact_spans(WORLD, items.query, items.context).relevance
    for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.01)):
        inside = (found >= low) & (found < high)
        error = 4 * (found[inside] * (1 - found[inside])).sum().sqrt() / inside.sum() + 1e-3
        assert abs(items.relevant[inside].double().mean() - found[inside].mean()) < error


def test_theorem_another_share_of_relevant_contexts_shifts_the_logit():
    world = WORLDS[0.3]
    items = world.draw(50, generator=6)
    before = exact_spans(world, items.query, items.context)
    shifted = shift_prior(before, 0.4, 0.9)
    direct = exact_spans(world, items.query, items.context, relevant=0.9)
    for one, other in zip(shifted, direct, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=0)
    logits = (torch.logit(part.relevance) for part in (shifted, before))
    gap = next(logits) - next(logits)
    torch.testing.assert_close(gap, torch.full_like(gap, float(np.log(9) - np.log(0.4 / 0.6))))


def test_the_span_of_the_largest_expected_f1_need_not_be_the_most_probable():
    spans = torch.zeros(1, 4, 4, dtype=torch.float64)
    spans[0, 0, 0], spans[0, 2, 3], spans[0, 1, 3] = 0.4, 0.35, 0.25
    assert [int(part) for part in best_span(spans)] == [0, 0]
    assert [int(part) for part in best_f1_span(spans)] == [0, 3]  # itself impossible, and near to all

    def expected(start, end):
        first, last = spans[0].nonzero().T
        agree = span_f1(torch.tensor(start), torch.tensor(end), first, last)
        return float((spans[0][first, last] * agree).sum())

    values = {(a, b): expected(a, b) for a in range(4) for b in range(a, 4)}
    assert max(values, key=values.get) == (0, 3)


def test_f1_of_spans():
    assert float(span_f1(*map(torch.tensor, (2, 4, 2, 4)))) == 1
    assert float(span_f1(*map(torch.tensor, (2, 4, 5, 6)))) == 0
    assert float(span_f1(*map(torch.tensor, (2, 4, 4, 4)))) == pytest.approx(2 * 1 / 4)


def test_draws_are_what_they_say():
    asked, others = [1, 5], [5, 7, 9]
    items = WORLD.draw(300, generator=7, asked=asked, others=others, relevant=0.7)
    assert set(items.entity.tolist()) == set(asked)
    own = items.contents == items.entity[:, None]
    assert torch.equal(own.sum(1), items.relevant.long())
    assert 0.6 < float(items.relevant.double().mean()) < 0.8
    assert set(items.contents[~own].tolist()) == set(others)
    assert bool((items.start[~items.relevant] == -1).all())
    filler = items.context >= LARGE.n_tokens
    assert bool((filler.sum(1) == 2).all())
    for row in items.relevant.nonzero()[:50, 0].tolist():
        start, end = int(items.start[row]), int(items.end[row])
        assert 4 <= end - start + 1 <= 8
        assert not filler[row, start : end + 1].any()
        assert start == 0 or filler[row, start - 1]
        assert end == 19 or filler[row, end + 1]
    again = WORLD.draw(300, generator=7, asked=asked, others=others, relevant=0.7)
    assert all(torch.equal(one, other) for one, other in zip(items, again, strict=True))


def test_words_in_common_are_counted_between_fillers():
    items = WORLD.draw(100, generator=8, relevant=1.0)
    scores = overlap_scores(WORLD, items, length_exponent=0.0)
    row, context = 0, items.context[0].tolist()
    cuts = [-1, *(i for i, word in enumerate(context) if word >= LARGE.n_tokens), 20]
    query = set(items.query[row].tolist())
    expected = {
        (a + 1, b - 1): sum(word in query for word in context[a + 1 : b]) for a, b in itertools.pairwise(cuts)
    }
    there = scores[row].isfinite().nonzero().tolist()
    assert {tuple(span): scores[row][tuple(span)] for span in there} == expected
    share = overlap_scores(WORLD, items)
    (a, b), count = next(iter(expected.items()))
    assert float(share[row, a, b]) == pytest.approx(count / (b - a + 1))
    start, end = best_span(share)
    assert float(span_f1(start, end, items.start, items.end).mean()) > 0.5


def test_bayes_reads_better_than_words_in_common():
    items = WORLD.draw(300, generator=9)
    about = items.part(items.relevant)
    found = exact_spans(WORLD, about.query, about.context)
    ours, theirs = (
        span_f1(*best_span(scores), about.start, about.end).mean()
        for scores in (found.spans, overlap_scores(WORLD, about))
    )
    assert float(ours) > float(theirs) + 0.05


ITEMS = WORLD.draw(4, generator=1)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: SpanWorld(random_hmm(3, 4, generator=0)), TypeError, "model: expected a MemoryHMM"),
        (
            lambda: SpanWorld(LARGE, lengths=(4, 5)),
            ValueError,
            "lengths: 3 segments of 4 … 5 tokens cannot",
        ),
        (lambda: SpanWorld(LARGE, lengths=8), TypeError, "lengths: expected a pair"),
        (lambda: SpanWorld(LARGE, leak=1.5), ValueError, "leak"),
        (lambda: SpanWorld(LARGE, relevant=-0.1), ValueError, "relevant"),
        (lambda: SpanWorld(LARGE, n_fillers=0), ValueError, "n_fillers: expected at least 1"),
        (lambda: WORLD.draw(0, generator=0), ValueError, "n: expected at least 1"),
        (lambda: WORLD.draw(3, generator=0, asked=[16]), ValueError, "asked: expected 0 … 15, entry 0 is 16"),
        (lambda: WORLD.draw(3, generator=0, asked=[]), ValueError, "asked: expected a list of one or more"),
        (
            lambda: WORLD.draw(3, generator=0, asked=[2, 3], others=[3]),
            ValueError,
            "others: expected entities besides 3, which is asked about",
        ),
        (lambda: WORLD.draw(3, generator=0, kind="answer"), ValueError, "kind: expected one of definition"),
        (
            lambda: exact_spans(WORLD, ITEMS.query[:2], ITEMS.context),
            ValueError,
            "query: expected 4 rows, as many as contexts, got 2",
        ),
        (
            lambda: exact_spans(WORLD, ITEMS.query, ITEMS.context[:, :9]),
            ValueError,
            r"context: expected words of shape \(n, 20\), got \(4, 9\)",
        ),
        (
            lambda: exact_spans(WORLD, ITEMS.query + 20, ITEMS.context),
            ValueError,
            "query: expected words 0 … 19, row 0 has",
        ),
        (
            lambda: exact_spans(WORLD, ITEMS.query, torch.zeros(4, 20, dtype=torch.int64)),
            ValueError,
            "context: row 0 cannot have been written",
        ),
        (
            lambda: exact_spans(WORLD, ITEMS.query, ITEMS.context, entities=[3]),
            ValueError,
            "entities: expected 2 or more, got 1",
        ),
        (
            lambda: shift_prior(SpanPosterior(torch.ones(1), torch.ones(1, 2, 2)), 0.0, 0.5),
            ValueError,
            "before",
        ),
        (lambda: best_span(torch.ones(2, 3)), ValueError, r"spans: expected shape \(n, time, time\)"),
    ],
)
def test_what_is_wrong_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
