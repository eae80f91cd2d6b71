"""Logistic regression is solved to its optimum, however badly the features are scaled."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hmmlib import ExactMaskedLM, blank_probs, draw_dataset, draw_task, random_hmm
from hmmlib.heads import log_loss, logistic_head
from hmmlib.heads.logistic import whitening_map


def noisy(seed=0, count=400, size=4):
    """Features that sum to one, and labels that follow them with some noise."""
    random = np.random.default_rng(seed)
    features = random.dirichlet(np.ones(size), count)
    chance = 1 / (1 + np.exp(-4 * features @ random.normal(size=size)))
    return features, (random.random(count) < chance).astype(int)


def penalised(weights, features, labels, l2):
    values = features @ weights
    return np.logaddexp(0, (1 - 2 * labels) * values).mean() + l2 / 2 * np.square(values).mean()


@pytest.mark.parametrize("l2", [0.0, 1e-8, 0.1])
def test_no_weights_nearby_do_better(l2):
    features, labels = noisy()
    fit = logistic_head(features, labels, l2=l2)
    assert fit.converged
    weights = fit.head.weights.numpy()
    best = penalised(weights, features, labels, l2)
    random = np.random.default_rng(1)
    for size in (1e-1, 1e-2, 1e-3):
        for _ in range(50):
            step = size * random.normal(size=4)
            assert penalised(weights + step, features, labels, l2) > best


@given(seed=st.integers(0, 10_000), power=st.integers(-30, 30))
def test_the_scale_of_a_token_does_not_matter(seed, power):
    features, labels = noisy(seed, count=60)
    scale = np.array([1, 10.0**power, 1, 1])
    plain, scaled = logistic_head(features, labels), logistic_head(features * scale, labels)
    assert scaled.loss == pytest.approx(plain.loss, abs=1e-9)
    # Up to texts whose value is zero but for rounding.
    assert scaled.accuracy == pytest.approx(plain.accuracy, abs=0.02)


def test_loss_and_accuracy_are_those_of_the_head():
    features, labels = noisy()
    fit = logistic_head(torch.tensor(features), torch.tensor(labels))
    values = fit.head.values(torch.tensor(features)).numpy()
    assert fit.loss == pytest.approx(np.logaddexp(0, (1 - 2 * labels) * values).mean(), abs=1e-12)
    assert fit.accuracy == ((values >= 0) == labels).mean()
    assert fit.head.weights.dtype == torch.float64


def test_a_value_of_zero_is_class_one():
    assert log_loss(torch.zeros(4), torch.tensor([1, 1, 1, 0])) == (pytest.approx(np.log(2)), 0.75)


def test_classes_that_can_be_separated_are():
    features, _ = noisy()
    labels = (features @ [1.0, -2.0, 0.5, 0.3] >= 0).astype(int)
    fit = logistic_head(features, labels, l2=1e-14)
    assert fit.converged
    assert fit.accuracy == 1


def test_one_class_alone_is_learnt():
    features, labels = noisy()
    fit = logistic_head(features, np.ones_like(labels))
    assert (fit.accuracy, fit.converged) == (1, True)
    assert fit.loss < 1e-6


def test_iterations_that_do_not_suffice_are_reported():
    assert not logistic_head(*noisy(), max_iterations=1).converged


def test_features_that_are_zero_tell_nothing():
    fit = logistic_head(np.zeros((4, 2)), [0, 1, 1, 0])
    assert fit.head.weights.tolist() == [0, 0]
    assert fit.loss == pytest.approx(np.log(2))


def test_a_token_that_is_all_but_impossible_does_no_harm():
    features, labels = noisy()
    fit = logistic_head(features * [1, 1, 1, 1e-305], labels)
    assert torch.isfinite(fit.head.weights).all()
    assert fit.loss == pytest.approx(logistic_head(features[:, :3], labels).loss, abs=1e-9)


def test_repeated_features_and_more_tokens_than_texts():
    features, labels = noisy(count=3, size=8)
    fit = logistic_head(np.tile(features, (2, 1)), np.tile(labels, 2))
    assert fit.converged
    assert fit.accuracy == 1


def test_whitened_features_have_the_identity_as_second_moments():
    features, _ = noisy()
    features[:, 0] *= 1e-30
    whitened = features @ whitening_map(features)
    np.testing.assert_allclose(whitened.T @ whitened / len(features), np.eye(4), atol=1e-9)


def test_directions_of_rounding_noise_are_dropped():
    features, _ = noisy()
    doubled = np.concatenate(
        [features, features[:, :1] + 1e-14 * np.random.default_rng(0).random((400, 1))], 1
    )
    assert whitening_map(doubled).shape == (5, 4)
    single = np.concatenate([features, features[:, :1] + features[:, 1:2]], 1).astype(np.float32)
    assert whitening_map(single).shape == (5, 4)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_with_independent_emissions_a_head_on_tokens_equals_one_on_states(seed):
    # The paper's Section 3, at its own temperatures: the two differ by an invertible map of the features,
    # whose condition number here is up to 1e30.
    model = random_hmm(6, generator=seed)
    task = draw_task(model, generator=seed)
    train = draw_dataset(task, generator=seed, sizes=(800, 1, 1), length=60).train
    shown = logistic_head(blank_probs(ExactMaskedLM(model), train.tokens), train.labels)
    known = logistic_head(task.posterior(train.tokens), train.labels)
    assert shown.converged
    assert shown.loss == pytest.approx(known.loss, abs=1e-7)


def test_features_in_float32_give_weights_in_float64():
    features, labels = noisy()
    fit = logistic_head(features.astype(np.float32), labels)
    assert fit.head.weights.dtype == torch.float64
    assert fit.loss == pytest.approx(logistic_head(features, labels).loss, abs=1e-6)


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        ([1.0, 2.0], [0, 1], r"features: expected shape \(n >= 1, V >= 1\), got \(2,\)"),
        (np.zeros((0, 2)), [], r"features: expected shape \(n >= 1, V >= 1\), got \(0, 2\)"),
        ([[1.0, 0], [0, np.nan]], [0, 1], "features: row 1, entry 1 is nan; expected a finite number"),
        ([[1.0], [2.0]], [0, 1, 1], r"labels: expected shape \(2,\), one per text, got \(3,\)"),
        ([[1.0], [2.0]], [0, 2], "labels: text 1 has label 2; expected 0 or 1"),
    ],
)
def test_bad_input_is_refused(features, labels, message):
    with pytest.raises(ValueError, match=message):
        logistic_head(features, np.asarray(labels, dtype=int))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"l2": -1.0}, ValueError, "l2: expected a finite number >= 0, got -1.0"),
        ({"l2": np.nan}, ValueError, "l2: expected a finite number >= 0, got nan"),
        ({"l2": "1"}, TypeError, "l2: expected a number >= 0, got '1'"),
        ({"max_iterations": 0}, ValueError, "max_iterations: expected at least 1, got 0"),
        ({"labels": [0.0, 1.0]}, TypeError, "labels: expected integers, got torch.float64"),
        ({"labels": [False, True]}, TypeError, "labels: expected integers, got torch.bool"),
        ({"features": [["a"], ["b"]]}, TypeError, "features: expected numbers of shape"),
        ({"features": [[1j], [2j]]}, TypeError, "features: expected real numbers, got torch.complex128"),
    ],
)
def test_bad_settings_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        logistic_head(**{"features": [[1.0], [2.0]], "labels": [0, 1]} | arguments)
