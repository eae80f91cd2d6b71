"""Processes as HMMs: what may follow, all texts with their probabilities, and play-out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from hmmlib import sample_tokens
from hmmlib.hmm import posteriors
from hmmlib.processes import (
    END,
    EXAMPLES,
    act,
    loop,
    parallel,
    process_states,
    seq,
    skip,
    to_hmm,
    variants,
    xor,
)

A, B, C, D, E = (act(name) for name in "abcde")
HIDDEN = xor(seq(A, B, C), seq(A, B, D))
SMALL = {
    "hidden": HIDDEN,
    "nested": seq(A, parallel(seq(B, xor(C, D)), xor(E, skip()))),
    "maybe nothing": xor(A, skip()),
    "twice the same": xor(A, A, B),
    "side by side": parallel(seq(A, B), seq(A, B)),
}
LOOPS = {
    "LP": EXAMPLES["LP"],
    "loop": loop(A),
    "redo": seq(loop(A, B), C),
    "maybe redo": loop(A, xor(B, skip())),
}


def words(found):
    """Texts as words, without END."""
    return [
        "".join(found.names[token] for token in text if token < len(found.names) - 1) for text in found.tokens
    ]


def by_moves(tree, longest):
    """Texts and probabilities by the definition: each move that is possible is as probable."""
    found = {}
    waiting = [("", tree, 1.0)]
    while waiting:
        text, rest, prob = waiting.pop()
        moves = rest.moves()
        share = prob / (len(moves) + rest.can_end)
        if rest.can_end:
            found[text] = found.get(text, 0.0) + share
        if len(text) < longest:
            waiting += [(text + name, left, share) for name, left in moves]
    return found


@pytest.mark.parametrize(
    ("name", "count", "states"), [("S4", 48, 37), ("A5", 120, 83), ("C7", 128, 15), ("LR", 64, 27)]
)
def test_examples_have_the_variants_and_states_that_they_should(name, count, states):
    found = variants(EXAMPLES[name])
    assert len(found.probs) == count
    assert to_hmm(EXAMPLES[name])[0].n_states == states
    assert found.probs.numpy() == pytest.approx(np.full(count, 1 / count), rel=1e-12)


@pytest.mark.parametrize("name", [*EXAMPLES, *SMALL, *LOOPS])
def test_theorem_probabilities_are_those_of_the_forward_pass_and_of_enumeration(name):
    tree = (EXAMPLES | SMALL | LOOPS)[name]
    longest = 9 if tree.has_loop else None
    found = variants(tree, max_length=longest)
    model, names = to_hmm(tree)
    assert names == found.names
    whole = posteriors(model, found.tokens).log_likelihood.exp()
    to_end = posteriors(model, found.tokens, lengths=found.lengths).log_likelihood.exp()
    torch.testing.assert_close(whole, found.probs, atol=1e-15, rtol=1e-12)
    torch.testing.assert_close(to_end, found.probs, atol=1e-15, rtol=1e-12)
    expected = by_moves(tree, 99 if longest is None else longest)
    assert dict(zip(words(found), found.probs.tolist(), strict=True)) == pytest.approx(expected, abs=1e-14)
    # What has not ended after so many activities is missing, and nothing else.
    length = found.tokens.shape[1] if longest is None else longest
    ended = model.initial @ torch.linalg.matrix_power(model.transition, length)
    assert float(found.probs.sum()) == pytest.approx(float(ended[-1]), abs=1e-14)
    assert found.tail == pytest.approx(1 - float(ended[-1]), abs=1e-14)


@pytest.mark.parametrize("name", ["S4", "LP", "nested", "twice the same", "side by side"])
def test_theorem_play_out_is_as_frequent(name):
    tree = (EXAMPLES | SMALL)[name]
    found = variants(tree, max_length=9) if tree.has_loop else variants(tree)
    model, _ = to_hmm(tree)
    played = sample_tokens(model, 40_000, found.tokens.shape[1], generator=0)
    numbers = {tuple(text): i for i, text in enumerate(found.tokens.tolist())}
    counts = np.bincount([numbers.get(tuple(text), len(numbers)) for text in played.tolist()])
    probs = found.probs.numpy()
    expected = 40_000 * (np.append(probs, found.tail) if tree.has_loop else probs)
    assert len(counts) == len(expected)
    # Chi-square: its mean is the number of freedoms, its variance twice that.
    freedoms = len(counts) - 1
    assert (np.square(counts - expected) / expected).sum() < freedoms + 4 * (2 * freedoms) ** 0.5


def test_texts_are_in_the_order_of_their_tokens_and_padded():
    found = variants(SMALL["nested"])
    assert found.tokens.tolist() == sorted(found.tokens.tolist())
    end = len(found.names) - 1
    assert found.names[end] == END
    for text, length in zip(found.tokens.tolist(), found.lengths.tolist(), strict=True):
        assert text.index(end) == length - 1
        assert set(text[length - 1 :]) == {end}
    assert found.tokens.shape[1] == int(found.lengths.max())
    assert variants(SMALL["maybe nothing"]).tokens.tolist() == [[0, 1], [1, 1]]
    assert len(str(found)) < 200


def test_the_order_of_the_parts_side_by_side_is_free():
    texts = words(variants(parallel(seq(A, B), C, D)))
    everything = {"".join(order) for order in itertools.permutations("abcd")}
    assert set(texts) == {text for text in everything if text.index("a") < text.index("b")}


def test_names_that_come_twice_hide_the_marking():
    model, names = to_hmm(HIDDEN)
    assert names == ("a", "b", "c", "d", END)
    belief = posteriors(model, torch.tensor([[0]]), keep=("filtered",)).filtered[0, 0]
    assert sorted(belief.tolist()) == [0, 0, 0, 0, 0, 0.5, 0.5]
    assert [process_states(HIDDEN)[i].activity for i in belief.nonzero()[:, 0]] == ["a", "a"]


def test_states_say_what_is_left():
    tree = seq(A, parallel(B, C), D)
    states = process_states(tree)
    assert states[0] == ("a", seq(parallel(B, C), D))
    assert states[-1] == (END, skip())
    assert {str(state.rest) for state in states} == {
        "seq(parallel(b, c), d)",
        "seq(c, d)",
        "seq(b, d)",
        "d",
        "skip()",
    }
    model, names = to_hmm(tree)
    assert len(states) == model.n_states
    for state, emitted in zip(states, model.emission, strict=True):
        assert names[int(emitted.argmax())] == state.activity
        assert float(emitted.max()) == 1
    assert bool(model.transition[-1, -1] == 1)


def test_activities_of_the_same_name_are_moves_of_their_own():
    assert dict(zip(words(variants(SMALL["twice the same"])), [2 / 3, 1 / 3], strict=True)) == pytest.approx(
        by_moves(SMALL["twice the same"], 1)
    )


def test_nothing_and_parts_of_one_kind_vanish():
    assert seq(A, skip(), seq(B, C)) == seq(A, B, C)
    assert parallel(skip(), A) == A == xor(A) == seq(skip(), A)
    assert parallel(A, parallel(B, C)) == parallel(A, B, C)
    assert seq(skip(), skip()) == skip()
    assert skip().can_end
    assert skip().moves() == ()
    assert not loop(A).can_end
    assert str(loop(seq(A, B), C)) == "loop(seq(a, b), c)"


def test_a_loop_is_listed_up_to_a_tail():
    tree = EXAMPLES["LP"]
    found = variants(tree, tail=0.01)
    assert found.tail == pytest.approx(1 / 128)
    assert int(found.lengths.max()) == 2 + 3 * 7 - 1 + 1
    assert len(variants(loop(A), tail=0.5).probs) == 1
    shorter = variants(EXAMPLES["S4"], tail=0.5)
    assert len(shorter.probs) == 48  # all texts have one length


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: act("END"), ValueError, "activity: expected a word other than 'END', got 'END'"),
        (lambda: act(""), ValueError, "activity: expected a word"),
        (lambda: act(3), TypeError, "activity: expected the name of an activity, got 3"),
        (lambda: seq(), TypeError, "first"),
        (lambda: seq(A, B, "c"), TypeError, r"others\[1\]: expected a process tree, got 'c'"),
        (lambda: xor("a"), TypeError, "first: expected a process tree"),
        (lambda: loop(xor(A, skip())), ValueError, r"body: expected a tree with an activity in every text"),
        (lambda: loop(skip(), A), ValueError, "body: expected"),
        (lambda: loop(seq(xor(A, skip()), xor(B, skip()))), ValueError, "body: expected"),
        (lambda: loop(A, "b"), TypeError, "redo: expected a process tree"),
        (lambda: to_hmm(skip()), ValueError, r"tree: expected one or more activities, got skip\(\)"),
        (lambda: to_hmm("a"), TypeError, "tree: expected a process tree"),
        (lambda: process_states(parallel(skip(), skip())), ValueError, "tree: expected one or more"),
        (lambda: variants(loop(A)), ValueError, "max_length: expected one, or a tail above 0"),
        (lambda: variants(loop(A), tail=0.1, max_length=3), ValueError, "max_length: expected none"),
        (lambda: variants(seq(A, B), max_length=1), ValueError, "max_length: expected the length of a text"),
        (lambda: variants(A, max_length=-1), ValueError, "max_length: expected at least 0, got -1"),
        (lambda: variants(A, tail=1.0), ValueError, "tail: expected a number"),
        (
            lambda: to_hmm(parallel(*(act(f"a{i}") for i in range(12)))),
            ValueError,
            "tree: expected fewer than 4096 states",
        ),
        (
            lambda: variants(seq(*(xor(act(f"a{i}"), act(f"b{i}")) for i in range(17)))),
            ValueError,
            "tree: expected at most 100000 texts",
        ),
    ],
)
def test_what_is_wrong_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
