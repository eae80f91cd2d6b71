"""What is left out of a process, and how much of it a learner has found."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from hmmlib.processes import (
    EXAMPLES,
    MarkingCounts,
    NgramProcess,
    ProcessScores,
    draw_log,
    leave_out,
    process_scores,
    sampling_ceiling,
    training_law,
    truth_excess,
    variants,
)

A5, LR = variants(EXAMPLES["A5"]), variants(EXAMPLES["LR"])
UNEVEN = torch.tensor([0.1, 0.2, 0.3, 0.15, 0.25], dtype=torch.float64)


@pytest.mark.parametrize("how", ["random", "consecutive"])
@pytest.mark.parametrize(("n", "k"), [(120, 24), (7, 3), (5, 4), (2, 1)])
def test_sets_are_parts_of_a_whole(n, k, how):
    sets = leave_out(n, k, how, generator=0)
    assert sets.shape == (n // k, k)
    assert len(set(sets.flatten().tolist())) == n // k * k
    assert sets.equal(sets.sort(1).values)
    assert sets.equal(leave_out(n, k, how, generator=0))
    if how == "consecutive":
        assert sets.flatten().tolist() == list(range(n // k * k))


def test_random_sets_are_random():
    drawn = [leave_out(6, 2, generator=seed)[0].tolist() for seed in range(300)]
    counts = np.bincount(np.ravel(drawn), minlength=6)
    assert np.abs(counts - 100).max() < 4 * (300 * 1 / 3 * 2 / 3) ** 0.5


def test_scores_by_hand():
    found = process_scores([0.3, 0.2, 0.0, 0.1, 0.2], UNEVEN, [2, 3])
    # Shown: 0, 1 and 4, with 0.55 together.
    fit = min(0.3, 0.1 / 0.55) + 0.2 + 0.2
    by_hand = ProcessScores(0.8, fit, 0.1 + 0.2 + 0.1 + 0.2, 0.1 / 0.45, 0.1)
    assert found == pytest.approx(by_hand)
    whole = process_scores(UNEVEN, UNEVEN, [2, 3])
    assert (whole.precision, whole.generalisation) == pytest.approx((1, 1))
    assert whole.fit == pytest.approx(0.55)


def test_theorem_scores_are_the_limits_of_those_of_simulated_logs():
    q = torch.tensor([0.3, 0.2, 0.05, 0.2, 0.25], dtype=torch.float64)
    found, n = process_scores(q, UNEVEN, [2, 3]), 4_000_000
    simulated = draw_log(q, n, generator=0)
    trained, all_texts = (
        draw_log(training_law(UNEVEN, [2, 3]), n, generator=1),
        draw_log(UNEVEN, n, generator=2),
    )
    common = torch.minimum(simulated, all_texts)
    counted = (
        float(torch.minimum(simulated, trained).sum()) / n,
        float(common.sum()) / n,
        float(common[[2, 3]].sum() / all_texts[[2, 3]].sum()),
    )
    # A share of n texts has a standard error of at most 1 / (2 √n); there are two logs, and five variants.
    assert counted == pytest.approx((found.fit, found.precision, found.generalisation), abs=4 * 5 / n**0.5)


def test_theorem_the_truth_loses_what_was_left_out():
    left_out = [1, 4, 7]
    law = training_law(LR.probs, left_out)
    seen = law > 0
    assert law.sum().item() == pytest.approx(1)
    best = -float((law[seen] * law[seen].log()).sum())
    truth = -float((law * LR.probs.log()).sum())
    excess = truth_excess(LR.probs, left_out)
    assert truth - best == pytest.approx(excess, abs=1e-12)
    assert excess == pytest.approx(-math.log(1 - 3 / 64))
    # No other law is better, and the best one has nothing for what was left out.
    for seed in range(20):
        other = torch.from_numpy(np.random.RandomState(seed).dirichlet(np.ones(64)))
        assert -float((law * other.log()).sum()) > best
    assert process_scores(law, LR.probs, left_out).generalisation == 0
    assert process_scores(law, LR.probs, left_out).fit == pytest.approx(1)


@pytest.mark.parametrize(("k", "nats"), [(1, 0.0084), (24, 0.223), (60, 0.693)])
def test_what_the_truth_loses_on_five_activities_in_any_order(k, nats):
    for left_out in leave_out(120, k, generator=0):
        assert truth_excess(A5.probs, left_out) == pytest.approx(nats, abs=5e-4)


@pytest.mark.parametrize("probs", [[1 / 120] * 120, UNEVEN, [1.0], [0.5, 0.5, 0.0]])
def test_theorem_two_logs_have_no_more_in_common_than_binomials_allow(probs):
    n, times, random = 300, 400, np.random.RandomState(0)
    shares = [
        float(torch.minimum(draw_log(probs, n, generator=random), draw_log(probs, n, generator=random)).sum())
        / n
        for _ in range(times)
    ]
    off = np.mean(shares) - sampling_ceiling(n, probs)
    assert abs(off) <= 4 * np.std(shares) / times**0.5 + 1e-12


def test_the_ceiling_of_the_published_fit():
    assert sampling_ceiling(12_000, A5.probs) == pytest.approx(0.94385, abs=1e-5)
    assert sampling_ceiling(1, [0.25, 0.75]) == pytest.approx(0.25**2 + 0.75**2)


@pytest.mark.parametrize("name", ["A5", "C7"])
def test_theorem_where_all_with_an_activity_are_left_out_nobody_who_counts_generalises(name):
    tree = EXAMPLES[name]
    found = variants(tree)
    size = len(found.names)
    # By an activity at a place for A5, where every text has every activity, and by an activity for C7.
    gone = found.tokens[:, 1] == 2 if name == "A5" else (found.tokens == 3).any(1)
    left_out = gone.nonzero()[:, 0]
    law = training_law(found.probs, left_out)
    learners = [NgramProcess(found.tokens, law, order=order, n_tokens=size) for order in (2, 3, 4)]
    for learner in (*learners, MarkingCounts(tree, found.tokens, law)):
        scores = process_scores(learner.log_probs(found.tokens).exp(), found.probs, left_out)
        assert scores.generalisation == scores.left_out_mass == 0


def marking_scores(name, k, how):
    found = variants(EXAMPLES[name])
    scores = []
    for left_out in leave_out(len(found.probs), k, how, generator=0):
        learner = MarkingCounts(EXAMPLES[name], found.tokens, training_law(found.probs, left_out))
        scores.append(
            process_scores(learner.log_probs(found.tokens).exp(), found.probs, left_out).generalisation
        )
    return float(np.mean(scores))


def test_folds_of_variants_in_order_are_branches_of_the_process():
    assert marking_scores("A5", 24, "consecutive") == 0  # all texts that begin alike
    assert marking_scores("A5", 8, "consecutive") == pytest.approx(0.16, abs=0.01)
    assert marking_scores("A5", 24, "random") > 0.5
    assert marking_scores("C7", 64, "consecutive") == 0
    assert marking_scores("C7", 64, "random") > 0.8


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: leave_out(5, 5, generator=0), ValueError, "k: expected fewer than all 5 variants, got 5"),
        (lambda: leave_out(5, 0, generator=0), ValueError, "k: expected at least 1"),
        (lambda: leave_out(1, 1, generator=0), ValueError, "n: expected at least 2"),
        (lambda: leave_out(5, 2, "sorted"), ValueError, "how: expected one of"),
        (lambda: leave_out(5, 2), TypeError, "generator: expected an int seed"),
        (lambda: training_law(UNEVEN, [5]), ValueError, "left_out: expected 0 … 4, entry 0 is 5"),
        (lambda: training_law(UNEVEN, [-1]), ValueError, "left_out: expected 0 … 4"),
        (lambda: training_law(UNEVEN, []), ValueError, "left_out: expected a list of one or more"),
        (lambda: training_law(UNEVEN, [1, 1]), ValueError, "left_out: expected each variant once"),
        (lambda: training_law(UNEVEN, range(5)), ValueError, "left_out: expected some variants"),
        (lambda: training_law([0.0, 1.0], [0]), ValueError, "left_out: expected some variants"),
        (lambda: training_law([0.5, 0.4], [0]), ValueError, "probs: expected the sum 1, got 0.9"),
        (
            lambda: training_law([1.5, -0.5], [0]),
            ValueError,
            "probs: expected numbers of at least 0, entry 1",
        ),
        (lambda: truth_excess([[1.0]], [0]), ValueError, "p: expected shape"),
        (lambda: process_scores([0.5, 0.5], UNEVEN, [0]), ValueError, r"q: expected shape \(5\)"),
        (
            lambda: process_scores(2 * UNEVEN, UNEVEN, [0]),
            ValueError,
            "q: expected numbers of at least 0 with",
        ),
        (lambda: process_scores(-UNEVEN, UNEVEN, [0]), ValueError, "q: expected numbers of at least 0 with"),
        (lambda: process_scores(UNEVEN / 0, UNEVEN, [0]), ValueError, "q: entry 0 is inf"),
        (lambda: process_scores(UNEVEN, UNEVEN, [0.5]), TypeError, "left_out: expected integers"),
        (lambda: sampling_ceiling(0, UNEVEN), ValueError, "n: expected at least 1"),
        (lambda: draw_log(UNEVEN, 0, generator=0), ValueError, "n: expected at least 1"),
        (lambda: draw_log(UNEVEN, 3, generator=None), TypeError, "generator: expected"),
    ],
)
def test_what_is_wrong_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
