"""Results under way: finished cells can be taken into a store to go on from, or wait for other sweeps'."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hmmlib.experiments import EXPERIMENTS
from hmmlib.sweeps import CellStore, collect, import_cells

FOLDER = Path(__file__).resolve().parents[1] / "book" / "results" / "under_way"
FILES = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_sweep_goes_on_from_its_cells(file, tmp_path):
    results = json.loads(file.read_text(encoding="utf-8"))
    experiment = EXPERIMENTS[results["experiment"]]
    preset = next(iter(experiment.presets.values()))
    store = CellStore(tmp_path)
    taken = import_cells(experiment, preset, store, file)
    assert (taken.new, taken.other, taken.altered) == (len(results["cells"]), 0, 0)
    assert len(collect(experiment, preset, store).missing) == results["missing"]
    runs = [results["provenance"], *results["provenance"]["went_on_from"]]
    assert not any(run["git"]["dirty"] for run in runs)
    assert {run["git"]["commit"] for run in runs} == {results["provenance"]["git"]["commit"]}


def test_what_is_under_way_is_said_to_be_awaited():
    from awaited import AWAITED

    assert {file.stem for file in FILES} <= AWAITED
