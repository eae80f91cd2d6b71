"""Fine-tuning: a copy of the model is trained, as by hand; what has no weights is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tuning_cases import small_transformer, word_task

from hmmlib import ExactMaskedLM, blank_probs, random_hmm
from hmmlib._random import step_generator
from hmmlib.heads import logistic_head
from hmmlib.tuning import CONVERGED, TuningRecipe, fine_tune, tune_head

FAST = TuningRecipe(epochs=3, batch=32, learning_rates=(3e-3,), warmup=3)


def test_weights_are_trained_where_a_head_is_not_enough():
    # Larger steps train, or not, as rounding decides.
    lm, data = small_transformer(), word_task(400)
    head = tune_head(lm, data, CONVERGED)
    tuned = fine_tune(lm, data, replace(FAST, epochs=20, learning_rates=(1e-3,), solve_heads=True))
    assert tuned.accuracy(data.test) > head.accuracy(data.test) + 0.1


def test_the_head_is_solved_on_what_the_trained_weights_show():
    # After so few steps from zero the trained head is far from its optimum: it gets fewer validation labels
    # right than the solved one. More steps, or larger ones, would let rounding decide where training leads.
    data, recipe = word_task(400), replace(FAST, epochs=1, learning_rates=(1e-3,))
    trained, solved = (
        fine_tune(small_transformer(), data, replace(recipe, solve_heads=solve)) for solve in (False, True)
    )
    assert solved.accuracy(data.validation) > trained.accuracy(data.validation) + 0.03
    weights = dict(trained.lm.named_parameters())
    assert all(torch.equal(weight, weights[name]) for name, weight in solved.lm.named_parameters())
    fit = logistic_head(blank_probs(solved.lm, data.train.tokens), data.train.labels)
    torch.testing.assert_close(solved.head.weights, fit.head.weights)


def test_all_weights_are_trained_as_by_hand():
    lm, data = small_transformer(), word_task(100)
    tuned = fine_tune(lm, data, FAST)
    copy = small_transformer()
    head = torch.zeros(2, 5, requires_grad=True)
    optimiser = torch.optim.AdamW([*copy.parameters(), head], 3e-3, weight_decay=0.0, fused=True)
    step = 0
    for epoch in range(3):
        order = torch.randperm(100, generator=step_generator(torch.device("cpu"), 0, epoch))
        for rows in order.split(32):
            optimiser.param_groups[0]["lr"] = 3e-3 * FAST.learning_rate_factor(step, 12)
            optimiser.zero_grad()
            values = blank_probs(copy, data.train.tokens[rows]) @ head.T
            torch.nn.functional.cross_entropy(values, data.train.labels[rows]).backward()
            optimiser.step()
            step += 1
    losses = [epoch.validation_loss for epoch in tuned.history]
    assert losses.index(min(losses)) == 2
    for (name, weight), found in zip(copy.named_parameters(), tuned.lm.parameters(), strict=True):
        torch.testing.assert_close(found, weight.detach(), msg=name)
        assert not torch.equal(weight, dict(lm.named_parameters())[name]), name
    torch.testing.assert_close(tuned.head.weights, head.detach())


def test_the_model_itself_is_left_as_it_is():
    lm, data = small_transformer(dropout=0.3).requires_grad_(False).eval(), word_task(64)
    before = {name: weight.clone() for name, weight in lm.state_dict().items()}
    generator = torch.random.get_rng_state()
    one, two, other = (fine_tune(lm, data, replace(FAST, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), generator)
    assert all(torch.equal(weight, before[name]) for name, weight in lm.state_dict().items())
    assert not any(weight.requires_grad for weight in [*lm.parameters(), *one.lm.parameters()])
    assert not one.lm.training
    assert torch.equal(one.values(data.test.tokens), two.values(data.test.tokens))
    assert not torch.equal(one.values(data.test.tokens), other.values(data.test.tokens))
    assert all(weight.grad is None for weight in one.lm.parameters())


def test_dropout_is_on_in_training():
    data = word_task(64)
    with_dropout, without = (
        fine_tune(small_transformer(dropout=dropout), data, FAST).head.weights for dropout in (0.3, 0.0)
    )
    assert not torch.equal(with_dropout, without)


def test_each_learning_rate_begins_anew_and_the_best_epoch_is_kept():
    data = word_task(64)
    recipe = replace(FAST, epochs=4, schedule="constant")
    rates = (3e-3, 0.3, 1e-2)
    alone = [fine_tune(small_transformer(), data, replace(recipe, learning_rates=(rate,))) for rate in rates]
    together = fine_tune(small_transformer(), data, replace(recipe, learning_rates=rates))
    best = min(alone, key=lambda one: min(epoch.validation_loss for epoch in one.history))
    assert together.learning_rate == best.learning_rate
    assert together.history == best.history
    for tuned in (*alone, together):
        kept = torch.nn.functional.cross_entropy(tuned.values(data.validation.tokens), data.validation.labels)
        assert float(kept) == pytest.approx(min(e.validation_loss for e in tuned.history), rel=1e-5)


def test_a_model_of_hugging_face():
    transformers = pytest.importorskip("transformers")
    from hmmlib.lm.huggingface import HuggingFaceMaskedLM

    config = transformers.BertConfig(
        vocab_size=6,
        hidden_size=12,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=20,
        pad_token_id=None,
    )
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        lm = HuggingFaceMaskedLM(transformers.BertForMaskedLM(config), None, 5)
    before = {name: weight.clone() for name, weight in lm.model.state_dict().items()}
    tuned = fine_tune(lm, word_task(64), FAST)
    assert all(torch.equal(weight, before[name]) for name, weight in lm.model.state_dict().items())
    changed = [
        name for name, weight in tuned.lm.model.named_parameters() if not torch.equal(weight, before[name])
    ]
    assert "bert.embeddings.word_embeddings.weight" in changed
    assert tuned.labels(word_task(64).test.tokens).shape == (64,)


def test_a_model_without_weights_is_refused():
    with pytest.raises(TypeError, match="lm: ExactMaskedLM has no weights to train; expected a torch module"):
        fine_tune(ExactMaskedLM(random_hmm(4, 5, generator=0)), word_task(), FAST)
    with pytest.raises(ValueError, match="recipe: solve_heads=True is for two classes, the data have 3"):
        fine_tune(small_transformer(), word_task(n_classes=3), CONVERGED)
    with pytest.raises(
        FloatingPointError, match=r"the loss is nan at step \d+ of 21 with learning rate 1e\+30"
    ):
        fine_tune(small_transformer(), word_task(), replace(FAST, learning_rates=(1e30,)))
