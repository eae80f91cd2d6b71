"""torch's default number type and device, and autocast, change no result: whatever is made names its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hmmlib import (
    HMM,
    ExactMaskedLM,
    MemoryHMM,
    bayes_floor,
    blank_posterior,
    blank_probs,
    draw_dataset,
    draw_task,
    posteriors,
    posteriors_from_evidence,
    prepend_blank,
    random_hmm,
    random_memory_hmm,
    sample,
    text_probs,
)
from hmmlib.hmm import fingerprint, random_recoverable_hmm, random_sparse_hmm, unigram_entropy

LISTS = ([0.25, 0.75], [[0.5, 0.5], [0.1, 0.9]], [[0.2, 0.3, 0.5], [0.6, 0.2, 0.2]])


def models():
    yield HMM(*LISTS)
    yield HMM(*LISTS, dtype=torch.float32)
    yield random_hmm(5, 6, generator=0, emission_temperature=1.0)
    yield random_memory_hmm(3, 2, 6, generator=0, n_cells=2, emission_temperature=1.0)
    yield random_sparse_hmm(4, 6, generator=0, n_followers=3)
    yield random_recoverable_hmm(2, 3, 6, generator=0)
    yield random_hmm(5, 6, generator=0, emission_temperature=1.0).to(dtype=torch.float32)


def everything():
    """Whatever the hmm package and the tasks compute, as bytes."""
    found = []
    for model in models():
        found += [fingerprint(model), *sample(model, 3, 9, generator=0), model.stationary()]
        found += [
            bayes_floor(model, generator=0, n_texts=4, length=6, mask_rate=rate) for rate in (None, 0.5)
        ]
        found += [unigram_entropy(model), repr(model), model._repr_html_()]
        texts = sample(model, 40, 7, generator=1).tokens
        known = posteriors(model, texts, lengths=[3, 7] * 20, observed=(texts.numpy() % 3) > 0)
        found += [known.log_likelihood, *known.kept.values(), known._repr_html_()]
        found += [blank_posterior(model, texts.tolist()), *prepend_blank(texts)]
        lm = ExactMaskedLM(model)
        found += [blank_probs(lm, texts), text_probs(lm, texts)]
        evidence = lm.embed(texts).detach().requires_grad_()
        soft = posteriors_from_evidence(model, evidence)
        with torch.autocast("cpu", enabled=False):  # torch advises against backward passes under autocast
            found += [soft.conditionals, *torch.autograd.grad(soft.log_likelihood.sum(), evidence)]
        if isinstance(model, MemoryHMM):
            found += [model.contents, fingerprint(model.flatten())]
        task = draw_task(model, generator=0, probe_size=60, probe_length=5, max_redraws=50)
        found += [task.weights, task.mu, *draw_dataset(task, generator=0, sizes=(9, 5, 5), length=5).train]
    return [
        (str(x.dtype), x.detach().numpy().tobytes()) if isinstance(x, torch.Tensor) else repr(x)
        for x in found
    ]


@pytest.fixture(scope="module")
def usual():
    return everything()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_default_type_changes_nothing(usual, dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        assert everything() == usual
    finally:
        torch.set_default_dtype(before)


def test_the_default_device_changes_nothing(usual):
    torch.set_default_device("meta")
    try:
        assert everything() == usual
    finally:
        torch.set_default_device(None)


def test_autocast_changes_nothing(usual):
    with torch.autocast("cpu", torch.bfloat16):
        assert everything() == usual


def test_rows_sum_to_one_under_autocast():
    model = random_hmm(8, 10, generator=0, emission_temperature=1.0).to(dtype=torch.float32)
    lm = ExactMaskedLM(model)
    embeddings = lm.embed(sample(model, 4, 12, generator=0).tokens).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        probs = lm.token_probs(embeddings)
    assert probs.dtype == torch.float32
    np.testing.assert_allclose(probs.detach().sum(-1), 1, atol=1e-6)
