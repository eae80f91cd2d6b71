"""Linear heads by AdamW and to convergence; which epoch is kept; what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tuning_cases import small_transformer, task_data, warm_hmm, word_task

import hmmlib
from hmmlib import ExactMaskedLM, LinearHead, Masking, blank_probs, draw_dataset, draw_task
from hmmlib.heads import log_loss, logistic_head
from hmmlib.lm import _unchecked
from hmmlib.tuning import CONVERGED, PAPER_TUNING, TuningRecipe, _training, tune_head
from hmmlib.tuning._training import class_loss

FAST = TuningRecipe(epochs=5, batch=32, learning_rates=(0.1,), warmup=0)


@pytest.fixture(scope="module")
def exact():
    model = warm_hmm()
    return ExactMaskedLM(model), task_data(model)[1]


def test_the_papers_recipe_comes_near_the_optimum_from_above(exact):
    lm, data = exact
    # Labels that no head can get all right, or the optimum would be out of reach; and no early stopping.
    noise = torch.rand(300, generator=torch.Generator().manual_seed(0)) < 0.2
    train = data.train._replace(labels=torch.where(noise, 1 - data.train.labels, data.train.labels))
    data = data._replace(train=train, validation=train)
    optimum = logistic_head(blank_probs(lm, train.tokens), train.labels, l2=0)
    # 300 texts make 3 steps an epoch where the paper has 40.
    recipe = replace(PAPER_TUNING, epochs=1400)
    heads = [tune_head(lm, data, replace(recipe, learning_rates=(rate,))) for rate in (1e-2, 0.3)]
    losses = [float(class_loss(head.values(train.tokens), train.labels)) for head in heads]
    assert optimum.loss < losses[1] < losses[0] < 0.65
    assert losses[1] < optimum.loss + 0.02


def test_a_solved_head_is_the_logistic_head(exact):
    lm, data = exact
    tuned = tune_head(lm, data, CONVERGED)
    expected = logistic_head(blank_probs(lm, data.train.tokens), data.train.labels)
    torch.testing.assert_close(tuned.head.weights, expected.head.weights)
    assert (tuned.converged, tuned.history, tuned.learning_rate) == (expected.converged, (), None)
    loss, accuracy = log_loss(tuned.values(data.train.tokens), data.train.labels)
    assert (loss, accuracy) == pytest.approx((expected.loss, expected.accuracy))
    assert tuned.accuracy(data.train) == pytest.approx(accuracy)


def test_adamw_trains_any_number_of_classes():
    model = warm_hmm()
    data = draw_dataset(
        draw_task(model, generator=0, n_classes=3), generator=0, sizes=(300, 100, 200), length=9
    )
    tuned = tune_head(ExactMaskedLM(model), data, replace(FAST, epochs=60, learning_rates=(1.0,)))
    assert tuned.head.weights.shape == (3, 8)
    assert tuned.values(data.test.tokens).shape == (200, 3)
    majority = torch.bincount(data.test.labels).max() / 200
    assert tuned.accuracy(data.test) > majority + 0.2


def by_hand(lm, data, recipe, rate):
    """AdamW in the plainest way: the head after each epoch, with its validation loss."""
    probs, held = (blank_probs(lm, split.tokens).detach() for split in data[:2])
    head = torch.zeros(2, lm.n_tokens, dtype=probs.dtype, requires_grad=True)
    settings = {"betas": recipe.betas, "weight_decay": recipe.weight_decay, "fused": True}
    optimiser = torch.optim.AdamW([head], rate, **settings)
    step, epochs = 0, []
    n_steps = recipe.epochs * -(-len(probs) // recipe.batch)
    for epoch in range(recipe.epochs):
        order = torch.randperm(
            len(probs), generator=hmmlib._random.step_generator(torch.device("cpu"), recipe.seed, epoch)
        )
        for rows in order.split(recipe.batch):
            optimiser.param_groups[0]["lr"] = rate * recipe.learning_rate_factor(step, n_steps)
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(probs[rows] @ head.T, data.train.labels[rows]).backward()
            optimiser.step()
            step += 1
        loss = torch.nn.functional.cross_entropy(held @ head.T, data.validation.labels)
        epochs.append((float(loss.detach()), head.detach().clone(), step))
    return epochs


def test_the_epoch_best_on_validation_is_kept(exact):
    lm, data = exact
    # So large a step that the validation loss goes up and down.
    recipe = TuningRecipe(
        epochs=8,
        batch=30,
        learning_rates=(30.0,),
        warmup=3,
        schedule="constant",
        weight_decay=0.01,
        betas=(0.5, 0.8),
        seed=4,
    )
    tuned = tune_head(lm, data, recipe)
    expected = by_hand(lm, data, recipe, 30.0)
    losses = [loss for loss, _, _ in expected]
    assert [epoch.validation_loss for epoch in tuned.history] == pytest.approx(losses)
    assert [epoch.step for epoch in tuned.history] == [step for _, _, step in expected]
    best = losses.index(min(losses))
    assert best < len(losses) - 1
    torch.testing.assert_close(tuned.head.weights, expected[best][1])
    assert tuned.history[best].validation_accuracy == tuned.accuracy(data.validation)


def test_the_learning_rate_best_on_validation_is_kept(exact):
    lm, data = exact
    rates = (1e-6, 0.3, 1e4)
    tuned = tune_head(lm, data, replace(FAST, learning_rates=rates))
    alone = {rate: tune_head(lm, data, replace(FAST, learning_rates=(rate,))) for rate in rates}
    best = min(rates, key=lambda rate: min(e.validation_loss for e in alone[rate].history))
    assert best == 0.3
    assert tuned.learning_rate == 0.3
    assert tuned.history == alone[0.3].history
    torch.testing.assert_close(tuned.head.weights, alone[0.3].head.weights, rtol=0, atol=0)


def test_patience_ends_a_search_that_gains_nothing(exact):
    lm, data = exact
    wild = replace(FAST, epochs=60, learning_rates=(300.0,), schedule="constant")
    whole = tune_head(lm, data, wild)
    short = tune_head(lm, data, replace(wild, patience=3))
    losses = [epoch.validation_loss for epoch in whole.history]
    best = 0
    for last in range(60):
        best = last if losses[last] < losses[best] else best
        if last - best == 3:
            break
    assert short.history == whole.history[: last + 1]
    assert last < 59
    assert (short.converged, whole.converged) == (True, False)


def test_the_same_seed_gives_the_same_head_and_another_does_not(exact):
    lm, data = exact
    one, two, other = (tune_head(lm, data, replace(FAST, seed=seed)).head.weights for seed in (3, 3, 4))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_torchs_global_generator_is_left_alone(exact):
    lm, data = exact
    before = torch.random.get_rng_state()
    tune_head(lm, data, FAST)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_outputs_are_computed_once(exact, monkeypatch):
    lm, data = exact
    calls = []
    ask = lm.token_probs_at
    monkeypatch.setattr(lm, "token_probs_at", lambda e, place: calls.append((len(e), place)) or ask(e, place))
    tune_head(lm, data, FAST)
    assert calls == [(300, 0), (100, 0)]


def test_the_model_is_left_as_it_is():
    lm = small_transformer(dropout=0.5).train()
    lm.layers[0].eval()
    lm.bias.requires_grad_(False)
    modes = [part.training for part in lm.modules()]
    before = {name: weight.clone() for name, weight in lm.state_dict().items()}
    data = word_task()
    one, two = (tune_head(lm, data, FAST) for _ in range(2))
    assert torch.equal(one.head.weights, two.head.weights)  # no dropout
    assert [part.training for part in lm.modules()] == modes
    assert all(torch.equal(weight, before[name]) for name, weight in lm.state_dict().items())
    assert [name for name, weight in lm.named_parameters() if not weight.requires_grad] == ["bias"]
    assert all(weight.grad is None for weight in lm.parameters())


def test_a_loss_that_is_not_finite_stops_with_the_step(exact):
    lm, data = exact
    with pytest.raises(
        FloatingPointError, match=r"the loss is \S+ at step [1-9]\d* of 50 with learning rate 1e\+308"
    ):
        tune_head(lm, data, replace(FAST, learning_rates=(1e308,)))


def test_values_come_in_pieces(exact, monkeypatch):
    lm, data = exact
    tuned = tune_head(lm, data, FAST)
    whole = tuned.values(data.test.tokens)
    monkeypatch.setattr(_unchecked, "_EMBEDDED", 11 * 17 * lm.embedding_dim)
    torch.testing.assert_close(tuned.values(data.test.tokens), whole)
    assert tuned.labels(data.test.tokens).tolist() == whole.argmax(1).tolist()


def changed(data, split, **parts):
    return data._replace(**{split: getattr(data, split)._replace(**parts)})


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"lm": 3}, TypeError, "lm: expected a MaskedLM, got int"),
        ({"data": ()}, TypeError, "data: expected a TaskData, got tuple"),
        ({"recipe": {}}, TypeError, "recipe: expected a TuningRecipe, got dict"),
        ({"head": "hard"}, ValueError, "head: expected one of .*'plain attention'.*, got 'hard'"),
        ({"reading": "aloud"}, ValueError, "reading: expected one of .*'read off'.*, got 'aloud'"),
        ({"reading": "blanked"}, ValueError, "reading: a linear head reads the blank.*got 'blanked'"),
        ({"masking": Masking()}, ValueError, "masking: expected None for reading='shown', got Masking"),
    ],
)
def test_arguments_of_the_wrong_kind(exact, change, error, message):
    arguments = {"lm": exact[0], "data": exact[1], "recipe": FAST} | change
    with pytest.raises(error, match=message):
        tune_head(**arguments)


@pytest.mark.parametrize(
    ("split", "part", "value", "error", "message"),
    [
        ("train", "labels", torch.ones(300).long(), ValueError, "train: all 300 labels are 1; expected at"),
        ("validation", "labels", torch.full((100,), 2), ValueError, "validation.labels: text 0 has label 2"),
        (
            "train",
            "labels",
            torch.zeros(300),
            TypeError,
            "train.labels: expected integers, got torch",
        ),
        ("train", "labels", torch.zeros(3).long(), ValueError, r"train.labels: .*shape \(300,\).*\(3,\)"),
        ("train", "labels", [0, 1], TypeError, "train.labels: expected a tensor, got list"),
        ("train", "tokens", torch.zeros(4).long(), ValueError, r"train.tokens: expected shape \(batch, time"),
        ("validation", "tokens", torch.full((100, 16), 8), ValueError, "validation.tokens: sequence 0, pos"),
        ("train", "tokens", torch.zeros(300, 16), TypeError, "train.tokens: expected integers, got torch."),
    ],
)
def test_data_that_make_no_sense(exact, split, part, value, error, message):
    with pytest.raises(error, match="data." + message):
        tune_head(exact[0], changed(exact[1], split, **{part: value}), FAST)


def test_a_solved_linear_head_is_for_two_classes():
    with pytest.raises(ValueError, match="recipe: solve_heads=True is for two classes, the data have 3"):
        tune_head(small_transformer(), word_task(n_classes=3), CONVERGED)


def test_a_tuned_model_says_what_it_is(exact):
    lm, data = exact
    tuned = tune_head(lm, data, FAST)
    assert isinstance(tuned.head, LinearHead)
    assert repr(tuned).startswith("Tuned(head=LinearHead, prompt=None, epochs=5, learning_rate=0.1,")
    assert _training.score(torch.tensor([0.0, -1.0]), torch.tensor([1, 0]))[1] == 1.0
