"""Tasks are labelled by exact posteriors; one-sided ones are redrawn, and that is recorded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference import enumerate_memory_paths, enumerate_paths, evidence_of

from hmmlib import (
    HMM,
    MemoryHMM,
    PosteriorTask,
    blank_posterior,
    draw_dataset,
    draw_task,
    random_hmm,
    random_memory_hmm,
    sample_tokens,
)

_random = np.random.default_rng(0)
MODEL = HMM(_random.dirichlet(np.ones(3)), _random.dirichlet(np.ones(3), 3), _random.dirichlet(np.ones(4), 3))
MEMORY = MemoryHMM(
    _random.dirichlet(np.ones(18)).reshape(3, 3, 2, 1),
    _random.dirichlet(np.ones(2), 2),
    _random.dirichlet(np.ones(4), (3, 2, 1)),
)
TEXTS = np.random.default_rng(1).integers(4, size=(6, 3))
# Whatever the text, the posterior is the initial distribution.
SILENT = HMM([0.3, 0.7], np.full((2, 2), 0.5), np.ones((2, 1)))


def test_the_posterior_is_that_of_the_state_under_a_blank_before_the_text():
    task = PosteriorTask(MODEL, [[1.0, 0, 0], [0, 1, 0]])
    emission = MODEL.emission.numpy()
    for text, found in zip(TEXTS, task.posterior(TEXTS), strict=True):
        evidence = np.concatenate([np.ones((1, 3)), evidence_of(emission, text)])
        expected = enumerate_paths(MODEL.initial.numpy(), MODEL.transition.numpy(), emission, evidence)
        np.testing.assert_allclose(found, expected.smoothed[0], atol=1e-12)


@pytest.mark.parametrize("cell", [0, 1])
def test_with_memory_it_is_that_of_the_cell_asked_for(cell):
    task = PosteriorTask(MEMORY, np.eye(3), cell=cell)
    emission = MEMORY.emission.numpy()
    for text, found in zip(TEXTS, task.posterior(TEXTS), strict=True):
        evidence = np.concatenate([np.ones((1, 3, 2, 1)), np.moveaxis(emission, -1, 0)[text]])
        smoothed = enumerate_memory_paths(
            MEMORY.initial.numpy(), MEMORY.transition.numpy(), emission, evidence
        ).smoothed[0]
        expected = smoothed.reshape(3, 3, 2).sum((1 - cell, 2))
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_scores_are_weights_times_posterior_and_labels_their_largest():
    weights = np.random.default_rng(2).normal(size=(4, 3))
    task = PosteriorTask(MODEL, weights)
    scores = task.posterior(TEXTS).numpy() @ weights.T
    np.testing.assert_allclose(task.scores(TEXTS), scores, atol=1e-14)
    assert task.labels(TEXTS).tolist() == scores.argmax(-1).tolist()
    assert task.n_classes == 4


def test_two_classes_are_the_papers_rule():
    weights = np.random.default_rng(3).normal(size=(2, 3))
    middle = (PosteriorTask(MODEL, weights).posterior(TEXTS).numpy() @ (weights[1] - weights[0])).mean()
    weights[0] += middle  # so that both classes occur
    task = PosteriorTask(MODEL, weights)
    np.testing.assert_allclose(task.mu, weights[1] - weights[0])
    margin = task.posterior(TEXTS) @ task.mu
    assert task.labels(TEXTS).tolist() == (margin >= 0).long().tolist()
    assert len(set(task.labels(TEXTS).tolist())) == 2


def test_a_tie_of_two_classes_goes_to_class_one():
    assert PosteriorTask(MODEL, np.zeros((2, 3))).labels(TEXTS).tolist() == [1] * 6
    task = PosteriorTask(SILENT, [[0.0, 1.0], [0.0, 1.0]])
    assert task.labels([[0, 0]]).tolist() == [1]


def test_a_tie_of_several_classes_goes_to_the_first():
    assert PosteriorTask(MODEL, np.zeros((3, 3))).labels(TEXTS).tolist() == [0] * 6


def test_mu_needs_two_classes():
    with pytest.raises(ValueError, match="weights: μ needs two classes, the task has 3"):
        _ = PosteriorTask(MODEL, np.zeros((3, 3))).mu


def test_the_task_says_what_it_is():
    task = PosteriorTask(MEMORY, [[0, 1.0, 0], [0, 0, 0]], cell=1, redraws=2)
    assert repr(task).startswith(
        "PosteriorTask(target=M_1, n_classes=2, non-zero weights=1, redraws=2,\n    MemoryHMM("
    )
    assert "target=H_0" in repr(PosteriorTask(MODEL, np.zeros((2, 3))))


def test_changing_the_weights_later_has_no_effect():
    weights = np.ones((2, 3))
    task = PosteriorTask(MODEL, weights)
    weights[:] = 5
    assert float(task.weights.max()) == 1


# --- drawing tasks ---


def test_a_seed_gives_the_weights_of_the_released_code():
    # Places with replacement, then normal numbers; the last number drawn for a place stays.
    random = np.random.RandomState(4)
    weights = np.zeros(20)
    places = random.choice(20, size=6)
    weights[places] = random.randn(6)
    task = draw_task(random_hmm(10, generator=0), generator=4)
    assert task.redraws == 0
    np.testing.assert_array_equal(task.weights, weights.reshape(2, 10))


def test_no_more_than_six_weights_are_not_zero():
    tasks = [draw_task(random_hmm(10, generator=s), generator=s, probe_length=8) for s in range(20)]
    counts = [int((task.weights != 0).sum()) for task in tasks]
    assert max(counts) == 6
    assert min(counts) >= 2


def test_a_drawn_task_is_two_sided_on_fresh_texts():
    for seed in range(4):
        model = random_hmm(8, generator=seed)
        task = draw_task(model, generator=seed, min_share=0.1)
        labels = draw_dataset(task, generator=99, sizes=(2000, 1, 1)).train.labels
        assert 0.05 < float(labels.double().mean()) < 0.95


def one_sided_first():
    """A seed whose first task is one-sided and is redrawn."""
    model = random_hmm(4, generator=0)
    small = {"min_share": 0.2, "probe_length": 20}
    return model, next(s for s in range(200) if draw_task(model, generator=s, **small).redraws), small


def test_redraws_are_recorded_and_go_on_with_the_stream():
    model, seed, small = one_sided_first()
    task = draw_task(model, generator=seed, **small)
    assert task.redraws >= 1
    random = np.random.RandomState(seed)
    weights = np.zeros(8)
    weights[random.choice(8, size=6)] = random.randn(6)
    first = PosteriorTask(model, weights.reshape(2, 4))
    assert not torch.equal(first.weights, task.weights)
    share = draw_dataset(first, generator=0, sizes=(4000, 1, 1), length=20).train.labels.double().mean()
    assert min(float(share), 1 - float(share)) < 0.25


def test_redraws_stop_where_they_are_told_to():
    model, seed, small = one_sided_first()
    with pytest.raises(ValueError, match=r"^max_redraws: 0 redraws gave only one-sided tasks"):
        draw_task(model, generator=seed, **small, max_redraws=0)


def test_a_model_whose_tasks_are_all_one_sided_is_given_up():
    with pytest.raises(
        ValueError, match=r"^max_redraws: 7 redraws .*rarest class 0 of the probe.*more than 0"
    ):
        draw_task(SILENT, generator=0, max_redraws=7)


def test_every_class_must_occur():
    model = random_hmm(10, generator=1)
    task = draw_task(model, generator=0, n_classes=3, min_share=0.02, max_redraws=200, probe_length=40)
    labels = draw_dataset(task, generator=5, sizes=(3000, 1, 1), length=40).train.labels
    assert task.weights.shape == (3, 10)
    assert torch.bincount(labels, minlength=3).min() > 0


def test_a_generator_goes_on_after_the_draws():
    model = random_hmm(10, generator=1)
    random = np.random.RandomState(0)
    first, second = (draw_task(model, generator=random) for _ in range(2))
    assert not torch.equal(first.weights, second.weights)
    assert torch.equal(first.weights, draw_task(model, generator=0).weights)


def test_tasks_about_a_cell_are_drawn_over_its_values():
    model = random_memory_hmm(3, 2, generator=0, n_cells=2)
    task = draw_task(model, generator=1, cell=1, probe_length=20)
    assert task.cell == 1
    assert task.weights.shape == (2, 3)


# --- datasets ---


@pytest.fixture(scope="module")
def task():
    return draw_task(random_hmm(8, generator=0), generator=0)


def test_a_dataset_has_the_papers_sizes(task):
    data = draw_dataset(task, generator=0, length=5)
    assert [len(split.tokens) for split in data] == [5000, 500, 1000]
    assert [tuple(part.shape) for part in data.validation] == [(500, 5), (500,), (500, 2)]
    assert draw_dataset(task, generator=0, sizes=(1, 2, 3)).test.tokens.shape == (3, 128)


def test_labels_and_scores_are_those_of_the_task(task):
    data = draw_dataset(task, generator=1, sizes=(50, 40, 30), length=9)
    for split in data:
        torch.testing.assert_close(split.scores, task.scores(split.tokens), atol=1e-12, rtol=0)
        assert torch.equal(split.labels, task.labels_of(split.scores))
        assert split.tokens.dtype == split.labels.dtype == torch.int64


def test_a_dataset_is_determined_by_its_seed(task):
    first, again, other = (draw_dataset(task, generator=s, sizes=(20, 5, 5), length=9) for s in (3, 3, 4))
    for one, two in zip(first, again, strict=True):
        assert torch.equal(one.tokens, two.tokens)
    assert not torch.equal(first.train.tokens, other.train.tokens)


def test_splits_share_no_text():
    task = PosteriorTask(MODEL, np.zeros((2, 3)))
    data = draw_dataset(task, generator=0, sizes=(300, 300, 300), length=60)
    texts = [tuple(row) for split in data for row in split.tokens.tolist()]
    assert len(set(texts)) == 900


def test_a_generator_gives_a_fresh_dataset_each_time(task):
    generator = torch.Generator().manual_seed(0)
    first, second = (draw_dataset(task, generator=generator, sizes=(9, 1, 1), length=9) for _ in range(2))
    assert not torch.equal(first.train.tokens, second.train.tokens)


def test_the_text_begins_one_step_after_the_state_that_the_label_asks_for():
    # Started in state 0, the chain 0 → 1 → 2 → 0 writes its states: text is 1, 2, 0, …
    cycle = HMM([1.0, 0, 0], np.eye(3)[[1, 2, 0]], np.eye(3))
    data = draw_dataset(
        PosteriorTask(cycle, [[0, 1.0, 1], [1, 0, 0]]), generator=0, sizes=(2, 1, 1), length=4
    )
    assert data.train.tokens.tolist() == [[1, 2, 0, 1]] * 2
    assert data.train.labels.tolist() == [1, 1]


def test_the_label_is_what_the_text_tells_of_the_state():
    # The state never changes and the text reveals it: the label is the state.
    model = HMM([0.5, 0.5], np.eye(2), np.eye(2))
    data = draw_dataset(PosteriorTask(model, np.eye(2)), generator=0, sizes=(200, 1, 1), length=3)
    assert torch.equal(data.train.labels, data.train.tokens[:, 0])
    assert 0.3 < float(data.train.labels.double().mean()) < 0.7


def test_texts_follow_the_models_law_from_its_second_step_on():
    data = draw_dataset(PosteriorTask(MODEL, np.zeros((2, 3))), generator=0, sizes=(40_000, 1, 1), length=1)
    share = torch.bincount(data.train.tokens[:, 0], minlength=4) / 40_000
    distribution = MODEL.initial @ MODEL.transition @ MODEL.emission
    assert float((share - distribution).abs().max()) < 0.01


def test_memory_tasks_have_datasets():
    model = random_memory_hmm(3, 2, generator=0, n_cells=2)
    task = PosteriorTask(model, np.eye(3), cell=1)
    data = draw_dataset(task, generator=0, sizes=(30, 10, 10), length=20)
    assert data.train.scores.shape == (30, 3)
    np.testing.assert_allclose(data.train.scores.sum(-1), 1, atol=1e-12)
    assert torch.equal(task.labels(data.train.tokens), data.train.labels)
    assert sample_tokens(model, 1, 1, generator=0).shape == (1, 1)


def test_two_class_is_the_paper_s_task():
    hmm = random_hmm(5, generator=0)
    mu = torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0], dtype=torch.float64)
    task = PosteriorTask.two_class(hmm, mu)
    texts = sample_tokens(hmm, 50, 8, generator=0)
    assert torch.equal(task.mu, mu)
    assert torch.equal(task.labels(texts), (blank_posterior(hmm, texts) @ mu >= 0).long())


def test_two_class_names_weights_that_do_not_fit():
    with pytest.raises(ValueError, match=r"^mu: expected shape \(5,\), got \(4,\)$"):
        PosteriorTask.two_class(random_hmm(5, generator=0), [1.0, 2.0, 3.0, 4.0])
