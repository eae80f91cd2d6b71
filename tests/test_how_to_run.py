"""What the page on running says can be done is done: its commands, recipe, experiment and array of jobs."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hmmlib import cli
from hmmlib.cli._sweeps import config_of
from hmmlib.sweeps import CellStore

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "book" / "how_to_run.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


def block(language, words):
    """The one piece of code with these words in it."""
    (found,) = (text for kind, text in BLOCKS if kind == language and words in text)
    return found


def commands():
    """Every command of ours on the page, word by word."""
    for kind, text in BLOCKS:
        if kind == "bash":
            for line in text.replace("\\\n", " ").replace("$SLURM_ARRAY_TASK_ID", "1").splitlines():
                if line.startswith("hmmlib "):
                    yield shlex.split(line)[1:]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, in which `hmmlib` is a command."""
    monkeypatch.chdir(tmp_path)
    command = tmp_path / "bin" / "hmmlib"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hmmlib "$@"\n')
    command.chmod(0o755)
    Path("mine.json").write_text(block("json", "scale"))
    return tmp_path


def run(*words, **more):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | more
    environment["PATH"] = f"{Path('bin').resolve()}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
@pytest.mark.usefixtures("folder")
def test_every_command_is_one(words):
    asked = cli.parser_for(words).parse_args(words)
    if words[0] in ("sweep", "results"):
        assert config_of(asked).cells()


def test_there_are_commands():
    assert {words[0] for words in commands()} == {"sweep", "results", "figure3", "pretrain"}


@pytest.mark.usefixtures("folder")
def test_a_dry_run_says_what_the_page_says(capsys):
    (words,) = (words for words in commands() if words[0] == "sweep" and "--dry-run" in words)
    assert cli.main(words) == 0
    assert capsys.readouterr().err.startswith(block("text", "hmmlib:"))


def test_the_recipe_in_python_is_computed_and_printed(folder):
    Path("recipe.py").write_text(block("python", "ChangedConfig"))
    out = run(sys.executable, "recipe.py").stdout
    cells = list(CellStore(folder / "runs").cells())
    assert len(cells) == len(re.findall(r"^\d/4 n_states", out, re.MULTILINE)) == 4
    assert {(cell.config["length"], cell.config["recipe"]["epochs"]) for cell in cells} == {(24, 5)}


def test_an_experiment_of_ones_own_has_the_command_line(folder):
    Path("floor.py").write_text(block("python", "FLOOR"))
    (command,) = re.findall(r"`python (floor\.py sweep [^`]*)`", PAGE)
    run(sys.executable, *command.split())
    cells = list(CellStore(folder / "runs").cells("floor"))
    assert {cell.config["rate"] for cell in cells} == {0.5}
    assert len(cells) == 6
    table = run(sys.executable, "floor.py", "results", "floor", "--set", "rate=0.5").stdout
    assert [line.split()[:2] for line in table.splitlines()[1:]] == [["4", "3/3"], ["15", "3/3"]]


def test_an_array_of_jobs_is_brought_together(folder):
    Path("array.sh").write_text(block("bash", "#SBATCH"))
    for number in (1, 2):
        run("bash", "array.sh", SLURM_ARRAY_TASK_ID=str(number))
    (merge,) = (words for words in commands() if "--merge" in words)
    Path("merge.sh").write_text(f"hmmlib {' '.join(merge)} --seeds 1-2 --export x.json")
    run("bash", "merge.sh")
    cells = json.loads((folder / "x.json").read_text())["cells"]
    assert {(cell["n_states"], cell["seed"]) for cell in cells} == {(4, 1), (4, 2), (12, 1), (12, 2)}
