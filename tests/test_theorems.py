"""The theorems of chapters 2 and 3 by name: each holds under its assumptions, and fails without them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from hmmlib import HMM, ExactMaskedLM, PosteriorTask, blank_probs, random_hmm, sample_tokens
from hmmlib.certificates import certificate_bound, posterior_span, row_space_test, separate
from hmmlib.constructions import DependentColumnsError, linear_head
from hmmlib.hmm import random_sparse_hmm


def at_the_blank(hmm: HMM, texts: torch.Tensor) -> torch.Tensor:
    return blank_probs(ExactMaskedLM(hmm), texts)


def margins(hmm: HMM, mu: np.ndarray | list[float], texts: torch.Tensor) -> torch.Tensor:
    return PosteriorTask.two_class(hmm, mu).posterior(texts) @ torch.tensor(mu, dtype=torch.float64)


def test_what_is_shown_moves_one_way():
    """In exact arithmetic, and only if the ratios grow with what is shown; so it is with the coins."""
    rng, falls = np.random.default_rng(0), 0
    for _ in range(100):
        weights, ratios, shown = (sorted(map(Fraction, rng.integers(1, 9, 4).tolist())) for _ in range(3))
        for mixed in (False, True):
            steps = ratios[::-1] if mixed else ratios
            sums = [[w * r**n for w, r in zip(weights, steps, strict=True)] for n in range(7)]
            means = [sum(w * p for w, p in zip(row, shown, strict=True)) / sum(row) for row in sums]
            if mixed:
                falls += means != sorted(means)
            else:
                assert means == sorted(means)
    assert falls > 50
    coins = HMM([0.2, 0.5, 0.3], torch.eye(3), [[0.2, 0.8], [0.5, 0.5], [0.8, 0.2]])
    texts = torch.tensor([[0] * n + [1] * (12 - n) for n in range(13)])
    found = at_the_blank(coins, texts)[:, 0]
    assert found.diff().min() > 0
    labels = PosteriorTask.two_class(coins, [-1, 1, -1]).labels(texts)
    assert [int(labels[n]) for n in (0, 6, 12)] == [0, 1, 0]
    assert not separate(at_the_blank(coins, texts), labels).separable


def test_head_tuning_on_a_vanilla_hmm():
    """Section 3: independent columns of W make b = (W⁺)ᵀμ reproduce every margin."""
    largest, wrong, total = 0.0, 0, 0
    for seed in range(260):
        hmm = random_hmm(
            2 + seed % 9, 10, generator=seed, transition_temperature=0.1, emission_temperature=0.2
        )
        mu = np.random.default_rng(seed).standard_normal(hmm.n_states)
        texts = sample_tokens(hmm, 40, 20, generator=seed)
        value, margin = linear_head(hmm, mu).values(at_the_blank(hmm, texts)), margins(hmm, mu, texts)
        largest = max(largest, float((value - margin).abs().max()))
        clear = margin.abs() > 1e-9
        wrong += int(((value >= 0) != (margin >= 0))[clear].sum())
        total += int(clear.sum())
    assert total > 10_000
    assert wrong == 0
    assert largest < 1e-9


def test_the_head_is_the_pseudo_inverse_applied_to_mu():
    hmm = random_hmm(5, 8, generator=0, transition_temperature=0.1, emission_temperature=0.3)
    mu = np.random.default_rng(0).standard_normal(5)
    expected = torch.linalg.pinv(hmm.emission.T).T @ torch.tensor(mu)
    torch.testing.assert_close(linear_head(hmm, mu).weights, expected, atol=1e-9, rtol=1e-9)


def test_head_tuning_fails_without_independent_columns():
    """Two states that emit alike, with different futures: the same G, different labels."""
    hmm = HMM(
        [0.5, 0.5, 0.0, 0.0],
        [[0, 0, 1, 0], [0, 0, 0, 1], [0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0]],
        [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]],
    )
    texts = torch.tensor([[1, 0], [2, 0]])
    task = PosteriorTask.two_class(hmm, [1.0, -1.0, 0.0, 0.0])
    assert task.labels(texts).tolist() == [1, 0]
    features = at_the_blank(hmm, texts)
    verdict = separate(features, task.labels(texts))
    assert not verdict.separable
    assert certificate_bound(features, task.labels(texts), verdict.certificate) == 0
    with pytest.raises(DependentColumnsError):
        linear_head(hmm, task.mu)


def test_head_tuning_fails_where_the_middle_state_is_asked_for():
    """Three coins: no threshold on the probability of heads singles out the fair one."""
    coins = HMM([1 / 3] * 3, np.eye(3), [[0.2, 0.8], [0.5, 0.5], [0.8, 0.2]])
    task = PosteriorTask.two_class(coins, [-1.0, 1.0, -1.0])
    texts = torch.tensor([[1] * 6, [0, 1] * 3, [0] * 6])
    assert task.labels(texts).tolist() == [0, 1, 0]
    features = at_the_blank(coins, texts)
    verdict = separate(features, task.labels(texts))
    assert not verdict.separable
    assert certificate_bound(features, task.labels(texts), verdict.certificate) < 1e-12
    # The same texts with a task that asks for a side: there is a head.
    assert separate(features, [0, 0, 1]).separable


@pytest.mark.parametrize("mu", [[1.0, 1.0, -2.0, 0.5], [0.0, 0.0, 1.0, -1.0]])
def test_head_tuning_needs_only_the_row_space(mu):
    """Dependent columns, but μ = Wᵀb has a solution: the head is still exact."""
    hmm = HMM(
        [0.4, 0.3, 0.2, 0.1],
        random_hmm(4, generator=0, transition_temperature=0.5).transition,
        [[0.7, 0.2, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]],
    )
    texts = sample_tokens(hmm, 500, 12, generator=0)
    value = linear_head(hmm, mu).values(at_the_blank(hmm, texts))
    torch.testing.assert_close(value, margins(hmm, mu, texts), atol=1e-12, rtol=0)


def test_the_error_of_the_head_is_at_most_its_norm_times_that_of_the_model():
    hmm = random_hmm(6, 10, generator=5, transition_temperature=0.1, emission_temperature=0.3)
    mu = torch.randn(6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    head = linear_head(hmm, mu).weights
    exact = at_the_blank(hmm, sample_tokens(hmm, 300, 20, generator=0))
    noise = 1e-3 * torch.randn(exact.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    moved = ((exact + noise) @ head - exact @ head).abs()
    assert bool((moved <= head.norm() * noise.norm(dim=1) + 1e-15).all())
    assert head.norm() <= mu.norm() / torch.linalg.svdvals(hmm.emission)[-1] * (1 + 1e-9)


def test_which_margins_a_head_can_reproduce():
    """A head has every margin, or a direction that texts move the posterior in is lost and weighed."""
    largest, wrong, total, with_head, without = 0.0, 0, 0, 0, 0
    for seed in range(550):
        hmm = random_sparse_hmm(2 + seed % 7, 2 + seed % 4, generator=seed)
        mu = np.random.default_rng(seed).standard_normal(hmm.n_states)
        texts = sample_tokens(hmm, 60, 12, generator=seed)[:, 1:]
        features, margin = at_the_blank(hmm, texts), margins(hmm, mu, texts)
        test = row_space_test(hmm, mu)
        if test.representable:
            value = test.head.values(features)
            largest = max(largest, float((value - margin).abs().max()))
            clear = margin.abs() > 1e-9
            wrong += int(((value >= 0) != (margin >= 0))[clear].sum())
            total += int(clear.sum())
            with_head += 1
        else:
            span = posterior_span(hmm)
            assert float((test.lost @ hmm.emission).norm()) < 1e-9
            assert float((test.lost - span @ (span.T @ test.lost)).norm()) < 1e-9
            assert float(test.lost @ torch.tensor(mu)) > 1e-9
            without += 1
    assert with_head > 200
    assert without > 50
    assert total > 10_000
    assert wrong == 0
    assert largest < 1e-9


def test_head_or_certificate():
    """Any set of texts has a head that gets every label right, or weights that prove that none does."""
    counts = {True: 0, False: 0}
    for seed in range(200):
        hmm = random_hmm(
            5, 2 + seed % 3, generator=seed, transition_temperature=0.3, emission_temperature=0.2
        )
        mu = np.random.default_rng(seed).standard_normal(5)
        texts = sample_tokens(hmm, 60, 8, generator=seed)[:, 1:]
        features, labels = at_the_blank(hmm, texts), (margins(hmm, mu, texts) >= 0).long()
        verdict = separate(features, labels)
        counts[verdict.separable] += 1
        assert verdict.margin <= verdict.bound + 1e-12
        if verdict.separable:
            assert torch.equal(verdict.head.labels(features), labels)
        else:
            assert certificate_bound(features, labels, verdict.certificate) < 1e-9
    assert min(counts.values()) > 20
