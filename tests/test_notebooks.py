"""The committed notebooks are what ``make notebooks`` writes, and what a reader can use.

That their outputs are right is checked elsewhere, by nbval, which executes them and compares.
"""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import nbformat
import pytest
from jupytext.config import load_jupytext_config

from execute_notebooks import notebook_from_script

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
MOST_KIB = 600
MOST_LINES = 15

# Something a page would fetch when it shows an output, or a cell when it runs.
FROM_ELSEWHERE = re.compile(
    r"""(?:src|href)=["'](?:https?:)?//|@import|url\(\s*["']?(?:https?:)?//"""
    r"""|!\[[^\]]*\]\(https?:|\b(?:pip|conda|wget|curl|urlopen|urlretrieve)\b"""
)


@pytest.fixture(params=NAMES)
def notebook(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    notebook = nbformat.read(FOLDER / f"{request.param}.ipynb", as_version=4)
    notebook.path = FOLDER / f"{request.param}.ipynb"
    return notebook


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def outputs(notebook: nbformat.NotebookNode):
    return ((cell, output) for cell in code_cells(notebook) for output in cell.outputs)


def test_every_notebook_has_its_script_and_every_script_its_notebook() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.py")) == NAMES
    assert NAMES


def test_pair_is_in_sync(notebook: nbformat.NotebookNode) -> None:
    script = notebook.path.with_suffix(".py")
    config = load_jupytext_config(str(script))
    from_notebook = jupytext.writes(
        jupytext.read(notebook.path, config=config), fmt="py:percent", config=config
    )
    assert from_notebook == script.read_text(encoding="utf-8"), (
        f"{notebook.path.name} and {script.name} differ; make notebooks writes the notebook anew"
    )


def test_was_executed_from_top_to_bottom_in_one_go(notebook: nbformat.NotebookNode) -> None:
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_holds_nothing_of_the_machine_or_the_moment(notebook: nbformat.NotebookNode) -> None:
    fresh = notebook_from_script(notebook.path.with_suffix(".py"))
    assert [cell.id for cell in notebook.cells] == [cell.id for cell in fresh.cells]
    assert notebook.metadata.kernelspec == fresh.metadata["kernelspec"]
    assert "version" not in notebook.metadata.language_info
    assert all("execution" not in cell.metadata for cell in notebook.cells)
    assert not [path for path in ("/home/", "/Users/", "/tmp/") if path in str(notebook.cells)]


def test_no_cell_fails_or_warns(notebook: nbformat.NotebookNode) -> None:
    for cell, output in outputs(notebook):
        assert output.output_type != "error", cell.source
        assert output.get("name") != "stderr", cell.source


def aligned_lines(text: str) -> list[str]:
    """Lines with a gap of two or more blanks, if there are several: columns, set by hand."""
    found = [line for line in text.splitlines() if "  " in line.rstrip()]
    return found if len(found) > 1 else []


def test_lines_set_in_columns_are_found() -> None:
    assert aligned_lines("H   right\n4    0.94\none line") == ["H   right", "4    0.94"]
    assert aligned_lines("worst:\n   4: 0.1\n  30: 0.2") == ["   4: 0.1", "  30: 0.2"]
    assert aligned_lines("KL below 0.1 nats: True\nparameters: 155,082\n one  gap") == []


def test_no_table_is_made_of_printed_lines(notebook: nbformat.NotebookNode) -> None:
    # A Table can be read out, copied, and scrolled on a phone.
    printed = [(cell, aligned_lines(output.get("text", ""))) for cell, output in outputs(notebook)]
    aligned = [f"{cell.source}\n{lines[0]}" for cell, lines in printed if lines]
    assert not aligned, "\n\n".join(aligned)


def test_every_image_has_an_alternative_text(notebook: nbformat.NotebookNode) -> None:
    for cell, output in outputs(notebook):
        if any(kind.startswith("image/") for kind in output.get("data", {})):
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt.split()) >= 4, f"say what the picture shows:\n{cell.source}"


def test_cells_are_short(notebook: nbformat.NotebookNode) -> None:
    for cell in code_cells(notebook):
        assert len(cell.source.splitlines()) <= MOST_LINES, cell.source


def test_a_reader_is_told_what_to_change(notebook: nbformat.NotebookNode) -> None:
    assert any("# change me" in cell.source for cell in code_cells(notebook))


def test_file_is_small(notebook: nbformat.NotebookNode) -> None:
    assert notebook.path.stat().st_size < MOST_KIB * 1024


def test_asks_for_nothing_from_another_host(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells:
        found = FROM_ELSEWHERE.search(cell.source)
        assert not found, f"{found[0]} in:\n{cell.source}"
    for cell, output in outputs(notebook):
        data = output.get("data", {})
        found = FROM_ELSEWHERE.search(data.get("text/html", "") + data.get("image/svg+xml", ""))
        assert not found, f"{found[0]} in the output of:\n{cell.source}"


def test_formulas_are_typeset_without_the_books_macros(notebook):
    # JupyterLab, where readers open them on Binder, does not know what _config.yml defines.
    config = (FOLDER.parent / "_config.yml").read_text(encoding="utf-8")
    macros = re.findall(r'^ +(\w+): "\\\\mathbb', config, re.MULTILINE)
    assert len(macros) == 3
    used = re.compile(rf"\\(?:{'|'.join(macros)})(?![A-Za-z])")
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert [found for source in cells for found in used.findall(source)] == []


def test_no_bracket_at_the_start_of_a_line_makes_a_list(notebook):
    # The book's lists have dots: "(15 states, seed / 1) a prompt" is a sentence that was broken there.
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert not re.findall(r"^ *\d+\) .*", cell.source, re.MULTILINE)
