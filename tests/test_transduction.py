"""Transducers: lattice, beams, word errors, the world of spoken words."""

from __future__ import annotations

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hmmlib.transduction import (
    BeamRecipe,
    HybridTransducer,
    Strings,
    TransducerRecipe,
    Utterances,
    beam_search,
    error_counts,
    expected_errors,
    least_expected_error,
    random_spoken_words,
    train_transducer,
    transducer_log_probs,
)
from hmmlib.transduction.errors import edit_distances


def strings(*lists, longest=None):
    longest = longest or max(map(len, lists)) or 1
    words = torch.zeros(len(lists), longest, dtype=torch.int64)
    for row, one in zip(words, lists, strict=True):
        row[: len(one)] = torch.tensor(one, dtype=torch.int64)
    return Strings(words, torch.tensor([len(one) for one in lists]))


def slow_distance(a, b):
    """The definition, by recursion."""
    if not a or not b:
        return len(a) + len(b)
    return min(
        slow_distance(a[1:], b[1:]) + (a[0] != b[0]), slow_distance(a[1:], b) + 1, slow_distance(a, b[1:]) + 1
    )


WORDS = st.lists(st.integers(0, 2), max_size=5)


@settings(max_examples=60, deadline=None)
@given(WORDS, WORDS)
def test_errors_are_the_fewest_and_of_the_right_kinds(heard, said):
    counts = error_counts(strings(heard), strings(said))
    distance = slow_distance(heard, said)
    assert int(counts.errors) == distance
    assert int(edit_distances(strings(heard), strings(said))) == distance
    assert int(counts.insertions - counts.deletions) == len(heard) - len(said)
    assert min(int(part) for part in counts[:3]) >= 0


def test_errors_of_many_pairs_do_not_meet():
    random = np.random.RandomState(0)
    heard, said = ([random.randint(0, 3, random.randint(0, 6)).tolist() for _ in range(50)] for _ in range(2))
    counts = error_counts(strings(*heard), strings(*said))
    assert counts.errors.tolist() == [slow_distance(a, b) for a, b in zip(heard, said, strict=True)]
    assert edit_distances(strings(*heard), strings(*said)).tolist() == counts.errors.tolist()
    assert counts.rate == pytest.approx(int(counts.errors.sum()) / sum(map(len, said)))


def summed_over_alignments(blank, label):
    """P[string] as a sum over where each word is written; blank (T, U + 1), label (T, U)."""
    time, size = label.shape
    total = 0.0
    for places in itertools.combinations_with_replacement(range(time), size):
        p, u = 1.0, 0
        for t in range(time):
            while u < size and places[u] == t:
                p *= float(label[t, u])
                u += 1
            p *= float(blank[t, u])
        total += p
    return total


def random_lattice(seed, batch=4, time=5, size=3):
    random = torch.Generator().manual_seed(seed)
    blank = torch.rand(batch, time, size + 1, generator=random, dtype=torch.float64)
    return blank, (1 - blank[..., :-1]) * torch.rand(batch, time, size, generator=random, dtype=torch.float64)


def test_the_lattice_is_the_sum_over_alignments():
    blank, label = random_lattice(0)
    frames, lengths = torch.tensor([5, 3, 1, 4]), torch.tensor([3, 2, 3, 0])
    found = transducer_log_probs(blank.log(), label.log(), frames, lengths)
    for i in range(4):
        t, u = int(frames[i]), int(lengths[i])
        expected = summed_over_alignments(blank[i, :t, : u + 1], label[i, :t, :u])
        assert float(found[i].exp()) == pytest.approx(expected, rel=1e-12)


def test_the_lattices_gradient_is_how_often_an_arc_is_expected():
    blank, label = (part.log().requires_grad_() for part in random_lattice(1))
    frames, lengths = torch.tensor([5, 3, 1, 4]), torch.tensor([3, 2, 3, 0])
    transducer_log_probs(blank, label, frames, lengths).sum().backward()
    # Each frame has one blank, each word is written once.
    assert blank.grad.sum((1, 2)) == pytest.approx(frames.double(), abs=1e-10)
    assert label.grad.sum((1, 2)) == pytest.approx(lengths.double(), abs=1e-10)
    inside = torch.arange(5)[:, None] < frames[:, None, None]
    assert float(blank.grad[~inside.expand_as(blank)].abs().max()) == 0


def test_what_is_never_read_may_be_anything():
    blank, label = random_lattice(2)
    frames, lengths = torch.tensor([5, 3, 1, 4]), torch.tensor([3, 2, 3, 0])
    right = transducer_log_probs(blank.log(), label.log(), frames, lengths)
    label[1, :, 2] = 0.0
    blank[1, 3:] = 0.7
    label[3] = 0.0
    assert transducer_log_probs(blank.log(), label.log(), frames, lengths) == pytest.approx(right)


@pytest.fixture(scope="module")
def world():
    return random_spoken_words(3, generator=1, stay=0.3, end=0.5)


@pytest.fixture(scope="module")
def heard(world):
    return world.sample(6, generator=0)


def every_string(n_words, longest):
    """All strings without repeats."""
    for size in range(1, longest + 1):
        for one in itertools.product(range(n_words), repeat=size):
            if all(a != b for a, b in itertools.pairwise(one)):
                yield list(one)


def test_all_strings_together_have_the_probability_of_what_is_heard(world, heard):
    sequences, _ = heard
    short = Utterances(sequences.x, sequences.frames.clamp(max=7))
    total = torch.full((6,), -torch.inf, dtype=torch.float64)
    for one in every_string(3, 3):
        total = torch.logaddexp(total, world.log_joint(short, strings(*[one] * 6)))
    evidence = world.log_evidence(short)
    assert bool((total <= evidence + 1e-9).all())
    few = short.frames < 8  # at most three words in seven frames, two frames a word
    assert total[few] == pytest.approx(evidence[few], abs=1e-9)


def test_strings_are_drawn_with_their_probability(world, heard):
    sequences, said = (part for part in heard)
    n = 4000
    drawn = world.sample_strings(sequences, n, generator=0)
    lists = drawn.lists()
    posterior = (world.log_joint(sequences, said) - world.log_evidence(sequences)).exp()
    for i, truth in enumerate(said.lists()):
        share = sum(one == truth for one in lists[i * n : (i + 1) * n]) / n
        assert share == pytest.approx(float(posterior[i]), abs=0.035)


def test_impossible_strings_have_no_probability(world, heard):
    sequences, _ = heard
    assert world.log_joint(sequences, strings(*[[0, 0]] * 6)).tolist() == [-math.inf] * 6
    assert world.log_joint(sequences, strings(*[[]] * 6)).tolist() == [-math.inf] * 6
    one = Utterances(sequences.x[:, :3], torch.full((6,), 3))
    assert world.log_joint(one, strings(*[[0, 1]] * 6)).tolist() == [-math.inf] * 6


def test_the_most_probable_path_is_the_most_probable(world, heard):
    sequences, _ = heard
    three = Utterances(sequences.x[:, :4], torch.full((6,), 4))
    found = world.most_probable_path(three).lists()
    logs = world._evidence(three)
    first, moves = world.chain.initial.log(), world.chain.transition.log()
    for i in range(6):
        best = max(
            itertools.product(range(6), repeat=4),
            key=lambda path, i=i: float(
                first[path[0]]
                + sum(moves[a, b] for a, b in itertools.pairwise(path))
                + sum(logs[i, t, s] for t, s in enumerate(path))
            ),
        )
        words = [s // 2 for s in best]
        assert found[i] == [w for t, w in enumerate(words) if t == 0 or w != words[t - 1]]


def test_nobody_makes_fewer_errors_than_bayes():
    world = random_spoken_words(4, generator=2, scale=0.8)
    sequences, said = world.sample(150, generator=0)
    bayes = error_counts(world.bayes_strings(sequences, generator=0), said).rate
    path = error_counts(world.most_probable_path(sequences), said).rate
    drawn = error_counts(world.sample_strings(sequences, 1, generator=1), said).rate
    assert bayes < path + 0.01 < drawn


@pytest.fixture(scope="module")
def trained(world):
    model = HybridTransducer(3, 3, width=12, generator=0)
    recipe = TransducerRecipe(steps=80, learning_rate=0.01)
    return train_transducer(model, *world.sample(200, generator=1), generator=0, recipe=recipe)


def test_training_raises_the_likelihood_and_leaves_the_start_alone(trained, heard):
    model = HybridTransducer(3, 3, width=12, generator=0)
    before = model.log_probs(*heard).detach()
    assert float(trained.log_probs(*heard).detach().mean()) > float(before.mean()) + 1
    train_transducer(model, *heard, generator=0, recipe=TransducerRecipe(steps=2, batch=3))
    assert model.log_probs(*heard).tolist() == before.tolist()


def test_blank_and_words_sum_to_one_and_the_batch_does_not_matter(trained, heard):
    sequences, said = heard
    blank, words = trained.joint(trained.encode(sequences), torch.tensor(1))
    assert (blank.exp() + words.exp().sum(-1)).detach() == pytest.approx(torch.ones(blank.shape), abs=1e-5)
    together = trained.log_probs(sequences, said)
    alone = [
        trained.log_probs(
            sequences.part(slice(i, i + 1)), Strings(said.words[i : i + 1], said.lengths[i : i + 1])
        )
        for i in range(6)
    ]
    assert together.detach() == pytest.approx(torch.cat(alone).detach(), abs=1e-4)


@torch.no_grad()
def test_a_wide_beam_finds_all_strings_with_one_word_a_frame(trained, heard):
    sequences, _ = heard
    short = Utterances(sequences.x[:, :3], sequences.frames.clamp(max=3))
    found = beam_search(trained, short, BeamRecipe(width=60))
    for i in range(6):
        t = int(short.frames[i])
        lists = [found.words[i, k, : found.lengths[i, k]].tolist() for k in range(60)]
        logs = {
            tuple(one): float(p) for one, p in zip(lists, found.log_probs[i], strict=True) if p > -math.inf
        }
        encoded = trained.encode(short.part(slice(i, i + 1)))[0]
        for one in [(), *itertools.product(range(3), repeat=1), *itertools.product(range(3), repeat=2)][
            : 13 if t > 1 else 4
        ]:
            total = 0.0
            for places in itertools.combinations(range(t), len(one)):
                p, last, u = 1.0, 3, 0
                for frame in range(t):
                    blank, words = trained.joint(encoded[frame], torch.tensor(last))
                    if u < len(one) and places[u] == frame:
                        p *= float(words[one[u]].exp())
                        last, u = one[u], u + 1
                        blank, _ = trained.joint(encoded[frame], torch.tensor(last))
                    p *= float(blank.exp())
                total += p
            assert math.exp(logs[one]) == pytest.approx(total, rel=1e-4)
    full = trained.log_probs(short, found.strings())
    assert bool((found.log_probs[:, 0] <= full + 1e-4).all())


def test_a_blank_penalty_makes_strings_longer_and_a_length_exponent_prefers_them(trained, world):
    sequences, _ = world.sample(60, generator=5)
    plain, hasty = (beam_search(trained, sequences, BeamRecipe(4, blank_penalty=b)) for b in (0.0, 2.0))
    assert hasty.lengths[:, 0].sum() > plain.lengths[:, 0].sum()
    longer = beam_search(trained, sequences, BeamRecipe(4, length_exponent=1.0))
    assert longer.lengths[:, 0].sum() >= plain.lengths[:, 0].sum()
    other = beam_search(trained, sequences, BeamRecipe(4, internal_lm_weight=2.0))
    assert not torch.equal(other.words[:, 0], plain.words[:, 0])


def test_the_gradient_of_expected_errors_is_what_is_said_and_knows_no_baseline():
    logs = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    errors = torch.tensor([[0, 1, 2, 3], [2, 2, 0, 1], [5, 1, 1, 0]])
    expected_errors(logs, errors).backward()
    p = logs.detach().softmax(1)
    mean = (p * errors).sum(1, keepdim=True)
    assert logs.grad == pytest.approx(p * (errors - mean) / 3, abs=1e-12)
    again = logs.detach().clone().requires_grad_()
    expected_errors(again, errors - 7.5).backward()
    assert again.grad == pytest.approx(logs.grad, abs=1e-12)
    equal = logs.detach().clone().requires_grad_()
    expected_errors(equal, torch.full((3, 4), 2)).backward()
    assert float(equal.grad.abs().max()) < 1e-15


def test_word_error_training_lowers_expected_errors(trained, world):
    data = world.sample(100, generator=6)
    recipe = TransducerRecipe(steps=25, learning_rate=2e-3, criterion="word errors", likelihood_weight=0.0)
    done = train_transducer(trained, *data, generator=0, recipe=recipe)

    def expected(model):
        found = beam_search(model, data[0], BeamRecipe(4))
        said = Strings(data[1].words.repeat_interleave(4, 0), data[1].lengths.repeat_interleave(4))
        errors = edit_distances(found.flat(), said).view(-1, 4)
        return float(expected_errors(found.log_probs.clamp_min(-1e4), errors))

    assert expected(done) < expected(trained)


def test_the_least_expected_error_is_found():
    candidates = strings([0, 1], [0, 1], [0, 2], [1], [1], [2, 2, 2])
    weights = torch.tensor([[1.0, 1.0, 1.0], [0.2, 0.2, 0.1]])
    assert least_expected_error(candidates, weights).tolist() == [0, 0]
    assert least_expected_error(candidates, torch.tensor([[0.1, 0.1, 9.0], [0.0, 0.0, 1.0]])).tolist() == [
        2,
        2,
    ]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: error_counts(strings([0]), strings([0], [1])), ValueError, "references: expected 1 strings"),
        (
            lambda: error_counts([[0]], strings([0])),
            TypeError,
            r"hypotheses: expected Strings\(words, lengths\)",
        ),
        (
            lambda: error_counts(Strings(torch.tensor([[0]]), torch.tensor([2])), strings([0])),
            ValueError,
            "hypotheses.lengths: string 0 has 2; expected 0 … 1",
        ),
        (
            lambda: expected_errors(torch.zeros(2, 1), torch.zeros(2, 1)),
            ValueError,
            "log_probs: expected at least two",
        ),
        (
            lambda: expected_errors(torch.zeros(2, 2), torch.zeros(2, 3)),
            ValueError,
            r"errors: expected shape \(2, 2\)",
        ),
        (
            lambda: expected_errors(torch.zeros(1, 2), torch.tensor([[0.0, math.nan]])),
            ValueError,
            "errors: expected finite numbers",
        ),
        (lambda: TransducerRecipe(n_best=1), ValueError, "n_best: expected at least 2"),
        (lambda: TransducerRecipe(criterion="luck"), ValueError, "criterion: expected 'likelihood' or"),
        (
            lambda: TransducerRecipe(likelihood_weight=-1),
            ValueError,
            "likelihood_weight: expected a finite number >= 0",
        ),
        (lambda: BeamRecipe(width=0), ValueError, "width: expected at least 1"),
        (lambda: random_spoken_words(1, generator=0), ValueError, "n_words: expected at least 2"),
        (lambda: random_spoken_words(generator=0, end=0.0), ValueError, "end: expected a number 0 < end"),
    ],
)
def test_what_is_wrong_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_wrong_words_and_vectors_are_named(trained, heard):
    sequences, said = heard
    with pytest.raises(ValueError, match=r"said\.words: string 0, position 0 holds 3; expected 0 … 2"):
        train_transducer(trained, sequences, strings(*[[3]] * 6), generator=0)
    with pytest.raises(ValueError, match="said: expected 6 strings, got 1"):
        train_transducer(trained, sequences, strings([0]), generator=0)
    with pytest.raises(TypeError, match=r"heard: expected Utterances\(x, frames\), got Tensor"):
        beam_search(trained, sequences.x)
    with pytest.raises(ValueError, match=r"heard\.x: expected shape \(batch, time, 3\)"):
        beam_search(trained, Utterances(sequences.x[..., :2], sequences.frames))
    broken = Utterances(sequences.x.clone(), sequences.frames)
    broken.x[2, 0, 1] = math.nan
    with pytest.raises(ValueError, match=r"heard\.x: sequence 2, position 0, entry 1 is nan"):
        train_transducer(trained, broken, said, generator=0)


def test_beams_do_not_depend_on_the_pieces(trained, world, monkeypatch):
    sequences, _ = world.sample(30, generator=8)
    whole = beam_search(trained, sequences, BeamRecipe(3))
    monkeypatch.setattr("hmmlib.transduction.beams._AT_ONCE", 7)
    parts = beam_search(trained, sequences, BeamRecipe(3))
    assert torch.equal(whole.lengths, parts.lengths)
    assert torch.equal(whole.words, parts.words)
    assert parts.log_probs == pytest.approx(whole.log_probs, abs=1e-4)


def test_a_transducer_can_be_made_double(trained, world):
    heard, said = world.sample(20, generator=5)
    double = copy.deepcopy(trained).double()
    with torch.no_grad():
        torch.testing.assert_close(
            double.log_probs(heard, said), trained.log_probs(heard, said), rtol=1e-3, atol=1e-3
        )
    further = train_transducer(double, heard, said, generator=0, recipe=TransducerRecipe(steps=2, batch=8))
    assert {p.dtype for p in further.parameters()} == {torch.float64}
    found = beam_search(further, heard, BeamRecipe(2))
    assert found.lengths.shape == (20, 2)
