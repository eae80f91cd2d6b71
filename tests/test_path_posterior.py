"""Probabilities and entropies of hidden paths given a text: by enumeration, by drawing, with a memory."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import scipy.stats
import torch

from hmmlib import HMM, posteriors, random_memory_hmm, sample_tokens
from hmmlib.hmm import path_entropy, path_log_probs, sample_paths

WARM = {"transition_temperature": 0.7, "emission_temperature": 0.7}
RANDOM = np.random.RandomState(1)
PLAIN = HMM(*(RANDOM.dirichlet(np.ones(n), size) for n, size in ((3, None), (3, 3), (5, 3))))
MEMORY = random_memory_hmm(2, 2, 5, n_cells=2, generator=3, **WARM)
PATHS = torch.tensor(list(product(range(3), repeat=4)))  # all 81
TEXTS = sample_tokens(PLAIN, 6, 4, generator=0)


def by_enumeration(model, text):
    """P[h | x] of all paths of a plain HMM, in their order."""
    first, moves, words = model.initial.numpy(), model.transition.numpy(), model.emission.numpy()
    joint = [
        first[path[0]]
        * np.prod([moves[a, b] for a, b in pairwise(path)])
        * np.prod([words[state, token] for state, token in zip(path, text, strict=True)])
        for path in product(range(len(first)), repeat=len(text))
    ]
    return np.array(joint) / np.sum(joint)


def test_theorem_probabilities_of_all_paths_sum_to_one():
    found = path_log_probs(PLAIN, TEXTS, PATHS.expand(6, -1, -1))
    assert found.exp().sum(1) == pytest.approx(np.ones(6), abs=1e-12)
    for row, text in zip(found, TEXTS.tolist(), strict=True):
        assert row.exp().numpy() == pytest.approx(by_enumeration(PLAIN, text), abs=1e-13)


def test_a_sample_knows_the_probability_of_its_paths():
    states, found = sample_paths(PLAIN, TEXTS, 50, generator=0)
    assert states.shape == (6, 50, 4)
    assert states.is_contiguous()
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, path_log_probs(PLAIN, TEXTS, states), atol=1e-12, rtol=0)
    index = (states * torch.tensor([27, 9, 3, 1])).sum(-1)
    for row, text, drawn in zip(found, TEXTS.tolist(), index, strict=True):
        assert row.exp().numpy() == pytest.approx(by_enumeration(PLAIN, text)[drawn], abs=1e-12)


def test_paths_are_as_frequent_as_they_are_probable():
    text = TEXTS[:1]
    states, _ = sample_paths(PLAIN, text, 200_000, generator=0)
    index = (states[0] * torch.tensor([27, 9, 3, 1])).sum(-1)
    expected = by_enumeration(PLAIN, text[0].tolist()) * 200_000
    counts = np.bincount(index, minlength=81)
    often = expected >= 5  # as the test of chi-square asks; the others are lumped
    assert often.sum() > 20
    assert expected[~often].sum() > 0
    seen, due = (np.append(each[often], each[~often].sum()) for each in (counts, expected))
    assert scipy.stats.chisquare(seen, due).pvalue > 1e-4


def test_theorem_the_recursion_of_the_entropy_is_enumeration():
    probs = [by_enumeration(PLAIN, text) for text in TEXTS.tolist()]
    found = path_entropy(PLAIN, TEXTS)
    assert found.numpy() == pytest.approx([scipy.stats.entropy(each) for each in probs], abs=1e-12)
    alone = posteriors(PLAIN, TEXTS[:, :1], keep=("filtered",)).filtered[:, 0]
    assert path_entropy(PLAIN, TEXTS[:, :1]).numpy() == pytest.approx(scipy.stats.entropy(alone.T), abs=1e-12)


def test_drawn_paths_are_as_surprising_as_the_entropy_says():
    _, found = sample_paths(PLAIN, TEXTS, 2_000, generator=1)
    off = (-found.mean(1) - path_entropy(PLAIN, TEXTS)).abs()
    assert bool((off < 4 * found.std(1) / 2_000**0.5).all())


def test_theorem_a_memory_is_its_flattened_hmm():
    flat, texts = MEMORY.flatten(), sample_tokens(MEMORY, 4, 5, generator=0)
    torch.testing.assert_close(path_entropy(MEMORY, texts), path_entropy(flat, texts), atol=1e-12, rtol=0)
    states, found = sample_paths(MEMORY, texts, 30, generator=0)
    torch.testing.assert_close(found, path_log_probs(flat, texts, states), atol=1e-12, rtol=0)
    states = torch.randint(flat.n_states, (4, 300, 5), generator=torch.Generator().manual_seed(0))
    states[:, ::2] = states[:, ::2] % 4 + states[:, ::2, :1] // 4 * 4  # the content stays
    one, other = (path_log_probs(model, texts, states) for model in (MEMORY, flat))
    torch.testing.assert_close(one, other, atol=1e-12, rtol=0)
    assert bool((one[:, 1::2] == -torch.inf).any())
    assert bool((one[:, ::2] > -torch.inf).all())


def test_of_a_memory_paths_are_drawn_as_of_its_flattened_hmm():
    texts = sample_tokens(MEMORY, 2, 3, generator=0)
    shares = [
        torch.nn.functional.one_hot(sample_paths(model, texts, 40_000, generator=seed).states, 16)
        .double()
        .mean(1)
        for seed, model in enumerate((MEMORY, MEMORY.flatten()))
    ]
    torch.testing.assert_close(*shares, atol=0.015, rtol=0)


def test_impossible_paths_have_no_probability_and_are_no_error():
    left = HMM([1.0, 0.0], [[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.5, 0.5]])
    paths = [[[0, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 0]]]
    found = path_log_probs(left, [[0, 0, 1]], paths)
    assert (found == -torch.inf).tolist() == [[False, True, True, True]]
    # (0, 0, 1) and (0, 1, 1) are left, one as probable as the other.
    assert float(path_entropy(left, [[0, 0, 1]])[0]) == pytest.approx(np.log(2), abs=1e-12)


def test_where_the_past_all_but_rules_out_the_future_nothing_underflows():
    still = HMM([0.5, 0.5], np.eye(2), [[1.0 - 1e-12, 1e-12], [1e-12, 1.0 - 1e-12]])
    text = torch.tensor([[0] * 60 + [1] * 61])
    states, found = sample_paths(still, text, 20, generator=0)
    assert bool((states == 1).all())
    assert found.abs().max() < 1e-9
    assert 0 <= float(path_entropy(still, text)[0]) < 1e-9


def test_pieces_change_nothing(monkeypatch):
    whole = path_entropy(PLAIN, TEXTS)
    monkeypatch.setattr("hmmlib.hmm.paths._NUMBERS", 20)
    torch.testing.assert_close(path_entropy(PLAIN, TEXTS), whole, atol=1e-14, rtol=0)


def test_states_may_be_one_path_or_a_table_of_them():
    states = sample_paths(PLAIN, TEXTS, 6, generator=0).states
    found = path_log_probs(PLAIN, TEXTS, states)
    assert torch.equal(path_log_probs(PLAIN, TEXTS, states[:, 2]), found[:, 2])
    assert torch.equal(path_log_probs(PLAIN, TEXTS, states.view(6, 3, 2, 4)), found.view(6, 3, 2))


def test_single_precision_does():
    single = PLAIN.to(dtype=torch.float32)
    states, found = sample_paths(single, TEXTS, 9, generator=0)
    assert found.dtype == path_entropy(single, TEXTS).dtype == torch.float64
    torch.testing.assert_close(found, path_log_probs(PLAIN, TEXTS, states), atol=1e-5, rtol=0)
    torch.testing.assert_close(path_entropy(single, TEXTS), path_entropy(PLAIN, TEXTS), atol=1e-5, rtol=0)


IMPOSSIBLE = HMM([1.0, 0.0], np.eye(2), np.eye(2))


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        *(
            (call, ValueError, r"^tokens: sequence 1, position 2: token 1 has probability 0 after what prec")
            for call in (
                lambda: sample_paths(IMPOSSIBLE, [[0, 0, 0], [0, 0, 1]], generator=0),
                lambda: path_log_probs(IMPOSSIBLE, [[0, 0, 0], [0, 0, 1]], [[0] * 3] * 2),
                lambda: path_entropy(IMPOSSIBLE, [[0, 0, 0], [0, 0, 1]]),
            )
        ),
        (lambda: sample_paths(PLAIN, TEXTS, 0, generator=0), ValueError, "^n_paths: expected at least 1"),
        (lambda: sample_paths(PLAIN, [[9]], generator=0), ValueError, "^tokens: sequence 0, position 0 hold"),
        (
            lambda: path_log_probs(PLAIN, TEXTS, PATHS),
            ValueError,
            r"^states: expected shape \(6, …, 4\), got",
        ),
        (lambda: path_log_probs(PLAIN, TEXTS, TEXTS * 0.5), TypeError, "^states: expected integers"),
        (
            lambda: path_log_probs(PLAIN, TEXTS, TEXTS * 0 + 3),
            ValueError,
            "^states: sequence 0, position 0 holds 3; expected 0 … 2",
        ),
    ],
)
def test_what_is_wrong_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
