"""The log-likelihood and its gradients, against enumeration, differences and Fisher's identity."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch
from reference import log_space
from torch.autograd import gradcheck

from hmmlib import HMM, posteriors, posteriors_from_evidence, random_hmm, sample_tokens
from hmmlib.hmm import MarkovChain, expected_counts, log_likelihood

F64 = torch.float64


def weights(*shape, seed=0, low=0.1):
    generator = torch.Generator().manual_seed(seed)
    return low + torch.rand(*shape, dtype=F64, generator=generator)


def probs(*shape, seed=0):
    found = weights(*shape, seed=seed)
    return found / found.sum(-1, keepdim=True)


def every_path(initial, transition, evidence):
    """Σ over all paths, of one sequence, with torch's own derivatives."""
    time, size = evidence.shape
    matrices = transition if transition.ndim == 3 else [transition] * (time - 1)
    total = 0
    for path in product(range(size), repeat=time):
        term = initial[path[0]]
        for t, (here, there) in enumerate(pairwise(path)):
            term = term * matrices[t][here, there]
        for t, state in enumerate(path):
            term = term * evidence[t, state]
        total = total + term
    return total.log()


def parameters(size, time, steps, normalised=True, seed=0):
    make = probs if normalised else weights
    transition = make(time - 1, size, size, seed=seed + 1) if steps else make(size, size, seed=seed + 1)
    return make(size, seed=seed).requires_grad_(), transition.requires_grad_()


# --- against enumeration ---


@pytest.mark.parametrize("steps", [False, True], ids=["one matrix", "a matrix for each step"])
@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("in_logs", [False, True])
@pytest.mark.parametrize(("size", "time"), [(1, 1), (1, 4), (3, 1), (2, 6), (3, 5)])
def test_values_and_gradients_are_those_of_the_sum_over_all_paths(size, time, steps, normalised, in_logs):
    initial, transition = parameters(size, time, steps, normalised)
    evidence = (30 * weights(2, time, size, seed=7) ** 6).requires_grad_()
    given = evidence.log() if in_logs else evidence
    found = log_likelihood(initial, transition, given, in_logs=in_logs)
    expected = torch.stack([every_path(initial, transition, rows) for rows in evidence])
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
    mix = torch.tensor([1.0, -0.3], dtype=F64)
    wanted = (initial, transition, evidence) if time > 1 else (initial, evidence)
    ours = torch.autograd.grad(mix @ found, wanted)
    theirs = torch.autograd.grad(mix @ expected, wanted)
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, atol=1e-11, rtol=1e-11)


@pytest.mark.parametrize("steps", [False, True], ids=["one matrix", "a matrix for each step"])
@pytest.mark.parametrize("normalised", [True, False])
def test_what_is_beyond_the_length_does_not_matter(steps, normalised):
    initial, transition = parameters(3, 5, steps, normalised)
    evidence = weights(3, 5, 3, seed=3)
    evidence[0, 2:], evidence[1, 4:] = torch.nan, 0.0
    evidence.requires_grad_()
    lengths = [2, 4, 5]
    found = log_likelihood(initial, transition, evidence, lengths)
    expected = torch.stack(
        [
            every_path(initial, transition[: length - 1] if steps else transition, rows[:length])
            for rows, length in zip(evidence, lengths, strict=True)
        ]
    )
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
    ours = torch.autograd.grad(found.sum(), (initial, transition, evidence))
    theirs = torch.autograd.grad(expected.sum(), (initial, transition, evidence))
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, atol=1e-11, rtol=1e-11)
    assert bool((ours[2][0, 2:] == 0).all())


@pytest.mark.parametrize("steps", [False, True], ids=["one matrix", "a matrix for each step"])
@pytest.mark.parametrize("in_logs", [False, True])
def test_gradients_agree_with_finite_differences(steps, in_logs):
    initial, transition = parameters(3, 4, steps)
    evidence = weights(2, 4, 3, seed=2).requires_grad_()

    def value(first, table, rows):
        return log_likelihood(first, table, rows, [3, 4], in_logs=in_logs)

    assert gradcheck(value, (initial, transition, evidence))


def test_a_zero_has_the_derivative_of_the_sum_over_all_paths():
    initial = torch.tensor([0.0, 0.4, 0.6], dtype=F64, requires_grad=True)
    transition = torch.tensor([[0.0, 1, 0], [0.5, 0, 0.5], [0.1, 0.9, 0]], dtype=F64, requires_grad=True)
    evidence = weights(1, 4, 3)
    evidence[0, 1, 0] = evidence[0, 3, 2] = 0
    evidence.requires_grad_()
    wanted = (initial, transition, evidence)
    ours = torch.autograd.grad(log_likelihood(*wanted).sum(), wanted)
    theirs = torch.autograd.grad(every_path(initial, transition, evidence[0]), wanted)
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, atol=1e-12, rtol=1e-12)


# --- against exact inference, and Fisher's identity ---


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_value_is_that_of_posteriors(seed):
    model = random_hmm(15, generator=seed)
    tokens = sample_tokens(model, 20, 129, generator=seed)
    lengths = torch.arange(110, 130)
    found = log_likelihood(model.initial, model.transition, model.emission.T[tokens], lengths)
    expected = posteriors(model, tokens, lengths=lengths, keep=()).log_likelihood
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)


def test_parameters_times_gradients_are_the_expected_counts():
    model = random_hmm(6, generator=1, transition_temperature=0.3, emission_temperature=0.3)
    tokens = sample_tokens(model, 30, 40, generator=1)
    lengths = torch.arange(10, 40)
    counts = expected_counts(model, tokens, lengths=lengths)
    initial, transition, emission = (
        part.clone().requires_grad_() for part in (model.initial, model.transition, model.emission)
    )
    log_likelihood(initial, transition, emission.T[tokens], lengths).sum().backward()
    for part, count in zip((initial, transition, emission), counts[:3], strict=True):
        torch.testing.assert_close(part.detach() * part.grad, count, atol=1e-10, rtol=1e-10)


def test_the_gradient_by_log_evidence_is_the_smoothed_posterior():
    chain = MarkovChain(probs(4), probs(4, 4, seed=1))
    logs = (400 * weights(3, 7, 4, seed=2, low=-0.5)).requires_grad_()
    (slope,) = torch.autograd.grad(
        log_likelihood(chain.initial, chain.transition, logs, in_logs=True).sum(), logs
    )
    smoothed = posteriors_from_evidence(chain, logs.detach(), in_logs=True).smoothed
    torch.testing.assert_close(slope, smoothed, atol=1e-12, rtol=0)


# --- numbers that no float holds ---


@pytest.mark.parametrize("in_logs", [False, True])
def test_evidence_of_any_scale_is_taken(in_logs):
    model = random_hmm(5, generator=0, transition_temperature=0.3, emission_temperature=0.3)
    evidence = weights(2, 300, 5, seed=4)
    plain = log_likelihood(model.initial, model.transition, evidence)
    shift = -5000.0 if in_logs else float(np.log(1e-300))
    given = evidence.log() + shift if in_logs else evidence * 1e-300
    found = log_likelihood(model.initial, model.transition, given, in_logs=in_logs)
    torch.testing.assert_close(found, plain + 300 * shift, atol=0, rtol=1e-14)


def test_states_that_differ_by_more_than_any_float_holds():
    # A state all but ruled out for ten steps, by 1e-3000, then the only one that explains the rest.
    initial = torch.tensor([0.5, 0.5], dtype=F64, requires_grad=True)
    transition = torch.tensor([[1 - 1e-300, 1e-300], [1e-300, 1.0]], dtype=F64, requires_grad=True)
    logs = torch.zeros(1, 25, 2, dtype=F64)
    logs[0, :10, 1], logs[0, 10:, 0] = -700.0, -1200.0
    logs.requires_grad_()
    found = log_likelihood(initial, transition, logs, in_logs=True)
    # Either it changes once, or it is in the ruled-out state all along; both as logarithms.
    change = np.log(0.5) - 300 * np.log(10)
    stay = np.log(0.5) - 7000.0
    assert found.item() == pytest.approx(np.logaddexp(change, stay), abs=1e-9)
    slopes = torch.autograd.grad(found.sum(), (initial, transition, logs))
    assert all(bool(torch.isfinite(slope).all()) for slope in slopes)
    assert float(slopes[1][0, 1] * 1e-300) == pytest.approx(1, abs=1e-9)
    torch.testing.assert_close(slopes[2][0, :, 0], (torch.arange(25) < 10).to(F64), atol=1e-9, rtol=0)


def test_a_state_given_up_too_early_is_counted():
    # No way from one state to the other: the second is ruled out by 1e-800 before it proves to be right.
    transition = torch.eye(2, dtype=F64, requires_grad=True)
    rows = torch.tensor([[1.0, 1e-80]] * 10 + [[1e-80, 1.0]] * 15, dtype=F64)
    initial = torch.tensor([0.5, 0.5], dtype=F64)
    found = log_likelihood(initial, transition, rows[None])
    assert found.item() == pytest.approx(np.log(0.5) - 800 * np.log(10), rel=1e-13)
    (slope,) = torch.autograd.grad(found.sum(), transition)
    torch.testing.assert_close(slope.diagonal(), torch.tensor([0.0, 24.0], dtype=F64), atol=1e-9, rtol=0)
    model = HMM(initial, transition.detach(), [[0.5, 1e-80, 0.5], [1e-80, 0.5, 0.5]])
    counts = expected_counts(model, [[0] * 10 + [1] * 15])
    torch.testing.assert_close(counts.transition, torch.diag(torch.tensor([0.0, 24.0], dtype=F64)))


def test_a_long_text_agrees_with_log_space():
    model = random_hmm(3, generator=2)
    tokens = sample_tokens(model, 1, 20_000, generator=3)
    evidence = model.emission.T[tokens]
    table = model.transition.clone().requires_grad_()
    found = log_likelihood(model.initial, table, evidence)
    expected = log_space(
        model.initial.numpy(), model.transition.numpy(), model.emission.numpy(), evidence[0].numpy()
    )
    assert found.item() == pytest.approx(expected.log_likelihood, rel=1e-12)
    (slope,) = torch.autograd.grad(found.sum(), table)
    assert float((slope * table.detach()).sum()) == pytest.approx(19_999, rel=1e-9)


def test_log_evidence_of_a_chain_agrees_with_log_space():
    chain = MarkovChain(probs(3), probs(3, 3, seed=1))
    logs = 3000 * weights(2, 30, 3, seed=5, low=-1.0)
    found = posteriors_from_evidence(chain, logs, in_logs=True)
    for row in range(2):
        # In rational steps of the logarithm: the reference takes evidence, which no float holds.
        forward = chain.initial.log()
        for t in range(30):
            forward = forward + logs[row, t]
            if t < 29:
                forward = (forward[:, None] + chain.transition.log()).logsumexp(0)
        assert float(found.log_likelihood[row]) == pytest.approx(float(forward.logsumexp(0)), rel=1e-13)


# --- types and errors ---


def test_the_widest_type_is_kept_and_each_gradient_has_its_own():
    initial, transition = parameters(3, 4, False)
    single = transition.detach().float().requires_grad_()
    rows = weights(2, 4, 3)
    found = log_likelihood(initial.detach().float(), single, rows.float())
    assert found.dtype == torch.float32
    mixed = log_likelihood(initial, single, rows)
    assert mixed.dtype == F64
    mixed.sum().backward()
    assert single.grad.dtype == torch.float32
    torch.testing.assert_close(found.double(), mixed, atol=1e-5, rtol=1e-5)


def test_neither_the_default_type_nor_gradient_modes_matter():
    initial, transition = (part.detach() for part in parameters(3, 4, True))
    evidence = weights(2, 4, 3)
    expected = log_likelihood(initial, transition, evidence, [2, 4])
    with torch.inference_mode():
        assert torch.equal(log_likelihood(initial, transition, evidence, [2, 4]), expected)
    torch.set_default_dtype(torch.float16)
    try:
        found = log_likelihood(initial, transition, evidence, [2, 4])
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("size", [3, 40])
def test_autocast_changes_nothing(size):
    initial, transition = (part.detach().float() for part in parameters(size, 6, False))
    transition.requires_grad_()
    rows = weights(9, 6, size).float()
    found = []
    for lowered in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=lowered):
            value = log_likelihood(initial, transition, rows)
            found += [value.detach(), torch.autograd.grad(value.sum(), transition)[0]]
    assert torch.equal(found[0], found[2])
    assert torch.equal(found[1], found[3])


GOOD = {"initial": probs(2), "transition": probs(2, 2), "evidence": weights(3, 4, 2)}


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"initial": [0.5, 0.5]}, TypeError, "initial: expected a tensor of real numbers, got list"),
        ({"transition": torch.ones(2, 2).bool()}, TypeError, "transition: .* got torch.bool"),
        ({"initial": probs(1, 2)}, ValueError, r"initial: expected shape \(n_states,\), got \(1, 2\)"),
        ({"initial": torch.tensor([0.0, 0])}, ValueError, "initial: it is zero; expected at least one pos"),
        ({"initial": torch.tensor([0.5, -0.5])}, ValueError, "initial: entry 1 is -0.5; expected"),
        ({"transition": probs(3, 3)}, ValueError, r"transition: expected shape \(2, 2\) .* got \(3, 3\)"),
        (
            {"transition": probs(2, 2, 2)},
            ValueError,
            "transition: expected 3 matrices, .* 4 positions, got 2",
        ),
        (
            {"transition": torch.tensor([[1.0, 0], [torch.nan, 1]])},
            ValueError,
            "transition: row 1, entry 0 is nan",
        ),
        ({"transition": torch.tensor([[1.0, 0], [0, 0]])}, ValueError, "transition: row 1 is zero; expected"),
        (
            {"transition": torch.stack([torch.eye(2)] * 2 + [torch.zeros(2, 2)])},
            ValueError,
            "transition: step 2, row 0 is zero",
        ),
        ({"evidence": weights(3, 4, 5)}, ValueError, r"evidence: expected shape \(batch, time, 2\)"),
        ({"evidence": -weights(3, 4, 2)}, ValueError, "evidence: sequence 0, position 0, entry 0 is -"),
        (
            {"evidence": torch.full((1, 2, 2), torch.nan), "in_logs": True},
            ValueError,
            "evidence: sequence 0, position 0, entry 0 is nan; expected a number below inf",
        ),
        (
            {"evidence": torch.full((1, 2, 2), -torch.inf), "in_logs": True},
            ValueError,
            "evidence: sequence 0, position 0 is -inf for every state; expected at least one finite entry",
        ),
        ({"lengths": [1, 2, 5]}, ValueError, "lengths: sequence 2 has length 5; expected 1 … 4"),
        (
            {
                "initial": torch.tensor([1.0, 0.0]),
                "transition": torch.eye(2),
                "evidence": torch.tensor([[[1.0, 1], [1, 1]], [[1.0, 1], [0, 1]]]),
            },
            ValueError,
            "evidence: sequence 1, position 1: the evidence has probability 0 after what precedes it",
        ),
    ],
)
def test_bad_input_is_named(changed, error, message):
    with pytest.raises(error, match=message):
        log_likelihood(**(GOOD | changed))
