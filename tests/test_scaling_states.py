"""The sweep over states: worlds, classes, each kind of model, errors."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hmmlib.experiments import EXPERIMENTS, scaling_states
from hmmlib.experiments.sentence_models import ARMS, train_model, word_classes
from hmmlib.experiments.sentence_worlds import KING_JAMES, SYNTHETIC, sentence_world
from hmmlib.sweeps import Workplace
from hmmlib.words import perplexity

WORLD = {**SYNTHETIC, "states_per_class": 4, "words_per_class": 4, "held_sentences": 30}


def cell(model, words=480, world=WORLD):
    named = {"preset": "small", "source": "synthetic", "words": words, "arm": "one", "seed": 1}
    return {**named, "world": world, "model": model}


def small(model):
    """The same model with few states and epochs."""
    changes = {"n_states": 16, "max_iterations": 3} if model["kind"] == "em" else {"n_states": 16}
    if "recipe" in model:
        changes["recipe"] = {**model["recipe"], "epochs": 2}
    return {name: changes.get(name, value) for name, value in model.items()}


@pytest.mark.parametrize("arm", ["source", "kneser_ney_2", "em_256", "em_256_random", "neural_256_dropout"])
def test_every_kind_of_model_is_trained_and_measured(arm, tmp_path):
    config = cell(small(ARMS["synthetic"][arm]))
    scaling_states.check_cell(config)
    record = scaling_states.scaling_states_cell(config, Workplace("cpu", tmp_path))
    assert record["read"] == {"train": 480, "validation": 720, "test": 720}
    assert record["n_tokens"] == 32
    assert 1 < record["exact"] < 32
    assert record["n_parameters"] > 0
    if arm == "source":
        assert record["perplexity"]["test"] == record["exact"]
    if record["history"]:
        assert record["history"][record["best"] - 1] == min(record["history"])
        assert record["perplexity"]["validation"] == pytest.approx(min(record["history"]), rel=1e-4)


def test_the_lstm_is_trained_too(tmp_path):
    model = {**small(ARMS["king_james"]["lstm"]), "width": 8}
    record = scaling_states.scaling_states_cell(cell(model), Workplace("cpu", tmp_path))
    assert 1 < record["perplexity"]["test"] < 40


def test_more_words_begin_with_fewer_and_the_held_ones_stay():
    few, many = (sentence_world(WORLD, words, 1) for words in (480, 960))
    assert few.test.tokens.tolist() == many.test.tokens.tolist()
    assert len(many.train.lengths) == 2 * len(few.train.lengths) == 40
    other = sentence_world(WORLD, 480, 2)
    assert other.test.tokens.tolist() != few.test.tokens.tolist()
    for a, b in ((few.train, few.validation), (few.validation, few.test)):
        assert a.tokens[:20].tolist() != b.tokens[:20].tolist()


def test_a_part_of_the_bible_is_a_world():
    world = sentence_world({**KING_JAMES, "share": 0.02}, 0, 1)
    assert world.source is None
    assert world.train.n_tokens < world.test.n_tokens
    with pytest.raises(ValueError, match=r"words: expected 0, as world\.share says how much is read"):
        sentence_world(KING_JAMES, 100, 1)
    with pytest.raises(ValueError, match="classes: expected a source with 8 classes of its own, it has none"):
        word_classes("true", 8, world, 1)


def test_random_classes_have_equal_sizes_and_true_ones_are_the_sources():
    world = sentence_world(WORLD, 480, 1)
    assert word_classes("random", 8, world, 1).bincount().tolist() == [4] * 8
    assert word_classes("true", 8, world, 1).tolist() == world.source.classes.tolist()
    with pytest.raises(ValueError, match="classes: expected a source with 4 classes of its own, it has 8"):
        word_classes("true", 4, world, 1)
    with pytest.raises(ValueError, match="classes: expected true, exchange or random, got 'alphabetical'"):
        word_classes("alphabetical", 8, world, 1)


def test_counts_of_a_fixed_text_have_one_seed():
    cells = EXPERIMENTS["scaling-states"].presets["king-james"].cells()
    seeds = {}
    for config in cells:
        seeds.setdefault(config["arm"], []).append(config["seed"])
    assert seeds["kneser_ney_3"] == [1]
    assert seeds["em_1024"] == [1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="arms: expected some of source, kneser_ney_2"):
        replace(EXPERIMENTS["scaling-states"].presets["synthetic"], arms=("em_3",))


def test_the_source_is_the_best_that_can_be():
    world = sentence_world(WORLD, 4800, 3)
    assert world.source is not None
    least = perplexity(world.source, world.test)
    fit = train_model(small(ARMS["synthetic"]["em_256"]), world, 0)
    assert least < perplexity(fit.model, world.test)
    assert torch.equal(world.train.lengths, torch.full((200,), 24))
