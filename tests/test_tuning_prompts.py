"""Prompts that are trained: what they reach, what they leave alone, what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tuning_cases import small_transformer, task_data, warm_hmm, word_task

from hmmlib import (
    HMM,
    ExactMaskedLM,
    PosteriorTask,
    TaskData,
    blank_probs,
    draw_dataset,
    random_hmm,
    random_memory_hmm,
    sample_tokens,
)
from hmmlib._random import step_generator
from hmmlib.constructions import soft_prompt
from hmmlib.heads import log_loss, logistic_head
from hmmlib.hmm import random_sparse_hmm
from hmmlib.tasks import Split
from hmmlib.tuning import CONVERGED, TuningRecipe, optimal_prompt, tune_head, tune_prompt
from hmmlib.tuning._prompt_parameters import ExactPrompts, FreePrompts

FAST = TuningRecipe(epochs=4, batch=32, learning_rates=(0.1,), warmup=0, n_prompt=2)


@pytest.fixture(scope="module")
def hard():
    """A machine with more states than tokens, on which a head fails."""
    model = random_hmm(12, 4, generator=1)
    return model, task_data(model, 400, 24, seed=1)[1]


def test_a_prompt_beats_the_head_alone_and_comes_near_the_optimum(hard):
    model, data = hard
    lm = ExactMaskedLM(model)
    recipe = TuningRecipe(
        epochs=60, batch=32, learning_rates=(0.03, 0.3), warmup=0, n_prompt=3, solve_heads=True
    )
    tuned = tune_prompt(lm, data, recipe)
    head = tune_head(lm, data, CONVERGED)
    best = optimal_prompt(lm, data.train.tokens, data.train.labels, n_prompt=1, generator=0)
    found = log_loss(tuned.values(data.train.tokens), data.train.labels)
    alone = log_loss(head.values(data.train.tokens), data.train.labels)
    assert best.loss <= found[0] + 1e-6
    assert found[0] < 0.5 * alone[0] + 0.5 * best.loss
    assert tuned.accuracy(data.test) > head.accuracy(data.test) + 0.05
    assert tuned.prompt.shape == (3, 12)
    assert bool((tuned.prompt >= 0).all())


def test_the_head_is_solved_at_the_best_prompt(hard):
    model, data = hard
    lm = ExactMaskedLM(model)
    # After an epoch of small steps the trained head is far from its optimum, and far worse than the best.
    few = replace(FAST, epochs=1, learning_rates=(0.03,))
    plain, solved = (tune_prompt(lm, data, replace(few, solve_heads=solve)) for solve in (False, True))
    assert solved.accuracy(data.validation) > plain.accuracy(data.validation) + 0.2
    torch.testing.assert_close(solved.prompt, plain.prompt)
    assert solved.history == plain.history
    fit = logistic_head(blank_probs(lm, data.train.tokens, plain.prompt), data.train.labels)
    torch.testing.assert_close(solved.head.weights, fit.head.weights)
    assert plain.head.weights.shape == (2, 4)
    assert not plain.converged


@pytest.mark.parametrize(
    "model",
    [warm_hmm(), random_hmm(8, 4, generator=0), random_memory_hmm(3, 2, 6, generator=1)],
    ids=repr,
)
@pytest.mark.parametrize("init", ["random", "tokens", "blank"])
def test_the_closed_form_for_exact_models_is_what_they_show(model, init):
    lm = ExactMaskedLM(model)
    texts = sample_tokens(model, 30, 20, generator=0)[:, 1:]
    prompts = ExactPrompts(lm)
    theta = prompts.start(replace(FAST, prompt_init=init), 0)
    assert theta.shape == (2, lm.embedding_dim)
    rows = torch.tensor([3, 1, 29])
    expected = blank_probs(lm, texts[rows], prompts.prompt(theta))
    torch.testing.assert_close(prompts.probs(texts)(rows, theta), expected, rtol=1e-9, atol=1e-12)


def test_where_prompts_start():
    model = warm_hmm()
    for lm in (ExactMaskedLM(model), small_transformer(8)):
        prompts = ExactPrompts(lm) if isinstance(lm, ExactMaskedLM) else FreePrompts(lm)
        embeddings = lm.embed(torch.arange(9)[None])[0].detach()
        recipes = [replace(FAST, n_prompt=200, prompt_init=init) for init in ("random", "tokens", "blank")]
        random, tokens, blank = (prompts.prompt(prompts.start(recipe, 0)).detach() for recipe in recipes)
        words = embeddings[:8]
        if isinstance(lm, ExactMaskedLM):
            words = words / words.amax(1, keepdim=True)
        nearest = (tokens[:, None] - words).abs().amax(2)
        assert float(nearest.amin(1).max()) < 1e-12
        assert len(nearest.argmin(1).unique()) == 8
        torch.testing.assert_close(blank, embeddings[8].expand_as(blank))
        assert random.unique(dim=0).shape[0] == 200
    torch.testing.assert_close(random.std(), words.std(), rtol=0.1, atol=0)


def test_a_start_of_ones_own_may_be_the_theorems():
    """Section 3.1: a prompt that switches states off, and the head for it."""
    model = random_sparse_hmm(6, 4, generator=0, n_followers=2)
    followers = (model.transition[2] > 0).nonzero().flatten()
    mu = torch.zeros(6, dtype=torch.float64)
    mu[followers] = torch.tensor([1.0, -1.0], dtype=torch.float64)
    built = soft_prompt(model, mu, states=[2])
    data = draw_dataset(PosteriorTask.two_class(model, mu), generator=0, sizes=(300, 100, 300), length=12)
    lm = ExactMaskedLM(model)
    recipe = TuningRecipe(epochs=1, learning_rates=(1e-9,), warmup=0, n_prompt=1, solve_heads=True)
    tuned = tune_prompt(lm, data, recipe, start=built.prompt)
    assert built.prompt.min() == 0
    torch.testing.assert_close(tuned.prompt, built.prompt, rtol=1e-6, atol=1e-60)
    assert tuned.accuracy(data.test) > 0.97
    assert tune_prompt(lm, data, recipe).accuracy(data.test) < 0.95


def prompt_by_hand(lm, data, recipe, rate, theta):
    head = torch.zeros(2, lm.n_tokens, requires_grad=True)
    theta = theta.detach().clone().requires_grad_()
    optimiser = torch.optim.AdamW([theta, head], rate, betas=recipe.betas, weight_decay=0.0)
    step, norms = 0, []
    n_steps = recipe.epochs * -(-len(data.train.labels) // recipe.batch)
    for epoch in range(recipe.epochs):
        random = step_generator(torch.device("cpu"), recipe.seed, epoch)
        order = torch.randperm(len(data.train.labels), generator=random)
        norms.append([])
        for rows in order.split(recipe.batch):
            optimiser.param_groups[0]["lr"] = rate * recipe.learning_rate_factor(step, n_steps)
            optimiser.zero_grad()
            values = blank_probs(lm, data.train.tokens[rows], theta) @ head.T
            torch.nn.functional.cross_entropy(values, data.train.labels[rows]).backward()
            norms[-1].append(float(theta.grad.norm()))
            optimiser.step()
            step += 1
    return theta.detach(), head.detach(), [sum(some) / len(some) for some in norms]


def test_prompt_and_head_are_trained_together():
    lm, data = small_transformer(), word_task(64)
    recipe = TuningRecipe(epochs=3, batch=20, learning_rates=(0.02,), warmup=4, n_prompt=3, seed=2)
    tuned = tune_prompt(lm, data, recipe)
    lm.requires_grad_(False)
    theta, head, norms = prompt_by_hand(lm, data, recipe, 0.02, FreePrompts(lm).start(recipe, 0))
    losses = [epoch.validation_loss for epoch in tuned.history]
    assert losses.index(min(losses)) == 2
    torch.testing.assert_close(tuned.prompt, theta)
    torch.testing.assert_close(tuned.head.weights, head)
    assert [epoch.prompt_gradient for epoch in tuned.history] == pytest.approx(norms, rel=1e-3)
    assert float((theta - FreePrompts(lm).start(recipe, 0)).abs().max()) > 0.01
    values = blank_probs(lm, data.test.tokens, theta) @ head.T
    torch.testing.assert_close(tuned.values(data.test.tokens), values)


def test_the_model_is_left_as_it_is():
    lm, data = small_transformer(dropout=0.5).train(), word_task(64)
    before = {name: weight.clone() for name, weight in lm.state_dict().items()}
    tuned = [tune_prompt(lm, data, FAST) for _ in range(2)]
    assert torch.equal(tuned[0].prompt, tuned[1].prompt)
    assert all(torch.equal(weight, before[name]) for name, weight in lm.state_dict().items())
    assert all(weight.grad is None and weight.requires_grad for weight in lm.parameters())
    assert lm.training
    assert not tuned[0].prompt.requires_grad
    assert not tuned[0].head.weights.requires_grad


def test_the_model_is_left_as_it_is_after_an_error():
    lm = small_transformer()
    with pytest.raises(FloatingPointError, match="at step"):
        tune_prompt(lm, word_task(), replace(FAST, learning_rates=(1e38,)))
    assert lm.training
    assert all(weight.requires_grad for weight in lm.parameters())


@pytest.mark.parametrize("exact", [True, False])
def test_the_same_seed_gives_the_same_prompt(exact):
    if exact:
        lm, data = ExactMaskedLM(warm_hmm()), task_data(warm_hmm(), 100)[1]
    else:
        lm, data = small_transformer(), word_task(64)
    one, two, other = (tune_prompt(lm, data, replace(FAST, seed=seed)).prompt for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_any_model_behind_the_interface():
    transformers = pytest.importorskip("transformers")
    from hmmlib.lm.huggingface import HuggingFaceMaskedLM

    config = transformers.BertConfig(
        vocab_size=9,
        hidden_size=12,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=20,
        pad_token_id=None,
    )
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        bert = transformers.BertForMaskedLM(config)
    lm = HuggingFaceMaskedLM(bert, [3, 4, 5, 6, 7], 8)
    data = word_task(64)
    before = {name: weight.clone() for name, weight in bert.state_dict().items()}
    tuned = tune_prompt(lm, data, replace(FAST, n_prompt=4))
    assert tuned.prompt.shape == (4, 12)
    assert 0 <= tuned.accuracy(data.test) <= 1
    assert tuned.history[0].prompt_gradient > 0
    attention = tune_head(lm, data, FAST, head="attention", reading="blanked")
    assert attention.head.embeddings.shape == (6, 12)
    assert all(torch.equal(weight, before[name]) for name, weight in bert.state_dict().items())


def test_texts_too_long_for_the_model():
    lm = small_transformer(positions="learned", norm="post", max_positions=10)
    with pytest.raises(ValueError, match="embeddings: 11 positions; the model has learnt max_positions = 10"):
        tune_prompt(lm, word_task(), FAST)
    tune_prompt(lm, word_task(), replace(FAST, n_prompt=1, epochs=1))


def test_starts_that_no_model_accepts():
    lm, data = ExactMaskedLM(warm_hmm()), task_data(warm_hmm(), 100)[1]
    for start, error, message in (
        (torch.ones(1, 6), ValueError, r"start: expected shape \(n_prompt, .*\) = \(2, 6\), got \(1, 6\)"),
        (
            torch.tensor([[1.0] * 6, [-1.0] * 6]),
            ValueError,
            "start: vector 1, entry 0 is -1; expected",
        ),
        (
            torch.zeros(2, 6),
            ValueError,
            "start: vector 0, entry 0 is 0; .* >= 0, not all zero",
        ),
        ("ones", TypeError, "start: expected numbers of shape"),
    ):
        with pytest.raises(error, match=message):
            tune_prompt(lm, data, FAST, start=start)
    with pytest.raises(ValueError, match="recipe: solve_heads=True is for two classes, the data have 3"):
        tune_prompt(small_transformer(), word_task(n_classes=3), CONVERGED)


def test_texts_that_cannot_be():
    # Either zeros and ones for ever, or twos and threes.
    model = HMM([0.5, 0.5], [[1.0, 0], [0, 1]], [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])
    lm = ExactMaskedLM(model)
    tokens = torch.tensor([[0, 1], [1, 1], [3, 2]])
    labels = torch.tensor([0, 0, 1])
    split = Split(tokens, labels, torch.eye(2)[labels])
    data = TaskData(split, split, split)
    start = torch.tensor([[1.0, 0]]).repeat(6, 1)
    recipe = replace(FAST, n_prompt=6)
    with pytest.raises(
        ValueError, match="data: text 2 has probability 0 after the prompt; expected one that"
    ):
        tune_prompt(lm, data, recipe, start=start)
    tune_prompt(lm, data, recipe)
    mixed = split._replace(tokens=torch.tensor([[0, 1], [1, 1], [3, 1]]))
    with pytest.raises(ValueError, match="sequence 2, position 1"):
        tune_prompt(lm, data._replace(train=mixed), recipe)
