"""Each theorem of the paper by name: it holds where its assumptions do, and fails where they do not."""

from __future__ import annotations

import pytest
import torch

from hmmlib import HMM, ExactMaskedLM, PosteriorTask, prepend_mask, random_hmm, sample_tokens


def at_the_blank(hmm: HMM, texts: torch.Tensor) -> torch.Tensor:
    lm = ExactMaskedLM(hmm)
    return lm.token_probs(lm.embed(prepend_mask(lm, texts)))[:, 0]


def two_classes(hmm: HMM, mu: torch.Tensor) -> PosteriorTask:
    return PosteriorTask(hmm, torch.stack([-mu / 2, mu / 2]))


def test_head_tuning_on_a_vanilla_hmm():
    """Section 3: independent columns of W make b = (W⁺)ᵀμ reproduce every margin."""
    largest, wrong, total = 0.0, 0, 0
    for seed in range(250):
        hmm = random_hmm(
            2 + seed % 9, 10, generator=seed, transition_temperature=0.1, emission_temperature=0.2
        )
        mu = torch.randn(hmm.n_states, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        texts = sample_tokens(hmm, 40, 20, generator=seed)
        value = at_the_blank(hmm, texts) @ torch.linalg.pinv(hmm.emission.T).T @ mu
        task = two_classes(hmm, mu)
        margin = task.posterior(texts) @ mu
        largest = max(largest, float((value - margin).abs().max()))
        clear = margin.abs() > 1e-9
        wrong += int(((value >= 0).long() != task.labels(texts))[clear].sum())
        total += int(clear.sum())
    assert total > 9_900
    assert wrong == 0
    assert largest < 1e-9


def test_head_tuning_fails_without_independent_columns():
    """Two states that emit alike, with different futures: the same G, different labels."""
    hmm = HMM(
        [0.5, 0.5, 0.0, 0.0],
        [[0, 0, 1, 0], [0, 0, 0, 1], [0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0]],
        [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]],
    )
    texts = torch.tensor([[1, 0], [2, 0]])
    task = two_classes(hmm, torch.tensor([1.0, -1.0, 0.0, 0.0], dtype=torch.float64))
    assert task.labels(texts).tolist() == [1, 0]
    first, second = at_the_blank(hmm, texts)
    assert torch.equal(first, second)


@pytest.mark.parametrize("mu", [[1.0, 1.0, -2.0, 0.5], [0.0, 0.0, 1.0, -1.0]])
def test_head_tuning_needs_only_the_row_space(mu):
    """Dependent columns, but μ = Wᵀb has a solution: the head is still exact."""
    hmm = HMM(
        [0.4, 0.3, 0.2, 0.1],
        random_hmm(4, generator=0, transition_temperature=0.5).transition,
        [[0.7, 0.2, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]],
    )
    weights = torch.tensor(mu, dtype=torch.float64)
    texts = sample_tokens(hmm, 500, 12, generator=0)
    value = at_the_blank(hmm, texts) @ torch.linalg.pinv(hmm.emission.T).T @ weights
    torch.testing.assert_close(
        value, two_classes(hmm, weights).posterior(texts) @ weights, atol=1e-12, rtol=0
    )


def test_the_error_of_the_head_is_at_most_its_norm_times_that_of_the_model():
    hmm = random_hmm(6, 10, generator=5, transition_temperature=0.1, emission_temperature=0.3)
    mu = torch.randn(6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    head = torch.linalg.pinv(hmm.emission.T).T @ mu
    exact = at_the_blank(hmm, sample_tokens(hmm, 300, 20, generator=0))
    noise = 1e-3 * torch.randn(exact.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    moved = ((exact + noise) @ head - exact @ head).abs()
    assert bool((moved <= head.norm() * noise.norm(dim=1) + 1e-15).all())
    assert head.norm() <= mu.norm() / torch.linalg.svdvals(hmm.emission)[-1] * (1 + 1e-9)
