"""Other values in the cells of an experiment, from outside."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from fake_experiments import FAKE, FakeConfig

from hmmlib.experiments import EXPERIMENTS
from hmmlib.sweeps import CellStore, ChangedConfig, cell_hash, collect, sweep
from hmmlib.sweeps.results import checked_cells

SMALL = FakeConfig(numbers=(1, 2))


def test_only_what_is_named_changes():
    changed = ChangedConfig(SMALL, {"recipe": {"steps": 9}, "recipe.patience": 4}).cells()
    for before, after in zip(SMALL.cells(), changed, strict=True):
        assert after["recipe"] == before["recipe"] | {"steps": 9, "patience": 4}
        assert {**after, "recipe": None} == {**before, "recipe": None}
        assert cell_hash("fake", before) != cell_hash("fake", after)
    assert ChangedConfig(SMALL, {}).cells() == SMALL.cells()
    assert SMALL.cells()[0]["recipe"]["steps"] == 3


def test_an_entry_may_become_nothing_and_nothing_may_become_an_entry():
    changed = ChangedConfig(SMALL, {"recipe.patience": 2, "rate": {"a": [1]}}).cells()[0]
    assert (changed["recipe"]["patience"], changed["rate"]) == (2, {"a": [1]})
    assert ChangedConfig(SMALL, {"recipe": None}).cells()[0]["recipe"] is None


def test_of_two_changes_of_one_path_the_later_counts():
    config = ChangedConfig(SMALL, {"recipe": {"steps": 4, "warm": True}, "recipe.steps": 5})
    assert config.changes == {"recipe": {"steps": 5, "warm": True}}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (["recipe"], TypeError, r"changes: expected a table of paths and values, got \['recipe'\]"),
        ({"recipe.steps": float("nan")}, ValueError, "changes: expected finite numbers, got"),
        ({"recipe.steps": object()}, TypeError, "not JSON serializable"),
        ({"recipe..steps": 1}, ValueError, "changes: expected names with dots between them, got 'recipe..st"),
    ],
)
def test_changes_are_tables_of_json(changes, error, message):
    with pytest.raises(error, match=message):
        ChangedConfig(SMALL, changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe.step": 1}, "there is no recipe.step; recipe has steps, rates, name, patience, warm"),
        ({"delay.steps": 1}, r'delay: expected a number as 0.0, got {"steps": 1}'),
        ({"recipe.warm": 1}, "recipe.warm: expected true or false as false, got 1"),
        ({"recipe.steps": True}, "recipe.steps: expected a number as 3, got true"),
        ({"recipe.name": 3}, 'recipe.name: expected a word as "plain", got 3'),
        ({"recipe.rates": 0.1}, r"recipe.rates: expected a list as \[0.1, 0.2\], got 0.1"),
        ({"number": 1}, "what tells cells apart is changed, and 1 of 2 are like others; expected other"),
    ],
)
def test_a_change_fits_what_is_there(changes, message):
    with pytest.raises(ValueError, match=f"changes: {message}"):
        ChangedConfig(SMALL, changes).cells()


@pytest.mark.parametrize("workers", [1, 2])
def test_changed_cells_are_computed_wherever_and_exported_with_what_was_changed(tmp_path, workers):
    config, store = ChangedConfig(SMALL, {"recipe.steps": 9}), CellStore(tmp_path)
    assert sweep(FAKE, config, store, workers=workers).computed == 2
    exported = collect(FAKE, config, store).export()
    assert [cell["steps"] for cell in exported["cells"]] == [9, 9]
    assert exported["config"] == json.loads(json.dumps(SMALL.asked())) | {"changes": {"recipe": {"steps": 9}}}
    assert sweep(FAKE, SMALL, store).computed == 2  # the others are others


def test_what_is_asked_for_has_the_new_values_where_it_has_the_entries():
    config = ChangedConfig(SMALL, {"delay": 2.5, "sizes": [3, 4], "seed": 5, "trouble": None})
    asked = config.asked()
    assert (asked["delay"], asked["sizes"], asked["seeds"], asked["trouble"]) == (2.5, [3, 4], (1,), None)
    assert "seed" not in asked
    assert asked["changes"]["seed"] == 5


def test_what_a_cell_could_not_compute_is_an_error_before_anything_is_computed(tmp_path):
    store = CellStore(tmp_path / "runs")
    for changes, words in (
        ({"recipe.steps": 0}, "steps: expected at least 1, got 0"),
        ({"recipe": None}, "argument after"),
    ):
        config = ChangedConfig(SMALL, changes)
        for look in (sweep, collect):
            with pytest.raises(
                ValueError, match=f"config: the cell number 1, seed 1 of fake cannot .*{words}"
            ):
                look(FAKE, config, store)
    assert not store.folder.exists()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_recipes_of_the_real_experiments_can_be_changed(name):
    experiment = EXPERIMENTS[name]
    config = experiment.presets["smoke"]
    cell = config.cells()[0]
    for part in ("recipe", "pretraining", "scale"):
        for entry, value in cell.get(part, {}).items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                changed = ChangedConfig(config, {f"{part}.{entry}": value + 1})
                assert changed.cells()[0][part] == cell[part] | {entry: value + 1}
                assert changed.asked()["changes"] == {part: {entry: value + 1}}


SCALE = {
    "scale.length": (0, "length: expected at least 1, got 0"),
    "scale.sizes": ([5, 5], "sizes: expected three"),
    "scale.restarts": (0, "restarts: expected at least 1, got 0"),
    "scale.fewer": ([0], "fewer: expected at least 1, got 0"),
    "scale.paper.epochs": (0, "epochs: expected at least 1, got 0"),
    "scale.prompt": (None, "stored: expected"),
    "scale.pretraining": (None, "pretraining: expected a word, got None"),
    "pretraining.learning_rate": (-1, "learning_rate: expected a finite number > 0, got -1"),
    "pretraining.stages": ([], "stages: expected at least one"),
    "pretraining.transformer": ({"positions": "learned", "max_positions": 32}, "length: prompts of 20"),
    "seed": (-1, "seed: expected at least 0, got -1"),
    "preset": (None, "preset: expected a word, got None"),
}
STATES = {"n_states": (0, "n_states: expected at least 1, got 0")}
REFUSED = {
    "head-vs-prompt": SCALE | STATES,
    "memory-vs-vanilla": SCALE
    | {
        "kind": ("both", "kinds: expected one of"),
        "n_values": (0, "n_values: expected at least 1, got 0"),
    },
    "readings": SCALE | {"n_values": (0, "n_values: expected at least 1, got 0")},
    "exact-attention": {
        "kind": ("both", "kinds: expected one of"),
        "n_values": (0, "n_values: expected at least 1, got 0"),
        "scale.length": (0, "length: expected at least 1, got 0"),
        "seed": (-1, "seed: expected at least 0, got -1"),
        "preset": (None, "preset: expected a word, got None"),
    },
    "mechanism": SCALE
    | {
        "n_values": (1, "model: expected at least 2 values of the memory, got 1"),
        "hmm.rate": (0.7, "rate: expected a number 0 < rate < 0.5, got 0.7"),
        "hmm.n_tokens": (6, "n_tokens: expected at least 7, got 6"),
        "hmm.own_share": (0, "own_share: expected a number 0 < own_share ≤ 1, got 0"),
    },
    "half-trained": SCALE
    | STATES
    | {
        "shares": ([0.7, 0.2], "shares: expected rising numbers above 0 and at most 1"),
        "starts": (1.5, "starts: expected an integer, got 1.5"),
    },
    "fine-tuning": STATES
    | {
        "n_values": (3, "n_states: expected 4 for each of 3 values, got 4"),
        "sizes": ([1, 2, 0], "sizes: expected at least 1, got 0"),
        "recipe.batch": (0, "batch: expected at least 1, got 0"),
        "pretraining.masking.rate": (2, "rate: expected"),
        "length": (0, "length: expected at least 1, got 0"),
    },
    "pretraining": STATES
    | {
        "recipe.warmup": (-5, "warmup: expected at least 0, got -5"),
        "measure_every": (0, "measure_every: expected at least 1, got 0"),
        "texts.rates": ([0], "rates: expected a number 0 < rates"),
        "texts.count": (0, "count: expected at least 1, got 0"),
        "learning_rate": ("fast", "learning_rate: expected a finite number, got 'fast'"),
    },
    "exact-prompts": STATES
    | {
        "n_tokens": (0, "n_tokens: expected at least 1, got 0"),
        "l2": (-1, "l2: expected a finite number >= 0, got -1"),
        "path": ([-1], "l2: expected a finite number >= 0, got -1"),
        "prompt_lengths": ([0], "prompt_lengths: expected at least 1, got 0"),
        "prompt_recipe.epochs": (0, "epochs: expected at least 1, got 0"),
        "clear_margin": (None, "clear_margin: expected a finite number, got None"),
    },
    "scaling-states": {
        "seed": (-1, "seed: expected at least 0, got -1"),
        "words": (-1, "words: expected at least 0, got -1"),
        "arm": (None, "arm: expected a word, got None"),
        "model.n_states": (0, "n_states: expected at least 1, got 0"),
        "model.kind": ("tree", "model: expected one of the kinds source, kneser_ney, em"),
        "world": (
            {"kind": "hearsay"},
            "world: expected one of the kinds synthetic, king_james, got 'hearsay'",
        ),
    },
    "noise-robustness": {
        "seed": (-1, "seed: expected at least 0, got -1"),
        "thickness": (0, "thickness: expected a finite number > 0, got 0"),
        "train_noise": (-0.1, "sigma: expected a finite number >= 0, got -0.1"),
        "sequences": (0, "sequences: expected at least 1, got 0"),
        "model.n_components": (0, "n_components: expected at least 1, got 0"),
        "model.recipe.floor": (0, "floor: expected a finite number > 0, got 0"),
        "model.kind": ("ear", "model: expected one of the kinds bayes, mixture, flows, network, got 'ear'"),
        "world.shared": (1, "shared: expected a number 0 ≤ shared < 1, got 1"),
    },
    "word-error-training": {
        "seed": (-1, "seed: expected at least 0, got -1"),
        "utterances": (0, "utterances: expected at least 1, got 0"),
        "world.end": (0, "end: expected a number 0 < end ≤ 1, got 0"),
        "base.steps": (0, "steps: expected at least 1, got 0"),
        "further.word_errors.n_best": (1, "n_best: expected at least 2, got 1"),
        "sizes": ([0, 3], "sizes: expected at least 1, got 0"),
        "start": (None, "start: expected a word, got None"),
    },
}


def one_cell(name):
    """The smallest preset of an experiment, with a single cell."""
    smoke = EXPERIMENTS[name].presets["smoke"]
    single = {"pretraining": {"n_values": ()}, "fine-tuning": {"n_values": ()}}
    single |= {
        name: {"n_values": (2,), "kinds": ("memory",)}
        for name in ("memory-vs-vanilla", "readings", "exact-attention")
    }
    single |= {"exact-prompts": {"n_states": (4,), "seeds": (1,)}, "mechanism": {}}
    single |= {"scaling-states": {"arms": ("em_16",)}, "noise-robustness": {"arms": ("mixture_2",)}}
    single |= {"word-error-training": {}}
    return replace(smoke, **single.get(name, {"n_states": (4,)}))


def test_every_experiment_is_checked():
    assert set(REFUSED) <= set(EXPERIMENTS)
    assert all(experiment.check is not None for experiment in EXPERIMENTS.values())


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_cells_of_all_presets_pass(name):
    experiment = EXPERIMENTS[name]
    for config in experiment.presets.values():
        assert checked_cells(experiment, config)


@pytest.mark.parametrize(("name", "path"), [(name, path) for name in REFUSED for path in REFUSED[name]])
def test_a_value_that_a_cell_could_not_be_computed_with_is_refused_at_the_door(name, path):
    value, message = REFUSED[name][path]
    config = ChangedConfig(one_cell(name), {path: value})
    words = f"config: the cell .* of {name} cannot be computed: {re.escape(message)}"
    with pytest.raises(ValueError, match=words):
        checked_cells(EXPERIMENTS[name], config)
