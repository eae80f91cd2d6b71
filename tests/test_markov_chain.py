"""Chains without a vocabulary, and transitions that change with time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference import TABLES, log_space
from torch.autograd import gradcheck

from hmmlib import HMM, posteriors, posteriors_from_evidence, random_hmm, random_memory_hmm, sample_tokens
from hmmlib.hmm import MarkovChain, _forward_backward, log_likelihood

F64 = torch.float64
STATES = TABLES[:3]
WARM_MEMORY = random_memory_hmm(2, 2, 4, generator=0, transition_temperature=0.5, emission_temperature=0.5)


def probs(*shape, seed=0, sharp=1.0):
    return torch.tensor(np.random.default_rng(seed).dirichlet(np.full(shape[-1], sharp), shape[:-1]))


def some_hmm(n_states=3, n_tokens=4, seed=0):
    return HMM(
        probs(n_states, seed=seed), probs(n_states, n_states, seed=seed + 1), probs(n_states, n_tokens)
    )


def moved_log_space(initial, steps, emission, evidence):
    """The reference's tables where the transition changes: a chain over pairs (position, state)."""
    time, size = evidence.shape
    start, table = np.zeros(time * size), np.zeros((time * size, time * size))
    start[:size] = initial
    for t, step in enumerate(steps):
        table[t * size : (t + 1) * size, (t + 1) * size : (t + 2) * size] = step
    table[-size:, :size] = np.eye(size)
    rows = np.zeros((time, time * size))
    for t in range(time):
        rows[t, t * size : (t + 1) * size] = evidence[t]
    found = log_space(start, table, np.tile(emission, (time, 1)), rows)
    return found, [slice(t * size, (t + 1) * size) for t in range(time)]


# --- a transition for each step ---


@pytest.mark.parametrize(("size", "time"), [(1, 1), (1, 3), (2, 1), (2, 6), (3, 4)])
@pytest.mark.parametrize("from_tokens", [True, False])
def test_tables_are_the_sums_over_all_paths(size, time, from_tokens):
    model, steps = some_hmm(size), probs(time - 1, size, size, seed=5)
    tokens = torch.randint(4, (3, time), generator=torch.Generator().manual_seed(time))
    rows = model.emission.T[tokens]
    if from_tokens:
        found = posteriors(model, tokens, transition=steps)
    else:
        found = posteriors_from_evidence(model, rows, transition=steps)
    for row in range(3):
        expected, blocks = moved_log_space(
            model.initial.numpy(), steps.numpy(), model.emission.numpy(), rows[row].numpy()
        )
        for t, block in enumerate(blocks):
            for kind in ("filtered", "smoothed"):
                np.testing.assert_allclose(
                    getattr(found, kind)[row, t], getattr(expected, kind)[t, block], atol=1e-12
                )
            loo = expected.leave_one_out[t, block]
            np.testing.assert_allclose(found.leave_one_out[row, t], loo / loo.sum(), atol=1e-12)
            np.testing.assert_allclose(
                found.conditionals[row, t], loo / loo.sum() @ model.emission.numpy(), atol=1e-12
            )
        assert float(found.log_likelihood[row]) == pytest.approx(expected.log_likelihood, abs=1e-12)


def test_the_first_step_is_taken_by_the_first_matrix():
    # Three states in a row; the steps are +1, stay, −1.
    forth = torch.eye(3, dtype=F64).roll(1, 1)
    steps = torch.stack([forth, torch.eye(3, dtype=F64), forth.T])
    found = posteriors(HMM([0.0, 1, 0], np.eye(3), np.ones((3, 1))), [[0, 0, 0, 0]], transition=steps)
    assert found.smoothed[0].argmax(-1).tolist() == [1, 2, 2, 1]


@pytest.mark.parametrize("model", [random_hmm(5, generator=0), WARM_MEMORY], ids=repr)
@pytest.mark.parametrize("graph", [False, True])
def test_the_same_matrix_at_every_step_is_the_constant_one(model, graph):
    tokens = sample_tokens(model, 6, 15, generator=1)
    lengths = [15, 15, 1, 2, 9, 14]
    same = model.transition.expand(14, -1, -1)
    rows = model.chain.emission.T[tokens].requires_grad_(graph)
    for plain, moved in (
        (
            posteriors(model, tokens, lengths=lengths),
            posteriors(model, tokens, lengths=lengths, transition=same),
        ),
        (
            posteriors_from_evidence(model, rows, lengths=lengths),
            posteriors_from_evidence(model, rows, lengths=lengths, transition=same),
        ),
    ):
        for kind in TABLES:
            torch.testing.assert_close(
                getattr(moved, kind), getattr(plain, kind), atol=1e-13, rtol=1e-12, equal_nan=True
            )
        torch.testing.assert_close(moved.log_likelihood, plain.log_likelihood, atol=1e-12, rtol=1e-12)


def test_another_constant_matrix_takes_the_place_of_the_models():
    model, table = some_hmm(), probs(3, 3, seed=9)
    other = HMM(model.initial, table, model.emission)
    tokens = sample_tokens(model, 5, 8, generator=0)
    found, expected = posteriors(model, tokens, transition=table), posteriors(other, tokens)
    for kind in TABLES:
        assert torch.equal(getattr(found, kind), getattr(expected, kind))


def test_a_memory_hmm_moves_as_its_flat_model():
    model = WARM_MEMORY
    steps = probs(6, *model.transition.shape, seed=2)
    flat = torch.stack([torch.block_diag(*[step] * len(model.contents)) for step in steps])
    tokens = sample_tokens(model, 4, 7, generator=0)
    found = posteriors(model, tokens, transition=steps, lengths=[7, 1, 4, 7])
    expected = posteriors(model.flatten(), tokens, transition=flat, lengths=[7, 1, 4, 7])
    for kind in TABLES:
        torch.testing.assert_close(
            getattr(found, kind), getattr(expected, kind), atol=1e-12, rtol=0, equal_nan=True
        )


def test_lengths_cut_the_steps_too():
    model, steps = some_hmm(), probs(5, 3, 3, seed=4)
    tokens = sample_tokens(model, 2, 6, generator=0)
    found = posteriors(model, tokens, transition=steps, lengths=[3, 6])
    short = posteriors(model, tokens[:1, :3], transition=steps[:2])
    torch.testing.assert_close(found.smoothed[0, :3], short.smoothed[0], atol=1e-14, rtol=0)
    torch.testing.assert_close(found.log_likelihood[:1], short.log_likelihood, atol=1e-13, rtol=0)
    assert bool(found.smoothed[0, 3:].isnan().all())


@pytest.mark.parametrize("kind", [*TABLES, "log_likelihood"])
def test_derivatives_agree_with_finite_differences(kind):
    model, steps = some_hmm(), probs(3, 3, 3, seed=4)
    rows = (0.1 + torch.rand(2, 4, 3, dtype=F64, generator=torch.Generator().manual_seed(0))).requires_grad_()
    assert gradcheck(
        lambda given: getattr(posteriors_from_evidence(model, given, transition=steps), kind), rows
    )


def test_what_underflows_is_found_in_log_space_too(monkeypatch):
    calls = []
    honest = _forward_backward._in_log_space
    monkeypatch.setattr(_forward_backward, "_in_log_space", lambda *rest: calls.append(1) or honest(*rest))
    chain = MarkovChain(probs(3), probs(19, 3, 3, seed=1, sharp=0.01))
    rows = torch.tensor(10.0 ** np.random.default_rng(0).uniform(-250, 0, (2, 20, 3)))
    found = posteriors_from_evidence(chain, rows)
    assert calls
    for row in range(2):
        expected, blocks = moved_log_space(
            chain.initial.numpy(), chain.transition.numpy(), np.ones((3, 1)), rows[row].numpy()
        )
        for t, block in enumerate(blocks):
            np.testing.assert_allclose(found.smoothed[row, t], expected.smoothed[t, block], atol=1e-11)
        assert float(found.log_likelihood[row]) == pytest.approx(expected.log_likelihood, rel=1e-12)


def test_a_long_chain_may_change_with_time_too():
    steps = probs(2_500, 2, 2, seed=3)
    rows = torch.tensor(np.random.default_rng(0).uniform(0.1, 1, (1, 2_501, 2)))
    found = posteriors_from_evidence(MarkovChain([0.5, 0.5], steps), rows, keep=("smoothed",))
    value = log_likelihood(torch.tensor([0.5, 0.5], dtype=F64), steps, rows)
    ahead, log_total = np.array([0.5, 0.5]), 0.0
    for t in range(2_501):
        ahead = ahead * rows[0, t].numpy()
        log_total += np.log(ahead.sum())
        ahead /= ahead.sum()
        if t < 2_500:
            ahead = ahead @ steps[t].numpy()
    np.testing.assert_allclose(found.smoothed[0, -1], ahead, atol=1e-12)
    assert float(found.log_likelihood) == pytest.approx(log_total, rel=1e-13)
    assert float(value) == pytest.approx(log_total, rel=1e-13)


def test_zeros_that_change_with_time_are_no_underflow(monkeypatch):
    # Which states can be reached differs from step to step; only what should be positive may alarm.
    monkeypatch.setattr(_forward_backward, "_in_log_space", lambda *_: pytest.fail("log space was used"))
    random = np.random.default_rng(0)
    steps = random.random((9, 3, 3)) * (random.random((9, 3, 3)) < 0.5) + 1e-3 * np.eye(3)
    steps = torch.tensor(steps / steps.sum(-1, keepdims=True))
    rows = torch.tensor(random.random((4, 10, 3)) * (random.random((4, 10, 3)) < 0.8) + 1e-9)
    found = posteriors_from_evidence(MarkovChain([1.0, 0, 0], steps), rows)
    for row in range(4):
        expected, blocks = moved_log_space(
            np.array([1.0, 0, 0]), steps.numpy(), np.ones((3, 1)), rows[row].numpy()
        )
        for t, block in enumerate(blocks):
            np.testing.assert_allclose(found.smoothed[row, t], expected.smoothed[t, block], atol=1e-11)


@pytest.mark.parametrize(
    ("transition", "error", "message"),
    [
        (probs(2, 3, 3), ValueError, "transition: expected 3 matrices, .* between 4 positions, got 2"),
        (probs(3, 2, 2), ValueError, r"transition: expected shape \(3, 3\) for 3 states, .* got \(3, 2, 2\)"),
        (probs(3), ValueError, r"transition: expected shape \(3, 3\)"),
        (
            torch.stack([torch.eye(3), torch.eye(3), torch.tensor([[1.0, 0, 0], [0, 0.5, 0], [0, 0, 1]])]),
            ValueError,
            "transition: step 2, row 1: sums to 0.5",
        ),
        (
            torch.stack([torch.eye(3), torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [0, 2.0, -1]]), torch.eye(3)]),
            ValueError,
            "transition: step 1, row 2: entry 2 is -1",
        ),
        (torch.tensor([[1.0, 0, 0], [0, 1, 1], [0, 0, 1]]), ValueError, "transition: row 1: sums to 2"),
        ("A", TypeError, "transition: expected real numbers|transition: expected an array of numbers"),
    ],
)
def test_a_bad_transition_is_named(transition, error, message):
    model = some_hmm()
    with pytest.raises(error, match=message):
        posteriors(model, [[0, 1, 2, 3]], transition=transition)
    with pytest.raises(error, match=message):
        posteriors_from_evidence(model, torch.ones(1, 4, 3, dtype=F64), transition=transition)


# --- no vocabulary ---


def test_a_chain_has_the_tables_of_an_hmm_but_for_the_conditionals():
    model = some_hmm()
    chain = MarkovChain(model.initial, model.transition)
    rows = torch.rand(3, 6, 3, dtype=F64, generator=torch.Generator().manual_seed(0))
    found, expected = posteriors_from_evidence(chain, rows), posteriors_from_evidence(model, rows)
    assert tuple(found.kept) == STATES
    for kind in STATES:
        assert torch.equal(getattr(found, kind), getattr(expected, kind))
    assert torch.equal(found.log_likelihood, expected.log_likelihood)


def test_conditionals_of_a_chain_are_refused():
    chain = MarkovChain(probs(3), probs(3, 3))
    with pytest.raises(ValueError, match=r"keep: 'conditionals' are .* a MarkovChain has no vocabulary"):
        posteriors_from_evidence(chain, torch.ones(1, 2, 3, dtype=F64), keep=("conditionals",))


def test_log_evidence_of_an_hmm_is_its_evidence():
    model = random_memory_hmm(2, 3, generator=0)
    tokens = sample_tokens(model, 4, 12, generator=0)
    rows = model.chain.emission.T[tokens]
    plain = posteriors_from_evidence(model, rows, lengths=[12, 3, 1, 12])
    found = posteriors_from_evidence(model, rows.log() - 800.0, in_logs=True, lengths=[12, 3, 1, 12])
    for kind in TABLES:
        torch.testing.assert_close(
            getattr(found, kind), getattr(plain, kind), atol=1e-12, rtol=0, equal_nan=True
        )
    shift = torch.tensor([12.0, 3, 1, 12], dtype=F64) * 800
    torch.testing.assert_close(found.log_likelihood, plain.log_likelihood - shift, atol=0, rtol=1e-13)


def test_log_evidence_has_derivatives():
    chain = MarkovChain(probs(3), probs(3, 3, seed=1))
    logs = (900 + torch.rand(2, 4, 3, dtype=F64, generator=torch.Generator().manual_seed(0))).requires_grad_()
    for kind in (*STATES, "log_likelihood"):
        assert gradcheck(
            lambda given, kind=kind: getattr(posteriors_from_evidence(chain, given, in_logs=True), kind), logs
        )


def test_log_evidence_too_far_apart_for_gradients_is_refused_with_the_sequence_named():
    chain = MarkovChain([0.5, 0.5], np.eye(2))
    logs = torch.zeros(2, 3, 2, dtype=F64)
    logs[1, 0, 0] = -2000.0
    found = posteriors_from_evidence(chain, logs, in_logs=True)
    assert float(found.log_likelihood[1]) == pytest.approx(np.log(0.5))
    with pytest.raises(ValueError, match="evidence: sequence 1 spans more orders of magnitude"):
        posteriors_from_evidence(chain, logs.requires_grad_(), in_logs=True)


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_gaussian_emissions_agree_with_hmmlearn(covariance):
    hmmlearn = pytest.importorskip("hmmlearn.hmm", reason="the model to compare with is hmmlearn's")
    random = np.random.default_rng(0)
    theirs = hmmlearn.GaussianHMM(4, covariance, implementation="log")
    theirs.startprob_, theirs.transmat_ = probs(4).numpy(), probs(4, 4, seed=1).numpy()
    theirs.n_features, theirs.means_ = 6, 3 * random.standard_normal((4, 6))
    roots = random.standard_normal((4, 6, 6))
    theirs.covars_ = (
        np.einsum("hij,hkj->hik", roots, roots) + 0.1 * np.eye(6)
        if covariance == "full"
        else roots[:, 0] ** 2 + 0.01
    )
    frames = 6 * random.standard_normal((5, 40, 6))
    full = torch.tensor(np.array(theirs.covars_))  # hmmlearn shows diagonal ones as matrices
    normal = torch.distributions.MultivariateNormal(torch.tensor(theirs.means_), full, validate_args=False)
    logs = normal.log_prob(torch.tensor(frames)[:, :, None])  # (batch, time, states)
    assert float(logs.min()) < -800  # their exponentials underflow
    chain = MarkovChain(theirs.startprob_, theirs.transmat_)
    found = posteriors_from_evidence(chain, logs, in_logs=True)
    value = log_likelihood(chain.initial, chain.transition, logs, in_logs=True)
    for row in range(5):
        score, table = theirs.score_samples(frames[row])
        assert float(found.log_likelihood[row]) == pytest.approx(score, rel=1e-12, abs=1e-9)
        assert float(value[row]) == pytest.approx(score, rel=1e-12, abs=1e-9)
        np.testing.assert_allclose(found.smoothed[row], table, atol=1e-9)


def test_a_chain_shows_its_sizes():
    assert repr(MarkovChain(probs(3), probs(3, 3))) == "MarkovChain(n_states=3)"
    single = MarkovChain(probs(3).float(), probs(5, 3, 3).float(), dtype=torch.float32)
    assert repr(single) == "MarkovChain(n_states=3, n_steps=5, dtype=torch.float32)"
    assert (single.n_states, single.dtype, single.device.type) == (3, torch.float32, "cpu")


@pytest.mark.parametrize(
    ("initial", "transition", "message"),
    [
        ([[1.0]], [[1.0]], r"initial: expected shape \(n_states,\), got \(1, 1\)"),
        ([0.5, 0.4], np.eye(2), "initial: sums to 0.9"),
        ([0.5, 0.5], np.eye(3), r"transition: expected shape \(2, 2\) for 2 states"),
        ([0.5, 0.5], [np.eye(2), 2 * np.eye(2)], "transition: step 1, row 0: sums to 2"),
    ],
)
def test_a_bad_chain_is_named(initial, transition, message):
    with pytest.raises(ValueError, match=message):
        MarkovChain(initial, transition)


def test_a_chain_made_in_inference_mode_serves_with_gradients_later():
    with torch.inference_mode():
        chain = MarkovChain(probs(3), probs(3, 3))
        posteriors_from_evidence(chain, torch.ones(1, 2, 3, dtype=F64))
    rows = torch.ones(1, 2, 3, dtype=F64, requires_grad=True)
    posteriors_from_evidence(chain, rows).log_likelihood.sum().backward()
    assert bool(torch.isfinite(rows.grad).all())
