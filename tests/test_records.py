"""Records that are kept in files: computed anew they are the same, and they are what the presets ask for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from awaited import AWAITED

from hmmlib.experiments import EXPERIMENTS
from hmmlib.sweeps import Workplace
from hmmlib.sweeps.experiment import split

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("head-vs-prompt", "memory-vs-vanilla", "half-trained")


def kept(folder, name, preset):
    path = ROOT / folder / f"{name.replace('-', '_')}_{preset}.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def one_thread():
    # As the command line computes cells: sums over threads round otherwise.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def differences(found, expected, where="record"):
    """Where two records differ by more than another processor's rounding explains."""
    if isinstance(expected, dict):
        if list(found) != list(expected):
            return [f"{where}: entries {list(found)}, not {list(expected)}"]
        return [d for key in expected for d in differences(found[key], expected[key], f"{where}.{key}")]
    if isinstance(expected, list):
        if len(found) != len(expected):
            return [f"{where}: {len(found)} entries, not {len(expected)}"]
        pairs = enumerate(zip(found, expected, strict=True))
        return [d for i, pair in pairs for d in differences(*pair, f"{where}[{i}]")]
    same = found == expected
    if isinstance(expected, float) and found is not None:
        same = found == pytest.approx(expected, rel=0.01, abs=0.02)
    return [] if same else [f"{where}: {found}, not {expected}"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("one_thread")
def test_a_cell_computed_anew_is_the_one_in_the_file(name, tmp_path):
    experiment = EXPERIMENTS[name]
    config = experiment.presets["smoke"].cells()[0]
    found = experiment.compute(json.loads(json.dumps(config)), Workplace("cpu", tmp_path))
    expected = kept("tests/records", name, "smoke")["cells"][0]
    for record in (found, expected):
        for times in ("seconds", "cpu_seconds"):
            assert record.pop(times)
        for method, entry in record.get("methods", {}).items():
            if "attention" in method:
                # After how many steps L-BFGS ends is for rounding to decide.
                entry.pop("epochs"), entry.pop("converged")
    assert differences(json.loads(json.dumps(found)), expected) == []


@pytest.mark.parametrize("name", NAMES)
def test_another_cell_is_told_apart(name):
    cells = kept("tests/records", name, "smoke")["cells"]
    changed = json.loads(json.dumps(cells[0]))
    entry = (changed.get("methods") or changed["stops"][0]["methods"])["learnt_head"]
    entry["test"] -= 0.05
    assert len(differences(changed, cells[0])) == 1
    assert all(differences(cell, cells[0]) for cell in cells[1:])


@pytest.mark.parametrize("place", [0, 1], ids=["vanilla", "memory"])
@pytest.mark.usefixtures("one_thread")
def test_a_pretraining_computed_anew_is_the_one_in_the_file(place, tmp_path):
    experiment = EXPERIMENTS["pretraining"]
    config = json.loads(json.dumps(experiment.presets["smoke"].cells()[place]))
    expected = kept("tests/records", "pretraining", "smoke")["cells"][place]
    found = split(experiment.compute(config, Workplace("cpu", tmp_path)), experiment.of_the_run)[0]
    assert differences(found, split(expected, experiment.of_the_run)[0]) == []


def published():
    """The presets of the three experiments whose results the book has."""
    found = [(name, preset) for name in NAMES for preset in EXPERIMENTS[name].presets if preset != "smoke"]
    results = ROOT / "book" / "results"
    return [(n, p) for n, p in found if (results / f"{n.replace('-', '_')}_{p}.json").exists()]


@pytest.mark.parametrize(
    ("name", "preset"), [one for one in published() if "_".join(one).replace("-", "_") not in AWAITED]
)
def test_published_results_are_those_of_the_preset(name, preset):
    config, results = EXPERIMENTS[name].presets[preset], kept("book/results", name, preset)
    assert results["config"] == json.loads(json.dumps(config.asked()))
    points = [tuple(cell[key] for key in (*EXPERIMENTS[name].groups, "seed")) for cell in config.cells()]
    assert [tuple(c[key] for key in (*EXPERIMENTS[name].groups, "seed")) for c in results["cells"]] == points
    assert results["provenance"]["git"]["dirty"] is False
    assert not any(run["git"]["dirty"] for run in results["provenance"]["went_on_from"])


def test_the_laptop_results_are_published():
    assert {name for name, preset in published() if preset == "laptop"} == set(NAMES)
