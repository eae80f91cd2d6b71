"""A penalty that is chosen on validation texts."""

from __future__ import annotations

from itertools import product

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
    ways = product(("values", "weights"), l2s)
    fits = [logistic_head(*TRAIN, l2=l2, penalise=penalise) for penalise, l2 in ways]
    found = tune_logistic(*TRAIN, *VALIDATION, l2s=l2s)
    accuracies = [right(fit) for fit in fits]
    assert len(set(accuracies)) > 1
    torch.testing.assert_close(found.head.weights, fits[int(np.argmax(accuracies))].head.weights)


def test_a_penalty_on_weights_is_that_of_ridge_whatever_the_unit():
    rows = ROWS.numpy() * np.array([1, 1, 1, 1, 1, 1, 1, 0.01])
    for unit in (1.0, 50.0):
        fit = logistic_head(unit * rows, LABELS, l2=0.1, penalise="weights")
        assert fit.converged
        b, variance = fit.head.weights.numpy() * unit, rows.var(0).sum()
        signs = 2 * LABELS.numpy() - 1
        slopes = -(signs / (1 + np.exp(signs * (rows @ b)))) @ rows / 60 + 0.1 * variance * b
        np.testing.assert_allclose(slopes, 0, atol=1e-8)


def test_a_penalty_on_weights_keeps_a_head_useful_that_has_as_many_weights_as_texts():
    wide = torch.from_numpy(RANDOM.standard_normal((2060, 60))) / torch.arange(1, 61)
    labels = (wide[:, 0] > 0).long()
    right = {
        way: float(
            (
                logistic_head(wide[:60], labels[:60], l2=1e-2, penalise=way).head.labels(wide[60:])
                == labels[60:]
            )
            .double()
            .mean()
        )
        for way in ("values", "weights")
    }
    assert right["values"] < 0.7
    assert right["weights"] > 0.9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tune_logistic(*TRAIN, *VALIDATION, l2s=()), "l2s: expected a penalty to try"),
        (
            lambda: tune_logistic(*TRAIN, ROWS[:2, :3], LABELS[:2]),
            "validation_features: expected 8 columns, as features, got 3",
        ),
        (lambda: logistic_head(*TRAIN, penalise="all"), "penalise: expected one of"),
        (lambda: tune_logistic(*TRAIN, ROWS[:2], [0, 2]), "validation_labels: text 1 has label 2"),
        (lambda: tune_logistic(*TRAIN, ROWS[:2] / 0, [0, 1]), "validation_features: row 0"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
