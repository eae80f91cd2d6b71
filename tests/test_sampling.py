"""Sampled text follows the model's distribution, and a seed determines it."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from hmmlib import HMM, MemoryHMM, posteriors, random_hmm, random_memory_hmm, sample, sample_tokens
from hmmlib.hmm import _alias, sampling
from hmmlib.hmm._alias import AliasTable
from hmmlib.hmm.random import tempered

_random = np.random.default_rng(0)
MODEL = HMM(_random.dirichlet(np.ones(3)), _random.dirichlet(np.ones(3), 3), _random.dirichlet(np.ones(4), 3))
MEMORY = random_memory_hmm(
    2,
    2,
    4,
    generator=1,
    n_cells=2,
    emission_temperature=0.5,
    transition_temperature=0.5,
    initial_temperature=0.5,
)
BOTH = pytest.mark.parametrize("model", [MODEL, MEMORY], ids=["HMM", "MemoryHMM"])


def law_of(table):
    """The distributions that an alias table draws from."""
    keep, alias = (part.numpy().reshape(-1, table.n) for part in (table._keep, table._alias))
    distribution = keep / table.n
    for row in range(len(distribution)):
        np.add.at(distribution[row], alias[row], (1 - keep[row]) / table.n)
    return distribution


def fits(counts, probabilities):
    """Whether counts are plausible, at a level that a right sampler fails once in 10,000 draws."""
    counts, probabilities = np.asarray(counts, dtype=float), np.asarray(probabilities, dtype=float)
    assert counts[probabilities == 0].sum() == 0
    positive = probabilities > 0
    expected = probabilities[positive] / probabilities[positive].sum() * counts.sum()
    return chisquare(counts[positive], expected).pvalue > 1e-4


# --- alias tables ---

ROWS = {
    "one outcome": [[1.0]],
    "two": [[0.5, 0.5], [0.25, 0.75], [0.0, 1.0], [1.0, 0.0]],
    "thirds": [[1 / 3, 1 / 3, 1 / 3], [0.1, 0.2, 0.7], [0.0, 0.0, 1.0]],
    "zeros": [[0.0, 0.5, 0.0, 0.0, 0.5, 0.0, 0.0], [0.0, 1 / 3, 1 / 3, 0.0, 0.0, 1 / 3, 0.0]],
    "tiny": [[1e-300, 1 - 1e-12, 1e-12], [1e-44, 0.5, 0.5]],
}


@pytest.mark.parametrize("name", ROWS)
def test_an_alias_table_holds_exactly_the_given_probabilities(name):
    rows = np.array(ROWS[name])
    np.testing.assert_allclose(law_of(AliasTable(torch.tensor(rows))), rows, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 10, 30, 101, 1000])
def test_alias_tables_of_random_rows_are_exact(n):
    random = np.random.default_rng(n)
    rows = np.concatenate([random.dirichlet(np.full(n, alpha), 5) for alpha in (0.05, 1.0, 50.0)])
    rows = np.concatenate([rows, np.full((1, n), 1 / n), np.eye(n)[:1]])
    np.testing.assert_allclose(law_of(AliasTable(torch.tensor(rows))), rows, atol=1e-12)


@pytest.mark.parametrize("model", [random_hmm(30, generator=0), MEMORY], ids=repr)
def test_alias_tables_of_the_papers_models_are_exact(model):
    for rows in (model.initial.reshape(1, -1), model.transition, model.chain.emission):
        np.testing.assert_allclose(law_of(AliasTable(rows)), rows, atol=1e-12)


def vose(row):
    """The algorithm as textbooks have it, one outcome at a time."""
    n = len(row)
    left, keep, alias = row * (n / row.sum()), np.ones(n), np.arange(n)
    small, large = ([j for j in range(n) if (left[j] < 1) == low] for low in (True, False))
    while small and large:
        j, k = small.pop(), large[-1]
        keep[j], alias[j] = left[j], k
        left[k] -= 1 - left[j]
        if left[k] < 1:
            small.append(large.pop())
    return keep, alias


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 13, 40, 300])
@pytest.mark.parametrize("alpha", [0.001, 0.05, 1.0, 50.0, 1e6])
def test_alias_tables_are_the_textbooks_to_the_last_bit(n, alpha):
    random = np.random.default_rng(n)
    rows = np.concatenate([tempered(random.random((20, n)), 1 / alpha, "t"), np.full((1, n), 1 / n)])
    table = AliasTable(torch.from_numpy(rows))
    for row, keep, alias in zip(rows, table._keep.view(-1, n), table._alias.view(-1, n), strict=True):
        expected = vose(row)
        assert keep.numpy().tobytes() == expected[0].tobytes()
        assert alias.tolist() == expected[1].tolist()


@pytest.mark.parametrize("batch", [1, 2, 50])
def test_a_walk_accepts_its_proposals_one_by_one(batch):
    table = AliasTable(MEMORY.transition)
    state = torch.arange(batch) % 4
    found, end = table.walk(state, 20, torch.Generator().manual_seed(0))
    guess, coin = table.propose((20, batch), torch.Generator().manual_seed(0))
    for t in range(20):
        assert torch.equal(found[t], state)
        state = table.accept(state, guess[t], coin[t])
    assert torch.equal(end, state)


@BOTH
def test_tables_are_made_once_for_a_model(model, monkeypatch):
    sample_tokens(model, 1, 2, generator=0)
    monkeypatch.setattr(_alias, "_fill", None)
    sample_tokens(model, 3, 4, generator=0)


@pytest.mark.parametrize("n", [2, 3, 7, 30])
def test_an_outcome_of_probability_zero_is_never_drawn(n):
    # Where rounding could leave it over: many zeros beside equal shares.
    random = np.random.default_rng(n)
    rows = (random.random((200, n)) < 0.4) | np.eye(n, dtype=bool)[random.integers(n, size=200)]
    rows = rows / rows.sum(-1, keepdims=True)
    table = AliasTable(torch.tensor(rows))
    assert law_of(table)[rows == 0].max() == 0
    # Nor by a coin of exactly 0.
    row = torch.arange(200).repeat_interleave(n)
    drawn = table.accept(row, torch.arange(n).repeat(200), torch.zeros(200 * n, dtype=torch.float64))
    assert rows[row, drawn].min() > 0


def test_a_row_that_sums_to_one_only_nearly_is_rescaled():
    np.testing.assert_allclose(law_of(AliasTable(torch.tensor([[0.3, 0.7 + 1e-9]]))).sum(), 1, atol=1e-14)


def test_proposals_and_coins_are_uniform_and_in_range():
    guess, coin = AliasTable(torch.full((1, 7), 1 / 7)).propose((70_000,), torch.Generator().manual_seed(0))
    assert int(guess.min()) == 0
    assert int(guess.max()) == 6
    assert 0 <= float(coin.min()) <= float(coin.max()) < 1
    assert fits(torch.bincount(guess, minlength=7), np.full(7, 1 / 7))
    assert fits(np.histogram(coin, 20, (0, 1))[0], np.full(20, 0.05))
    assert abs(np.corrcoef(guess, coin)[0, 1]) < 0.02


def test_a_seed_gives_the_text_that_it_has_always_given():
    # Shares of whole numbers, which every processor rounds alike.
    random = np.random.RandomState(0)
    counts = [random.randint(1, 100, shape) for shape in ((9,), (9, 9), (9, 7))]
    found = sample(HMM(*(n / n.sum(-1, keepdims=True) for n in counts)), 3, 400, generator=5)
    counts = [random.randint(1, 100, shape) for shape in ((12,), (4, 4), (12, 7))]
    initial, transition, emission = (n / n.sum(-1, keepdims=True) for n in counts)
    memory = MemoryHMM(initial.reshape(3, 1, 4), transition, emission.reshape(3, 1, 4, 7))
    names = []
    for part in (found, sample(memory, 3, 400, generator=5)):
        names.append(hashlib.sha256(b"".join(table.numpy().tobytes() for table in part)).hexdigest()[:16])
    assert names == ["8967b2e5450e5821", "2e86a9eba76e52de"]


# --- the distribution of the text ---


@pytest.fixture(scope="module")
def drawn():
    return sample(MODEL, 50_000, 4, generator=3)


@pytest.mark.parametrize("t", range(4))
def test_states_at_each_position_follow_the_law_of_the_chain(drawn, t):
    distribution = MODEL.initial @ torch.linalg.matrix_power(MODEL.transition, t)
    assert fits(torch.bincount(drawn.states[:, t], minlength=3), distribution)


@pytest.mark.parametrize("t", range(3))
@pytest.mark.parametrize("state", range(3))
def test_steps_follow_the_transition_matrix(drawn, t, state):
    following = drawn.states[drawn.states[:, t] == state, t + 1]
    assert fits(torch.bincount(following, minlength=3), MODEL.transition[state])


@pytest.mark.parametrize("t", range(4))
@pytest.mark.parametrize("state", range(3))
def test_tokens_follow_the_emission_of_their_state(drawn, t, state):
    words = drawn.tokens[drawn.states[:, t] == state, t]
    assert fits(torch.bincount(words, minlength=4), MODEL.emission[state])


@BOTH
@pytest.mark.parametrize("block", [None, 1, 40_000, 100_001])
def test_whole_texts_have_the_frequency_of_their_likelihood(monkeypatch, model, block):
    # Every one of the 4³ texts; blocks of one step, of two and of three give the same distribution.
    if block is not None:
        monkeypatch.setattr(sampling, "_BLOCK_TOKENS", block)
    tokens = sample_tokens(model, 40_000, 3, generator=17)
    texts = torch.cartesian_prod(*[torch.arange(4)] * 3)
    likelihood = posteriors(model, texts, keep=()).log_likelihood.exp()
    index = (tokens * torch.tensor([16, 4, 1])).sum(-1)
    assert fits(torch.bincount(index, minlength=64), likelihood)


def test_long_text_visits_states_as_often_as_the_stationary_law_says():
    found = sample(MODEL, 20, 5_000, generator=4)
    share = torch.bincount(found.states.flatten(), minlength=3) / found.states.numel()
    assert float((share - MODEL.stationary()).abs().max()) < 0.02


def test_rows_are_independent():
    found = sample_tokens(MODEL.with_initial(MODEL.stationary()), 400, 250, generator=8)
    agree = float((found[:200] == found[200:]).double().mean())
    distribution = MODEL.stationary() @ MODEL.emission
    assert agree == pytest.approx(float(distribution @ distribution), abs=0.015)


def test_a_deterministic_model_writes_its_one_text():
    model = HMM([0.0, 1, 0], [[0.0, 1, 0], [0, 0, 1], [1, 0, 0]], np.eye(3))
    found = sample(model, 4, 7, generator=0)
    assert found.tokens.tolist() == [[1, 2, 0, 1, 2, 0, 1]] * 4
    assert found.states.tolist() == found.tokens.tolist()
    assert found.content.tolist() == [0] * 4


@pytest.mark.parametrize("seed", range(5))
def test_sampled_text_is_possible(seed):
    model = random_hmm(6, generator=seed, emission_temperature=5e-4, transition_temperature=5e-4)
    found = sample(model, 50, 50, generator=seed)
    assert float(model.emission[found.states, found.tokens].min()) > 0
    assert float(model.transition[found.states[:, :-1], found.states[:, 1:]].min()) > 0
    assert bool(torch.isfinite(posteriors(model, found.tokens, keep=()).log_likelihood).all())


# --- shapes and seeds ---


@BOTH
def test_shapes_and_types(model):
    found = sample(model, 5, 7, generator=0)
    assert found.tokens.shape == found.states.shape == (5, 7)
    assert found.content.shape == (5,)
    assert all(part.dtype == torch.int64 for part in found)
    assert int(found.tokens.min()) >= 0
    assert int(found.tokens.max()) < 4
    assert int(found.content.max()) < model.chain.initial.shape[0]
    assert sample_tokens(model, np.int64(1), 1, generator=np.int32(0)).shape == (1, 1)


@BOTH
def test_the_text_is_the_same_with_and_without_states(model):
    assert torch.equal(sample(model, 6, 30, generator=5).tokens, sample_tokens(model, 6, 30, generator=5))


@BOTH
def test_the_text_is_the_same_with_and_without_states_across_blocks(monkeypatch, model):
    monkeypatch.setattr(sampling, "_BLOCK_TOKENS", 20)
    assert torch.equal(sample(model, 6, 30, generator=5).tokens, sample_tokens(model, 6, 30, generator=5))


@BOTH
def test_a_seed_determines_the_text_and_another_changes_it(model):
    first, again, other = (sample_tokens(model, 6, 30, generator=seed) for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_int_is_the_seed_of_a_generator():
    assert torch.equal(
        sample_tokens(MODEL, 3, 9, generator=7),
        sample_tokens(MODEL, 3, 9, generator=torch.Generator().manual_seed(7)),
    )


def test_a_generator_is_advanced():
    generator = torch.Generator().manual_seed(7)
    first, second = (sample_tokens(MODEL, 3, 30, generator=generator) for _ in range(2))
    assert not torch.equal(first, second)


def test_torchs_and_numpys_own_generators_are_left_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    sample(MODEL, 3, 30, generator=1)
    posteriors(MODEL, sample_tokens(MODEL, 2, 5, generator=2))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_float32_model_is_sampled():
    assert sample_tokens(MODEL.to(dtype=torch.float32), 3, 9, generator=0).shape == (3, 9)


def test_a_given_memory_is_what_the_text_is_written_from():
    given = torch.arange(20_000) % 4
    drawn = sample(MEMORY, 20_000, 3, generator=3, memory=given)
    assert torch.equal(drawn.content, given)
    assert torch.equal(drawn.tokens, sample_tokens(MEMORY, 20_000, 3, generator=3, memory=given.tolist()))
    first = MEMORY.chain.initial / MEMORY.chain.initial.sum(1, keepdim=True)
    for content in range(4):
        inside = given == content
        seen = torch.bincount(drawn.states[inside, 0], minlength=MEMORY.chain.initial.shape[1])
        assert chisquare(seen, 5000 * first[content]).pvalue > 1e-4
        texts = drawn.tokens[inside] @ torch.tensor([16, 4, 1])
        given_it = HMM(
            first[content], MEMORY.transition, MEMORY.chain.emission[MEMORY.chain.columns[content]]
        )
        every = torch.cartesian_prod(*[torch.arange(4)] * 3)
        law = posteriors(given_it, every).log_likelihood.exp()
        assert chisquare(torch.bincount(texts, minlength=64), 5000 * law).pvalue > 1e-4


@pytest.mark.parametrize(
    ("model", "memory", "kind", "message"),
    [
        (MODEL, [0, 0], TypeError, "memory: the model has no memory"),
        (MEMORY, [0.0, 1.0], TypeError, "memory: expected integers"),
        (MEMORY, [0, 1, 2], ValueError, r"memory: expected shape \(2,\), one content each, got \(3,\)"),
        (MEMORY, [0, 4], ValueError, "memory: expected contents 0 … 3 of positive probability, row 1 is 4"),
        (MEMORY, [-1, 0], ValueError, "memory: .* row 0 is -1"),
    ],
)
def test_a_memory_that_cannot_be_is_named(model, memory, kind, message):
    with pytest.raises(kind, match=message):
        sample(model, 2, 5, generator=0, memory=memory)


def test_a_memory_of_probability_zero_is_named():
    initial = MEMORY.initial
    initial[0, 1] = 0
    model = MemoryHMM(initial / initial.sum(), MEMORY.transition, MEMORY.emission)
    with pytest.raises(ValueError, match="of positive probability, row 1 is 1"):
        sample(model, 2, 5, generator=0, memory=[0, 1])
