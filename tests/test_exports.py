"""Exported files: what they hold, and that their cells come back as they were."""

from __future__ import annotations

import json

import pytest
from fake_experiments import FAKE, FakeConfig

from hmmlib._files import write_json
from hmmlib.sweeps import CellStore, ChangedConfig, ImportResult, cell_hash, collect, import_cells, sweep

CONFIG = FakeConfig(numbers=(3, 1, 2), seeds=(1, 2))


@pytest.fixture
def store(tmp_path):
    store = CellStore(tmp_path / "runs")
    sweep(FAKE, CONFIG, store)
    return store


@pytest.fixture
def file(store, tmp_path):
    write_json(tmp_path / "x.json", collect(FAKE, CONFIG, store).export())
    return tmp_path / "x.json"


def change(file, how):
    content = json.loads(file.read_text())
    how(content)
    file.write_text(json.dumps(content))


def test_an_export_says_of_each_cell_its_name_and_where_it_is_from(store):
    config = FakeConfig(numbers=(3, 1, 2, 4), seeds=(1,))
    elsewhere = {"machine": {"cpu": "another"}, "versions": {}, "git": None, "device": "cuda"}
    times = {"date": "2020-01-01T00:00:00+00:00", "wall_seconds": 2.0}
    last = config.cells()[-1]
    store.put("fake", last, {"number": 4}, elsewhere | times | {"of_the_run": {"seconds": 1.5}})
    exported = collect(FAKE, config, store).export()
    assert exported["experiment"] == "fake"
    assert [entry["name"] for entry in exported["kept"]] == [cell_hash("fake", c) for c in config.cells()]
    here, there = exported["runs"]
    assert there == elsewhere
    assert set(here) == set(elsewhere)
    assert [entry["run"] for entry in exported["kept"]] == [0, 0, 0, 1]
    kept = exported["kept"][-1]
    assert {name: kept.get(name) for name in times} == times
    assert "cpu_seconds" not in kept  # that cell is from before they were measured
    assert all(entry["cpu_seconds"] >= 0 for entry in exported["kept"][:3])
    # What readers of earlier files look at is as it was.
    assert [cell["number"] for cell in exported["cells"]] == [3, 1, 2, 4]
    assert exported["cells"][-1] == {"number": 4, "seconds": 1.5}
    assert exported["missing"] == 0


def test_cells_come_back_as_they_were(store, file, tmp_path):
    other = CellStore(tmp_path / "other")
    assert import_cells(FAKE, CONFIG, other, file) == ImportResult(6, 0, 0, 0)
    before, after = (
        {path.name: path.read_bytes() for path in (folder / "fake").iterdir()}
        for folder in (store.folder, other.folder)
    )
    assert after == before
    assert collect(FAKE, CONFIG, other).export() == json.loads(file.read_text())
    assert import_cells(FAKE, CONFIG, other, file) == ImportResult(0, 6, 0, 0)


def test_seeds_added_later_compute_only_the_rest(file, tmp_path):
    more = FakeConfig(numbers=(3, 1, 2), seeds=tuple(range(1, 8)))
    other = CellStore(tmp_path / "other")
    assert import_cells(FAKE, more, other, file).new == 6
    done = sweep(FAKE, more, other)
    assert (done.there, done.computed) == (21, 15)


def test_cells_of_other_recipes_are_not_taken(file, tmp_path):
    other = CellStore(tmp_path / "other")
    longer = ChangedConfig(CONFIG, {"recipe.steps": 4})
    assert import_cells(FAKE, longer, other, file) == ImportResult(0, 0, 6, 0)
    assert not other.folder.exists()


def test_a_record_that_was_altered_is_not_taken(file, tmp_path, caplog):
    change(file, lambda content: content["cells"][1].update(value=0.5))
    other = CellStore(tmp_path / "other")
    assert import_cells(FAKE, CONFIG, other, file) == ImportResult(5, 0, 0, 1)
    assert f"{cell_hash('fake', CONFIG.cells()[1])} was altered; it is left there" in caplog.text
    assert len(collect(FAKE, CONFIG, other).missing) == 1


def test_a_cell_that_is_there_stays(file, tmp_path, caplog):
    other = CellStore(tmp_path / "other")
    record = {**json.loads(file.read_text())["cells"][0], "value": 0.25}
    del record["seconds"], record["history"]["seconds"]
    other.put("fake", CONFIG.cells()[0], record, {"machine": {"cpu": "an abacus"}})
    assert import_cells(FAKE, CONFIG, other, file) == ImportResult(5, 1, 0, 0)
    assert other.get("fake", CONFIG.cells()[0]).record["value"] == 0.25
    assert "the record that is there stays; another one differs by" in caplog.text
    assert "they were computed on an abacus here, on " in caplog.text


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content.pop("kept"), "does not say the names of its cells.* earlier version"),
        (lambda content: content.pop("cells"), "holds no cells; expected a file that"),
        (lambda content: content.update(experiment="another"), "holds cells of another; expected fake"),
        (
            lambda content: content["kept"].pop(),
            "is not complete: expected for each of its 6 cells che",
        ),
        (lambda content: content["kept"][2].pop("date"), "is not complete"),
        (lambda content: content["kept"][2].update(run=1), "is not complete"),
        (lambda content: content.pop("runs"), "is not complete"),
    ],
)
def test_other_files_are_an_error(file, tmp_path, damage, message):
    change(file, damage)
    other = CellStore(tmp_path / "other")
    with pytest.raises(ValueError, match=rf"import: .*x\.json {message}"):
        import_cells(FAKE, CONFIG, other, file)
    assert not other.folder.exists()


def test_a_file_that_is_no_json_or_is_not_there_is_an_error(file, tmp_path):
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"import: .*x\.json is cut short or no JSON"):
        import_cells(FAKE, CONFIG, CellStore(tmp_path / "other"), file)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        import_cells(FAKE, CONFIG, CellStore(tmp_path / "other"), tmp_path / "nowhere")
