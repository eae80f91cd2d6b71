"""A memory-augmented HMM is the HMM over its flat states, computed without building that HMM."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from reference import TABLES, column_posterior, corrupted, enumerate_memory_paths, log_space

from hmmlib import (
    HMM,
    ExactMaskedLM,
    MemoryHMM,
    blank_posterior,
    posteriors,
    posteriors_from_evidence,
    random_memory_hmm,
    sample,
    sample_tokens,
)

SIZES = [(3, 1, 2), (2, 2, 2), (2, 3, 2), (1, 2, 3), (4, 1, 1), (3, 2, 1)]  # values, cells, syntax states


def warm(n_values, n_cells, n_syntax, n_tokens=5, seed=0):
    """A model none of whose probabilities is near 0; memory and first chain state depend on each other."""
    random = np.random.default_rng(seed)
    shape = (n_values,) * n_cells + (n_cells, n_syntax)
    size = n_cells * n_syntax
    return MemoryHMM(
        random.dirichlet(np.ones(np.prod(shape))).reshape(shape),
        random.dirichlet(np.ones(size), size),
        random.dirichlet(np.ones(n_tokens), (n_values, n_cells, n_syntax)),
    )


def cold(n_values, n_cells, n_syntax, seed=0):
    return random_memory_hmm(n_values, n_syntax, n_cells=n_cells, generator=seed)


def close(first, second, tolerance=1e-10):
    torch.testing.assert_close(first, second, atol=tolerance, rtol=0)


@pytest.mark.parametrize(
    ("n_values", "n_cells", "n_syntax", "time"), [(3, 1, 2, 4), (2, 2, 2, 3), (2, 3, 1, 4), (2, 2, 1, 5)]
)
def test_posteriors_are_sums_over_contents_and_paths(n_values, n_cells, n_syntax, time):
    model = warm(n_values, n_cells, n_syntax)
    text = np.random.default_rng(time).integers(5, size=time)
    emission = model.emission.numpy()
    seen = [True] * time
    seen[1] = False
    evidence = np.where(np.array(seen)[:, None, None, None], np.moveaxis(emission, -1, 0)[text], 1.0)
    expected = enumerate_memory_paths(model.initial.numpy(), model.transition.numpy(), emission, evidence)
    found = posteriors(model, text[None], observed=[seen])
    for kind in TABLES:
        np.testing.assert_allclose(getattr(found, kind)[0], getattr(expected, kind), atol=1e-10, err_msg=kind)
    assert float(found.log_likelihood) == pytest.approx(expected.log_likelihood, rel=1e-10)


def test_soft_evidence_is_given_per_value_cell_and_syntax_state():
    model = warm(2, 2, 2)
    evidence = np.random.default_rng(1).random((3, 2, 2, 2)) ** 5
    expected = enumerate_memory_paths(
        model.initial.numpy(), model.transition.numpy(), model.emission.numpy(), evidence
    )
    found = posteriors_from_evidence(model, torch.tensor(evidence).reshape(1, 3, 8))
    for kind in TABLES:
        np.testing.assert_allclose(getattr(found, kind)[0], getattr(expected, kind), atol=1e-10, err_msg=kind)
    assert float(found.log_likelihood) == pytest.approx(expected.log_likelihood, rel=1e-10)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("make", [warm, cold])
def test_flat_equals_structured_on_clean_and_corrupted_text(size, make):
    model = make(*size)
    clean = sample_tokens(model, 2, 80, generator=0).numpy()
    texts = np.concatenate([corrupted(clean, share, model.n_tokens, 1) for share in (0.0, 0.3, 1.0)])
    seen = np.random.default_rng(0).random(texts.shape) < 0.9
    structured, flat = (posteriors(each, texts, observed=seen) for each in (model, model.flatten()))
    for kind in TABLES:
        close(structured.kept[kind], flat.kept[kind])
    close(structured.log_likelihood, flat.log_likelihood)
    close(blank_posterior(model, texts), blank_posterior(model.flatten(), texts))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_flat_equals_structured_for_embeddings(size):
    model = warm(*size)
    values = torch.rand(
        2, 6, len(model.chain.emission), dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    structured = posteriors_from_evidence(model, values)
    flat = posteriors_from_evidence(model.flatten(), values[..., model.chain.columns.reshape(-1)])
    for kind in TABLES:
        close(structured.kept[kind], flat.kept[kind])
    # Rows are rescaled differently, which the likelihood must not show.
    close(structured.log_likelihood, flat.log_likelihood)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_flat_states_are_contents_then_cells_then_syntax_states(size):
    model = warm(*size)
    flat = model.flatten()
    n_values, n_cells, n_syntax = size
    states = list(product(*[range(n_values)] * n_cells, range(n_cells), range(n_syntax)))
    assert flat.n_states == model.n_states == len(states)
    assert model.contents.tolist() == [list(c) for c in product(range(n_values), repeat=n_cells)]
    for i, (*content, j, s) in enumerate(states):
        assert flat.initial[i] == model.initial[(*content, j, s)]
        assert torch.equal(flat.emission[i], model.emission[content[j], j, s])
        for k, (*other, h, r) in enumerate(states):
            expected = model.transition[j * n_syntax + s, h * n_syntax + r] if other == content else 0
            assert flat.transition[i, k] == expected


def test_the_flat_model_is_a_copy_on_the_same_terms():
    flat = warm(2, 2, 2).to(dtype=torch.float32).flatten()
    assert isinstance(flat, HMM)
    assert flat.dtype == torch.float32


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_posterior_of_a_cell_sums_over_everything_else(size):
    model = warm(*size)
    state_probs = posteriors(model, sample_tokens(model, 2, 5, generator=0)).smoothed
    flat = [
        c[: model.n_cells]
        for c in product(
            *[range(model.n_values)] * model.n_cells, range(model.n_cells), range(model.n_syntax)
        )
    ]
    for cell in range(model.n_cells):
        found = model.memory_posterior(state_probs, cell)
        assert found.shape == (2, 5, model.n_values)
        for value in range(model.n_values):
            at = [i for i, content in enumerate(flat) if content[cell] == value]
            close(found[..., value], state_probs[..., at].sum(-1), 1e-14)
    close(model.memory_posterior(state_probs[0, 0], 0), model.memory_posterior(state_probs, 0)[0, 0], 0)


def test_the_memory_posterior_is_the_same_at_every_position():
    model = warm(2, 2, 2)
    cells = model.memory_posterior(posteriors(model, [[0, 3, 1, 4]]).smoothed, 1)
    close(cells, cells[:, :1].expand_as(cells), 1e-12)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_emission_columns_weighted_by_the_posterior_are_the_conditional(size):
    model = warm(*size)
    found = posteriors(model, sample_tokens(model, 2, 7, generator=0))
    columns = torch.from_numpy(column_posterior(found.leave_one_out.numpy(), model.chain.columns.numpy()))
    assert columns.shape == (2, 7, model.n_values * model.n_cells * model.n_syntax)
    close(columns @ model.emission.flatten(0, 2), found.conditionals, 1e-13)


def test_the_memory_posterior_by_hand():
    model = warm(2, 2, 1)
    # Flat states (m_1, m_2, j): 000, 001, 010, 011, 100, 101, 110, 111; columns (m_j, j): 00, 01, 10, 11.
    probs = torch.tensor([1.0, 2, 4, 8, 16, 32, 64, 128], dtype=torch.float64)
    assert column_posterior(probs.numpy(), model.chain.columns.numpy()).tolist() == [5, 34, 80, 136]
    assert model.memory_posterior(probs, 0).tolist() == [15, 240]
    assert model.memory_posterior(probs, 1).tolist() == [1 + 2 + 16 + 32, 4 + 8 + 64 + 128]


def test_embeddings_of_the_structured_model_predict_as_the_flat_one():
    model = cold(2, 2, 2, seed=3)
    tokens = sample_tokens(model, 3, 20, generator=1)
    tokens[:, ::4] = model.n_tokens
    predicted = [
        lm.token_probs(lm.embed(tokens)) for lm in (ExactMaskedLM(model), ExactMaskedLM(model.flatten()))
    ]
    close(*predicted)


# --- sampling ---


def test_the_memory_never_changes_and_the_chain_follows_its_law():
    model = warm(2, 2, 2, n_tokens=4)
    found = sample(model, 40_000, 3, generator=0)
    assert found.content.shape == (40_000,)
    flat = found.content * 4 + found.states[:, 0]
    first = torch.bincount(flat, minlength=16) / 40_000
    assert float((first - model.initial.reshape(-1)).abs().max()) < 0.012
    steps = torch.bincount(found.states[:, 0] * 4 + found.states[:, 1], minlength=16).view(4, 4).double()
    assert float((steps / steps.sum(-1, keepdim=True) - model.transition).abs().max()) < 0.03
    value_read = model.contents[found.content].gather(1, found.states[:, 2:] // 2)[:, 0]
    column = (value_read * 2 + found.states[:, 2] // 2) * 2 + found.states[:, 2] % 2
    words = torch.bincount(column * 4 + found.tokens[:, 2], minlength=32).view(8, 4).double()
    assert float((words / words.sum(-1, keepdim=True) - model.emission.flatten(0, 2)).abs().max()) < 0.05


# --- the flat transition matrix is never built ---


def test_a_memory_of_49152_flat_states_is_sampled_and_inferred():
    # |M| = 4, N = 6, |S| = 2: the flat transition matrix would take 19 GB.
    model = random_memory_hmm(4, 2, n_cells=6, generator=0, n_permutations=12)
    assert model.n_states == 4**6 * 12
    tokens = sample_tokens(model, 2, 4, generator=0)
    found = posteriors(model, tokens, keep=("smoothed", "conditionals"))
    close(found.smoothed.sum(-1), torch.ones(2, 4, dtype=torch.float64), 1e-12)
    close(found.conditionals.sum(-1), torch.ones(2, 4, dtype=torch.float64), 1e-12)
    assert model.memory_posterior(found.smoothed, 5).shape == (2, 4, 4)
    flat_law = model.initial.reshape(-1)
    emission = model.chain.flat_emission
    first = flat_law * emission[:, tokens[0, 0]]
    expected = log_space(
        first.reshape(-1, 12).sum(0).numpy() / float(first.sum()),
        np.eye(12),
        np.ones((12, 1)),
        np.ones((1, 12)),
    ).filtered[0]
    alone = posteriors(model, tokens[:1, :1], keep=("filtered",)).filtered[0, 0]
    np.testing.assert_allclose(alone.view(-1, 12).sum(0), expected, atol=1e-12)


@pytest.mark.parametrize("act", [
    lambda model: posteriors(model, [[0, 1, 2]]),
    lambda model: blank_posterior(model, [[0, 1, 2]]),
    lambda model: sample(model, 2, 3, generator=0),
    lambda model: ExactMaskedLM(model).token_probs(ExactMaskedLM(model).embed([[0, 1, 10]])),
    lambda model: model.stationary(),
])  # fmt: skip
def test_the_model_is_not_flattened_on_the_way(monkeypatch, act):
    def refuse(*_, **__):
        raise AssertionError("the flat model was built")

    monkeypatch.setattr(MemoryHMM, "flatten", refuse)
    monkeypatch.setattr(torch, "block_diag", refuse)
    act(cold(2, 2, 2))


# --- the rest of the class ---


def test_the_stationary_law_is_that_of_the_chain():
    model = warm(2, 2, 3)
    distribution = model.stationary()
    assert distribution.shape == (2, 3)
    close(distribution.reshape(-1) @ model.transition, distribution.reshape(-1), 1e-14)
    close(
        random_memory_hmm(3, generator=1).stationary(), torch.full((1, 4), 0.25, dtype=torch.float64), 1e-12
    )


def test_the_model_says_what_it_is():
    assert repr(cold(3, 1, 4)) == "MemoryHMM(n_cells=1, n_values=3, n_syntax=4, n_tokens=10; 12 flat states)"
    assert "dtype=torch.float32" in repr(cold(2, 1, 1).to(dtype=torch.float32))


def test_the_callers_arrays_and_the_model_are_independent():
    model = warm(2, 1, 2)
    arrays = [part.numpy().copy() for part in (model.initial, model.transition, model.emission)]
    copies = [array.copy() for array in arrays]
    other = MemoryHMM(*arrays)
    for array in arrays:
        array[...] = 7
    for part, copy in zip((other.initial, other.transition, other.emission), copies, strict=True):
        np.testing.assert_array_equal(part, copy)


def test_float32_and_back_keeps_distributions():
    model = cold(3, 1, 4).to(dtype=torch.float32)
    assert model.dtype == torch.float32
    again = model.to(dtype=torch.float64)
    close(again.emission.sum(-1), torch.ones(3, 1, 4, dtype=torch.float64), 1e-14)
    close(again.emission, cold(3, 1, 4).emission, 1e-6)


def softmax(values):
    weights = np.exp(values - values.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


@pytest.mark.parametrize(("n_values", "n_cells"), [(2, 1), (3, 1), (2, 2)])
def test_a_seed_gives_the_model_of_the_released_code(n_values, n_cells):
    # Drawn again here in the stated order: initial distribution, emission, mixture weights, permutations.
    shape = (n_values,) * n_cells + (n_cells, 4)
    size, chain = int(np.prod(shape)), n_cells * 4
    random = np.random.RandomState(11)
    initial = softmax(random.uniform(size=size) / 10)
    emission = softmax(random.uniform(size=(n_values * chain, 10)) / 0.01)
    weights = softmax(random.uniform(size=size) / 0.01)
    transition = sum(w * np.eye(chain)[random.permutation(chain)] for w in weights)
    model = random_memory_hmm(n_values, n_cells=n_cells, generator=11)
    np.testing.assert_allclose(model.initial, initial.reshape(shape), atol=1e-15)
    np.testing.assert_allclose(model.emission.flatten(0, 2), emission, atol=1e-13)
    np.testing.assert_allclose(model.transition, transition, atol=1e-13)


def test_the_random_model_follows_its_arguments():
    model = random_memory_hmm(
        3, 2, 7, generator=np.random.RandomState(0), n_cells=2, n_permutations=1, initial_temperature=1e6,
        emission_temperature=1e6,
    )  # fmt: skip
    assert model.initial.shape == (3, 3, 2, 2)
    assert set(model.transition.unique().tolist()) == {0.0, 1.0}
    close(model.emission, torch.full((3, 2, 2, 7), 1 / 7, dtype=torch.float64), 1e-6)
    close(model.initial, torch.full((3, 3, 2, 2), 1 / 36, dtype=torch.float64), 1e-6)
