"""HMMs with densities: mixtures of Gaussians, exact fits, exact noise, a world of arcs."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from hmmlib.densities import (
    EmissionHMM,
    EMRecipe,
    GaussianMixtureEmissions,
    fit_em,
    random_arcs,
    random_emission_hmm,
)
from hmmlib.hmm import MarkovChain

LEFT_TO_RIGHT = [[0.7, 0.3, 0.0], [0.0, 0.6, 0.4], [0.0, 0.0, 1.0]]


def mixture(seed=0, states=3, k=2, d=2, *, full=False):
    random = np.random.RandomState(seed)
    weights = random.dirichlet(np.ones(k), states)
    means = random.standard_normal((states, k, d))
    if full:
        root = random.standard_normal((states, k, d, d))
        covariances = root @ root.transpose(0, 1, 3, 2) + 0.3 * np.eye(d)
    else:
        covariances = random.uniform(0.2, 1.5, (states, k, d))
    return GaussianMixtureEmissions(weights, means, covariances)


def hmm(seed=0, **how):
    emissions = mixture(seed, **how)
    random = np.random.RandomState(seed)
    s = emissions.n_states
    return EmissionHMM(MarkovChain(random.dirichlet(np.ones(s)), random.dirichlet(np.ones(s), s)), emissions)


@pytest.mark.parametrize("full", [False, True])
def test_log_densities_are_scipys(full):
    emissions = mixture(1, full=full)
    x = torch.from_numpy(np.random.RandomState(2).standard_normal((5, 4, 2)))
    covariances = emissions.covariances if full else torch.diag_embed(emissions.covariances)
    for state in range(3):
        parts = [
            float(w) * multivariate_normal(m, c).pdf(x.numpy())
            for w, m, c in zip(
                emissions.weights[state], emissions.means[state], covariances[state], strict=True
            )
        ]
        assert emissions.log_prob(x)[..., state].exp() == pytest.approx(sum(parts), rel=1e-10)


def test_far_from_the_origin_nothing_cancels():
    near, far = (
        GaussianMixtureEmissions([[1.0]], [[[shift, shift]]], [[[1e-4, 1e-4]]]) for shift in (0.0, 1e5)
    )
    x = torch.tensor([[0.01, -0.02]], dtype=torch.float64)
    assert far.log_prob(x + 1e5) == pytest.approx(near.log_prob(x), rel=1e-6)


@pytest.mark.parametrize("full", [False, True])
def test_densities_integrate_to_one_with_and_without_noise(full):
    axis = torch.linspace(-16, 16, 401, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    cell = float(axis[1] - axis[0]) ** 2
    for emissions in (mixture(3, full=full), mixture(3, full=full).with_noise(0.7)):
        assert emissions.log_prob(grid).exp().sum(0) * cell == pytest.approx(torch.ones(3).double(), abs=1e-4)


@pytest.mark.parametrize("full", [False, True])
def test_samples_and_noise_have_the_moments_of_the_densities(full):
    emissions = mixture(4, full=full)
    states = torch.zeros(200_000, dtype=torch.int64)
    clean = emissions.sample(states, generator=0)
    noisy = clean + 0.5 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1)).double()
    for x, model in ((clean, emissions), (noisy, emissions.with_noise(0.5))):
        own = model.covariances[0] if full else torch.diag_embed(model.covariances[0])
        weights, means = model.weights[0], model.means[0]
        mean = weights @ means
        second = (weights[:, None, None] * (own + means[:, :, None] * means[:, None, :])).sum(0)
        assert x.mean(0) == pytest.approx(mean, abs=0.02)
        assert x.T @ x / len(x) == pytest.approx(second, abs=0.05)


def test_the_likelihood_is_the_sum_over_paths():
    model = hmm(5)
    x, _ = model.sample(4, 4, generator=0)
    densities, first, moves = model.emissions.log_prob(x).exp(), model.chain.initial, model.chain.transition
    total = torch.zeros(4, dtype=torch.float64)
    for path in itertools.product(range(3), repeat=4):
        p = first[path[0]] * densities[:, 0, path[0]]
        for t in range(1, 4):
            p = p * moves[path[t - 1], path[t]] * densities[:, t, path[t]]
        total += p
    assert model.log_likelihood(x) == pytest.approx(total.log(), abs=1e-12)
    assert model.posteriors(x).smoothed.sum(-1) == pytest.approx(torch.ones(4, 4).double())


def test_densities_that_underflow_are_no_trouble():
    model = hmm(6)
    x = 300 * torch.ones(1, 5, 2, dtype=torch.float64)
    found = model.log_likelihood(x)
    assert bool(torch.isfinite(found).all())
    assert float(found[0]) < -100_000


def test_lengths_end_sequences():
    model = hmm(7)
    x, states = model.sample(3, 6, generator=0, lengths=[6, 2, 4])
    assert states.shape == (3, 6)
    assert bool((x[1, 2:] == 0).all())
    x[1, 2:] = torch.nan
    found = model.log_likelihood(x, lengths=[6, 2, 4])
    assert float(found[1]) == pytest.approx(float(model.log_likelihood(x[1:2, :2])[0]))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("moves", [LEFT_TO_RIGHT, np.full((3, 3), 1 / 3)])
def test_em_never_lowers_the_likelihood(full, moves):
    truth = EmissionHMM(MarkovChain([1.0, 0.0, 0.0], LEFT_TO_RIGHT), mixture(8, full=full))
    x, _ = truth.sample(150, 7, generator=0)
    start = random_emission_hmm(x, moves, 2, generator=0, full=full)
    fit = fit_em(start, x, recipe=EMRecipe(max_iterations=25, tolerance=0.0, floor=1e-6))
    assert len(fit.log_likelihoods) == 26
    assert bool((fit.log_likelihoods.diff() > -1e-9).all())
    per_vector = float(fit.model.log_likelihood(x).sum()) / (150 * 7)
    assert float(fit.log_likelihoods[-1]) == pytest.approx(per_vector)
    assert per_vector > float(fit.log_likelihoods[0]) + 0.1
    assert bool((fit.model.chain.transition[torch.as_tensor(moves) == 0] == 0).all())


def test_em_reads_only_up_to_the_lengths():
    truth = hmm(9)
    x, _ = truth.sample(60, 6, generator=0)
    lengths = torch.arange(60) % 6 + 1
    start = random_emission_hmm(x, np.full((3, 3), 1 / 3), 2, generator=0, lengths=lengths)
    recipe = EMRecipe(max_iterations=5, tolerance=0.0)
    one = fit_em(start, x, lengths=lengths, recipe=recipe)
    x[torch.arange(6) >= lengths[:, None]] = 1e6
    two = fit_em(start, x, lengths=lengths, recipe=recipe)
    assert one.log_likelihoods.tolist() == two.log_likelihoods.tolist()


def test_a_component_does_not_shrink_below_the_floor():
    x = torch.zeros(40, 3, 2, dtype=torch.float64)
    x[20:] = torch.randn(20, 3, 2, generator=torch.Generator().manual_seed(0)).double()
    for full in (False, True):
        start = random_emission_hmm(x, [[1.0]], 3, generator=0, full=full)
        fit = fit_em(start, x, recipe=EMRecipe(max_iterations=30, floor=0.01))
        covariances = fit.model.emissions.covariances
        least = torch.linalg.eigvalsh(covariances).min() if full else covariances.min()
        assert float(least) == pytest.approx(0.01)


def test_the_fit_converges_and_says_so():
    x, _ = hmm(10).sample(50, 5, generator=0)
    fit = fit_em(
        random_emission_hmm(x, np.full((3, 3), 1 / 3), 1, generator=0), x, recipe=EMRecipe(300, 1e-4)
    )
    assert fit.converged
    assert 0 <= float(fit.log_likelihoods.diff()[-1]) < 1e-4 <= float(fit.log_likelihoods.diff()[-2])


def test_the_world_has_unit_variance_and_its_densities_are_exact():
    world = random_arcs(0.1, generator=3, n_classes=3)
    x, classes = world.sample(4000, 6, generator=0)
    assert classes.bincount().tolist() == [4000] * 3
    around = x - x.flatten(0, 1).mean(0)
    assert float(around.square().mean()) == pytest.approx(1, abs=0.03)
    # The right class is the likeliest on average, and its density the truest: KL ≥ 0 against noise.
    own = [float(one.log_likelihood(x[classes == c]).mean()) for c, one in enumerate(world.classes)]
    noisy = [float(one.log_likelihood(x[classes == c]).mean()) for c, one in enumerate(world.with_noise(0.3))]
    assert all(a > b for a, b in zip(own, noisy, strict=True))


def test_a_planes_density_integrates_to_one_and_the_rotation_changes_no_volume():
    world = random_arcs(0.3, generator=1, n_planes=1)
    axis = torch.linspace(-6, 6, 401, dtype=torch.float64)
    grid, cell = torch.cartesian_prod(axis, axis), float(axis[1] - axis[0]) ** 2
    for model in (world.classes[0], world.with_noise(0.3)[0]):
        total = model.emissions.log_prob(grid).exp().sum(0) * cell
        assert total == pytest.approx(torch.ones(3).double(), abs=2e-3)


def test_bayes_with_the_right_noise_is_better_than_without():
    world = random_arcs(0.1, generator=0)
    x, classes = world.sample(300, 6, generator=1)
    noisy = x + 10**-0.5 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).double()

    def right(models):
        scores = torch.stack([m.log_likelihood(noisy) for m in models], 1)
        return float((scores.argmax(1) == classes).double().mean())

    assert right(world.with_noise(10**-0.5)) > right(world.classes) + 0.01 > 1 / 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": [[0.5, 0.6]]}, "weights: state 0: sums to 1.1"),
        ({"weights": [0.5, 0.5]}, r"weights: expected shape \(S, K\), got \(2,\)"),
        ({"means": [[[0.0, 0.0]]]}, r"means: expected shape \(1, 2, D\), got \(1, 1, 2\)"),
        ({"means": [[[0.0, np.nan], [0.0, 0.0]]]}, "means: row 0, entry 1 is nan"),
        ({"covariances": [[[1.0, 0.0], [1.0, 1.0]]]}, "covariances: state 0, component 0, entry 1 is 0"),
        ({"covariances": [[[1.0], [1.0]]]}, r"covariances: expected shape \(1, 2, 2\), variances, or"),
        (
            {"covariances": [[[[1.0, 2.0], [2.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]]]},
            "covariances: state 0, component 0: expected a symmetric, positive definite matrix",
        ),
        (
            {"covariances": [[[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.5], [0.0, 1.0]]]]},
            "covariances: state 0, component 1: expected a symmetric",
        ),
    ],
)
def test_wrong_mixtures_are_named(changes, message):
    right = {"weights": [[0.5, 0.5]], "means": np.zeros((1, 2, 2)), "covariances": np.ones((1, 2, 2))}
    with pytest.raises(ValueError, match=message):
        GaussianMixtureEmissions(**(right | changes))


def test_wrong_vectors_are_named():
    model = hmm(11)
    x, _ = model.sample(3, 4, generator=0)
    with pytest.raises(ValueError, match=r"x: expected shape \(batch, time, 2\), got \(3, 4, 1\)"):
        model.log_likelihood(x[..., :1])
    x[1, 2, 0] = math.inf
    with pytest.raises(ValueError, match="x: sequence 1, position 2, entry 0 is inf; expected a finite"):
        model.log_likelihood(x)
    x[1, 2, 0], x[..., 1] = 0.0, 3.0
    with pytest.raises(ValueError, match="x: coordinate 1 is 3 everywhere; expected one that varies"):
        random_emission_hmm(x, LEFT_TO_RIGHT, 1, generator=0)
    with pytest.raises(ValueError, match="x: coordinate 1 is 3 everywhere"):
        fit_em(model, x)
    with pytest.raises(ValueError, match=r"x: state 0 has 6 vectors to begin with; expected at least"):
        random_emission_hmm(model.sample(3, 4, generator=0)[0], LEFT_TO_RIGHT, 7, generator=0)
    with pytest.raises(ValueError, match="sigma: expected a finite number >= 0, got -1"):
        model.emissions.with_noise(-1)
    with pytest.raises(ValueError, match="states: expected 0 … 2, got 3"):
        model.emissions.sample([3], generator=0)


def test_what_does_not_fit_together_is_named():
    emissions = mixture()
    with pytest.raises(ValueError, match="emissions: expected 2 states, as the chain has, got 3"):
        EmissionHMM(MarkovChain([0.5, 0.5], np.eye(2)), emissions)
    with pytest.raises(TypeError, match="emissions: expected an EmissionModel, got ndarray"):
        EmissionHMM(MarkovChain([1.0], [[1.0]]), np.eye(2))
    with pytest.raises(ValueError, match="chain: expected one transition for all steps"):
        EmissionHMM(MarkovChain([1 / 3] * 3, np.tile(np.eye(3), (4, 1, 1))), emissions)
    with pytest.raises(ValueError, match="floor: expected a finite number > 0"):
        EMRecipe(floor=0)
    with pytest.raises(ValueError, match="tolerance: expected a finite number >= 0"):
        EMRecipe(tolerance=-1)
