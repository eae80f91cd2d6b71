"""The exact error of the nearest reference: by enumeration, by drawing, and in its limits."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from hmmlib import HMM, ExactMaskedLM, PosteriorTask, blank_probs
from hmmlib.heads import NeighbourHead, nearest_error

RANDOM = np.random.RandomState(0)
X = RANDOM.standard_normal((5, 2))
Y = np.array([0, 1, 1, 0, 2])
P = np.array([0.1, 0.3, 0.2, 0.25, 0.15])


def enumerated(x, y, probs, size):
    """Every text that may be asked and every list of references."""
    total = 0.0
    for one in range(len(x)):
        for drawn in product(range(len(x)), repeat=size):
            squares = [round(float(((x[k] - x[one]) ** 2).sum()), 12) for k in drawn]
            near = [k for k, square in zip(drawn, squares, strict=True) if square == min(squares)]
            chance = probs[one] * np.prod([probs[k] for k in drawn])
            total += chance * np.mean([y[k] != y[one] for k in near])
    return total


@pytest.mark.parametrize("x", [X, np.round(X)], ids=["apart", "alike"])
def test_theorem_the_error_is_that_of_all_references_there_are(x):
    sizes = (1, 2, 4)
    found = nearest_error(x, Y, sizes, probs=P)
    assert found.tolist() == pytest.approx([enumerated(x, Y, P, size) for size in sizes], abs=1e-12)


def test_other_texts_can_be_asked():
    asked = RANDOM.standard_normal((3, 2)), np.array([0, 1, 2])
    found = nearest_error(X, Y, (1, 3), probs=P, asked=asked)
    for size, error in zip((1, 3), found.tolist(), strict=True):
        total = 0.0
        for row, label in zip(*asked, strict=True):
            for drawn in product(range(5), repeat=size):
                nearest = min(drawn, key=lambda k, row=row: float(((X[k] - row) ** 2).sum()))
                total += np.prod([P[k] for k in drawn]) * (Y[nearest] != label) / 3
        assert error == pytest.approx(total, abs=1e-12)
    same = nearest_error(X, Y, (2,), asked=(X, Y))
    torch.testing.assert_close(same, nearest_error(X, Y, (2,)))


def test_texts_that_show_the_same_leave_an_error_that_no_number_of_references_mends():
    found = nearest_error([[0.0], [0.0], [1.0]], [0, 1, 1], (1, 10**6), probs=[0.3, 0.2, 0.5])
    assert found.tolist() == pytest.approx([0.3 * 0.7 * 2, 2 * 0.3 * 0.2 / 0.5], abs=1e-12)


def test_drawn_references_are_as_often_wrong():
    x = RANDOM.standard_normal((60, 3))
    y = (x[:, 0] + 0.3 * x[:, 1] > 0).astype(int)
    errors = []
    for _ in range(400):
        drawn = RANDOM.randint(60, size=12)
        errors.append(float((NeighbourHead(x[drawn], y[drawn], k=1).labels(x).numpy() != y).mean()))
    (found,) = nearest_error(x, y, (12,)).tolist()
    assert abs(np.mean(errors) - found) < 4 * np.std(errors) / 20


def test_theorem_the_error_is_at_most_that_of_no_reference_nearer_than_another_label():
    x = RANDOM.standard_normal((80, 2))
    y = (np.square(x).sum(1) > 1.5).astype(int)
    squares = np.square(x[:, None] - x).sum(-1)
    other = np.where(y[:, None] != y, squares, np.inf).min(1)
    mass = (squares < other[:, None]).mean(1)
    for size in (1, 5, 40):
        bound = ((1 - mass) ** size).mean()
        assert float(nearest_error(x, y, (size,))[0]) <= bound + 1e-12


def test_theorem_a_memory_tells_the_fair_coin():
    coins = HMM([1 / 3] * 3, torch.eye(3), [[0.2, 0.8], [0.5, 0.5], [0.8, 0.2]])
    texts = torch.tensor(list(product((0, 1), repeat=6)))
    shown = blank_probs(ExactMaskedLM(coins), texts)
    labels = PosteriorTask.two_class(coins, [-1, 1, -1]).labels(texts)
    few, many = nearest_error(shown, labels, (5, 2000)).tolist()
    assert few > 0.1
    assert many < 1e-6


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: nearest_error(X, Y[:3], (1,)), ValueError, r"labels: expected labels of shape \(5,\), got"),
        (lambda: nearest_error(X, Y, (0,)), ValueError, "sizes"),
        (lambda: nearest_error(X, Y, 3), TypeError, "sizes: expected a sequence"),
        (lambda: nearest_error(X, Y * 1.0, (1,)), TypeError, "labels: expected integers"),
        (lambda: nearest_error(X / 0, Y, (1,)), ValueError, "features"),
        (lambda: nearest_error(X, Y, (1,), asked=(X,)), ValueError, "asked: expected features and labels"),
        (lambda: nearest_error(X, Y, (1,), asked=(X[:, :1], Y)), ValueError, "asked: expected shape"),
        (lambda: nearest_error(X, Y, (1,), asked=(X, Y[:2])), ValueError, "asked: expected labels of shape"),
        (lambda: nearest_error(X, Y, (1,), probs=P[:2]), ValueError, "probs: expected shape"),
        (lambda: nearest_error(X, Y, (1,), probs=2 * P), ValueError, "probs: expected the sum 1, got 2"),
        (
            lambda: nearest_error(X, Y, (1,), probs=[0, 0.25, 0.25, 0.25, 0.25]),
            ValueError,
            "probs: text 0 has 0; expected numbers above 0",
        ),
    ],
)
def test_what_is_wrong_is_named(call, kind, message):
    with pytest.raises(kind, match=message), np.errstate(all="ignore"):
        call()
