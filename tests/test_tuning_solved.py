"""Which head a search ends with, and what becomes of learning rates that diverge."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hmmlib import ExactMaskedLM, LinearHead, draw_dataset, draw_task, random_hmm
from hmmlib.tuning import PAPER_TUNING, tune_head
from hmmlib.tuning._solved import solve_last

LAWS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1], [0.2, 0.8]], dtype=torch.float64)
LABELS = torch.tensor([1, 0, 1, 0])


def test_the_solved_head_takes_over_where_it_is_as_good():
    trained = LinearHead(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    head, converged = solve_last(trained, (LAWS, LABELS), (LAWS.float(), LABELS))
    assert head.weights.shape == (2,)
    assert head.labels(LAWS).tolist() == LABELS.tolist()
    assert converged


def test_the_trained_head_stays_where_it_gets_more_validation_labels_right():
    trained = LinearHead(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    head, _ = solve_last(trained, (LAWS, 1 - LABELS), (LAWS, LABELS))
    assert head is trained


@pytest.mark.parametrize("rates", [(1e308, 1e-2), (1e-2, 1e308)])
def test_a_learning_rate_that_diverges_is_passed_over(rates):
    hmm = random_hmm(4, generator=1)
    data = draw_dataset(draw_task(hmm, generator=1), generator=1, sizes=(64, 16, 16), length=8)
    recipe = replace(PAPER_TUNING, epochs=2, warmup=0)
    found = tune_head(ExactMaskedLM(hmm), data, replace(recipe, learning_rates=rates), progress=False)
    alone = tune_head(ExactMaskedLM(hmm), data, recipe, progress=False)
    assert found.learning_rate == 1e-2
    assert torch.equal(found.head.weights, alone.head.weights)
