"""Which head a search ends with, and what becomes of learning rates that diverge."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tuning_cases import small_transformer, word_task

from hmmlib import ExactMaskedLM, LinearHead, draw_dataset, draw_task, random_hmm
from hmmlib.tuning import PAPER_TUNING, TuningRecipe, fine_tune, tune_head, tune_prompt
from hmmlib.tuning._prompt_parameters import ExactPrompts
from hmmlib.tuning._training import solve_last
from hmmlib.tuning.prompts import best_place

LAWS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1], [0.2, 0.8]], dtype=torch.float64)
LABELS = torch.tensor([1, 0, 1, 0])


def test_the_solved_head_takes_over_where_it_is_as_good():
    trained = LinearHead(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    last = solve_last(trained, (LAWS, LABELS), (LAWS.float(), LABELS))
    assert last.head.weights.shape == (2,)
    assert last.head.labels(LAWS).tolist() == LABELS.tolist()
    assert (last.accuracy, last.converged) == (1.0, True)


def test_the_trained_head_stays_where_it_gets_more_validation_labels_right():
    trained = LinearHead(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    last = solve_last(trained, (LAWS, 1 - LABELS), (LAWS, LABELS))
    assert last.head is trained
    assert last.accuracy == 1.0


@pytest.mark.parametrize("rates", [(1e308, 1e-2), (1e-2, 1e308)])
def test_a_learning_rate_that_diverges_is_passed_over(rates):
    hmm = random_hmm(4, generator=1)
    data = draw_dataset(draw_task(hmm, generator=1), generator=1, sizes=(64, 16, 16), length=8)
    recipe = replace(PAPER_TUNING, epochs=2, warmup=0)
    found = tune_head(ExactMaskedLM(hmm), data, replace(recipe, learning_rates=rates), progress=False)
    alone = tune_head(ExactMaskedLM(hmm), data, recipe, progress=False)
    assert found.learning_rate == 1e-2
    assert torch.equal(found.head.weights, alone.head.weights)


def test_of_several_starts_the_one_best_on_validation_is_kept():
    hmm = random_hmm(8, 4, generator=1)
    data = draw_dataset(draw_task(hmm, generator=1), generator=1, sizes=(200, 60, 60), length=12)
    lm = ExactMaskedLM(hmm)
    recipe = TuningRecipe(epochs=2, batch=32, learning_rates=(0.03, 0.3), warmup=0, n_prompt=1, starts=3)
    starts = ExactPrompts(lm)
    prompts = [starts.prompt(starts.start(recipe, number)) for number in range(3)]
    assert not torch.equal(prompts[0], prompts[1])
    for solve in (False, True):
        way = replace(recipe, solve_heads=solve)
        alone = [
            tune_prompt(lm, data, replace(way, learning_rates=(rate,)), start=prompt, progress=False)
            for prompt in prompts
            for rate in recipe.learning_rates
        ]
        together = tune_prompt(lm, data, way, progress=False)
        if solve:
            assert together.accuracy(data.validation) == max(one.accuracy(data.validation) for one in alone)
        else:
            losses = [min(epoch.validation_loss for epoch in one.history) for one in alone]
            best = min(epoch.validation_loss for epoch in together.history)
            assert best == pytest.approx(min(losses), rel=1e-6)


@pytest.mark.parametrize(
    ("accuracies", "losses", "best"),
    [
        ([0.8, 0.9, 0.7], [0.1, 0.5, 0.2], 1),
        ([0.9, 0.8, 0.9], [0.3, 0.1, 0.2], 2),
        ([0.9, 0.8, 0.9], [0.2, 0.1, 0.3], 0),
    ],
)
def test_of_equal_accuracies_the_smaller_loss_is_kept(accuracies, losses, best):
    assert best_place(accuracies, losses) == best


@pytest.mark.parametrize("tune", [tune_prompt, fine_tune])
def test_a_solved_head_does_not_make_a_search_converge_that_was_cut_short(tune):
    lm, data = small_transformer(), word_task(64)
    recipe = TuningRecipe(epochs=2, batch=32, learning_rates=(1e-3,), warmup=0, n_prompt=1, solve_heads=True)
    assert not tune(lm, data, recipe, progress=False).converged
    resting = replace(recipe, epochs=9, patience=1, learning_rates=(1e-30,))
    assert tune(lm, data, resting, progress=False).converged
