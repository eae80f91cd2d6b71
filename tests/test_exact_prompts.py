"""The sweep of exact prompts: its cells, its file, and the results that the book quotes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from awaited import AWAITED

import hmmlib
from hmmlib.experiments import exact_prompts
from hmmlib.experiments.exact_prompts import ExactPromptsConfig, exact_cell
from hmmlib.sweeps import Workplace, provenance

ROOT = Path(__file__).resolve().parents[1]
COMMITTED = ROOT / "book" / "results" / "exact_prompts.json"
TINY = exact_prompts.EXPERIMENT.presets["smoke"]
HERE = Workplace("cpu", Path("runs"))


def without_time(record):
    return {name: value for name, value in record.items() if name != "wall_seconds"}


def test_a_cell_is_a_function_of_its_configuration():
    config = TINY.cells()[3]
    first, second = exact_cell(config, HERE), exact_cell(json.loads(json.dumps(config)), HERE)
    assert without_time(first) == without_time(second)
    assert json.loads(json.dumps(first)) == first
    assert (first["n_states"], first["seed"]) == (12, 2)
    assert list(first["methods"]) == [
        "majority",
        "head",
        "posterior",
        "head_paper",
        "prompt_paper",
        "head_best",
        "prompt_1",
        "prompt_1_best",
        "prompt_2",
    ]


def test_what_a_cell_says_is_consistent():
    record = exact_cell(TINY.cells()[2], HERE)
    methods = record["methods"]
    assert methods["majority"]["test"] in (
        record["positive_share"],
        pytest.approx(1 - record["positive_share"]),
    )
    prompt = methods["prompt_1"]
    assert len(prompt["restart_losses"]) == TINY.restarts
    assert prompt["loss"] == pytest.approx(min(prompt["restart_losses"]), abs=1e-5)
    for name in ("head", "posterior", "prompt_1"):
        entry = methods[name]
        assert entry["converged"]
        # The path holds the penalty that the entry itself was fitted with.
        assert entry["path"]["train"] >= entry["train"]
        assert entry["path"]["l2"] in TINY.path
        assert 0 <= entry["test"] <= 1


def test_without_clear_margins_there_is_no_accuracy_on_them():
    small = ExactPromptsConfig((4,), (1,), sizes=(20, 5, 10), length=4, restarts=1, path=())
    (config,) = small.cells()
    record = exact_cell(config | {"clear_margin": 1e9}, HERE)
    assert record["clear_share"] == 0
    assert record["methods"]["head"]["clear"] is None
    assert "path" not in record["methods"]["head"]


def test_the_solvers_of_scipy_are_loaded_when_they_are_needed():
    # They are heavy, and only what is solved to convergence needs them.
    code = "import sys, hmmlib; sys.exit('scipy.optimize' in sys.modules or 'scipy.linalg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_provenance_is_that_of_this_run():
    found = provenance.provenance()
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["hmmlib"] == hmmlib.__version__
    assert found["machine"]["cores"] >= 1
    assert str(ROOT) not in json.dumps(found)


def test_what_is_not_installed_has_no_version():
    assert provenance.provenance(packages=("no-such-package",))["versions"]["no-such-package"] is None


def test_another_repository_around_an_installed_copy_is_not_reported(monkeypatch, tmp_path):
    monkeypatch.setattr(
        provenance, "_git", lambda *arguments: str(tmp_path) if arguments[0] == "rev-parse" else ""
    )
    assert provenance.provenance()["git"] is None


@pytest.fixture(scope="module")
def committed():
    return json.loads(COMMITTED.read_text(encoding="utf-8"))


@pytest.mark.skipif("exact_prompts" in AWAITED, reason="is being computed anew")
def test_the_committed_result_is_complete_and_of_the_default_configuration(committed):
    config = ExactPromptsConfig()
    assert committed["config"] == json.loads(json.dumps(config.asked()))
    found = [(cell["n_states"], cell["seed"]) for cell in committed["cells"]]
    assert found == [(cell["n_states"], cell["seed"]) for cell in config.cells()]
    runs = [committed["provenance"], *committed["provenance"]["went_on_from"]]
    assert sum(run["cells"] for run in runs) == len(found)


def test_the_committed_cells_hold_what_their_configuration_asks_for(committed):
    for cell, asked in zip(committed["cells"], ExactPromptsConfig().cells(), strict=True):
        prompts = [f"prompt_{size}" for size in asked["prompt_lengths"]]
        assert list(cell["methods"]) == ["majority", "head", "posterior", "head_paper", *prompts]
        for name in prompts:
            assert len(cell["methods"][name]["restart_losses"]) == committed["config"]["restarts"]


def test_the_committed_result_agrees_with_the_theorem_on_heads(committed):
    # Section 3: where the emissions are independent, a head on G can do what one on the posterior can.
    for cell in committed["cells"]:
        emission = hmmlib.random_hmm(cell["n_states"], generator=cell["seed"]).emission
        scaled = emission / emission.amax(0)
        if torch.linalg.matrix_rank(scaled, rtol=1e-9) == cell["n_states"]:
            head, posterior = cell["methods"]["head"], cell["methods"]["posterior"]
            assert head["loss"] == pytest.approx(posterior["loss"], abs=2e-3), (
                cell["n_states"],
                cell["seed"],
            )


def test_a_committed_cell_comes_out_again(committed):
    # Four states: a few seconds. Its numbers do not hang on the order of sums, unlike those of a long search.
    asked = ExactPromptsConfig().cells()[3]
    found, stored = exact_cell(asked, HERE), committed["cells"][3]
    assert found["redraws"] == stored["redraws"]
    for name in ("clear_share", "positive_share"):
        assert found[name] == pytest.approx(stored[name], abs=1e-6)
    for name, entry in stored["methods"].items():
        for key in entry.keys() & {"test", "clear", "train"}:
            assert found["methods"][name][key] == pytest.approx(entry[key], abs=2e-3)
        if "loss" in entry:
            assert found["methods"][name]["loss"] == pytest.approx(entry["loss"], abs=1e-4)
