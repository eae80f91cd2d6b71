"""Planted machines have what they promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hmmlib.constructions import DependentColumnsError, attention_head, recoverable_states
from hmmlib.hmm import random_recoverable_hmm, random_sparse_hmm

SEEDS = st.integers(0, 10_000)


@settings(max_examples=30)
@given(SEEDS, st.integers(1, 9), st.integers(1, 9))
def test_each_state_has_as_many_followers_as_asked(seed, n_states, n_followers):
    n_followers = min(n_states, n_followers)
    hmm = random_sparse_hmm(n_states, 4, generator=seed, n_followers=n_followers)
    assert ((hmm.transition > 0).sum(1) == n_followers).all()


@settings(max_examples=30)
@given(SEEDS, st.integers(2, 3), st.integers(1, 2), st.integers(1, 2), st.integers(1, 3))
def test_the_first_states_are_recoverable(seed, n_values, n_cells, n_recoverable, n_patterns):
    n_tokens = n_values * n_recoverable + n_patterns + 1
    model = random_recoverable_hmm(
        n_values,
        n_recoverable + 1,
        n_tokens,
        generator=seed,
        n_cells=n_cells,
        n_recoverable=n_recoverable,
        n_patterns=n_patterns,
    )
    # Random columns can be nearly dependent, so the tolerance is small.
    assert set(range(n_recoverable)) <= set(recoverable_states(model, rtol=1e-10))


def test_the_cue_says_what_follows():
    model = random_recoverable_hmm(2, 4, 7, generator=1, n_cells=2, n_recoverable=2)
    cue = model.emission[..., -1] > 0
    assert cue[:, 1, 3].all()
    assert int(cue.sum()) == 2
    assert model.transition[-1].nonzero().flatten().tolist() == [0, 1]


def test_the_chain_is_stationary_and_the_memory_independent():
    model = random_recoverable_hmm(3, 2, 6, generator=2, n_cells=2)
    memory, start = model.chain.initial.sum(1), model.chain.initial.sum(0)
    torch.testing.assert_close(model.chain.initial, memory[:, None] * start)
    torch.testing.assert_close(start @ model.transition, start)


def test_a_machine_may_need_a_prompt():
    model = random_recoverable_hmm(4, 3, 5, generator=3, n_kept=2, n_patterns=2)
    with pytest.raises(DependentColumnsError):
        attention_head(model, np.ones(4))
    for kept in [(0, 1), (1, 3), (2, 3)]:
        assert 0 in recoverable_states(model, values=kept)


def test_a_seed_gives_one_machine():
    first, second = (random_recoverable_hmm(3, 2, 6, generator=5) for _ in range(2))
    assert torch.equal(first.emission, second.emission)
    assert torch.equal(first.transition, second.transition)
    assert torch.equal(first.initial, second.initial)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"n_followers": 4}, r"n_followers: expected at most n_states = 3, got 4"),
        ({"n_followers": 0}, r"n_followers: expected at least 1, got 0"),
    ],
)
def test_sizes_of_sparse_machines(sizes, message):
    with pytest.raises(ValueError, match=message):
        random_sparse_hmm(3, 4, generator=0, **sizes)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"n_tokens": 4}, r"n_tokens: expected at least 5, got 4"),
        ({"n_syntax": 1}, r"n_syntax: expected at least 2, got 1"),
        ({"n_kept": 4}, r"n_kept: expected at most n_values = 3, got 4"),
    ],
)
def test_sizes_of_recoverable_machines(sizes, message):
    with pytest.raises(ValueError, match=message):
        random_recoverable_hmm(**{"n_values": 3, "n_syntax": 2, "n_tokens": 6, "generator": 0} | sizes)
