"""The recipe for Binder, as far as it can be checked without one."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
BINDER = ROOT / ".binder"
POST_BUILD = (BINDER / "postBuild").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_scripts_can_be_run(name: str):
    script = BINDER / name
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)


@pytest.mark.parametrize(
    ("limit", "threads"), [(None, "2"), ("2.0", "2"), ("4", "4"), ("0.5", "1"), ("1.5", "1")]
)
def test_as_many_threads_as_the_session_may_use(limit: str | None, threads: str):
    environment = {key: value for key, value in os.environ.items() if key != "CPU_LIMIT"}
    environment |= {} if limit is None else {"CPU_LIMIT": limit}
    seen = subprocess.run(
        [BINDER / "start", "bash", "-c", "echo $OMP_NUM_THREADS $GOMP_SPINCOUNT"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout.split() == [threads, "1000"]


def test_pytorch_has_the_pinned_version():
    command = re.search(r"^torch=\$\((.*)\)$", POST_BUILD, re.MULTILINE)
    found = subprocess.run(["bash", "-c", command[1]], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"torch==\d+\.\d+\.\d+\n", found.stdout)


def test_what_it_installs_beside_hmmlib_is_pinned_and_shows_theorems():
    installed = re.search(r"--editable \. (.*)$", POST_BUILD, re.MULTILINE)[1].split()
    pinned = re.findall(r"^([\w-]+)==", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(installed) <= set(pinned)
    # Without it JupyterLab shows the directives of the chapters as they are written.
    assert {"jupyterlab", "jupyterlab-myst"} <= set(installed)


def test_python_is_one_that_the_library_runs_on():
    version = (BINDER / "runtime.txt").read_text(encoding="utf-8").strip()
    assert version == "python-3.11"
    assert 'requires-python = ">=3.11"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_its_one_requirement_is_one_plain_version():
    lines = (BINDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    (requirement,) = (Requirement(line) for line in lines if not line.startswith("#"))
    assert requirement.name == "uv"
    assert re.fullmatch(r"==[\d.]+", str(requirement.specifier))
    assert f"\n{requirement};" in (ROOT / "requirements.txt").read_text(encoding="utf-8")


def test_it_opens_with_a_chapter_that_is_there():
    chapter = re.search(r"/lab/tree/([\w/]+\.ipynb)", POST_BUILD)[1]
    assert (ROOT / chapter).is_file()
