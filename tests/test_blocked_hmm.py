"""HMMs with classes of words: the same numbers as the dense HMM, counts, fits, errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from words_cases import CLASSES, small_model, small_sentences, summed_over_paths

from hmmlib import posteriors, random_hmm
from hmmlib.hmm import expected_counts, log_likelihood, sample_tokens
from hmmlib.words import (
    BlockedHMM,
    Sentences,
    expected_block_counts,
    fit_blocked_hmm,
    perplexity,
    random_blocked_hmm,
)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_log_probs_are_those_of_the_dense_hmm(k):
    model, sentences = small_model(k, k), small_sentences(k, 40)
    dense = posteriors(model.dense(), sentences.tokens, lengths=sentences.lengths, keep=())
    assert model.log_probs(sentences) == pytest.approx(dense.log_likelihood, abs=1e-12)


def test_log_probs_are_sums_over_all_paths():
    model = small_model(3)
    for sentence in ([4], [1, 0, 6], [2, 2, 5, 0, 3]):
        found = model.log_probs(Sentences(torch.tensor([sentence]), torch.tensor([len(sentence)])))
        assert float(found.exp()) == pytest.approx(summed_over_paths(model, sentence), rel=1e-12)


@pytest.mark.parametrize("k", [1, 3])
def test_counts_are_those_of_the_dense_hmm(k):
    model, sentences = small_model(1, k), small_sentences(1, 30)
    found = expected_block_counts(model, sentences)
    dense = expected_counts(model.dense(), sentences.tokens, lengths=sentences.lengths)
    assert found.initial.view(-1) == pytest.approx(dense.initial, abs=1e-12)
    moves = found.moves.view(3, 3, k, k).transpose(1, 2).reshape(3 * k, 3 * k)
    assert moves == pytest.approx(dense.transition, abs=1e-12)
    emission = dense.emission.view(3, k, 7)[CLASSES, :, torch.arange(7)]
    assert found.emission == pytest.approx(emission, abs=1e-12)


def test_counts_add_up():
    model, sentences = small_model(2), small_sentences(2, 25)
    found = expected_block_counts(model, sentences)
    assert float(found.initial.sum()) == pytest.approx(25)
    assert float(found.moves.sum()) == pytest.approx(sentences.n_tokens - 25)
    assert float(found.emission.sum()) == pytest.approx(sentences.n_tokens)
    inside = torch.arange(sentences.tokens.shape[1]) < sentences.lengths[:, None]
    assert found.emission.sum(1) == pytest.approx(sentences.tokens[inside].bincount(minlength=7).double())


def test_counts_are_derivatives_by_fishers_identity():
    model, sentences = small_model(4), small_sentences(4)
    dense = model.dense()
    moves = dense.transition.requires_grad_()
    seen = dense.emission.T[sentences.tokens]
    log_likelihood(dense.initial, moves, seen, sentences.lengths).sum().backward()
    counts = expected_block_counts(model, sentences).moves.view(3, 3, 2, 2).transpose(1, 2).reshape(6, 6)
    assert counts == pytest.approx(moves.grad * moves.detach(), abs=1e-10)


def test_pieces_and_waiting_products_change_nothing(monkeypatch):
    model, sentences = small_model(5), small_sentences(5, 60)
    whole = expected_block_counts(model, sentences)
    monkeypatch.setattr("hmmlib.words._recursion._MOST_ROWS", 7)
    monkeypatch.setattr("hmmlib.words._recursion._WAITING", 50)
    parts = expected_block_counts(model, sentences)
    for one, other in zip(whole, parts, strict=True):
        assert one == pytest.approx(other, abs=1e-12)


def test_single_precision_is_nearly_the_same():
    model, sentences = small_model(6, 4), small_sentences(6, 50)
    single = BlockedHMM(model.initial, model.transition, model.emission, CLASSES, dtype=torch.float32)
    assert single.log_probs(sentences) == pytest.approx(model.log_probs(sentences), rel=1e-5)


def test_next_words_are_a_distribution_and_the_chain_rule_holds():
    model, sentence = small_model(7), [3, 1, 5, 5, 0]
    steps = [model.next_probs(sentence[:t]) for t in range(5)]
    for probs in steps:
        assert float(probs.sum()) == pytest.approx(1, abs=1e-12)
    total = sum(float(probs[w].log()) for probs, w in zip(steps, sentence, strict=True))
    found = model.log_probs(Sentences(torch.tensor([sentence]), torch.tensor([5])))
    assert total == pytest.approx(float(found[0]), abs=1e-12)


def test_what_cannot_be_has_no_probability_and_no_counts():
    emission = [[1.0], [0.0], [1.0]]
    model = BlockedHMM([1.0, 0.0], [[0.5, 0.5], [0.5, 0.5]], emission, [0, 0, 1])
    sentences = Sentences(torch.tensor([[0, 2], [0, 1], [2, 2]]), torch.tensor([2, 2, 2]))
    assert model.log_probs(sentences).tolist() == [pytest.approx(np.log(0.5)), -np.inf, -np.inf]
    assert perplexity(model, sentences) == np.inf
    with pytest.raises(ValueError, match="sentence 1: word 1 at position 1 cannot follow"):
        expected_block_counts(model, sentences)
    with pytest.raises(ValueError, match="history: word 2 at position 0 cannot follow"):
        model.next_probs([2])


def test_without_pseudo_counts_the_likelihood_never_falls():
    source = random_blocked_hmm(3, 4, 5, generator=0)
    tokens = sample_tokens(source.dense(), 200, 12, generator=0)
    text = Sentences(tokens, torch.full((200,), 12))
    none = {"transition_pseudo_counts": 0.0, "emission_pseudo_counts": 0.0}
    fit = fit_blocked_hmm(text, 12, source.classes, generator=1, max_iterations=30, **none)
    assert fit.n_iterations == 30
    assert bool((fit.log_likelihoods.diff() > -1e-12).all())
    assert fit.log_likelihoods[-1] > fit.log_likelihoods[0] + 0.05


def test_an_iteration_takes_the_shares_of_the_dense_counts():
    text = small_sentences(8, 50)
    none = {"transition_pseudo_counts": 0.0, "emission_pseudo_counts": 0.0}
    one, two = (
        fit_blocked_hmm(text, 6, CLASSES, generator=0, max_iterations=n, **none).model for n in (1, 2)
    )
    counts = expected_counts(one.dense(), text.tokens, lengths=text.lengths)
    dense = two.dense()
    assert dense.initial == pytest.approx(counts.initial / 50, abs=1e-12)
    shares = counts.transition / counts.transition.sum(1, keepdim=True)
    assert dense.transition == pytest.approx(shares, abs=1e-10)
    assert dense.emission == pytest.approx(counts.emission / counts.emission.sum(1, keepdim=True), abs=1e-10)


def test_one_state_a_class_is_the_class_bigram():
    text = small_sentences(9, 80)
    fit = fit_blocked_hmm(text, 3, CLASSES, generator=0, max_iterations=1, transition_pseudo_counts=1.0)
    inside = torch.arange(8) < text.lengths[:, None]
    words = text.tokens[inside].bincount(minlength=7).double()
    unigram = CLASSES[text.tokens[inside]].bincount(minlength=3).double() + 1
    pairs = torch.zeros(3, 3, dtype=torch.float64)
    for row, length in zip(CLASSES[text.tokens], text.lengths, strict=True):
        for t in range(1, int(length)):
            pairs[row[t - 1], row[t]] += 1
    bigram = pairs + unigram / unigram.sum()
    bigram /= bigram.sum(1, keepdim=True)
    expected = pairs + bigram
    assert fit.model.transition == pytest.approx(expected / expected.sum(1, keepdim=True), abs=1e-12)
    smoothed = words + 0.02
    sums = torch.zeros(3, dtype=torch.float64).index_add_(0, CLASSES, smoothed)[CLASSES]
    assert fit.model.emission[:, 0] == pytest.approx(smoothed / sums, abs=1e-12)


def test_more_states_fit_better_and_validation_chooses():
    source = random_blocked_hmm(3, 4, 6, generator=2)
    dense = source.dense()
    texts = [
        Sentences(sample_tokens(dense, n, 20, generator=seed), torch.full((n,), 20))
        for seed, n in enumerate((400, 200))
    ]
    fits = [
        fit_blocked_hmm(texts[0], h, source.classes, generator=0, validation=texts[1], max_iterations=25)
        for h in (3, 12)
    ]
    one, four = (perplexity(fit.model, texts[1]) for fit in fits)
    assert perplexity(source, texts[1]) < four < one
    for fit in fits:
        assert fit.best_iteration == int(fit.validation.argmin()) + 1
        assert perplexity(fit.model, texts[1]) == pytest.approx(float(fit.validation.min()))


def test_a_structural_zero_stays_without_pseudo_counts():
    model, text = small_model(10, zeros=True), small_sentences(10, 40)
    counts = expected_block_counts(model, text)
    moves = counts.moves.view(3, 3, 2, 2).transpose(1, 2).reshape(6, 6)
    assert float(moves[:, 1::2].abs().max()) == 0


def test_every_hmm_is_a_blocked_one():
    plain = random_hmm(3, 6, generator=0, transition_temperature=0.5, emission_temperature=0.5)
    own = torch.tensor([0, 1, 0, 1, 1, 0])
    share = plain.emission @ torch.nn.functional.one_hot(own, 2).double()  # P[class | state], (H, K)
    first = (share.T * plain.initial).reshape(-1)
    moves = torch.einsum("gh,hc->gch", plain.transition, share).repeat(2, 1, 1, 1).reshape(6, 6)
    same = BlockedHMM(first, moves, (plain.emission / share[:, own]).T, own)
    text = small_sentences(0, 30, n_tokens=6)
    dense = posteriors(plain, text.tokens, lengths=text.lengths, keep=()).log_likelihood
    assert same.log_probs(text) == pytest.approx(dense, abs=1e-12)


def test_a_head_reads_the_class():
    model = small_model(12, 4)  # four states and three words a class: the columns are dependent
    x = small_sentences(12, 20).tokens
    found = posteriors(model.dense(), x)
    of_classes = found.leave_one_out.view(20, 8, 3, 4).sum(-1)
    for own in range(3):
        head = (own == CLASSES).double()
        assert found.conditionals @ head == pytest.approx(of_classes[..., own], abs=1e-12)


TABLES = {
    "initial": [0.5, 0.5],
    "transition": [[0.9, 0.1], [0.4, 0.6]],
    "emission": [[0.3], [0.7], [1.0]],
    "classes": [0, 0, 1],
}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("initial", [1.0], r"initial: expected shape \(2,\), 1 states for each of 2 classes, got \(1,\)"),
        ("initial", [0.5, 0.6], "initial: sums to 1.1"),
        ("transition", [[1.0, 0.0]], r"transition: expected shape \(2, 2\), got \(1, 2\)"),
        ("transition", [[0.9, 0.1], [0.4, 0.5]], "transition: row 1: sums to 0.9"),
        ("emission", [[0.3], [0.7]], r"emission: expected shape \(3, k\), a row for each word"),
        ("emission", [[0.3], [0.6], [1.0]], "emission: the words of class 0 sum to 0.9 in its state 0"),
        ("emission", [[-0.3], [1.3], [1.0]], "emission: word 0, entry 0 is -0.3"),
        ("classes", [0, 0, 2], "classes: class 1 has no words; expected each of 0 … 2"),
        ("classes", [0, 0, -1], "classes: word 2 has class -1"),
    ],
)
def test_wrong_tables_are_named(name, value, message):
    with pytest.raises(ValueError, match=message):
        BlockedHMM(**(TABLES | {name: value}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_states": 7}, "n_states: expected a multiple of the 3 classes"),
        ({"classes": [0, 1]}, r"sentences\.tokens: sequence 0, position \d holds"),
        ({"transition_pseudo_counts": -1.0}, "transition_pseudo_counts: expected a finite number >= 0"),
        ({"emission_pseudo_counts": np.nan}, "emission_pseudo_counts: expected a finite number"),
        ({"max_iterations": 0}, "max_iterations: expected at least 1"),
        ({"dtype": torch.float16}, "dtype: expected torch.float64 or torch.float32"),
    ],
)
def test_wrong_fits_are_named(changes, message):
    asked = {"sentences": small_sentences(), "n_states": 6, "classes": CLASSES, "generator": 0} | changes
    with pytest.raises(ValueError, match=message):
        fit_blocked_hmm(**asked)


def test_an_empty_sentence_and_a_strange_word_are_named():
    model = small_model()
    with pytest.raises(ValueError, match=r"sentences\.lengths: sequence 1 has length 0; expected 1 … 2"):
        model.log_probs(Sentences(torch.zeros(2, 2, dtype=torch.int64), torch.tensor([2, 0])))
    with pytest.raises(
        ValueError, match=r"sentences\.tokens: sequence 0, position 1 holds 7; expected 0 … 6"
    ):
        model.log_probs(Sentences(torch.tensor([[0, 7]]), torch.tensor([2])))
    assert model.log_probs(Sentences(torch.tensor([[0, 7]]), torch.tensor([1]))).shape == (1,)
