"""The constructions: what they return, how their searches compare with trying everything, their errors."""

from __future__ import annotations

import math
from itertools import chain, combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hmmlib import (
    HMM,
    ExactMaskedLM,
    MemoryHMM,
    PosteriorTask,
    blank_probs,
    posteriors_from_evidence,
    random_hmm,
    sample_tokens,
    text_probs,
)
from hmmlib.constructions import (
    AssumptionError,
    DependentColumnsError,
    SearchGaveUpError,
    UnreachableStateError,
    attention_head,
    find_prompt_states,
    linear_head,
    live_columns,
    memory_prompt,
    prompt_head,
    prompted_prior,
    recoverable_states,
    recovery,
    soft_prompt,
    start_error_bound,
    start_errors,
)
from hmmlib.constructions.assumptions import equation
from hmmlib.constructions.dependencies import Dependency
from hmmlib.hmm import random_recoverable_hmm, random_sparse_hmm

SEEDS = st.integers(0, 10_000)


def subsets(items):
    return chain.from_iterable(combinations(items, size) for size in range(1, len(items) + 1))


def rank(matrix: np.ndarray) -> int:
    return int(np.linalg.matrix_rank(matrix, tol=1e-9)) if matrix.size else 0


@pytest.fixture
def line() -> HMM:
    """0 → 1 → 2 → 3 → 3; the chain may start in 0, 1, 2; states 2 and 3 emit alike."""
    return HMM(
        [0.5, 0.25, 0.25, 0.0],
        [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1]],
        [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.1, 0.1, 0.8]],
    )


# --- linear heads ---


def test_states_that_the_chain_cannot_start_in_do_not_matter(line: HMM):
    """States 2 and 3 emit alike and are weighed differently, but nothing starts in 3."""
    mu = [1.0, -1.0, 0.5, 7.0]
    texts = sample_tokens(line, 200, 9, generator=0)[:, 1:]
    value = linear_head(line, mu).values(blank_probs(ExactMaskedLM(line), texts))
    margin = PosteriorTask.two_class(line, mu).scores(texts)[:, 1] * 2
    torch.testing.assert_close(value, margin, atol=1e-12, rtol=0)


def test_several_classes_at_once():
    hmm = random_hmm(4, 6, generator=0, transition_temperature=0.3, emission_temperature=0.3)
    weights = np.random.default_rng(0).standard_normal((3, 4))
    task = PosteriorTask(hmm, weights)
    texts = sample_tokens(hmm, 100, 9, generator=0)[:, 1:]
    lm = ExactMaskedLM(hmm)
    assert torch.equal(linear_head(hmm, weights).labels(blank_probs(lm, texts)), task.labels(texts))
    sparse = random_sparse_hmm(9, 6, generator=1)
    reached = (sparse.transition[0] > 0).nonzero().flatten().tolist()
    prompt = soft_prompt(sparse, np.eye(9)[reached])
    texts = sample_tokens(sparse, 100, 9, generator=0)[:, 1:]
    assert prompt.values(lm=ExactMaskedLM(sparse), tokens=texts).shape == (100, 2)


def test_a_model_in_single_precision_has_heads_in_single_precision():
    """Dependencies are looked for in double precision; everything that is applied is of the model's type."""
    hmm = random_hmm(4, 6, generator=0, transition_temperature=0.3, emission_temperature=0.3).to(
        dtype=torch.float32
    )
    mu = [1.0, -1.0, 0.5, 0.2]
    texts = sample_tokens(hmm, 50, 9, generator=0)[:, 1:]
    head, lm = linear_head(hmm, mu), ExactMaskedLM(hmm)
    assert head.weights.dtype == torch.float32
    margin = PosteriorTask.two_class(hmm, mu).posterior(texts) @ torch.tensor(mu)
    torch.testing.assert_close(head.values(blank_probs(lm, texts)), margin, atol=1e-4, rtol=0)
    sparse = random_sparse_hmm(9, 6, generator=1).to(dtype=torch.float32)
    weights = (sparse.transition[0] > 0).float() * torch.arange(9)
    texts = sample_tokens(sparse, 50, 9, generator=0)[:, 1:]
    assert soft_prompt(sparse, weights).values(ExactMaskedLM(sparse), texts).dtype == torch.float32
    memory = random_recoverable_hmm(2, 3, 6, generator=0).to(dtype=torch.float32)
    texts = sample_tokens(memory, 50, 9, generator=0)[:, 1:]
    probs = text_probs(ExactMaskedLM(memory), texts)
    assert attention_head(memory, [1, -1]).values(probs, texts).dtype == torch.float32
    assert memory_prompt(memory, [1, -1]).values(ExactMaskedLM(memory), texts).dtype == torch.float32
    cells = random_recoverable_hmm(2, 3, 6, generator=0, n_cells=2).to(dtype=torch.float32)
    assert memory_prompt(cells, [1, -1], tolerance=1e-3).n_blanks > 0


def test_the_error_names_dependent_states():
    hmm = HMM(
        [0.25] * 4,
        np.full((4, 4), 0.25),
        [[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.4, 0.4, 0.2], [0.2, 0.2, 0.6]],
    )
    with pytest.raises(
        DependentColumnsError, match=r"emission: W\[:, \d\] = .*expected independent"
    ) as caught:
        linear_head(hmm, [1, 1, -1, 0])
    dependency = caught.value.dependency
    assert {dependency.column, *dependency.combination} == {0, 1, 2}
    vector = dependency.vector(4)
    assert float((hmm.emission.T @ vector).abs().max()) < 1e-12
    linear_head(hmm, [1, 1, 1, 0])  # the dependency does not concern this task


def test_a_nearly_dependent_column_counts_as_dependent():
    hmm = HMM([0.5, 0.5], [[0.5, 0.5]] * 2, [[0.5, 0.5], [0.5 + 1e-9, 0.5 - 1e-9]])
    with pytest.raises(DependentColumnsError):
        linear_head(hmm, [1, -1])
    assert float(linear_head(hmm, [1, -1], rtol=1e-12).weights.norm()) > 1e8


# --- soft prompts ---


def test_the_prior_under_the_blank_is_that_of_the_prompted_chain():
    hmm = random_sparse_hmm(6, 5, generator=3, n_followers=3)
    random = torch.Generator().manual_seed(0)
    for length in (1, 2, 3):
        prompt = torch.rand(length, 6, dtype=torch.float64, generator=random)
        distribution = hmm.initial
        for vector in prompt:
            distribution = hmm.transition.T @ (vector * distribution)
        torch.testing.assert_close(
            prompted_prior(hmm, prompt), distribution / distribution.sum(), atol=1e-15, rtol=1e-12
        )
    assert torch.equal(prompted_prior(hmm, torch.zeros(0, 6)), hmm.initial)


def test_a_prompt_of_ones_is_a_blank():
    hmm = random_hmm(4, 6, generator=1, transition_temperature=0.3, emission_temperature=0.3)
    torch.testing.assert_close(prompted_prior(hmm, torch.ones(1, 4)), hmm.initial @ hmm.transition)


def test_prompt_and_head_are_consistent(line: HMM):
    found = soft_prompt(line, [0, 1, -1, 0])
    assert found.states == (0, 1)
    assert found.reached == (1, 2)
    assert found.prompt.tolist() == [[1, 1, 0, 0]]
    torch.testing.assert_close(
        prompt_head(line, [0, 1, -1, 0], found.prompt).weights, found.head.weights, atol=0, rtol=0
    )


def suitable_sets(hmm: HMM, wanted: set[int]) -> list[tuple[int, ...]]:
    """Every set of prompt states that will do, by trying all of them."""
    found = []
    for states in subsets(range(hmm.n_states)):
        usable = [c for c in states if hmm.initial[c] > 0]
        if len(usable) < len(states):
            continue
        reached = [h for h in range(hmm.n_states) if any(hmm.transition[c, h] > 0 for c in usable)]
        independent = rank(hmm.emission[reached].numpy()) == len(reached)
        if independent and wanted <= set(reached):
            found.append(states)
    return found


@settings(max_examples=60)
@given(SEEDS, st.integers(2, 4), st.integers(1, 3), st.integers(1, 3))
def test_the_search_finds_prompt_states_exactly_where_there_are_some(seed, n_tokens, n_followers, n_weighed):
    random = np.random.default_rng(seed)
    drawn = random_sparse_hmm(6, n_tokens, generator=seed, n_followers=n_followers)
    initial = drawn.initial.numpy() * (random.random(6) < 0.8)
    hmm = HMM(initial / initial.sum(), drawn.transition, drawn.emission) if initial.sum() else drawn
    mu = np.zeros(6)
    mu[random.permutation(6)[:n_weighed]] = 1.0
    wanted = {h for h in range(6) if mu[h] and hmm.initial[h] > 0}
    existing = suitable_sets(hmm, wanted)
    if not wanted:
        assert len(find_prompt_states(hmm, mu)) == 1
    elif existing:
        found = find_prompt_states(hmm, mu)
        assert found in existing
        assert not any(set(other) < set(found) for other in existing)
    else:
        with pytest.raises(AssumptionError):
            find_prompt_states(hmm, mu)


def test_nothing_to_weigh_needs_no_cover(line: HMM):
    assert find_prompt_states(line, [0, 0, 0, 5.0]) == (0,)  # the chain cannot start in state 3


def test_a_text_that_cannot_follow_the_prompt_is_an_error():
    hmm = HMM([0.5, 0.5], np.eye(2), np.eye(2))
    prompt = soft_prompt(hmm, [0, 1], states=[1])
    assert prompt.labels(ExactMaskedLM(hmm), [[1, 1]]).tolist() == [1]
    with pytest.raises(ValueError, match=r"evidence: sequence 1, position 2"):
        prompt.labels(ExactMaskedLM(hmm), [[1, 1], [0, 0]])


def test_the_search_says_what_stands_in_the_way(line: HMM):
    with pytest.raises(
        UnreachableStateError, match=r"mu: state 0, which mu weighs, follows no state"
    ) as caught:
        find_prompt_states(line, [1, 0, -1, 0])
    assert caught.value.state == 0
    everywhere = HMM([0.5, 0.5, 0.0], np.full((3, 3), 1 / 3), [[0.9, 0.1], [0.1, 0.9], [0.5, 0.5]])
    with pytest.raises(
        DependentColumnsError, match=r"mu: every state that leads to state 0.*after state 0: W"
    ):
        find_prompt_states(everywhere, [1, 0, 0])


def test_the_search_says_when_all_sets_were_tried():
    """Each state has one follower; the three that are weighed cannot be covered independently."""
    hmm = HMM([1 / 3] * 3, np.roll(np.eye(3), 1, 1), [[0.9, 0.1], [0.1, 0.9], [0.5, 0.5]])
    with pytest.raises(AssumptionError, match=r"mu: no set of prompt states exists: .* \[0, 1, 2\]"):
        find_prompt_states(hmm, [1, -1, 1])
    with pytest.raises(SearchGaveUpError, match=r"mu: no prompt states found among the first 3 sets"):
        find_prompt_states(hmm, [1, -1, 1], most_sets=3)


def test_given_prompt_states_are_checked(line: HMM):
    with pytest.raises(
        UnreachableStateError, match=r"prompt: state 2, which mu weighs, is out of reach"
    ) as caught:
        soft_prompt(line, [0, 1, -1, 0], states=[0])
    assert caught.value.state == 2
    with pytest.raises(UnreachableStateError, match=r"prompt: state 2, which mu weighs, is out of reach"):
        soft_prompt(line, [[0, 1, 0, 0], [0, 0, -1, 0]], states=[0])
    dependent = HMM([0.25] * 4, line.transition, line.emission)
    with pytest.raises(
        DependentColumnsError, match=r"emission: W\[:, [23]\] = 1·W\[:, [23]\], so that no head"
    ):
        soft_prompt(dependent, [0, 0, 1, -1], states=[1, 2])
    with pytest.raises(UnreachableStateError, match=r"states: the chain starts in none of .*\[3\]"):
        soft_prompt(line, [0, 1, -1, 0], states=[3])
    with pytest.raises(ValueError, match=r"states: expected 0 … 3, got 4"):
        soft_prompt(line, [0, 1, -1, 0], states=[4])
    with pytest.raises(ValueError, match=r"states: expected at least one prompt state, got none"):
        soft_prompt(line, [0, 1, -1, 0], states=[])
    with pytest.raises(TypeError, match=r"states: expected an integer, got 1.5"):
        soft_prompt(line, [0, 1, -1, 0], states=[1.5])


def test_prompts_are_checked(line: HMM):
    with pytest.raises(ValueError, match=r"prompt: expected shape \(k, 4\), got \(4,\)"):
        prompted_prior(line, [1, 1, 1, 1])
    with pytest.raises(ValueError, match=r"prompt: vector 0, state 2 is -1; expected a finite number >= 0"):
        prompted_prior(line, [[1, 1, -1, 1]])
    with pytest.raises(
        ValueError, match=r"prompt: vector 1 is zero on every state .* among states \[1, 2, 3\]"
    ):
        prompted_prior(line, [[1, 1, 1, 1], [1, 0, 0, 0]])


@pytest.mark.parametrize(
    ("mu", "message"),
    [
        ([1, 2], r"mu: expected shape \(4,\), or one row per class, \(n_classes, 4\); got \(2,\)"),
        ([1, float("nan"), 0, 0], r"mu: entry 1 is nan; expected a finite number"),
        ([[1, 0, 0, 0], [0, 0, 0, float("inf")]], r"mu: row 1, entry 3 is inf; expected a finite number"),
    ],
)
@pytest.mark.parametrize("construct", [linear_head, soft_prompt, find_prompt_states])
def test_weights_are_checked(line: HMM, construct, mu, message):
    with pytest.raises(ValueError, match=message):
        construct(line, mu)


# --- recoverable states and the attention head ---


def recoverable_by_definition(model: MemoryHMM, cell: int, states: tuple[int, ...]) -> bool:
    """Independent columns, whose span meets that of all the others at zero only: by ranks."""
    starred = np.zeros(model.emission.shape[:3], dtype=bool)
    starred[:, cell, list(states)] = True
    table = model.emission.numpy()
    own, others = table[starred], table[~starred]
    return rank(own) == len(own) and rank(np.concatenate([own, others])) == rank(own) + rank(others)


@settings(max_examples=60)
@given(SEEDS, st.integers(2, 3), st.integers(1, 2), st.integers(5, 9))
def test_there_is_one_largest_recoverable_set(seed, n_values, n_cells, n_tokens):
    random = np.random.default_rng(seed)
    shape = (n_values, n_cells, 3)
    emission = random.dirichlet(np.ones(n_tokens), shape)
    repeated = random.random(shape) < 0.4  # these emit like one of two states
    emission[repeated] = random.dirichlet(np.ones(n_tokens), 2)[random.integers(2, size=repeated.sum())]
    size = 3 * n_cells
    initial = np.full((n_values,) * n_cells + (n_cells, 3), 1 / (n_values**n_cells * size))
    model = MemoryHMM(initial, np.full((size, size), 1 / size), emission)
    for cell in range(n_cells):
        largest = recoverable_states(model, cell=cell)
        for states in subsets(range(3)):
            assert recoverable_by_definition(model, cell, states) == (set(states) <= set(largest))


def test_the_projection_singles_out_recoverable_columns():
    model = random_recoverable_hmm(3, 4, 12, generator=0, n_cells=2, n_recoverable=2, n_patterns=3)
    found = recovery(model)
    assert found.states == (0, 1)
    flat = model.chain.emission
    expected = torch.zeros(6, len(flat), dtype=torch.float64)
    expected[torch.arange(6), found.columns] = 1
    torch.testing.assert_close(found.projection @ flat.T, expected, atol=1e-9, rtol=0)
    assert found.values.tolist() == [0, 0, 1, 1, 2, 2]
    part = recovery(model, states=[1])
    torch.testing.assert_close(part.projection, found.projection[1::2])


def test_columns_that_are_never_used_do_not_matter():
    """Value 2 does not occur, and syntax state 2 is never reached: their columns may be anything."""
    initial = np.zeros((3, 1, 3))
    initial[:2, 0, :2] = 0.25
    transition = [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    emission = np.random.default_rng(0).dirichlet(np.ones(4), (3, 1, 3))
    model = MemoryHMM(initial, transition, emission)
    assert live_columns(model).tolist() == [0, 1, 3, 4]
    assert recoverable_states(model) == (0, 1)
    with pytest.raises(
        UnreachableStateError, match=r"states: the chain never reads cell 0 in syntax state 2"
    ):
        attention_head(model, [1, -1, 0], states=[2])
    busy = MemoryHMM(np.full((3, 1, 3), 1 / 9), np.full((3, 3), 1 / 3), emission)
    assert recoverable_states(busy) == ()


def test_columns_that_are_used_later_on_matter():
    """The chain starts in syntax state 0 and comes to state 1 after two steps."""
    start = np.zeros((2, 1, 3))
    start[:, 0, 0] = 0.5
    emission = np.random.default_rng(0).dirichlet(np.ones(6), (2, 1, 3))
    emission[1, 0, 0] = emission[0, 0, 1]
    model = MemoryHMM(start, [[0.5, 0.0, 0.5], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]], emission)
    assert live_columns(model).tolist() == [0, 1, 2, 3, 4, 5]
    assert recoverable_states(model) == (2,)


def test_values_are_those_of_the_cell_asked_for():
    """Values 1 and 2 emit alike when cell 1 is read, and in no other case."""
    size = (3, 3, 2, 1)
    emission = np.random.default_rng(0).dirichlet(np.ones(9), (3, 2, 1))
    emission[2, 1] = emission[1, 1]
    model = MemoryHMM(np.full(size, 1 / 18), np.full((2, 2), 0.5), emission)
    assert recoverable_states(model, cell=0) == (0,)
    assert recoverable_states(model, cell=1) == ()
    assert recoverable_states(model, cell=1, values=[0, 1]) == (0,)
    assert recoverable_states(model, cell=1, values=[1, 2]) == ()


def test_the_error_names_dependent_columns_of_a_memory_model():
    emission = np.zeros((2, 1, 2, 3))
    emission[0, 0, 0], emission[1, 0, 0] = [0.8, 0.1, 0.1], [0.1, 0.8, 0.1]
    emission[:, 0, 1] = [0.45, 0.45, 0.1]
    model = MemoryHMM(np.full((2, 1, 2), 0.25), np.full((2, 2), 0.5), emission)
    with pytest.raises(DependentColumnsError, match=r"states: syntax state 0 is not recoverable: W\[:, \(m="):
        attention_head(model, [1, -1])
    with pytest.raises(DependentColumnsError, match=r"syntax state 1 is not recoverable"):
        attention_head(model, [1, -1], states=[1])
    with pytest.raises(ValueError, match=r"states: expected some of 0 … 1, got \[2\]"):
        attention_head(model, [1, -1], states=[2])
    with pytest.raises(ValueError, match=r"cell: expected 0 … 0, got 1"):
        attention_head(model, [1, -1], cell=1)
    with pytest.raises(ValueError, match=r"mu: expected shape \(2,\)"):
        attention_head(model, [1, -1, 0])


# --- prompts for memory models ---


def test_a_memory_prompt_keeps_what_the_task_weighs():
    model = random_recoverable_hmm(5, 3, 4, generator=0, n_kept=2)
    assert recoverable_states(model) == ()
    assert recoverable_states(model, values=[1, 3]) == (0,)
    found = memory_prompt(model, [0, 2.0, 0, -1.0, 0])
    assert found.values_kept == (1, 3)
    assert (found.n_blanks, found.start_error) == (0, 0.0)
    assert found.prompt.reshape(5, 3).tolist() == [[float(m in (1, 3))] * 3 for m in range(5)]


def test_start_errors_are_those_of_the_law_of_the_first_state():
    model = random_recoverable_hmm(2, 3, 6, generator=4, n_cells=2, n_patterns=2)
    prompt = memory_prompt(model, [1, -1], cell=0, n_blanks=3)
    chain_law = model.chain.initial.sum(0)
    usual = chain_law @ model.transition
    for k in range(4):
        evidence = torch.cat([prompt.prompt, torch.ones(k + 1, prompt.prompt.shape[1])])[None]
        smoothed = posteriors_from_evidence(model, evidence, keep=("smoothed",)).smoothed[0, -1]
        distribution = smoothed.reshape(model.chain.initial.shape).sum(0)
        expected = float((distribution / usual - 1).abs().max())
        assert start_errors(model, 0, 3)[k] == pytest.approx(expected, rel=1e-9)
    assert prompt.start_error == start_errors(model, 0, 3)[-1]


def test_blanks_shift_a_chain_of_one_cell_that_is_not_stationary():
    """Memory and chain depend on one another: each content has its own distribution of the first state."""
    random = np.random.default_rng(0)
    start, chain = random.dirichlet(np.ones(6)).reshape(2, 1, 3), random.dirichlet(np.ones(3), 3)
    model = MemoryHMM(start, chain, random.dirichlet(np.ones(7), (2, 1, 3)))
    probs = [start[:, 0] @ np.linalg.matrix_power(chain, k + 1) for k in range(3)]
    expected = [abs(distribution / probs[0] - 1).max() for distribution in probs]
    assert start_errors(model, 0, 2) == pytest.approx(expected, abs=1e-12)
    assert expected[1] > 0.01
    assert memory_prompt(model, [1, -1], n_blanks=2).start_error == pytest.approx(expected[2])
    assert memory_prompt(model, [1, -1]).n_blanks == 0


def test_as_many_blanks_as_the_tolerance_asks():
    model = random_recoverable_hmm(2, 3, 6, generator=4, n_cells=2, n_patterns=2)
    errors = start_errors(model, 0, 100)
    found = memory_prompt(model, [1, -1], tolerance=1e-4)
    assert errors[found.n_blanks] <= 1e-4 < errors[found.n_blanks - 1]


def test_memory_prompts_say_what_stands_in_the_way():
    model = random_recoverable_hmm(2, 3, 6, generator=4, n_cells=2, n_patterns=2)
    with pytest.raises(ValueError, match=r"mu: every weight is zero"):
        memory_prompt(model, [0, 0])
    with pytest.raises(ValueError, match=r"n_blanks: expected at least 0, got -1"):
        memory_prompt(model, [1, -1], n_blanks=-1)
    with pytest.raises(ValueError, match=r"tolerance: expected a finite number > 0"):
        memory_prompt(model, [1, -1], tolerance=0)
    tied = model.initial.clone()
    tied[0, 0, 0, 0], tied[1, 1, 0, 0] = 0.0, tied[1, 1, 0, 0] + tied[0, 0, 0, 0]
    with pytest.raises(
        AssumptionError, match=r"initial: the memory depends on the first chain state: content"
    ):
        memory_prompt(MemoryHMM(tied, model.transition, model.emission), [1, -1])
    cycle = MemoryHMM(model.initial, np.roll(np.eye(6), 1, 1), model.emission)
    with pytest.raises(
        AssumptionError, match=r"n_blanks: after 1000 blanks the distribution .* still off by"
    ):
        memory_prompt(cycle, [1, -1])
    elsewhere = torch.zeros_like(model.initial)
    elsewhere[..., 1, :] = 1 / 12
    with pytest.raises(AssumptionError, match=r"mu: the chain never starts reading cell 0"):
        memory_prompt(MemoryHMM(elsewhere, model.transition, model.emission), [1, -1])


def test_of_equal_terms_rounding_does_not_decide_which_is_named_first():
    for first, second in ((0.5, 0.5 + 1e-15), (0.5 + 1e-15, 0.5)):
        found = Dependency(1, {2: second, 0: first, 3: -0.75})
        text = equation(found, "W[:, {}]".format)
        assert text == "W[:, 1] = − 0.75·W[:, 3] + 0.5·W[:, 0] + 0.5·W[:, 2]"


@pytest.mark.parametrize(
    ("mu", "delta", "error", "words"),
    [
        ([0.0, 0.0], 0.5, ValueError, "mu: every weight is zero"),
        ([[1.0, -1.0]], 0.5, ValueError, r"mu: expected finite weights of shape \(\|ℳ\|,\)"),
        ([1.0, -1.0], -0.1, ValueError, "start_error: expected a number >= 0, got -0.1"),
        ([1.0, -1.0], math.nan, ValueError, "start_error: expected a number >= 0, got nan"),
        ([1.0, -1.0], "much", TypeError, "start_error: expected a number >= 0, got 'much'"),
    ],
)
def test_a_bound_of_nothing_is_refused(mu, delta, error, words):
    with pytest.raises(error, match=f"^{words}"):
        start_error_bound(mu, delta)
