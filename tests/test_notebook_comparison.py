"""What the test of a notebook sees: a fresh run prints and draws what is stored, and says nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[1]
SHOW = """from IPython.display import display

class Figure:
    def __repr__(self):
        return "<Figure>"
"""
DRAW = """
    def _repr_png_(self):
        return b"\\x89PNG\\r\\n\\x1a\\n" + bytes(9)

"""
STORED = new_output("display_data", {"text/plain": "<Figure>", "image/png": "iVBORw0KGgoAAA=="})
PRINTED = new_output("stream", name="stdout", text="0.25 of 3\n")
TABLED = new_output("stream", name="stdout", text="| 4 | −0.25 | 2e−16 |\n")

CASES = {
    "same": ("print('0.25 of 3')", PRINTED, True),
    "close": ("print('0.25001 of 3')", PRINTED, True),
    "number": ("print('0.26 of 3')", PRINTED, False),
    "table_close": ("print('| 4 | −0.25001 | 7e−16 |')", TABLED, True),
    "table_sign": ("print('| 4 | 0.25 | 2e−16 |')", TABLED, False),
    "table_size": ("print('| 4 | −0.25 | 2e−06 |')", TABLED, False),
    "silent": ("pass", PRINTED, False),
    "picture": (f"{SHOW}{DRAW}display(Figure())", STORED, True),
    "no_picture": (f"{SHOW}\n\ndisplay(Figure())", STORED, False),
    "stderr": ("import sys\nprint('0.25 of 3')\nprint('careful', file=sys.stderr)", PRINTED, False),
    "error": ("print('0.25 of 3')\n1 / 0", PRINTED, False),
}


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The cases whose notebook passes."""
    folder = tmp_path_factory.mktemp("notebooks")
    for name, (source, output, _) in CASES.items():
        cell = new_code_cell(source, execution_count=1, outputs=[output])
        nbformat.write(new_notebook(cells=[cell]), folder / f"{name}.ipynb")
    # As `make test` does, with the settings of this repository.
    options = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", "tests/nbval_sanitize.cfg"]
    command = [sys.executable, "-m", "pytest", "-p", "conftest", *options, "-n0", "-rA", str(folder)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    outcomes = re.findall(r"^(PASSED|FAILED) .*?(\w+)\.ipynb::Cell 0", done.stdout, re.MULTILINE)
    assert sorted(name for _, name in outcomes) == sorted(CASES), done.stdout + done.stderr
    return {name for outcome, name in outcomes if outcome == "PASSED"}


@pytest.mark.parametrize("name", CASES)
def test_a_fresh_run_is_compared_with_what_is_stored(passed: set[str], name: str) -> None:
    assert (name in passed) == CASES[name][2]
