"""``hmmlib figure3``: from nothing to the figure and the verdicts."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hmmlib import cli
from hmmlib.analysis.curves import PAPER
from hmmlib.experiments import EXPERIMENTS, exact_prompts, head_vs_prompt, memory_vs_vanilla
from hmmlib.experiments.figure3_sweeps import SWEEPS, figure3_configs
from hmmlib.hmm import N_SYNTAX
from hmmlib.sweeps import CellStore, cell_hash, collect

N_CELLS = {"exact-prompts": 12, "head-vs-prompt": 12, "memory-vs-vanilla": 16}


def made_up(config, methods):
    """Accuracies by which the paper is right, at once."""
    states = config.get("n_states") or N_SYNTAX * config["n_values"]
    random = np.random.default_rng(states + 100 * config["seed"])
    record = {"seed": config["seed"], "n_states": states, "methods": {}}
    record |= {name: config[name] for name in ("kind", "n_values") if name in config}
    for method in methods:
        good = "prompt" in method or "attention" in method or method == "word_counts"
        right = 0.99 if good else 1 - states / 80
        record["methods"][method] = {"test": round(right + random.uniform(0, 0.01), 6), "clear": None}
    return record


def exact_cell(config, _place):
    return made_up(config, ("head", "head_paper", "prompt_1", "prompt_paper"))


def first_cell(config, _place):
    if config["seed"] == 13:
        raise ArithmeticError("an unlucky seed")
    return made_up(config, head_vs_prompt.METHODS)


def second_cell(config, _place):
    return made_up(config, memory_vs_vanilla.METHODS)


QUICK = {
    **EXPERIMENTS,
    "exact-prompts": replace(exact_prompts.EXPERIMENT, compute=exact_cell),
    "head-vs-prompt": replace(head_vs_prompt.EXPERIMENT, compute=first_cell),
    "memory-vs-vanilla": replace(memory_vs_vanilla.EXPERIMENT, compute=second_cell),
}


@pytest.fixture
def say(tmp_path, capsys, monkeypatch):
    """Run the command in an empty folder, with cells that take no time; what it ends with and prints."""
    monkeypatch.chdir(tmp_path)

    def run(words):
        code = cli.main(["figure3", *words.split()], QUICK)
        return code, *capsys.readouterr()

    return run


def test_from_nothing_to_the_figure_and_the_verdicts(say):
    code, out, err = say("--preset smoke --seeds 1-2 --csv numbers.csv --out there/mine.svg")
    assert code == 0
    assert "1. heads get worse as states are added" in out
    line = next(line for line in out.splitlines() if line.startswith("2a."))
    assert line.split("  ")[-1] == "reproduced"
    for name, count in N_CELLS.items():
        assert f"hmmlib: {name}: {count} cells" in err
        assert len(list(CellStore("runs").cells(name))) == count
    assert err.endswith("hmmlib: every number is in numbers.csv\nhmmlib: the figure is in there/mine.svg\n")
    assert Path("there/mine.svg").read_text().startswith("<?xml")
    rows = list(csv.DictReader(Path("numbers.csv").read_text().splitlines()))
    assert {row["world"] for row in rows} == {
        PAPER,
        "networks, AdamW",
        "networks, fitted",
        "exact model, AdamW",
        "exact model",
    }
    (paper,) = (r for r in rows if (r["world"], r["curve"], r["n_states"]) == (PAPER, "head", "15"))
    assert (paper["seeds"], float(paper["mean"]), paper["verdict"]) == ("20", 74.64, "")
    assert {row["seeds"] for row in rows if row["world"] != PAPER} == {"2"}


def test_what_is_there_is_not_computed_again(say):
    say("--preset smoke --seeds 1-2")
    _, _, err = say("--preset smoke --seeds 1-3")
    assert "head-vs-prompt: 18 cells" in err
    assert "12 of them in runs" in err
    assert "1/18" not in err


def test_a_dry_run_computes_and_draws_nothing(say, tmp_path):
    code, out, err = say("--preset smoke --seeds 1-2 --dry-run")
    assert (code, err.count("how long one takes is not known")) == (0, 3)
    assert out.count("CPU time left") == 3
    assert not list(tmp_path.iterdir())


def test_exported_cells_are_taken_over_whichever_experiment_they_are_of(say):
    say("--preset smoke --seeds 1-2 --store theirs")
    configs = figure3_configs("smoke", (1, 2))
    for key, config in configs.items():
        content = collect(QUICK[SWEEPS[key]], config, CellStore("theirs")).export()
        Path(f"{key}.json").write_text(json.dumps(content))
    code, _, err = say("--preset smoke --seeds 1-2 --import first.json second.json exact.json --dry-run")
    assert code == 0
    for name, count in N_CELLS.items():
        assert f"hmmlib: {name}: {count} new cells from" in err
        assert f"{count} of them in runs" in err


def test_a_cell_that_fails_costs_its_seed_and_no_more(say):
    code, out, err = say("--preset smoke --seeds 1-2 13")
    assert code == 1
    assert "2a. a prompt beats a head" in out
    assert "hmmlib: 6 cells failed; curves have the seeds of which no cell is missing" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--seeds 1", "seeds: expected two different ones or more, for intervals, got (1,)"),
        ("--seeds 1-2 2", "seeds: expected two different ones or more, for intervals, got (1, 2, 2)"),
        ("--workers 0", "workers: expected at least 1, got 0"),
        ("--import no.json", "No such file"),
        ("--import other.json", "--import: other.json holds cells of fake; expected one of exact-prompts"),
        ("--import broken.json", "--import: broken.json is no JSON"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_computed(say, words, message):
    Path("other.json").write_text(json.dumps({"experiment": "fake", "cells": []}))
    Path("broken.json").write_text("{")
    code, out, err = say(f"--preset smoke {words}")
    assert (code, out) == (2, "")
    assert message in err
    assert not Path("runs").exists()


def test_its_cells_are_those_of_the_experiments_by_themselves():
    configs = figure3_configs("laptop", (1, 2, 3))
    own = {
        "exact": exact_prompts.EXPERIMENT.presets["paper"],
        "first": head_vs_prompt.EXPERIMENT.presets["laptop"],
        "second": memory_vs_vanilla.EXPERIMENT.presets["laptop"],
    }
    for key, config in configs.items():
        names = {cell_hash(SWEEPS[key], cell) for cell in own[key].cells()}
        assert {cell_hash(SWEEPS[key], cell) for cell in config.cells()} <= names


@pytest.mark.parametrize("preset", ["smoke", "laptop", "gpu", "paper"])
def test_every_preset_has_the_points_of_the_paper(preset):
    for key, config in figure3_configs(preset, (4, 7)).items():
        cells = config.cells()
        assert {cell["seed"] for cell in cells} == {4, 7}
        assert len(cells) == N_CELLS[SWEEPS[key]]
    with pytest.raises(ValueError, match="preset: expected one of"):
        figure3_configs("huge", (1, 2))
