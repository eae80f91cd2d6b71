"""Normalizing flows: they can be undone, their determinants are right, they learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from hmmlib.densities import EmissionHMM, FlowMixtureEmissions, FlowRecipe, RealNVP, fit_flows, random_arcs
from hmmlib.hmm import MarkovChain, posteriors_from_evidence

MOVES = [[0.7, 0.3, 0.0], [0.0, 0.6, 0.4], [0.0, 0.0, 1.0]]


def shaken(module, scale, seed=0):
    """The module with every parameter moved at random."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += scale * torch.randn(parameter.shape, generator=random).double()
    return module


@pytest.mark.parametrize("dim", [2, 3, 5])
def test_a_flow_can_be_undone_and_its_determinant_is_that_of_the_jacobian(dim):
    flow = shaken(RealNVP(dim, n_flows=2, couplings=5, hidden=7, generator=0), 0.4)
    x = torch.randn(6, dim, generator=torch.Generator().manual_seed(1)).double()
    z, log_det = flow(x)
    assert z.shape == (2, 6, dim)
    assert flow.inverse(z).detach() == pytest.approx(x.expand(2, 6, dim), abs=1e-10)
    for which in range(2):
        for row in range(6):
            jacobian = torch.autograd.functional.jacobian(
                lambda one, which=which: flow(one[None])[0][which, 0], x[row]
            )
            assert float(log_det[which, row].detach()) == pytest.approx(
                float(torch.linalg.slogdet(jacobian)[1]), abs=1e-10
            )


def test_at_the_start_couplings_change_nothing():
    flow = RealNVP(4, couplings=3, generator=0)
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)).double()
    z, log_det = flow(x)
    assert z[0].detach() == pytest.approx((x - flow.mean[0]).detach(), abs=1e-12)
    assert log_det.detach().abs().max() == 0


def test_densities_integrate_to_one_and_their_powers_do_not():
    flow = shaken(RealNVP(2, couplings=4, generator=0), 0.1)
    axis = torch.linspace(-14, 14, 561, dtype=torch.float64)
    grid, cell = torch.cartesian_prod(axis, axis), float(axis[1] - axis[0]) ** 2
    with torch.no_grad():
        density = flow.log_prob(grid)[0].exp()
    assert float(density.sum()) * cell == pytest.approx(1, abs=2e-3)
    assert abs(float(density.sqrt().sum()) * cell - 1) > 1


def test_a_mixture_of_flows_is_the_mixture_of_its_flows():
    emissions = shaken(FlowMixtureEmissions(2, 3, 4, couplings=2, hidden=5, generator=1), 0.2)
    x = torch.randn(7, 5, 4, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        parts = emissions.flows.log_prob(x.reshape(-1, 4)).view(2, 3, 7, 5)
        shares = emissions.logits.softmax(1)
        expected = (shares[..., None, None] * parts.exp()).sum(1).log()
        found = emissions.log_prob(x)
    assert found.permute(2, 0, 1) == pytest.approx(expected, abs=1e-10)
    assert emissions.n_parameters == sum(p.numel() for p in emissions.parameters()) - 2


def untrained(seed=0, k=2):
    return EmissionHMM(
        MarkovChain([1.0, 0.0, 0.0], MOVES),
        FlowMixtureEmissions(3, k, 4, couplings=2, hidden=8, generator=seed),
    )


@pytest.fixture(scope="module")
def vectors():
    return random_arcs(0.3, generator=0).sample(60, 6, generator=0)[0][:60]


def test_the_gradient_is_that_of_posterior_times_log_density(vectors):
    model = untrained()
    shaken(model.emissions, 0.2)
    from hmmlib.hmm import log_likelihood

    total = log_likelihood(
        model.chain.initial, model.chain.transition, model.emissions.log_prob(vectors), in_logs=True
    ).sum()
    parameters = list(model.emissions.parameters())
    direct = torch.autograd.grad(total, parameters)
    densities = model.emissions.log_prob(vectors)
    posterior = posteriors_from_evidence(model.chain, densities.detach(), in_logs=True).smoothed
    surrogate = torch.autograd.grad((posterior * densities).sum(), parameters)
    for one, other in zip(direct, surrogate, strict=True):
        assert one == pytest.approx(other, abs=1e-8)


@pytest.mark.parametrize("refresh", ["every step", "every fifth pass"])
def test_training_raises_the_likelihood_and_forbidden_steps_stay_forbidden(refresh, vectors):
    model = untrained()
    recipe = FlowRecipe(steps=60, batch=30, refresh=refresh)
    done = fit_flows(model, vectors, generator=0, recipe=recipe)
    before, after = (float(one.log_likelihood(vectors).mean()) for one in (model, done.model))
    assert after > before + 1
    assert bool((done.model.chain.transition[torch.tensor(MOVES) == 0] == 0).all())
    assert done.model.chain.initial.tolist() == [1.0, 0.0, 0.0]
    assert done.losses[-1] < done.losses[0]
    again = fit_flows(model, vectors, generator=0, recipe=recipe)
    assert again.losses.tolist() == done.losses.tolist()
    assert float(model.log_likelihood(vectors).mean()) == before  # the start is left as it was


def test_a_small_step_of_generalised_em_never_lowers_the_likelihood(vectors):
    model, reached = untrained(1, k=1), []
    recipe = FlowRecipe(steps=1, batch=60, learning_rate=1e-4)
    for _ in range(15):
        reached.append(float(model.log_likelihood(vectors).sum()))
        model = fit_flows(model, vectors, generator=0, recipe=recipe).model
        for parameter in model.emissions.parameters():
            parameter.requires_grad_(True)
    assert bool((torch.tensor(reached).diff() > 0).all())


def test_tempered_states_are_less_certain(vectors):
    model = untrained()
    logs = model.emissions.log_prob(vectors).detach()
    whole, quarter = (
        posteriors_from_evidence(model.chain, power * logs, in_logs=True).smoothed for power in (1.0, 0.25)
    )
    assert float(quarter.max(-1).values.mean()) < float(whole.max(-1).values.mean())
    done = fit_flows(model, vectors, generator=0, recipe=FlowRecipe(steps=20, batch=30, temper=0.25))
    assert math.isfinite(float(done.losses[-1]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RealNVP(1, generator=0), "dim: expected at least 2, got 1"),
        (lambda: RealNVP(2, couplings=0, generator=0), "couplings: expected at least 1"),
        (lambda: FlowMixtureEmissions(0, 1, 2, generator=0), "n_states: expected at least 1"),
        (lambda: FlowRecipe(temper=0.0), "temper: expected a number 0 < temper ≤ 1"),
        (lambda: FlowRecipe(refresh="never"), "refresh: expected 'every step' or"),
        (lambda: FlowRecipe(steps=0), "steps: expected at least 1"),
    ],
)
def test_wrong_flows_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_constant_coordinate_is_refused(vectors):
    flat = vectors.clone()
    flat[..., 3] = 0.0
    with pytest.raises(ValueError, match="x: coordinate 3 is 0 everywhere"):
        fit_flows(untrained(), flat, generator=0)
    with pytest.raises(ValueError, match="x: sequence 0, position 0, entry 0 is nan"):
        fit_flows(untrained(), torch.where(vectors == vectors[0, 0, 0], np.nan, vectors), generator=0)
