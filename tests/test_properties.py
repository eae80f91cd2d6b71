"""What holds for every model and text: tried with zeros, tiny probabilities and degenerate sizes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import TABLES, log_space

from hmmlib import HMM, MemoryHMM, posteriors, posteriors_from_evidence, sample_tokens

TOLERANCE = 1e-9
WEIGHTS = st.one_of(
    st.floats(0.01, 1.0), st.just(0.0), st.sampled_from([1e-300, 1e-150, 1e-40, 1e-12]), st.floats(0.01, 1.0)
)
TIMES = st.integers(1, 6)


class Case(NamedTuple):
    """A model and the evidence of a text, (time, E), that the model can produce."""

    model: HMM | MemoryHMM
    evidence: torch.Tensor


@st.composite
def distributions(draw, *shape):
    """Rows that sum to one, with zeros and tiny entries."""
    weights = np.array(draw(st.lists(WEIGHTS, min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))))
    weights = weights.reshape(-1, shape[-1])
    weights[np.arange(len(weights)), draw(st.integers(0, shape[-1] - 1))] += 0.1
    return (weights / weights.sum(-1, keepdims=True)).reshape(shape)


@st.composite
def hmms(draw):
    n_states, n_tokens = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    return HMM(
        draw(distributions(n_states)),
        draw(distributions(n_states, n_states)),
        draw(distributions(n_states, n_tokens)),
    )


@st.composite
def memory_hmms(draw):
    values, cells, syntax = draw(
        st.sampled_from([(1, 1, 1), (2, 1, 1), (2, 1, 2), (3, 1, 2), (2, 2, 1), (2, 2, 2)])
    )
    shape = (values,) * cells + (cells, syntax)
    size = cells * syntax
    return MemoryHMM(
        draw(distributions(int(np.prod(shape)))).reshape(shape),
        draw(distributions(size, size)),
        draw(distributions(values, cells, syntax, draw(st.integers(1, 3)))),
    )


@st.composite
def evidence_for(draw, model, time=TIMES):
    """Tokens, blanks and soft evidence; zeros only where the emission has them, or in all but a state."""
    columns = model.chain.emission
    rows = []
    for _ in range(draw(time)):
        kind = draw(st.sampled_from(["token", "token", "blank", "soft"]))
        if kind == "token":
            rows.append(columns[:, draw(st.integers(0, model.n_tokens - 1))])
        elif kind == "blank":
            rows.append(torch.ones(len(columns), dtype=torch.float64))
        else:
            rows.append(torch.tensor(draw(distributions(len(columns)))))
    return torch.stack(rows)


@st.composite
def cases(draw, models=None, time=TIMES):
    model = draw(st.one_of(hmms(), memory_hmms()) if models is None else models)
    evidence = draw(evidence_for(model, time))
    assume(possible(model, evidence))
    return Case(model, evidence)


def flat(model):
    return model.flatten() if isinstance(model, MemoryHMM) else model


def arrays(model):
    model = flat(model)
    return model.initial.numpy(), model.transition.numpy(), model.emission.numpy()


def possible(model, evidence):
    """Whether some path explains all of the evidence: looked up in the supports, which cannot underflow."""
    initial, transition, _ = arrays(model)
    support = initial > 0
    for row in evidence[:, model.chain.columns.reshape(-1)].numpy():
        support = support & (row > 0)
        if not support.any():
            return False
        support = support @ (transition > 0)
    return True


def run(case, **named):
    return posteriors_from_evidence(case.model, case.evidence[None], **named)


def close(first, second, tolerance=TOLERANCE):
    np.testing.assert_allclose(np.asarray(first), np.asarray(second), atol=tolerance, rtol=0)


def close_log(first, second):
    np.testing.assert_allclose(np.asarray(first), np.asarray(second), atol=1e-9, rtol=1e-10)


@given(cases())
def test_tables_are_distributions(case):
    found = run(case)
    for kind in TABLES:
        table = found.kept[kind]
        assert bool((table >= 0).all())
        close(table.sum(-1), np.ones(table.shape[:2]), 1e-12)
    assert np.isfinite(float(found.log_likelihood))


@given(cases())
@settings(max_examples=200)
def test_the_answer_is_that_of_log_space(case):
    found = run(case)
    expected = log_space(*arrays(case.model), case.evidence[:, case.model.chain.columns.reshape(-1)].numpy())
    for kind in TABLES:
        close(found.kept[kind][0], getattr(expected, kind), 1e-10)
    close_log(found.log_likelihood[0], expected.log_likelihood)


@given(cases(), st.data())
def test_leave_one_out_does_not_depend_on_the_evidence_there(case, data):
    t = data.draw(st.integers(0, len(case.evidence) - 1))
    other = case.evidence.clone()
    other[t] = data.draw(evidence_for(case.model, st.just(1)))[0]
    assume(possible(case.model, other))
    first, second = run(case), run(Case(case.model, other))
    for kind in ("leave_one_out", "conditionals"):
        close(first.kept[kind][0, t], second.kept[kind][0, t])


@given(cases(hmms()), st.randoms(use_true_random=False))
def test_relabelling_states_permutes_posteriors(case, random):
    order = list(range(case.model.n_states))
    random.shuffle(order)
    model = case.model
    other = HMM(model.initial[order], model.transition[order][:, order], model.emission[order])
    first, second = run(case), run(Case(other, case.evidence[:, order]))
    for kind in TABLES[:3]:
        close(first.kept[kind][..., order], second.kept[kind])
    close(first.conditionals, second.conditionals)
    close_log(first.log_likelihood, second.log_likelihood)


@given(cases(hmms()), st.randoms(use_true_random=False))
def test_relabelling_tokens_permutes_conditionals(case, random):
    order = list(range(case.model.n_tokens))
    random.shuffle(order)
    other = HMM(case.model.initial, case.model.transition, case.model.emission[:, order])
    close(run(case).conditionals[..., order], run(Case(other, case.evidence)).conditionals)


@given(cases(), st.data())
def test_a_blank_is_the_average_over_the_token(case, data):
    t = data.draw(st.integers(0, len(case.evidence) - 1))
    blank = case.evidence.clone()
    blank[t] = 1.0
    expected = run(Case(case.model, blank))
    found = torch.zeros_like(expected.smoothed)
    mass = []
    for token in range(case.model.n_tokens):
        seen = case.evidence.clone()
        seen[t] = case.model.chain.emission[:, token]
        if possible(case.model, seen):
            one = run(Case(case.model, seen))
            share = (one.log_likelihood - expected.log_likelihood).exp()
            # P[token | rest] is also what the conditional says.
            close(share[0], expected.conditionals[0, t, token])
            found += share * one.smoothed
            mass.append(float(share))
    close(sum(mass), 1.0)
    close(found, expected.smoothed)


@given(cases(memory_hmms()))
def test_flat_equals_structured(case):
    columns = case.model.chain.columns.reshape(-1)
    structured, flattened = run(case), run(Case(case.model.flatten(), case.evidence[:, columns]))
    for kind in TABLES:
        close(structured.kept[kind], flattened.kept[kind])
    close_log(structured.log_likelihood, flattened.log_likelihood)


@given(cases(), st.lists(st.sampled_from([1e-100, 1e-7, 3.0, 2.0**40, 1e100]), min_size=6, max_size=6))
def test_scaling_evidence_leaves_posteriors_unchanged(case, factors):
    factors = torch.tensor(factors[: len(case.evidence)], dtype=torch.float64)
    scaled = case.evidence * factors[:, None]
    assume(bool(((scaled > 0) == (case.evidence > 0)).all()))
    assume(bool((scaled[scaled > 0] > 1e-290).all()))  # below, doubles lose digits
    first, second = run(case), run(Case(case.model, scaled))
    for kind in TABLES:
        close(first.kept[kind], second.kept[kind])
    close_log(second.log_likelihood - factors.log().sum(), first.log_likelihood)


@given(cases(), st.integers(1, 5))
def test_appending_blanks_changes_nothing(case, count):
    blanks = torch.ones(count, case.evidence.shape[1], dtype=torch.float64)
    first, second = run(case), run(Case(case.model, torch.cat([case.evidence, blanks])))
    for kind in TABLES:
        close(first.kept[kind], second.kept[kind][:, : len(case.evidence)])
    close_log(first.log_likelihood, second.log_likelihood)


@given(cases(hmms()))
def test_a_blank_before_the_text_takes_the_start_one_step_on(case):
    blank = torch.ones(1, case.evidence.shape[1], dtype=torch.float64)
    first = case.model.initial @ case.model.transition
    moved = case.model.with_initial(first / first.sum())
    assume(bool(((first == 0) | (first > 1e-290)).all()))
    assume(possible(moved, case.evidence))
    with_blank, without = (
        run(Case(case.model, torch.cat([blank, case.evidence]))),
        run(Case(moved, case.evidence)),
    )
    close(with_blank.smoothed[:, 1:], without.smoothed)
    close_log(with_blank.log_likelihood, without.log_likelihood)


@given(cases())
def test_filtered_at_the_last_position_is_smoothed(case):
    found = run(case)
    close(found.filtered[:, -1], found.smoothed[:, -1])


@given(cases(time=st.integers(2, 6)))
def test_filtered_is_smoothed_of_the_text_so_far(case):
    so_far = Case(case.model, case.evidence[:-1])
    close(run(case).filtered[:, :-1], run(so_far).filtered)
    close(run(case).filtered[:, -2], run(so_far).smoothed[:, -1])


@given(cases())
def test_smoothed_is_leave_one_out_times_the_evidence_there(case):
    found = run(case)
    rows = case.evidence[:, case.model.chain.columns.reshape(-1)]
    joint = found.leave_one_out[0] * rows / rows.amax(-1, keepdim=True)
    assume(float(joint.sum(-1).min()) > 1e-250)  # below, the product underflows here in the test
    close(found.smoothed[0], joint / joint.sum(-1, keepdim=True))


@given(cases())
def test_pieces_of_the_likelihood_multiply(case):
    # log P[x] = Σ_t log Σ_h P[H_t = h | x before t] e_t(h)
    total = 0.0
    columns = case.model.chain.columns.reshape(-1)
    for t, row in enumerate(case.evidence):
        before = torch.cat([case.evidence[:t], torch.ones_like(row)[None]])
        expected = run(Case(case.model, before)).smoothed[0, t] @ (row / row.max())[columns]
        assume(float(expected) > 1e-250)
        total += float(expected.log() + row.max().log())
    close_log(run(case).log_likelihood[0], total)


@given(cases(hmms()))
def test_a_text_read_backwards_is_that_of_the_reversed_chain(case):
    # Started from a stationary distribution, time may be turned round: P̃[h' | h] = π(h') P[h | h'] / π(h).
    model, rows = case.model, case.evidence
    try:
        distribution = model.stationary()
    except ValueError:  # several distributions
        assume(False)
    assume(float(distribution.min()) > 1e-30)
    reversed_transition = distribution[None, :] * model.transition.T / distribution[:, None]
    reversed_transition /= reversed_transition.sum(-1, keepdim=True)
    forwards = Case(model.with_initial(distribution), rows)
    backwards = Case(HMM(distribution, reversed_transition, model.emission), rows.flip(0))
    assume(possible(*forwards) and possible(*backwards))
    assume(float(model.transition[model.transition > 0].min()) > 1e-30)
    first, second = run(forwards), run(backwards)
    close(first.smoothed[0], second.smoothed[0].flip(0), 1e-7)
    close_log(first.log_likelihood, second.log_likelihood)


@given(st.one_of(hmms(), memory_hmms()), st.integers(1, 4), st.integers(1, 8), st.integers(0, 2**31))
def test_sampled_text_is_possible_and_tokens_are_their_embeddings(model, batch, time, seed):
    tokens = sample_tokens(model, batch, time, generator=seed)
    hard = posteriors(model, tokens)
    soft = posteriors_from_evidence(model, model.chain.emission.T[tokens])
    for kind in TABLES:
        close(hard.kept[kind], soft.kept[kind])
    close_log(hard.log_likelihood, soft.log_likelihood)


@given(cases(), st.permutations(TABLES), st.integers(0, 4))
def test_tables_do_not_depend_on_what_else_is_kept(case, kinds, count):
    every, some = run(case), run(case, keep=kinds[:count])
    for kind in kinds[:count]:
        close(some.kept[kind], every.kept[kind], 1e-13)
