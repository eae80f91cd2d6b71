"""What the chapters on neighbouring papers prove: noise, channels, strings, and errors of one label."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from hmmlib import (
    HMM,
    ExactMaskedLM,
    MemoryHMM,
    PosteriorTask,
    blank_probs,
    linear_head,
    random_hmm,
    random_memory_hmm,
    sample_tokens,
)
from hmmlib.densities import GaussianMixtureEmissions
from hmmlib.hmm import content_log_likelihood, content_posterior
from hmmlib.transduction import Strings, error_counts, expected_errors, least_expected_error


@pytest.mark.parametrize("sigma", [0.1, 1.0])
def test_a_perfect_model_of_thin_classes_is_useless_in_noise(sigma):
    tau = 1e-3
    spread = [[[1.0, tau**2]], [[1.0, 4 * tau**2]]]
    two = GaussianMixtureEmissions([[1.0]] * 2, [[[1.0, 0.0]], [[-1.0, 0.0]]], spread)
    own = torch.arange(2).repeat(10_000)
    y = two.with_noise(sigma).sample(own, generator=0)
    right = (two.log_prob(y).argmax(1) == own).double().mean()
    assert float(right) == pytest.approx(0.5, abs=0.02)
    linear = ((y[:, 0] < 0).long() == own).double().mean()
    expected = 0.5 * (1 + math.erf(1 / math.sqrt(1 + sigma**2) / math.sqrt(2)))
    assert float(linear) == pytest.approx(expected, abs=0.02)
    clean = two.sample(own, generator=0)
    best = (two.log_prob(clean).argmax(1) == own).double().mean()
    assert float(best) > float(((clean[:, 0] < 0).long() == own).double().mean())


def test_a_head_survives_a_channel_that_can_be_undone():
    clean = random_hmm(4, 6, generator=0, transition_temperature=0.5, emission_temperature=0.5)
    mu = torch.tensor([1.0, -2.0, 0.5, 0.0], dtype=torch.float64)
    channel = torch.from_numpy(np.random.RandomState(0).dirichlet(np.ones(6), 6).T)  # columns sum to one
    seen = HMM(clean.initial, clean.transition, clean.emission @ channel.T)
    y = sample_tokens(seen, batch=100, time=9, generator=0)[:, 1:]
    head = torch.linalg.solve(channel.T, linear_head(clean, mu).weights)
    margin = PosteriorTask.two_class(seen, mu).posterior(y) @ mu
    torch.testing.assert_close(blank_probs(ExactMaskedLM(seen), y) @ head, margin, rtol=0, atol=1e-10)
    # and the corrupted texts are those of that HMM: probabilities of all texts of three words
    texts = torch.tensor(list(itertools.product(range(6), repeat=3)))
    of_clean, of_seen = (_probs(model, texts) for model in (clean, seen))
    corrupt = channel[texts[:, None], texts[None]].prod(-1)  # P[seen text | written text]
    torch.testing.assert_close(corrupt @ of_clean, of_seen, rtol=0, atol=1e-12)


def _probs(model, texts):
    """P[X_1 … X_3], by the definition."""
    found = []
    for text in texts.tolist():
        total = 0.0
        for path in itertools.product(range(model.n_states), repeat=3):
            p = model.initial[path[0]]
            for a, b in itertools.pairwise(path):
                p = p * model.transition[a, b]
            for state, token in zip(path, text, strict=True):
                p = p * model.emission[state, token]
            total = total + p
        found.append(total)
    return torch.stack(found)


def test_expected_errors_of_one_label_forget_what_is_surely_wrong():
    logits = torch.tensor([[0.0, 12.0], [0.0, 0.3], [3.0, 0.0]], dtype=torch.float64, requires_grad=True)
    loss = expected_errors(logits, torch.tensor([[0.0, 1.0]] * 3))  # the first label is right
    (ours,) = torch.autograd.grad(3 * loss, logits)
    p = logits.detach().softmax(1)[:, 0]
    torch.testing.assert_close(3 * loss.detach(), (1 - p).sum())
    torch.testing.assert_close(ours[:, 0], -p * (1 - p))
    assert abs(float(ours[0, 0])) < 1e-5
    log_loss = -logits.log_softmax(1)[:, 0].sum()
    (theirs,) = torch.autograd.grad(log_loss, logits)
    torch.testing.assert_close(theirs[:, 0], -(1 - p))


def test_above_one_half_the_most_probable_string_is_best_and_below_it_need_not_be():
    three = Strings(torch.tensor([[0, 0], [1, 2], [1, 3]]), torch.tensor([2, 2, 2]))
    assert least_expected_error(three, torch.tensor([[0.4, 0.3, 0.3]])).tolist() == [1]
    random = np.random.RandomState(0)
    for _ in range(50):
        words = torch.from_numpy(random.randint(0, 3, (6, 5)))
        strings = Strings(words, torch.from_numpy(random.randint(0, 6, 6)))
        rest = random.dirichlet(np.ones(5)) * 0.49
        share = torch.tensor([0.51, *rest])
        expected = [
            float(
                (
                    error_counts(
                        Strings(words[i : i + 1].expand(6, -1), strings.lengths[i : i + 1].expand(6)), strings
                    ).errors
                    * share
                ).sum()
            )
            for i in range(6)
        ]
        assert expected[0] <= min(expected) + 1e-12


def test_a_document_is_a_prompt():
    warm = {"transition_temperature": 0.3, "emission_temperature": 0.3}
    model = random_memory_hmm(3, 2, 8, n_cells=2, generator=1, **warm)
    z, x = (sample_tokens(model, 20, length, generator=length) for length in (7, 4))
    fresh = model.initial / model.initial.sum((-1, -2), keepdim=True)
    both = content_log_likelihood(model, z) + content_log_likelihood(model, x)
    joint = (both + model.initial.sum((-1, -2)).flatten().log()).softmax(1)
    for i in range(20):
        prior = content_posterior(model, z[i : i + 1]).view(3, 3, 1, 1)
        moved = MemoryHMM(prior * fresh, model.transition, model.emission)
        torch.testing.assert_close(content_posterior(moved, x)[i], joint[i], atol=1e-12, rtol=0)


def yes_or_no_right(scores):
    """How often the sign of a score says whether two are the same; both answers are as likely."""
    same = torch.eye(len(scores), dtype=torch.bool)
    said = scores > 0
    return float(said[same].double().mean() + (~said[~same]).double().mean()) / 2


def test_what_adds_up_is_right_in_three_cases_of_four_at_most():
    random = torch.Generator().manual_seed(0)
    best = 0.0
    for _ in range(2000):
        of_query, of_context = torch.randn(2, 5, generator=random)
        best = max(best, yes_or_no_right(of_query[:, None] + of_context))
    assert best <= 0.75
    places = torch.arange(5.0)
    assert yes_or_no_right(places[:, None] + 0.5 - places) == 0.75
    certain = torch.eye(5)
    assert yes_or_no_right(certain @ certain.T - 0.5) == 1
