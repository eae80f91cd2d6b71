"""The task of the mechanism: counts are left to chance, the theorem's head is right; features are as said."""

from __future__ import annotations

import json

import pytest

from hmmlib import ExactMaskedLM, draw_dataset, text_probs
from hmmlib.constructions import attention_head
from hmmlib.experiments import EXPERIMENTS, mechanism
from hmmlib.experiments.features import first_words, pair_shares, word_shares
from hmmlib.experiments.mechanism import MechanismConfig, mechanism_cell, ordered_task
from hmmlib.experiments.scoring import Scorer
from hmmlib.hmm import random_ordered_hmm
from hmmlib.sweeps import Workplace


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    (config,) = json.loads(json.dumps(MechanismConfig("smoke", seeds=(1,)).cells()))
    return mechanism_cell(config, Workplace("cpu", tmp_path_factory.mktemp("store")))


def test_every_rung_is_there(record):
    assert list(record["methods"]) == list(mechanism.METHODS)
    assert all(0 <= entry["test"] <= 1 for entry in record["methods"].values())
    assert 0 < record["certain_share"] <= 1
    assert all(divergence > 0 for divergence in record["certain_kl"].values())
    assert record["methods"]["exact_theorem"]["certain"] == 1
    assert record["pretraining"]["kl"] > 0
    assert json.loads(json.dumps(record)) == record


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_counts_are_left_to_chance_and_the_theorems_head_is_right(seed):
    (config,) = MechanismConfig(seeds=(seed,)).cells()
    model = random_ordered_hmm(2, generator=seed, **config["hmm"])
    task = ordered_task(model, seed)
    data = draw_dataset(task, generator=seed, sizes=(1500, 1, 500))
    score, V = Scorer(data), model.n_tokens
    for features in (word_shares, pair_shares, first_words):
        found = score.solved(features(data.train.tokens, V), features(data.test.tokens, V))
        assert found["test"] < 0.65
    blank = [
        text_probs(ExactMaskedLM(model), s.tokens, with_blanks=True)[:, 0] for s in (data.train, data.test)
    ]
    assert score.solved(*blank)["test"] < 0.6
    probs = text_probs(ExactMaskedLM(model), data.test.tokens)
    answers = attention_head(model, task.mu).labels(probs, data.test.tokens)
    assert score.answers(answers)["test"] > 0.97


def test_a_task_has_two_halves():
    assert sorted(ordered_task(random_ordered_hmm(2, 7, generator=1), 1).mu.tolist()) == [-1, 1]
    four = random_ordered_hmm(4, 10, generator=1, n_patterns=4)
    found = [ordered_task(four, seed).mu.tolist() for seed in range(8)]
    assert all(sorted(mu) == [-1, -1, 1, 1] for mu in found)
    assert len({tuple(mu) for mu in found}) > 1
    one = random_ordered_hmm(1, 7, generator=1)
    with pytest.raises(ValueError, match="model: expected at least 2 values of the memory, got 1"):
        ordered_task(one, 1)


def test_a_cell_says_all_of_its_hmm(tmp_path):
    (config,) = MechanismConfig("smoke", seeds=(1,)).cells()
    assert set(config) == {"preset", "n_values", "hmm", "seed", "scale", "pretraining"}
    with pytest.raises(ValueError, match=r"hmm: expected the entries .* got .*'width'"):
        mechanism_cell(config | {"hmm": config["hmm"] | {"width": 3}}, Workplace("cpu", tmp_path))


def test_the_preset_has_the_papers_vocabulary():
    assert {cell["hmm"]["n_tokens"] for cell in EXPERIMENTS["mechanism"].presets["laptop"].cells()} == {10}
