"""Corpora, n-grams and classes of words."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from words_cases import small_sentences

from hmmlib._book import book_file
from hmmlib.words import (
    END,
    UNKNOWN,
    KneserNey,
    Sentences,
    exchange_classes,
    king_james,
    perplexity,
    word_corpus,
)

TEXT = [["the", "king", "came"], ["the", "king"], ["a", "lamb", "came"], ["the", "lamb"]]


def test_words_are_numbered_by_how_often_they_occur():
    found = word_corpus(TEXT, [["the", "ark", "came"]], [["lamb"]], fewest=2)
    assert found.words == ("the", "came", "king", "lamb", UNKNOWN, END)
    assert found.spell(found.validation.tokens[0]) == f"the {UNKNOWN} came {END}"
    assert found.train.lengths.tolist() == [4, 3, 4, 3]
    assert found.train.tokens[1].tolist() == [0, 2, 5, 0]
    assert found.train.n_tokens == 14


def test_what_is_no_list_of_sentences_is_named():
    with pytest.raises(TypeError, match="validation: sentence 0 is 'the king'; expected a list of words"):
        word_corpus(TEXT, ["the king"], TEXT)
    with pytest.raises(ValueError, match="test: expected at least one sentence"):
        word_corpus(TEXT, TEXT, [])


def test_the_king_james_bible_is_whole_and_its_parts_are_nested():
    import hashlib
    import json
    import lzma

    packed = book_file("data/king_james/text.txt.xz").read_bytes()
    origin = json.loads(book_file("data/king_james/origin.json").read_text())
    assert hashlib.sha256(lzma.decompress(packed)).hexdigest() == origin["text's sha256"]
    whole, tenth = king_james(), king_james(0.1)
    sizes = [part.n_tokens for part in (whole.train, whole.validation, whole.test)]
    assert sum(sizes) == origin["words"] + origin["verses"]
    assert [part.n_tokens for part in (tenth.validation, tenth.test)] == sizes[1:]
    verses = [
        Counter(map(c.spell, (row[:n] for row, n in zip(*c.train, strict=True)))) for c in (whole, tenth)
    ]
    assert 0.05 * sizes[0] < tenth.train.n_tokens < 0.15 * sizes[0]
    known = {words for words in verses[1] if UNKNOWN not in words}
    assert known <= set(verses[0])
    with pytest.raises(ValueError, match=r"share: expected a number 0 < share ≤ 1"):
        king_james(0.0)
    with pytest.raises(ValueError, match=r"share: 1e-09 of the chapters are none"):
        king_james(1e-9)


def plain_kneser_ney(
    text: list[list[int]], order: int, n_tokens: int, history: list[int], word: int
) -> float:
    """The definition, with dictionaries."""
    rows = [[-1, *sentence] for sentence in text]
    grams = [
        Counter(tuple(row[i - m + 1 : i + 1]) for row in rows for i in range(max(1, m - 1), len(row)))
        for m in range(1, order + 1)
    ]
    p = 1 / n_tokens
    before = [-1, *history]
    for m in range(1, min(order, len(before) + 1) + 1):
        if m == order:
            counts = grams[m - 1]
        else:
            counts = Counter(gram[1:] for gram in grams[m])
            counts.update({gram: n for gram, n in grams[m - 1].items() if gram[0] == -1})
        values = Counter(counts.values())
        d = values[1] / (values[1] + 2 * values[2]) if values[1] else 0.0
        context = tuple(before[len(before) - m + 1 :])
        after = {gram: n for gram, n in counts.items() if gram[:-1] == context}
        total = sum(after.values())
        if total:
            own = max(counts[(*context, word)] - d, 0) if (*context, word) in counts else 0.0
            p = own / total + sum(min(d, n) for n in after.values()) / total * p
    return p


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_kneser_ney_is_its_definition_and_sums_to_one(order):
    sentences = small_sentences(order, 30)
    text = [row[:n].tolist() for row, n in zip(*sentences, strict=True)]
    model = KneserNey(sentences, order, 7)
    for history in ([], [0], [3, 1], [6, 6, 6, 6, 6], text[0][:4]):
        probs = model.next_probs(history)
        assert float(probs.sum()) == pytest.approx(1, abs=1e-12)
        expected = [plain_kneser_ney(text, order, 7, history, word) for word in range(7)]
        assert probs == pytest.approx(torch.tensor(expected, dtype=torch.float64), abs=1e-12)
    held = small_sentences(order + 100, 10)
    for row, n, log in zip(*held, model.log_probs(held), strict=True):
        words = row[:n].tolist()
        total = sum(float(model.next_probs(words[:i])[w].log()) for i, w in enumerate(words))
        assert float(log) == pytest.approx(total, abs=1e-12)


def test_kneser_ney_names_what_is_wrong():
    with pytest.raises(ValueError, match="order: expected at least 1"):
        KneserNey(small_sentences(), 0, 7)
    with pytest.raises(ValueError, match=r"sentences\.tokens: sequence 0, position \d holds"):
        KneserNey(small_sentences(), 2, 3)
    with pytest.raises(ValueError, match="history: word 0 is 9; expected 0 … 6"):
        KneserNey(small_sentences(), 2, 7).next_probs([9])


def class_bigram_log_likelihood(stream: np.ndarray, classes: np.ndarray) -> float:
    """Nats per word after the first, by maximum likelihood."""
    own = classes[stream]
    pairs, left = Counter(itertools.pairwise(own)), Counter(own[:-1])
    right, words = Counter(own[1:]), Counter(stream[1:])
    steps = zip(own[:-1], own[1:], stream[1:], strict=True)
    logs = [math.log(pairs[a, b] / left[a] * words[w] / right[b]) for a, b, w in steps]
    return sum(logs) / len(logs)


def stream_of(sentences: Sentences) -> np.ndarray:
    return np.concatenate([row[:n].numpy() for row, n in zip(*sentences, strict=True)])


@pytest.mark.parametrize("seed", range(3))
def test_exchange_never_lowers_the_likelihood_and_ends_where_no_word_gains(seed):
    sentences = small_sentences(seed, 60)
    found = exchange_classes(sentences, 3, 7)
    stream, classes = stream_of(sentences), found.classes.numpy()
    assert found.converged
    assert bool((found.log_likelihoods.diff() >= 0).all())
    reached = class_bigram_log_likelihood(stream, classes)
    assert float(found.log_likelihoods[-1]) == pytest.approx(reached, abs=1e-12)
    for word, other in itertools.product(range(7), range(3)):
        if np.bincount(classes)[classes[word]] > 1:
            moved = classes.copy()
            moved[word] = other
            assert class_bigram_log_likelihood(stream, moved) <= reached + 1e-12


def test_classes_that_are_there_to_be_found_are_found():
    random = np.random.RandomState(0)
    tokens = torch.from_numpy(random.randint(0, 4, (200, 10)))
    tokens[:, 1::2] += 4  # words 0 … 3 and 4 … 7 take turns
    found = exchange_classes(Sentences(tokens, torch.full((200,), 10)), 2, 8)
    assert sorted(map(sorted, ((found.classes == c).nonzero()[:, 0].tolist() for c in (0, 1)))) == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
    ]


def test_every_class_keeps_a_word_and_words_that_do_not_occur_stay():
    sentences = small_sentences(1, 40, n_tokens=5)
    found = exchange_classes(sentences, 7, 7)
    assert sorted(found.classes.tolist()) == list(range(7))
    start = [0, 1, 2, 0, 1, 1, 2]
    found = exchange_classes(sentences, 3, 7, initial_classes=start)
    assert found.classes[5:].tolist() == start[5:]


def test_wrong_classes_are_named():
    with pytest.raises(ValueError, match="n_classes: expected at most the 7 words, got 8"):
        exchange_classes(small_sentences(), 8, 7)
    with pytest.raises(ValueError, match="initial_classes: expected 3 classes, got 2"):
        exchange_classes(small_sentences(), 3, 7, initial_classes=[0, 1, 0, 1, 0, 1, 0])
    with pytest.raises(ValueError, match=r"initial_classes: expected shape \(7,\)"):
        exchange_classes(small_sentences(), 2, 7, initial_classes=[0, 1])


def test_perplexity_of_a_uniform_model_is_the_number_of_words():
    class Uniform:
        n_tokens = 5

        def log_probs(self, sentences: Sentences) -> torch.Tensor:
            return -sentences.lengths * math.log(5)

    assert perplexity(Uniform(), small_sentences(n_tokens=5)) == pytest.approx(5)
