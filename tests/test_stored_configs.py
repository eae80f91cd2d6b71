"""A cell is computed from its stored configuration, and keeps its name, whatever becomes of presets."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from awaited import AWAITED

from hmmlib.experiments import (
    EXPERIMENTS,
    exact_prompts,
    fact_worlds,
    frozen_size,
    half_trained,
    noise_judges,
    pre_memorization,
    pretraining,
    process_structure,
    reference_decoding,
    scaling_states,
    span_worlds,
    word_error_training,
)
from hmmlib.experiments.scales import DOWNSTREAM_SCALES, DownstreamScale
from hmmlib.pretraining import PRETRAINING_PRESETS, PretrainingRecipe, Stage
from hmmlib.sweeps import CellStore, Workplace, cell_hash, collect
from hmmlib.sweeps.experiment import split

ROOT = Path(__file__).resolve().parents[1]
NAMES = json.loads((ROOT / "tests" / "records" / "cell_names.json").read_text(encoding="utf-8"))
SMALL = {
    "exact-prompts": {"n_states": (4,), "seeds": (1,), "longer_seeds": ()},
    "pretraining": {"n_values": ()},
    "head-vs-prompt": {"n_states": (4,)},
    "memory-vs-vanilla": {"n_values": (2,), "kinds": ("memory",)},
    "half-trained": {"shares": (0.5,)},
    "fine-tuning": {"n_values": ()},
    "readings": {"kinds": ("memory",)},
    "exact-attention": {"n_values": (2,), "kinds": ("memory",)},
    "mechanism": {},
    "scaling-states": {"arms": ("em_16",)},
    "noise-robustness": {"arms": ("mixture_2",)},
    "word-error-training": {},
    "fact-retrieval": {"indices": ("frozen",), "paraphrases": (), "facts": ()},
    "machine-reading": {"starts": (), "seeds": ()},
    "frozen-size": {},
    "reference-decoding": {},
    "process-structure": {"points": ()},
    "pre-memorization": {},
}


@pytest.fixture(autouse=True)
def fewer_texts(monkeypatch):
    monkeypatch.setattr(pretraining, "TEST_TEXTS", 32)


def small_cell(name):
    (config,) = replace(EXPERIMENTS[name].presets["smoke"], **SMALL[name]).cells()
    return json.loads(json.dumps(config))


def record_of(name, config, folder):
    experiment = EXPERIMENTS[name]
    return split(experiment.compute(config, Workplace("cpu", folder)), experiment.of_the_run)[0]


@pytest.mark.parametrize("name", NAMES)
def test_the_cells_of_results_that_are_kept_have_the_names_that_they_had(name, monkeypatch):
    monkeypatch.undo()
    experiment, preset = name.split()
    cells = EXPERIMENTS[experiment].presets[preset].cells()
    assert [cell_hash(experiment, cell)[:16] for cell in cells] == NAMES[name]


def test_make_computes_every_file_of_results_from_a_sweep():
    words = re.search(
        r"^SWEEPS := ((?:.*\\\n)*.*)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    sweeps = [word.split(":") for word in words[1].replace("\\\n", " ").split()]
    assert {f"{name} {preset}" for name, preset, _ in sweeps} == set(NAMES)
    for name, preset, file in sweeps:
        if Path(file).stem in AWAITED:
            continue
        stored = json.loads((ROOT / f"{file}.json").read_text(encoding="utf-8"))
        config = EXPERIMENTS[name].presets[preset]
        assert stored["config"] == json.loads(json.dumps(config.asked()))
        assert len(stored["cells"]) == len(config.cells())
    files = [*(ROOT / "book" / "results").glob("*.json"), *(ROOT / "tests" / "records").glob("*_smoke.json")]
    others = {"figure3_paper", "pre_memorization_released"}  # from elsewhere
    others |= {"benchmarks", "inference_variants", "notebook_costs"}
    assert ({path.stem for path in files} - others) | AWAITED == {Path(file).name for _, _, file in sweeps}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_old_cell_is_computed_as_it_was_after_its_preset_has_changed(name, monkeypatch, tmp_path):
    config = small_cell(name)
    before = record_of(name, config, tmp_path / "before")
    for preset in ("smoke", "laptop"):
        recipe = PRETRAINING_PRESETS[preset]
        changed = replace(recipe, stages=(Stage(3, 2, 8),), learning_rate=recipe.learning_rate / 2)
        monkeypatch.setitem(PRETRAINING_PRESETS, preset, changed)
        scale = replace(DOWNSTREAM_SCALES[preset], sizes=(90, 30, 40), length=9, restarts=1)
        monkeypatch.setitem(DOWNSTREAM_SCALES, preset, scale)
    monkeypatch.setattr(pretraining, "TEST_SEED", 11)
    monkeypatch.setattr(exact_prompts, "CLEAR_MARGIN", 1e-3)
    monkeypatch.setattr(exact_prompts, "PAPER_TUNING", replace(exact_prompts.PAPER_TUNING, epochs=1))
    arm = {**scaling_states.ARMS["synthetic"]["em_16"], "max_iterations": 1}
    monkeypatch.setitem(scaling_states.ARMS["synthetic"], "em_16", arm)
    mixture = {**noise_judges.ARMS["mixture_2"], "n_components": 1}
    monkeypatch.setitem(noise_judges.ARMS, "mixture_2", mixture)
    monkeypatch.setitem(word_error_training.WAYS, "word_errors", {"criterion": "likelihood"})
    monkeypatch.setattr(fact_worlds, "PAIRS_PARAPHRASE", 0.5)
    monkeypatch.setitem(span_worlds.CONTEXTS, "n_fillers", 5)
    monkeypatch.setitem(frozen_size.WORLD, "n_states", 5)
    monkeypatch.setitem(reference_decoding.FIXED, "k", 3)
    monkeypatch.setitem(process_structure.SETTINGS, "both", {"dropout": 0.1, "penalty": 0.0})
    monkeypatch.setitem(pre_memorization.WORLD, "n_states", 5)
    assert small_cell(name) != config
    assert record_of(name, config, tmp_path / "after") == before


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in EXPERIMENTS
        if {"pretraining", "recipe"} & set(small_cell(name)) and "preset" in small_cell(name)
    ],
)
def test_a_preset_that_no_longer_exists_is_no_hindrance(name, monkeypatch, tmp_path):
    config = small_cell(name) | {"preset": "of old"}

    def stops(*_arguments, **_options):
        raise InterruptedError

    for module in ("figure3", "half_trained"):
        monkeypatch.setattr(f"hmmlib.experiments.{module}.pretrain", stops)
    with pytest.raises(InterruptedError):
        EXPERIMENTS[name].compute(config, Workplace("cpu", tmp_path))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_configuration_that_does_not_say_all_is_refused(name, tmp_path):
    config = small_cell(name)
    for entry in config:
        less = {key: value for key, value in config.items() if key != entry}
        with pytest.raises(ValueError, match="config: expected the entries"):
            EXPERIMENTS[name].compute(less, Workplace("cpu", tmp_path))
    with pytest.raises(ValueError, match=r"config: expected the entries .* got .*'speed'"):
        EXPERIMENTS[name].compute(config | {"speed": 1}, Workplace("cpu", tmp_path))


def test_a_scale_that_does_not_say_all_is_refused(tmp_path):
    config = small_cell("half-trained")
    del config["scale"]["restarts"]
    with pytest.raises(ValueError, match="scale: expected the entries"):
        half_trained.half_trained_cell(config, Workplace("cpu", tmp_path))


@pytest.mark.parametrize("name", DOWNSTREAM_SCALES)
def test_a_scale_comes_back_from_json(name):
    scale = DOWNSTREAM_SCALES[name]
    assert DownstreamScale.from_dict(json.loads(json.dumps(scale.to_dict()))) == scale


def test_what_is_asked_for_is_built_once_for_each_seed(monkeypatch, tmp_path):
    built = []
    to_dict = PretrainingRecipe.to_dict
    monkeypatch.setattr(PretrainingRecipe, "to_dict", lambda self: built.append(self.seed) or to_dict(self))
    config = EXPERIMENTS["head-vs-prompt"].presets["gpu"]
    results = collect(EXPERIMENTS["head-vs-prompt"], config, CellStore(tmp_path))
    assert len(results.missing) == 120
    assert results.table()[1][1] == "0/20"
    assert sorted(built) == list(range(1, 21))
