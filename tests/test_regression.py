"""Heads by least squares: fitted, judged without a test, and their mean risk as theory says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from hmmlib.regression import (
    LinearFeatures,
    LinearTask,
    best_ridge_head,
    head_risk,
    min_norm_head,
    min_norm_risk,
    null_risk,
    random_features,
    ridge_head,
    sampled_risks,
    stationary_covariance,
    unexplained_variance,
    wide_limit_risk,
)

D, N = 20, 100
RANDOM = np.random.RandomState(0)


def some_covariance(d, seed=0):
    root = np.random.RandomState(seed).standard_normal((d, d))
    return torch.from_numpy(root @ root.T / d)


def isotropic(size, label_noise, d=D):
    beta = torch.zeros(d, dtype=torch.float64)
    beta[0] = size
    return LinearTask(torch.eye(d), beta, label_noise=label_noise)


TASK = LinearTask(some_covariance(6), RANDOM.standard_normal(6), label_noise=0.5)


def draws(task, features, n, times):
    return sampled_risks(task, features, n, times, generator=0).numpy()


def test_draws_have_the_covariance_and_labels_that_they_should():
    some = TASK.draw(200_000, generator=0)
    torch.testing.assert_close(some.hidden.T.cov(), TASK.covariance, atol=0.03, rtol=0)
    noise = some.targets - some.hidden @ TASK.beta
    assert float(noise.std()) == pytest.approx(0.5, abs=0.01)
    features = LinearFeatures(np.ones((2, 6)), noise=0.3)
    shown = features.show(some.hidden, generator=1)
    off = shown - some.hidden.sum(1, keepdim=True)
    assert float(off.std()) == pytest.approx(0.3, abs=0.01)


def test_the_risk_of_a_head_is_what_a_large_test_measures():
    features = random_features(4, 6, noise=0.7, generator=1)
    head = torch.tensor([0.5, -1.0, 0.2, 0.1], dtype=torch.float64)
    some = TASK.draw(400_000, generator=2)
    off = features.show(some.hidden, generator=3) @ head - some.hidden @ TASK.beta
    assert head_risk(head, TASK, features) == pytest.approx(float(off.square().mean()), rel=0.01)
    assert head_risk(torch.zeros(4), TASK, features) == pytest.approx(null_risk(TASK))


@pytest.mark.parametrize("p", [3, 6, 9])
def test_what_no_head_explains_is_the_risk_of_the_best(p):
    features = random_features(p, 6, noise=0.7, generator=p)
    covariance = features.weights @ TASK.covariance @ features.weights.T + 0.49 * torch.eye(p)
    best = torch.linalg.solve(covariance, features.weights @ TASK.covariance @ TASK.beta)
    inverse = torch.linalg.inv(TASK.covariance) + features.weights.T @ features.weights / 0.49
    left = float(TASK.beta @ torch.linalg.solve(inverse, TASK.beta))
    assert unexplained_variance(TASK, features) == pytest.approx(left, rel=1e-9)
    assert head_risk(best, TASK, features) == pytest.approx(left, rel=1e-9)


@pytest.mark.parametrize("p", [2, 20, 60, 80])
def test_theorem_the_mean_risk_of_few_features_is_exact(p):
    task, features = isotropic(0.5, 1.0), random_features(p, D, noise=1.0, generator=1)
    found = draws(task, features, N, 200)
    expected = min_norm_risk(task, features, N)
    assert abs(found.mean() - expected) < 4 * found.std() / 200**0.5


@pytest.mark.parametrize("p", [120, 150, 200, 400])
def test_the_mean_risk_of_many_features_is_near_its_equivalent(p):
    task, features = isotropic(0.5, 1.0), random_features(p, D, noise=1.0, generator=1)
    found = draws(task, features, N, 100)
    expected = min_norm_risk(task, features, N)
    assert abs(found.mean() / expected - 1) < 2 / (p - N) + 4 * found.std() / 10 / expected


def test_without_anything_to_see_the_equivalent_is_known():
    task, features = isotropic(0.5, 1.0), LinearFeatures(np.zeros((300, D)), noise=2.0)
    assert min_norm_risk(task, features, N) == pytest.approx(0.25 + 1.25 * N / (300 - N), rel=1e-9)
    assert unexplained_variance(task, features) == 0.25


@pytest.mark.parametrize(("p", "infinite"), [(98, False), (99, True), (100, True), (101, True), (102, False)])
def test_the_mean_risk_is_infinite_where_features_are_as_many_as_examples(p, infinite):
    task, features = isotropic(1.0, 1.0), random_features(p, D, noise=1.0, generator=1)
    assert math.isinf(min_norm_risk(task, features, N)) == infinite


def test_features_without_noise_count_as_the_hidden_vectors_entries():
    task = isotropic(1.0, 1.0)
    many = random_features(300, D, generator=1)
    expected = D / (N - D - 1)
    assert min_norm_risk(task, many, N) == pytest.approx(expected)
    found = draws(task, many, N, 200)
    assert abs(found.mean() - expected) < 4 * found.std() / 200**0.5
    assert wide_limit_risk(task, 0.0, N) == pytest.approx(expected)
    assert math.isinf(min_norm_risk(task, many, D))
    # With more entries than examples there is a peak again.
    few = 12
    risks = [min_norm_risk(task, random_features(p, D, generator=1), few) for p in (6, few, 18)]
    assert math.isinf(risks[1])
    assert all(math.isfinite(risk) for risk in (risks[0], risks[2]))


@pytest.mark.parametrize(("noise", "label_noise", "size"), [(1, 1, 1), (1, 1, 0.5), (3, 1, 1), (0.3, 0.3, 1)])
def test_very_many_features_come_to_the_limit(noise, label_noise, size):
    task = isotropic(size, label_noise)
    limit = wide_limit_risk(task, noise, N)
    risks = [
        min_norm_risk(task, random_features(p, D, noise=noise, generator=1), N) for p in (1000, 4000, 40_000)
    ]
    assert risks[0] > risks[1] > risks[2] > limit
    assert risks[2] == pytest.approx(limit, rel=0.05)


def test_theorem_in_the_limit_the_head_is_that_of_ridge_regression_on_the_hidden_vector():
    task, features = isotropic(1.0, 1.0), random_features(60_000, D, noise=1.0, generator=1)
    some = task.draw(30, generator=0)
    wide = min_norm_head(features.show(some.hidden, generator=1), some.targets)
    ridge = ridge_head(some.hidden, some.targets, D * 1.0)
    torch.testing.assert_close(features.weights.T @ wide, ridge, atol=0.02, rtol=0)


def test_heads_solve_what_they_should():
    x, y = torch.from_numpy(RANDOM.standard_normal((7, 4))), torch.from_numpy(RANDOM.standard_normal(7))
    torch.testing.assert_close(min_norm_head(x, y), torch.linalg.lstsq(x, y[:, None]).solution[:, 0])
    normal = x.T @ x + 0.3 * torch.eye(4)
    torch.testing.assert_close(ridge_head(x, y, 0.3), torch.linalg.solve(normal, x.T @ y))
    assert ridge_head(x, y, 0.0).equal(min_norm_head(x, y))
    wide = x.T
    head = min_norm_head(wide, y[:4])
    torch.testing.assert_close(wide @ head, y[:4])
    torch.testing.assert_close(head, torch.linalg.pinv(wide) @ y[:4])
    twice = torch.cat([x, x], 1)
    torch.testing.assert_close(min_norm_head(twice, y), min_norm_head(x, y).repeat(2) / 2)


def test_the_best_penalty_is_that_of_each_example_predicted_from_the_others():
    x, y = torch.from_numpy(RANDOM.standard_normal((9, 5))), torch.from_numpy(RANDOM.standard_normal(9))
    penalties = [0.01, 0.1, 1.0, 10.0, 100.0]
    errors = []
    for penalty in penalties:
        rows = [[i for i in range(9) if i != j] for j in range(9)]
        off = [y[j] - x[j] @ ridge_head(x[rest], y[rest], penalty) for j, rest in enumerate(rows)]
        errors.append(float(torch.stack(off).square().mean()))
    found = best_ridge_head(x, y, penalties)
    assert found.penalty == penalties[int(np.argmin(errors))]
    assert found.head.equal(ridge_head(x, y, found.penalty))


def test_a_tuned_penalty_has_no_peak():
    task, penalties, means = isotropic(1.0, 1.0), np.logspace(-3, 4, 22), []

    def fit(x, y):
        return best_ridge_head(x, y, penalties).head

    for p in (50, 100, 200):
        features = random_features(p, D, noise=1.0, generator=1)
        means.append(float(sampled_risks(task, features, N, 20, fit=fit, generator=0).median()))
    assert means[0] > means[1] > means[2]


def test_the_stationary_covariance_stays_as_it_is():
    steps = torch.tensor([[0.8, 0.2], [-0.1, 0.5]], dtype=torch.float64)
    noise = some_covariance(2)
    found = stationary_covariance(steps, noise)
    torch.testing.assert_close(steps @ found @ steps.T + noise, found)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: LinearTask([[1.0, 2.0], [2.0, 1.0]], [1, 1]),
            "covariance: expected no negative eigenvalue, got -1",
        ),
        (lambda: LinearTask([[1.0, 0.5], [0.2, 1.0]], [1, 1]), "covariance: expected a symmetric matrix"),
        (lambda: LinearTask(torch.eye(2), [1.0]), "beta: expected shape"),
        (
            lambda: LinearTask(torch.eye(2), [1.0, 0.0], label_noise=-1),
            "label_noise: expected at least 0, got -1",
        ),
        (lambda: LinearFeatures([[1.0]], noise=-0.1), "noise: expected at least 0"),
        (lambda: random_features(0, 2, generator=0), "n_features: expected at least 1"),
        (
            lambda: min_norm_risk(TASK, LinearFeatures([[1.0]]), 5),
            "features: expected those of a hidden vector of 6",
        ),
        (lambda: min_norm_risk(TASK, random_features(2, 6, generator=0), 0), "n: expected at least 1"),
        (lambda: stationary_covariance([[1.0]], [[1.0]]), "transition: expected eigenvalues smaller than 1"),
        (lambda: min_norm_head([[1.0], [2.0]], [1.0]), "targets: expected shape"),
        (lambda: ridge_head([[1.0]], [1.0], -1.0), "penalty: expected at least 0"),
        (lambda: best_ridge_head([[1.0]], [1.0], [1.0]), "features: expected two examples"),
        (
            lambda: best_ridge_head([[1.0], [2.0]], [1.0, 2.0], [1.0, 0.0]),
            "penalties: expected numbers above 0, got 0",
        ),
        (lambda: LinearFeatures([[math.nan]]), "weights"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("ratio", [0.05, 0.2, 0.7, 4.0])
def test_theorem_whether_the_first_feature_and_the_last_help(noise, ratio):
    task = isotropic(ratio**0.5, 1.0)
    square = np.random.RandomState(0).standard_normal((400, D)) / D**0.5
    mean = np.mean([min_norm_risk(task, LinearFeatures(row[None], noise=noise), N) for row in square])
    share = (square**2).sum(1)
    a = (share / (share + noise**2)).mean() / D
    if abs(1 / ratio / ((N - 1) * a - 1) - 1) > 0.3:  # else chance in the models decides
        assert (mean > null_risk(task)) == (1 / ratio > (N - 1) * a - 1)
    half = (N - D - D * noise**2) / (2 * N)
    kappa = -half + (half**2 + D * noise**2 / N) ** 0.5
    assert D / (1 + kappa) + D * noise**2 / kappa == pytest.approx(N)
    limit = wide_limit_risk(task, noise, N)
    expected = (kappa**2 * ratio + D / N) / ((1 + kappa) ** 2 - D / N)
    assert limit == pytest.approx(expected, rel=1e-6)
    assert (limit < null_risk(task)) == (1 / ratio < N / D * (1 + 2 * kappa) - 1)


def test_copies_change_nothing_and_stay_at_the_same_peak():
    task, features = isotropic(1.0, 1.0), random_features(150, D, noise=1.0, generator=0)
    some = task.draw(N, generator=5)
    shown = features.show(some.hidden, generator=6)
    once = min_norm_head(shown, some.targets)
    torch.testing.assert_close(min_norm_head(shown.repeat(3, 1), some.targets.repeat(3)), once)


def test_without_anything_that_blurs_there_is_no_peak():
    task, features = LinearTask(torch.eye(D), np.ones(D)), random_features(40, D, generator=0)
    for n in (D - 1, D, D + 1, 30):
        found = sampled_risks(task, features, n, 20, generator=0)
        expected = min_norm_risk(task, features, n)
        if n >= D:
            assert expected < 1e-12
            assert float(found.max()) < 1e-9
        else:
            assert expected == pytest.approx(float(found.mean()), rel=0.5)
    blind = LinearFeatures(np.zeros((3, D)))
    assert min_norm_risk(task, blind, 1) == null_risk(task)


def test_directions_that_are_weak_or_only_rounding_are_told_apart():
    beta, task = [0.0, 1.0], LinearTask(torch.eye(2), [0.0, 1.0], label_noise=0.1)
    weak = LinearFeatures(np.diag([1.0, 1e-6]))
    expected = 0.01 * 2 / (50 - 3)
    assert min_norm_risk(task, weak, 50) == pytest.approx(expected, rel=1e-6)
    assert float(sampled_risks(task, weak, 50, 400, generator=0).mean()) == pytest.approx(expected, rel=0.2)
    assert unexplained_variance(LinearTask(torch.eye(2), beta), LinearFeatures(np.eye(2), noise=1e-9)) == (
        pytest.approx(1e-18, rel=1e-6)
    )
    # A covariance of rank 5, as beliefs have, has five directions.
    root = RANDOM.standard_normal((6, 5))
    flat = LinearTask(root @ root.T, RANDOM.standard_normal(6), label_noise=0.3)
    features = random_features(10, 6, generator=1)
    assert min_norm_risk(flat, features, 20) == pytest.approx(0.09 * 5 / 14, rel=1e-6)
    found = sampled_risks(flat, features, 20, 400, generator=0)
    assert float(found.mean()) == pytest.approx(0.09 * 5 / 14, rel=0.2)


def test_hardly_any_noise_is_none():
    task = isotropic(1.0, 1.0)
    assert wide_limit_risk(task, 1e-18, N) == wide_limit_risk(task, 0.0, N)
    wide = random_features(300, D, noise=1e-18, generator=1)
    assert min_norm_risk(task, wide, N) == pytest.approx(D / (N - D - 1))


def test_tiny_penalties_are_judged_as_they_are():
    x, y = torch.from_numpy(RANDOM.standard_normal((10, 30))), torch.from_numpy(RANDOM.standard_normal(10))
    errors = []
    for penalty in (0.0, 100.0):
        rows = [[i for i in range(10) if i != j] for j in range(10)]
        off = [y[j] - x[j] @ ridge_head(x[rest], y[rest], penalty) for j, rest in enumerate(rows)]
        errors.append(float(torch.stack(off).square().mean()))
    found = best_ridge_head(x, y, [1e-20, 100.0])
    assert found.penalty == (1e-20 if errors[0] < errors[1] else 100.0)
