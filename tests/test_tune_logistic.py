"""A penalty that is chosen on validation texts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hmmlib import logistic_head
from hmmlib.heads import tune_logistic

RANDOM = np.random.RandomState(0)
ROWS = torch.from_numpy(RANDOM.standard_normal((60, 8)))
LABELS = (ROWS[:, 0] + 0.5 * torch.from_numpy(RANDOM.standard_normal(60)) > 0).long()
TRAIN, VALIDATION = (ROWS[:30], LABELS[:30]), (ROWS[30:], LABELS[30:])


def right(fit):
    return float((fit.head.labels(VALIDATION[0]) == VALIDATION[1]).double().mean())


def test_the_penalty_is_the_one_that_does_best_on_validation():
    l2s = (1e-8, 1e-2, 1.0)
    fits = [logistic_head(*TRAIN, l2=l2) for l2 in l2s]
    found = tune_logistic(*TRAIN, *VALIDATION, l2s=l2s)
    accuracies = [right(fit) for fit in fits]
    assert len(set(accuracies)) > 1
    torch.testing.assert_close(found.head.weights, fits[int(np.argmax(accuracies))].head.weights)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tune_logistic(*TRAIN, *VALIDATION, l2s=()), "l2s: expected a penalty to try"),
        (
            lambda: tune_logistic(*TRAIN, ROWS[:2, :3], LABELS[:2]),
            "validation_features: expected 8 columns, as features, got 3",
        ),
        (lambda: tune_logistic(*TRAIN, ROWS[:2], [0, 2]), "validation_labels: text 1 has label 2"),
        (lambda: tune_logistic(*TRAIN, ROWS[:2] / 0, [0, 1]), "validation_features: row 0"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
