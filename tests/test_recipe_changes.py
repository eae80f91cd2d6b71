"""Other values in the cells of an experiment, from outside."""

from __future__ import annotations

import json

import pytest
from fake_experiments import FAKE, FakeConfig

from hmmlib.experiments import EXPERIMENTS
from hmmlib.sweeps import CellStore, ChangedConfig, cell_hash, collect, sweep

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
