"""Posteriors, conditionals and likelihoods against references that were written from the definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference import TABLES, corrupted, enumerate_paths, evidence_of, log_space

from hmmlib import (
    HMM,
    MemoryHMM,
    blank_posterior,
    posteriors,
    posteriors_from_evidence,
    prepend_blank,
    random_hmm,
    random_memory_hmm,
    sample_tokens,
)
from hmmlib.hmm import _forward_backward

TOLERANCE = 1e-10


def parameters(model):
    return model.initial.numpy(), model.transition.numpy(), model.emission.numpy()


def dirichlet_hmm(n_states, n_tokens, seed):
    random = np.random.default_rng(seed)
    return HMM(
        random.dirichlet(np.ones(n_states)),
        random.dirichlet(np.ones(n_states), n_states),
        random.dirichlet(np.ones(n_tokens), n_states),
    )


def assert_agrees(found, expected, row=0, time=None, kinds=None):
    for kind in kinds or [kind for kind in TABLES if kind in found.kept]:
        np.testing.assert_allclose(
            getattr(found, kind)[row, :time].detach(),
            getattr(expected, kind),
            atol=TOLERANCE,
            rtol=0,
            err_msg=kind,
        )
    assert float(found.log_likelihood[row]) == pytest.approx(
        expected.log_likelihood, rel=TOLERANCE, abs=TOLERANCE
    )


@pytest.fixture
def log_space_rows(monkeypatch):
    """How many rows each call of `forward_backward` sent to log space."""
    counts = []
    honest = _forward_backward._in_log_space

    def spy(start, *rest, **named):
        counts.append(len(start))
        return honest(start, *rest, **named)

    monkeypatch.setattr(_forward_backward, "_in_log_space", spy)
    return counts


# --- ordinary texts ---


@pytest.mark.parametrize(("n_states", "time"), [(1, 1), (1, 4), (2, 1), (2, 7), (3, 5), (4, 4)])
def test_tokens_give_the_sums_over_all_paths(n_states, time):
    model = dirichlet_hmm(n_states, 5, seed=n_states + 10 * time)
    tokens = torch.randint(5, (3, time), generator=torch.Generator().manual_seed(time))
    found = posteriors(model, tokens)
    for row, text in enumerate(tokens.tolist()):
        expected = enumerate_paths(*parameters(model), evidence_of(model.emission.numpy(), text))
        assert_agrees(found, expected, row)


@pytest.mark.parametrize(("n_states", "time"), [(1, 3), (2, 6), (3, 5)])
def test_soft_evidence_gives_the_sums_over_all_paths(n_states, time):
    model = dirichlet_hmm(n_states, 4, seed=n_states)
    evidence = 100 * np.random.default_rng(time).random((2, time, n_states)) ** 6
    found = posteriors_from_evidence(model, torch.tensor(evidence))
    for row in range(2):
        assert_agrees(found, enumerate_paths(*parameters(model), evidence[row]), row)


def test_transition_is_from_row_to_column():
    # 0 → 1 → 2 → 0 for certain, started in 0, and a text that tells nothing.
    model = HMM([1.0, 0, 0], [[0.0, 1, 0], [0, 0, 1], [1, 0, 0]], np.ones((3, 1)))
    found = posteriors(model, [[0, 0, 0, 0]])
    assert found.smoothed[0].argmax(-1).tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize("n_states", [4, 8, 10, 15, 25, 30])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_papers_models_agree_with_log_space_on_clean_and_corrupted_text(n_states, seed):
    model = random_hmm(n_states, generator=seed)
    clean = sample_tokens(model, 2, 129, generator=seed).numpy()
    texts = np.concatenate([corrupted(clean, share, 10, seed + 7) for share in (0.0, 0.3, 1.0)])
    found = posteriors(model, texts)
    for row, text in enumerate(texts):
        expected = log_space(*parameters(model), evidence_of(model.emission.numpy(), text))
        assert_agrees(found, expected, row)


@pytest.mark.parametrize("temperature", [0.003, 0.001])
def test_models_far_colder_than_the_papers_agree_with_log_space(temperature):
    model = random_hmm(6, generator=3, transition_temperature=temperature, emission_temperature=temperature)
    text = corrupted(sample_tokens(model, 1, 60, generator=0).numpy(), 0.5, 10, 1)
    # At this temperature some probabilities round to 0: a blank takes the place of an impossible token.
    seen = model.emission.amin(0).numpy()[text] > 0
    found = posteriors(model, text, observed=seen)
    expected = log_space(*parameters(model), evidence_of(model.emission.numpy(), text[0], seen[0]))
    assert_agrees(found, expected)


@pytest.mark.parametrize("n_states", [4, 10, 30])
def test_hmmlearn_agrees_on_uncorrupted_text(n_states):
    pytest.importorskip("hmmlearn")
    model = random_hmm(n_states, generator=5)
    texts = sample_tokens(model, 3, 200, generator=6)
    found = posteriors(model, texts)
    other = model.to_hmmlearn()
    for row, text in enumerate(texts.numpy()):
        np.testing.assert_allclose(found.smoothed[row], other.predict_proba(text[:, None]), atol=TOLERANCE)
        assert float(found.log_likelihood[row]) == pytest.approx(other.score(text[:, None]), rel=TOLERANCE)


def test_the_blank_posterior_is_that_of_the_state_before_the_text():
    model = dirichlet_hmm(3, 4, seed=1)
    text = [2, 0, 3, 1]
    evidence = np.concatenate([np.ones((1, 3)), evidence_of(model.emission.numpy(), text)])
    expected = enumerate_paths(*parameters(model), evidence).smoothed[0]
    np.testing.assert_allclose(blank_posterior(model, [text])[0], expected, atol=TOLERANCE)


def test_the_likelihoods_of_all_texts_of_a_length_add_up_to_one():
    model = dirichlet_hmm(3, 3, seed=2)
    texts = torch.cartesian_prod(*[torch.arange(3)] * 5)
    found = posteriors(model, texts, keep=())
    assert float(found.log_likelihood.exp().sum()) == pytest.approx(1, abs=1e-12)


def test_a_conditional_is_a_ratio_of_likelihoods():
    model = dirichlet_hmm(3, 4, seed=3)
    texts = torch.tensor([[1, token, 2, 0] for token in range(4)])
    found = posteriors(model, texts)
    joint = found.log_likelihood.exp()
    torch.testing.assert_close(found.conditionals[0, 1], joint / joint.sum(), atol=1e-12, rtol=0)


# --- which tables are kept ---


@pytest.mark.parametrize(
    "keep",
    [
        (),
        ("filtered",),
        ("smoothed",),
        ("leave_one_out",),
        ("conditionals",),
        ("conditionals", "smoothed"),
        ("leave_one_out", "filtered"),
        ("smoothed", "smoothed"),
        ["filtered", "smoothed", "leave_one_out"],
    ],
)
@pytest.mark.parametrize("model", [random_hmm(4, generator=0), random_memory_hmm(2, generator=0)], ids=repr)
def test_a_table_does_not_depend_on_which_others_are_kept(model, keep):
    tokens = sample_tokens(model, 9, 12, generator=1)
    every, some = posteriors(model, tokens), posteriors(model, tokens, keep=keep)
    assert set(some.kept) == set(keep)
    for kind, table in some.kept.items():
        torch.testing.assert_close(table, every.kept[kind], atol=1e-15, rtol=0)
    torch.testing.assert_close(some.log_likelihood, every.log_likelihood, atol=1e-12, rtol=0)


def test_keep_may_be_an_iterator():
    found = posteriors(random_hmm(4, generator=0), [[0, 1]], keep=(kind for kind in ("smoothed",)))
    assert list(found.kept) == ["smoothed"]


def test_two_calls_do_not_share_memory():
    model = random_hmm(4, generator=0)
    first = posteriors(model, [[0, 1, 2]])
    before = {kind: table.clone() for kind, table in first.kept.items()}
    posteriors(model, [[9, 9, 9]])
    for kind, table in before.items():
        assert torch.equal(first.kept[kind], table)
    tables = list(first.kept.values())
    assert len({table.untyped_storage().data_ptr() for table in tables}) == len(tables)


def test_the_result_shows_its_shapes():
    found = posteriors(random_hmm(4, generator=0), [[0, 1, 2]], keep=("smoothed",))
    assert repr(found) == "Posteriors(log_likelihood (1,), smoothed (1, 3, 4))"


# --- under torch's modes ---


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("batch", [1, 64])
def test_inference_runs_under_every_gradient_mode(mode, batch):
    model = random_hmm(4, generator=0)
    tokens = sample_tokens(model, batch, 12, generator=1)
    with mode():
        inside = posteriors(model, tokens)
        soft = posteriors_from_evidence(model, model.emission.T[tokens])
        blank = blank_posterior(model, tokens)
    outside = posteriors(model, tokens)
    torch.testing.assert_close(inside.smoothed, outside.smoothed)
    torch.testing.assert_close(soft.conditionals, outside.conditionals)
    torch.testing.assert_close(blank, blank_posterior(model, tokens))


def test_no_warning_on_a_read_only_array():
    # The settings of pytest turn warnings into errors.
    text = np.array([[0, 1, 2]])
    text.flags.writeable = False
    posteriors(random_hmm(4, generator=0), text)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_tokens_of_every_integer_type_are_read_alike(dtype):
    model = random_hmm(4, generator=0)
    tokens = torch.tensor([[3, 1, 9, 0]])
    expected = posteriors(model, tokens).smoothed
    assert torch.equal(posteriors(model, tokens.to(dtype)).smoothed, expected)
    assert torch.equal(posteriors(model, tokens.to(dtype).numpy()).smoothed, expected)
    assert torch.equal(posteriors(model, tokens.tolist()).smoothed, expected)


@pytest.mark.parametrize("view", [lambda x: x[:, ::-1], lambda x: np.asfortranarray(x), lambda x: x[:, ::2]])
def test_views_of_numpy_arrays_are_read_as_what_they_show(view):
    model = random_hmm(4, generator=0)
    text = view(np.array([[3, 1, 9, 0], [1, 1, 2, 5]]))
    expected = posteriors(model, np.ascontiguousarray(text)).smoothed
    assert torch.equal(posteriors(model, text).smoothed, expected)


# --- single precision ---


def test_a_float32_model_gives_float32_tables_near_the_float64_ones():
    model = dirichlet_hmm(5, 6, seed=4)
    tokens = sample_tokens(model, 4, 50, generator=0)
    exact, rough = posteriors(model, tokens), posteriors(model.to(dtype=torch.float32), tokens)
    for kind, table in rough.kept.items():
        assert table.dtype == torch.float32
        torch.testing.assert_close(table.double(), exact.kept[kind], atol=2e-5, rtol=0)
    torch.testing.assert_close(rough.log_likelihood.double(), exact.log_likelihood, atol=0, rtol=1e-5)


def test_a_float32_model_under_near_impossible_text_stays_finite():
    model = HMM([0.5, 0.5], [[1.0, 0], [0, 1]], [[1 - 1e-7, 1e-7], [1e-7, 1 - 1e-7]], dtype=torch.float32)
    found = posteriors(model, [[0] * 20 + [1] * 50 + [0] * 20])
    torch.testing.assert_close(found.smoothed[0, :, 1], torch.ones(90))


# --- where scaled messages underflow ---

KEEPS = [None, ("filtered",), ("leave_one_out",), ("conditionals",), ("filtered", "leave_one_out")]


def check_soft(model, evidence, keep=None):
    """The library's answer to evidence (time, H) is that of log space, whichever tables are kept."""
    evidence = np.asarray(evidence, dtype=float)
    expected = log_space(*parameters(model), evidence)
    for kinds in KEEPS if keep is None else [keep]:
        found = posteriors_from_evidence(
            model, torch.tensor(evidence)[None], **({} if kinds is None else {"keep": kinds})
        )
        assert_agrees(found, expected)
    return expected


def test_a_state_flushed_by_both_messages_still_wins(log_space_rows):
    # Two states that are never left. a leads by 1e400, then b by 1e1000, then a by 1e400: b wins.
    model = HMM([0.5, 0.5], np.eye(2), [[0.3, 0.7], [0.6, 0.4]])
    for_a, for_b = [1.0, 1e-80], [1e-80, 1.0]
    evidence = [for_a] * 5 + [for_b] * 12 + [[1e-40, 1.0]] + [for_a] * 5
    expected = check_soft(model, evidence)
    np.testing.assert_allclose(expected.smoothed, np.tile([0.0, 1.0], (23, 1)), atol=1e-100)
    np.testing.assert_allclose(expected.filtered[4], [1.0, 0.0], atol=1e-100)
    assert log_space_rows == [1] * len(KEEPS)


def test_a_state_flushed_by_both_messages_still_wins_when_tokens_say_so(log_space_rows):
    model = HMM([0.5, 0.5], np.eye(2), [[0.9, 0.1], [0.1, 0.9]])  # a token weighs log10(9) = 0.954
    text = [0] * 420 + [1] * 1050 + [0] * 420
    found = posteriors(model, [text])
    assert_agrees(found, log_space(*parameters(model), evidence_of(model.emission.numpy(), text)))
    assert float(found.smoothed[0, :, 1].min()) > 1 - 1e-12
    assert log_space_rows == [1]


def test_a_close_race_is_decided_by_less_than_rounding_flushes():
    # The same, and a is back within a factor of 3 of b at the end.
    model = HMM([0.5, 0.5], np.eye(2), [[0.3, 0.7], [0.6, 0.4]])
    evidence = [[1.0, 1e-80]] * 6 + [[1e-80, 1.0]] * 12 + [[1.0, 1e-80]] * 6 + [[1.0, 3.0]]
    expected = check_soft(model, evidence)
    np.testing.assert_allclose(expected.smoothed[10], [0.25, 0.75], atol=1e-11)


def test_only_the_rows_that_need_it_go_to_log_space(log_space_rows):
    model = HMM([0.5, 0.5], np.eye(2), [[0.9, 0.1], [0.1, 0.9]])
    plain, hard = [0, 1] * 500, [0] * 500 + [1] * 500
    found = posteriors(model, [plain, hard, plain, hard, plain])
    assert sum(log_space_rows) == 2
    for row, text in enumerate([plain, hard, plain, hard, plain]):
        expected = log_space(*parameters(model), evidence_of(model.emission.numpy(), text))
        assert_agrees(found, expected, row)


@pytest.mark.parametrize(
    "model",
    [
        random_hmm(30, generator=0),
        random_hmm(10, generator=1),
        dirichlet_hmm(5, 10, seed=0),
        # Structural zeros: left to right, one-hot emissions, a start for certain.
        HMM([1.0, 0, 0], [[0.99, 0.01, 0], [0, 0.99, 0.01], [0, 0, 1]], [[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]]),
        HMM([1.0, 0, 0], [[0.0, 1, 0], [0, 0.5, 0.5], [1, 0, 0]], np.eye(3)),
    ],
    ids=repr,
)
def test_ordinary_rows_do_not_go_to_log_space(model, log_space_rows):
    found = posteriors(model, sample_tokens(model, 20, 129, generator=2))
    assert bool(torch.isfinite(found.conditionals).all())
    assert log_space_rows == []


def test_impossible_rows_are_still_refused_after_log_space(log_space_rows):
    model = HMM([1.0, 0], np.eye(2), np.eye(2))
    with pytest.raises(ValueError, match="sequence 1, position 2"):
        posteriors(model, [[0, 0, 0, 0], [0, 0, 1, 0]])
    assert log_space_rows == [1]


def test_a_step_of_tiny_scale_loses_no_digits():
    # The first token rules out state 0 and leaves 1e-195·1e-90 of state 1, which leads on to 2 or 3 only with
    # 1e-37 and 3e-37: products of 1e-322, where doubles have two digits left. The second token makes these
    # matter: the ratio of 2 to 3 must be 1 to 3.
    model = HMM(
        [1 - 1e-195, 1e-195, 0, 0],
        [[1.0, 0, 0, 0], [1 - 4e-37, 0, 1e-37, 3e-37], [0, 0, 1, 0], [0, 0, 0, 1]],
        np.full((4, 2), 0.5),
    )
    evidence = [[0, 1e-90, 1, 0], [1e-90, 1, 1, 1], [1, 1, 1, 1]]
    expected = check_soft(model, evidence)
    np.testing.assert_allclose(expected.filtered[1], [0, 0, 0.25, 0.75], atol=1e-11)


def test_a_step_of_tiny_scale_loses_no_digits_that_only_a_left_out_position_reveals():
    # With all evidence state 0 wins; without the last token it is states 2 and 3, in the ratio 1 to 3.
    model = HMM(
        [1 - 1e-195, 1e-195, 0, 0],
        [[1.0, 0, 0, 0], [1, 0, 1e-127, 3e-127], [0, 0, 1, 0], [0, 0, 0, 1]],
        np.full((4, 2), 0.5),
    )
    evidence = [[0, 1, 1, 0], [1e-80, 0, 1, 1], [1e-80, 0, 1, 1], [1, 0, 0, 0]]
    expected = check_soft(model, evidence)
    np.testing.assert_allclose(expected.leave_one_out[3], [0, 0, 0.25, 0.75], atol=1e-11)
    np.testing.assert_allclose(expected.smoothed[3], [1, 0, 0, 0], atol=1e-11)


EXTREMES = {
    "evidence of 1e-200 for every state but one": (
        dirichlet_hmm(3, 2, 0),
        [[1, 1e-200, 1e-200], [1e-200, 1, 1e-200], [1e-200, 1e-200, 1], [1, 1e-200, 1e-200]],
    ),
    "evidence of about 1e-200 for all": (dirichlet_hmm(3, 2, 1), [[1e-200, 2e-200, 3e-200]] * 5),
    "evidence of 1e+200": (dirichlet_hmm(3, 2, 1), [[1e200, 2e200, 3e200]] * 5),
    "evidence from 1e-160 to 1e+160 that matters at both ends": (
        HMM([0.5, 0.5], np.eye(2), [[0.3, 0.7], [0.6, 0.4]]),
        [[1e160, 1e-160], [1e-160, 1e160], [1, 3]],
    ),
    "subnormal evidence": (dirichlet_hmm(2, 2, 1), [[2.0**-1060, 2.0**-1064], [1, 2], [1, 1]]),
    "evidence zero for most states": (
        dirichlet_hmm(6, 2, 2),
        [
            [0, 0, 0, 1, 0, 0],
            [1, 0, 0, 0, 0, 0],
            [0, 1e-3, 0, 0, 0, 0],
            [0, 0, 1, 0, 0, 1],
            [0, 0, 0, 0, 5, 0],
        ],
    ),
    "zeros and tiny values mixed": (
        dirichlet_hmm(4, 2, 3),
        [[0, 1e-150, 1, 0], [1e-90, 0, 1e-95, 1], [1, 0, 0, 1e-300], [0, 1, 1e-300, 0], [1, 1, 0, 0]],
    ),
    "left to right": (
        HMM(
            [1, 0, 0, 0],
            0.5 * np.eye(4) + 0.5 * np.eye(4, k=1) + 0.5 * np.diag([0, 0, 0, 1]),
            np.ones((4, 1)),
        ),
        [[1, 1e-90, 1, 1]] * 4 + [[1e-90, 1, 1e-90, 1e-90]] * 4 + [[1e-50, 1e-40, 1e-30, 1]] * 4,
    ),
    "left to right, one step a token": (
        HMM([1, 0, 0, 0], np.eye(4, k=1) + np.diag([0, 0, 0, 1]), np.ones((4, 1))),
        [[1, 1, 1, 1]] * 8,
    ),
    "initial with zeros": (
        HMM([0, 0, 1], np.full((3, 3), 1 / 3), np.ones((3, 1))),
        [[1, 1, 1e-8], [1, 2, 3]],
    ),
    "initial with 1e-250": (
        HMM([1.0, 1e-250], [[1, 0], [0, 1]], np.ones((2, 1))),
        [[1e-80, 1], [1e-80, 1], [1e-80, 1], [1e-9, 1]],
    ),
    "transition of 1e-250": (
        HMM([1.0, 0], [[1, 1e-250], [0, 1]], np.ones((2, 1))),
        [[1, 1], [1e-85, 1], [1e-85, 1], [1e-85, 1]],
    ),
    "two steps of 1e-300 that must be taken": (
        HMM([1.0, 0, 0], [[1, 1e-300, 0], [0, 1, 1e-300], [0, 0, 1]], np.ones((3, 1))),
        [[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1], [0, 0, 1]],
    ),
    "two states at 1e-320, where digits are few, and then no other": (
        HMM([0.5, 0.25, 0.25], np.eye(3), np.ones((3, 1))),
        [[1, 1e-80, 3e-80]] + [[1, 1e-80, 1e-80]] * 3 + [[0, 1, 1]],
    ),
    "a state at 1e-180 and evidence of 1e-140 for it": (
        HMM([0.5, 0.25, 0.25], np.eye(3), np.ones((3, 1))),
        [[1, 1e-90, 3e-90], [1, 1e-90, 1e-90], [1, 1e-140, 1e-140], [0, 1, 1]],
    ),
    "a single position": (dirichlet_hmm(3, 2, 5), [[1e-300, 0, 1e-310]]),
    "a single state": (HMM([1.0], [[1.0]], [[0.5, 0.5]]), [[1e-300], [1e300], [5.0]]),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_evidence_agrees_with_log_space(name):
    check_soft(*EXTREMES[name])


@pytest.mark.parametrize("name", [name for name, (model, rows) in EXTREMES.items() if len(rows) <= 5])
def test_extreme_evidence_agrees_with_rational_arithmetic(name):
    model, evidence = EXTREMES[name]
    evidence = np.array(evidence, dtype=float)
    expected = enumerate_paths(*parameters(model), evidence)
    assert_agrees(posteriors_from_evidence(model, torch.tensor(evidence)[None]), expected)


def test_one_hot_emissions_reveal_the_state():
    model = HMM([0.5, 0.5, 0], [[0.1, 0.9, 0], [0, 0.2, 0.8], [0.5, 0.2, 0.3]], np.eye(3))
    tokens = sample_tokens(model, 10, 30, generator=0)
    found = posteriors(model, tokens)
    np.testing.assert_allclose(found.smoothed, np.eye(3)[tokens], atol=TOLERANCE)
    expected = log_space(*parameters(model), evidence_of(np.eye(3), tokens[0].numpy()))
    assert_agrees(found, expected)


def test_tokens_of_probability_1e_300_under_every_state_are_read():
    model = HMM([0.5, 0.5], [[0.9, 0.1], [0.3, 0.7]], [[1e-300, 1.0], [3e-300, 1.0]])
    text = [0, 0, 1, 0, 0, 0]
    expected = log_space(*parameters(model), evidence_of(model.emission.numpy(), text))
    assert_agrees(posteriors(model, [text]), expected)


@pytest.mark.parametrize("seed", range(4))
def test_reducible_models_agree_with_log_space_on_uniform_text(seed):
    model = random_memory_hmm(3, n_syntax=2, generator=seed).flatten()
    text = np.random.default_rng(seed).integers(10, size=600)
    expected = log_space(*parameters(model), evidence_of(model.emission.numpy(), text))
    assert_agrees(posteriors(model, text[None]), expected)


@pytest.mark.parametrize(("n_values", "n_cells", "seed"), [(3, 1, 0), (3, 1, 1), (2, 2, 2), (7, 1, 3)])
def test_long_uniform_text_in_memory_models_agrees_with_log_space(n_values, n_cells, seed):
    model = random_memory_hmm(n_values, n_syntax=2, n_cells=n_cells, generator=seed)
    text = np.random.default_rng(seed).integers(10, size=1500)
    expected = log_space(*parameters(model.flatten()), evidence_of(model.chain.flat_emission.numpy(), text))
    assert_agrees(posteriors(model, text[None]), expected)


def test_contents_that_explain_a_long_text_almost_equally_are_told_apart():
    # Two values that write nearly alike, one syntax state: after 300,000 tokens both are still probable. A
    # log-likelihood near −400,000 is rounded to 6e-11 at each step: it is the differences that count.
    emission = np.random.default_rng(0).dirichlet(np.ones(4)) + np.array([[0, 0, 0, 0], [3e-4, -3e-4, 0, 0]])
    model = MemoryHMM(np.array([0.4, 0.6]).reshape(2, 1, 1), np.ones((1, 1)), emission.reshape(2, 1, 1, 4))
    text = sample_tokens(model, 300, 1000, generator=5).reshape(1, -1)
    found = posteriors(model, text, keep=TABLES[:3])
    odds = (np.log(emission[0]) - np.log(emission[1]))[text[0].numpy()]
    prior, so_far = np.log(0.4) - np.log(0.6), odds.cumsum()
    for kind, log_odds in {
        "filtered": prior + so_far,
        "smoothed": prior + so_far[-1] + 0 * odds,
        "leave_one_out": prior + so_far[-1] - odds,
    }.items():
        expected = 1 / (1 + np.exp(-log_odds))
        assert 0.05 < expected[-1] < 0.95
        np.testing.assert_allclose(found.kept[kind][0, :, 0], expected, atol=TOLERANCE, rtol=0, err_msg=kind)


def test_a_content_that_cannot_be_is_ruled_out():
    # Values 0 and 1 of the cell write different words; value 2 has prior probability 0.
    emission = np.array([[[[0.5, 0.5, 0]]], [[[0, 0.5, 0.5]]], [[[0.2, 0.3, 0.5]]]])
    model = MemoryHMM(np.array([0.25, 0.75, 0]).reshape(3, 1, 1), [[1.0]], emission)
    found = posteriors(model, [[1, 1, 0, 1]])
    np.testing.assert_allclose(found.smoothed[0, 0], [1, 0, 0], atol=0)
    np.testing.assert_allclose(found.filtered[0, :, 0], [0.25, 0.25, 1, 1], atol=1e-15)
    # Without the token that gave it away, nothing but the prior speaks.
    np.testing.assert_allclose(found.leave_one_out[0, :, 0], [1, 1, 0.25, 1], atol=1e-15)
    assert float(found.log_likelihood) == pytest.approx(np.log(0.25 / 16))


def test_the_papers_layout_begins_with_a_blank():
    tokens, seen = prepend_blank([[4, 2], [1, 0]])
    assert tokens[:, 1:].tolist() == [[4, 2], [1, 0]]
    assert seen.tolist() == [[False, True, True]] * 2
