"""Pages show what was just executed, never what an older run left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sphinx.errors import ExtensionError

from executed import executed_copy

ROOT = Path(__file__).resolve().parents[1]
CONFIGURATION = f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["myst_nb", "executed"]
nb_execution_mode = "off"
html_theme = "basic"

from myst_nb.sphinx_ import NbMetadataCollector

def setup(app):
    def say(app, doctree, docname):
        print("TIME", docname, (NbMetadataCollector.get_exec_data(app.env, docname) or {{}}).get("runtime"))
    app.connect("doctree-resolved", say)
"""


def write(file: Path, text: str) -> None:
    cell = new_code_cell("print(text)", execution_count=1)
    cell.outputs = [new_output("stream", name="stdout", text=f"{text}\n")]
    metadata = {"language_info": {"name": "python"}}
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Title"), cell], metadata=metadata), file)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "notebooks").mkdir(parents=True)
    (source / "conf.py").write_text(CONFIGURATION)
    (source / "index.md").write_text("# Contents\n\n```{toctree}\nnotebooks/one\nnotebooks/two\n```\n")
    for name in ("one", "two"):
        write(source / "notebooks" / f"{name}.ipynb", f"{name} as stored")
    return source


@pytest.fixture
def executed(tmp_path: Path) -> Path:
    folder = tmp_path / "executed"
    folder.mkdir()
    write(folder / "one.ipynb", "one as executed")
    (folder / "executed.json").write_text(json.dumps({"seconds": {"one": 3.5}, "stored": ["two"]}))
    return folder


def build(source: Path, executed: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "BOOK_EXECUTED"}
    if executed:
        environment["BOOK_EXECUTED"] = str(executed)
    command = [sys.executable, "-m", "sphinx", "-W", str(source), str(source.parent / "html")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def pages(source: Path) -> str:
    return "".join(file.read_text() for file in sorted((source.parent / "html" / "notebooks").glob("*.html")))


def test_pages_are_made_of_executed_copies_and_of_stored_outputs_again(source: Path, executed: Path) -> None:
    before = {file: file.read_bytes() for file in source.rglob("*.ipynb")}
    for folder, shown, hidden in ((None, "stored", "executed"), (executed, "executed", "stored")) * 2:
        done = build(source, folder)
        assert done.returncode == 0, done.stderr
        assert f"one as {shown}" in pages(source)
        assert f"one as {hidden}" not in pages(source)
        assert "two as stored" in pages(source)
        assert f"TIME notebooks/one {3.5 if folder else None}\n" in done.stdout
        assert "TIME notebooks/two None\n" in done.stdout
    assert {file: file.read_bytes() for file in source.rglob("*.ipynb")} == before


def test_what_was_not_executed_is_an_error(source: Path, executed: Path) -> None:
    (executed / "executed.json").write_text(json.dumps({"seconds": {"one": 3.5}, "stored": []}))
    with pytest.raises(ExtensionError, match=r"two\.ipynb was not executed"):
        executed_copy(executed, "two")
    done = build(source, executed)
    assert done.returncode != 0
    assert "two.ipynb was not executed" in done.stderr


def test_a_folder_without_copies_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ExtensionError, match="make book puts them there"):
        executed_copy(tmp_path, "one")
