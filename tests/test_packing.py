"""What is packed: a wheel with what the chapters read, and a source archive in which tests can run."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
READS = """
import sys
sys.path.insert(0, sys.argv[1])
from hmmlib.analysis import read_tagged
from hmmlib.analysis import book_file, read_results
from hmmlib import load_lm
from hmmlib.experiments.shipped import READER_FILE
from hmmlib.spans import load_reader
brought = book_file("checkpoints").is_relative_to(sys.argv[1])
print(read_results("figure3_paper")["experiment_1"]["H"][0], brought)
for file in book_file("checkpoints").glob("*.safetensors"):
    (load_reader if file.name == READER_FILE else load_lm)(file)
assert len(read_tagged("heldout")) > 1000
"""


def pack(folder: Path, kind: str) -> Path:
    words = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    (packed,) = folder.iterdir()
    return packed


def files_in(root: Path) -> set[str]:
    folders = ("hmmlib", "notebooks", "book", "tests", ".binder")
    made = {"__pycache__", ".ipynb_checkpoints", ".ruff_cache"}
    return {
        path.relative_to(root).as_posix()
        for folder in folders
        for path in (root / folder).rglob("*")
        if path.is_file() and not made & set(path.parts)
    } | {
        "Makefile",
        "requirements.txt",
        "pyproject.toml",
        "conftest.py",
        "_toc.yml",
        "_config.yml",
        "README.md",
    }


def test_the_source_archive_has_all_that_tests_read(tmp_path: Path):
    with tarfile.open(pack(tmp_path, "sdist")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert files_in(ROOT) - names == set()
    assert not [name for name in names if name.startswith((".venv", "_build", "runs"))]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(pack(tmp_path_factory.mktemp("wheel"), "wheel")) as wheel:
        wheel.extractall(folder)
    return folder


def test_the_wheel_brings_the_results_and_the_models(installed: Path, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", READS, installed],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("4 True\n", 0), done.stderr


def test_the_wheel_has_what_is_in_the_repository_and_nothing_else(installed: Path):
    packed = {
        path.relative_to(installed / "hmmlib").as_posix() for path in (installed / "hmmlib").rglob("*.*")
    }
    ours = {name.removeprefix("hmmlib/") for name in files_in(ROOT) if name.startswith("hmmlib/")}
    brought = {
        name.replace("book/", "_book/")
        for name in files_in(ROOT)
        if name.startswith(("book/results/", "book/checkpoints/", "book/data/"))
        and not name.startswith("book/results/under_way/")
    }
    assert packed == ours | brought
