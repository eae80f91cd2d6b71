"""Write each figure of the notebooks as an SVG file for slides, named by the figure's label.

Run as ``make slides``, or ``make slides NOTEBOOKS=head_tuning`` for some. The files lie in ``_build/slides``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell

from execute_notebooks import NOTEBOOKS, ROOT, notebook_from_script, say
from kernels import execute_side_by_side

TARGET = ROOT / "_build" / "slides"
AS_SVG = "%config InlineBackend.figure_formats = ['svg']"


def for_slides(script: Path) -> nbformat.NotebookNode:
    """A notebook without outputs that draws its figures as SVG.

    Args:
        script: A file ``notebooks/*.py``.

    Returns:
        The notebook.
    """
    notebook = notebook_from_script(script)
    notebook.cells.insert(0, new_code_cell(AS_SVG))
    return notebook


def pictures(notebook: nbformat.NotebookNode) -> Iterator[tuple[str, str]]:
    """The figures of an executed notebook.

    Args:
        notebook: The notebook.

    Yields:
        Label and SVG of each.
    """
    for cell in notebook.cells:
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        for output in cell.get("outputs", []):
            picture = output.get("data", {}).get("image/svg+xml")
            if picture and "name" in figure:
                yield figure["name"], picture


def main(arguments: list[str] | None = None) -> int:
    """Execute the notebooks named on the command line, or all, and write their figures.

    Args:
        arguments: What stands on the command line; None: that of this process.

    Returns:
        1 if a notebook failed, else 0.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", help="names of notebooks; all by default", metavar="NAME")
    parser.add_argument("--workers", type=int, default=1, help="how many at a time (%(default)s)")
    parser.add_argument("--into", type=Path, default=TARGET, help="folder for the files")
    asked = parser.parse_args(arguments)
    names = asked.names or sorted(script.stem for script in NOTEBOOKS.glob("*.py"))
    for name in names:
        if not (NOTEBOOKS / f"{name}.py").exists():
            parser.error(f"NAME: there is no notebook {name}")
    notebooks = {name: for_slides(NOTEBOOKS / f"{name}.py") for name in names}
    outcomes = execute_side_by_side(notebooks, NOTEBOOKS, say, workers=asked.workers)
    asked.into.mkdir(parents=True, exist_ok=True)
    written = 0
    for notebook in notebooks.values():
        for label, picture in pictures(notebook):
            (asked.into / f"{label}.svg").write_text(picture, encoding="utf-8")
            written += 1
    print(f"wrote {written} figures to {asked.into}")
    return int(any(outcome.fault is not None for outcome in outcomes))


if __name__ == "__main__":
    raise SystemExit(main())
