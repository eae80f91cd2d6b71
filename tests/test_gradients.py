"""Derivatives in soft evidence are those of the function that is computed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference import column_posterior
from torch.autograd import gradcheck

from hmmlib import HMM, ExactMaskedLM, posteriors, posteriors_from_evidence, random_hmm, random_memory_hmm

KINDS = ("filtered", "smoothed", "leave_one_out", "conditionals", "log_likelihood")
_random = np.random.default_rng(0)
PLAIN = HMM(_random.dirichlet(np.ones(3)), _random.dirichlet(np.ones(3), 3), _random.dirichlet(np.ones(4), 3))
MEMORY = random_memory_hmm(
    2, 2, 3, generator=0, n_cells=2, transition_temperature=0.5, emission_temperature=0.5, n_permutations=5
)


def some_evidence(model, batch=2, time=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    size = len(model.chain.emission)
    return (0.1 + torch.rand(batch, time, size, dtype=torch.float64, generator=generator)).requires_grad_()


@pytest.fixture(params=[PLAIN, MEMORY], ids=["HMM", "MemoryHMM"])
def model(request):
    return request.param


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_derivatives_agree_with_finite_differences(model, kind, scale):
    evidence = (some_evidence(model, 1, 3).detach() * scale).requires_grad_()
    keep = () if kind == "log_likelihood" else (kind,)
    assert gradcheck(lambda rows: getattr(posteriors_from_evidence(model, rows, keep=keep), kind), evidence)


def test_derivatives_with_lengths_stop_at_the_end_of_the_text(model):
    evidence = some_evidence(model)

    def likelihood(rows):
        return posteriors_from_evidence(model, rows, lengths=[2, 4], keep=()).log_likelihood

    assert gradcheck(likelihood, evidence)
    likelihood(evidence).sum().backward()
    assert bool((evidence.grad[0, 2:] == 0).all())
    assert bool((evidence.grad[0, :2] != 0).any())


def test_derivatives_of_tables_with_lengths_are_finite(model):
    evidence = some_evidence(model)
    found = posteriors_from_evidence(model, evidence, lengths=[2, 4], keep=("conditionals",)).conditionals
    found[0, :2].square().sum().backward()
    assert bool(torch.isfinite(evidence.grad).all())


def test_the_values_are_the_same_with_and_without_a_graph(model):
    evidence = some_evidence(model, 5, 9)
    with_graph = posteriors_from_evidence(model, evidence)
    without = posteriors_from_evidence(model, evidence.detach())
    for kind in KINDS:
        assert getattr(with_graph, kind).requires_grad
        assert not getattr(without, kind).requires_grad
        torch.testing.assert_close(
            getattr(with_graph, kind).detach(), getattr(without, kind), atol=1e-13, rtol=1e-13
        )


def test_no_graph_is_kept_under_no_grad(model):
    evidence = some_evidence(model)
    with torch.no_grad():
        found = posteriors_from_evidence(model, evidence)
    for kind in KINDS:
        assert not getattr(found, kind).requires_grad


def test_the_derivative_of_the_log_likelihood_is_the_leave_one_out_posterior():
    # ∂ log P[e] / ∂ e_t(h) = P[H_t = h | e_{-t}] / Σ_k P[H_t = k | e_{-t}] e_t(k)
    evidence = some_evidence(PLAIN, 3, 6)
    found = posteriors_from_evidence(PLAIN, evidence)
    (slope,) = torch.autograd.grad(found.log_likelihood.sum(), evidence)
    loo = found.leave_one_out.detach()
    expected = loo / (loo * evidence.detach()).sum(-1, keepdim=True)
    torch.testing.assert_close(slope, expected, atol=1e-12, rtol=1e-12)


def test_with_memory_it_is_the_leave_one_out_posterior_of_the_emission_column():
    evidence = some_evidence(MEMORY, 3, 6)
    found = posteriors_from_evidence(MEMORY, evidence)
    (slope,) = torch.autograd.grad(found.log_likelihood.sum(), evidence)
    loo = torch.from_numpy(
        column_posterior(found.leave_one_out.detach().numpy(), MEMORY.chain.columns.numpy())
    )
    expected = loo / (loo * evidence.detach()).sum(-1, keepdim=True)
    torch.testing.assert_close(slope, expected, atol=1e-12, rtol=1e-12)


def test_posteriors_are_flat_along_the_scale_of_a_row(model):
    evidence = some_evidence(model)
    for kind in KINDS[:4]:
        (slope,) = torch.autograd.grad(
            getattr(posteriors_from_evidence(model, evidence), kind)[..., 0].sum(), evidence
        )
        assert float((slope * evidence.detach()).sum(-1).abs().max()) < 1e-12


def test_a_prediction_has_no_slope_in_its_own_position(model):
    evidence = some_evidence(model, 1, 5)
    (slope,) = torch.autograd.grad(posteriors_from_evidence(model, evidence).conditionals[0, 2, 0], evidence)
    assert float(slope[0, 2].abs().max()) < 1e-15
    assert float(slope[0, 1].abs().max()) > 1e-6


def test_zeros_in_the_evidence_have_derivatives():
    evidence = some_evidence(PLAIN, 1, 4).detach()
    evidence[0, 0] = torch.tensor([0.0, 1.0, 0.0])
    evidence.requires_grad_()
    found = posteriors_from_evidence(PLAIN, evidence)
    (slope,) = torch.autograd.grad(found.log_likelihood.sum(), evidence)
    loo = found.leave_one_out.detach()
    torch.testing.assert_close(slope, loo / (loo * evidence.detach()).sum(-1, keepdim=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_that_rules_out_a_value_of_the_memory_has_derivatives(kind):
    # The prompt of the paper's Section 4 for one cell: 1 where the value is relevant, 0 elsewhere. The flat
    # model has the same evidence and, as a single chain, no content that could become impossible.
    model = random_memory_hmm(3, 2, 4, generator=0, transition_temperature=0.5, emission_temperature=0.5)
    slopes = []
    for each in (model, model.flatten()):
        evidence = some_evidence(model, 2, 4).detach()
        evidence[0, 0] = torch.tensor([0.0, 0, 1, 1, 1, 1])
        evidence.requires_grad_()
        found = getattr(posteriors_from_evidence(each, evidence), kind)
        weights = torch.linspace(0.0, 1.0, found.numel(), dtype=torch.float64).view(found.shape)
        slopes.append(torch.autograd.grad((weights * found).sum(), evidence)[0])
    torch.testing.assert_close(*slopes, atol=1e-11, rtol=1e-11)


@pytest.mark.parametrize("kind", ["conditionals", "log_likelihood"])
def test_words_that_a_value_of_the_memory_never_writes_have_derivatives(kind):
    # Emissions at a low temperature hold exact zeros: a content is impossible, the text is not.
    lm = ExactMaskedLM(random_memory_hmm(2, 2, 4, generator=3, emission_temperature=1e-4))
    text = posteriors_from_evidence(lm.model, lm.embed([[lm.mask_token] * 3])).conditionals[0, 0].argmax()
    soft = torch.ones(1, 1, lm.embedding_dim, dtype=torch.float64, requires_grad=True)
    rows = torch.cat([soft, lm.embed([[int(text)] * 3])], 1)
    getattr(posteriors_from_evidence(lm.model, rows), kind).sum().backward()
    assert bool(torch.isfinite(soft.grad).all())


def test_derivatives_that_would_underflow_are_refused_with_the_sequence_named():
    model = HMM(np.array([0.5, 0.5]), np.eye(2), np.array([[0.9, 0.1], [0.1, 0.9]]))
    evidence = torch.ones(3, 30, 2, dtype=torch.float64)
    evidence[1] = torch.tensor(np.array([[1.0, 1e-80]] * 10 + [[1e-80, 1.0]] * 15 + [[1.0, 1e-80]] * 5))
    posteriors_from_evidence(model, evidence)
    with pytest.raises(ValueError, match=r"evidence: .*(sequence|row) 1\b"):
        posteriors_from_evidence(model, evidence.requires_grad_())


def test_the_refusal_names_the_sequence_and_not_the_row_of_the_arrays():
    model = random_memory_hmm(4, 2, generator=0)
    evidence = torch.ones(3, 30, 8, dtype=torch.float64)
    evidence[1, 3] = torch.tensor([1.0, 1e-150] * 4, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"evidence: .*(sequence|row) 1\b"):
        posteriors_from_evidence(model, evidence.requires_grad_())


def test_impossible_evidence_is_reported_as_such_with_and_without_derivatives():
    model = HMM(np.array([1.0, 0]), np.eye(2), np.eye(2))
    evidence = torch.ones(2, 3, 2, dtype=torch.float64)
    evidence[1, 2] = torch.tensor([0.0, 1.0])
    for wanted in (False, True):
        with pytest.raises(ValueError, match=r"evidence: sequence 1, position 2.* probability 0"):
            posteriors_from_evidence(model, evidence.requires_grad_(wanted))


def test_a_first_use_without_gradients_does_not_spoil_a_later_one_with_them():
    for model in (random_hmm(3, generator=0), random_memory_hmm(2, 2, generator=0)):
        with torch.inference_mode():
            posteriors(model, [[0, 1]])
        evidence = some_evidence(model)
        posteriors_from_evidence(model, evidence).conditionals[..., 0].sum().backward()
        assert bool(torch.isfinite(evidence.grad).all())


def test_gradients_flow_through_an_embedding_computed_from_parameters():
    lm = ExactMaskedLM(PLAIN)
    logits = torch.zeros(1, 1, 3, dtype=torch.float64, requires_grad=True)
    rows = torch.cat([logits.exp(), lm.embed([[0, 1, 3]])], 1)
    lm.token_probs(rows)[0, 1, 0].backward()
    assert float(logits.grad.abs().max()) > 0


def test_a_float32_prompt_gets_float32_gradients():
    prompt = torch.rand(1, 4, 3, requires_grad=True)
    posteriors_from_evidence(PLAIN, prompt + 0.1).log_likelihood.sum().backward()
    assert prompt.grad.dtype == torch.float32
