"""Learners that count: by hand on a tiny process, and exact sums."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from hmmlib.processes import (
    EXAMPLES,
    MarkingCounts,
    NgramProcess,
    act,
    leave_out,
    loop,
    parallel,
    process_scores,
    seq,
    to_hmm,
    training_law,
    variants,
    xor,
)

A, B, C, D = (act(name) for name in "abcd")
# a, then b and c in any order: a b c and a c b; d may come in place of all.
TREE = xor(seq(A, parallel(B, C)), D)
ALL = variants(TREE)
ABC, ACB, DONE = [0, 1, 2, 4], [0, 2, 1, 4], [3, 4, 4, 4]


def probs(learner, texts):
    return learner.log_probs(texts).exp().tolist()


def test_the_tiny_process_is_what_it_should_be():
    assert ALL.tokens.tolist() == [ABC, ACB, DONE]
    assert ALL.probs.tolist() == [0.25, 0.25, 0.5]


def test_bigrams_by_hand():
    model = NgramProcess([ABC, ACB, DONE], [3, 1, 4], order=2, n_tokens=5)
    # a: 4 of 8, b after a: 3 of 4, c after b: 3 of 4 (once the end), the end after c: 3 of 4.
    assert probs(model, [ABC]) == pytest.approx([0.5 * 0.75 * 0.75 * 0.75])
    assert probs(model, [ACB]) == pytest.approx([0.5 * 0.25 * 0.25 * 0.25])
    assert probs(model, [DONE, [3, 3, 4, 4], [4, 4, 4, 4]]) == pytest.approx([0.5, 0, 0])
    assert model.log_probs([[3, 3, 4]]).tolist() == [-math.inf]
    assert probs(model, [[0, 1, 4, 4], [0, 1, 2, 1]]) == pytest.approx(
        [0.5 * 0.75 * 0.25, 0.5 * 0.75**2 * 0.25]
    )


def test_single_activities_by_hand():
    model = NgramProcess([ABC, ACB, DONE], [3, 1, 4], order=1, n_tokens=5)
    # 24 tokens: a 4, b 4, c 4, d 4, END 8.
    assert probs(model, [ABC, DONE]) == pytest.approx([(1 / 6) ** 3 / 3, 1 / 6 / 3])


def test_longer_histories_only_know_what_they_saw():
    model = NgramProcess([ABC, DONE], [1, 3], order=4, n_tokens=5)
    assert probs(model, ALL.tokens) == pytest.approx([0.25, 0, 0.75])
    assert str(model) == "NgramProcess(order=4, n_tokens=5)"


def test_markings_by_hand():
    model = MarkingCounts(TREE, [ABC, ACB, DONE], [3, 1, 4])
    assert probs(model, [ABC, ACB, DONE]) == pytest.approx([0.5 * 0.75, 0.5 * 0.25, 0.5])
    assert model.log_probs([[1, 2, 4], [0, 4, 4], [0, 1, 1]]).tolist() == [-math.inf] * 3
    assert probs(model, [[0, 1, 2]]) == pytest.approx([0.5 * 0.75])  # a beginning
    assert str(model) == "MarkingCounts(xor(seq(a, parallel(b, c)), d))"
    assert probs(MarkingCounts(TREE, [ABC, DONE]), [ACB, DONE]) == pytest.approx([0, 0.5])


@pytest.mark.parametrize("name", EXAMPLES)
def test_markings_with_all_variants_are_the_process(name):
    tree = EXAMPLES[name]
    found = variants(tree, tail=0.001) if tree.has_loop else variants(tree)
    learnt = MarkingCounts(tree, found.tokens, found.probs).log_probs(found.tokens).exp()
    torch.testing.assert_close(learnt, found.probs, atol=0, rtol=0.05 if tree.has_loop else 1e-12)


def test_a_marking_is_what_is_left_whatever_led_to_it():
    # Without a b c the order c, then b is still known from d before.
    tree = seq(xor(A, D), parallel(B, C))
    found = variants(tree)
    shown = torch.ones(4)
    shown[0] = 0
    assert probs(MarkingCounts(tree, found.tokens, shown), found.tokens[:1]) == pytest.approx([1 / 3 * 1 / 3])


@pytest.mark.parametrize(
    "learner",
    [
        NgramProcess(ALL.tokens, ALL.probs, order=1, n_tokens=5),
        NgramProcess(ALL.tokens, ALL.probs, order=2, n_tokens=5),
        MarkingCounts(TREE, ALL.tokens, ALL.probs),
    ],
    ids=str,
)
def test_texts_and_beginnings_have_the_probability_one_together(learner):
    texts = [text for text in itertools.product(range(5), repeat=4) if list(text) == padded(text)]
    assert sum(probs(learner, texts)) == pytest.approx(1, abs=1e-12)


def padded(text):
    """A text with nothing but END after END."""
    ended = list(text).index(4) if 4 in text else len(text)
    return [*text[:ended], *[4] * (len(text) - ended)]


@pytest.mark.parametrize("k", [1, 6, 24])
def test_on_orders_longer_histories_generalise_to_nothing(k):
    tree, found = EXAMPLES["S4"], variants(EXAMPLES["S4"])
    for left_out in leave_out(48, k, generator=0):
        law, scores = training_law(found.probs, left_out), {}
        for order in (2, 3, 4, 6):
            model = NgramProcess(found.tokens, law, order=order, n_tokens=9)
            scores[order] = process_scores(probs(model, found.tokens), found.probs, left_out).generalisation
        assert scores[4] == scores[6] == 0
        assert max(scores.values()) < 0.1
        knows = MarkingCounts(tree, found.tokens, law)
        assert process_scores(probs(knows, found.tokens), found.probs, left_out).generalisation > 0.3


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: NgramProcess([[0, 5]], order=2, n_tokens=5),
            ValueError,
            "tokens: expected words 0 … 4, row 0 has 5",
        ),
        (
            lambda: NgramProcess([ABC, [0, 4, 1, 4]], order=2, n_tokens=5),
            ValueError,
            r"tokens: expected only END \(4\) after END, row 1 has 1 at 2",
        ),
        (lambda: NgramProcess([0, 1], order=2, n_tokens=5), ValueError, "tokens: expected"),
        (lambda: NgramProcess([[0.5]], order=2, n_tokens=5), TypeError, "tokens: expected integers"),
        (lambda: NgramProcess([ABC], order=0, n_tokens=5), ValueError, "order: expected at least 1"),
        (
            lambda: NgramProcess([ABC], [1, 2], order=1, n_tokens=5),
            ValueError,
            r"weights: expected shape \(1\)",
        ),
        (
            lambda: NgramProcess([ABC], [-1.0], order=1, n_tokens=5),
            ValueError,
            "weights: expected numbers of at least 0, entry 0 is -1",
        ),
        (
            lambda: NgramProcess([ABC], [0.0], order=1, n_tokens=5),
            ValueError,
            "weights: expected one above 0",
        ),
        (
            lambda: MarkingCounts(TREE, [[1, 2, 4]]),
            ValueError,
            "tokens: expected texts of the process, row 0 is none",
        ),
        (lambda: MarkingCounts(TREE, [ABC], [np.nan]), ValueError, "weights: entry 0 is nan"),
        (
            lambda: MarkingCounts(xor(seq(A, B), seq(A, C)), [[0, 1, 3]]),
            ValueError,
            "tree: expected one whose texts tell the marking",
        ),
        (lambda: MarkingCounts("a", [ABC]), TypeError, "tree: expected a process tree"),
        (lambda: MarkingCounts(TREE, [ABC]).log_probs([[7]]), ValueError, "tokens: expected words 0 … 4"),
    ],
)
def test_what_is_wrong_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_a_loop_that_comes_to_where_it_was_is_one_marking():
    tree = loop(seq(A, B))
    _, names = to_hmm(tree)
    assert names == ("a", "b", "END")
    model = MarkingCounts(tree, [[0, 1, 2, 2, 2], [0, 1, 0, 1, 2]])
    assert probs(model, [[0, 1, 2]]) == pytest.approx([2 / 3])
