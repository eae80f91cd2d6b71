"""Finished cells on disk: never half written, damage noticed, stores merged."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path

import pytest

from hmmlib._files import canonical, sha256, write_json
from hmmlib.sweeps import CellStore, Differences, MergeResult, cell_hash

CONFIG = {"n_states": 4, "seed": 1, "rate": 1e-8, "lengths": (1, 2), "name": "Ḡ"}
RECORD = {"loss": 0.123456, "curve": [1.0, 0.5], "none": None, "order": {"b": 1, "a": 2}}
PROVENANCE = {"date": "2026-01-01T00:00:00+00:00", "wall_seconds": 1.5}


@pytest.fixture
def store(tmp_path):
    return CellStore(tmp_path / "runs")


@pytest.fixture
def path(store):
    """The file of a cell."""
    return store.put("one", CONFIG, RECORD, PROVENANCE)


def aside(path):
    return [other for other in path.parent.iterdir() if ".damaged-" in other.name]


def test_a_cell_comes_back_as_it_was(store, path):
    cell = store.get("one", CONFIG)
    assert cell.experiment == "one"
    assert cell.config == json.loads(json.dumps(CONFIG))
    assert json.dumps(cell.record) == json.dumps(RECORD)  # in the same order, too
    assert cell.provenance == PROVENANCE
    assert [other.config for other in store.cells()] == [cell.config]
    assert [other.name for other in path.parent.iterdir()] == [path.name]


def test_a_cell_that_is_not_there_is_none(store):
    assert store.get("one", CONFIG) is None
    assert list(store.cells()) == []


def test_a_name_is_that_of_the_configuration_and_nothing_else(store):
    name = cell_hash("one", {"a": 1, "b": (1, 2)})
    assert name == "169a7e5990ccbe57bf0e12d3ad216b106df09aff24ffac2c2fe2d85ca2bf201a"
    assert name == cell_hash("one", {"b": [1, 2], "a": 1})
    others = [("two", {"a": 1, "b": [1, 2]}), ("one", {"a": 2, "b": [1, 2]}), ("one", {"a": 1, "b": [2, 1]})]
    assert len({name, *(cell_hash(*other) for other in others)}) == 4
    assert store.path("one", {"a": 1, "b": [1, 2]}) == store.folder / "one" / f"{name}.json"


def test_canonical_json_is_one_text_for_one_value():
    assert canonical({"b": (1, 2.5), "a": "é"}) == '{"a":"é","b":[1,2.5]}'
    assert canonical({10: 0, 9: 0}) == canonical({"9": 0, "10": 0}) == '{"10":0,"9":0}'
    assert sha256({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize(
    ("config", "error"), [({"x": float("nan")}, ValueError), ({"x": object()}, TypeError)]
)
def test_what_is_no_json_has_no_name(store, config, error):
    with pytest.raises(error):
        store.path("one", config)


def test_a_record_that_is_not_finite_is_not_kept(store):
    with pytest.raises(ValueError, match="Out of range float values"):
        store.put("one", CONFIG, {"loss": float("inf")}, PROVENANCE)
    assert not store.folder.exists()


def changed(**entries):
    return lambda text: json.dumps(json.loads(text) | entries)


def without(name):
    return lambda text: json.dumps({key: value for key, value in json.loads(text).items() if key != name})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda _: "", "is cut short or no JSON"),
        (lambda text: text[: len(text) // 2], "is cut short or no JSON"),
        (lambda text: text.rstrip()[:-1], "is cut short or no JSON"),
        (lambda _: b"\xff\xfe\x00", "is cut short or no JSON"),
        (lambda _: "[1, 2]", "holds something else than a cell"),
        (lambda _: '{"a": 1}', "holds something else than a cell"),
        (changed(format="hmmlib cell 9"), "holds something else than a cell"),
        (without("provenance"), "is not complete"),
        (without("checksum"), "is not complete"),
        (changed(more=1), "is not complete"),
        (changed(record=[1]), "is not complete"),
        (changed(provenance=None), "is not complete"),
        (lambda text: text.replace("0.123456", "0.123457"), "was altered"),
        (lambda text: text.replace("0.123456", "NaN"), "holds a number that is not finite"),
        (lambda text: text.replace('"seed": 1', '"seed": 2'), "was altered"),
        (changed(experiment="two"), "was altered"),
        (changed(checksum="0" * 64), "was altered"),
    ],
)
def test_damage_is_noticed_and_kept_aside_when_the_cell_is_written_anew(store, path, caplog, damage, message):
    content = damage(path.read_text(encoding="utf-8"))
    content = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(content)
    assert store.get("one", CONFIG) is None
    assert list(store.cells()) == []
    assert message in caplog.text
    assert str(path) in caplog.text
    assert path.read_bytes() == content  # reading changes no file
    assert aside(path) == []
    store.put("one", CONFIG, RECORD, PROVENANCE)
    (kept,) = aside(path)
    assert kept.read_bytes() == content
    assert f"kept as {kept.name}" in caplog.text
    assert store.get("one", CONFIG).record == RECORD
    assert kept.exists()


def test_no_cut_goes_unnoticed(store, path):
    whole = path.read_bytes()
    for length in range(0, len(whole.rstrip()), 7):
        path.write_bytes(whole[:length])
        assert store.get("one", CONFIG) is None
    assert path.read_bytes() == whole[:length]


def test_no_changed_character_of_config_or_record_goes_unnoticed(store, path):
    whole = path.read_text(encoding="utf-8")
    start, end = whole.index('"config"'), whole.index('"provenance"')
    places = [place for place in range(start, end) if whole[place].isalnum()]
    assert len(places) > 50
    for place in places:
        other = "7" if whole[place] != "7" else "8"
        path.write_text(whole[:place] + other + whole[place + 1 :], encoding="utf-8")
        assert store.get("one", CONFIG) is None, whole[start : place + 1]


def test_cells_that_swapped_their_names_are_noticed(store, path, caplog):
    other = store.put("one", CONFIG | {"seed": 2}, RECORD, PROVENANCE)
    path.rename(path.with_suffix(".x"))
    other.rename(path)
    path.with_suffix(".x").rename(other)
    assert list(store.cells("one")) == []
    assert caplog.text.count("holds another cell than its name says, one/") == 2
    assert aside(path) == []


def test_a_cell_of_another_experiment_is_noticed(store, path, caplog):
    moved = store.path("two", CONFIG)
    moved.parent.mkdir()
    path.rename(moved)
    assert store.get("one", CONFIG) is None
    assert store.get("two", CONFIG) is None
    assert "holds another cell than its name says" in caplog.text


def test_files_with_other_names_are_reported_and_left_alone(store, path, caplog):
    foreign = path.with_name("notes.json")
    foreign.write_text("{}", encoding="utf-8")
    draft = path.with_name(f".{path.name}.1234")
    draft.write_text("{", encoding="utf-8")
    assert len(list(store.cells())) == 1
    assert caplog.text.count("has not the name of a cell and is left alone") == 1
    assert foreign.exists()
    assert draft.exists()


def beside(path):
    return [other for other in path.parent.iterdir() if ".other-" in other.name]


def test_a_cell_that_is_there_stays_as_it_is(store, path, caplog):
    before = path.read_bytes()
    assert store.put("one", CONFIG, RECORD, {"date": "later"}) == path
    assert caplog.text == ""
    store.put("one", CONFIG, RECORD | {"loss": 0.123457}, PROVENANCE)
    assert (
        "the record that is there stays; another one differs by 1e-06 (relative 8.1e-06) at one/"
        in caplog.text
    )
    assert path.read_bytes() == before
    assert beside(path) == []


def test_another_kind_of_record_is_reported_as_an_error_and_kept_beside(store, path, caplog):
    before = path.read_bytes()
    other = {"loss": 0.2, "curve": [1.0], "none": 1.5, "more": True}
    for _ in range(2):  # once is enough
        store.put("one", CONFIG, other, PROVENANCE)
    assert path.read_bytes() == before
    (kept,) = beside(path)
    assert json.loads(kept.read_text(encoding="utf-8"))["record"] == other
    assert {entry.levelname for entry in caplog.records} == {"ERROR", "WARNING"}
    for words in (
        ".more is in theirs only",
        ".order is in ours only",
        ".curve has 2 entries in ours, 1 in theirs",
        ".none is None in ours, 1.5 in theirs",
        f"kept as {kept.name}",
    ):
        assert words in caplog.text
    assert [cell.record for cell in store.cells()] == [RECORD]


@pytest.mark.usefixtures("path")
def test_a_record_that_is_not_finite_does_not_replace_one(store):
    with pytest.raises(ValueError, match="Out of range float values"):
        store.put("one", CONFIG, RECORD | {"loss": float("nan")}, PROVENANCE)
    assert store.get("one", CONFIG).record == RECORD


def test_stores_merge(store, path, tmp_path):
    before = path.read_bytes()
    other = CellStore(tmp_path / "other")
    other.put("one", CONFIG, RECORD, {"date": "elsewhere"})
    other.put("one", CONFIG | {"seed": 2}, RECORD, {"date": "elsewhere"})
    other.put("two", CONFIG, RECORD, PROVENANCE)
    assert store.merge(other) == MergeResult(2, 0, 0, Differences())
    assert path.read_bytes() == before
    assert store.get("one", CONFIG | {"seed": 2}).provenance == {"date": "elsewhere"}
    assert len(list(store.cells())) == 3
    assert store.merge(tmp_path / "other").new == 0


def test_stores_of_two_machines_merge_though_their_cells_differ_by_rounding(store, path, tmp_path):
    before = path.read_bytes()
    other = CellStore(tmp_path / "other")
    other.put("one", CONFIG, RECORD | {"loss": 0.123457, "curve": [1.0, 0.5000001]}, PROVENANCE)
    for seed in range(2, 12):
        other.put("one", CONFIG | {"seed": seed}, RECORD, PROVENANCE)
    found = store.merge(other)
    assert (found.new, found.rounded, found.other) == (10, 1, 0)
    name = f"one/{path.stem[:12]}"
    assert {entry.where for entry in found.differences.numbers} == {f"{name}.loss", f"{name}.curve[1]"}
    assert found.differences.largest() == f"1e-06 (relative 8.1e-06) at {name}.loss"
    assert path.read_bytes() == before
    assert sorted(cell.config["seed"] for cell in store.cells()) == list(range(1, 12))
    assert beside(path) == []


def on(cpu, device="cpu"):
    return PROVENANCE | {"machine": {"cpu": cpu}, "device": device}


def test_what_differs_names_both_processors(store, tmp_path, caplog):
    for seed in range(4):
        store.put("one", CONFIG | {"seed": seed}, RECORD, on("Abacus 1"))
    other = CellStore(tmp_path / "other")
    other.put("one", CONFIG | {"seed": 0}, RECORD | {"loss": 0.2}, on("Abacus 2"))
    other.put("one", CONFIG | {"seed": 1}, RECORD | {"loss": 0.3}, on("Abacus 2"))
    other.put("one", CONFIG | {"seed": 2}, RECORD | {"none": "x"}, on("Abacus 2", "cuda"))
    other.put("one", CONFIG | {"seed": 3}, RECORD, on("Abacus 3"))  # the same, so it is no news
    found = store.merge(other)
    assert (found.new, found.rounded, found.other) == (0, 2, 1)
    assert sorted(found.processors) == [
        ("Abacus 1", "Abacus 2"),
        ("Abacus 1", "cuda beside Abacus 2"),
    ]
    assert "computed on Abacus 1 here, on Abacus 2 there" in found.where()
    assert "they were computed on Abacus 1 here, on cuda beside Abacus 2 there; the one there" in caplog.text
    store.put("one", CONFIG | {"seed": 3}, RECORD | {"loss": 0.4}, on("Abacus 1"))
    assert "they were both computed on Abacus 1\n" in caplog.text


def test_stores_that_contradict_each_other_lose_nothing(store, path, tmp_path, caplog):
    other = CellStore(tmp_path / "other")
    theirs = other.put("one", CONFIG, RECORD | {"order": {"b": "two"}}, PROVENANCE)
    other.put("one", CONFIG | {"seed": 2}, RECORD, PROVENANCE)
    before = path.read_bytes(), theirs.read_bytes()
    found = store.merge(other)
    assert (found.new, found.rounded, found.other) == (1, 0, 1)
    assert len(found.differences.structure) == 2
    assert (path.read_bytes(), theirs.read_bytes()) == before
    (kept,) = beside(path)
    assert json.loads(kept.read_bytes()) == json.loads(theirs.read_bytes())
    (entry,) = caplog.records
    assert entry.levelname == "ERROR"
    assert ".order.a is in ours only" in caplog.text
    assert store.merge(other).other == 1
    assert len(beside(path)) == 1


@pytest.mark.usefixtures("path")
def test_a_cell_with_a_number_that_is_none_is_not_taken_over(store, tmp_path, caplog):
    other = CellStore(tmp_path / "other")
    theirs = other.put("one", CONFIG, RECORD, PROVENANCE)
    theirs.write_text(theirs.read_text().replace("0.123456", "NaN"), encoding="utf-8")
    other.put("one", CONFIG | {"seed": 2}, RECORD, PROVENANCE)
    assert store.merge(other) == MergeResult(1, 0, 0, Differences())
    assert f"{theirs} is not taken over: holds a number that is not finite" in caplog.text
    assert store.get("one", CONFIG).record == RECORD


def test_damage_elsewhere_is_reported_and_left_there(store, tmp_path, caplog):
    other = CellStore(tmp_path / "other")
    theirs = other.put("one", CONFIG, RECORD, PROVENANCE)
    theirs.write_text("{", encoding="utf-8")
    assert store.merge(other).new == 0
    assert f"{theirs} is not taken over: is cut short" in caplog.text
    assert theirs.exists()


def test_a_sound_cell_from_elsewhere_replaces_a_damaged_one(store, path, tmp_path):
    other = CellStore(tmp_path / "other")
    other.put("one", CONFIG, RECORD, PROVENANCE)
    path.write_text("{", encoding="utf-8")
    assert store.merge(other).new == 1
    assert store.get("one", CONFIG).record == RECORD


def test_what_is_not_there_cannot_be_merged(store, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"other: there is no folder .*nowhere"):
        store.merge(tmp_path / "nowhere")


def test_drafts_of_killed_processes_are_removed_when_they_are_old(store, path):
    old, new = (path.with_name(f".{path.name}.{name}") for name in ("old", "new"))
    model = store.folder / "models" / f".{'0' * 64}.safetensors.12"
    hidden = path.with_name(".keep")
    model.parent.mkdir()
    for file in (old, new, model, hidden):
        file.touch()
    for file in (old, model, hidden, path):
        os.utime(file, (time.time() - 7200,) * 2)
    assert store.tidy() == 2
    assert {new, hidden, path} == set(path.parent.iterdir())
    assert list(model.parent.iterdir()) == []


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    out = tmp_path / "folder" / "result.json"
    write_json(out, {"a": 1})
    with pytest.raises(ValueError, match="Out of range float values"):
        write_json(out, {"a": float("nan")})

    def dies(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        write_json(out, {"a": 2})
    assert json.loads(out.read_text()) == {"a": 1}
    assert [path.name for path in out.parent.iterdir()] == ["result.json"]


def test_a_store_says_where_it_is(store, caplog):
    assert repr(store) == f"CellStore({str(store.folder)!r})"
    assert not [entry for entry in caplog.records if entry.levelno >= logging.WARNING]
