"""Models in fractions agree with the others, and what they prove is proved without a tolerance."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch

from hmmlib import HMM, MemoryHMM, posteriors, prepend_blank
from hmmlib.constructions import linear_head, rational_head, two_bundles
from hmmlib.hmm import RationalHMM, review_hmm

MEMORY = MemoryHMM(
    [[[0.3, 0.1]], [[0.2, 0.4]]],
    [[0.5, 0.5], [1, 0]],
    [[[[1, 0, 0], [0, 0.7, 0.3]]], [[[1, 0, 0], [0, 0.2, 0.8]]]],
)
MODELS = {"reviews": review_hmm(), "with quotes": review_hmm(quotes=True), "memory": MEMORY}


def texts(n_tokens, longest):
    return [list(x) for n in range(longest + 1) for x in product(range(n_tokens), repeat=n)]


@pytest.mark.parametrize("name", MODELS)
def test_fractions_are_what_the_library_computes_in_floating_point(name):
    model, exact = MODELS[name], RationalHMM(MODELS[name])
    checked = 0
    for x in texts(3, 3)[1:]:
        padded, seen = prepend_blank(torch.tensor([x]))
        total = exact.initial @ exact.likelihoods(x)
        if total == 0:
            with pytest.raises(ValueError, match="has probability 0"):
                posteriors(model, padded, observed=seen)
            continue
        found = posteriors(model, padded, observed=seen)
        assert float(total) == pytest.approx(float(found.log_likelihood.exp()), abs=1e-14)
        for i in range(len(x) + 1):
            p = exact.leave_one_out(x, i)
            assert p.sum() == 1
            np.testing.assert_allclose(p.astype(float), found.leave_one_out[0, i], atol=1e-13)
            np.testing.assert_allclose(
                (exact.emission @ p).astype(float), found.conditionals[0, i], atol=1e-13
            )
            checked += 1
    assert checked > 60


def test_without_a_text_the_posterior_is_the_prior():
    exact = RationalHMM(review_hmm())
    assert exact.leave_one_out([], 0).tolist() == exact.initial.tolist()
    assert exact.likelihoods([]).tolist() == [1, 1, 1]


def test_another_prior_re_weights_the_states_under_the_blank():
    exact = RationalHMM(review_hmm())
    prior = np.array([0, 1, Fraction(3)], dtype=object)
    weights = prior * exact.likelihoods([1, 2])
    assert exact.leave_one_out([1, 2], 0, prior).tolist() == (weights / weights.sum()).tolist()


def test_an_exact_head_is_the_theorems():
    model, mu = review_hmm(), [0, 1, -1]
    b = rational_head(RationalHMM(model).emission, np.array(mu, dtype=object))
    np.testing.assert_allclose(b.astype(float), linear_head(model, mu).weights, atol=1e-14)
    assert (b @ RationalHMM(model).emission).tolist() == mu


def test_where_columns_depend_some_heads_are_there_and_some_are_not():
    exact = RationalHMM(review_hmm(quotes=True))
    b = rational_head(exact.emission, np.array([0, 1, -1, 0], dtype=object))
    assert (b @ exact.emission).tolist() == [0, 1, -1, 0]
    assert rational_head(exact.emission, np.array([-1, 1, 1, -1], dtype=object)) is None


@pytest.mark.parametrize(("mu", "there"), [([0, 1, -1, 0], True), ([-1, 1, 1, -1], False)])
def test_two_bundles_are_there_exactly_if_no_head_is(mu, there):
    exact, mu = RationalHMM(review_hmm(quotes=True)), np.array(mu, dtype=object)
    p = np.array([exact.leave_one_out(x, 0) for x in texts(3, 2)])
    shown, margins = p @ exact.emission.T, p @ mu
    head, c = rational_head(shown.T, margins), two_bundles(shown, margins)
    assert (head is None) is (c is not None) is (not there)
    if there:
        assert (shown @ head).tolist() == margins.tolist()
    else:
        assert (c @ shown).tolist() == [0, 0, 0]
        assert c @ margins == 1
        assert c.sum() == 0


EXACT = RationalHMM(review_hmm())
WRONG = {
    "a list": (lambda: RationalHMM([1]), TypeError, "model: expected an HMM or a MemoryHMM"),
    "no denominator": (lambda: RationalHMM(review_hmm(), 0), ValueError, "denominator: "),
    "thirds as halves": (
        lambda: RationalHMM(HMM([1.0], [[1.0]], [[1 / 3] * 3]), 2),
        ValueError,
        r"denominator: with at most 2, emission\[0\] sums to 3/2 and not to 1",
    ),
    "token": (lambda: EXACT.likelihoods([0, 3]), ValueError, "tokens: expected 0 … 2, got 3"),
    "half a token": (lambda: EXACT.likelihoods([0.5]), TypeError, "tokens: expected integers, got 0.5"),
    "position": (lambda: EXACT.leave_one_out([0], 2), ValueError, "position: expected 0 … 1, got 2"),
    "no integer": (lambda: EXACT.leave_one_out([0], 1.0), TypeError, "position: expected an integer"),
    "short prior": (lambda: EXACT.leave_one_out([0], 0, [1, 1]), ValueError, r"prior: expected shape \(3,\)"),
    "float prior": (
        lambda: EXACT.leave_one_out([0], 0, [1, 0.5, 0]),
        TypeError,
        r"prior\[1\]: expected a ",
    ),
    "negative": (
        lambda: EXACT.leave_one_out([0], 0, [1, -1, 0]),
        ValueError,
        r"prior\[1\]: .* ≥ 0, got",
    ),
    "nothing": (
        lambda: EXACT.leave_one_out([0], 0, [0, 0, 0]),
        ValueError,
        r"tokens: \[0\] without",
    ),
    "wanted": (lambda: rational_head(EXACT.emission, [1, 2]), ValueError, "wanted: expected 3 entries"),
    "no table": (lambda: rational_head([1, 2], [1, 2]), ValueError, "columns: expected 2 dimensions"),
    "float": (lambda: rational_head(EXACT.emission, [1, 0.5, 2]), TypeError, "wanted: expected fractions"),
    "margins": (lambda: two_bundles(EXACT.emission, [1, 2]), ValueError, "margins: expected 3 entries"),
    "float table": (lambda: two_bundles(np.eye(2), [1, 2]), TypeError, "predictions: expected fractions"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_cannot_be_meant_is_named(kind):
    call, error, said = WRONG[kind]
    with pytest.raises(error, match="^" + said):
        call()
