"""The references agree with each other, so that what they say of the library can be trusted."""

from __future__ import annotations

import numpy as np
import pytest
from reference import (
    TABLES,
    enumerate_memory_paths,
    enumerate_paths,
    evidence_of,
    log_space,
    log_space_two_states,
)


def _random_model(n_states, n_tokens, seed):
    random = np.random.default_rng(seed)
    return (
        random.dirichlet(np.ones(n_states)),
        random.dirichlet(np.ones(n_states), n_states),
        random.dirichlet(np.ones(n_tokens), n_states),
    )


@pytest.mark.parametrize("n_states", [1, 2, 3])
@pytest.mark.parametrize("time", [1, 2, 5])
def test_log_space_is_enumeration(n_states, time):
    model = _random_model(n_states, 4, 10 * n_states + time)
    evidence = np.random.default_rng(time).random((time, n_states)) ** 8
    evidence[0, 0] = 0 if n_states > 1 else 1
    by_paths, by_logs = enumerate_paths(*model, evidence), log_space(*model, evidence)
    for kind in TABLES:
        np.testing.assert_allclose(getattr(by_logs, kind), getattr(by_paths, kind), atol=1e-13)
    assert by_logs.log_likelihood == pytest.approx(by_paths.log_likelihood, rel=1e-13)


def test_the_two_state_form_is_log_space():
    model = _random_model(2, 5, 0)
    tokens = np.random.default_rng(1).integers(5, size=200)
    by_odds, by_logs = (
        log_space_two_states(*model, tokens.tolist()),
        log_space(*model, evidence_of(model[2], tokens)),
    )
    for kind in TABLES[:3]:
        np.testing.assert_allclose(getattr(by_odds, kind), getattr(by_logs, kind)[:, 0], atol=1e-13)
    assert by_odds.log_likelihood == pytest.approx(by_logs.log_likelihood, rel=1e-13)


def test_a_memory_of_one_value_is_no_memory():
    initial, transition, emission = _random_model(3, 4, 2)
    evidence = np.random.default_rng(3).random((4, 3))
    plain = enumerate_paths(initial, transition, emission, evidence)
    memory = enumerate_memory_paths(
        initial.reshape(1, 1, 3), transition, emission.reshape(1, 1, 3, 4), evidence.reshape(4, 1, 1, 3)
    )
    for kind in TABLES:
        np.testing.assert_allclose(getattr(memory, kind), getattr(plain, kind), atol=1e-14)


def test_a_posterior_worked_out_by_hand():
    # Start (3/4, 1/4), always change state; token 0 has probability 1/2 in state 0 and 1/10 in state 1.
    model = np.array([0.75, 0.25]), np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0.5, 0.5], [0.1, 0.9]])
    found = enumerate_paths(*model, evidence_of(model[2], [0, 1]))
    first, second = 0.75 * 0.5 * 0.9, 0.25 * 0.1 * 0.5  # paths 0 1 and 1 0
    np.testing.assert_allclose(found.smoothed[0], [first / (first + second), second / (first + second)])
    np.testing.assert_allclose(found.filtered[0], [0.375 / 0.4, 0.025 / 0.4])
    np.testing.assert_allclose(found.leave_one_out[0], [0.675 / 0.8, 0.125 / 0.8])
    assert found.log_likelihood == pytest.approx(np.log(first + second))
