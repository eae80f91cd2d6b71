"""Soft prompts on a vanilla HMM (Section 3.1): the theorem, and what happens without its assumptions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hmmlib import HMM, ExactMaskedLM, PosteriorTask, blank_probs, random_hmm, sample_tokens
from hmmlib.certificates import Separation, certificate_bound, separate
from hmmlib.constructions import (
    AssumptionError,
    DependentColumnsError,
    UnreachableStateError,
    find_prompt_states,
    linear_head,
    prompt_head,
    prompted_prior,
    soft_prompt,
)
from hmmlib.hmm import random_sparse_hmm, review_hmm

COINS = HMM([1 / 3] * 3, torch.eye(3), [[0.2, 0.8], [0.5, 0.5], [0.8, 0.2]])
COIN_0_NOT_1 = [1.0, -1.0, 0.0]
FAIR = [-1.0, 1.0, -1.0]
TOSSES = [torch.tensor([[0] * n + [1] * (t - n) for n in range(t + 1)]) for t in range(1, 21)]


def on_coins(
    mu: list[float], prompt: torch.Tensor | None = None, texts: list[torch.Tensor] = TOSSES
) -> tuple[Separation, float]:
    """Whether a head can be right behind a prompt, and the bound of its certificate in exact arithmetic."""
    task, lm = PosteriorTask.two_class(COINS, mu), ExactMaskedLM(COINS)
    labels = torch.cat([task.labels(x) for x in texts])
    shown = torch.cat([blank_probs(lm, x, prompt) for x in texts])
    found = separate(shown, labels)
    return found, certificate_bound(shown, labels, found.certificate)


def random_prompts(count: int, n_states: int) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    sizes = [1 + k % 3 for k in range(count)]
    return [(3 * torch.randn(k, n_states, dtype=torch.float64, generator=random)).exp() for k in sizes]


def test_soft_prompt_tuning_on_a_vanilla_hmm():
    """Section 3.1: the value is the margin up to a positive factor, ρᵀL(x)/π₀ᵀL(x), though H > V."""
    largest, wrong, total, models = 0.0, 0, 0, 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        hmm = random_sparse_hmm(11 + seed % 12, 10, generator=seed, n_followers=2 + seed % 2)
        leaders = rng.choice(hmm.n_states, 1 + seed % 3, replace=False)
        followed = (hmm.transition[leaders] > 0).any(0).numpy()
        # In half of the draws the task weighs states that no few predecessors lead to.
        weighed = followed if seed % 2 else rng.permutation(followed)
        task = PosteriorTask.two_class(hmm, rng.standard_normal(hmm.n_states) * weighed)
        try:
            found = soft_prompt(hmm, task.mu)
        except AssumptionError:
            continue
        texts = sample_tokens(hmm, 40, 13, generator=seed)[:, 1:]
        posterior = task.posterior(texts)
        value, margin = found.values(ExactMaskedLM(hmm), texts), posterior @ task.mu
        factor = posterior @ (prompted_prior(hmm, found.prompt) / hmm.initial)
        assert float(factor.min()) > 0
        largest = max(largest, float((factor * value - margin).abs().max()))
        clear = margin.abs() > 1e-9
        wrong += int(((value >= 0) != (margin >= 0))[clear].sum())
        total += int(clear.sum())
        models += 1
    assert models >= 250
    assert total >= 10_000
    assert wrong == 0
    assert largest < 1e-9


def test_soft_prompt_tuning_with_any_entries_on_the_prompt_states():
    """The theorem is about any u with that support, not only about its indicator."""
    wrong, total = 0, 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        hmm = random_sparse_hmm(16, 10, generator=seed)
        mu = rng.standard_normal(16) * (hmm.transition[[0, 1]] > 0).any(0).numpy()
        states = list(find_prompt_states(hmm, mu))
        prompt = torch.zeros(1, 16, dtype=torch.float64)
        prompt[0, states] = torch.from_numpy(rng.exponential(size=len(states)) + 0.01)
        texts = sample_tokens(hmm, 20, 13, generator=seed)[:, 1:]
        value = prompt_head(hmm, mu, prompt).values(blank_probs(ExactMaskedLM(hmm), texts, prompt))
        task = PosteriorTask.two_class(hmm, mu)
        margin = task.posterior(texts) @ task.mu
        wrong += int(((value >= 0) != (margin >= 0))[margin.abs() > 1e-9].sum())
        total += len(texts)
    assert total == 2000
    assert wrong == 0


def test_soft_prompt_tuning_needs_only_the_row_space():
    """States 0 and 1 emit alike and have the same weight: dependent columns in B, and an exact head."""
    hmm = HMM(
        [0.25] * 4,
        [[0.5, 0.25, 0.25, 0], [0.25, 0.5, 0, 0.25], [0, 0, 0.5, 0.5], [0, 0, 0.5, 0.5]],
        [[0.7, 0.2, 0.1], [0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [0.2, 0.6, 0.2]],
    )
    prompt = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    rho = prompted_prior(hmm, prompt)
    assert rho.tolist() == [0.5, 0.25, 0.25, 0.0]
    mu = torch.tensor([2.0, 1.0, -2.0, 0.0], dtype=torch.float64)  # μ ⊙ π₀/ρ is equal on 0 and 1
    texts = sample_tokens(hmm, 500, 11, generator=0)[:, 1:]
    head = prompt_head(hmm, mu, prompt)
    task = PosteriorTask.two_class(hmm, mu)
    labels = task.labels(texts)
    assert 50 < int(labels.sum()) < 450
    assert torch.equal(head.labels(blank_probs(ExactMaskedLM(hmm), texts, prompt)), labels)
    with pytest.raises(DependentColumnsError):
        prompt_head(hmm, [1.0, 2.0, -2.0, 0.0], prompt)


def test_states_that_the_chain_cannot_start_in_do_not_matter():
    """State 3 is weighed and out of the prompt's reach, but H_0 is never there."""
    hmm = HMM(
        [0.4, 0.3, 0.3, 0.0],
        [[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 0, 1]],
        [[0.8, 0.2], [0.3, 0.7], [0.5, 0.5], [0.1, 0.9]],
    )
    mu = [1.0, -1.0, 0.0, 5.0]
    texts = sample_tokens(hmm, 300, 9, generator=0)[:, 1:]
    found = soft_prompt(hmm, mu, states=[0, 1])
    assert found.reached == (0, 1)
    labels = PosteriorTask.two_class(hmm, mu).labels(texts)
    assert torch.equal(found.labels(ExactMaskedLM(hmm), texts), labels)


def test_a_prompt_solves_what_no_head_solves():
    """Coin 0 or coin 1? Certified: no head alone. With coin 2 switched off, the theorem's head."""
    alone, bound = on_coins(COIN_0_NOT_1)
    assert not alone.separable
    assert bound < 1e-12
    keep = torch.tensor([[1.0, 1.0, 0.0]])
    assert on_coins(COIN_0_NOT_1, keep)[0].separable
    head, lm = prompt_head(COINS, COIN_0_NOT_1, keep), ExactMaskedLM(COINS)
    task = PosteriorTask.two_class(COINS, COIN_0_NOT_1)
    assert all(torch.equal(head.labels(blank_probs(lm, x, keep)), task.labels(x)) for x in TOSSES)


def test_soft_prompt_tuning_fails_if_a_weighed_state_is_out_of_reach():
    """Independent columns on B = {0, 2}, but the task weighs 1: certified, no head behind this prompt."""
    with pytest.raises(UnreachableStateError) as caught:
        soft_prompt(COINS, COIN_0_NOT_1, states=[0, 2])
    assert caught.value.state == 1
    found, bound = on_coins(COIN_0_NOT_1, torch.tensor([[1.0, 0.0, 1.0]]))
    assert not found.separable
    assert bound < 1e-12


def test_soft_prompt_tuning_fails_without_independent_columns():
    """Is it the fair coin? B must be all three, with two tokens: certified for each of 100 prompts."""
    with pytest.raises(AssumptionError):
        soft_prompt(COINS, FAIR)
    texts = TOSSES[11:12]
    labels = PosteriorTask.two_class(COINS, FAIR).labels(texts[0]).tolist()
    assert labels == [0] * 5 + [1] * 3 + [0] * 5
    for prompt in [None, *random_prompts(100, 3)]:
        found, bound = on_coins(FAIR, prompt, texts)
        assert not found.separable
        assert bound < 1e-12


def test_no_prompt_finds_the_fair_coin_because_what_is_shown_moves_one_way():
    for seed in range(50):
        p = torch.rand(4, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        lm = ExactMaskedLM(HMM([0.25] * 4, torch.eye(4), torch.cat([p, 1 - p], 1)))
        for prompt in random_prompts(3, 4):
            shown = blank_probs(lm, TOSSES[14], prompt)[:, 0]
            assert float(shown.diff().min()) > -1e-12


@pytest.mark.parametrize("length", [1, 2, 5])
def test_one_vector_is_enough_if_the_chain_can_start_everywhere(length: int):
    for seed in range(20):
        hmm = random_sparse_hmm(7, 4, generator=seed, n_followers=3)
        random = torch.Generator().manual_seed(seed)
        prompt = torch.rand(length, 7, dtype=torch.float64, generator=random)
        texts = sample_tokens(hmm, 20, 13, generator=seed)[:, 1:]
        one = (prompt[-1] * prompted_prior(hmm, prompt[:-1]) / hmm.initial)[None]
        lm = ExactMaskedLM(hmm)
        torch.testing.assert_close(
            blank_probs(lm, texts, one), blank_probs(lm, texts, prompt), atol=1e-12, rtol=0
        )


def test_one_vector_need_not_be_enough_if_the_chain_cannot_start_everywhere():
    hmm = HMM(
        [0.3, 0.3, 0.4, 0.0],
        [[0.5, 0, 0.5, 0], [0, 0.5, 0.5, 0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0]],
        [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8]],
    )
    mu = [1.0, -2.0, 0.0, 0.0]
    with pytest.raises(AssumptionError):
        find_prompt_states(hmm, mu)
    two = torch.tensor([[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    texts = sample_tokens(hmm, 500, 9, generator=0)[:, 1:]
    answers = prompt_head(hmm, mu, two).labels(blank_probs(ExactMaskedLM(hmm), texts, two))
    assert torch.equal(answers, PosteriorTask.two_class(hmm, mu).labels(texts))


def test_a_prompt_may_exist_where_the_linear_head_does_not():
    """On the theorem's machines with H > V the head of Section 3 cannot be built."""
    for seed in range(50):
        hmm = random_sparse_hmm(14, 10, generator=seed)
        mu = np.random.default_rng(seed).standard_normal(14) * (hmm.transition[[0, 1]] > 0).any(0).numpy()
        soft_prompt(hmm, mu)
        with pytest.raises(DependentColumnsError):
            linear_head(hmm, mu)


def test_on_the_papers_machines_prompt_states_run_out():
    """With 25 states each has more followers than there are tokens."""
    for seed in (1, 2, 3):
        hmm = random_hmm(25, generator=seed)
        mu = np.zeros(25)
        mu[:4] = 1.0
        with pytest.raises(AssumptionError):
            find_prompt_states(hmm, mu)


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_a_prompt_that_only_turns_states_down_is_safe_beyond_a_bound(noise: float):
    """Error at most c(x)·(‖b⊥‖ε + max|bᵀW_g|·P̃[E]); met where there is no noise and E is one state."""
    largest, wrong, unsafe = 0.0, 0, 0
    for seed in range(60):
        hmm = random_sparse_hmm(14, 10, generator=seed)
        mu = np.random.default_rng(seed).standard_normal(14) * (hmm.transition[[0, 1]] > 0).any(0).numpy()
        found = soft_prompt(hmm, mu)
        random, kept = torch.Generator().manual_seed(seed), list(found.reached)
        prompt = found.prompt + 0.01 * torch.rand(1, 14, dtype=torch.float64, generator=random)
        rho, task = prompted_prior(hmm, prompt), PosteriorTask.two_class(hmm, mu)
        outside = torch.ones(14, dtype=torch.bool)
        outside[kept] = False
        b = torch.linalg.pinv(hmm.emission[kept]) @ (task.mu * hmm.initial / rho)[kept]
        texts = sample_tokens(hmm, 40, 9, generator=seed)[:, 1:]
        error = torch.randn(40, 10, dtype=torch.float64, generator=random)
        error -= error.mean(1, keepdim=True)
        shown = blank_probs(ExactMaskedLM(hmm), texts, prompt) + noise * error / error.norm(dim=1)[:, None]
        posterior = task.posterior(texts)
        margin, c = posterior @ task.mu, posterior @ (rho / hmm.initial)
        behind = posterior * rho / hmm.initial / c[:, None]
        leak = (hmm.emission @ b).abs()[outside].amax() * behind[:, outside].sum(1)
        bound = c * ((b - b.mean()).norm() * noise + leak)
        assert float((b - b.mean()).norm()) <= float(b.norm())
        sigma = torch.linalg.svdvals(hmm.emission[kept])[-1]
        assert float(b.norm()) <= float((task.mu * hmm.initial / rho)[kept].norm() / sigma) * (1 + 1e-9)
        gap = (c * (shown @ b) - margin).abs()
        largest = max(largest, float((gap / (bound + 1e-9)).max()))
        off = ((shown @ b) >= 0) != (margin >= 0)
        wrong += int((off & (margin.abs() > bound + 1e-9)).sum())
        unsafe += int(off.sum())
    assert wrong == 0
    assert unsafe > 50  # elsewhere labels are lost
    assert 0.3 < largest < 1 + 1e-6


def test_no_prompt_rules_a_state_of_the_reviews_out():
    """From every state every other may follow: no zeros for a prompt to use, and a task that no head does."""
    reviews, lm = review_hmm(quotes=True), ExactMaskedLM(review_hmm(quotes=True))
    for k in range(4):
        assert float(prompted_prior(reviews, torch.eye(4)[k : k + 1]).min()) > 0
    linear_head(reviews, [0, 1, -1, 0])
    with pytest.raises(AssumptionError):
        find_prompt_states(reviews, [0, 1, 1, -5])
    texts = [torch.cartesian_prod(*[torch.arange(3)] * n).reshape(-1, n) for n in range(1, 5)]
    labels = torch.cat([PosteriorTask.two_class(reviews, [0, 1, 1, -5]).labels(x) for x in texts])
    assert 0.1 < float(labels.double().mean()) < 0.9
    for prompt in [None, *random_prompts(10, 4)]:
        shown = torch.cat([blank_probs(lm, x, prompt) for x in texts])
        found = separate(shown, labels)
        assert not found.separable
        assert certificate_bound(shown, labels, found.certificate) < 1e-12
