"""Expected counts against enumeration; fits against hmmlearn, and what every fit must do."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from hmmlib import HMM, fit_hmm, posteriors, random_hmm, sample_tokens
from hmmlib.hmm import _batches, expected_counts

F64 = torch.float64


def some_hmm(n_states=3, n_tokens=4, seed=0):
    random = np.random.default_rng(seed)
    return HMM(
        random.dirichlet(np.ones(n_states)),
        random.dirichlet(np.ones(n_states), n_states),
        random.dirichlet(np.ones(n_tokens), n_states),
    )


def parameters(model):
    return model.initial, model.transition, model.emission


def counts_by_paths(model, text, seen):
    """Expected counts of one text as sums over all paths."""
    initial, transition, emission = (part.numpy() for part in parameters(model))
    sums = [np.zeros_like(part) for part in (initial, transition, emission)]
    total = 0.0
    for path in product(range(model.n_states), repeat=len(text)):
        term = initial[path[0]] * np.prod([transition[pair] for pair in pairwise(path)])
        term *= np.prod([emission[h, x] for h, x, known in zip(path, text, seen, strict=True) if known])
        total += term
        sums[0][path[0]] += term
        for pair in pairwise(path):
            sums[1][pair] += term
        for h, x, known in zip(path, text, seen, strict=True):
            sums[2][h, x] += term * known
    return [part / total for part in sums], np.log(total)


# --- expected counts ---


def test_counts_are_those_of_all_paths():
    model = some_hmm()
    random = np.random.default_rng(1)
    tokens, lengths = random.integers(4, size=(4, 5)), [1, 3, 5, 5]
    observed = random.random((4, 5)) < 0.7
    found = expected_counts(model, tokens, observed=observed, lengths=lengths)
    expected = [torch.zeros_like(part) for part in parameters(model)]
    for text, seen, length, likelihood in zip(tokens, observed, lengths, found.log_likelihood, strict=True):
        sums, log_total = counts_by_paths(model, text[:length], seen[:length])
        for total, part in zip(expected, sums, strict=True):
            total += torch.tensor(part)
        assert float(likelihood) == pytest.approx(log_total, abs=1e-12)
    for count, total in zip(found[:3], expected, strict=True):
        torch.testing.assert_close(count, total, atol=1e-12, rtol=0)


def test_counts_add_up_to_texts_steps_and_tokens():
    model = random_hmm(10, generator=0)
    tokens = sample_tokens(model, 50, 30, generator=0)
    observed = torch.rand(50, 30, generator=torch.Generator().manual_seed(0)) < 0.8
    lengths = torch.arange(1, 51).clamp(max=30)
    found = expected_counts(model, tokens, observed=observed, lengths=lengths)
    read = observed & (torch.arange(30) < lengths[:, None])
    assert float(found.initial.sum()) == pytest.approx(50, rel=1e-12)
    assert float(found.transition.sum()) == pytest.approx(int((lengths - 1).sum()), rel=1e-12)
    torch.testing.assert_close(
        found.emission.sum(0), torch.bincount(tokens[read], minlength=10).to(F64), atol=1e-9, rtol=1e-12
    )
    expected = posteriors(model, tokens, observed=observed, lengths=lengths, keep=()).log_likelihood
    torch.testing.assert_close(found.log_likelihood, expected, atol=1e-12, rtol=1e-12)


def test_counts_do_not_depend_on_the_pieces_of_the_batch(monkeypatch):
    model = some_hmm()
    tokens = sample_tokens(model, 23, 12, generator=0)
    whole = expected_counts(model, tokens)
    monkeypatch.setattr(_batches, "_CPU_MESSAGE", 15)
    for part, other in zip(whole, expected_counts(model, tokens), strict=True):
        torch.testing.assert_close(part, other, atol=1e-11, rtol=1e-12)


def test_counts_do_not_depend_on_the_number_of_threads(monkeypatch):
    model = some_hmm()
    tokens = sample_tokens(model, 23, 12, generator=0)
    monkeypatch.setattr(_batches, "_CPU_MESSAGE", 15)
    threads, found = torch.get_num_threads(), []
    for number in (1, 2, 3):
        torch.set_num_threads(number)
        try:
            found.append(expected_counts(model, tokens))
        finally:
            torch.set_num_threads(threads)
    for other in found[1:]:
        assert all(torch.equal(part, same) for part, same in zip(found[0], other, strict=True))


@pytest.mark.parametrize(
    ("model", "tokens", "error", "message"),
    [
        ("hmm", [[0]], TypeError, "model: expected an HMM, got str"),
        (some_hmm(), [[0, 4]], ValueError, "tokens: sequence 0, position 1 holds 4; expected 0 … 3"),
        (
            HMM([1.0, 0], np.eye(2), np.eye(2)),
            [[0, 0], [0, 1]],
            ValueError,
            "tokens: sequence 1, position 1: token 1 has probability 0 after what precedes it",
        ),
    ],
)
def test_bad_input_of_counts_is_named(model, tokens, error, message):
    with pytest.raises(error, match=message):
        expected_counts(model, tokens)


# --- fits ---


@pytest.mark.parametrize("iterations", [1, 5, 30])
@pytest.mark.parametrize("implementation", ["log", "scaling"])
def test_a_fit_has_the_parameters_of_hmmlearn_from_the_same_start(iterations, implementation):
    hmmlearn = pytest.importorskip("hmmlearn.hmm", reason="the fit to compare with is hmmlearn's")
    truth, start = some_hmm(3, 5, seed=1), some_hmm(3, 5, seed=2)
    tokens = sample_tokens(truth, 40, 25, generator=0)
    lengths = torch.arange(6, 26).repeat(2)
    theirs = hmmlearn.CategoricalHMM(
        3, n_iter=iterations, tol=-np.inf, init_params="", params="ste", implementation=implementation
    )
    theirs.n_features = 5
    theirs.startprob_, theirs.transmat_, theirs.emissionprob_ = (
        part.numpy().copy() for part in parameters(start)
    )
    texts = [text[:length].numpy() for text, length in zip(tokens, lengths, strict=True)]
    theirs.fit(np.concatenate(texts)[:, None], lengths.tolist())
    ours = fit_hmm(
        tokens, 3, initial_model=start, lengths=lengths, max_iterations=iterations, tolerance=1e-300
    )
    assert ours.n_iterations == iterations
    expected = (theirs.startprob_, theirs.transmat_, theirs.emissionprob_)
    for own, other in zip(parameters(ours.model), expected, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-8, rtol=0)
    np.testing.assert_allclose(ours.log_likelihoods[:-1], theirs.monitor_.history, rtol=1e-10)


@pytest.mark.parametrize("blanks", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_log_likelihood_never_falls(seed, blanks):
    truth = random_hmm(4, 6, generator=seed)
    tokens = sample_tokens(truth, 60, 20, generator=seed)
    observed = torch.rand(60, 20, generator=torch.Generator().manual_seed(seed)) < 0.7 if blanks else None
    lengths = torch.arange(60) % 20 + 1
    fit = fit_hmm(
        tokens, 4, generator=seed, observed=observed, lengths=lengths, max_iterations=60, tolerance=1e-300
    )
    reached = fit.log_likelihoods
    assert bool((reached.diff() >= -1e-12 * reached[1:].abs()).all())
    assert float(reached[-1] - reached[0]) > 1
    again = posteriors(fit.model, tokens, observed=observed, lengths=lengths, keep=()).log_likelihood
    assert float(again.sum()) == pytest.approx(float(reached[-1]), rel=1e-12)


def test_what_blanks_hide_is_never_read():
    tokens = sample_tokens(some_hmm(), 20, 10, generator=0)
    observed = torch.rand(20, 10, generator=torch.Generator().manual_seed(1)) < 0.6
    hidden = torch.where(observed, tokens, -99)
    fits = [
        fit_hmm(text, 2, generator=0, observed=observed, max_iterations=5, n_tokens=4)
        for text in (tokens, hidden)
    ]
    for one, other in zip(*(parameters(fit.model) for fit in fits), strict=True):
        assert torch.equal(one, other)


def test_a_fit_to_much_text_finds_the_model():
    truth = HMM([0.6, 0.4], [[0.9, 0.1], [0.2, 0.8]], [[0.8, 0.1, 0.1], [0.1, 0.3, 0.6]])
    tokens = sample_tokens(truth, 1000, 60, generator=0)
    fit = fit_hmm(tokens, 2, generator=0, starts=2)
    assert fit.converged
    order = fit.model.emission[:, 0].argsort(descending=True)
    torch.testing.assert_close(fit.model.transition[order][:, order], truth.transition, atol=0.03, rtol=0)
    torch.testing.assert_close(fit.model.emission[order], truth.emission, atol=0.03, rtol=0)
    own = posteriors(truth, tokens, keep=()).log_likelihood.sum()
    assert float(fit.log_likelihoods[-1]) > float(own)


def test_the_best_of_several_starts_is_kept():
    tokens = sample_tokens(some_hmm(4, 6, seed=3), 40, 20, generator=1)
    fit = fit_hmm(tokens, 4, generator=0, starts=5, max_iterations=10)
    alone = np.random.RandomState(0)
    each = [fit_hmm(tokens, 4, generator=alone, max_iterations=10) for _ in range(5)]
    ends = torch.stack([one.log_likelihoods[-1] for one in each])
    assert torch.equal(fit.of_starts, ends)
    assert len(set(ends.tolist())) == 5
    assert torch.equal(fit.model.transition, each[int(ends.argmax())].model.transition)


def test_a_start_ends_at_the_tolerance_and_says_so():
    tokens = sample_tokens(some_hmm(), 50, 20, generator=0)
    fit = fit_hmm(tokens, 3, generator=0, tolerance=1e-3)
    gains = fit.log_likelihoods.diff()
    assert fit.converged
    assert float(gains[-1]) < 1e-3 * 1000 <= float(gains[-2])
    assert not fit_hmm(tokens, 3, generator=0, max_iterations=1, tolerance=1e-300).converged


def test_states_that_no_text_visits_keep_their_rows_and_zeros_stay():
    start = HMM(
        [1.0, 0, 0],
        [[0.6, 0.4, 0], [0.3, 0.7, 0], [0.2, 0.3, 0.5]],
        [[0.7, 0.3, 0], [0.2, 0.8, 0], [0.1, 0.2, 0.7]],
    )
    fit = fit_hmm([[0, 1, 1, 0], [0, 0, 1, 1]], 3, initial_model=start, max_iterations=20)
    assert torch.equal(fit.model.transition[2], start.transition[2])
    assert torch.equal(fit.model.emission[2], start.emission[2])
    assert float(fit.model.transition[:2, 2].sum()) == 0
    assert not torch.equal(fit.model.emission[0], start.emission[0])


def test_texts_of_one_token_leave_the_transition_as_it_was():
    start = some_hmm()
    fit = fit_hmm([[0], [1], [3]], 3, initial_model=start, max_iterations=3)
    assert torch.equal(fit.model.transition, start.transition)


def test_the_vocabulary_is_what_is_read_unless_it_is_given():
    tokens = [[0, 2, 9], [1, 0, 9]]
    assert fit_hmm(tokens, 2, generator=0, lengths=[2, 2]).model.n_tokens == 3
    fit = fit_hmm(tokens, 2, generator=0, lengths=[2, 2], n_tokens=7)
    assert fit.model.n_tokens == 7
    assert float(fit.model.emission[:, 3:].sum()) == 0


def test_the_type_of_the_start_is_kept():
    start = some_hmm().to(dtype=torch.float32)
    fit = fit_hmm(sample_tokens(start, 20, 10, generator=0), 3, initial_model=start, max_iterations=5)
    assert fit.model.dtype == torch.float32
    assert bool((fit.log_likelihoods.diff() > -1e-3).all())


def test_neither_the_default_type_nor_gradient_modes_matter():
    tokens = sample_tokens(some_hmm(), 20, 10, generator=0)
    expected = fit_hmm(tokens, 2, generator=0, max_iterations=3)
    torch.set_default_dtype(torch.float16)
    try:
        with torch.inference_mode():
            found = fit_hmm(tokens, 2, generator=0, max_iterations=3)
    finally:
        torch.set_default_dtype(torch.float32)
    for one, other in zip(parameters(found.model), parameters(expected.model), strict=True):
        assert torch.equal(one, other)
        assert not one.is_inference()


def test_a_fit_shows_what_it_is():
    fit = fit_hmm([[0, 1]], 1, generator=0)
    assert repr(fit) == (
        "HMMFit(HMM(n_states=1, n_tokens=2), log_likelihood=-1.38629, n_iterations=2,\n    converged=True)"
    )


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        (
            {"generator": None},
            TypeError,
            r"generator: expected a seed .* an initial_model, got None",
        ),
        ({"n_states": 0}, ValueError, "n_states: expected at least 1, got 0"),
        ({"starts": 0}, ValueError, "starts: expected at least 1, got 0"),
        ({"max_iterations": 2.5}, TypeError, "max_iterations: expected an integer, got 2.5"),
        ({"tolerance": 0.0}, ValueError, "tolerance: expected a finite number > 0, got 0.0"),
        ({"n_tokens": 2}, ValueError, "tokens: sequence 0, position 1 holds 2; expected 0 … 1"),
        ({"tokens": [0, 1]}, ValueError, r"tokens: expected shape \(batch, time\), got \(2,\)"),
        ({"tokens": [[0.5]]}, TypeError, "tokens: expected integers"),
        (
            {"observed": [[False, False]]},
            ValueError,
            "observed: every position is blank; expected at least one token to read",
        ),
        ({"initial_model": "hmm"}, TypeError, "initial_model: expected an HMM, got str"),
        (
            {"initial_model": some_hmm()},
            ValueError,
            "initial_model: expected n_states = 2 states, got 3",
        ),
        (
            {"initial_model": some_hmm(), "n_states": 3, "n_tokens": 5},
            ValueError,
            "initial_model: expected n_tokens = 5 tokens, got 4",
        ),
        (
            {"initial_model": some_hmm(), "n_states": 3, "starts": 2},
            ValueError,
            "starts: expected 1, as all would begin with initial_model, got 2",
        ),
        (
            {"initial_model": HMM([1.0, 0], np.eye(2), [[1.0, 0, 0], [0, 0, 1]])},
            ValueError,
            "tokens: sequence 0, position 1: token 2 has probability 0 after what precedes it",
        ),
    ],
)
def test_bad_input_of_a_fit_is_named(changed, error, message):
    with pytest.raises(error, match=message):
        fit_hmm(**({"tokens": [[0, 2]], "n_states": 2, "generator": 0} | changed))
