"""Hidden paths drawn from their posterior have its frequencies."""

from __future__ import annotations

import itertools

import pytest
import torch

from hmmlib import HMM, posteriors, posteriors_from_evidence, random_hmm, random_memory_hmm, sample_tokens
from hmmlib.hmm import MarkovChain, sample_states

N = 40_000
WARM = {"transition_temperature": 0.7, "emission_temperature": 0.7}


def frequencies(paths, n_states):
    """Shares of states at each position, shape (batch, time, n_states)."""
    return torch.nn.functional.one_hot(paths, n_states).double().mean(0)


def test_frequencies_are_the_smoothed_posterior():
    hmm = random_hmm(4, 5, generator=1, **WARM)
    x = sample_tokens(hmm, 3, 6, generator=0)
    paths = sample_states(hmm, hmm.emission.T[x], N, generator=0)
    assert paths.shape == (N, 3, 6)
    assert frequencies(paths, 4) == pytest.approx(posteriors(hmm, x).smoothed, abs=0.012)


def test_whole_paths_have_their_probability():
    hmm = random_hmm(2, 3, generator=2, **WARM)
    x = torch.tensor([[0, 2, 1]])
    paths = sample_states(hmm, hmm.emission.T[x], N, generator=1)[:, 0]
    first, moves, emission = hmm.initial, hmm.transition, hmm.emission
    joint = {
        (a, b, c): float(
            first[a] * emission[a, 0] * moves[a, b] * emission[b, 2] * moves[b, c] * emission[c, 1]
        )
        for a, b, c in itertools.product(range(2), repeat=3)
    }
    for path, p in joint.items():
        share = float((paths == torch.tensor(path)).all(1).double().mean())
        assert share == pytest.approx(p / sum(joint.values()), abs=0.012)


def test_of_a_memory_the_content_never_changes():
    model = random_memory_hmm(2, 5, generator=3)
    flat = model.flatten()
    x = sample_tokens(model, 2, 5, generator=0)
    seen = model.emission.reshape(-1, model.n_tokens).T[x]
    paths = sample_states(model, seen, N, generator=0)
    size = model.chain.transition.shape[0]
    assert bool((paths // size == paths[..., :1] // size).all())
    assert frequencies(paths, flat.n_states) == pytest.approx(posteriors(flat, x).smoothed, abs=0.012)


def test_lengths_end_paths_and_later_evidence_is_not_read():
    hmm = random_hmm(3, 4, generator=4, **WARM)
    x = sample_tokens(hmm, 2, 5, generator=0)
    lengths = torch.tensor([5, 2])
    paths = sample_states(hmm, hmm.emission.T[x], N, generator=0, lengths=lengths)
    assert bool((paths[:, 1, 2:] == -1).all())
    smoothed = posteriors(hmm, x[1:, :2]).smoothed
    assert frequencies(paths[:, 1:, :2], 3) == pytest.approx(smoothed, abs=0.012)


def test_a_transition_that_changes_with_time_is_followed():
    moves = torch.tensor([[[0.0, 1.0], [0.5, 0.5]], [[0.3, 0.7], [1.0, 0.0]]], dtype=torch.float64)
    chain = MarkovChain([0.5, 0.5], moves)
    evidence = torch.tensor([[[1.0, 0.5], [0.2, 1.0], [1.0, 0.9]]], dtype=torch.float64)
    paths = sample_states(chain, evidence, N, generator=0)
    assert frequencies(paths, 2) == pytest.approx(
        posteriors_from_evidence(chain, evidence).smoothed, abs=0.012
    )


def test_a_state_all_but_given_up_is_drawn_where_later_evidence_demands_it():
    chain = MarkovChain([0.5, 0.5], torch.eye(2))
    logs = torch.tensor([[[0.0, -900.0]] * 2 + [[-2000.0, 0.0]]], dtype=torch.float64)
    paths = sample_states(chain, logs, 100, generator=0, in_logs=True)
    assert bool((paths == 1).all())


def test_the_same_seed_draws_the_same_whatever_the_pieces(monkeypatch):
    hmm = random_hmm(3, 4, generator=5, **WARM)
    seen = hmm.emission.T[sample_tokens(hmm, 6, 4, generator=0)]
    one, two = (sample_states(hmm, seen, 7, generator=3) for _ in range(2))
    assert torch.equal(one, two)
    monkeypatch.setattr("hmmlib.hmm.paths._NUMBERS", 9)
    smoothed = posteriors_from_evidence(hmm, seen).smoothed
    assert frequencies(sample_states(hmm, seen, N, generator=0), 3) == pytest.approx(smoothed, abs=0.012)


def test_what_is_impossible_is_named():
    hmm = HMM([1.0, 0.0], [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match="evidence: sequence 1, position 2: the evidence is impossible"):
        sample_states(hmm, hmm.emission.T[torch.tensor([[0, 0, 0], [0, 0, 1]])], 1, generator=0)
    with pytest.raises(ValueError, match="n: expected at least 1, got 0"):
        sample_states(hmm, hmm.emission.T[torch.tensor([[0]])], 0, generator=0)
    with pytest.raises(TypeError, match="evidence: expected a tensor of real numbers"):
        sample_states(hmm, [[[1.0, 0.0]]], 1, generator=0)
