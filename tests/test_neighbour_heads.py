"""Heads that remember: votes of the nearest examples, and what does not change them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hmmlib.heads import NeighbourHead, tune_neighbours

RANDOM = np.random.RandomState(0)
KEYS, ASKED = (torch.from_numpy(RANDOM.standard_normal((n, 6))) for n in (40, 25))
CLASSES = torch.from_numpy(RANDOM.randint(3, size=40))


def by_hand(head, keys, labels, asked):
    """The votes by the definition, query by query."""
    votes = np.zeros((len(asked), head.n_classes))
    width = keys.shape[1] // head.n_parts
    for row, query in enumerate(asked.numpy()):
        for part in range(head.n_parts):
            own = slice(part * width, (part + 1) * width)
            squares = ((keys.numpy()[:, own] - query[own]) ** 2).sum(1)
            near = np.argsort(squares, kind="stable")[: head.k]
            weights = np.exp(-head.n_parts * (squares[near] - squares[near[0]]) / head.temperature)
            for place, weight in zip(near, weights / weights.sum(), strict=True):
                votes[row, labels[place]] += weight / head.n_parts
    return votes


@pytest.mark.parametrize("n_parts", [1, 3])
@pytest.mark.parametrize(("k", "share"), [(1, 0.1), (5, 0.01), (40, 2.0)])
def test_votes_are_those_of_the_definition(k, share, n_parts):
    head = NeighbourHead(KEYS, CLASSES, k=k, share=share, n_parts=n_parts)
    probs = head.probs(ASKED)
    np.testing.assert_allclose(probs, by_hand(head, KEYS, CLASSES, ASKED), atol=1e-12)
    torch.testing.assert_close(probs.sum(1), torch.ones(25, dtype=torch.float64))
    assert head.labels(ASKED).equal(probs.argmax(1))


def test_pieces_change_nothing(monkeypatch):
    head = NeighbourHead(KEYS, CLASSES, k=5)
    whole = head.probs(ASKED)
    monkeypatch.setattr("hmmlib.heads.neighbours._PIECE", 80)
    torch.testing.assert_close(head.probs(ASKED), whole)


def test_theorem_limits_are_the_nearest_example_and_the_frequencies():
    cold = NeighbourHead(KEYS, CLASSES, k=40, share=1e-9)
    nearest = NeighbourHead(KEYS, CLASSES, k=1)
    assert cold.labels(ASKED).equal(nearest.labels(ASKED))
    hot = NeighbourHead(KEYS, CLASSES, k=40, share=1e9).probs(ASKED)
    shares = torch.bincount(CLASSES, minlength=3).double() / 40
    torch.testing.assert_close(hot, shares.expand(25, -1), atol=1e-7, rtol=0)


def test_theorem_one_part_is_the_same_in_any_coordinates_and_several_are_not():
    turn = torch.linalg.qr(torch.from_numpy(RANDOM.standard_normal((6, 6)))).Q
    for n_parts, same in ((1, True), (3, False)):
        plain, turned = (
            NeighbourHead(x(KEYS), CLASSES, k=7, share=0.2, n_parts=n_parts).probs(x(ASKED))
            for x in (lambda h: h, lambda h: 3 * h @ turn + 1)
        )
        assert (float((plain - turned).abs().max()) < 1e-9) == same


def test_votes_of_equal_weight_go_to_the_first_class():
    head = NeighbourHead([[1.0], [-1.0]], [1, 0], k=2)
    assert head.labels([[0.0]]).tolist() == [0]
    alike = NeighbourHead([[2.0], [2.0], [2.0]], [1, 1, 0], k=3)
    torch.testing.assert_close(alike.probs([[5.0]]), torch.tensor([[1 / 3, 2 / 3]], dtype=torch.float64))
    absent = NeighbourHead([[1.0]], [0], k=1, n_classes=3)
    assert absent.probs([[1.0]]).tolist() == [[1.0, 0.0, 0.0]]


def test_tuning_keeps_what_is_best_on_validation():
    labels = (KEYS[:, 0] > 0).long()
    asked = (ASKED[:, 0] > 0).long()
    ks, shares = (1, 3, 9, 99), (0.01, 1.0)
    found = tune_neighbours(KEYS, labels, ASKED, asked, ks=ks, shares=shares)
    tried = {
        (k, share): float(
            (NeighbourHead(KEYS, labels, k=k, share=share).labels(ASKED) == asked).double().mean()
        )
        for k in ks[:3]
        for share in shares
    }
    assert found.accuracy == max(tried.values()) == tried[found.head.k, found.head.share]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: NeighbourHead(KEYS, CLASSES, k=41), ValueError, "k: expected at most 40.*, got 41"),
        (lambda: NeighbourHead(KEYS, CLASSES, share=0.0), ValueError, "share"),
        (lambda: NeighbourHead(KEYS, CLASSES, n_parts=4), ValueError, "n_parts: expected a divisor of 6"),
        (lambda: NeighbourHead(KEYS, CLASSES, n_classes=2), ValueError, "n_classes: expected 3 or more"),
        (lambda: NeighbourHead(KEYS, CLASSES[:3]), ValueError, r"labels: expected shape \(40,\)"),
        (lambda: NeighbourHead(KEYS, CLASSES - 1), ValueError, "labels: expected classes from 0"),
        (lambda: NeighbourHead(KEYS, CLASSES.double()), TypeError, "labels: expected integers"),
        (lambda: NeighbourHead(KEYS / 0, CLASSES), ValueError, "features"),
        (
            lambda: NeighbourHead(KEYS, CLASSES).probs(ASKED[:, :3]),
            ValueError,
            r"features: expected shape \(any, 6\)",
        ),
        (lambda: tune_neighbours(KEYS, CLASSES, ASKED, CLASSES), ValueError, "validation_labels"),
        (lambda: tune_neighbours(KEYS, CLASSES, ASKED, CLASSES[:25], ks=(99,)), ValueError, "ks: expected"),
    ],
)
def test_what_is_wrong_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
