"""The command line: what it asks for, what it says, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from fake_experiments import EXPERIMENTS, FAKE, FakeConfig, count_instead_of_time

from hmmlib import cli, load_lm, pretrain, random_hmm
from hmmlib.experiments import EXPERIMENTS as REAL
from hmmlib.experiments import figure3, shipped
from hmmlib.experiments.exact_prompts import ExactPromptsConfig
from hmmlib.experiments.pretraining import PretrainingConfig
from hmmlib.hmm import fingerprint
from hmmlib.pretraining import pretraining_preset
from hmmlib.sweeps import CellStore, collect, options

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
    assert err == "hmmlib: fake: 12 cells are in runs, 12 of them new\n"
    assert len(list(CellStore(tmp_path / "runs").cells("fake"))) == 12
    assert say("sweep fake --numbers 3-8")[2] == "hmmlib: fake: 6 cells are in runs, 0 of them new\n"


def test_failing_cells_end_it_with_1(say):
    code, _, err = say("sweep fake --trouble fails --numbers 1-4")
    assert code == 1
    assert err.startswith("hmmlib: fake: 2 cells are in runs, 2 of them new\nhmmlib: 2 failed\n")


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
    assert err == (
        "hmmlib: stopped; what is finished is kept in x; 9 cells are left, and the same command goes on with "
        "them\n"
    )


def asked_by(words, experiments=REAL):
    return cli._config(cli._parser(experiments).parse_args(words.split()))


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
    assert err.startswith("hmmlib: error: ")
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
    assert cli._duration(word) == seconds


# --- results ---


def test_results_are_a_table(say):
    say("sweep fake --numbers 0-2")
    code, out, _ = say("results fake --numbers 0-3 --seeds 1 20")
    assert code == 0
    assert out.splitlines() == [
        "seed  cells   value  none",
        "   1    3/4  0.3333     –",
        "  20    0/4       –     –",
    ]


def test_results_are_merged_and_exported(say):
    say("sweep fake --numbers 0-1 --store here")
    say("sweep fake --numbers 1-3 --store there")
    words = "results fake --numbers 0-3 --store here --export book/x.json"
    code, _, err = say(words)
    assert (code, err) == (3, "hmmlib: 2 cells are missing, so book/x.json was not written\n")
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
    assert (
        "hmmlib: 1 new cells, 1 that are here too with other numbers, which stay as they are here (the" in err
    )
    assert "largest difference is 1e-09 (relative 3e-09) at fake/" in err
    assert "1 that are here too and differ in more than numbers, kept beside ours from there\n" in err
    assert [cell["value"] for cell in json.loads(Path("x.json").read_text())["cells"]] == [0, 1 / 3, 2 / 3, 1]


def test_results_change_no_file(say, tmp_path):
    say("sweep fake --numbers 0-2")
    damaged = sorted((tmp_path / "runs" / "fake").iterdir())[0]
    damaged.write_bytes(damaged.read_bytes()[:-20])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, out, _ = say("results fake --numbers 0-2 --export x.json")
    assert (code, "2/3" in out) == (3, True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


# --- pretrain ---


def test_pretrain_saves_a_model_and_goes_on_from_a_checkpoint(say):
    words = "pretrain --n-values 2 --seed 3 --preset smoke --out lm.safetensors --checkpoint training"
    code, out, err = say(words, REAL)
    assert (code, err) == (0, "")
    lm, about = load_lm("lm.safetensors")
    assert out.startswith(f"KL {about['kl']:.4g} nats; cross-entropy ")
    assert out.endswith("; weights in lm.safetensors\n")
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
    Path("new").mkdir()
    there = Path("new") / "vanilla_25_seed_1_short_texts_first.safetensors"
    there.write_text("as it was")
    assert say("shipped --out new", REAL) == (0, "", "hmmlib: 3 new models in new\n")
    assert len(list(Path("new").iterdir())) == 4
    assert there.read_text() == "as it was"
    assert say("shipped --out new", REAL)[2] == "hmmlib: 0 new models in new\n"


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
    assert done.stderr == "hmmlib: exact-prompts: 1 cells are in runs, 1 of them new\n"
    (cell,) = CellStore(tmp_path / "runs").cells()
    assert cell.provenance["versions"]["hmmlib"] == "working tree"
    assert cell.provenance["git"] is None
