"""Prompts and heads fitted together: the closed form, its gradient, and what prompts can and cannot do."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

import hmmlib.tuning.optimal_prompts as module
from hmmlib import (
    HMM,
    ExactMaskedLM,
    PosteriorTask,
    blank_probs,
    draw_dataset,
    draw_task,
    random_hmm,
    random_memory_hmm,
    sample_tokens,
)
from hmmlib.heads import logistic_head
from hmmlib.tuning import optimal_prompt
from hmmlib.tuning._prompt_parameters import ExactPrompts, FreePrompts

WARM = {"transition_temperature": 0.3, "emission_temperature": 0.3}


def labelled(model, size=300, length=20, seed=0):
    return draw_dataset(draw_task(model, generator=seed), generator=seed, sizes=(size, 1, 300), length=length)


def closed_form(model, texts, n_prompt):
    return module._ClosedForm(ExactPrompts(ExactMaskedLM(model)), texts, n_prompt)


def prompt_of(shown, theta):
    return shown.prompts.prompt(shown.theta(theta))


def with_holes():
    """An HMM whose chain cannot start, nor go, everywhere."""
    transition = [[0.5, 0.5, 0, 0], [0, 0.3, 0.7, 0], [0, 0, 0.4, 0.6], [0.9, 0, 0, 0.1]]
    return HMM([0.5, 0, 0.5, 0], transition, random_hmm(4, 5, generator=0, **WARM).emission)


class Pooling:
    """A language model of one's own: the mean embedding, squashed, decides the token at every position."""

    n_tokens = mask_token = 5
    embedding_dim = 4

    def __init__(self, dtype=torch.float64):
        draw = torch.Generator().manual_seed(0)
        self.table, self.mixing, self.out = (
            torch.randn(*shape, generator=draw, dtype=torch.float64).to(dtype).requires_grad_()
            for shape in ((6, 4), (4, 4), (4, 5))
        )

    def embed(self, tokens):
        return self.table[tokens]

    def token_probs(self, embeddings):
        pooled = torch.tanh(3 * embeddings.mean(1, keepdim=True) @ self.mixing)
        return torch.softmax(pooled @ self.out, -1).expand(-1, embeddings.shape[1], -1)


def pooling_task(size=300):
    texts = torch.randint(5, (size, 7), generator=torch.Generator().manual_seed(1))
    # Neither a threshold of any one direction: more or fewer zeros than ones are both class 0.
    return texts, (((texts == 0).sum(1) - (texts == 1).sum(1)).abs() <= 1).long()


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize(
    "model",
    [
        random_hmm(6, generator=3),
        random_memory_hmm(2, 3, generator=1),
        random_memory_hmm(2, 2, generator=2, n_cells=2),
    ],
    ids=repr,
)
def test_the_closed_form_is_what_the_model_shows(model, size):
    texts = sample_tokens(model, 40, 30, generator=0)[:, 1:]
    lm = ExactMaskedLM(model)
    prompts = closed_form(model, texts, size)
    theta = 3 * np.random.default_rng(size).normal(size=size * lm.embedding_dim)
    prompt = prompt_of(prompts, theta)
    assert prompt.shape == (size, lm.embedding_dim)
    assert prompt.amax(1).tolist() == [1] * size
    np.testing.assert_allclose(prompts.features(theta), blank_probs(lm, texts, prompt), rtol=1e-10)


def test_the_closed_form_holds_for_states_that_are_switched_off():
    model = random_hmm(6, generator=3, **WARM)
    texts = sample_tokens(model, 40, 30, generator=0)[:, 1:]
    prompts = closed_form(model, texts, 1)
    theta = np.array([0.0, -150, 3, -150, 150, -150])
    prompt = prompt_of(prompts, theta)
    np.testing.assert_allclose(
        prompts.features(theta), blank_probs(ExactMaskedLM(model), texts, prompt), rtol=1e-10
    )


@pytest.mark.parametrize("size", [1, 3])
def test_states_that_cannot_be_there_get_no_weight(size):
    model = with_holes()
    texts = sample_tokens(model, 20, 10, generator=0)
    prompts = closed_form(model, texts, size)
    prompt = prompt_of(prompts, np.full(4 * size, 2.0))
    assert prompt[0].tolist() == [1, 0, 1, 0]
    np.testing.assert_allclose(
        prompts.features(np.full(4 * size, 2.0)), blank_probs(ExactMaskedLM(model), texts, prompt), rtol=1e-10
    )


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("kind", ["exact", "with holes", "memory", "any"])
def test_the_gradient_is_that_of_the_loss_at_the_best_head(kind, size):
    if kind == "any":
        lm = Pooling()
        texts, labels = pooling_task(100)
        prompts = module._ByPasses(FreePrompts(lm), texts, size)
    else:
        models = {
            "exact": random_hmm(8, 4, generator=1, **WARM),
            "with holes": with_holes(),
            "memory": random_memory_hmm(2, 3, 4, generator=0, **WARM),
        }
        texts, labels, _ = labelled(models[kind], size=100).train
        prompts = closed_form(models[kind], texts, size)
    objective = module._Objective(prompts, labels.numpy(), 1e-3)
    theta = np.random.default_rng(0).normal(size=np.prod(prompts.shape))
    _, gradient = objective(theta)
    step = 1e-4
    sides = [(objective(theta + step * e)[0], objective(theta - step * e)[0]) for e in np.eye(len(theta))]
    expected = [(right - left) / (2 * step) for right, left in sides]
    assert np.abs(gradient).max() > 1e-4
    np.testing.assert_allclose(gradient, expected, atol=1e-7)


def test_what_is_returned_is_what_the_model_does():
    lm = ExactMaskedLM(random_hmm(8, 4, generator=1))
    tokens, labels, _ = labelled(lm.model).train
    found = optimal_prompt(lm, tokens, labels, starts=3, generator=0)
    shown = blank_probs(lm, tokens, found.prompt)
    assert (found.prompt >= 0).all()
    assert found.converged
    assert len(found.losses) == 3
    assert found.loss == pytest.approx(min(found.losses), abs=1e-9)
    assert found.accuracy == float((found.head.labels(shown) == labels).double().mean())
    assert logistic_head(shown, labels).loss == pytest.approx(found.loss, abs=1e-12)


def test_the_same_seed_gives_the_same_prompt():
    lm = ExactMaskedLM(random_hmm(8, 4, generator=1))
    tokens, labels, _ = labelled(lm.model).train
    first, second = (optimal_prompt(lm, tokens, labels, starts=2, generator=5) for _ in range(2))
    assert torch.equal(first.prompt, second.prompt)
    assert first.losses == second.losses


def test_further_starts_go_on_from_the_first_ones():
    lm = ExactMaskedLM(random_hmm(12, 4, generator=2))
    tokens, labels, _ = labelled(lm.model).train
    found = [optimal_prompt(lm, tokens, labels, starts=n, generator=0) for n in (1, 3, 6)]
    for fewer, more in pairwise(found):
        assert more.losses[: len(fewer.losses)] == fewer.losses
        assert more.loss <= fewer.loss + 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_where_the_neutral_prompt_changes_nothing_a_prompt_does_no_harm(seed):
    # The generator's chains are doubly stochastic, hence stationary from the uniform distribution.
    model = random_hmm(12, 5, generator=seed).with_initial(np.full(12, 1 / 12))
    lm = ExactMaskedLM(model)
    tokens, labels, _ = labelled(model, seed=seed).train
    alone = logistic_head(blank_probs(lm, tokens), labels)
    found = optimal_prompt(lm, tokens, labels, starts=1, generator=0)
    assert found.loss <= alone.loss + 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_with_full_support_a_longer_prompt_does_what_one_vector_can(seed):
    # One vector u = v/π₀ gives every distribution ρ = Av, and the last step of a longer prompt is of this
    # kind.
    model = random_hmm(10, 4, generator=seed, **WARM)
    lm = ExactMaskedLM(model)
    tokens, labels, _ = labelled(model, seed=seed).train
    longer = optimal_prompt(lm, tokens, labels, n_prompt=3, starts=2, generator=0)
    distribution = model.initial
    for vector in longer.prompt:
        before = distribution * vector
        distribution = before / before.sum() @ model.transition
    one = (before / model.initial)[None]
    np.testing.assert_allclose(
        blank_probs(lm, tokens, one / one.max()), blank_probs(lm, tokens, longer.prompt), rtol=1e-8
    )
    single = optimal_prompt(lm, tokens, labels, starts=6, generator=0)
    assert single.loss <= longer.loss + 2e-3


def test_a_prompt_finds_what_the_emissions_hide():
    # States 0 and 3 emit alike, so a head on G takes the one for the other: 1(P[H_0 = 0] ≥ P[H_0 = 1]) is out
    # of its reach while it has to reckon with state 3. A prompt can all but rule that out.
    emission = [
        [0.6, 0.3, 0.05, 0.05],
        [0.3, 0.6, 0.05, 0.05],
        [0.05, 0.05, 0.6, 0.3],
        [0.6, 0.3, 0.05, 0.05],
    ]
    model = HMM(np.full(4, 0.25), 0.85 * np.eye(4)[[2, 0, 1, 3]] + 0.15 / 4, emission)
    task = PosteriorTask.two_class(model, [1.0, -1.0, 0, 0])
    tokens, labels, _ = draw_dataset(task, generator=0, sizes=(600, 1, 1), length=12).train
    lm = ExactMaskedLM(model)
    alone = logistic_head(blank_probs(lm, tokens), labels)
    found = optimal_prompt(lm, tokens, labels, generator=0)
    assert alone.accuracy < 0.85
    assert found.accuracy > 0.99
    assert (found.prompt @ model.transition[:, 3] < 0.1 * found.prompt @ model.transition[:, 0]).all()


def test_starts_go_far_enough_to_leave_a_plateau():
    # Fifteen states that every text gives away: within many orders of magnitude, a prompt changes nothing.
    model = random_hmm(15, generator=10)
    lm = ExactMaskedLM(model)
    tokens, labels, _ = labelled(model, size=500, length=60, seed=10).train
    found = optimal_prompt(lm, tokens, labels, starts=9, generator=10)
    assert found.losses[0] > 0.1
    assert found.loss < 0.03


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_any_differentiable_model_takes_a_prompt(dtype):
    lm = Pooling(dtype)
    texts, labels = pooling_task()
    with torch.no_grad():
        alone = logistic_head(blank_probs(lm, texts), labels)
    found = optimal_prompt(lm, texts, labels, n_prompt=2, starts=4, generator=0)
    assert found.prompt.shape == (2, 4)
    assert not found.prompt.requires_grad
    assert found.loss < alone.loss - 0.005
    assert lm.table.grad is None


def test_pieces_of_the_texts_add_up(monkeypatch):
    texts, _ = pooling_task(100)
    whole = module._ByPasses(FreePrompts(Pooling()), texts, 2)
    monkeypatch.setattr(module, "_PIECE", 17)
    in_pieces = module._ByPasses(FreePrompts(Pooling()), texts, 2)
    theta = np.random.default_rng(0).normal(size=8)
    slopes, weights = np.random.default_rng(1).normal(size=100), np.arange(5.0)
    np.testing.assert_allclose(in_pieces.features(theta), whole.features(theta), atol=1e-14)
    gradient = in_pieces.pull_back(theta, slopes, weights)
    monkeypatch.undo()
    np.testing.assert_allclose(gradient, whole.pull_back(theta, slopes, weights), atol=1e-12)


def test_a_model_in_float32_will_do():
    exact = random_hmm(8, 4, generator=1, **WARM)
    tokens, labels, _ = labelled(exact).train
    found = optimal_prompt(
        ExactMaskedLM(exact.to(dtype=torch.float32)), tokens, labels, starts=1, generator=0
    )
    expected = optimal_prompt(ExactMaskedLM(exact), tokens, labels, starts=1, generator=0)
    assert found.loss == pytest.approx(expected.loss, abs=1e-2)


def test_a_search_that_is_cut_short_says_so():
    lm = ExactMaskedLM(random_hmm(12, 4, generator=2))
    tokens, labels, _ = labelled(lm.model).train
    assert not optimal_prompt(lm, tokens, labels, starts=1, generator=0, max_iterations=1).converged


def test_a_text_that_no_prompt_allows_is_named():
    # The states take turns, and each has its token: with a vector in between, the text begins one step later.
    model = HMM([1.0, 0], [[0, 1.0], [1.0, 0]], [[1.0, 0], [0, 1.0]])
    with pytest.raises(ValueError, match="tokens: sequence 1 has probability 0 after 1 neutral prompt"):
        optimal_prompt(ExactMaskedLM(model), [[0, 1], [1, 0]], [0, 1], generator=0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"lm": random_hmm(3, generator=0)}, TypeError, "lm: expected a MaskedLM, got HMM"),
        ({"tokens": [[0, 10]]}, ValueError, "tokens: sequence 0, position 1 holds 10; expected 0 … 9"),
        ({"labels": [0]}, ValueError, r"labels: expected shape \(2,\), one per text, got \(1,\)"),
        ({"labels": [0, 3]}, ValueError, "labels: text 1 has label 3; expected 0 or 1"),
        ({"n_prompt": 0}, ValueError, "n_prompt: expected at least 1, got 0"),
        ({"starts": 0}, ValueError, "starts: expected at least 1, got 0"),
        ({"starts": 1.5}, TypeError, "starts: expected an integer, got 1.5"),
        ({"max_iterations": 0}, ValueError, "max_iterations: expected at least 1, got 0"),
        ({"l2": -1}, ValueError, "l2: expected a finite number >= 0, got -1"),
        ({"generator": "0"}, TypeError, "generator: expected an int seed or a numpy RandomState, got '0'"),
    ],
)
def test_bad_input_is_refused(arguments, error, message):
    fine = {
        "lm": ExactMaskedLM(random_hmm(3, generator=0)),
        "tokens": [[0, 1], [2, 3]],
        "labels": [0, 1],
        "generator": 0,
    }
    with pytest.raises(error, match=message):
        optimal_prompt(**fine | arguments)
