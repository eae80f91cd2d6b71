"""Hard prompts: what strings of tokens rule out, how soon they are forgotten, and the search for the best."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch

from hmmlib import HMM, ExactMaskedLM, PosteriorTask, blank_probs, logistic_head
from hmmlib.certificates import hull_distance
from hmmlib.constructions import (
    AssumptionError,
    SearchGaveUpError,
    forgetting_bound,
    projective_diameter,
    prompted_prior,
    shortest_hard_prompt,
)
from hmmlib.hmm import review_hmm
from hmmlib.lm import ExactCausalLM
from hmmlib.tuning import best_hard_prompts

COINS = HMM([1 / 3] * 3, torch.eye(3), [[0.2, 0.8], [0.5, 0.5], [0.8, 0.2]])


def positive(seed, n_states, n_tokens=3):
    """An HMM without zeros."""
    rng = np.random.default_rng(seed)
    shapes = (n_states, n_states), (n_states, n_tokens)
    tables = [0.1 + rng.random(shape) ** 3 for shape in shapes]
    tables = [table / table.sum(1, keepdims=True) for table in tables]
    return HMM(np.full(n_states, 1 / n_states), *tables)


def patchy(seed, n_states=4, n_tokens=3, zeros=0.6):
    """An HMM with zeros everywhere, the initial distribution included, and a task that weighs two states."""
    rng = np.random.default_rng(seed)
    tables = []
    for rows, size in ((1, n_states), (n_states, n_states), (n_states, n_tokens)):
        table = rng.random((rows, size)) * (rng.random((rows, size)) > (0.2 if rows == 1 else zeros))
        table[np.arange(rows), rng.integers(size, size=rows)] += 0.2
        tables.append(table / table.sum(1, keepdims=True))
    mu = np.zeros(n_states)
    mu[rng.permutation(n_states)[:2]] = 1, -1
    return HMM(tables[0][0], *tables[1:]), mu


def strings(hmm, longest):
    """All strings that can occur, with the prior that they leave, by length and then in order."""
    A, W = hmm.transition.T.numpy(), hmm.emission.T.numpy()
    level = [((), hmm.initial.numpy())]
    for _ in range(longest + 1):
        yield from level
        longer = [((*s, z), A @ (W[z] * p)) for s, p in level for z in range(len(W))]
        level = [(s, p / p.sum()) for s, p in longer if p.any()]


def suits(hmm, mu, rho):
    left = rho > 0
    columns = hmm.emission.T.numpy()[:, left]
    wanted = (mu != 0) & (hmm.initial.numpy() > 0)
    return bool(left[wanted].all()) and np.linalg.matrix_rank(columns) == left.sum()


def test_theorem_the_shortest_string_is_the_first_that_brute_force_finds():
    """hc-prop-shortest: against all strings of up to five tokens, multiplied out and tested one by one."""
    found, none = [], 0
    for seed in range(80):
        hmm, mu = patchy(seed)
        brute = next((s for s, rho in strings(hmm, 5) if suits(hmm, mu, rho)), None)
        try:
            prompt = shortest_hard_prompt(hmm, mu)
        except AssumptionError:
            assert brute is None
            none += 1
            continue
        if len(prompt.tokens) <= 5:
            assert prompt.tokens == brute
        else:
            assert brute is None
        found.append(len(prompt.tokens))
        rho = prompted_prior(hmm, hmm.emission[:, list(prompt.tokens)].T)
        assert prompt.reached == tuple((rho > 0).nonzero().flatten().tolist())
    assert none > 10
    assert max(found) >= 2
    assert min(found) == 0


def test_theorem_a_string_that_rules_states_out_gets_every_label_right():
    """sp-thm-prompt with ρ of a string: the value is the margin up to the factor that the theorem names."""
    checked = 0
    for seed in range(40):
        hmm, mu = patchy(seed, n_states=5)
        try:
            prompt = shortest_hard_prompt(hmm, mu)
        except AssumptionError:
            continue
        texts = torch.tensor(list(product(range(3), repeat=3)))
        likelihood = torch.ones(len(texts), 5, dtype=torch.float64)
        for z in texts.T.flip(0):
            likelihood = (hmm.emission[:, z].T * likelihood) @ hmm.transition.T
        rho = prompted_prior(hmm, hmm.emission[:, list(prompt.tokens)].T)
        possible = (likelihood @ rho > 0) & (likelihood @ hmm.initial > 0)
        if not possible.any():
            continue
        posterior = likelihood * hmm.initial / (likelihood @ hmm.initial)[:, None]
        margin = (posterior @ torch.from_numpy(mu))[possible]
        factor = (likelihood @ rho / (likelihood @ hmm.initial))[possible]
        value = prompt.values(ExactMaskedLM(hmm), texts[possible])
        torch.testing.assert_close(factor * value, margin, atol=1e-10, rtol=0)
        checked += len(value)
    assert checked > 100


def test_theorem_a_shortest_string_may_have_as_many_tokens_as_the_product_of_cycles():
    for lengths in ([2, 3], [3, 4], [2, 3, 5]):
        size, n_tokens = sum(lengths), len(lengths) + 1
        transition, first = torch.zeros(size, size), [sum(lengths[:i]) for i in range(len(lengths))]
        for start, n in zip(first, lengths, strict=True):
            transition[range(start, start + n), [*range(start + 1, start + n), start]] = 1
        rng = np.random.default_rng(0)
        emission = 0.1 + rng.random((size, n_tokens))
        emission[:, 0] = 0
        emission[first, 0] = 1
        hmm = HMM([1 / size] * size, transition, emission / emission.sum(1, keepdims=True))
        mu = torch.zeros(size)
        mu[first] = 1
        prompt = shortest_hard_prompt(hmm, mu)
        assert len(prompt.tokens) == math.prod(lengths)
        assert prompt.tokens[0] == 0
        assert prompt.reached == tuple(first)


def test_a_search_that_gives_up_says_so():
    with pytest.raises(SearchGaveUpError, match=r"first 1 sets .* or a larger most_sets"):
        shortest_hard_prompt(
            HMM([1 / 3] * 3, np.eye(3), [[1, 0], [0.5, 0.5], [0, 1]]), [1, -1, 0], most_sets=1
        )


def test_no_string_where_every_state_can_write_every_word_and_states_are_many():
    with pytest.raises(AssumptionError, match="no string of tokens, of any length"):
        shortest_hard_prompt(review_hmm(quotes=True), [0, 1, 0, -3])


def test_theorem_no_state_is_switched_off_where_all_tokens_are_possible():
    """hc-prop-floor: the smallest prior that any string leaves, against the bound."""
    tight = 0.0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n = 2 + seed % 3
        A = rng.random((n, n)) * (rng.random((n, n)) > 0.4) + 0.3 * np.eye(n)[rng.permutation(n)]
        W = rng.random((n, 2)) + 0.05
        hmm = HMM(np.full(n, 1 / n), A / A.sum(1, keepdims=True), W / W.sum(1, keepdims=True))
        A, W = hmm.transition.T.numpy(), hmm.emission.T.numpy()
        power = next((m for m in range(1, 5) if (np.linalg.matrix_power(A, m) > 0).all()), None)
        if power is None:
            continue
        ratio = min(row.min() / row.max() for row in W)
        floor = ratio ** (power - 1) * np.linalg.matrix_power(A, power).min(1)
        for string, rho in strings(hmm, power + 2):
            if len(string) >= power:
                assert (rho >= floor - 1e-12).all()
                tight = max(tight, float((floor / rho).max()))
    assert tight > 0.5


def test_theorem_text_like_a_state_singles_it_out_at_the_rate_of_the_divergence():
    """hc-prop-still on the coins: one toss in five is an a."""
    w = COINS.emission
    for k in (5, 20, 40):
        string = [0] * (k // 5) + [1] * (k - k // 5)
        rho = prompted_prior(COINS, w[:, string].T)
        for coin in (1, 2):
            kl = (w[0] * (w[0] / w[coin]).log()).sum()
            assert float(rho[coin] / rho[0]) == pytest.approx(float((-k * kl).exp()), rel=1e-10)


def test_theorem_what_is_written_first_is_forgotten():
    """hc-thm-forget: no vector in front moves what is shown by more, behind any words and before any text."""
    closest = 0.0
    for seed in range(6):
        hmm = positive(seed, 2 + seed % 3)
        lm, texts = ExactMaskedLM(hmm), torch.tensor(list(product(range(3), repeat=2)))
        for j in range(3):
            bound = forgetting_bound(hmm.transition, j)
            assert bound < 0.9
            for words in product(range(3), repeat=j):
                after = hmm.emission[:, list(words)].T
                starts = torch.eye(hmm.n_states, dtype=torch.float64)
                shown = torch.stack([blank_probs(lm, texts, torch.cat([u[None], after])) for u in starts])
                apart = float((shown[:, None] - shown[None]).abs().sum(-1).max() / 2)
                assert apart <= bound + 1e-12
                closest = max(closest, apart / bound)
    assert closest > 0.3


def test_the_bound_on_forgetting_is_attained():
    """Two mirror-image states, each with a word of its own: equality without a common word."""
    hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], np.eye(2))
    shown = [prompted_prior(hmm, [u]) @ hmm.emission for u in ([1.0, 0.0], [0.0, 1.0])]
    apart = float((shown[0] - shown[1]).abs().sum() / 2)
    assert apart == pytest.approx(forgetting_bound(hmm.transition, 0), rel=1e-12)


def test_theorem_hulls_move_by_no_more_than_twice_the_bound():
    """hc-cor-finite."""
    hmm = review_hmm(quotes=True)
    lm, texts = ExactMaskedLM(hmm), torch.tensor(list(product(range(3), repeat=3)))
    labels = PosteriorTask.two_class(hmm, [0, 1, -1, -0.5]).labels(texts)

    def distance(string):
        return hull_distance(blank_probs(lm, texts, hmm.emission[:, list(string)].T), labels).distance

    moved = []
    for ending in ([1], [2, 0]):
        bound = 2 * forgetting_bound(hmm.transition, len(ending) - 1)
        moved += [abs(distance([z, *ending]) - distance(ending)) for z in range(3)]
        assert max(moved[-3:]) <= bound
    assert max(moved) > 0


def test_the_diameter_is_the_largest_cross_ratio():
    transition = positive(1, 4).transition
    ratios = [
        math.log(transition[g, h] * transition[k, i] / (transition[k, h] * transition[g, i]))
        for g, k, h, i in product(range(4), repeat=4)
    ]
    assert projective_diameter(transition) == pytest.approx(max(ratios), rel=1e-12)
    assert projective_diameter(torch.eye(2)) == math.inf
    assert forgetting_bound(torch.eye(2), 7) == 1.0
    assert projective_diameter([[0.4, 0.6, 0.0]] * 3) == 0  # the third state never follows
    with pytest.raises(ValueError, match=r"^transition: expected shape \(H, H\), got \(1, 2\)"):
        projective_diameter([[0.5, 0.5]])
    with pytest.raises(ValueError, match=r"^transition: row 0: sums to 0.9"):
        forgetting_bound([[0.5, 0.4], [0.5, 0.5]], 1)


# --- the search ---


def test_without_a_width_every_string_is_tried():
    hmm = review_hmm(quotes=True)
    lm, texts = ExactMaskedLM(hmm), torch.tensor(list(product(range(3), repeat=3)))
    labels = PosteriorTask.two_class(hmm, [0, 1, 0, -3]).labels(texts)
    found = best_hard_prompts(lm, texts, labels, length=2)
    assert [len(fit.tokens) for fit in found] == [0, 1, 2]
    for fit in found:
        losses = {
            z: logistic_head(blank_probs(lm, texts, hmm.emission[:, list(z)].T), labels).loss
            for z in product(range(3), repeat=len(fit.tokens))
        }
        assert fit.loss == pytest.approx(min(losses.values()), abs=1e-9)
        assert losses[fit.tokens] == pytest.approx(fit.loss, abs=1e-9)
    greedy = best_hard_prompts(lm, texts, labels, length=2, width=1)
    assert greedy[2].tokens[1:] == greedy[1].tokens  # strings grow at the front
    assert greedy[2].loss >= found[2].loss - 1e-9


def test_strings_that_cannot_occur_are_left_out():
    hmm = HMM([0.5, 0.5], [[1, 0], [0, 1]], [[0.7, 0.3, 0], [0.2, 0.3, 0.5]])
    texts = torch.tensor([[0, 0], [1, 0], [0, 2]])  # the last is in state 1, which the string (2, …) is too
    found = best_hard_prompts(ExactMaskedLM(hmm), texts, [1, 1, 0], length=1)
    assert len(found) == 2
    alone = HMM([1.0, 0.0], [[0, 1], [0, 1]], [[1, 0], [0, 1]])
    assert len(best_hard_prompts(ExactMaskedLM(alone), [[1], [1]], [1, 0], length=3)) == 2


def test_a_causal_model_is_refused():
    with pytest.raises(ValueError, match="a head at the blank before a text"):
        best_hard_prompts(ExactCausalLM(COINS), [[0], [1]], [0, 1], length=1)
