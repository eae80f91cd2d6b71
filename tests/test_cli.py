"""The command line: what it asks for, what it says, and how it ends."""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock, call

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch
from fake_experiments import EXPERIMENTS, FAKE, FakeConfig, count_instead_of_time

import hmmlib
from hmmlib import cli, draw_held_out, evaluate, load_lm, pretrain, random_hmm
from hmmlib.cli._sweeps import config_of
from hmmlib.cli._words import duration
from hmmlib.experiments import EXPERIMENTS as REAL
from hmmlib.experiments import figure3, shipped
from hmmlib.experiments.exact_prompts import ExactPromptsConfig
from hmmlib.experiments.figure3 import point_model
from hmmlib.experiments.pretraining import PretrainingConfig
from hmmlib.hmm import fingerprint
from hmmlib.pretraining import pretraining_preset
from hmmlib.pretraining.trainer import HELD_OUT_SEED
from hmmlib.sweeps import CellStore, collect, options, progress
from hmmlib.sweeps.provenance import provenance

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def say(tmp_path, capsys, monkeypatch):
    """Run a command in an empty folder; its exit code, and what it prints."""
    monkeypatch.chdir(tmp_path)

    def run(words, experiments=EXPERIMENTS):
        code = cli.main(words.split(), experiments)
        return code, *capsys.readouterr()

    return run


# --- sweep ---


def test_a_sweep_is_kept_in_runs(say, tmp_path):
    code, out, err = say("sweep fake")
    assert (code, out) == (0, "")
    first, *lines, last = err.splitlines()
    assert first == "hmmlib: fake: 12 cells, 0 of them in runs"
    assert last == "hmmlib: fake: 12 cells are in runs, 12 of them new"
    assert len(lines) == len(list(CellStore(tmp_path / "runs").cells("fake"))) == 12
    assert say("sweep fake --numbers 3-8")[2] == (
        "hmmlib: fake: 6 cells, 6 of them in runs\nhmmlib: fake: 6 cells are in runs, 0 of them new\n"
    )
    assert say("sweep fake --numbers 3")[2].endswith("hmmlib: fake: 1 cell is in runs, 0 of them new\n")


def test_each_cell_gets_a_line_without_a_terminal(say):
    lines = say("sweep fake --numbers 1-3 --seeds 7")[2].splitlines()[1:-1]
    seconds = r"\d\.\d s, \d\.\d s of CPU time"
    assert re.fullmatch(rf"hmmlib: 1/3 number 1, seed 7: {seconds}; about \d\.\d s left", lines[0])
    assert re.fullmatch(rf"hmmlib: 2/3 number 2, seed 7: {seconds}; about \d\.\d s left", lines[1])
    assert re.fullmatch(rf"hmmlib: 3/3 number 3, seed 7: {seconds}", lines[2])
    lines = say("sweep fake --numbers 0-1 --seeds 7-8 --trouble fails")[2].splitlines()
    assert [line.partition(": ")[2].rpartition(": ")[0] for line in lines[1:5]] == [
        f"{number}/4 number {(number - 1) % 2}, seed {7 + (number - 1) // 2}" for number in range(1, 5)
    ]
    assert [line.split(": ")[2][:6] == "failed" for line in lines[1:5]] == [False, True, False, True]


def test_a_terminal_has_a_bar_instead(say, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    bar = Mock()
    monkeypatch.setattr(progress, "tqdm", bar)
    say("sweep fake --numbers 1")
    code, _, err = say("sweep fake --numbers 1-3")
    assert code == 0
    assert bar.call_args == call(total=3, initial=1, unit="cell")
    assert bar.return_value.update.call_count == 1 + 2
    assert "CPU time" not in err


def test_failing_cells_end_it_with_1(say):
    code, _, err = say("sweep fake --trouble fails --numbers 1-4")
    assert code == 1
    assert err.endswith("hmmlib: fake: 2 cells are in runs, 2 of them new\nhmmlib: 2 failed\n")


def test_a_time_limit_ends_it_with_3(say, monkeypatch):
    count_instead_of_time(monkeypatch)
    code, _, err = say("sweep fake --preset large --time-limit 5s")
    assert code == 3
    there = len(list(CellStore("runs").cells()))
    assert 0 < there < 60
    assert f"hmmlib: {60 - there} left for want of time; the same command goes on with them" in err


def test_ctrl_c_ends_it_with_130(say):
    code, _, err = say("sweep fake --trouble interrupts --store x")
    assert code == 130
    assert err.endswith(
        "hmmlib: stopped; what is finished is kept in x; 9 cells are left, and the same command goes on\n"
    )


def asked_by(words, experiments=REAL):
    words = words.split()
    return config_of(cli.parser_for(words, experiments).parse_args(words))


def test_options_change_the_preset():
    assert asked_by("sweep pretraining") == PretrainingConfig()
    words = "sweep pretraining --preset smoke --n-states 4 8 --n-values --seeds 1-3 7 --variants Muon"
    assert asked_by(words + " --learning-rates 0.001 3e-3 --measure-every 20") == PretrainingConfig(
        "smoke", ("Muon",), (0.001, 0.003), (4, 8), (), (1, 2, 3, 7), 20
    )
    words = "results exact-prompts --sizes 5 6 7 --length 9 --restarts 2 --longer-prompts --longer-seeds 1-2"
    assert asked_by(words) == ExactPromptsConfig(
        sizes=(5, 6, 7), length=9, restarts=2, longer_prompts=(), longer_seeds=(1, 2)
    )
    assert asked_by("sweep fake --rates 0.5 --sizes 3 4", EXPERIMENTS) == FakeConfig(
        rates=(0.5,), sizes=(3, 4)
    )


@pytest.mark.parametrize("name", REAL)
def test_every_preset_has_cells_and_every_option_is_a_field(name):
    experiment = REAL[name]
    for preset in experiment.presets.values():
        cells = preset.cells()
        assert cells
        assert len({json.dumps(cell) for cell in cells}) == len(cells)
        assert "seeds" in options(preset)
        assert all(group in cells[0] for group in experiment.groups)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "the following arguments are required: COMMAND"),
        ("sweep", "the following arguments are required: NAME"),
        ("sweep nothing", "invalid choice: 'nothing'"),
        ("sweep fake --preset huge", "argument --preset: invalid choice: 'huge'"),
        ("sweep fake --seeds 3-1", "argument --seeds: expected a number or a range such as 1-20, got '3-1'"),
        ("sweep fake --seeds x", "argument --seeds: expected a number or a range such as 1-20, got 'x'"),
        (
            "sweep fake --time-limit 9",
            "--time-limit: expected a time such as 90s, 9m or 1.5h, got '9'",
        ),
        ("sweep fake --time-limit 0s", "expected a time such as 90s, 9m or 1.5h, got '0s'"),
        ("sweep fake --sizes 1", "argument --sizes: expected 2 arguments"),
        ("sweep fake --workers two", "argument --workers: invalid int value: 'two'"),
        ("pretrain --out x", "one of the arguments --n-states --n-values is required"),
        ("pretrain --n-states 4 --n-values 2 --out x", "not allowed with argument"),
        ("pretrain --n-states 4", "the following arguments are required: --out"),
        ("shipped", "the following arguments are required: --out"),
        (
            "sweep fake --set recipe.steps",
            "--set: expected PATH=VALUE such as scale.length=64, got 'rec",
        ),
        ("sweep fake --set .=3", "--set: expected PATH=VALUE such as scale.length=64, got '.=3'"),
        ("sweep fake --set recipe.steps=NaN", "--set: expected a finite number, got NaN"),
        (
            "results fake --plot x.gif",
            "--plot: expected a name that ends in .svg or .png or .pdf, got",
        ),
    ],
)
def test_words_that_make_no_sense_end_it_with_2(say, capsys, words, message):
    with pytest.raises(SystemExit, match="2"):
        say(words)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("sweep fake --seeds", "config: no cells are left of fake; expected at least one"),
        ("sweep fake --workers 0", "workers: expected at least 1, got 0"),
        ("sweep fake --device abacus", "device: fake is computed on ('cpu', 'cuda'), got 'abacus'"),
        ("sweep pretraining --variants faster", "variant: expected one of"),
        ("sweep pretraining --learning-rates -1", "learning_rate: expected a finite number > 0"),
        ("results fake --merge nowhere", "other: there is no folder nowhere"),
        ("pretrain --n-states 0 --preset smoke --out x", "n_states: expected at least 1, got 0"),
        ("pretrain --n-states 4 --device abacus --preset smoke --out x", "device: cannot use 'abacus'"),
        ("pretrain --n-states 4 --preset smoke --out .", "--out: . exists; expected a new file"),
    ],
)
def test_what_cannot_be_done_ends_it_with_2(say, words, message):
    code, out, err = say(words, REAL | EXPERIMENTS)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("hmmlib: error: ")
    assert message in err


def test_the_command_goes_on_with_training_that_python_began(say, tmp_path):
    recipe = pretraining_preset("smoke", seed=1)
    model = random_hmm(4, 10, generator=1)
    pretrain(model, recipe, checkpoint=tmp_path / "training", stop_after=25, progress=False)
    words = "pretrain --n-states 4 --seed 1 --preset smoke --out lm --checkpoint training"
    assert say(words)[0] == 0
    found, about = load_lm(tmp_path / "lm")
    # And the other way round: what is finished is read, not trained.
    again = pretrain(model, recipe, checkpoint=tmp_path / "training", progress=False)
    for name, weight in again.lm.state_dict().items():
        assert torch.equal(weight, found.state_dict()[name]), name
    assert about["hmm"] == fingerprint(model)
    other = random_hmm(4, 10, generator=2)
    with pytest.raises(ValueError, match="checkpoint: training was made with text from another HMM"):
        pretrain(other, recipe, checkpoint=tmp_path / "training", progress=False)


@pytest.mark.parametrize(("word", "seconds"), [("90s", 90), ("9m", 540), ("1.5h", 5400)])
def test_times_have_units(word, seconds):
    assert duration(word) == seconds


# --- other recipes ---


def test_set_and_recipe_change_every_cell(say):
    Path("mine.json").write_text('{"recipe": {"steps": 5, "name": "mine"}, "recipe.warm": true}')
    words = "fake --numbers 1-2 --recipe mine.json --set recipe.steps=7 --set recipe.name=more --set delay=0"
    assert say(f"sweep {words} --workers 2")[0] == 0
    assert {cell.record["steps"] for cell in CellStore("runs").cells()} == {7}
    recipe = {"steps": 7, "name": "more", "warm": True}
    assert all(cell.config["recipe"].items() >= recipe.items() for cell in CellStore("runs").cells())
    assert say(f"results {words} --export x.json")[0] == 0
    exported = json.loads(Path("x.json").read_text())
    assert exported["config"]["changes"] == {"recipe": recipe, "delay": 0}
    assert exported["config"]["delay"] == 0
    # The preset's own cells are others.
    assert say("results fake --numbers 1-2")[1].splitlines()[1].split()[1] == "0/2"
    # An export's changes are a recipe.
    Path("again.json").write_text(json.dumps(exported["config"]["changes"]))
    assert "1/1" not in say("results fake --numbers 1-2 --recipe again.json")[1]
    assert "2/2" in say("results fake --numbers 1-2 --recipe again.json")[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--set recipe.step=7", "changes: there is no recipe.step; recipe has steps, rates, name, patience"),
        ("--set recipes=7", "changes: there is no recipes; a cell has number, seed, rate, delay"),
        ("--set recipe.steps=few", 'changes: recipe.steps: expected a number as 3, got "few"'),
        (
            "--set recipe=7",
            "changes: recipe: expected one of its entries, such as recipe.steps (it has s",
        ),
        ("--set recipe.rates.one=7", 'changes: recipe.rates: expected a list as [0.1, 0.2], got {"one": 7}'),
        ("--set recipe.steps=0", "config: the cell number 0, seed 1 of fake cannot be computed: steps: e"),
        ("--set number=3", "changes: what tells cells apart is changed, and 11 of 12 are like others"),
        ("--recipe nothing.json", "nothing.json"),
        ("--recipe list.json", "--recipe: list.json: expected a table such as"),
        ("--recipe cut.json", "--recipe: cut.json is no JSON"),
    ],
)
def test_another_recipe_is_checked_before_anything_is_computed(say, words, message):
    Path("list.json").write_text("[1]")
    Path("cut.json").write_text('{"a"')
    for command in ("sweep", "results"):
        code, out, err = say(f"{command} fake {words}")
        assert (code, out) == (2, "")
        assert message in err
    assert not Path("runs").exists()


# --- before a sweep ---


def test_a_dry_run_counts_cells_and_says_what_is_not_known(say):
    code, out, err = say("sweep fake --numbers 1-3 --seeds 1-2 --dry-run")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["seed", "cells", "there", "CPU", "time", "left"],
        ["1", "3", "0", "?"],
        ["2", "3", "0", "?"],
    ]
    assert err == (
        "hmmlib: fake: 6 cells (seed: 3 of 1, 3 of 2), 0 of them in runs\n"
        "hmmlib: 6 cells are left; how long one takes is not known, as none is there\n"
    )
    assert not Path("runs").exists()


def cost(numbers, seed, seconds):
    """Put cells into ./runs that took so long."""
    for config in FakeConfig(numbers=numbers, seeds=(seed,)).cells():
        CellStore("runs").put("fake", config, {"value": 1}, seconds | {"date": "2026"})


def test_a_dry_run_estimates_the_time_from_cells_of_the_same_row(say):
    cost((1,), 1, {"cpu_seconds": 100.0, "wall_seconds": 900.0})
    cost((2,), 1, {"cpu_seconds": 260.0, "wall_seconds": 900.0})
    cost((1,), 2, {"wall_seconds": 1500.0})  # from before CPU seconds were kept
    code, out, err = say("sweep fake --numbers 1-3 --seeds 1-3 --dry-run --workers 2")
    assert code == 0
    assert [line.split(maxsplit=3) for line in out.splitlines()[1:]] == [
        ["1", "3", "2", "3 min"],
        ["2", "3", "1", "50 min"],
        ["3", "3", "0", "31 min"],
    ]
    assert "hmmlib: 6 cells are left: about 84 min of CPU time, 42 min with 2 workers, by the mean" in err
    assert say("sweep fake --numbers 1 --seeds 1 --dry-run")[2].endswith("1 cell, 1 of them in runs\n")


def test_the_kinds_of_pretrainings_are_counted(say):
    err = say("sweep pretraining --n-states 4 15 --seeds 1-3 --dry-run", REAL)[2]
    assert err.startswith("hmmlib: pretraining: 18 cells (6 vanilla, 12 memory), 0 of them in runs\n")
    err = say("sweep pretraining --n-states 4 15 --n-values --seeds 1-3 --dry-run", REAL)[2]
    assert err.startswith("hmmlib: pretraining: 6 cells, 0 of them in runs\n")


# --- results ---


def test_results_are_a_table(say):
    say("sweep fake --numbers 0-2")
    code, out, _ = say("results fake --numbers 0-3 --seeds 1 20")
    assert code == 0
    assert out.splitlines() == [
        "seed  cells          value  none",
        "   1    3/4  0.3333 ± 0.83     –",
        "  20    0/4              –     –",
    ]
    # One cell has no interval, and where all agree the interval is none either.
    assert say("results fake --numbers 2")[1].splitlines()[1].split() == ["1", "1/1", "0.6667", "–"]
    say("sweep fake --numbers 2 --rates 0.5 0.6")
    row = say("results fake --numbers 2 --rates 0.5 0.6")[1].splitlines()[1]
    assert row.split() == ["1", "2/2", "0.6667", "(all", "2)", "–"]


def test_results_are_merged_and_exported(say):
    say("sweep fake --numbers 0-1 --store here")
    say("sweep fake --numbers 1-3 --store there")
    words = "results fake --numbers 0-3 --store here --export book/x.json"
    code, _, err = say(words)
    assert (code, err) == (
        3,
        "hmmlib: 2 cells are missing, so book/x.json was not written; --allow-missing writes what is there\n",
    )
    assert not Path("book").exists()
    code, _, err = say(words + " --merge there")
    assert (code, err) == (0, "hmmlib: 2 new cells from there\n")
    stored = json.loads(Path("book/x.json").read_text(encoding="utf-8"))
    assert stored == collect(FAKE, FakeConfig(numbers=(0, 1, 2, 3)), CellStore("here")).export()


def change(folder, number, **entries):
    """Put another record of a cell in a store."""
    (config,) = FakeConfig(numbers=(number,)).cells()
    cell = CellStore("here").get("fake", config)
    CellStore(folder).put("fake", config, cell.record | entries, cell.provenance)


def test_a_merge_says_what_differs_and_takes_over_the_rest(say):
    say("sweep fake --numbers 0-2 --store here")
    say("sweep fake --numbers 3 --store there")
    change("there", 1, value=1 / 3 + 1e-9)
    change("there", 2, text="G")
    code, _, err = say("results fake --numbers 0-3 --store here --merge there --export x.json")
    assert code == 0
    assert "hmmlib: 1 new cell, 1 here too with other numbers, which stay as they are here (the" in err
    assert "largest difference is 1e-09 (relative 3e-09) at fake/" in err
    cpu = provenance()["machine"]["cpu"]
    assert f".value; both computed on {cpu}), 1 here too, different in more than numbers, kept beside" in err
    assert f"ours (both computed on {cpu}) from there\n" in err
    assert [cell["value"] for cell in json.loads(Path("x.json").read_text())["cells"]] == [0, 1 / 3, 2 / 3, 1]


def test_results_change_no_file(say, tmp_path):
    say("sweep fake --numbers 0-2")
    damaged = sorted((tmp_path / "runs" / "fake").iterdir())[0]
    damaged.write_bytes(damaged.read_bytes()[:-20])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, out, _ = say("results fake --numbers 0-2 --export x.json")
    assert (code, "2/3" in out) == (3, True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_exported_cells_come_back_and_only_the_rest_is_computed(say):
    say("sweep fake --numbers 1-2 --seeds 1-3 --store there")
    say("results fake --numbers 1-2 --seeds 1-3 --store there --export x.json")
    before = {path.name: path.read_bytes() for path in Path("there/fake").glob("*.json")}
    words = "results fake --numbers 1-2 --seeds 1-20"
    code, _, err = say(f"{words} --import x.json")
    assert (code, err) == (0, "hmmlib: 6 new cells from x.json\n")
    assert {path.name: path.read_bytes() for path in Path("runs/fake").glob("*.json")} == before
    assert say("sweep fake --numbers 1-2 --seeds 1-20")[2].endswith("40 cells are in runs, 34 of them new\n")
    assert say(f"{words} --import x.json")[2] == "hmmlib: 0 new cells, 6 here already from x.json\n"
    # Those not asked for stay where they are.
    code, _, err = say("results fake --numbers 2-3 --seeds 3 --store few --import x.json")
    assert err == "hmmlib: 1 new cell, 5 of other configurations, not taken from x.json\n"


def test_a_file_without_names_of_its_cells_is_an_error(say):
    kept = ROOT / "tests" / "records" / "head_vs_prompt_smoke.json"
    content = json.loads(kept.read_text(encoding="utf-8"))
    Path("old.json").write_text(json.dumps({k: v for k, v in content.items() if k != "kept"}))
    code, out, err = say("results head-vs-prompt --preset smoke --import old.json", REAL)
    assert (code, out) == (2, "")
    assert "does not say the names of its cells" in err
    assert "it was written by an earlier version" in err


def test_what_is_there_can_be_exported_though_cells_are_missing(say):
    say("sweep fake --numbers 1-2")
    words = "results fake --numbers 1-4 --export x.json --allow-missing"
    code, _, err = say(words)
    assert (code, err) == (0, "hmmlib: 2 cells are missing, as x.json says\n")
    stored = json.loads(Path("x.json").read_text())
    assert (stored["missing"], [cell["number"] for cell in stored["cells"]]) == (2, [1, 2])
    code, _, err = say("results fake --numbers 5 --export y.json --allow-missing")
    assert (code, "fake: none of 1 cells is there; expected at least one" in err) == (2, True)
    assert not Path("y.json").exists()


def test_a_table_of_numbers_has_a_row_for_each_cell_and_column(say):
    say("sweep fake --numbers 1-2 --rates 0.5")
    assert say("results fake --numbers 1-3 --rates 0.5 --csv out/x.csv")[0] == 0
    with Path("out/x.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["number"], row["seed"], row["rate"], row["column"]) for row in rows] == [
        ("1", "1", "0.5", "value"),
        ("2", "1", "0.5", "value"),
    ]
    assert [float(row["value"]) for row in rows] == [1 / 3, 2 / 3]
    assert list(rows[0]) == ["number", "seed", "rate", "delay", "trouble", "column", "value"]


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_results_are_drawn(say, ending):
    say("sweep fake --numbers 1-3 --seeds 1-2")
    words = f"results fake --numbers 1-3 --seeds 1-2 --plot out/x.{ending} --columns value"
    with mpl.rc_context():
        assert say(words)[0] == 0
        once = Path(f"out/x.{ending}").read_bytes()
        assert once[:4] in (b"<?xm", b"\x89PNG", b"%PDF")
        assert say("results fake --numbers 7 --plot y.svg")[0] == 2
    plt.close("all")


def test_columns_can_be_chosen(say):
    say("sweep fake --numbers 1")
    assert say("results fake --numbers 1 --columns value")[1].splitlines()[0].split() == [
        "seed",
        "cells",
        "value",
    ]
    code, _, err = say("results fake --numbers 1 --columns worth")
    assert (code, "columns: expected some of ('value', 'none'), got 'worth'" in err) == (2, True)


# --- pretrain ---


def test_pretrain_saves_a_model_and_goes_on_from_a_checkpoint(say):
    words = "pretrain --n-values 2 --seed 3 --preset smoke --out lm.safetensors --checkpoint training"
    code, out, err = say(words, REAL)
    assert (code, err) == (0, "")
    lm, about = load_lm("lm.safetensors")
    assert out.startswith(f"KL {about['kl']:.4g} ± {about['kl_error']:.2g} nats; cross-entropy ")
    assert out.endswith("; weights and history in lm.safetensors\n")
    model = point_model(8, 2, 3)
    measured = evaluate(lm, draw_held_out(model, generator=HELD_OUT_SEED))
    assert about["kl"] == pytest.approx(measured.kl, rel=1e-3)
    assert about["kl_error"] == pytest.approx(measured.kl_error, rel=1e-2)
    assert about["history"]["kl"][-1] == pytest.approx(about["kl"], abs=1e-5)
    assert len(about["history"]["step"]) == len(about["provenance"]["seconds"]) > 1
    assert about["provenance"]["device"] == "cpu"
    point = ("n_states", "n_values", "seed", "preset", "variant")
    assert [about[name] for name in point] == [8, 2, 3, "smoke", "short texts first"]
    assert lm.n_tokens == 10

    # The checkpoint is of the finished training, so nothing is left to train.
    Path("lm.safetensors").rename("before")
    assert say(words, REAL)[1] == out
    code, _, err = say(words.replace("--seed 3", "--seed 4").replace("lm.", "other."), REAL)
    assert (code, "checkpoint: training was made with" in err) == (2, True)
    assert not Path("other.safetensors").exists()


def test_a_training_that_diverges_ends_it_with_1(say, monkeypatch):
    def diverges(*_arguments, **_options):
        raise FloatingPointError("the loss is nan at step 7")

    monkeypatch.setattr(figure3, "pretrain", diverges)
    code, _, err = say("pretrain --n-states 4 --preset smoke --out x", REAL)
    assert (code, err) == (1, "hmmlib: error: the loss is nan at step 7\n")


def test_shipped_models_are_trained_where_they_are_missing(say, monkeypatch):
    monkeypatch.setattr(shipped, "pretrain_point", lambda *_, path, **how: path.write_text(str(how)))
    monkeypatch.setattr(shipped, "train_reader", lambda path: path.write_text("a reader"))
    Path("new").mkdir()
    there = Path("new") / "vanilla_25_seed_1_short_texts_first.safetensors"
    there.write_text("as it was")
    assert say("shipped --out new", REAL) == (0, "", "hmmlib: 4 new models in new\n")
    assert len(list(Path("new").iterdir())) == 5
    assert there.read_text() == "as it was"
    assert say("shipped --out new", REAL)[2] == "hmmlib: 0 new models in new\n"


# --- help ---


def run_parsed(words):
    """What a command line prints before it ends, and which of the large packages it has imported."""
    script = (
        "import sys\nfrom hmmlib.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    assert not end.code\n"
        "large = {'torch', 'numpy', 'scipy', 'matplotlib', 'hmmlib.experiments'}\n"
        "print(sorted(large & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_help_and_version_wait_for_nothing():
    assert run_parsed(["--version"]) == f"hmmlib {hmmlib.__version__}\n[]\n"
    out = run_parsed(["--help"])
    assert out.endswith("[]\n")
    assert all(command in out for command in ("sweep", "results", "pretrain", "shipped"))
    assert "torch" in run_parsed(["sweep", "--help"])  # it says what experiments there are


def parsers(parser):
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield from parsers(one)


@pytest.mark.parametrize("command", ["sweep", "results", "pretrain", "shipped"])
def test_help_says_every_default(command):
    found = list(parsers(cli.parser_for([command])))
    assert len(found) >= 4
    checked = 0
    for parser in found:
        parser.format_help()
        for action in parser._actions:
            if not action.option_strings or action.required or action.nargs == 0:
                continue
            experiment = parser._defaults.get("experiment")
            fields = options(next(iter(experiment.presets.values()))) if experiment else {}
            if action.default not in (None, [], 0) or action.dest in fields:
                assert "by default" in action.help, (parser.prog, action.option_strings)
                checked += 1
    assert checked >= {"shipped": 0, "pretrain": 4}.get(command, 20)


def test_defaults_are_those_of_each_preset_as_they_are_typed():
    def text(words, option):
        for parser in parsers(cli.parser_for(words.split())):
            if parser.prog == f"hmmlib {words}":
                return next(action.help for action in parser._actions if option in action.option_strings)
        raise AssertionError(words)

    assert "(by default 1-5 with laptop, gpu, paper and longer; 1 with smoke; 1 2 with ladder)" in text(
        "sweep pretraining", "--seeds"
    )
    assert "4 8 10 15 25 30 with laptop, gpu and paper" in text("sweep pretraining", "--n-states")
    assert "none with longer and ladder" in text("sweep pretraining", "--n-values")
    assert "5000 500 1000 with paper" in text("sweep exact-prompts", "--sizes")
    variants = text("pretrain", "--variant")
    assert "\"the paper's, small\", 'more blanks', 'no dropout', pre-norm" in variants
    assert "'KL, 5%% blanks', 'KL, 30%% blanks'" in text("results pretraining", "--columns")


# --- as a command ---


@pytest.mark.parametrize("encoding", ["ascii", "latin-1:strict"])
@pytest.mark.parametrize(
    ("words", "said"),
    [("sweep exact-prompts --help", "--time-limit"), ("results exact-prompts", "majority")],
)
def test_an_encoding_without_a_character_of_ours_is_no_error(tmp_path, encoding, words, said):
    done = subprocess.run(
        [sys.executable, "-m", "hmmlib", *words.split()],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert said in done.stdout.decode(encoding.partition(":")[0])


def test_an_encoding_that_replaces_in_its_own_way_does_so(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "hmmlib", "sweep", "exact-prompts", "--help"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii:replace"},
        capture_output=True,
        check=True,
    )
    assert b"cuda:1 ?" in done.stdout


def test_a_plain_copy_of_the_source_runs_without_what_is_optional(tmp_path):
    shutil.copytree(ROOT / "hmmlib", tmp_path / "hmmlib", ignore=shutil.ignore_patterns("__pycache__"))
    # Not there, as far as this process is concerned: what is optional, and an installed hmmlib.
    (tmp_path / "plain.py").write_text(
        "import importlib.metadata as metadata, runpy, sys\n"
        "for name in ('dask', 'distributed', 'transformers', 'hmmlearn', 'matplotlib'):\n"
        "    sys.modules[name] = None\n"
        "known = metadata.version\n"
        "def version(name):\n"
        "    if name == 'hmmlib':\n"
        "        raise metadata.PackageNotFoundError(name)\n"
        "    return known(name)\n"
        "metadata.version = version\n"
        "sys.argv[0] = 'hmmlib'\n"
        "runpy.run_module('hmmlib', run_name='__main__')\n",
        encoding="utf-8",
    )
    words = "sweep exact-prompts --preset smoke --n-states 4 --seeds 1 --length 8 --sizes 60 2 30"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "plain.py", *words.split()],
        cwd=tmp_path,
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    first, line, last = done.stderr.splitlines()
    assert first == "hmmlib: exact-prompts: 1 cell, 0 of them in runs"
    assert line.startswith("hmmlib: 1/1 n_states 4, seed 1: ")
    assert last == "hmmlib: exact-prompts: 1 cell is in runs, 1 of them new"
    (cell,) = CellStore(tmp_path / "runs").cells()
    assert cell.provenance["versions"]["hmmlib"] == "working tree"
    assert cell.provenance["git"] is None
