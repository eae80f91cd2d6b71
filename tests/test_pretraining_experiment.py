"""Sweeps of pretrainings: recipes by name, records, and the files that the book reads."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from hmmlib import (
    MemoryHMM,
    PretrainingRecipe,
    evaluate,
    load_lm,
    posteriors,
    random_hmm,
    random_memory_hmm,
    sample_tokens,
)
from hmmlib.experiments import figure3, pretraining
from hmmlib.experiments.figure3 import checkpoint_name, load_or_pretrain, point_model, pretrain_point
from hmmlib.experiments.pretraining import TEST_SEED, PretrainingConfig, pretraining_cell
from hmmlib.experiments.shipped import READER_FILE, SHIPPED
from hmmlib.hmm import fingerprint, unigram_entropy
from hmmlib.pretraining import PRETRAINING_PRESETS, VARIANTS, draw_held_out, pretraining_preset
from hmmlib.pretraining.presets import VARIANT_ORDER
from hmmlib.pretraining.trainer import HELD_OUT_SEED
from hmmlib.sweeps import Workplace

RESULTS = Path(__file__).resolve().parents[1] / "book" / "results"
COMMITTED = sorted(RESULTS.glob("pretraining_*.json"))
SMALL = PretrainingConfig(preset="smoke", n_states=(4,), n_values=(2,), seeds=(1,), measure_every=30)


@pytest.fixture(scope="module", autouse=True)
def fewer_texts():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretraining, "TEST_TEXTS", 128)
        yield


def cell(folder, learning_rate=None, measure_every=30):
    """The record of a small cell."""
    asked = replace(SMALL, n_values=(), learning_rates=(learning_rate,), measure_every=measure_every)
    (config,) = asked.cells()
    return pretraining_cell(config, Workplace("cpu", folder))


def without_times(record):
    history = {name: column for name, column in record["history"].items() if name != "seconds"}
    return {name: value for name, value in record.items() if name != "seconds"} | {"history": history}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def record(folder):
    return cell(folder)


def test_a_cell_is_a_function_of_its_configuration(record, tmp_path):
    config = SMALL.cells()[0]
    again = pretraining_cell(json.loads(json.dumps(config)), Workplace("cpu", tmp_path))
    assert without_times(again) == without_times(record)
    assert json.loads(json.dumps(record)) == record
    assert (config["n_states"], config["recipe"]["seed"], config["texts"]["count"]) == (4, 1, 128)


def test_a_cell_learns_something(record):
    test = record["tests"]["0.05"]
    assert 0 < test["kl"] < record["unigram"] - test["bayes_floor"]
    assert test["cross_entropy"] == pytest.approx(test["bayes_floor"] + test["kl"], abs=0.2)
    assert record["history"]["step"] == [0, 30, 60]
    assert record["tokens"] == PRETRAINING_PRESETS["smoke"].n_tokens_seen


def test_the_saved_model_is_the_one_that_was_measured(record, tmp_path):
    file = tmp_path / "lm.safetensors"
    pretrain_point("smoke", "short texts first", 4, 0, 1, file)
    lm, about = load_lm(file)
    texts = draw_held_out(point_model(4, 0, 1), generator=TEST_SEED, n_texts=128, rate=0.05)
    assert evaluate(lm, texts).kl == pytest.approx(record["tests"]["0.05"]["kl"], abs=1e-6)
    assert (about["n_states"], about["seed"], about["preset"]) == (4, 1, "smoke")


def test_checkpoints_are_named_after_their_cells():
    (config,) = replace(SMALL, n_states=(), variants=("BERT's rule",)).cells()
    assert checkpoint_name(config) == "memory_8_seed_1_berts_rule.safetensors"
    assert checkpoint_name(SMALL.cells()[0]) == "vanilla_4_seed_1_short_texts_first.safetensors"


def test_groups_average_to_the_whole(record):
    for test in record["tests"].values():
        for name in ("by_position", "by_neighbours"):
            groups = test[name]
            mean = np.average(groups["kl"], weights=groups["blanks"])
            assert mean == pytest.approx(test["kl"], abs=1e-5)


def not_again(*_arguments, **_options):
    raise AssertionError("trained again")


def test_a_network_is_trained_once_for_this_and_the_experiments_that_start_from_it(
    record, folder, monkeypatch
):
    monkeypatch.setattr(figure3, "pretrain", not_again)
    recipe = pretraining_preset("smoke", 1)
    lm, told = load_or_pretrain(point_model(4, 0, 1), recipe, folder)
    history = {name: column for name, column in record["history"].items() if name != "seconds"}
    assert told["history"] == history
    texts = draw_held_out(point_model(4, 0, 1), generator=TEST_SEED, n_texts=128, rate=0.05)
    assert round(evaluate(lm, texts).kl, 6) == record["tests"]["0.05"]["kl"]
    # Whoever computes the cell again has the seconds of the training, too.
    assert cell(folder) == record


def test_a_network_left_by_others_is_measured_on_its_way_and_stays_the_same(record, tmp_path):
    recipe = pretraining_preset("smoke", 1)
    before, told = load_or_pretrain(point_model(4, 0, 1), recipe, tmp_path)
    assert told["history"]["step"] == [0, 60]
    assert without_times(cell(tmp_path)) == without_times(record)
    after, told = load_or_pretrain(point_model(4, 0, 1), recipe, tmp_path)
    assert told["history"]["step"] == [0, 30, 60]
    weights = after.state_dict()
    assert all(torch.equal(weights[name], weight) for name, weight in before.state_dict().items())
    assert len(list((tmp_path / "models").iterdir())) == 1


def test_another_learning_rate_is_another_training(record, tmp_path):
    other = cell(tmp_path, learning_rate=1e-4, measure_every=60)
    assert other["tests"]["0.05"]["kl"] > record["tests"]["0.05"]["kl"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "huge"}, "preset: expected one of .*'smoke'.* got 'huge'"),
        ({"variant": "faster"}, "variant: expected one of .* got 'faster'"),
        ({"n_values": 3}, "n_states: expected 4 for each of 3 values, got 4"),
    ],
)
def test_arguments_are_checked(tmp_path, changes, message):
    asked = {"preset": "smoke", "variant": "Muon", "n_states": 4, "n_values": 0, "seed": 1} | changes
    with pytest.raises(ValueError, match=message):
        pretrain_point(**asked, path=tmp_path / "lm.safetensors")
    assert not list(tmp_path.iterdir())


def test_points_are_those_of_the_figure():
    assert point_model(15, 0, 1).n_states == 15
    memory = point_model(20, 5, 1)
    assert isinstance(memory, MemoryHMM)
    assert (memory.n_values, memory.n_cells, memory.chain.n_states) == (5, 1, 20)


@pytest.mark.parametrize(("n_states", "n_values"), [(6, 0), (12, 3)])
def test_unigram_entropy_is_that_of_the_words_frequencies(n_states, n_values):
    model = point_model(n_states, n_values, 2)
    tokens = sample_tokens(model, 100_000, 65, generator=1)[:, 64]
    share = torch.bincount(tokens, minlength=10) / len(tokens)
    estimate = -torch.special.xlogy(share, share).sum().item()
    assert unigram_entropy(model) == pytest.approx(estimate, abs=0.005)
    exact = posteriors(model, tokens[:1, None].expand(1, 65), observed=torch.zeros(1, 65, dtype=torch.bool))
    distribution = exact.conditionals[0, 64]
    assert unigram_entropy(model) == pytest.approx(
        -torch.special.xlogy(distribution, distribution).sum().item(), abs=1e-9
    )


def test_the_ladder_leads_from_the_papers_choices_to_the_preset_one_change_at_a_time():
    ours, paper = pretraining_preset("laptop"), PRETRAINING_PRESETS["paper"]
    rungs = [VARIANTS[name](ours) for name in VARIANT_ORDER]
    assert rungs[-1] == ours
    assert rungs[0].masking == paper.masking
    assert (rungs[0].transformer.positions, rungs[0].transformer.norm) == ("learned", "post")
    assert (rungs[0].transformer.dropout, rungs[0].optimiser, rungs[0].corpus) == (0.1, "adamw", None)
    for before, after in pairwise(rungs):
        assert before != after
        assert before.n_tokens_seen == pytest.approx(after.n_tokens_seen, rel=0.01)
    assert rungs[-2] == replace(ours, stages=rungs[0].stages)


def test_three_times_as_long_changes_nothing_else():
    ours = pretraining_preset("laptop")
    longer = VARIANTS["three times as long"](ours)
    assert longer.n_tokens_seen == 3 * ours.n_tokens_seen
    assert replace(longer, stages=ours.stages) == ours
    assert [stage.length for stage in longer.stages] == [stage.length for stage in ours.stages]


def test_the_papers_recipe_is_three_epochs_of_its_corpus():
    paper = PRETRAINING_PRESETS["paper"]
    assert paper.n_tokens_seen == 3 * paper.corpus.n_documents * paper.corpus.document_length


def test_a_configuration_is_checked_when_it_is_made():
    with pytest.raises(ValueError, match="variant: expected one of"):
        PretrainingConfig(variants=("faster",))
    with pytest.raises(ValueError, match="preset: expected one of"):
        PretrainingConfig(preset="huge")


@pytest.mark.parametrize("file", COMMITTED, ids=lambda file: file.stem)
def test_committed_results_are_of_the_recipes_as_they_are(file):
    stored = json.loads(file.read_text(encoding="utf-8"))
    config = stored["config"]
    for name, recipe in config["recipes"].items():
        now = VARIANTS[name](pretraining_preset(config["preset"])).to_dict()
        assert json.loads(json.dumps(now)) == recipe, name
    asked = PretrainingConfig(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in config.items()
            if name != "recipes"
        }
    )
    assert json.loads(json.dumps(asked.asked())) == config
    found = [
        tuple(cell[name] for name in ("variant", "learning_rate", "n_states", "n_values", "seed"))
        for cell in stored["cells"]
    ]
    wanted = [
        tuple(cell[name] for name in ("variant", "learning_rate", "n_states", "n_values", "seed"))
        for cell in asked.cells()
    ]
    assert found == wanted
    assert stored["provenance"]["git"]["dirty"] is False


def test_shipped_models_are_as_good_as_they_say():
    folder = RESULTS.parent / "checkpoints"
    names = [checkpoint_name(cell) for cell in SHIPPED]
    assert sorted(file.name for file in folder.iterdir()) == sorted([*names, READER_FILE])
    for cell, name in zip(SHIPPED, names, strict=True):
        assert (folder / name).stat().st_size < 1_000_000
        lm, about = load_lm(folder / name)
        model = point_model(cell["n_states"], cell["n_values"], cell["seed"])
        assert {key: about[key] for key in cell} == cell
        # The very model that a reader draws beside it.
        drawn = (
            random_memory_hmm(cell["n_values"], 4, 10, generator=cell["seed"])
            if cell["n_values"]
            else random_hmm(cell["n_states"], 10, generator=cell["seed"])
        )
        assert fingerprint(model) == fingerprint(drawn)
        assert about["hmm"] == fingerprint(model)
        assert about["provenance"]["git"]["dirty"] is False
        recipe = VARIANTS[cell["variant"]](pretraining_preset("laptop", cell["seed"]))
        assert PretrainingRecipe.from_dict(about["recipe"]) == recipe
        found = evaluate(lm, draw_held_out(model, generator=HELD_OUT_SEED))
        assert found.kl == pytest.approx(about["kl"], rel=1e-3)
