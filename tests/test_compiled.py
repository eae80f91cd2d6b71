"""The compiled loops give what numpy and torch give, and what enumeration gives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from hmmlib import (
    HMM,
    MemoryHMM,
    blank_posterior,
    posteriors,
    posteriors_from_evidence,
    random_hmm,
    random_memory_hmm,
    sample_tokens,
)
from hmmlib.hmm import _batches, _fused
from hmmlib.hmm.inference import KINDS

pytest.importorskip("numba", reason="the extra fast has it")


@pytest.fixture
def compiled(monkeypatch):
    """Use the loops however small the problem is; returns how many pieces they worked on."""
    pieces, real = [], _batches.fused

    def counted(task, lookup, tables):
        pieces.append(task)
        return real(task, lookup, tables)

    monkeypatch.setattr(_fused, "_LEAST_NUMBERS", 0)
    monkeypatch.setattr(_batches, "fused", counted)
    return pieces


def by_numpy(call):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_batches, "applies", lambda *_: False)
        return call()


def same(call, pieces, tolerance=1e-12):
    """Compare a call with and without the loops."""
    found, used = call(), len(pieces)
    assert used
    expected = by_numpy(call)
    assert len(pieces) == used
    torch.testing.assert_close(found.log_likelihood, expected.log_likelihood, rtol=1e-12, atol=1e-12)
    assert found.kept.keys() == expected.kept.keys()
    for kind, table in expected.kept.items():
        assert found.kept[kind].shape == table.shape
        torch.testing.assert_close(
            found.kept[kind], table, rtol=0, atol=tolerance, equal_nan=True, msg=lambda m, k=kind: f"{k}: {m}"
        )
    return found


def warm(n_states, seed, n_tokens=7):
    """An HMM none of whose probabilities is small."""
    draw = np.random.default_rng(seed).dirichlet
    rows = [draw(np.full(size, 2.0), height) for size, height in ((n_states, n_states), (n_tokens, n_states))]
    return HMM(draw(np.full(n_states, 2.0)), *rows)


@pytest.mark.parametrize("n_states", [1, 2, 3, 4, 5, 7, 8, 9, 16, 23, 31, 32, 70, 128])
@pytest.mark.parametrize("batch", [1, 2, 5, 21])
def test_all_sizes(compiled, n_states, batch):
    hmm = warm(n_states, n_states)
    tokens = sample_tokens(hmm, batch, 1 + n_states % 17, generator=batch)
    same(lambda: posteriors(hmm, tokens), compiled)


@pytest.mark.parametrize("keep", [*itertools.combinations(KINDS, 1), *itertools.combinations(KINDS, 2), ()])
@pytest.mark.parametrize("model", [warm(5, 0), random_memory_hmm(3, 2, n_cells=2, n_tokens=7, generator=0)])
def test_every_choice_of_tables(compiled, model, keep):
    tokens = sample_tokens(model, 9, 20, generator=0)
    assert tuple(same(lambda: posteriors(model, tokens, keep=keep), compiled).kept) == keep


def test_blanks_lengths_and_single_tokens(compiled):
    hmm, generator = warm(6, 1), torch.Generator().manual_seed(0)
    tokens = sample_tokens(hmm, 30, 25, generator=generator)
    observed = torch.rand(tokens.shape, generator=generator) < 0.6
    lengths = torch.randint(1, 26, (30,), generator=generator)
    found = same(lambda: posteriors(hmm, tokens, observed=observed, lengths=lengths), compiled)
    assert found.smoothed[0, int(lengths[0]) :].isnan().all()
    same(lambda: posteriors(hmm, tokens[:, :1], observed=observed[:, :1]), compiled)
    torch.testing.assert_close(
        blank_posterior(hmm, tokens), by_numpy(lambda: blank_posterior(hmm, tokens)), rtol=0, atol=1e-12
    )


def test_enumeration(compiled):
    hmm = warm(3, 2)
    tokens = sample_tokens(hmm, 2, 5, generator=1)
    found = posteriors(hmm, tokens)
    assert compiled
    initial, transition, emission = (part.numpy() for part in (hmm.initial, hmm.transition, hmm.emission))
    for row, text in enumerate(tokens.tolist()):
        joint = np.zeros((5, 3))
        for path in itertools.product(range(3), repeat=5):
            weight = initial[path[0]] * np.prod([transition[i, j] for i, j in itertools.pairwise(path)])
            weight *= np.prod([emission[h, z] for h, z in zip(path, text, strict=True)])
            joint[range(5), path] += weight
        assert float(found.log_likelihood[row]) == pytest.approx(np.log(joint[0].sum()), abs=1e-12)
        np.testing.assert_allclose(found.smoothed[row], joint / joint.sum(1, keepdims=True), atol=1e-12)


@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
def test_what_may_underflow_is_computed_in_log_space(compiled, temperature):
    hmm = random_hmm(8, generator=3, transition_temperature=temperature, emission_temperature=temperature)
    tokens = torch.randint(hmm.n_tokens, (40, 60), generator=torch.Generator().manual_seed(0))
    same(lambda: posteriors(hmm, tokens), compiled)


def test_a_transition_that_nearly_never_happens(compiled):
    # The third state is due after the first token, but its message underflows to zero.
    tiny = 1e-200
    hmm = HMM(
        [1.0, 0.0, 0.0],
        [[1 - tiny, tiny, 0], [0, 1 - tiny, tiny], [0, 0, 1]],
        [[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]],
    )
    tokens = [[0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 1, 1]]
    found = same(lambda: posteriors(hmm, tokens), compiled)
    assert float(found.log_likelihood[2]) == pytest.approx(2 * np.log(tiny) + 2 * np.log(0.5), rel=1e-12)


def test_zeros_of_the_model_are_no_underflow(compiled, monkeypatch):
    upper = np.triu(np.ones((5, 5)))
    hmm = HMM(np.eye(5)[0], upper / upper.sum(1, keepdims=True), warm(5, 1).emission)
    tokens = sample_tokens(hmm, 12, 30, generator=0)
    again = []
    monkeypatch.setattr(_fused, "forward_backward", lambda *_: again.append(1))
    posteriors(hmm, tokens)
    assert compiled
    assert not again
    monkeypatch.undo()
    monkeypatch.setattr(_fused, "_LEAST_NUMBERS", 0)
    torch.testing.assert_close(
        posteriors(hmm, tokens).smoothed,
        by_numpy(lambda: posteriors(hmm, tokens)).smoothed,
        rtol=0,
        atol=1e-12,
    )


@pytest.mark.parametrize("temperature", [0.01, 0.3, 1.0])
@pytest.mark.parametrize(("values", "syntax", "cells"), [(2, 3, 1), (3, 2, 2), (6, 2, 3)])
def test_memories(compiled, temperature, values, syntax, cells):
    model = random_memory_hmm(
        values,
        syntax,
        n_cells=cells,
        n_tokens=9,
        generator=1,
        transition_temperature=temperature,
        emission_temperature=temperature,
    )
    tokens = sample_tokens(model, 15, 150, generator=0)
    same(lambda: posteriors(model, tokens), compiled)
    together = [len(task.start) == 1 for task in compiled]
    assert any(together) == (model.chain.n_states <= 128)
    observed = torch.rand(tokens.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    same(lambda: posteriors(model, tokens, observed=observed, lengths=range(1, 16)), compiled)


def test_a_content_that_never_occurs(compiled):
    model = random_memory_hmm(2, 2, n_cells=1, n_tokens=4, generator=2, emission_temperature=1.0)
    initial = model.initial.clone()
    initial[0] = 0
    tokens = sample_tokens(model, 6, 10, generator=0)
    rest = MemoryHMM(initial / initial.sum(), model.transition, model.emission)
    same(lambda: posteriors(rest, tokens), compiled)


@pytest.mark.parametrize("scale", [1.0, 30.0, 1e120])
def test_evidence(compiled, scale):
    hmm, generator = warm(6, 4), torch.Generator().manual_seed(0)
    evidence = scale * torch.rand(11, 14, 6, generator=generator, dtype=torch.float64)
    evidence[:, :, 1:][torch.rand(11, 14, 5, generator=generator) < 0.4] = 0.0
    same(lambda: posteriors_from_evidence(hmm, evidence), compiled)
    memory = random_memory_hmm(2, 3, n_cells=2, n_tokens=5, generator=0)
    soft = torch.rand(5, 9, memory.chain.dynamics.n_columns, generator=generator, dtype=torch.float64)
    same(lambda: posteriors_from_evidence(memory, soft), compiled)


def test_what_the_model_cannot_produce_is_named(compiled):
    clock = HMM([1, 0], [[0, 1], [1, 0]], [[1, 0], [0, 1]])
    with pytest.raises(ValueError, match="sequence 1, position 2: token 1 has probability 0"):
        posteriors(clock, [[0, 1, 0, 1], [0, 1, 1, 0]])
    assert compiled


def test_gradients_logarithms_steps_and_float32_go_by_numpy(compiled):
    hmm = warm(4, 5)
    evidence = torch.rand(3, 6, 4, dtype=torch.float64)
    posteriors_from_evidence(hmm, evidence.log(), in_logs=True)
    posteriors_from_evidence(hmm, evidence.requires_grad_()).log_likelihood.sum().backward()
    tokens = sample_tokens(hmm, 3, 6, generator=0)
    posteriors(hmm, tokens, transition=hmm.transition.expand(5, -1, -1))
    posteriors(hmm.to(dtype=torch.float32), tokens)
    assert not compiled
    assert evidence.grad.isfinite().all()


def test_threads_give_the_same(compiled):
    hmm = warm(9, 6)
    tokens = sample_tokens(hmm, 4000, 12, generator=0)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(posteriors(hmm, tokens, keep=("smoothed", "conditionals")))
    finally:
        torch.set_num_threads(before)
    assert len(compiled) > 2
    for kind in ("smoothed", "conditionals"):
        assert torch.equal(found[0].kept[kind], found[1].kept[kind])


def test_small_problems_and_no_numba_go_by_numpy(monkeypatch):
    hmm = warm(9, 6)
    start = hmm.initial[None]
    task = _fused.Task(start, hmm.transition, None, frozenset({"smoothed"}), (0, 100))
    assert _fused.applies(task, 100, 100)
    assert not _fused.applies(task, 1, 100)
    monkeypatch.setattr(_fused, "has_numba", lambda: False)
    assert not _fused.applies(task, 100, 100)
