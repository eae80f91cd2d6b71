"""Prompts that condition the memory (the paper's Section 4, second part): where they work, and where not."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch

from hmmlib import (
    ExactMaskedLM,
    MemoryHMM,
    PosteriorTask,
    posteriors,
    posteriors_from_evidence,
    prepend_mask,
    prepend_prompt,
    sample_tokens,
    text_probs,
)
from hmmlib.certificates import certificate_bound, separate
from hmmlib.constructions import (
    AssumptionError,
    DependentColumnsError,
    MemoryPrompt,
    attention_head,
    memory_prompt,
    recoverable_states,
    start_error_bound,
    start_errors,
)
from hmmlib.hmm import random_recoverable_hmm, stationary_distribution


def weights_of(n_values: int, n_weighed: int, seed: int) -> np.ndarray:
    """Random weights for randomly chosen values, zero for the others."""
    random = np.random.default_rng(seed)
    weights = np.zeros(n_values)
    weights[random.permutation(n_values)[:n_weighed]] = random.standard_normal(n_weighed)
    return weights


class Reading:
    """What head and task say of texts; the margin is that given M ∈ ℳ*."""

    def __init__(self, model: MemoryHMM, tuned: MemoryPrompt, mu: np.ndarray, texts: torch.Tensor) -> None:
        probs = tuned.probs(ExactMaskedLM(model), texts)
        one = tuned.head.keys(probs) > 1 - 1e-9
        posterior = PosteriorTask.two_class(model, mu).posterior(texts)
        self.exact = posterior @ torch.from_numpy(mu)
        self.margin = self.exact / posterior[:, list(tuned.values_kept)].sum(1)
        self.read = one.any(1)
        shown = tuned.head.position_values(probs, texts) / probs.gather(-1, texts[..., None])[..., 0]
        self.gaps = (shown - self.margin[:, None]).abs()[one]
        self.differs = (tuned.head.values(probs, texts) >= 0) != (self.exact >= 0)

    def wrong(self, beyond: float) -> int:
        return int((self.differs & self.read & (self.margin.abs() > beyond)).sum())


def test_prompt_tuning_with_a_memory_of_one_cell():
    """No head exists without the prompt; with it, every label is right where some key is one."""
    wrong, read, largest = 0, 0, 0.0
    for seed in range(250):
        n_values, n_kept = 3 + seed % 4, 2 + seed % 4 // 2
        model = random_recoverable_hmm(n_values, 3, n_kept + 2, n_kept=n_kept, generator=seed)
        mu = weights_of(n_values, n_kept, seed)
        with pytest.raises(DependentColumnsError):
            attention_head(model, mu)
        tuned = memory_prompt(model, mu)
        assert tuned.n_blanks == 0
        assert set(tuned.values_kept) == set(mu.nonzero()[0])
        found = Reading(model, tuned, mu, sample_tokens(model, 50, 13, generator=seed)[:, 1:])
        wrong += int((found.differs & found.read & (found.exact.abs() > 1e-9)).sum())
        read += int((found.read & (found.exact.abs() > 1e-9)).sum())
        largest = max(largest, float(found.gaps.max()))
    assert read > 10_000
    assert wrong == 0
    assert largest < 1e-9


def test_a_prompt_for_one_cell_is_conditioning_on_its_values():
    """P[X_i | x_{-i}, M ∈ ℳ*], also where memory and chain depend on one another."""
    random = np.random.default_rng(0)
    start = random.dirichlet(np.ones(12)).reshape(4, 1, 3)
    model = MemoryHMM(start, random.dirichlet(np.ones(3), 3), random.dirichlet(np.ones(7), (4, 1, 3)))
    tuned = memory_prompt(model, [0.0, 1.0, 0.0, -1.0])
    start[[0, 2]] = 0.0
    restricted = MemoryHMM(start / start.sum(), model.transition, model.emission)
    texts = sample_tokens(model, 40, 12, generator=0)
    torch.testing.assert_close(
        tuned.probs(ExactMaskedLM(model), texts),
        text_probs(ExactMaskedLM(restricted), texts),
        atol=1e-13,
        rtol=0,
    )


def test_a_prompt_after_the_text_does_the_same_for_one_cell():
    model = random_recoverable_hmm(4, 3, 5, n_kept=2, generator=3)
    tuned, lm = memory_prompt(model, [1.0, 0.0, -1.0, 0.0]), ExactMaskedLM(model)
    texts = sample_tokens(model, 40, 12, generator=0)
    behind = torch.cat([lm.embed(prepend_mask(lm, texts)), tuned.prompt.expand(40, 1, -1)], 1)
    torch.testing.assert_close(tuned.probs(lm, texts), lm.token_probs(behind)[:, 1:-1], atol=1e-13, rtol=0)


def test_prompt_tuning_with_several_cells_and_enough_blanks():
    wrong, read = 0, 0
    for seed in range(200):
        model = random_recoverable_hmm(3, 2, 5, n_cells=2, n_kept=2, generator=seed)
        mu = weights_of(3, 2, seed)
        tuned = memory_prompt(model, mu)
        assert tuned.start_error <= 1e-9
        texts = sample_tokens(model, 64, 10, generator=seed)[:, 1:]
        found = Reading(model, tuned, mu, texts)
        beyond = max(1e-9, 4 * tuned.start_error * abs(mu).max())
        wrong += found.wrong(beyond)
        read += int((found.read & (found.margin.abs() > beyond)).sum())
        assert float(found.gaps.max()) < 1e-8
    assert read > 10_000
    assert wrong == 0


def test_the_error_with_few_blanks_is_within_the_bound_of_the_start_error():
    """|value − margin| ≤ (max μ − min μ)·δ/(1 + √(1 − δ²)); and the error is no rounding error."""
    largest, read, near = 0.0, 0, 0.0
    for seed in range(200):
        model = random_recoverable_hmm(3, 2, 5, n_cells=2, n_kept=2, generator=seed)
        mu = weights_of(3, 2, seed)
        tuned = memory_prompt(model, mu, n_blanks=2 + seed % 4)
        bound = start_error_bound(mu, tuned.start_error)
        found = Reading(model, tuned, mu, sample_tokens(model, 60, 10, generator=seed)[:, 1:])
        assert bool((found.gaps <= bound + 1e-9).all())
        assert found.wrong(bound + 1e-9) == 0
        largest = max(largest, float(found.gaps.max()))
        near = max(near, float(found.gaps.max()) / bound)
        read += int(found.read.sum())
    assert read > 9_000
    assert largest > 0.05
    assert near > 0.1


def two_cells_that_need_the_whole_bound(delta, leak):
    """One blank leaves the start error δ, and a first word that tells much of what was read.

    Cell 0 with value 0 writes word 0, with value 1 word 1; cell 1 writes word 0 with probability `leak`. The
    prior of the value makes the posterior after word 0 the worst one, for `leak` → 0.
    """
    stay = (1 + delta**0.5) / 2
    worst = 1 / (1 + ((1 + delta) / (1 - delta)) ** 0.5)
    odds = worst / (1 - worst) * leak / (1 + leak)
    first = np.array([odds, 1.0]) / (1 + odds)
    initial = np.broadcast_to(first[:, None, None, None] / 4, (2, 2, 2, 1))
    other = [leak, 0, 1 - leak]
    emission = np.array([[[[1.0, 0, 0]], [other]], [[[0, 1.0, 0]], [other]]])[:, :, 0][:, :, None]
    return MemoryHMM(initial, [[stay, 1 - stay], [1 - stay, stay]], emission)


@pytest.mark.parametrize("delta", [0.1, 0.5, 0.9])
def test_no_smaller_bound_holds(delta):
    mu, text = [1.0, -2.0], torch.tensor([[0]])
    shares = []
    for leak in (1e-1, 1e-3, 1e-5):
        model = two_cells_that_need_the_whole_bound(delta, leak)
        tuned = memory_prompt(model, mu, n_blanks=1)
        assert tuned.start_error == pytest.approx(delta)
        lm = ExactMaskedLM(model)
        blank = torch.tensor([[lm.mask_token]])
        embedded = prepend_prompt(tuned.prompt, lm.embed(torch.cat([blank, text], 1)))
        last = posteriors_from_evidence(model, embedded, keep=("filtered",)).filtered[0, -1]
        seen = last.reshape(2, 2, 2).sum((1, 2))
        exact = PosteriorTask.two_class(model, mu).posterior(text)[0]
        gap = abs(float((seen - exact) @ torch.tensor(mu, dtype=torch.float64)))
        shares.append(gap / start_error_bound(mu, delta))
    assert shares == sorted(shares)
    assert 1 - 1e-3 < shares[-1] < 1


def test_the_bound_is_the_worst_that_factors_can_do():
    random = np.random.default_rng(0)
    for delta in (0.2, 0.7, 1.0):
        most = 0.0
        for _ in range(4000):
            p = random.dirichlet(np.full(3, 0.7))
            factors = (
                np.where(random.random(3) < 0.5, 1 - delta, 1 + delta)
                if _ % 2
                else random.uniform(1 - delta, 1 + delta, 3)
            )
            if (total := factors @ p) > 0:
                most = max(most, abs(np.array([1.0, -2.0, 0.5]) @ (factors * p / total - p)))
        assert 0.9 < most / start_error_bound([1.0, -2.0, 0.5], delta) <= 1 + 1e-12
    assert start_error_bound([3.0, 0.0, 0.0], 0.7) == 0
    assert start_error_bound([3.0, 0.0, 1.0], math.inf) == start_error_bound([3.0, 0.0, 1.0], 1) == 2
    assert start_error_bound([1.0, -1.0], 0) == 0


def test_no_blanks_are_needed_where_the_cell_is_drawn_anew_at_each_step():
    random = np.random.default_rng(1)
    cells, syntax = random.dirichlet(np.ones(2)), random.dirichlet(np.ones(3), 3)
    distribution = stationary_distribution(torch.from_numpy(syntax)).numpy()
    model = MemoryHMM(
        np.full((3, 3, 1, 1), 1 / 9) * np.outer(cells, distribution),
        np.tile(np.kron(cells[None], syntax), (2, 1)),
        random.dirichlet(np.ones(16), (3, 2, 3)),
    )
    assert start_errors(model, 0, 0)[0] < 1e-12
    tuned = memory_prompt(model, [1.0, -1.0, 0.0])
    assert tuned.n_blanks == 0
    texts = sample_tokens(model, 100, 10, generator=0)[:, 1:]
    embedded = prepend_prompt(tuned.prompt, ExactMaskedLM(model).embed(texts))
    last = posteriors_from_evidence(model, embedded, keep=("filtered",)).filtered[:, -1]
    exact = PosteriorTask.two_class(model, [1, -1, 0]).posterior(texts)[:, :2]
    expected = exact / exact.sum(1, keepdim=True)
    torch.testing.assert_close(model.memory_posterior(last)[:, :2], expected, atol=1e-12, rtol=0)


# --- dropped assumptions ---


def test_fails_where_columns_of_weighed_values_are_dependent():
    """Three coins and labels 1, 0, 1 along a, aa, aaa, …: no prompt and no attention head."""
    rate = [0.1, 0.5, 0.9]
    model = MemoryHMM([[[0.9]], [[0.09]], [[0.01]]], [[1.0]], [[[[p, 1 - p]]] for p in rate])
    task, lm = PosteriorTask.two_class(model, [1, -1, 1]), ExactMaskedLM(model)
    texts = [torch.zeros(1, n, dtype=torch.long) for n in (1, 2, 3, 4, 5)]
    labels = [int(task.labels(x)) for x in texts]
    assert labels == [1, 0, 0, 1, 1]
    with pytest.raises(DependentColumnsError):
        memory_prompt(model, [1, -1, 1])
    prompts = np.vstack([np.ones(3), np.random.default_rng(0).dirichlet(np.ones(3), 50)])
    for prompt in torch.from_numpy(prompts):
        shown = [text_probs(lm, x, prompt[None], 0)[0] for x in texts]
        for rows in shown:  # wherever a head looks, it sees the same
            torch.testing.assert_close(rows, rows[:1].expand_as(rows), atol=1e-14, rtol=0)
        features = torch.stack([rows[0] for rows in shown])
        assert bool((features[1:, 0] >= features[:-1, 0]).all())
        verdict = separate(features, labels)
        assert not verdict.separable
        assert certificate_bound(features, labels, verdict.certificate) < 1e-12


def test_fails_where_the_prompt_drops_a_value_that_is_weighed():
    rows = [[0.7, 0.1, 0.2], [0.2, 0.2, 0.6], [0.1, 0.7, 0.2], [0.4, 0.4, 0.2]]
    model = MemoryHMM([[[0.4]], [[0.2]], [[0.3]], [[0.1]]], [[1.0]], [[[row]] for row in rows])
    task, lm = PosteriorTask.two_class(model, [1, -1, 1, 0]), ExactMaskedLM(model)
    texts = [torch.full((1, n), 2) for n in (1, 2)]
    labels = [int(task.labels(x)) for x in texts]
    assert labels == [1, 0]
    kept = torch.tensor([[1.0, 0.0, 1.0, 0.0]], dtype=torch.float64)
    first, second = (text_probs(lm, x, kept, 0)[0] for x in texts)
    torch.testing.assert_close(second, first.expand_as(second), atol=1e-14, rtol=0)
    verdict = separate(torch.stack([first[0], second[0]]), labels)
    assert not verdict.separable
    assert verdict.bound < 1e-14
    tuned = memory_prompt(model, task.mu)
    assert [int(tuned.labels(lm, x)) for x in texts] == labels


def two_topics() -> MemoryHMM:
    """Chain states: talk about cell 0, mention cell 0, talk about cell 1, cue."""
    chain = [[0.7, 0, 0, 0.3], [0.5, 0, 0.5, 0], [0, 0, 0.7, 0.3], [0, 1, 0, 0]]
    emission = torch.zeros(3, 2, 2, 5, dtype=torch.float64)
    emission[:, :, 0, :2] = torch.tensor([[[0.9, 0.1]], [[0.1, 0.9]], [[0.5, 0.5]]])
    emission[:, 0, 1, 2:4] = torch.tensor([[0.6, 0.4], [0.4, 0.6], [0.5, 0.5]])
    emission[:, 1, 1, 4] = 1.0
    emission = emission / emission.sum(-1, keepdim=True)
    start = stationary_distribution(torch.tensor(chain, dtype=torch.float64)).reshape(2, 2)
    return MemoryHMM((start / 9).expand(3, 3, 2, 2), chain, emission)


def test_fails_with_several_cells_and_no_blanks():
    """Clear labels come out wrong, and no weights at the position with key one can help; blanks do."""
    model, mu = two_topics(), [1.0, -2.0, 0.0]
    assert recoverable_states(model) == ()
    task, lm = PosteriorTask.two_class(model, mu), ExactMaskedLM(model)
    words = [word for n in (1, 2, 3) for word in product((0, 1), repeat=n)]
    texts = [torch.tensor([[*y, 4, 2, *z]]) for y, z in product(words, words)]
    margins = []
    for x in texts:
        posterior = task.posterior(x)[0]
        margins.append(float(posterior @ task.mu / posterior[:2].sum()))
    clear = [i for i, margin in enumerate(margins) if abs(margin) > 0.05]
    labels = [int(margins[i] >= 0) for i in clear]
    for n_blanks, right in ((0, False), (30, True)):
        tuned = memory_prompt(model, mu, n_blanks=n_blanks)
        features, answers = [], []
        for i in clear:
            probs = tuned.probs(lm, texts[i])
            one = tuned.head.keys(probs)[0] > 1 - 1e-9
            assert int(one.sum()) == 1
            features.append(probs[0][one][0])
            answers.append(int(tuned.head.labels(probs, texts[i])))
        verdict = separate(torch.stack(features), labels)
        assert verdict.separable == right
        assert (answers == labels) == right
        if not right:
            assert certificate_bound(torch.stack(features), labels, verdict.certificate) < 1e-12


def test_fails_where_the_memory_depends_on_the_first_state():
    """No number of blanks helps: the prompt changes the distribution of the memory itself."""
    model = two_topics()
    tilted = model.initial.clone()
    tilted[0, :, 0] *= 3.0
    tilted = MemoryHMM(tilted / tilted.sum(), model.transition, model.emission)
    with pytest.raises(AssumptionError, match="memory depends on the first chain state"):
        memory_prompt(tilted, [1.0, -2.0, 0.0])
    prompt = memory_prompt(model, [1.0, -2.0, 0.0]).prompt
    evidence = torch.cat([prompt, torch.ones(40, prompt.shape[1], dtype=torch.float64)])[None]
    found = posteriors_from_evidence(tilted, evidence, keep=("filtered",)).filtered[0, -1]
    marginal = tilted.initial.sum((1, 2, 3))[:2]
    gap = tilted.memory_posterior(found)[:2] - marginal / marginal.sum()
    assert float(gap.abs().max()) > 0.05


def test_fails_where_the_chain_never_forgets():
    emission = torch.tensor([[[[0.6, 0.4, 0]], [[0, 0, 1]]], [[[0.4, 0.6, 0]], [[0, 0, 1]]]])
    model = MemoryHMM(np.full((2, 2, 2, 1), 1 / 8), [[0, 1], [1, 0]], emission.double().round(decimals=6))
    assert start_errors(model, 0, 50) == [1.0] * 51
    with pytest.raises(AssumptionError, match="after 1000 blanks"):
        memory_prompt(model, [1.0, -1.0])


def test_refuses_a_text_that_no_weighed_value_can_write():
    """Its margin is exactly zero and its label 1 by convention; the prompted model has no answer."""
    rows = [[0.8, 0.2, 0.0], [0.2, 0.8, 0.0], [0.3, 0.3, 0.4]]
    model = MemoryHMM([[[1 / 3]]] * 3, [[1.0]], [[[row]] for row in rows])
    task, text = PosteriorTask.two_class(model, [1, -1, 0]), torch.tensor([[2, 0, 1]])
    assert float(task.posterior(text)[0] @ task.mu) == 0.0
    assert int(task.labels(text)) == 1
    with pytest.raises(ValueError, match="probability 0"):
        memory_prompt(model, [1, -1, 0]).labels(ExactMaskedLM(model), text)


def leaking(dependence=0.0):
    """Two cells that are read in runs; one syntax state is out of reach for a text's first word."""
    cells = torch.tensor([[0.9, 0.1], [0.1, 0.9]], dtype=torch.float64)
    syntax = torch.tensor([[0, 1, 0], [0, 1 - 1e-12, 1e-12], [0, 1, 0]], dtype=torch.float64)
    initial = torch.zeros(2, 2, 2, 3, dtype=torch.float64)
    initial[..., 0] = 1 / 8
    initial[0, :, 0, 0] += dependence / 2
    initial[0, :, 1, 0] -= dependence / 2
    emission = torch.eye(12, dtype=torch.float64).reshape(2, 2, 3, 12)
    return MemoryHMM(initial, torch.kron(cells, syntax), emission)


def test_a_first_state_that_only_blanks_lead_to_is_infinitely_off():
    """No text starts there, so that nothing bounds what the head says of one that does."""
    model = leaking()
    assert start_errors(model, 0, 3) == [pytest.approx(0.8), math.inf, math.inf, math.inf]
    with pytest.raises(AssumptionError, match="still off by inf"):
        memory_prompt(model, [1.0, -1.0])
    ring = MemoryHMM([[[1.0, 0, 0]]], torch.eye(3).roll(1, 1).double(), torch.eye(3).reshape(1, 1, 3, 3))
    assert start_errors(ring, 0, 3) == [0.0, math.inf, math.inf, 0.0]


@pytest.mark.parametrize("dependence", [1e-6, -1e-6, 1e-9])
def test_a_memory_that_nearly_does_not_depend_on_the_first_state_depends_on_it(dependence):
    start_errors(leaking(), 0, 0)
    with pytest.raises(AssumptionError, match="memory depends on the first chain state"):
        start_errors(leaking(dependence), 0, 0)


def contents_behind(model, vectors):
    """P[M] behind prompts, shape (n, number of contents)."""
    lm = ExactMaskedLM(model)
    blank = lm.embed(torch.tensor([[lm.mask_token]])).expand(len(vectors), -1, -1)
    evidence = torch.cat([vectors, blank], 1)
    last = posteriors_from_evidence(model, evidence, keep=("filtered",)).filtered[:, -1]
    return last.unflatten(1, (len(model.chain.columns), -1)).sum(2)


def cells_drawn_anew(seed):
    """Two cells with three values each, of any joint distribution, read in any order."""
    random = np.random.default_rng(seed)
    cells, syntax = random.dirichlet(np.ones(2)), random.dirichlet(np.ones(2), 2)
    start = np.outer(cells, random.dirichlet(np.ones(2)))
    initial = random.dirichlet(np.ones(9)).reshape(3, 3, 1, 1) * start
    return MemoryHMM(
        initial, np.tile(np.kron(cells[None], syntax), (2, 1)), random.dirichlet(np.ones(8), (3, 2, 2))
    )


@pytest.mark.parametrize("seed", range(5))
def test_one_vector_adds_over_cells_and_two_multiply(seed):
    model = cells_drawn_anew(seed)
    prior = model.chain.initial.sum(1)  # of the contents (0, 0), (0, 1), …
    table = prior.reshape(3, 3)
    most = torch.maximum(table / table.sum(1, keepdim=True), table / table.sum(0)).flatten()
    random = torch.Generator().manual_seed(seed)
    vectors = torch.rand(2000, 1, 12, dtype=torch.float64, generator=random) ** 8
    found = contents_behind(model, vectors)
    assert bool((found <= most + 1e-12).all())
    # A sum over cells, whatever the vector.
    weights = (vectors.reshape(-1, 3, 2, 2) * model.chain.initial.sum(0).reshape(2, 2)).sum(3)
    sums = (weights[:, :, None, 0] + weights[:, None, :, 1]).flatten(1) * prior
    torch.testing.assert_close(found, sums / sums.sum(1, keepdim=True))
    # What is attained: all that the vector wants is a value of one cell.
    one = torch.zeros(2, 3, 2, 2, dtype=torch.float64)
    one[0, 1, 0] = one[1, 2, 1] = 1
    one = one.reshape(2, 1, 1, 12)
    singly = torch.cat([contents_behind(model, vector) for vector in one])[:, 5]
    assert float(singly.max()) == pytest.approx(float(most[5]))
    # Two vectors hold both cells, one behind the other.
    assert float(contents_behind(model, one.reshape(1, 2, 12))[0, 5]) == pytest.approx(1)
    pair = torch.zeros(2, 3, 2, 2, dtype=torch.float64)
    pair[0, :2, 0] = pair[1, 1:, 1] = 1
    both = contents_behind(model, pair.reshape(1, 2, 12))[0].reshape(3, 3)
    expected = torch.zeros(3, 3, dtype=torch.float64)
    expected[:2, 1:] = table[:2, 1:] / table[:2, 1:].sum()
    torch.testing.assert_close(both, expected)
    # Gentle vectors leave the start alone, and little of what does not fit.
    gentle = torch.ones(3, 2, 2, dtype=torch.float64)
    gentle[1:, 0] = 0
    share = float(model.chain.initial.sum(0).reshape(2, 2)[0].sum())
    left = contents_behind(model, gentle.reshape(1, 1, 12).expand(1, 4, 12))[0].reshape(3, 3)
    weighed = table * torch.tensor([1.0, (1 - share) ** 4, (1 - share) ** 4])[:, None]
    torch.testing.assert_close(left, weighed / weighed.sum())


def test_the_bounds_of_the_attention_head_hold_under_a_prompt():
    """Without certainty, and softly; what is compared with is inference in the HMM without the values."""
    largest, uncertain = 0.0, 0
    for seed in range(40):
        model = random_recoverable_hmm(4, 3, 4, n_kept=2, generator=seed)
        mu = weights_of(4, 2, seed)
        tuned = memory_prompt(model, mu)
        start = model.initial.clone()
        start[mu == 0] = 0.0
        kept = MemoryHMM(start / start.sum(), model.transition, model.emission)
        texts = sample_tokens(model, 30, 9, generator=seed)[:, 1:]
        blank = prepend_mask(ExactMaskedLM(kept), texts)
        observed = torch.ones_like(blank, dtype=torch.bool)
        observed[:, 0] = False
        tokens = torch.cat([torch.zeros_like(texts[:, :1]), texts], 1)
        smoothed = posteriors(kept, tokens, observed=observed, keep=["smoothed"]).smoothed[:, 1:]
        inside = smoothed.unflatten(2, (-1, 3))[
            ..., list(recoverable_states(model, values=tuned.values_kept))
        ]
        margin = PosteriorTask.two_class(kept, mu).posterior(texts) @ torch.from_numpy(mu)
        probs = tuned.probs(ExactMaskedLM(model), texts)
        seen = probs.gather(-1, texts[..., None])[..., 0]
        error = (tuned.head.position_values(probs, texts) / seen - margin[:, None]).abs()
        bound = np.abs(mu).max() * (1 - inside.sum((2, 3)))
        assert ((error - bound) * seen).max() < 1e-12
        largest = max(largest, float((error / (bound + 1e-9)).max()))
        uncertain += int((bound > 1e-3).sum())
        soft = memory_prompt(model, mu, temperature=0.02)
        keys = tuned.head.keys(probs)
        best = keys.amax(1)
        gap = best - keys.masked_fill(keys >= best[:, None] - 1e-9, -1).amax(1)
        moved = (soft.head.values(probs, texts) - tuned.head.values(probs, texts)).abs()
        assert (moved <= 2 * np.abs(mu).max() * 8 * (-gap / 0.02).exp() + 1e-12).all()
    assert uncertain > 1000
    assert largest > 0.5  # the bound is no idle one


def test_with_one_cell_one_vector_does_what_several_do():
    for seed in range(10):
        model = random_recoverable_hmm(3, 3, 5, n_kept=2, generator=seed)
        random = torch.Generator().manual_seed(seed)
        prompt = torch.rand(3, 9, dtype=torch.float64, generator=random) ** 4
        flat = model.chain.initial.reshape(-1)
        step = torch.block_diag(*[model.transition] * 3)
        before = ((prompt[0] * flat) @ step * prompt[1]) @ step
        one = (prompt[2] * before / flat)[None]
        texts = sample_tokens(model, 20, 8, generator=seed)
        shown = [text_probs(ExactMaskedLM(model), texts, vectors, 0) for vectors in (prompt, one)]
        torch.testing.assert_close(*shown, atol=1e-12, rtol=0)
