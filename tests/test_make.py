"""``make``, and what is set on a reader's machine for other work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]

NOTEBOOK = """# %%
import json, os, sys
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.show()
# %%
print(json.dumps({
    "optimize": sys.flags.optimize, "size": plt.rcParams["figure.figsize"],
    "intruders": sorted({"intruder", "started"} & {*sys.modules, *dir()}),
    "warnings": sys.warnoptions, "encoding": open(os.devnull, "w").encoding}))
"""

KEPT = {
    "HTTPS_PROXY": "http://proxy.example:3128",
    "NO_PROXY": "localhost",
    "SSL_CERT_FILE": "/certificates.pem",
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "LANG": "C",
    "PIP_INDEX_URL": "https://mirror.example/simple",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the repository, as far as make needs it, in a folder that is not ASCII; with this Python."""
    tree = tmp_path / "ein Büchlein"
    shutil.copytree(ROOT / "book" / "tools", tree / "book" / "tools", ignore=shutil.ignore_patterns("__py*"))
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tree)
    (tree / ".venv" / "bin").mkdir(parents=True)
    python = tree / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    (tree / ".venv" / "installed").write_text(f"{tree}\n", encoding="utf-8")
    return tree


@pytest.fixture
def hostile(tmp_path: Path) -> dict[str, str]:
    """Settings of another project, each of which alone would change what the book shows or end it."""
    other = tmp_path / "other"
    packages = other / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    startup = other / "ipython" / "profile_default" / "startup"
    kernel = other / "jupyter" / "kernels" / "python3"
    for folder in (packages, startup, kernel):
        folder.mkdir(parents=True)
    (packages / "sitecustomize.py").write_text("import sys; sys.modules['intruder'] = sys\n")
    (packages / "matplotlib.py").write_text("raise ImportError('the matplotlib of another project')\n")
    (startup / "00.py").write_text("started = True\n")
    (kernel / "kernel.json").write_text(json.dumps({"argv": ["false"], "display_name": "", "language": ""}))
    (other / "matplotlibrc").write_text("figure.figsize: 1, 1\n")
    (other / "bash").write_text("echo intruder; exit 9\n")
    (other / "jupyter" / "jupyter_config.py").write_text("raise RuntimeError('of another project')\n")
    return {
        "BASH_ENV": str(other / "bash"),
        "COLUMNS": "20",
        "COVERAGE_PROCESS_START": str(other / "none"),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
        "DOCUTILSCONFIG": str(other / "none"),
        "FORCE_COLOR": "1",
        "HYPOTHESIS_STORAGE_DIRECTORY": str(other / "none"),
        "IPYTHONDIR": str(other / "ipython"),
        "JUPYTER_CONFIG_DIR": str(other / "jupyter"),
        "JUPYTER_CONFIG_PATH": str(other / "jupyter"),
        "JUPYTER_PATH": str(other / "jupyter"),
        "JUPYTER_PREFER_ENV_PATH": "0",
        "JUPYTERLAB_DIR": str(other / "none"),
        "MATPLOTLIBRC": str(other / "matplotlibrc"),
        "MPLBACKEND": "Agg",
        "MYPYPATH": str(other),
        "PYTEST_ADDOPTS": "--no-such-option",
        "PYTEST_PLUGINS": "no_such_plugin",
        "PYTHONHOME": str(other),
        "PYTHONINSPECT": "1",
        "PYTHONIOENCODING": "ascii",
        "PYTHONOPTIMIZE": "2",
        "PYTHONPATH": str(packages),
        "PYTHONSTARTUP": str(other / "none"),
        "PYTHONWARNINGS": "error",
        "RUFF_CONFIG": str(other / "none"),
        "SPHINXOPTS": "--no-such-option",
        "TORCH_LOGS": "+all",
        "TQDM_MININTERVAL": "0",
        "VIRTUAL_ENV": str(other),
    }


def make(tree: Path, *words: str, **variables: str) -> str:
    """What make prints, in an environment with a home that cannot be and these variables."""
    plain = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    done = subprocess.run(
        ["make", *words],
        cwd=tree,
        env=plain | {"HOME": "/dev/null/none", "LC_ALL": "C"} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_notebook_is_the_same_whatever_is_set(tree: Path, hostile: dict[str, str]):
    (tree / "notebooks").mkdir()
    (tree / "notebooks" / "tiny.py").write_text(NOTEBOOK, encoding="utf-8")
    said = make(tree, "notebooks", **hostile)
    assert "intruder" not in said
    figure, text = nbformat.read(tree / "notebooks" / "tiny.ipynb", as_version=4).cells
    assert "image/png" in figure.outputs[-1].data
    assert json.loads(text.outputs[0].text) == {
        "optimize": 0,
        "size": [6.4, 4.8],
        "intruders": [],
        "warnings": [],
        "encoding": "utf-8",
    }


def test_of_a_readers_environment_python_sees_what_it_takes_to_reach_a_host(
    tree: Path, hostile: dict[str, str]
):
    (tree / "show.mk").write_text(
        "include Makefile\nshow: ; @$(PY) -c 'import json, os; print(json.dumps(dict(os.environ)))'\n"
    )
    seen = json.loads(make(tree, "-f", "show.mk", "show", **hostile, **KEPT))
    assert {name: seen[name] for name in KEPT} == KEPT
    left = {name: value for name, value in hostile.items() if seen.get(name) == value}
    assert left == {}
    ours = {name for name in hostile if name in seen}
    assert ours == {"IPYTHONDIR", "JUPYTER_CONFIG_DIR"}
    assert all(seen[name].startswith(str(tree / ".venv")) for name in ours)


@pytest.mark.skipif(not (Path(sys.prefix) / "installed").exists(), reason="another environment than make's")
def test_the_path_to_hmmlib_is_one_that_every_locale_can_spell():
    (file,) = Path(sysconfig.get_path("purelib")).glob("*hmmlib*.pth")
    (line,) = file.read_bytes().decode("ascii").splitlines()
    assert set(line) == {".", "/"}
    assert (file.parent / line).resolve() == Path(sys.prefix).resolve().parent


def test_the_shells_that_make_starts_read_nothing_of_the_readers(tree: Path, hostile: dict[str, str]):
    assert "FORCE" not in make(tree, "--debug=basic", "-n", "setup", **hostile)
    assert make(tree, "setup", **hostile) == f"The environment is ready: {tree}/.venv\n"
