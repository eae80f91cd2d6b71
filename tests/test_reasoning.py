"""Chains of thought with known probabilities: the task, what models make of it, accuracy before the copy."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from tuning_cases import small_transformer

from hmmlib import HMM, MaskedLM, posteriors, random_memory_hmm
from hmmlib.hmm import path_entropy, path_log_probs
from hmmlib.lm import ExactCausalLM, sequence_log_probs
from hmmlib.reasoning import (
    TraceTask,
    answer_accuracy,
    choose_threshold,
    false_alarm_bound,
    memorised_by_gap,
    memorised_by_perplexity,
    pre_memorization_accuracy,
    r2_about_identity,
    solution_log_probs,
    solution_perplexity,
    trace_gap,
)

RANDOM = np.random.RandomState(1)
MODEL = HMM(*(RANDOM.dirichlet(np.ones(n), size) for n, size in ((3, None), (3, 3), (4, 3))))
TASK = TraceTask(MODEL, 4, [3, 1])
DATA = TASK.draw(40, generator=0)
NETWORK = small_transformer(TASK.n_tokens, causal=True).requires_grad_(False)
PATHS = torch.tensor(list(product(range(3), repeat=4)))  # all traces there are
RIGHT = path_log_probs(MODEL, DATA.queries, PATHS.expand(40, -1, -1))  # log P* of each, (n, 81)


class BayesLM:
    """What a model would be that has learnt a task perfectly, by enumeration of all traces."""

    conditioned_on = "past"

    def __init__(self, task):
        self.task, self.n_tokens, self.mask_token = task, task.n_tokens, task.n_tokens
        self.embedding_dim = task.n_tokens + 1

    def embed(self, tokens):
        return torch.eye(self.embedding_dim)[tokens]

    def token_probs(self, embeddings):
        task, tokens = self.task, embeddings.argmax(-1)
        model, length = task.model, task.length
        found = torch.full((*tokens.shape, self.n_tokens), 1 / self.n_tokens, dtype=torch.float64)
        queries = tokens[:, :length]
        paths = torch.tensor(list(product(range(model.n_states), repeat=length)))
        law = path_log_probs(model, queries, paths.expand(len(queries), -1, -1)).exp()
        smoothed = posteriors(model, queries, keep=("smoothed",)).smoothed
        for place in range(length, tokens.shape[1]):
            if place < 2 * length:
                t = place - length
                said = tokens[:, None, length:place] - model.n_tokens
                left = law * (paths[:, :t] == said).all(-1)
                states = torch.stack([left[:, paths[:, t] == h].sum(1) for h in range(model.n_states)], 1)
                first = model.n_tokens
            else:
                at = int(task.answer_positions[place - 2 * length])
                states = torch.eye(model.n_states).double()[smoothed[:, at].argmax(-1)]
                first = model.n_tokens + model.n_states
            found[:, place] = 0
            found[:, place, first : first + model.n_states] = states / states.sum(1, keepdim=True)
        return found


BAYES = BayesLM(TASK)


def network_traces(lm):
    """log q of all traces after each query, (n, 81)."""
    queries = DATA.queries.repeat_interleave(81, 0)
    texts = torch.cat([queries, (PATHS + 4).repeat(40, 1)], 1)
    return sequence_log_probs(lm, texts, 4, TASK.allowed[:4]).sum(1).view(40, 81)


def test_a_sequence_is_a_query_a_trace_and_its_answer():
    assert DATA.sequences.shape == (40, TASK.n_positions) == (40, 10)
    assert TASK.n_tokens == 4 + 2 * 3
    states = DATA.traces - 4
    torch.testing.assert_close(DATA.trace_log_probs, path_log_probs(MODEL, DATA.queries, states))
    smoothed = posteriors(MODEL, DATA.queries, keep=("smoothed",)).smoothed
    assert torch.equal(DATA.answers - 7, smoothed[:, [3, 1]].argmax(-1))
    places = torch.arange(6).expand(40, 6)
    assert bool(TASK.allowed[places, DATA.sequences[:, 4:]].all())
    assert TASK.allowed.sum(1).tolist() == [3] * 6
    some = DATA.part(torch.tensor([5, 2]))
    assert torch.equal(some.answers[1], DATA.answers[2])
    assert some.task is TASK


def test_the_same_seed_draws_the_same_and_traces_differ():
    assert torch.equal(TASK.draw(40, generator=0).sequences, DATA.sequences)
    assert not torch.equal(TASK.draw(40, generator=1).sequences, DATA.sequences)
    one_text = TraceTask(HMM(MODEL.initial, MODEL.transition, [[1.0]] * 3), 4, [0]).draw(2_000, generator=0)
    assert len(one_text.traces.unique(dim=0)) > 40
    assert len(one_text.answers.unique()) == 1


def test_flat_states_of_a_memory_are_asked_for_too():
    model = random_memory_hmm(2, 2, 5, generator=0)
    task = TraceTask(model, 3, [2])
    assert task.n_tokens == 5 + 2 * model.n_states
    data = task.draw(9, generator=0)
    torch.testing.assert_close(data.trace_log_probs, path_log_probs(model, data.queries, data.traces - 5))


def test_bayes_has_no_gap_and_is_always_right():
    assert isinstance(BAYES, MaskedLM)
    logs = solution_log_probs(BAYES, DATA)
    assert logs.shape == (40, 6)
    assert trace_gap(BAYES, DATA).abs().max() < 1e-10
    assert logs[:, 4:].abs().max() == 0
    sampled, expected = answer_accuracy(BAYES, DATA, 3, generator=0)
    assert sampled.tolist() == expected.tolist() == [1.0] * 40


def test_accuracy_is_that_of_all_traces_there_are():
    lm, temperature = NETWORK, 0.8
    some = DATA.part(slice(6))
    sampled, expected = answer_accuracy(lm, some, 2_000, generator=0, temperature=temperature)
    sequences = torch.cat(
        [
            some.queries.repeat_interleave(81, 0),
            (PATHS + 4).repeat(6, 1),
            some.answers.repeat_interleave(81, 0),
        ],
        1,
    )
    logs = sequence_log_probs(lm, sequences, 4, TASK.allowed, temperature=temperature)
    exact = logs.sum(1).exp().view(6, 81).sum(1)
    assert sampled.numpy() == pytest.approx(exact.numpy(), abs=4 * 0.5 / 2_000**0.5)
    assert expected.numpy() == pytest.approx(exact.numpy(), abs=4 * 0.5 / 2_000**0.5)
    assert (expected - exact).square().sum() < (sampled - exact).square().sum()


def test_theorem_a_trace_that_was_never_seen_seldom_looks_memorised():
    # M1: P*[log q − log P* ≥ δ] ≤ e^{−δ} for any q, and the mean gap is −KL(P* ‖ q).
    probs = RIGHT.exp()
    ideal = RIGHT.clone()
    ideal[:, ::2] -= 3
    tempted = ideal.log_softmax(1)  # near Bayes, but surer of half of the traces
    for q in (network_traces(NETWORK), tempted, network_traces(BAYES)):
        assert (q.exp().sum(1) - 1).abs().max() < 1e-6
        gap = q - RIGHT
        assert bool(((probs * gap.exp()).sum(1) <= 1 + 1e-6).all())
        assert bool(((probs * gap).sum(1) < 1e-9).all())
        for delta in (0.1, 0.5, math.log(20)):
            called = memorised_by_gap(gap, delta)
            assert float((probs * called).sum(1).max()) <= false_alarm_bound(delta)


def test_the_gap_is_that_of_the_trace_that_was_drawn():
    index = ((DATA.traces - 4) * torch.tensor([27, 9, 3, 1])).sum(1, keepdim=True)
    expected = (network_traces(NETWORK) - RIGHT).gather(1, index)[:, 0]
    torch.testing.assert_close(trace_gap(NETWORK, DATA), expected, atol=1e-5, rtol=0)


def test_false_alarms_are_no_more_than_the_bound_on_drawn_traces():
    fresh = TASK.draw(3_000, generator=5)
    for delta in (0.5, math.log(20)):
        share = float(memorised_by_gap(trace_gap(NETWORK, fresh), delta).double().mean())
        assert share <= false_alarm_bound(delta)
    assert false_alarm_bound(math.log(20)) == pytest.approx(0.05)
    assert false_alarm_bound(-3.0) == 1.0


def test_theorem_without_a_mask_it_is_the_accuracy_and_a_stricter_mask_never_raises_it():
    # M2.
    random = np.random.RandomState(0)
    accuracies, gaps = random.uniform(size=(6, 200)), random.standard_normal((6, 200))
    none = np.zeros((6, 200), dtype=bool)
    assert np.array_equal(pre_memorization_accuracy(accuracies, none), accuracies[-1])
    before = np.zeros(200)
    for delta in (-1.0, 0.0, 1.0, 2.0):
        found = pre_memorization_accuracy(accuracies, memorised_by_gap(gaps, delta)).numpy()
        assert (found >= before).all()
        assert (found <= accuracies[-1]).all()
        before = found


def test_theorem_to_a_threshold_of_zero_who_knows_all_has_copied_all():
    # M2, last part.
    gaps = torch.stack([trace_gap(BAYES, DATA)] * 3)
    accuracies = torch.stack([answer_accuracy(BAYES, DATA, 1, generator=0).expected] * 3)
    assert pre_memorization_accuracy(accuracies, memorised_by_gap(gaps, 1e-6)).tolist() == [1.0] * 40
    with pytest.warns(UserWarning, match="all 40 examples of the run are memorised"):
        assert not pre_memorization_accuracy(accuracies, memorised_by_gap(gaps, -1e-6)).any()


def test_it_is_the_best_before_and_no_more_than_now():
    accuracies = [[0.2, 0.9, 0.3], [0.6, 0.1, 0.5], [1.0, 0.4, 0.8]]
    memorised = torch.tensor([[False, False, True], [False, True, True], [True, True, False]])
    assert pre_memorization_accuracy(accuracies, memorised).tolist() == [0.6, 0.4, 0.8]
    assert pre_memorization_accuracy(accuracies[:2], memorised[:2]).tolist() == [0.6, 0.1, 0.0]


def test_theorem_the_maximum_over_noisy_accuracies_is_too_high_and_less_so_without_the_noise_of_answers():
    # M3, as a simulation: seven checkpoints at which the true accuracy is .3, then the copy.
    random = np.random.RandomState(0)
    given_trace = random.beta(0.3 * 30, 0.7 * 30, (7, 4_000, 5))  # of five traces, each telling a bit
    sampled = (random.uniform(size=given_trace.shape) < given_trace).mean(-1)
    expected = given_trace.mean(-1)
    memorised = np.zeros((8, 4_000), dtype=bool)
    memorised[-1] = True
    copied = np.ones((1, 4_000))
    noisy, smooth = (
        pre_memorization_accuracy(np.concatenate([each, copied]), memorised).numpy() - 0.3
        for each in (sampled, expected)
    )
    for bias in (noisy, smooth):
        assert bias.mean() > 4 * bias.std() / 4_000**0.5
    assert smooth.mean() < noisy.mean() / 2


def test_theorem_a_threshold_on_perplexities_has_to_follow_the_entropy_of_traces():
    # M4.
    weights = RIGHT.exp()
    geometric = ((weights * -torch.where(weights > 0, RIGHT, 0)).sum(1) / 4).exp()
    torch.testing.assert_close(geometric, (path_entropy(MODEL, DATA.queries) / 4).exp())
    shares = []
    for noise in (0.01, 0.3):
        words = (1 - noise) * torch.eye(4).double() + noise / 4
        task = TraceTask(HMM([0.25] * 4, [[0.25] * 4] * 4, words), 4, [3])
        lm, data = BayesLM(task), task.draw(400, generator=0)
        memorised = memorised_by_perplexity(solution_perplexity(solution_log_probs(lm, data)[:, :4]), -1.7)
        shares.append(float(memorised.double().mean()))
        assert not memorised_by_gap(trace_gap(lm, data), 0.01).any()
    # To one threshold, all that Bayes says in the one world is copied, and nothing in the other.
    assert shares[0] > 0.9
    assert shares[1] < 0.1


def test_perplexities_and_their_logarithms_logarithm():
    logs = [[0.0, 0.0], [-math.log(4), 0.0], [-math.inf, 0.0]]
    found = solution_perplexity(logs)
    assert found.tolist() == pytest.approx([1.0, 2.0, math.inf])
    # log log 2 is −0.367.
    assert memorised_by_perplexity(found, -0.36).tolist() == [True, True, False]
    assert memorised_by_perplexity(found, -0.37).tolist() == [True, False, False]


def test_r2_is_about_the_line_that_was_foretold():
    assert r2_about_identity([0.1, 0.5, 0.9], [0.1, 0.5, 0.9]) == 1.0
    assert r2_about_identity([0.5] * 3, [0.1, 0.5, 0.9]) == pytest.approx(0.0)
    # In step with the truth, and yet useless.
    assert r2_about_identity([1.1, 1.5, 1.9], [0.1, 0.5, 0.9]) == pytest.approx(1 - 3 / 0.32)


def test_the_threshold_is_the_nearest_and_is_tried_on_runs_it_was_not_tuned_on():
    random = np.random.RandomState(0)
    grid, runs = np.array([-1.0, 0.0, 1.0]), np.repeat([3, 7, 9, 9], 2)
    truth = random.uniform(size=8)
    predicted = np.stack([truth + 0.3, truth + 0.01, truth - 0.2])
    predicted[2, 6:] = truth[6:]
    found = choose_threshold(grid, predicted, truth, runs)
    assert found.threshold == 0.0
    assert found.r2 == r2_about_identity(predicted[1], truth)
    for row in range(8):
        others = runs != runs[row]
        errors = np.square(predicted - truth)[:, others].sum(1)
        assert float(found.left_out[row]) == grid[errors.argmin()]
    chosen = [predicted[list(grid).index(float(found.left_out[row])), row] for row in range(8)]
    assert found.left_out_r2 == pytest.approx(r2_about_identity(chosen, truth))


def test_one_run_can_decide_the_threshold():
    predicted = [[0.1, 0.2, 0.9], [0.3, 0.4, 0.5]]
    found = choose_threshold([0.0, 1.0], predicted, [0.2, 0.3, 0.5], [0, 0, 1])
    assert found.threshold == 1.0
    assert found.left_out.tolist() == [1.0, 1.0, 0.0]
    assert found.left_out_r2 < found.r2


def test_a_run_that_begins_memorised_is_named():
    with pytest.warns(UserWarning, match="memorised: all 2 examples of seed 3 are memorised at the first"):
        found = pre_memorization_accuracy([[0.5, 0.2]], [[True, True]], run="seed 3")
    assert found.tolist() == [0.0, 0.0]


ACC, MASK = [[0.5, 0.2]], [[False, True]]
MANY = ([0.0, 1.0], [[0.1, 0.2], [0.3, 0.4]], [0.1, 0.3], [0, 1])


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: TraceTask(MODEL, 0, [0]), ValueError, "^length: expected at least 1, got 0"),
        (lambda: TraceTask(MODEL, 4, [4]), ValueError, "^answer_positions: expected 0 … 3, entry 0 is 4"),
        (lambda: TraceTask(MODEL, 4, []), (ValueError, TypeError), "^answer_positions: expected"),
        (lambda: TraceTask(NETWORK, 4, [1]), TypeError, "^model: expected an HMM or a MemoryHMM"),
        (lambda: TASK.draw(0, generator=0), ValueError, "^n: expected at least 1, got 0"),
        (
            lambda: answer_accuracy(small_transformer(5, causal=True), DATA, 1, generator=0),
            ValueError,
            "^lm: has 5 words; expected the task's 10",
        ),
        (
            lambda: answer_accuracy(small_transformer(10), DATA, 1, generator=0),
            ValueError,
            "^lm: TransformerMaskedLM predicts each token from all others",
        ),
        (lambda: trace_gap(ExactCausalLM(MODEL), DATA), ValueError, "^lm: has 4 words"),
        (lambda: trace_gap(NETWORK, DATA.sequences), TypeError, "^data: expected TraceData"),
        (lambda: answer_accuracy(NETWORK, DATA, 0, generator=0), ValueError, "^n_samples: expected at leas"),
        (
            lambda: answer_accuracy(NETWORK, DATA, 1, generator=0, temperature=0),
            ValueError,
            "^temperature: expected a finite number > 0, got 0",
        ),
        (
            lambda: pre_memorization_accuracy(ACC, [[False]]),
            ValueError,
            r"^memorised: expected shape \(1, 2\) as of the accuracies, got \(1, 1\)",
        ),
        (lambda: pre_memorization_accuracy(ACC, [[0, 1]]), TypeError, "^memorised: expected booleans"),
        (
            lambda: pre_memorization_accuracy([[0.5, 1.2]], MASK),
            ValueError,
            r"^accuracies: entry \[0, 1\] is 1.2; expected 0 … 1",
        ),
        (
            lambda: solution_perplexity([[0.1, -1]]),
            ValueError,
            r"^log_probs: entry \[0, 0\] is 0.1; expected -inf … 0",
        ),
        (lambda: solution_perplexity([-1.0]), ValueError, r"^log_probs: expected shape \(n, tokens\)"),
        (lambda: memorised_by_gap([math.nan], 0), ValueError, r"^gap: entry \[0\] is nan; expected"),
        (lambda: memorised_by_gap([0.0], math.inf), ValueError, "^delta: expected a finite number, got inf"),
        (
            lambda: memorised_by_perplexity([2.0, 0.9], -2),
            ValueError,
            r"^perplexity: entry \[1\] is 0.9; expected 1 … inf",
        ),
        (lambda: memorised_by_perplexity([2.0], math.nan), ValueError, "^p: expected a finite number"),
        (lambda: false_alarm_bound("5"), TypeError, "^delta: expected a finite number"),
        (
            lambda: r2_about_identity([0.1, 0.2], [0.3, 0.3]),
            ValueError,
            "^found: expected truths that differ, got 2 times 0.3",
        ),
        (lambda: r2_about_identity([0.1], [0.3, 0.2]), ValueError, r"^predicted: expected shape \(2\), got"),
        (
            lambda: choose_threshold([0.0], MANY[1][:1], *MANY[2:]),
            ValueError,
            "^thresholds: expected two or more to choose from, got 1",
        ),
        (
            lambda: choose_threshold(*MANY[:3], [4, 4]),
            ValueError,
            "^runs: expected two or more, one to be left out, got 1",
        ),
        (lambda: choose_threshold(*MANY[:3], [4]), ValueError, r"^runs: expected shape \(2,\), one for each"),
        (lambda: choose_threshold(*MANY[:3], [0.0, 1.0]), TypeError, "^runs: expected integers"),
        (
            lambda: choose_threshold(*MANY[:2], [0.2, 0.2], MANY[3]),
            ValueError,
            "^found: expected truths that differ",
        ),
    ],
)
def test_what_is_wrong_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
