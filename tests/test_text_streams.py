"""Training text: a function of seed and step alone, fresh from a stream and once an epoch from a corpus."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hmmlib import HMM, CorpusConfig, random_hmm, random_memory_hmm
from hmmlib._random import step_generator
from hmmlib.pretraining import Corpus, TextStream, corpus

PLAIN = random_hmm(4, 6, generator=0, emission_temperature=1.0, transition_temperature=0.3)
MEMORY = random_memory_hmm(2, 2, 5, generator=0, emission_temperature=1.0)
CPU = torch.device("cpu")


def clock(n_states, start=None):
    """A model whose text counts: 0, 1, 2, … and again from 0 after the last state."""
    identity = torch.eye(n_states, dtype=torch.float64)
    initial = identity[0] if start is None else identity.mean(0)
    return HMM(initial, identity.roll(1, 1), identity)


def rows(tokens):
    return [tuple(row) for row in tokens.tolist()]


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of three steps of (2, 5), two of (3, 5), one of (2, 9)."""
    monkeypatch.setattr(corpus, "_BLOCK_TOKENS", 34)


@pytest.mark.parametrize("model", [PLAIN, MEMORY], ids=["plain", "memory"])
@pytest.mark.usefixtures("small_blocks")
def test_a_batch_depends_on_seed_and_step_alone(model):
    fresh = [TextStream(model, 1).batch(step, 2, 5) for step in range(10)]
    stream = TextStream(model, 1)
    for step in [9, 0, 3, 2, 4, 4, 8, 1, 0, 7, 6, 5]:
        assert torch.equal(stream.batch(step, 2, 5), fresh[step])
        stream.batch(step, 3, 5)
        stream.batch(step, 2, 9)


@settings(max_examples=25)
@given(steps=st.lists(st.integers(0, 30), min_size=1, max_size=8), seed=st.integers(0, 2**32 - 1))
def test_the_order_of_calls_does_not_matter(steps, seed):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(corpus, "_BLOCK_TOKENS", 34)
        stream = TextStream(PLAIN, seed)
        for step in steps:
            assert torch.equal(stream.batch(step, 2, 5), TextStream(PLAIN, seed).batch(step, 2, 5))


@pytest.mark.parametrize(("size", "length"), [(2, 5), (3, 5), (2, 9), (2, 34), (40, 7)])
@pytest.mark.usefixtures("small_blocks")
def test_batches_have_the_shape_asked_for_within_and_beyond_a_block(size, length):
    stream = TextStream(PLAIN, 0)
    for step in range(4):
        batch = stream.batch(step, size, length)
        assert batch.shape == (size, length)
        assert batch.dtype == torch.int64
        assert ((batch >= 0) & (batch < 6)).all()


@pytest.mark.usefixtures("small_blocks")
def test_no_text_is_used_twice():
    stream = TextStream(PLAIN, 3)
    texts = [row for step in range(30) for row in rows(stream.batch(step, 2, 30))]
    assert len(set(texts)) == 60
    assert not set(texts) & {
        row for step in range(30) for row in rows(TextStream(PLAIN, 4).batch(step, 2, 30))
    }


def starts(stream, steps, size, length):
    return {row[:30] for step in steps for row in rows(stream.batch(step, size, length))}


@pytest.mark.parametrize("other", [(128, 32), (8, 256)])
def test_batches_of_another_length_hold_other_text(other):
    # Stages may follow one another with smaller or longer batches; none sees what another has seen.
    first = TextStream(PLAIN, 0)
    assert not starts(first, range(16), 64, 128) & starts(first, range(48), *other)


def test_branches_hold_other_text():
    seen = starts(TextStream(PLAIN, 0), range(16), 64, 128)
    # What batches of another size would be cut from without.
    assert seen & starts(TextStream(PLAIN, 0), range(32), 32, 128)
    assert not seen & starts(TextStream(PLAIN, 0, 1), range(32), 32, 128)


def test_the_text_is_the_models():
    stream = TextStream(PLAIN, 0)
    tokens = torch.cat([stream.batch(step, 200, 8) for step in range(50)])
    distribution = PLAIN.initial
    for position in range(8):
        expected = distribution @ PLAIN.emission
        found = tokens[:, position].bincount(minlength=6) / len(tokens)
        assert float((found - expected).abs().max()) < 5 * math.sqrt(0.25 / len(tokens))
        distribution = distribution @ PLAIN.transition
    pairs = (tokens[:, 0] * 6 + tokens[:, 1]).bincount(minlength=36) / len(tokens)
    expected = PLAIN.emission.T @ (PLAIN.initial[:, None] * PLAIN.transition) @ PLAIN.emission
    assert float((pairs - expected.flatten()).abs().max()) < 5 * math.sqrt(0.1 / len(tokens))


def test_global_randomness_is_left_alone():
    before = torch.random.get_rng_state()
    TextStream(PLAIN, 0).batch(0, 2, 5)
    Corpus(PLAIN, CorpusConfig(2, 10), 5, 0).batch(0, 2, 5)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_key_of_a_generator_is_its_stream():
    keys = [(0, 0), (0, 1), (1, 0), (0, 2), (0, 0, 1), (0, 1, 0), (0, 1, 1), (2**40, 0), (0, 0, 2**33)]
    draws = [torch.rand(3, generator=step_generator(CPU, *key)) for key in keys]
    for key, draw in zip(keys, draws, strict=True):
        assert torch.equal(torch.rand(3, generator=step_generator(CPU, *key)), draw)
    # Numpy fills keys with zeros: (0, 1) and (0, 1, 0) are one.
    assert len({tuple(draw.tolist()) for draw in draws}) == len(keys) - 1


@pytest.mark.parametrize("n_states", [40, 256, 257, 300])
def test_a_corpus_is_documents_cut_into_chunks(n_states):
    # 620 tokens are 51 chunks of 12; the eight that are left over are not read.
    corpus = Corpus(clock(n_states), CorpusConfig(n_documents=3, document_length=620), 12, 0)
    found = Counter(row for step in range(17) for row in rows(corpus.batch(step, 9, 12)))
    expected = [tuple(i % n_states for i in range(12 * k, 12 * k + 12)) for k in range(51)] * 3
    assert found == Counter(expected)


@settings(max_examples=20)
@given(size=st.sampled_from([1, 2, 3, 4, 6, 12]), seed=st.integers(0, 1000))
def test_every_chunk_is_read_once_an_epoch(size, seed):
    # One document of 60 different tokens: twelve different chunks.
    corpus = Corpus(clock(60), CorpusConfig(1, 60), 5, seed)
    per_epoch = 12 // size
    epochs = [
        [row for step in range(per_epoch) for row in rows(corpus.batch(k * per_epoch + step, size, 5))]
        for k in range(3)
    ]
    for epoch in epochs:
        assert sorted(epoch) == [tuple(range(5 * k, 5 * k + 5)) for k in range(12)]
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_what_does_not_fill_a_batch_is_left_out_of_the_epoch_and_not_for_good():
    corpus = Corpus(clock(60), CorpusConfig(1, 60), 5, 0)
    seen = set()
    for epoch in range(20):
        found = [row for step in range(2) for row in rows(corpus.batch(2 * epoch + step, 5, 5))]
        assert len(set(found)) == 10
        seen |= set(found)
    assert len(seen) == 12


def test_a_corpus_is_read_in_any_order():
    def corpus(seed=0):
        return Corpus(PLAIN, CorpusConfig(6, 20), 5, seed)

    fresh = [corpus().batch(step, 4, 5) for step in range(15)]
    one = corpus()
    for step in [14, 0, 6, 7, 5, 12, 1, 14]:
        assert torch.equal(one.batch(step, 4, 5), fresh[step])
    assert one.batch(0, 4, 5).dtype == torch.int64
    other = corpus(1)
    assert not torch.equal(torch.cat([other.batch(step, 4, 5) for step in range(6)]), torch.cat(fresh[:6]))


def test_the_order_depends_on_the_seed():
    corpora = [Corpus(clock(60), CorpusConfig(1, 60), 5, seed) for seed in range(4)]
    orders = {
        tuple(row for step in range(12) for row in rows(corpus.batch(step, 1, 5))) for corpus in corpora
    }
    assert len(orders) == 4


def test_chunks_within_a_document_go_on_where_the_last_one_ended():
    # Under a clock that starts anywhere, documents differ, but what follows what does not.
    corpus = Corpus(clock(50, start="anywhere"), CorpusConfig(30, 20), 10, 0)
    found = [row for step in range(60) for row in rows(corpus.batch(step, 1, 10))]
    for row in found:
        assert all((later - sooner) % 50 == 1 for sooner, later in pairwise(row))
    starts = Counter(row[0] for row in found)
    firsts, seconds = starts.copy(), Counter({(start + 10) % 50: count for start, count in starts.items()})
    # Every document's first chunk has its second ten steps on.
    assert sum((firsts & seconds).values()) >= 30


def test_the_papers_corpus_is_the_default():
    assert CorpusConfig() == CorpusConfig(n_documents=5000, document_length=10_240)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: CorpusConfig(0), ValueError, "n_documents: expected at least 1, got 0"),
        (lambda: CorpusConfig(1, 2.0), TypeError, "document_length: expected an integer, got 2.0"),
        (
            lambda: Corpus(PLAIN, CorpusConfig(2, 10), 11, 0),
            ValueError,
            "length: 11 tokens; expected at most document_length = 10",
        ),
        (
            lambda: Corpus(PLAIN, CorpusConfig(2, 10), 5, 0).batch(0, 2, 6),
            ValueError,
            "length: 6 tokens; the corpus is cut into chunks of 5",
        ),
        (
            lambda: Corpus(PLAIN, CorpusConfig(2, 10), 5, 0).batch(0, 5, 5),
            ValueError,
            "batch: 5 texts, but the corpus has only 4 chunks of 5",
        ),
    ],
)
def test_text_that_is_not_there_is_named(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()


def test_a_whole_corpus_may_be_one_batch():
    corpus = Corpus(PLAIN, CorpusConfig(2, 10), 10, 0)
    assert sorted(rows(corpus.batch(0, 2, 10))) == sorted(rows(corpus.batch(1, 2, 10)))
