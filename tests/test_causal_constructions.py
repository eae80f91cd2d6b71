"""Heads and prompts for causal models: four theorems at the end of a text, and what breaks them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from hmmlib import ExactMaskedLM, MemoryHMM, random_hmm
from hmmlib.certificates import separate
from hmmlib.constructions import (
    AssumptionError,
    DependentColumnsError,
    UnreachableStateError,
    attention_head,
    causal_head,
    forgetting_bound,
    memory_prompt,
    next_probs,
    suffix_prompt,
)
from hmmlib.hmm import random_sparse_hmm, review_hmm, stationary_distribution
from hmmlib.lm import ExactCausalLM

WARM = {"transition_temperature": 0.3, "emission_temperature": 0.4}
REVIEWS, QUOTING = review_hmm(), review_hmm(quotes=True)
OWN = [0, 1, 1, -3]


def all_strings(n_tokens, length):
    return torch.tensor(list(product(range(n_tokens), repeat=length)))


def by_paths(hmm, text):
    """P[H_T | x], P[H_{T+1} | x] and the posterior of H_0, by summing over all paths of states."""
    n, T = hmm.n_states, len(text)
    initial, step, emit = (t.numpy() for t in (hmm.initial, hmm.transition, hmm.emission))
    last, coming, first = np.zeros(n), np.zeros(n), np.zeros(n)
    for path in product(range(n), repeat=T + 2):
        weight = initial[path[0]] * np.prod([step[path[t], path[t + 1]] for t in range(T + 1)])
        weight *= np.prod([emit[path[t + 1], text[t]] for t in range(T)])
        first[path[0]] += weight
        last[path[T]] += weight
        coming[path[T + 1]] += weight
    return [torch.from_numpy(p / p.sum()) for p in (last, coming, first)]


def end(hmm, texts):
    """P[H_T | x] and P[H_{T+1} | x]."""
    found = [by_paths(hmm, text.tolist())[:2] for text in texts]
    return [torch.stack(some) for some in zip(*found, strict=True)]


@pytest.mark.parametrize("lm", [ExactCausalLM, ExactMaskedLM])
def test_what_comes_next_is_read_at_the_last_blank(lm):
    hmm = random_hmm(3, 4, generator=0, **WARM)
    texts = all_strings(4, 2)
    coming = end(hmm, texts)[1]
    torch.testing.assert_close(next_probs(lm(hmm), texts), coming @ hmm.emission, atol=1e-12, rtol=0)
    vector = torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64)
    moved = coming * vector
    moved = moved / moved.sum(1, keepdim=True) @ hmm.transition
    found = next_probs(lm(hmm), texts, behind=vector[None])
    torch.testing.assert_close(found, moved @ hmm.emission, atol=1e-12, rtol=0)


def test_theorem_causal_heads_reproduce_the_margins_of_the_last_two_states():
    """hc-prop-head, by sums over paths."""
    for seed in range(8):
        hmm = random_hmm(3, 4, generator=seed, **WARM)
        mu = torch.from_numpy(np.random.default_rng(seed).standard_normal(3))
        texts = all_strings(4, 2)
        shown = next_probs(ExactCausalLM(hmm), texts)
        for about, p in zip(("last", "next"), end(hmm, texts), strict=True):
            values = causal_head(hmm, mu, about=about).values(shown)
            torch.testing.assert_close(values, p @ mu, atol=1e-8, rtol=0)


def test_theorem_the_last_state_needs_the_next_word_to_depend_on_it():
    """Behind the reviews' describing the chain goes on as it does elsewhere: no head, and a proof."""
    with pytest.raises(DependentColumnsError, match=r"WA\[:, 0\] = 0.5·WA\[:, 1\] \+ 0.5·WA\[:, 2\]"):
        causal_head(REVIEWS, [1, -1, -1], about="last")
    texts = all_strings(3, 3)
    last = end(REVIEWS, texts)[0]
    labels = (last @ torch.tensor([1.0, -1.0, -1.0]).double() >= 0).long()
    assert separate(next_probs(ExactCausalLM(REVIEWS), texts), labels).bound < 1e-12
    # The prediction before the last word, and that word, are enough.
    before = next_probs(ExactCausalLM(REVIEWS), texts[:, :-1]) @ torch.linalg.pinv(REVIEWS.emission)
    seen = before * REVIEWS.emission[:, texts[:, -1]].T
    torch.testing.assert_close(seen / seen.sum(1, keepdim=True), last, atol=1e-12, rtol=0)


def test_theorem_a_prompt_in_front_is_a_mixture_that_is_forgotten():
    """hc-prop-front: the identity by the posteriors after each first state, and the bound."""
    hmm = REVIEWS
    lm, u = ExactCausalLM(hmm), torch.tensor([[0.2, 0.0, 1.0]], dtype=torch.float64)
    for T in (1, 2, 3):
        texts = all_strings(3, T)
        shown = next_probs(lm, texts, front=u)
        rho = (u[0] * hmm.initial) @ hmm.transition
        for text, G in zip(texts.tolist(), shown, strict=True):
            mixture, total = torch.zeros(3, dtype=torch.float64), 0.0
            for g in range(3):
                p, weight = hmm.transition[g], float(rho[g])
                for z in text:
                    p = p * hmm.emission[:, z]
                    weight, p = weight * float(p.sum()), p / p.sum() @ hmm.transition
                mixture, total = mixture + weight * p, total + weight
            torch.testing.assert_close(G, mixture / total @ hmm.emission, atol=1e-12, rtol=0)
        others = torch.stack([next_probs(lm, texts, front=one[None]) for one in torch.eye(3).double()])
        apart = (others[:, None] - others[None]).abs().sum(-1).max() / 2
        assert 0 < float(apart) <= forgetting_bound(hmm.transition, T + 1) < 0.5


def test_theorem_suffix_prompts_get_every_label_right_with_more_states_than_tokens():
    """hc-thm-suffix on sparse HMMs, with any entries on the weighed states, by sums over paths."""
    built = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        hmm = random_sparse_hmm(4, 3, generator=seed)
        mu, vector = torch.zeros(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
        chosen = rng.permutation(4)[: 2 + seed % 2]
        mu[chosen] = torch.from_numpy(rng.standard_normal(len(chosen)))
        vector[chosen] = torch.from_numpy(rng.random(len(chosen)) + 0.1)
        try:
            tuned = suffix_prompt(hmm, mu, vector=vector)
        except DependentColumnsError:
            continue
        texts = all_strings(3, 2)
        coming = end(hmm, texts)[1]
        factor, margin = coming @ vector, coming @ mu
        possible = factor > 1e-12
        assert (margin[~possible].abs() < 1e-12).all()
        values = tuned.values(ExactCausalLM(hmm), texts[possible])
        torch.testing.assert_close(factor[possible] * values, margin[possible], atol=1e-9, rtol=0)
        built += 1
    assert built > 10


def test_theorem_without_its_assumptions_a_suffix_prompt_fails():
    texts = [all_strings(3, T) for T in range(1, 5)]
    lm = ExactCausalLM(QUOTING)
    with pytest.raises(UnreachableStateError, match="is zero on state 3"):
        suffix_prompt(QUOTING, OWN, vector=[0, 1, 1, 0])
    with pytest.raises(DependentColumnsError, match=r"WA\[:"):
        suffix_prompt(QUOTING, OWN, vector=[1, 1, 1, 1])
    tuned, rows = suffix_prompt(QUOTING, OWN), []
    for behind in (None, torch.tensor([[0.0, 1, 1, 0]]), torch.ones(1, 4), tuned.prompt):
        rows.append(torch.cat([next_probs(lm, x, behind=behind) for x in texts]))
    coming = []
    for x in texts:  # a forward recursion
        p = QUOTING.initial.expand(len(x), -1) @ QUOTING.transition
        for z in x.T:
            p = p * QUOTING.emission[:, z].T
            p = p / p.sum(1, keepdim=True) @ QUOTING.transition
        coming.append(p)
    labels = (torch.cat(coming) @ torch.tensor(OWN).double() >= 0).long()
    assert [separate(G, labels).separable for G in rows] == [False, False, False, True]
    assert torch.equal(torch.cat([tuned.labels(lm, x) for x in texts]), labels)


def test_a_suffix_in_words_and_several_classes():
    tuned = suffix_prompt(REVIEWS, [0, 1, -1], vector=REVIEWS.emission[:, 0])
    texts = all_strings(3, 2)
    margin = end(REVIEWS, texts)[1] @ torch.tensor([0.0, 1.0, -1.0]).double()
    values = tuned.values(ExactCausalLM(REVIEWS), texts)
    assert ((values >= 0) == (margin >= 0))[margin.abs() > 1e-9].all()
    assert tuned.states == (0, 1, 2)
    both = suffix_prompt(REVIEWS, [[0, 1, 0], [0, 0, 1]])
    assert both.states == (1, 2)
    clear = margin.abs() > 1e-9
    assert torch.equal(both.labels(ExactCausalLM(REVIEWS), texts)[clear], (margin < 0).long()[clear])


def test_what_is_wrong_with_a_vector_or_a_question_is_named():
    for vector in ([1, 1], [0, 0, 0], [1, -1, 1], [1, float("nan"), 1]):
        with pytest.raises(ValueError, match=r"^vector: expected"):
            suffix_prompt(REVIEWS, [0, 1, -1], vector=vector)
    with pytest.raises(ValueError, match=r"^mu: every weight is zero"):
        suffix_prompt(REVIEWS, [0, 0, 0])
    with pytest.raises(ValueError, match=r"^about: expected one of \('next', 'last'\), got 'first'"):
        causal_head(REVIEWS, [0, 1, -1], about="first")
    with pytest.raises(ValueError, match=r"^behind: expected shape \(k, 3\)"):
        next_probs(ExactCausalLM(REVIEWS), [[0]], behind=[[1, 1]])


# --- memory ---

MOVES = torch.tensor([[0, 0.6, 0.4], [0, 0, 1], [0.6, 0.2, 0.2]], dtype=torch.float64)
SURE = 1 - 1e-9


def opinionated(*opinions):
    fixed = [[0.8, 0.2, 0, 0, 0], [0, 0, 1, 0, 0]]
    emission = [[[*fixed, [0, o[0], 0, *o[1:]]]] for o in opinions]
    start = stationary_distribution(MOVES).expand(len(opinions), 1, 3) / len(opinions)
    return MemoryHMM(start, MOVES, emission)


MEMO = opinionated([0.2, 0.7, 0.1], [0.1, 0.1, 0.8], [0.4, 0.3, 0.3])
MIXED = opinionated([0.2, 0.7, 0.1], [0.1, 0.1, 0.8], [0.15, 0.4, 0.45])


def memory_given(hmm, text):
    """P[M | x], by sums over contents and paths; None if the text cannot occur."""
    start, step, emit = hmm.initial.numpy(), hmm.transition.numpy(), hmm.emission.numpy()
    found = np.zeros(hmm.n_values)
    for m, path in product(range(hmm.n_values), product(range(3), repeat=len(text) + 1)):
        weight = start[m, 0, path[0]]
        for t, token in enumerate(text):
            weight *= step[path[t], path[t + 1]] * emit[m, 0, path[t + 1], token]
        found[m] += weight
    return torch.from_numpy(found / found.sum()) if found.sum() else None


def possible_texts(hmm, length):
    pairs = [(x, memory_given(hmm, x)) for x in product(range(5), repeat=length)]
    kept = [(x, p) for x, p in pairs if p is not None]
    return torch.tensor([x for x, _ in kept]), torch.stack([p for _, p in kept])


def asked_next(head, lm, texts, **prompts):
    shown = next_probs(lm, texts, **prompts)[:, None]
    blank = torch.full((len(texts), 1), lm.mask_token)
    return head.keys(shown)[:, 0], head.position_values(shown, blank)[:, 0]


def test_theorem_the_causal_attention_head_is_right_where_the_next_word_is_sure():
    """hc-thm-attention, and hc-lem-keys at the positions before."""
    mu = torch.tensor([1.0, -1.0, 0.2], dtype=torch.float64)
    head, lm = attention_head(MEMO, mu), ExactCausalLM(MEMO)
    texts, memory = possible_texts(MEMO, 3)
    key, value = asked_next(head, lm, texts)
    sure = key > SURE
    assert 0 < int(sure.sum()) < len(texts)
    torch.testing.assert_close(value[sure], (memory @ mu)[sure], atol=1e-12, rtol=0)
    # At an earlier position that is sure, the head answers for the text so far: perhaps another label.
    blanks = torch.full((len(texts), 1), lm.mask_token)
    G = lm.token_probs(lm.embed(torch.cat([blanks, texts], 1)))[:, 1:]
    seen = G.gather(2, texts[..., None])[..., 0]
    scaled, changed = head.position_values(G, texts) / seen, 0
    for row, i in (head.keys(G) > SURE).nonzero().tolist():
        so_far = memory_given(MEMO, texts[row, : i + 1].tolist()) @ mu
        assert float(scaled[row, i]) == pytest.approx(float(so_far), abs=1e-12)
        changed += bool((so_far >= 0) != (memory[row] @ mu >= 0))
    assert changed > 0


def test_theorem_a_prompt_for_the_memory_is_not_forgotten_by_a_causal_model():
    """hc-prop-memory: in front, where three values are dependent and two are not."""
    mu = torch.tensor([1.0, -1.5, 0.0], dtype=torch.float64)
    with pytest.raises(AssumptionError):
        attention_head(MIXED, mu)
    tuned, lm = memory_prompt(MIXED, mu), ExactCausalLM(MIXED)
    texts, memory = possible_texts(MIXED, 3)
    given = memory @ mu / memory[:, :2].sum(1)
    key, value = asked_next(tuned.head, lm, texts, front=tuned.prompt)
    sure = key > SURE
    assert 0 < int(sure.sum()) < len(texts)
    torch.testing.assert_close(value[sure], given[sure], atol=1e-9, rtol=0)
    # Behind the text it conditions just as well, but the word after it is never sure here.
    key, _ = asked_next(tuned.head, lm, texts, behind=tuned.prompt)
    assert float(key.max()) < SURE
