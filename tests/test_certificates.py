"""Certificates of what linear heads can do: against enumeration, other algorithms and exact fractions."""

from __future__ import annotations

import itertools
import os
import sys
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import milp, nnls

from hmmlib import (
    HMM,
    ExactMaskedLM,
    LinearHead,
    PosteriorTask,
    blank_posterior,
    blank_probs,
    draw_task,
    random_hmm,
    random_memory_hmm,
    sample_tokens,
)
from hmmlib.certificates import (
    best_accuracy,
    certificate_bound,
    posterior_span,
    row_space_test,
    separate,
    separation,
)
from hmmlib.certificates.accuracy import _quiet
from hmmlib.heads import logistic_head

NAN, INF = float("nan"), float("inf")
# States 0 and 1 emit alike and lead to different futures.
FORK = HMM(
    [0.5, 0.5, 0.0, 0.0],
    [[0, 0, 1, 0], [0, 0, 0, 1], [0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0]],
    [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]],
)


def at_the_blank(hmm, texts):
    return blank_probs(ExactMaskedLM(hmm), texts)


def possible_texts(hmm, length):
    """All texts of a length that the model can write."""
    texts = torch.tensor(list(itertools.product(range(hmm.n_tokens), repeat=length)))
    forward = hmm.initial.repeat(len(texts), 1)
    for time in range(length):
        forward = (forward @ hmm.transition) * hmm.emission.T[texts[:, time]]
    return texts[forward.sum(1) > 0]


def weights_table(draw, *shape):
    """Rows of small whole numbers, with many zeros, as distributions: ranks are clear-cut."""
    count = int(np.prod(shape))
    table = np.array(draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)), float)
    table = table.reshape(-1, shape[-1])
    table[table.sum(1) == 0, draw(st.integers(0, shape[-1] - 1))] = 1
    return (table / table.sum(1, keepdims=True)).reshape(shape)


@st.composite
def small_hmms(draw):
    n_states, n_tokens = draw(st.integers(1, 4)), draw(st.integers(2, 3))
    return HMM(
        weights_table(draw, n_states),
        weights_table(draw, n_states, n_states),
        weights_table(draw, n_states, n_tokens),
    )


@st.composite
def labelled_sets(draw):
    """Small whole-number features, so that rows repeat, hulls touch and points line up."""
    size, count = draw(st.integers(1, 4)), draw(st.integers(1, 9))
    values = draw(st.lists(st.integers(-2, 2), min_size=size * count, max_size=size * count))
    labels = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    return np.array(values, float).reshape(count, size), np.array(labels)


def signed_rows(features, labels):
    return (2 * np.asarray(labels) - 1)[:, None] * np.asarray(features)


# --- the span of the posteriors, and the row space


@given(small_hmms(), st.integers(1, 4))
@settings(max_examples=60)
def test_the_span_is_that_of_all_texts(hmm, length):
    posteriors = blank_posterior(hmm, possible_texts(hmm, length))
    basis = posterior_span(hmm, length)
    torch.testing.assert_close(basis.T @ basis, torch.eye(basis.shape[1], dtype=torch.float64))
    assert basis.shape[1] == torch.linalg.matrix_rank(posteriors, atol=1e-9)
    torch.testing.assert_close(posteriors @ basis @ basis.T, posteriors)


@given(small_hmms(), st.data())
@settings(max_examples=60)
def test_the_row_space_test_agrees_with_least_squares_over_all_texts(hmm, data):
    count = hmm.n_states
    mu = torch.tensor(data.draw(st.lists(st.integers(-2, 2), min_size=count, max_size=count))).double()
    # Texts of H − 1 tokens show all there is; a token more is allowed, a token fewer may not be enough.
    texts = possible_texts(hmm, max(count - 1, 1))
    probs, margins = at_the_blank(hmm, texts), blank_posterior(hmm, texts) @ mu
    fitted = probs @ torch.linalg.pinv(probs, atol=1e-9) @ margins
    found = row_space_test(hmm, mu)
    assert found.representable == bool((fitted - margins).abs().max() < 1e-8)
    if found.representable:
        assert found.lost is None
        torch.testing.assert_close(found.head.values(probs), margins, atol=1e-9, rtol=0)
        # No shorter head does the same.
        assert found.head.weights.norm() <= (torch.linalg.pinv(probs, atol=1e-9) @ margins).norm() + 1e-9
    else:
        assert found.head is None
        check_lost(hmm, mu, found)


def check_lost(hmm, mu, found):
    basis, lost = posterior_span(hmm), found.lost
    assert float(lost.norm()) == pytest.approx(1)
    torch.testing.assert_close(basis @ (basis.T @ lost), lost, atol=1e-9, rtol=0)
    assert float((lost @ hmm.emission).abs().max()) < 1e-9
    assert float(mu @ lost) > 1e-6
    assert found.residual == pytest.approx(float(mu @ lost / mu.norm()))


@pytest.mark.parametrize("seed", range(4))
def test_more_states_than_tokens_lose_a_direction(seed):
    hmm = random_hmm(7, 4, generator=seed, transition_temperature=0.1, emission_temperature=0.3)
    mu = torch.randn(7, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    found = row_space_test(hmm, mu)
    assert posterior_span(hmm).shape == (7, 7)
    assert not found.representable
    check_lost(hmm, mu, found)
    inside = row_space_test(hmm, hmm.emission @ torch.tensor([1.0, -2.0, 0.5, 3.0]).double())
    assert inside.representable
    assert inside.residual < 1e-12


def test_independent_columns_represent_every_task():
    hmm = random_hmm(6, 10, generator=1, transition_temperature=0.1, emission_temperature=0.2)
    mu = torch.randn(6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = row_space_test(hmm, mu)
    torch.testing.assert_close(found.head.weights, torch.linalg.pinv(hmm.emission.T).T @ mu)


def test_the_fork_loses_the_direction_between_its_twins():
    found = row_space_test(FORK, [1, -1, 0, 0])
    assert not found.representable
    torch.testing.assert_close(found.lost, torch.tensor([1.0, -1, 0, 0]).double() / 2**0.5)
    assert found.residual == pytest.approx(1)
    # The other two states cannot be under the blank: their weights never matter.
    ignored = row_space_test(FORK, [0, 0, 1, -1])
    assert ignored.representable
    assert float(ignored.head.weights.norm()) == 0
    # No text, no evidence: there is one margin only.
    assert posterior_span(FORK, 0).shape == (4, 1)
    assert row_space_test(FORK, [1, -1, 0, 0], length=0).representable


def test_the_span_matters_besides_the_row_space():
    """States 0 and 1 are one state in disguise: posteriors keep their ratio, so μ may tell them apart."""
    hmm = HMM(
        [0.3, 0.1, 0.6],
        [[0.2, 0.2, 0.6], [0.2, 0.2, 0.6], [0.1, 0.4, 0.5]],
        [[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]],
    )
    assert posterior_span(hmm).shape == (3, 2)
    found = row_space_test(hmm, [1.0, -1.0, 0.0])
    assert found.representable
    texts = sample_tokens(hmm, 50, 8, generator=0)
    margins = blank_posterior(hmm, texts) @ torch.tensor([1.0, -1.0, 0.0]).double()
    assert float(margins.std()) > 0.01
    torch.testing.assert_close(found.head.values(at_the_blank(hmm, texts)), margins)


def test_spans_grow_with_the_length_and_stop():
    """States that never move, each with its own distribution of one token: a dimension more for each."""
    n_states = 6
    share = np.linspace(0.1, 0.9, n_states)
    hmm = HMM(np.full(n_states, 1 / 6), np.eye(n_states), np.stack([share, 1 - share], 1))
    sizes = [posterior_span(hmm, length).shape[1] for length in range(8)]
    assert sizes == [1, 2, 3, 4, 5, 6, 6, 6]
    shorter, longer = posterior_span(hmm, 2), posterior_span(hmm, 3)
    torch.testing.assert_close(longer @ (longer.T @ shorter), shorter)


def test_tiny_initial_probabilities_and_rare_tokens_count():
    rare = HMM([1 - 1e-14, 1e-14], np.eye(2), [[1 - 3e-14, 3e-14], [1 - 1e-14, 1e-14]])
    assert posterior_span(rare).shape == (2, 2)
    assert posterior_span(rare.with_initial([1.0, 0.0])).shape == (2, 1)


def test_the_span_of_a_float32_model_is_in_float64():
    single = random_hmm(5, 3, generator=0, emission_temperature=0.5).to(dtype=torch.float32)
    assert posterior_span(single).dtype == torch.float64
    assert row_space_test(single, [1.0, 0, 0, 0, -1]).lost.dtype == torch.float64


def test_a_large_model_has_a_span():
    hmm = random_hmm(200, 100, generator=0)
    basis = posterior_span(hmm)
    assert basis.shape == (200, 200)
    torch.testing.assert_close(basis.T @ basis, torch.eye(200, dtype=torch.float64))


# --- separation


@given(labelled_sets())
@settings(max_examples=150)
def test_every_verdict_is_proved(labelled):
    features, labels = labelled
    found = separate(features, labels)
    signed = signed_rows(features, labels)
    # Another algorithm: is 0 a convex combination of the signed rows?
    equations = np.vstack([signed.T, np.ones(len(signed))])
    _, distance = nnls(equations, np.append(np.zeros(signed.shape[1]), 1.0))
    assert found.separable == (distance > 1e-6)
    weights, shares = found.head.weights.numpy(), found.certificate.numpy()
    assert np.abs(weights).max() <= 1
    assert found.margin == pytest.approx((signed @ weights).min(), abs=1e-14)
    assert (shares >= 0).all()
    assert shares.sum() == pytest.approx(1)
    # Primal and dual meet, in exact arithmetic too.
    exact = certificate_bound(features, labels, shares)
    assert found.margin - 1e-12 <= exact <= found.margin + 1e-9
    assert found.bound == pytest.approx(exact, abs=1e-12)
    if found.separable:
        assert torch.equal(found.head.labels(torch.tensor(features)), torch.tensor(labels))


@pytest.mark.parametrize("size", range(2, 11))
def test_one_wrong_label_inside_makes_a_separable_set_inseparable(size):
    random = np.random.default_rng(size)
    features = random.dirichlet(np.ones(size), 120)
    value = features @ random.standard_normal(size)
    value -= np.median(value)
    clear = np.abs(value) > 0.01
    features, labels = features[clear], (value[clear] > 0).astype(int)
    found = separate(torch.tensor(features), torch.tensor(labels))
    assert found.separable
    assert torch.equal(found.head.labels(torch.tensor(features)), torch.tensor(labels))
    first, second = np.flatnonzero(labels == 1)[:2]
    middle = (features[first] + features[second]) / 2
    found = separate(np.vstack([features, middle]), np.append(labels, 0))
    assert not found.separable
    assert found.bound <= 1e-12
    shares = found.certificate.numpy()
    # With features that sum to one, the two classes weigh the same: their hulls meet.
    assert shares[np.append(labels, 0) == 1].sum() == pytest.approx(0.5)
    assert int((shares > 0).sum()) <= size + 1


def test_the_best_margin_is_found():
    # ±1/2 in the first entry, weight 1: no head can have more than the halved distance of the two points.
    found = separate([[0.75, 0.25], [0.25, 0.75]], [1, 0])
    assert found.margin == pytest.approx(0.5)
    assert found.bound == pytest.approx(0.5)
    assert found.head.weights.tolist() == pytest.approx([1, -1])


def test_equal_rows_with_both_labels_are_a_proof():
    features = torch.tensor([[0.2, 0.8], [0.7, 0.3], [0.2, 0.8], [0.2, 0.8]]).double()
    found = separate(features, [0, 1, 1, 1])
    assert not found.separable
    assert found.certificate.tolist() == pytest.approx([0.5, 0, 0.5, 0])
    assert certificate_bound(features, [0, 1, 1, 1], found.certificate) < 1e-15


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_is_separable(label):
    probs = np.random.default_rng(0).dirichlet(np.ones(4), 30)
    found = separate(probs, np.full(30, label))
    assert found.separable
    assert found.margin == pytest.approx(1)
    # Not so where features need not sum to one: a point and its opposite.
    assert not separate([[1.0, 2.0], [-1.0, -2.0]], [label, label]).separable


def test_features_of_any_size_and_kind():
    features = np.array([[3, 1], [1, 3], [2, 3]])
    plain = separate(features, [1, 0, 0])
    large, small = separate(features * 1e8, [1, 0, 0]), separate(features * 1e-8, [1, 0, 0])
    assert plain.separable
    assert large.separable
    assert small.separable
    assert large.margin == pytest.approx(1e8 * plain.margin)
    assert small.bound == pytest.approx(1e-8 * plain.bound)
    assert not separate(np.zeros((2, 3)), [0, 0]).separable


def test_differences_below_the_tolerance_do_not_count():
    features = np.array([[0.5, 0.5], [0.5 + 1e-11, 0.5 - 1e-11]])
    assert not separate(features, [0, 1]).separable
    found = separate(features, [0, 1], tolerance=1e-12)
    assert found.separable
    assert found.margin == pytest.approx(1e-11, rel=1e-3)


def test_labels_that_change_twice_along_a_segment():
    """States that never move: on aⁿ the label goes 1, 0, 1 and what the model shows goes one way."""
    share = np.array([0.1, 0.5, 0.9])
    hmm = HMM([0.83, 0.15, 0.02], np.eye(3), np.stack([share, 1 - share], 1))
    task = PosteriorTask.two_class(hmm, [1.0, -1.0, 1.0])
    texts = [torch.zeros(1, length, dtype=torch.int64) for length in (1, 3, 10)]
    probs = torch.cat([at_the_blank(hmm, text) for text in texts])
    labels = torch.cat([task.labels(text) for text in texts])
    assert labels.tolist() == [1, 0, 1]
    assert probs[0, 0] < probs[1, 0] < probs[2, 0]
    found = separate(probs, labels)
    assert not found.separable
    assert certificate_bound(probs, labels, found.certificate) < 1e-15
    # All three texts are needed; the one of label 0 holds half of the weight.
    assert found.certificate.min() > 0
    assert float(found.certificate[1]) == pytest.approx(0.5)
    best = best_accuracy(probs, labels)
    assert best.exact
    assert best.lower == pytest.approx(2 / 3)
    assert not row_space_test(hmm, task.mu).representable


def test_a_representable_task_is_separable_on_its_clear_texts():
    hmm = random_hmm(4, 8, generator=3, transition_temperature=0.1, emission_temperature=0.3)
    mu = torch.tensor([1.0, -1.0, 0.5, -0.3]).double()
    texts = sample_tokens(hmm, 400, 20, generator=0)
    task = PosteriorTask.two_class(hmm, mu)
    clear = (task.posterior(texts) @ mu).abs() > 1e-3
    texts = texts[clear]
    found = separate(at_the_blank(hmm, texts), task.labels(texts))
    head = row_space_test(hmm, mu).head.weights
    assert found.separable
    # The margin is the best in the box, hence no worse than that of the exact head scaled into it.
    assert found.margin >= 1e-3 / float(head.abs().max()) - 1e-9


@pytest.mark.parametrize(("count", "size", "n_states"), [(10_000, 10, 12), (3000, 100, 120)])
def test_large_sets_are_decided(count, size, n_states):
    hmm = random_hmm(n_states, size, generator=0, transition_temperature=0.05, emission_temperature=0.2)
    mu = torch.randn(n_states, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    texts = sample_tokens(hmm, count, 15, generator=0)
    found = separate(at_the_blank(hmm, texts), PosteriorTask.two_class(hmm, mu).labels(texts))
    assert found.bound - found.margin < 1e-9


def test_the_exact_bound_is_that_of_fractions():
    random = np.random.default_rng(3)
    features, labels, shares = random.random((6, 3)), np.array([0, 1, 1, 0, 1, 0]), random.random(6)
    total = [
        sum(
            Fraction(s) * Fraction(v) * (1 if y else -1)
            for s, v, y in zip(shares, column, labels, strict=True)
        )
        for column in features.T
    ]
    exact = sum(abs(value) for value in total) / sum(Fraction(s) for s in shares)
    found = certificate_bound(features, labels, shares)
    assert Fraction(found) >= exact
    assert Fraction(found) - exact < Fraction(1, 2**50)
    # Scaling λ changes nothing.
    assert certificate_bound(features, labels, 4 * shares) == found


@pytest.mark.parametrize("answer", ["nothing", "nonsense"])
def test_the_solver_is_not_believed(monkeypatch, answer):
    """Without a proof there is no verdict, whatever the solver says."""
    features, labels = np.random.default_rng(0).dirichlet(np.ones(3), 12), [0, 1] * 6
    assert not separate(features, labels).separable
    nonsense = SimpleNamespace(
        x=np.array([1.0, -1, 1, 7]), ineqlin=SimpleNamespace(marginals=-1e-12 * np.arange(12.0)), status=0
    )
    nothing = SimpleNamespace(x=None, status=4)
    found = nothing if answer == "nothing" else nonsense
    monkeypatch.setattr(separation.scipy.optimize, "linprog", lambda *_, **__: found)
    with pytest.raises(RuntimeError, match=r"^tolerance: 1e-09 is too close to the best margin"):
        separate(features, labels)


# --- the best accuracy


def most_right(features, labels):
    """The most labels that a linear head gets right: every labelling is tried."""
    distinct, which = np.unique(features, axis=0, return_inverse=True)
    most = 0
    for answers in itertools.product([0, 1], repeat=len(distinct)):
        right = int((np.array(answers)[which.reshape(-1)] == labels).sum())
        if right > most and separate(distinct, np.array(answers)).separable:
            most = right
    return most


@pytest.mark.parametrize("seed", range(9))
def test_the_best_accuracy_is_that_of_trying_all_labellings(seed):
    random = np.random.default_rng(seed)
    size = 2 + seed % 2
    features = random.dirichlet(np.ones(size), 7)
    if seed % 3 == 0:  # some rows twice, with labels of their own
        features = np.vstack([features, features[:3]])
    labels = random.integers(0, 2, len(features))
    found = best_accuracy(features, labels)
    assert found.exact
    assert found.lower == most_right(features, labels) / len(labels)
    answers = found.head.labels(torch.tensor(features)).numpy()
    assert found.lower == (answers == labels).mean()


@given(labelled_sets(), st.integers(0, 9))
@settings(max_examples=40)
def test_the_bounds_hold(labelled, exact_up_to):
    features, labels = labelled
    found = best_accuracy(features, labels, exact_up_to=exact_up_to)
    answers = found.head.labels(torch.tensor(features)).numpy()
    assert found.lower == (answers == labels).mean()
    assert found.lower <= found.upper <= 1
    # Heads that were not looked for do not beat the upper bound.
    heads = np.random.default_rng(0).standard_normal((2000, features.shape[1]))
    values = features @ heads.T
    strict = (np.abs(values) > 1e-3) | (features == 0).all(1)[:, None]
    right = (((values >= 0) == (labels == 1)[:, None]) & strict).mean(0)
    assert right.max() <= found.upper + 1e-12
    if len(np.unique(features, axis=0)) <= exact_up_to:
        assert found.exact
    if separate(features, labels).separable:
        assert found.lower == 1


def test_the_integer_program_finds_what_the_other_heads_miss(monkeypatch):
    hmm = random_hmm(30, 10, generator=1, transition_temperature=0.05, emission_temperature=0.2)
    texts = sample_tokens(hmm, 60, 30, generator=0)
    mu = torch.randn(30, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    probs, labels = at_the_blank(hmm, texts), PosteriorTask.two_class(hmm, mu).labels(texts)
    quick, exact = best_accuracy(probs, labels, exact_up_to=0), best_accuracy(probs, labels)
    assert exact.exact
    assert quick.lower < exact.lower < 1 == quick.upper
    # From the worst of starts, the program alone comes to the same number.
    module = sys.modules["hmmlib.certificates.accuracy"]
    monkeypatch.setattr(module, "_heads", lambda *_: iter(()))
    alone = best_accuracy(probs, labels)
    assert (alone.lower, alone.upper) == (exact.lower, exact.upper)


def test_line_searches_go_beyond_logistic_regression():
    hmm = random_hmm(15, 10, generator=1, transition_temperature=0.05, emission_temperature=0.2)
    texts = sample_tokens(hmm, 500, 30, generator=1)
    probs, labels = at_the_blank(hmm, texts), draw_task(hmm, generator=1).labels(texts)
    found = best_accuracy(probs, labels)
    assert logistic_head(probs, labels).accuracy + 0.01 < found.lower < found.upper == 1


def test_labels_that_look_alike_bound_the_accuracy_of_any_set():
    features = np.random.default_rng(0).dirichlet(np.ones(3), 30)
    labels = (features[:, 0] > features[:, 1]).astype(int)
    features, labels = np.vstack([features, features[:6]]), np.append(labels, 1 - labels[:6])
    found = best_accuracy(features, labels, exact_up_to=0)
    assert found.upper == 30 / 36
    assert found.exact


@pytest.mark.parametrize("labels", [[1, 1, 0], [0, 0, 0], [1, 1, 1]])
def test_features_of_zero_have_one_answer(labels):
    found = best_accuracy(np.zeros((3, 2)), labels)
    assert found.lower == pytest.approx(np.mean(labels))


def test_tiny_differences_are_seen():
    """What tells the texts apart is 1e-8 of the features; scaled, it is plain to the solver."""
    random = np.random.default_rng(1)
    tiny = 1e-8 * random.standard_normal((20, 2))
    features = np.column_stack([0.3 + tiny[:, 0], 0.3 + tiny[:, 1], 0.4 - tiny.sum(1)])
    labels = (tiny[:, 0] > 0.2e-8).astype(int)
    assert best_accuracy(features, labels).lower == 1
    labels[:2] = 1 - labels[:2]
    large = np.column_stack([np.ones(20), 1e8 * tiny])
    assert best_accuracy(features, labels).lower == best_accuracy(large, labels).lower < 1


def test_a_time_limit_leaves_valid_bounds(monkeypatch):
    random = np.random.default_rng(0)
    features, labels = random.dirichlet(np.ones(10), 60), random.integers(0, 2, 60)
    found = best_accuracy(features, labels, time_limit=1e-3)
    assert 0.6 < found.lower < found.upper <= 1
    assert not found.exact

    # As if the time was up after a hundred nodes of the search, however long these take.
    def stopped(*program, options, **keywords):
        assert options.pop("time_limit") == 7
        return milp(*program, options=options | {"node_limit": 100}, **keywords)

    monkeypatch.setattr("scipy.optimize.milp", stopped)
    later = best_accuracy(features, labels, time_limit=7)
    assert found.lower <= later.lower < later.upper < 1
    assert not later.exact


def test_compiled_code_is_quiet(capfd):
    with _quiet():
        os.write(1, b"debugging output")
    print("after")
    assert capfd.readouterr().out == "after\n"


# --- errors


GOOD = [[0.5, 0.5], [0.2, 0.8]]
SETS = {
    "a NaN": (([[0.5, 0.5], [0.2, NAN]], [0, 1]), ValueError, ["features", "row 1", "entry 1", "nan"]),
    "infinity": (([[INF, 0.5]], [0]), ValueError, ["features", "row 0", "entry 0", "inf", "finite"]),
    "one text alone": (([0.5, 0.5], [0, 1]), ValueError, ["features", "(n >= 1, V >= 1)", "(2,)"]),
    "no texts": ((np.zeros((0, 2)), []), ValueError, ["features", "(0, 2)"]),
    "booleans": (([[True, False]], [0]), TypeError, ["features", "real numbers", "bool"]),
    "text": (([["a"]], [0]), TypeError, ["features", "numbers"]),
    "a label of two": ((GOOD, [0, 2]), ValueError, ["labels", "1", "2", "0 or 1"]),
    "signs for labels": ((GOOD, [-1, 1]), ValueError, ["labels", "0", "-1", "0 or 1"]),
    "labels that are floats": ((GOOD, [0.0, 1.0]), TypeError, ["labels", "integers", "float"]),
    "labels that are booleans": ((GOOD, [True, False]), TypeError, ["labels", "integers", "bool"]),
    "too few labels": ((GOOD, [0]), ValueError, ["labels", "(2,)", "(1,)"]),
}
ONE = [0.5, 0.5]
OPTIONS = {
    "no tolerance": (lambda: separate(GOOD, [0, 1], tolerance=0), ValueError, ["tolerance", "> 0", "0"]),
    "a tolerance that is text": (
        lambda: separate(GOOD, [0, 1], tolerance="small"),
        TypeError,
        ["tolerance", "number", "'small'"],
    ),
    "a negative share": (
        lambda: certificate_bound(GOOD, [0, 1], [1.0, -0.5]),
        ValueError,
        ["certificate", "entry 1", "-0.5", ">= 0"],
    ),
    "a share that is NaN": (
        lambda: certificate_bound(GOOD, [0, 1], [NAN, 0.5]),
        ValueError,
        ["certificate", "entry 0", "nan"],
    ),
    "no shares": (
        lambda: certificate_bound(GOOD, [0, 1], [0.0, 0.0]),
        ValueError,
        ["certificate", "all entries are 0", "positive"],
    ),
    "shares of another set": (
        lambda: certificate_bound(GOOD, [0, 1], [1.0]),
        ValueError,
        ["certificate", "(2,)", "(1,)"],
    ),
    "a large margin": (
        lambda: best_accuracy(GOOD, [0, 1], margin=0.5),
        ValueError,
        ["margin", "(0, 0.1]", "0.5"],
    ),
    "no time": (lambda: best_accuracy(GOOD, [0, 1], time_limit=0.0), ValueError, ["time_limit", "> 0"]),
    "a negative number of rows": (
        lambda: best_accuracy(GOOD, [0, 1], exact_up_to=-1),
        ValueError,
        ["exact_up_to", "at least 0", "-1"],
    ),
    "a mu of another size": (lambda: row_space_test(FORK, ONE), ValueError, ["mu", "(4,)", "(2,)"]),
    "a mu with a NaN": (
        lambda: row_space_test(FORK, [0, NAN, 0, 0]),
        ValueError,
        ["mu", "entry 1", "nan", "finite"],
    ),
    "a negative length": (
        lambda: posterior_span(FORK, -1),
        ValueError,
        ["length", "at least 0", "-1"],
    ),
    "half a token": (lambda: posterior_span(FORK, 1.5), TypeError, ["length", "integer", "1.5"]),
    "a tolerance of one": (lambda: posterior_span(FORK, rtol=1.0), ValueError, ["rtol", "below 1", "1.0"]),
    "a negative tolerance": (
        lambda: row_space_test(FORK, [0, 0, 0, 1], rtol=-1e-3),
        ValueError,
        ["rtol", "> 0", "-0.001"],
    ),
    "a model with memory": (
        lambda: posterior_span(random_memory_hmm(2, 2, 3, generator=0)),
        TypeError,
        ["model", "HMM", "MemoryHMM"],
    ),
    "no model": (lambda: row_space_test(None, [1.0]), TypeError, ["model", "HMM", "NoneType"]),
}


def check(call, error, fragments):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    name, *others = fragments
    assert message.startswith(f"{name}: "), f"{message!r} does not begin with the argument's name, {name}"
    missing = [fragment for fragment in others if fragment not in message]
    assert not missing, f"{message!r} does not say {missing}"


@pytest.mark.parametrize("call", [separate, best_accuracy, lambda *of: certificate_bound(*of, ONE)])
@pytest.mark.parametrize(("arguments", "error", "fragments"), SETS.values(), ids=SETS)
def test_bad_sets_are_named(call, arguments, error, fragments):
    check(lambda: call(*arguments), error, fragments)


@pytest.mark.parametrize(("call", "error", "fragments"), OPTIONS.values(), ids=OPTIONS)
def test_bad_options_are_named(call, error, fragments):
    check(call, error, fragments)


def test_results_are_heads():
    assert isinstance(separate(GOOD, [0, 1]).head, LinearHead)
    assert isinstance(best_accuracy(GOOD, [0, 1]).head, LinearHead)


def test_a_row_of_zeros_costs_the_program_nothing_where_its_class_is_one(monkeypatch):
    """Every head answers 1 there, which is right; no head has a margin there."""
    monkeypatch.setattr(sys.modules["hmmlib.certificates.accuracy"], "_heads", lambda *_: iter(()))
    features, labels = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [1, 1, 0]
    found = best_accuracy(features, labels)
    assert (found.lower, found.upper) == (1.0, 1.0)
    assert best_accuracy(features, [0, 1, 0]).upper == pytest.approx(2 / 3)
