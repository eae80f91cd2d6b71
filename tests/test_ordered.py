"""HMMs whose memory the order of words tells: equal frequencies, one recoverable state, rare cues."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hmmlib import ExactMaskedLM, PosteriorTask, sample_tokens, text_probs
from hmmlib.constructions import attention_head, recoverable_states
from hmmlib.hmm import random_ordered_hmm

SEEDS = st.integers(0, 10_000)
SIZES = st.sampled_from([(1, 2), (2, 3), (4, 4), (6, 4)])


def drawn(seed, sizes=(2, 3), **how):
    n_values, n_patterns = sizes
    return random_ordered_hmm(
        n_values, n_patterns + n_values + 2, generator=seed, n_patterns=n_patterns, **how
    )


def walk(model, value, steps):
    """Distributions of pairs of neighbouring words under a value, (steps, V, V), and of chain states."""
    state = model.initial[value, 0] / model.initial[value, 0].sum()
    emission, moves, pairs, states = model.emission[value, 0], model.transition, [], []
    for _ in range(steps):
        pairs.append(emission.T @ (state[:, None] * moves) @ emission)
        states.append(state)
        state = state @ moves
    return torch.stack(pairs), torch.stack(states)


@settings(max_examples=30, deadline=None)
@given(SEEDS, SIZES)
def test_only_the_last_syntax_state_is_recoverable(seed, sizes):
    model = drawn(seed, sizes)
    # Of the ring's patterns each value has every one: from two values on their columns are equal.
    found = set(recoverable_states(model, rtol=1e-10))
    ring = set(range(2 * sizes[1] + 2))
    last = 2 * sizes[1] + 2
    assert last in found
    assert sizes[0] == 1 or not found & (ring - {2 * sizes[1]})


@settings(max_examples=30, deadline=None)
@given(SEEDS, SIZES, st.floats(0.01, 0.3))
def test_words_and_pairs_are_as_frequent_under_every_value_but_for_the_recoverable_state(seed, sizes, rate):
    model = drawn(seed, sizes, rate=rate)
    # With the same columns in the recoverable state nothing is left that differs.
    emission = model.emission
    emission[:, 0, -1] = emission[:, 0, -1].mean(0)
    alike = type(model)(model.initial, model.transition, emission)
    pairs, states = zip(*(walk(alike, value, 12) for value in range(sizes[0])), strict=True)
    for other in pairs:
        torch.testing.assert_close(other, pairs[0])
    ring = states[0][:, : 2 * sizes[1]]
    torch.testing.assert_close(ring[:, ::2], ring[:, :1].expand(-1, sizes[1]))
    if sizes[0] > 1:
        with pytest.raises(AssertionError):
            torch.testing.assert_close(walk(model, 0, 12)[0], walk(model, 1, 12)[0])


def test_cues_are_as_rare_as_asked():
    model = drawn(1, rate=1 / 16)
    x = sample_tokens(model, batch=2000, time=65, generator=1)[:, 1:]
    in_ring = 1 / (1 / 16 * 3 + 1)  # three steps outside for each cue
    assert float((x == model.n_tokens - 1).double().mean()) == pytest.approx(in_ring / 16, rel=0.05)


def test_the_state_is_certain_two_steps_after_a_cue_and_the_theorems_head_is_right():
    model = drawn(3, (4, 4))
    x = sample_tokens(model, batch=300, time=65, generator=3)[:, 1:]
    task = PosteriorTask.two_class(model, [1.0, -1.0, 1.0, -1.0])
    head, probs = attention_head(model, task.mu), text_probs(ExactMaskedLM(model), x)
    keys = head.keys(probs)
    assert bool((keys[:, 2:][x[:, :-2] == model.n_tokens - 1] > 1 - 1e-9).all())
    sure = keys.amax(1) > 1 - 1e-9
    assert float(sure.double().mean()) > 0.5
    clear = sure & (task.scores(x).diff(dim=1)[:, 0].abs() > 1e-9)
    assert bool((head.labels(probs, x) == task.labels(x))[clear].all())


def test_the_same_seed_draws_the_same_and_orders_differ():
    one, two = drawn(5, (6, 4)), drawn(np.random.RandomState(5), (6, 4))
    assert torch.equal(one.emission, two.emission)
    rings = one.emission[:, 0, :8:2]
    assert torch.equal(rings[:, 0], rings[:1, 0].expand(6, -1))
    assert len({tuple(ring.flatten().tolist()) for ring in rings}) == 6


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"n_values": 3},
            ValueError,
            "n_values: expected at most 2, the orders of 3 in a ring, got 3",
        ),
        ({"n_values": 0}, ValueError, "n_values"),
        ({"n_tokens": 6}, ValueError, "n_tokens"),
        ({"n_patterns": 1}, ValueError, "n_patterns"),
        ({"rate": 0.5}, ValueError, "rate: expected a number 0 < rate < 0.5, got 0.5"),
        ({"rate": 0}, ValueError, "rate"),
        ({"own_share": 0}, ValueError, "own_share"),
        ({"own_share": "all"}, TypeError, "own_share"),
        ({"clarity": -1.0}, ValueError, "clarity"),
        ({"generator": -1}, ValueError, "generator"),
    ],
)
def test_arguments_are_checked(change, error, message):
    arguments = {"n_values": 2, "n_tokens": 7, "generator": 1} | change
    with pytest.raises(error, match=message):
        random_ordered_hmm(**arguments)
