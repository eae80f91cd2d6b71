"""The parameters of a model: taken in, given out, drawn at random; its stationary distribution."""

from __future__ import annotations

import copy
import pickle
from decimal import Context, Decimal

import numpy as np
import pytest
import torch

from hmmlib import HMM, posteriors, random_hmm, random_memory_hmm, sample_tokens
from hmmlib.hmm import REVIEW_STATES, REVIEW_WORDS, fingerprint, review_hmm
from hmmlib.hmm.random import tempered

INITIAL = np.array([0.9, 0.1])
TRANSITION = np.array([[0.7, 0.3], [0.2, 0.8]])
EMISSION = np.array([[0.6, 0.3, 0.1], [0.1, 0.1, 0.8]])


def small(**named):
    return HMM(INITIAL, TRANSITION, EMISSION, **named)


def close(first, second, tolerance=1e-14):
    np.testing.assert_allclose(np.asarray(first), np.asarray(second), atol=tolerance, rtol=0)


def softmax(values):
    weights = np.exp(values - values.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


# --- parameters ---


@pytest.mark.parametrize(
    "kind",
    [np.array, torch.tensor, lambda x: x.tolist(), np.asfortranarray, lambda x: np.flip(np.flip(x).copy())],
)
def test_parameters_are_kept_to_the_last_digit_however_they_are_given(kind):
    model = HMM(kind(INITIAL), kind(TRANSITION), kind(EMISSION))
    for part, given in ((model.initial, INITIAL), (model.transition, TRANSITION), (model.emission, EMISSION)):
        assert part.dtype == torch.float64
        np.testing.assert_array_equal(part.numpy(), given)


def test_sizes_and_places():
    model = small()
    assert (model.n_states, model.n_tokens) == (2, 3)
    assert model.device == torch.device("cpu")
    assert model.dtype == torch.float64


def test_integers_are_probabilities_too():
    model = HMM([1, 0], [[0, 1], [1, 0]], [[1], [1]])
    assert model.transition.tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_a_model_of_one_state_and_one_token():
    model = HMM([1.0], [[1.0]], [[1.0]])
    assert model.stationary().tolist() == [1.0]
    assert posteriors(model, [[0]]).log_likelihood.tolist() == [0.0]


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_changing_the_callers_array_later_has_no_effect(kind):
    given = [kind(part) for part in (INITIAL, TRANSITION, EMISSION)]
    model = HMM(*given)
    for part in given:
        part[...] = 0.5
    for part, expected in (
        (model.initial, INITIAL),
        (model.transition, TRANSITION),
        (model.emission, EMISSION),
    ):
        close(part, expected, 0)


def test_parameters_carry_no_gradients():
    model = HMM(torch.tensor(INITIAL, requires_grad=True), TRANSITION, EMISSION)
    assert not model.initial.requires_grad


@pytest.mark.parametrize("name", ["initial", "transition", "emission", "n_states", "dtype"])
def test_parameters_cannot_be_replaced(name):
    with pytest.raises(AttributeError):
        setattr(small(), name, None)


def test_read_only_arrays_are_taken_without_a_warning():
    given = INITIAL.copy()
    given.flags.writeable = False
    close(HMM(given, TRANSITION, EMISSION).initial, INITIAL)


def test_the_model_says_what_it_is():
    assert repr(small()) == "HMM(n_states=2, n_tokens=3)"
    assert repr(small(dtype=torch.float32)) == "HMM(n_states=2, n_tokens=3, dtype=torch.float32)"


@pytest.mark.parametrize("copy_of", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_hold_the_same_parameters(copy_of):
    model = copy_of(small())
    close(model.emission, EMISSION, 0)
    assert repr(model) == repr(small())


def test_to_another_type_and_back():
    model = random_hmm(12, generator=0)
    rough = model.to(dtype=torch.float32)
    assert rough.dtype == rough.initial.dtype == torch.float32
    close(rough.emission, model.emission, 1e-7)
    again = rough.to("cpu", torch.float64)
    assert again.dtype == torch.float64
    for part in (again.initial, again.transition, again.emission):
        close(part.sum(-1), torch.ones(part.shape[:-1]), 1e-15)


def test_to_nothing_else_is_a_model_of_the_same_kind():
    model = small(dtype=torch.float32).to()
    assert model.dtype == torch.float32
    close(model.transition, TRANSITION, 1e-7)


def hmm_of(seed):
    return random_hmm(15, generator=seed)


def memory_of(seed):
    return random_memory_hmm(3, generator=seed, n_cells=1 + seed % 2)


@pytest.mark.parametrize("draw", [hmm_of, memory_of])
@pytest.mark.parametrize("seed", range(30))
def test_to_where_it_is_changes_no_number(draw, seed):
    for model in (draw(seed), draw(seed).to(dtype=torch.float32)):
        names = {fingerprint(model)}
        for arguments in ((), ("cpu",), (torch.device("cpu"),), ("cpu", model.dtype), (None, model.dtype)):
            model = model.to(*arguments)  # a chain of them
            names.add(fingerprint(model))
        rebuilt = type(model)(model.initial, model.transition, model.emission, dtype=model.dtype)
        assert names == {fingerprint(rebuilt)}


@pytest.mark.parametrize("draw", [hmm_of, memory_of])
@pytest.mark.parametrize("seed", range(5))
def test_another_device_changes_no_number(draw, seed):
    # Torch takes this for another device than "cpu", so a copy is made.
    model = draw(seed)
    copied = model.to("cpu:0")
    assert copied is not model
    assert fingerprint(copied) == fingerprint(model)


@pytest.mark.parametrize("draw", [hmm_of, memory_of])
def test_to_another_type_rescales_once(draw):
    rough = draw(0).to(dtype=torch.float32)
    smooth = rough.to(dtype=torch.float64)
    for part in (smooth.transition, smooth.emission):
        close(part.sum(-1), torch.ones(part.shape[:-1]), 1e-15)
    assert fingerprint(smooth.to().to("cpu")) == fingerprint(smooth)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("n_tokens", [2, 10, 1000])
def test_rows_are_judged_by_the_type_that_they_come_in(dtype, n_tokens):
    random = torch.Generator().manual_seed(n_tokens)
    shapes = ((5,), (5, 5), (5, n_tokens))
    for _ in range(50):
        rows = [torch.randn(s, generator=random).softmax(-1).to(dtype) for s in shapes]
        model = HMM(*rows)
        for part, row in zip((model.initial, model.transition, model.emission), rows, strict=True):
            assert part.dtype == torch.float64
            close(part.sum(-1), torch.ones(part.shape[:-1]), 1e-15)
            close(part * row.double().sum(-1, keepdim=True), row.double(), 1e-15)
        close(model.with_initial(rows[0]).initial, model.initial, 0)
    with pytest.raises(ValueError, match=r"initial: sums to 0\.96\d*; expected 1 within"):
        HMM(rows[0] * 0.965, *rows[1:])


def test_double_rows_are_judged_as_such_whatever_is_made_of_them():
    with pytest.raises(ValueError, match=r"initial: sums to 1\.000001; expected 1 within 1e-08"):
        HMM([0.5, 0.500001], TRANSITION, EMISSION, dtype=torch.float32)


def test_whole_numbers_are_not_judged_leniently():
    assert HMM([1, 0], np.eye(2, dtype=int), np.eye(2, dtype=np.uint8)).dtype == torch.float64
    with pytest.raises(ValueError, match=r"transition: row 1: sums to 2; expected 1"):
        HMM([1, 0], [[1, 0], [1, 1]], np.eye(2))


def test_a_row_of_zeros_cannot_be_rescaled_and_nobody_says_so():
    with pytest.raises(ValueError, match=r"^emission: row 0: sums to 0; expected 1 within 1e-08$"):
        HMM(INITIAL, TRANSITION, [[0.0, 0.0], [0.5, 0.5]])


def test_with_initial_changes_only_the_start():
    model = small()
    other = model.with_initial([0.25, 0.75])
    close(other.initial, [0.25, 0.75], 0)
    close(model.initial, INITIAL, 0)
    close(other.transition, TRANSITION, 0)
    close(other.emission, EMISSION, 0)
    assert model.to(dtype=torch.float32).with_initial([0.25, 0.75]).dtype == torch.float32
    with pytest.raises(ValueError, match=r"initial: sums to 0\.7"):
        model.with_initial([0.2, 0.5])


# --- the stationary distribution ---


@pytest.mark.parametrize("seed", range(5))
def test_the_stationary_law_of_a_random_chain_is_its_left_eigenvector(seed):
    transition = np.random.default_rng(seed).dirichlet(np.full(7, 0.3), 7)
    values, vectors = np.linalg.eig(transition.T)
    distribution = np.real(vectors[:, np.argmin(abs(values - 1))])
    close(
        HMM(np.full(7, 1 / 7), transition, np.ones((7, 1))).stationary(),
        distribution / distribution.sum(),
        1e-12,
    )


@pytest.mark.parametrize(("n_states", "seed"), [(4, 0), (10, 1), (30, 2)])
def test_the_papers_chains_have_the_uniform_stationary_law(n_states, seed):
    close(random_hmm(n_states, generator=seed).stationary(), np.full(n_states, 1 / n_states), 1e-12)


def law_of(transition):
    transition = np.asarray(transition, dtype=float)
    size = len(transition)
    return HMM(np.full(size, 1 / size), transition, np.ones((size, 1))).stationary()


def test_a_nearly_decomposable_chain_has_its_law_to_full_precision():
    e = 1e-40
    # Two pairs, joined by e one way and 3e the other: three quarters of the time in the first pair.
    distribution = law_of(
        [[0.5, 0.5, 0, 0], [0.5, 0.5 - e, e, 0], [0, 3 * e, 0.25 - 3 * e, 0.75], [0, 0, 0.75, 0.25]]
    )
    close(distribution, [0.375, 0.375, 0.125, 0.125], 1e-14)


def test_a_periodic_chain_has_a_stationary_law():
    close(law_of(np.eye(5)[[1, 2, 3, 4, 0]]), np.full(5, 0.2))
    close(law_of([[0, 1, 0], [0.5, 0, 0.5], [0, 1, 0]]), [0.25, 0.5, 0.25])


def test_transient_states_have_no_mass():
    close(law_of([[0.5, 0.5, 0], [0, 0.2, 0.8], [0, 0.4, 0.6]]), [0, 1 / 3, 2 / 3])
    close(law_of([[0, 1, 0], [0, 0, 1], [0, 0, 1]]), [0, 0, 1])
    # Whatever their place among the states.
    close(law_of([[0.6, 0.4, 0], [0.8, 0.2, 0], [0, 0.5, 0.5]]), [2 / 3, 1 / 3, 0])


def test_a_chain_that_drifts_by_more_than_doubles_can_hold_has_a_law():
    # A ladder that is climbed for certain, nearly: each rung is 1e40 times likelier than the one below.
    size, e = 10, 1e-40
    ladder = np.diag(np.full(size - 1, 1 - e), 1) + np.diag(np.full(size - 1, e), -1)
    ladder[0, 0], ladder[-1, -1] = e, 1 - e
    with np.errstate(under="ignore"):
        close(law_of(ladder), np.eye(size)[-1])
        close(law_of(ladder[::-1, ::-1]), np.eye(size)[0])


@pytest.mark.parametrize(
    ("transition", "listing"),
    [
        (np.eye(3), "3 closed classes of states, {0}, {1}, {2}"),
        ([[1, 0, 0], [0.3, 0.3, 0.4], [0, 0, 1]], "2 closed classes of states, {0}, {2}"),
        (
            [[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0.5, 0.5, 0, 0]],
            "2 closed classes of states, {0, 2}, {1}",
        ),
    ],
)
def test_several_closed_classes_are_listed(transition, listing):
    with pytest.raises(ValueError, match=r"^transition: ") as error:
        law_of(transition)
    assert listing in str(error.value)


def test_the_stationary_law_keeps_type():
    assert small(dtype=torch.float32).stationary().dtype == torch.float32


def test_started_from_it_the_chain_stays_in_its_stationary_law():
    model = small()
    model = model.with_initial(model.stationary())
    blank = posteriors(model, [[0] * 9], observed=[[False] * 9])
    close(blank.smoothed[0], model.initial.expand(9, 2))


# --- hmmlearn ---


def test_a_round_trip_through_hmmlearn_changes_nothing():
    pytest.importorskip("hmmlearn")
    model = random_hmm(5, generator=3)
    again = HMM.from_hmmlearn(model.to_hmmlearn())
    for name in ("initial", "transition", "emission"):
        close(getattr(again, name), getattr(model, name), 0)


def test_hmmlearn_samples_and_scores_the_model():
    pytest.importorskip("hmmlearn")
    model = small()
    other = model.to_hmmlearn()
    tokens, _ = other.sample(20, random_state=0)
    assert other.score(tokens) == pytest.approx(float(posteriors(model, tokens.T).log_likelihood))


def test_texts_in_hmmlearns_layout_are_read_as_from_hmmlearn_says():
    pytest.importorskip("hmmlearn")
    other = random_hmm(4, 5, generator=0, emission_temperature=1.0).to_hmmlearn()
    model = HMM.from_hmmlearn(other)
    found, _ = other.sample(9, random_state=0)
    close(posteriors(model, found.T).log_likelihood, [other.score(found)], 1e-10)
    lengths = [2, 4, 3]
    rows = np.split(found[:, 0], np.cumsum(lengths)[:-1])
    padded = np.array([np.pad(row, (0, 4 - len(row))) for row in rows])
    total = posteriors(model, padded, lengths=lengths).log_likelihood.sum()
    close(total, other.score(found, lengths), 1e-10)


def test_what_hmmlearn_does_to_its_model_does_not_reach_back():
    pytest.importorskip("hmmlearn")
    model = small()
    other = model.to_hmmlearn()
    for table in (other.startprob_, other.transmat_, other.emissionprob_):
        table[...] = 7.0
    close(model.initial, INITIAL, 0)
    close(model.transition, TRANSITION, 0)
    close(model.emission, EMISSION, 0)


def test_a_model_of_hmmlearn_that_was_not_fitted_is_refused():
    hmm = pytest.importorskip("hmmlearn.hmm")
    with pytest.raises(
        TypeError, match=r"^model: expected a fitted CategoricalHMM, CategoricalHMM lacks startprob_"
    ):
        HMM.from_hmmlearn(hmm.CategoricalHMM(n_components=2))


def test_a_float32_model_goes_to_hmmlearn_in_float64():
    pytest.importorskip("hmmlearn")
    assert small(dtype=torch.float32).to_hmmlearn().transmat_.dtype == np.float64


# --- random models ---


@pytest.mark.parametrize(
    ("n_states", "n_tokens", "seed"), [(4, 10, 0), (10, 10, 1), (30, 10, 2), (3, 2, 3), (1, 1, 4)]
)
def test_a_seed_gives_the_model_of_the_released_code(n_states, n_tokens, seed):
    # Drawn again here in the stated order: initial distribution, mixture weights, permutations, emission.
    random = np.random.RandomState(seed)
    initial = softmax(random.uniform(size=n_states) / 10)
    weights = softmax(random.uniform(size=n_states) / 0.01)
    transition = sum(w * np.eye(n_states)[random.permutation(n_states)] for w in weights)
    emission = softmax(random.uniform(size=(n_states, n_tokens)) / 0.01)
    model = random_hmm(n_states, n_tokens, generator=seed)
    close(model.initial, initial, 1e-15)
    close(model.transition, transition, 1e-13)
    close(model.emission, emission, 1e-13)


def test_a_seed_gives_the_same_model_to_the_last_bit_on_every_processor():
    assert fingerprint(random_hmm(15, 10, generator=1))[:16] == "63f507a054cdb444"
    assert fingerprint(random_hmm(30, 10, generator=20))[:16] == "d691fdf31dee4c53"
    assert fingerprint(random_memory_hmm(5, 4, 10, generator=1))[:16] == "a63dc842ddd4571a"


def test_weights_are_correctly_rounded():
    scores = np.random.RandomState(0).uniform(-1, 0, size=(1, 3000))
    scores[0, 0] = 0.0  # the largest: the exponent of every other score is the score over the temperature
    digits = Context(prec=60)
    for temperature in (0.01, 10.0):
        exact = [float(digits.exp(Decimal(value))) for value in (scores[0] / temperature).tolist()]
        weights = np.array([exact])
        np.testing.assert_array_equal(
            tempered(scores, temperature, "temperature"), weights / weights.sum(-1, keepdims=True)
        )


def test_the_stream_of_numpys_frozen_generator_has_not_changed():
    model = random_hmm(4, generator=0)
    close(
        model.initial[:2], softmax(np.array([0.5488135, 0.71518937, 0.60276338, 0.54488318]) / 10)[:2], 1e-9
    )


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_the_chain_is_a_mixture_of_that_many_permutations(count):
    model = random_hmm(5, generator=1, n_permutations=count, transition_temperature=10.0)
    close(model.transition.sum(0), np.ones(5))
    close(model.transition.sum(1), np.ones(5))
    if count == 1:
        assert set(model.transition.unique().tolist()) == {0.0, 1.0}
    assert float((model.transition > 0).sum(1).max()) <= count
    # The next draw of the stream is the emission, wherever the permutations ended.
    random = np.random.RandomState(1)
    random.uniform(size=5)
    random.uniform(size=count)
    for _ in range(count):
        random.permutation(5)
    close(model.emission, softmax(random.uniform(size=(5, 10)) / 0.01), 1e-13)


def test_temperatures_go_where_they_belong():
    hot = {"initial": 1e9, "transition": 1e9, "emission": 1e9}
    for name in hot:
        named = {f"{kind}_temperature": value if kind == name else 1e-6 for kind, value in hot.items()}
        model = random_hmm(6, 4, generator=0, **named)
        flat = {
            "initial": float(model.initial.max()) < 0.2,
            "transition": float(model.transition.max()) < 0.9,
            "emission": float(model.emission.max()) < 0.3,
        }
        assert [kind for kind, value in flat.items() if value] == [name]


def test_a_generator_of_numpy_is_advanced():
    random = np.random.RandomState(3)
    first, second = (random_hmm(4, generator=random) for _ in range(2))
    close(first.emission, random_hmm(4, generator=3).emission, 0)
    assert not torch.equal(first.emission, second.emission)


def test_numpys_own_generator_is_left_alone():
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    random_hmm(4, generator=0)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_extreme_temperatures_give_distributions():
    for temperature in (1e-12, 1e-3, 1e12):
        model = random_hmm(
            6, generator=0, transition_temperature=temperature, emission_temperature=temperature,
            initial_temperature=temperature,
        )  # fmt: skip
        assert bool(torch.isfinite(model.emission).all())
        assert bool(
            torch.isfinite(posteriors(model, sample_tokens(model, 3, 20, generator=0)).conditionals).all()
        )


# --- the running example ---


def test_the_reviews_have_independent_columns_until_others_are_quoted():
    model, quoting = review_hmm(), review_hmm(quotes=True)
    assert int(torch.linalg.matrix_rank(model.emission)) == model.n_states == 3
    assert int(torch.linalg.matrix_rank(quoting.emission)) == 3
    close(quoting.emission[:3], model.emission, 0)
    close(quoting.emission[3], (model.emission[1] + model.emission[2]) / 2, 1e-15)
    assert len(REVIEW_STATES) == quoting.n_states
    assert len(REVIEW_WORDS) == quoting.n_tokens == model.n_tokens
    for tables in (model, quoting):
        for table in (tables.initial, tables.transition, tables.emission):
            close(table * 10, (table * 10).round(), 1e-15)


def test_quotes_are_a_yes_or_no():
    with pytest.raises(TypeError, match=r"^quotes: expected True or False, got 1$"):
        review_hmm(quotes=1)
