"""The four theorems as one, in fractions: weights that the columns left give, and what they give."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch

from hmmlib import HMM, ExactMaskedLM, MemoryHMM, PosteriorTask, sample_tokens, text_probs
from hmmlib.constructions import attention_head, rational_head, two_bundles
from hmmlib.hmm import RationalHMM

TEXTS = [x for n in range(4) for x in product(range(3), repeat=n)]
THE = [1, 0, 0]


def drawn(seed, n_states, n_tokens=3, followers=12):
    """An HMM in fractions, of twelfths; a state has at most so many followers, a divisor of twelve."""
    random = np.random.default_rng(seed)
    initial = random.multinomial(12, [1 / n_states] * n_states) / 12
    moves = random.multinomial(followers, [1 / n_states] * n_states, size=n_states) / followers
    emission = random.multinomial(12, [1 / n_tokens] * n_tokens, size=n_states) / 12
    return RationalHMM(HMM(initial, moves, emission))


def possible(model):
    return [x for x in TEXTS if model.initial @ model.likelihoods(x)]


@pytest.mark.parametrize("seed", range(8))
def test_theorem_one_for_a_head_and_its_converse(seed):
    model = drawn(seed, 3 + seed % 2)
    mu = np.random.default_rng(seed).integers(-3, 4, size=len(model.initial)).astype(object)
    p = np.array([model.leave_one_out(x, 0) for x in possible(model)])
    shown, margins = p @ model.emission.T, p @ mu
    b = rational_head(model.emission, mu)
    if b is not None:
        assert set(shown @ b - margins) == {0}
        spoilt = b + np.array([Fraction(1, 10**9), 0, 0], dtype=object)
        assert set(shown @ spoilt - margins) != {0}
    # Where texts reach fewer directions than there are states, a head may be there all the same.
    fits, bundles = rational_head(shown.T, margins), two_bundles(shown, margins)
    assert (fits is None) is (bundles is not None)
    if bundles is not None:
        assert b is None
        assert set(bundles @ shown) == {0}
        assert bundles @ margins == 1
        assert bundles.sum() == 0


def test_both_outcomes_occur_among_the_draws():
    heads = [
        rational_head(model.emission, np.arange(len(model.initial)).astype(object)) is not None
        for model in (drawn(seed, 3 + seed % 2) for seed in range(8))
    ]
    assert set(heads) == {True, False}


def prompted(seed):
    """An HMM, the prior behind a random prompt, a task on the states left, and its head or None."""
    model, random = drawn(seed, 4, followers=2), np.random.default_rng(seed)
    rho = model.transition @ (random.multinomial(2, [0.25] * 4).astype(object) * model.initial)
    left, mu = np.flatnonzero(rho), np.zeros(4, dtype=object)
    mu[left] = random.integers(1, 4, size=len(left)) * random.choice([-1, 1], size=len(left))
    if not len(left):
        return model, rho, mu, None
    return model, rho, mu, rational_head(model.emission[:, left], (mu * model.initial)[left] / rho[left])


@pytest.mark.parametrize("seed", range(30))
def test_theorem_one_for_a_prompt(seed):
    model, rho, mu, b = prompted(seed)
    for x in possible(model) if b is not None else []:
        L = model.likelihoods(x)
        if rho @ L:
            G = model.emission @ model.leave_one_out(x, 0, prior=rho)
            factor = (rho @ L) / (model.initial @ L)
            assert factor * (b @ G) == mu @ model.leave_one_out(x, 0)


def test_prompts_that_suit_occur_among_the_draws():
    heads = [prompted(seed)[3] for seed in range(30)]
    assert sum(b is not None and b.any() for b in heads) >= 10
    assert any(b is None for b in heads)


@pytest.mark.parametrize("kept", [2, 3])
def test_theorem_one_for_attention_heads_without_a_prompt_and_with_one(kept):
    opinions = [[0, 0.7, 0.3], [0, 0.2, 0.8], [0, 0.45, 0.55]]
    prior = [[[0.25, 0.25]]] * 2 if kept == 3 else [[[0.2, 0.2]], [[0.2, 0.2]], [[0.1, 0.1]]]
    memory = MemoryHMM(prior, [[0, 1], [0.5, 0.5]], [[[THE, row]] for row in opinions[: len(prior)]])
    model, mu = RationalHMM(memory), np.array([3, -2, 0][: len(prior)], dtype=object)
    left = model.initial * np.array([1, 1, 1, 1, 0, 0][: 2 * len(prior)], dtype=object)
    checked = 0
    for x in possible(model):
        posterior = model.leave_one_out(x, 0).reshape(-1, 2).sum(1)
        for i, token in enumerate(x, start=1):
            p = model.leave_one_out(x, i, prior=left)
            if p[1::2].sum() != 1:
                continue
            nu = np.zeros(4, dtype=object)
            nu[1::2] = mu[:2] * model.emission[token, 1:4:2]
            b, G = rational_head(model.emission[:, :4], nu), model.emission @ p
            assert posterior[:2].sum() / G[token] * (b @ G) == mu @ posterior
            checked += 1
    assert checked > 10


def test_an_attention_head_keeps_the_labels_that_the_bound_of_noise_promises():
    memory = MemoryHMM(
        [[[0.25, 0.25]]] * 2, [[0, 1], [0.5, 0.5]], [[[THE, [0, 0.7, 0.3]]], [[THE, [0, 0.2, 0.8]]]]
    )
    head, task = attention_head(memory, [1, -1]), PosteriorTask.two_class(memory, [1, -1])
    x = sample_tokens(memory, batch=500, time=9, generator=1)[:, 1:]
    G, margin = text_probs(ExactMaskedLM(memory), x), task.posterior(x) @ task.mu
    seen = G.gather(2, x[..., None])[..., 0]
    key = head.key @ head.projection
    value = (head.weights * head.embeddings) @ head.projection
    spread = value.amax(1) - value.amin(1)
    covered = (head.keys(G) > 1 - 1e-9).any(1)
    promised, wrong = 0, 0
    for size in (0.01, 0.05, 0.2, 0.4):
        # The worst there is: all that is moved goes to the token that the value weighs most, or least.
        for end in (value[x].argmin(-1), value[x].argmax(-1)):
            shown = (1 - size) * G + size * torch.nn.functional.one_hot(end, 3)
            delta = ((shown - G).abs().sum(2) / 2).amax(1, keepdim=True)
            need = delta * (2 * (key.max() - key.min()) + spread[x])
            chosen = head.attention(shown) > 0
            sure = covered & ((seen * margin.abs()[:, None] > need) | ~chosen).all(1)
            correct = (head.values(shown, x) >= 0) == (margin >= 0)
            promised, wrong = promised + int(sure.sum()), wrong + int((~correct).sum())
            assert not (sure & ~correct).any()
    assert promised > 500
    assert wrong > 100
