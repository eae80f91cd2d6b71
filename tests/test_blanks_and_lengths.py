"""Blanks, texts of unequal length, batches: nothing depends on what is not part of a text."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference import TABLES, enumerate_paths, evidence_of

from hmmlib import (
    HMM,
    ExactMaskedLM,
    blank_posterior,
    blank_probs,
    posteriors,
    posteriors_from_evidence,
    prepend_blank,
    random_hmm,
    random_memory_hmm,
    sample_tokens,
)
from hmmlib.hmm import _batches

MODELS = [
    random_hmm(5, generator=0),
    random_memory_hmm(2, 3, generator=1),
    random_memory_hmm(2, 2, generator=2, n_cells=2),
]
GARBAGE = [-1, 10, 999, -(2**62)]


@pytest.fixture(params=MODELS, ids=repr)
def model(request):
    return request.param


def same(first, second, tolerance=1e-13):
    torch.testing.assert_close(first, second, atol=tolerance, rtol=0, equal_nan=True)


def test_blanks_agree_with_enumeration():
    model = HMM(
        np.array([0.6, 0.3, 0.1]),
        np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.25, 0.25, 0.5]]),
        np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]]),
    )
    text, emission = [0, 2, 1, 1, 0], model.emission.numpy()
    for blank in [{0}, {4}, {2}, {0, 4}, {1, 2}, {0, 1, 2, 3, 4}]:
        seen = [t not in blank for t in range(5)]
        found = posteriors(model, [text], observed=[seen])
        expected = enumerate_paths(
            model.initial.numpy(), model.transition.numpy(), emission, evidence_of(emission, text, seen)
        )
        for kind in TABLES:
            np.testing.assert_allclose(
                getattr(found, kind)[0], getattr(expected, kind), atol=1e-12, err_msg=kind
            )
        assert float(found.log_likelihood) == pytest.approx(expected.log_likelihood, abs=1e-12)


def test_with_every_position_blank_the_posterior_is_the_law_of_the_chain():
    model = MODELS[0]
    found = posteriors(model, [[0, 0, 0]], observed=[[False] * 3])
    distribution = model.initial
    for t in range(3):
        same(found.smoothed[0, t], distribution)
        same(found.filtered[0, t], distribution)
        distribution = distribution @ model.transition
    same(found.log_likelihood, torch.zeros(1, dtype=torch.float64))


def test_of_the_empty_text_the_posterior_is_the_prior():
    model, empty = MODELS[0], torch.zeros(2, 0, dtype=torch.long)
    for tokens in (empty, [[], []]):
        padded, seen = prepend_blank(tokens)
        assert padded.tolist() == [[0], [0]]
        assert seen.tolist() == [[False], [False]]
        same(blank_posterior(model, tokens), model.initial.expand(2, -1))
        same(blank_probs(ExactMaskedLM(model), tokens), (model.initial @ model.emission).expand(2, -1))
    with pytest.raises(ValueError, match=r"tokens: expected at least one sequence, got shape \(0, 3\)"):
        blank_posterior(model, torch.zeros(0, 3, dtype=torch.long))


@pytest.mark.parametrize("garbage", GARBAGE)
def test_what_stands_under_a_blank_is_never_read(model, garbage):
    tokens = sample_tokens(model, 4, 9, generator=0)
    seen = torch.ones_like(tokens, dtype=torch.bool)
    seen[0, 0] = seen[1, 8] = seen[2, 3:6] = seen[3] = False
    clean, dirty = (
        posteriors(model, torch.where(seen, tokens, filler), observed=seen) for filler in (0, garbage)
    )
    for kind in TABLES:
        assert torch.equal(clean.kept[kind], dirty.kept[kind])
    assert torch.equal(clean.log_likelihood, dirty.log_likelihood)


@pytest.mark.parametrize("garbage", GARBAGE)
def test_what_stands_beyond_the_length_is_never_read(model, garbage):
    tokens = sample_tokens(model, 3, 9, generator=0)
    lengths = [4, 9, 1]
    inside = torch.arange(9) < torch.tensor(lengths)[:, None]
    clean, dirty = (
        posteriors(model, torch.where(inside, tokens, filler), lengths=lengths) for filler in (0, garbage)
    )
    for kind in TABLES:
        same(clean.kept[kind], dirty.kept[kind], 0)
    assert torch.equal(clean.log_likelihood, dirty.log_likelihood)


def test_a_text_of_its_own_length_is_as_if_it_were_alone(model):
    tokens = sample_tokens(model, 4, 12, generator=3)
    lengths = [12, 1, 7, 5]
    found = posteriors(model, tokens, lengths=np.array(lengths))
    for row, length in enumerate(lengths):
        alone = posteriors(model, tokens[row : row + 1, :length])
        for kind in TABLES:
            same(found.kept[kind][row, :length], alone.kept[kind][0], 1e-12)
            assert bool(found.kept[kind][row, length:].isnan().all())
        same(found.log_likelihood[row], alone.log_likelihood[0], 1e-11)


def test_a_text_of_soft_evidence_is_as_if_it_were_alone(model):
    size = len(model.chain.emission)
    evidence = torch.rand(3, 8, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    lengths = [3, 8, 1]
    for row, length in enumerate(lengths):
        evidence[row, length:] = 0  # padding as usual; impossible if it were read
    found = posteriors_from_evidence(model, evidence, lengths=lengths)
    for row, length in enumerate(lengths):
        alone = posteriors_from_evidence(model, evidence[row : row + 1, :length])
        for kind in TABLES:
            same(found.kept[kind][row, :length], alone.kept[kind][0], 1e-12)
            assert bool(found.kept[kind][row, length:].isnan().all())
        same(found.log_likelihood[row], alone.log_likelihood[0], 1e-11)


def test_blanks_and_lengths_go_together(model):
    tokens = sample_tokens(model, 2, 6, generator=3)
    seen = torch.tensor([[True, False, True, True, False, True]]).expand(2, 6)
    found = posteriors(model, tokens, observed=seen, lengths=[4, 6])
    alone = posteriors(model, tokens[:1, :4], observed=seen[:1, :4])
    for kind in TABLES:
        same(found.kept[kind][0, :4], alone.kept[kind][0], 1e-12)


def test_soft_evidence_of_tokens_and_ones_is_tokens_and_blanks(model):
    tokens = sample_tokens(model, 4, 9, generator=4)
    seen = torch.rand(4, 9, generator=torch.Generator().manual_seed(1)) < 0.6
    evidence = torch.where(seen[..., None], model.chain.emission.T[tokens], 1.0)
    hard, soft = posteriors(model, tokens, observed=seen), posteriors_from_evidence(model, evidence)
    for kind in TABLES:
        same(hard.kept[kind], soft.kept[kind], 1e-12)
    same(hard.log_likelihood, soft.log_likelihood, 1e-11)


def test_a_mask_of_ones_and_full_lengths_change_nothing(model):
    tokens = sample_tokens(model, 4, 9, generator=4)
    plain = posteriors(model, tokens)
    for named in ({"observed": np.ones((4, 9), dtype=bool)}, {"lengths": [9] * 4}):
        found = posteriors(model, tokens, **named)
        for kind in TABLES:
            assert torch.equal(found.kept[kind], plain.kept[kind])


def test_the_callers_arrays_are_left_alone(model):
    tokens = sample_tokens(model, 4, 9, generator=4)
    seen, lengths = torch.rand(4, 9) < 0.5, torch.tensor([9, 3, 2, 9])
    evidence = model.chain.emission.T[tokens] * 7
    copies = [part.clone() for part in (tokens, seen, lengths, evidence)]
    posteriors(model, tokens, observed=seen, lengths=lengths)
    posteriors_from_evidence(model, evidence, lengths=lengths)
    blank_posterior(model, tokens)
    for part, copy in zip((tokens, seen, lengths, evidence), copies, strict=True):
        assert torch.equal(part, copy)


# --- batches ---


@pytest.mark.parametrize("numbers", [1, 11, 40, 100])
def test_pieces_of_a_batch_fit_together(model, monkeypatch, numbers):
    tokens = sample_tokens(model, 23, 7, generator=5)
    lengths = [1 + row % 7 for row in range(23)]
    whole = posteriors(model, tokens, lengths=lengths)
    blank = blank_posterior(model, tokens)
    monkeypatch.setattr(_batches, "_CPU_MESSAGE", numbers)
    pieces = posteriors(model, tokens, lengths=lengths)
    for kind in TABLES:
        same(pieces.kept[kind], whole.kept[kind])
    same(pieces.log_likelihood, whole.log_likelihood, 1e-12)
    same(blank_posterior(model, tokens), blank)


def test_a_row_does_not_depend_on_its_neighbours(model):
    tokens = sample_tokens(model, 23, 7, generator=5)
    whole = posteriors(model, tokens)
    for row in (0, 11, 22):
        alone = posteriors(model, tokens[row : row + 1])
        for kind in TABLES:
            same(whole.kept[kind][row], alone.kept[kind][0])


def test_the_blank_posterior_is_the_smoothed_one_of_the_papers_layout(model):
    tokens = sample_tokens(model, 600, 10, generator=6)
    found = blank_posterior(model, tokens)
    padded = torch.cat([torch.zeros(600, 1, dtype=torch.int64), tokens], 1)
    seen = torch.ones_like(padded, dtype=torch.bool)
    seen[:, 0] = False
    same(found, posteriors(model, padded, observed=seen).smoothed[:, 0])


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_is_as_before_afterwards(model, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        tokens = sample_tokens(model, 50, 6, generator=0)
        posteriors(model, tokens)
        assert torch.get_num_threads() == threads
        impossible = HMM(np.array([1.0, 0]), np.eye(2), np.eye(2))
        with pytest.raises(ValueError, match="probability 0"):
            posteriors(impossible, torch.ones(50, 6, dtype=torch.int64))
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_do_not_depend_on_the_number_of_threads(model, threads):
    tokens = sample_tokens(model, 50, 6, generator=0)
    usual = posteriors(model, tokens)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        same(posteriors(model, tokens).conditionals, usual.conditionals)
    finally:
        torch.set_num_threads(before)
