"""Tagged text is counted as it should be; dependence given a third variable is found where there is some."""

from __future__ import annotations

import lzma

import numpy as np
import pytest
import torch

from hmmlib import HMM, posteriors
from hmmlib.analysis import (
    OTHER_TAG,
    OTHER_WORD,
    TaggedText,
    between,
    bigram_law,
    conditional_information,
    dependence,
    parse_tagged,
    read_tagged,
    tagged_text,
)
from hmmlib.hmm import sample

PAIRS = [("the", "DT"), ("cat", "NN"), ("saw", "VB"), ("the", "DT"), ("saw", "NN"), (".", ".")]


def test_words_and_tags_are_numbered_by_frequency():
    text = tagged_text(PAIRS)
    assert text.words == ("the", "saw", "cat", ".", OTHER_WORD)
    assert text.tags == ("DT", "NN", "VB", ".")
    assert text.tokens.tolist() == [0, 2, 1, 0, 1, 3]
    assert text.states.tolist() == [0, 1, 2, 0, 1, 3]
    assert text.word_counts[1].tolist() == [0, 1, 1, 0, 0]
    assert text.tag_counts.tolist() == [[0, 2, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert len(text) == 6


def test_rare_tags_and_words_are_put_together():
    text = tagged_text(PAIRS, fewest=2)
    assert text.tags == ("DT", "NN", OTHER_TAG)
    assert text.states.tolist() == [0, 1, 2, 0, 1, 2]
    small = text.cut(2)
    assert small.words == ("the", "saw", OTHER_WORD)
    assert small.tokens.tolist() == [0, 2, 1, 0, 1, 2]
    assert text.cut(99).words == text.words
    again = tagged_text([(small.words[i], "X") for i in small.tokens])
    assert again.words == small.words
    assert again.tokens.tolist() == small.tokens.tolist()
    merged = text.merged({"DT": "NOUN", "NN": "NOUN"})
    assert merged.tags == ("NOUN", OTHER_TAG)
    assert merged.states.tolist() == [0, 0, 1, 0, 0, 1]


def test_a_second_text_is_counted_in_the_terms_of_the_first():
    text = tagged_text(PAIRS, fewest=2)
    other = tagged_text([("a", "DT"), ("cat", "XX")], like=text)
    assert (other.words, other.tags) == (text.words, text.tags)
    assert other.tokens.tolist() == [4, 2]
    assert other.states.tolist() == [0, 2]
    with pytest.raises(ValueError, match="like: expected a tag set with 'XX'"):
        tagged_text([("cat", "XX")], like=tagged_text(PAIRS))


def test_the_hmm_has_the_frequencies_of_the_text():
    text = tagged_text([*PAIRS, ("the", "DT")])
    plain = text.hmm()
    assert plain.emission[1].tolist() == pytest.approx([0, 0.5, 0.5, 0, 0])
    assert plain.transition[1].tolist() == pytest.approx([0, 0, 0.5, 0.5])
    assert plain.initial.tolist() == pytest.approx([3 / 7, 2 / 7, 1 / 7, 1 / 7])
    smooth = text.hmm(2.0)
    spread = np.array([4, 3, 2, 2, 1]) / 12
    assert smooth.emission[1].tolist() == pytest.approx((np.array([0, 1, 1, 0, 0]) + 2 * spread) / 4)
    assert float(smooth.emission.min()) > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.hmm(), "pseudo_counts: expected more than 0, as the tag '.' has no counts"),
        (lambda t: t.hmm(-1), "pseudo_counts: expected a number of at least 0"),
        (lambda t: t.cut(0), "n_words"),
        (lambda _: tagged_text([]), "pairs: expected at least one"),
        (lambda _: tagged_text(PAIRS, fewest=0), "fewest"),
        (lambda _: read_tagged("test"), "part: expected 'train' or 'heldout'"),
        (lambda t: bigram_law(t.tokens, 2), "tokens: expected integers from 0 to 1"),
        (lambda t: between(t.tokens[:2], np.eye(5), np.ones(5)), "tokens: expected at least three"),
        (lambda t: between(t.tokens, np.eye(4), np.ones(5)), "law: expected shape"),
        (lambda t: dependence(t.tokens, t.tokens[1:], t.states, generator=0), "y: expected 6 samples"),
        (lambda t: dependence(*[t.tokens] * 3, generator=0), "blocks: expected at most 6"),
        (lambda t: conditional_information(t.tokens - 1, t.tokens, t.states), "x: expected no negative"),
        (lambda t: conditional_information(t.tokens[:0], t.tokens, t.states), "x: expected shape"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(tagged_text(PAIRS))


def test_samples_that_are_no_integers_are_refused():
    with pytest.raises(TypeError, match="y: expected integers"):
        conditional_information(np.zeros(3, int), np.zeros(3), np.zeros(3, int))


def test_files_are_read_with_and_without_packing(tmp_path):
    plain, packed = tmp_path / "a.txt", tmp_path / "a.txt.xz"
    plain.write_text("and/or/CC it/PRP\n\n./.\n")
    packed.write_bytes(lzma.compress(plain.read_bytes()))
    assert parse_tagged(plain) == parse_tagged(packed) == [("and/or", "CC"), ("it", "PRP"), (".", ".")]
    plain.write_text("fine/JJ\nbroken\n")
    with pytest.raises(ValueError, match="expected word/TAG, got 'broken' in line 2"):
        parse_tagged(plain)


def test_the_shipped_novels_have_the_sizes_that_their_origin_states():
    import json

    from hmmlib.analysis import book_file

    stated = json.loads(book_file("data/english/origin.json").read_text())["files"]
    for part in ("train", "heldout"):
        assert len(read_tagged(part)) == stated[f"{part}.txt.xz"]["tokens"]
    folder = book_file("data/english")
    assert sum(path.stat().st_size for path in folder.iterdir()) < 500_000


def test_words_between_neighbours_are_the_conditionals_of_an_hmm_of_words():
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 4, 50)
    first, law = bigram_law(tokens, 5)
    assert first.sum() == pytest.approx(1)
    assert law.sum(1) == pytest.approx(np.ones(5))
    words = HMM(first, law, torch.eye(5))
    table = posteriors(words, tokens[None]).conditionals[0, 1:-1]
    assert between(tokens, law, first) == pytest.approx(table[range(48), tokens[1:-1]].numpy())


def test_conditional_information_is_that_of_the_definition():
    rng = np.random.default_rng(1)
    x, y, z = (rng.integers(0, k, 500) for k in (3, 4, 2))
    joint = np.zeros((3, 4, 2))
    np.add.at(joint, (x, y, z), 1 / 500)
    xz, yz, of_z = joint.sum(1, keepdims=True), joint.sum(0, keepdims=True), joint.sum((0, 1), keepdims=True)
    kept = joint > 0
    wanted = (joint * np.log(np.where(kept, joint * of_z / (xz * yz), 1.0)))[kept].sum()
    assert conditional_information(x, y, z) == pytest.approx(wanted)
    # Names of the values do not matter, however large.
    assert conditional_information(x * 10**6, y * 10**6, z) == pytest.approx(wanted)


def test_a_markov_chain_shows_no_dependence_beyond_its_state_and_one_of_second_order_does():
    hmm = HMM([0.5, 0.3, 0.2], [[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.4, 0.4, 0.2]], torch.eye(3))
    h = sample(hmm, 1, 20_000, generator=0).tokens[0].numpy()
    none = dependence(h[:-2], h[2:], h[1:-1], generator=0)
    assert none.low < 0 < none.high
    assert none.p_value > 0.05
    assert none.plug_in == pytest.approx(conditional_information(h[:-2], h[2:], h[1:-1]))
    # Each state is that of two places before, but for noise: what is in between tells nothing.
    rng, second = np.random.default_rng(0), [0, 1]
    for new, keep in zip(rng.integers(0, 2, 20_000), rng.random(20_000) < 0.5, strict=True):
        second.append(second[-2] if keep else int(new))
    s = np.array(second)
    found = dependence(s[:-2], s[2:], s[1:-1], generator=0)
    truth = np.log(2) + 0.75 * np.log(0.75) + 0.25 * np.log(0.25)
    assert found.low < truth < found.high
    assert found.p_value == pytest.approx(1 / 21)
    assert found.largest < found.plug_in
    assert found == dependence(s[:-2], s[2:], s[1:-1], generator=0)


def test_tagged_texts_are_plain_values():
    text = tagged_text(PAIRS)
    assert isinstance(text, TaggedText)
    assert isinstance(text.cut(1), TaggedText)
