"""One network read in every way: the same network, texts and fits as in the experiment on memories."""

from __future__ import annotations

import json

import pytest
import torch

from hmmlib import blank_probs
from hmmlib.experiments import fine_tuning, memory_vs_vanilla, readings
from hmmlib.experiments.attention_heads import attention_heads
from hmmlib.experiments.figure3 import load_or_pretrain, point_model
from hmmlib.experiments.fine_tuning import FineTuningConfig
from hmmlib.experiments.memory_points import TOLD, memory_setting
from hmmlib.experiments.memory_vs_vanilla import MemoryVsVanillaConfig
from hmmlib.experiments.readings import ReadingsConfig
from hmmlib.experiments.scales import stored_scale
from hmmlib.lm import RememberedLM
from hmmlib.pretraining import PretrainingRecipe
from hmmlib.sweeps import Workplace
from hmmlib.tuning import tune_head


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def whole(folder):
    (config,) = MemoryVsVanillaConfig("smoke", ("memory",), (2,), (1,)).cells()
    return memory_vs_vanilla.memory_vs_vanilla_cell(config, Workplace("cpu", folder))


@pytest.fixture(scope="module")
def record(folder):
    sizes = tuple(MemoryVsVanillaConfig("smoke").cells()[0]["scale"]["sizes"])
    (config,) = ReadingsConfig("smoke", ("memory",), (2,), (1,), sizes).cells()
    return readings.readings_cell(json.loads(json.dumps(config)), Workplace("cpu", folder))


@pytest.mark.parametrize("reading", ["shown", "read off"])
def test_with_as_many_texts_the_fitted_head_is_that_of_the_experiment(record, whole, folder, reading):
    (config,) = MemoryVsVanillaConfig("smoke", ("memory",), (2,), (1,)).cells()
    scale, recipe = stored_scale(config, TOLD)
    setting, how = memory_setting(config, scale), scale.recipes(1)
    lm = RememberedLM(load_or_pretrain(setting.model, recipe, folder)[0])
    read = {"reading": reading, "masking": recipe.masking if reading == "read off" else None}
    name = {"shown": "learnt_attention", "read off": "read_off_attention"}[reading]

    fitted = tune_head(lm, setting.data, how["solved"], head="attention", progress=False, **read)
    assert record["methods"][f"{reading.replace(' ', '_')}_attention"] == setting.score.tuned(fitted)
    # There the head by the paper's recipe stands for election too.
    best, papers = attention_heads(lm, setting.data, how, **read)
    assert whole["methods"][name] == setting.score.tuned(best)
    assert whole["methods"][f"{name}_paper"] == setting.score.tuned(papers)
    losses = [min(step.validation_loss for step in one.history) for one in (best, fitted, papers)]
    assert losses[0] == min(losses[1:])


def test_the_experiments_share_network_and_methods(record, whole):
    assert list(record["methods"]) == list(readings.METHODS)
    assert record["pretraining"] == whole["pretraining"]


def test_the_models_are_shared_and_kl_is_of_the_same_positions(record, folder):
    assert len(list((folder / "models").glob("*.safetensors"))) == 1
    assert set(record["kl"]) == set(readings.READINGS)
    assert all(kl > 0 for kl in record["kl"].values())
    assert len(set(record["kl"].values())) == 3


def test_an_unknown_kind_is_refused(folder):
    (config,) = ReadingsConfig("smoke", ("memory",), (2,), (1,)).cells()
    with pytest.raises(ValueError, match="kinds: expected one of"):
        readings.readings_cell(config | {"kind": "long"}, Workplace("cpu", folder))


def test_fine_tuning_starts_from_the_network_of_the_experiment(folder, whole):
    configs = FineTuningConfig("smoke", (), (2,), (1,)).cells()
    (config,) = (config for config in configs if config["n_values"] == 2)
    assert config["experiment"] == "memory-vs-vanilla"
    found = fine_tuning.fine_tuning_cell(config, Workplace("cpu", folder))
    assert len(list((folder / "models").glob("*.safetensors"))) == 1
    assert found["pretraining"] == whole["pretraining"]
    assert found["methods"]["majority"] == whole["methods"]["majority"]
    assert found["clear_share"] == whole["clear_share"]
    # The network itself is left as it was.
    recipe = PretrainingRecipe.from_dict(config["pretraining"])
    lm, _ = load_or_pretrain(point_model(8, 2, 1), recipe, folder)
    texts = torch.zeros(2, 20, dtype=torch.long)
    assert not blank_probs(lm, texts).requires_grad


def test_fine_tuning_has_the_points_of_both_experiments():
    cells = FineTuningConfig().cells()
    assert len(cells) == 3 * (6 + 8)
    points = {(cell["experiment"], cell["n_states"], cell["n_values"]) for cell in cells}
    assert ("head-vs-prompt", 15, 0) in points
    assert {("memory-vs-vanilla", 28, 7), ("memory-vs-vanilla", 28, 0)} <= points
