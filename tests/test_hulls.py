"""The distance between the hulls of two classes: against other programs, and as the error to be borne."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import scipy
import torch

from hmmlib import ExactMaskedLM, PosteriorTask, blank_probs, random_hmm, sample_tokens
from hmmlib.certificates import certificate_bound, hull_distance, separate

SETS = [(seed, size) for seed in range(20) for size in (2, 3, 5)]


def labelled(seed, size, count=12):
    """Distributions, sharply peaked in part, and labels that a random head gives most of them."""
    random = np.random.default_rng(seed)
    rows = random.dirichlet(np.full(size, 0.3 + seed % 3), count)
    values = rows @ random.standard_normal(size)
    labels = (values + 0.2 * (seed % 4) * random.standard_normal(count) >= np.median(values)).astype(int)
    labels[:2] = 0, 1
    return rows, labels


def nearest_points(rows, labels):
    """min ‖Σ α_i g_i − Σ β_j g_j‖₁ / 2, a program of its own: shares in both hulls, and slacks."""
    (ones, zeros), size = (rows[labels == label] for label in (1, 0)), rows.shape[1]
    apart, slack = np.hstack([ones.T, -zeros.T]), np.eye(size)
    sums = np.zeros((2, len(rows) + size))
    sums[0, : len(ones)] = sums[1, len(ones) : len(rows)] = 1
    found = scipy.optimize.linprog(
        np.append(np.zeros(len(rows)), np.full(size, 0.5)),
        A_ub=np.block([[apart, -slack], [-apart, -slack]]),
        b_ub=np.zeros(2 * size),
        A_eq=sums,
        b_eq=np.ones(2),
        method="highs",
    )
    return found.fun


@pytest.mark.parametrize(("seed", "size"), SETS)
def test_it_is_the_least_distance_of_two_points_of_the_hulls(seed, size):
    rows, labels = labelled(seed, size)
    found = hull_distance(rows, labels)
    assert found.distance == pytest.approx(nearest_points(rows, labels), abs=1e-9)
    assert found.margin == pytest.approx(found.distance, abs=1e-9)
    # Both are what head, shares and points say.
    signs = 2 * labels - 1
    assert float(found.head.weights.max() - found.head.weights.min()) <= 2 + 1e-12
    values = signs * (rows @ found.head.weights.numpy())
    assert values.min() == pytest.approx(found.margin, abs=1e-12)
    shares = found.certificate.numpy()
    assert shares.min() >= 0
    points = np.stack([2 * shares[labels == label] @ rows[labels == label] for label in (0, 1)])
    np.testing.assert_allclose(points, found.points, atol=1e-12)
    np.testing.assert_allclose(points.sum(1), 1, atol=1e-12)
    assert np.abs(points[0] - points[1]).sum() / 2 == pytest.approx(found.distance, abs=1e-12)


def test_of_two_tokens_it_is_the_gap_between_two_intervals():
    for seed in range(20):
        random = np.random.default_rng(seed)
        low, high = np.sort(random.uniform(0, 1, 7))[:4], np.sort(random.uniform(0, 1, 7))[3:]
        first = np.append(low, high)
        rows, labels = np.column_stack([first, 1 - first]), np.repeat([0, 1], [len(low), len(high)])
        gap = max(high.min() - low.max(), low.min() - high.max(), 0)
        assert hull_distance(rows, labels).distance == pytest.approx(gap, abs=1e-12)
        assert hull_distance(rows, 1 - labels).distance == pytest.approx(gap, abs=1e-12)


def test_a_constant_helps_a_head_in_the_box_by_at_most_two():
    ratios = []
    for seed, size in SETS:
        rows, labels = labelled(seed, size)
        boxed, free = separate(rows, labels), hull_distance(rows, labels)
        assert boxed.separable == (free.margin > 1e-9)
        if boxed.separable:
            ratios.append(free.distance / boxed.margin)
    assert len(ratios) > 10
    assert 1 - 1e-9 < min(ratios) < 1.1
    assert 1.4 < max(ratios) < 2 + 1e-9
    pair = [[0.9, 0.1], [0.8, 0.2]], [1, 0]
    assert hull_distance(*pair).distance == pytest.approx(0.1)
    assert separate(*pair).margin == pytest.approx(1 / 17)


@pytest.mark.parametrize("seed", [1, 4, 5, 6, 7])
def test_the_error_that_can_be_borne(seed):
    hmm = random_hmm(3, 4, generator=seed, transition_temperature=0.3, emission_temperature=0.3)
    texts = sample_tokens(hmm, 60, 7, generator=seed)[:, 1:]
    task = PosteriorTask.two_class(hmm, [1.0, -1.0, 0.5])
    features, labels = blank_probs(ExactMaskedLM(hmm), texts), task.labels(texts)
    best = hull_distance(features, labels)
    assert best.distance > 1e-4
    # Whatever moves less, by vectors that sum to zero: also those that hurt the head most.
    signs = (2 * labels - 1)[:, None]
    random = torch.Generator().manual_seed(0)
    noise = torch.randn(features.shape, dtype=torch.float64, generator=random)
    noise -= noise.mean(1, keepdim=True)
    weights = best.head.weights
    worst = torch.zeros_like(features)
    worst[:, weights.argmin()], worst[:, weights.argmax()] = 1, -1
    for moves in (noise, signs * worst):
        moves = 0.999 * best.distance * moves / moves.abs().sum(1, keepdim=True)
        assert torch.equal(best.head.labels(features + moves), labels)
    # And moves of this size, after which the hulls meet.
    middle = (best.points[1] - best.points[0]) / 2
    assert float(middle.abs().sum()) == pytest.approx(best.distance)
    assert float(middle.sum()) == pytest.approx(0, abs=1e-12)
    moved = features - signs * middle
    assert certificate_bound(moved, labels, best.certificate) < 1e-12
    assert not separate(moved, labels).separable
    assert separate(features - 0.99 * signs * middle, labels).separable


def test_in_fractions_no_pair_of_texts_is_nearer_than_a_head_says():
    """Distributions of small denominators: the distance is recomputed without rounding."""
    rows = [(a, b, 8 - a - b) for a, b in product(range(9), repeat=2) if a + b <= 8]
    labels = [int(3 * a > b + 5) for a, b, _ in rows]
    found = hull_distance(np.array(rows) / 8, labels)
    exact = Fraction(certificate_bound(np.array(rows) / 8, labels, found.certificate)).limit_denominator(1000)
    weights = [Fraction(float(w)).limit_denominator(1000) for w in found.head.weights]
    ones, zeros = (
        [
            sum(w * x for w, x in zip(weights, row, strict=True)) / 8
            for row, y in zip(rows, labels, strict=True)
            if y == label
        ]
        for label in (1, 0)
    )
    assert (min(ones) - max(zeros)) / 2 == exact > 0
    assert max(weights) - min(weights) == 2


def test_hulls_that_meet_have_no_distance():
    found = hull_distance([[0.2, 0.8], [0.8, 0.2], [0.5, 0.5]], [1, 1, 0])
    assert found.distance == pytest.approx(0, abs=1e-15)
    assert found.margin == 0
    np.testing.assert_allclose(found.points, 0.5)
    assert hull_distance(np.eye(3)[[0, 0, 1]], [1, 1, 0]).distance == 1


def test_single_precision_and_devices_come_back():
    rows, labels = labelled(0, 3)
    found = hull_distance(torch.tensor(rows, dtype=torch.float32), labels)
    assert found.head.weights.dtype == found.points.dtype == torch.float64
    assert found.distance == pytest.approx(hull_distance(rows, labels).distance, abs=1e-6)


@pytest.mark.parametrize(
    ("features", "labels", "words"),
    [
        ([[0.5, 0.6], [0.5, 0.5]], [0, 1], ["features", "row 0", "sums to 1.1"]),
        ([[0.5, 0.5], [1.5, -0.5]], [0, 1], ["features", "row 1", "-0.5", ">= 0"]),
        ([[0.5, 0.5], [1.0, 0.0]], [1, 1], ["labels", "both classes", "1 alone"]),
        ([[0.5, 0.5], [1.0, 0.0]], [0, 2], ["labels", "2"]),
    ],
)
def test_what_is_refused(features, labels, words):
    with pytest.raises(ValueError, match="(?s)" + ".*".join(words)):
        hull_distance(features, labels)
