"""What a chapter that is downloaded from its page says first: how to get what it needs to run elsewhere."""

from __future__ import annotations

from pathlib import Path

import nbformat
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

CELL_ID = "how-to-run"


def how_to_run(repository: str) -> str:
    """Write the sentences.

    Args:
        repository: Public address of the repository, or the empty string.

    Returns:
        Markdown.
    """
    source = f'"hmmlib @ git+{repository}"' if repository else "FOLDER"
    where = "" if repository else " `FOLDER` is a copy of the book's repository."
    return (
        f"> To run this notebook outside of the book's repository, run `%pip install {source}` in a cell of "
        f"its own first, with Python 3.11 or newer.{where} This installs the library `hmmlib`, and with it "
        "the results and the small models that the chapters read."
    )


def tell_downloads(app: Sphinx, exception: Exception | None) -> None:
    """Put the sentences at the head of each notebook that a page offers to download."""
    if exception is not None or app.builder.format != "html":
        return
    text = how_to_run(app.config.html_theme_options.get("repository_url", ""))
    for path in sorted((Path(app.outdir) / "_sources").rglob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        # A page that was not written anew has them from before, perhaps with another address.
        cells = [cell for cell in notebook.cells if cell.get("id") != CELL_ID]
        notebook.cells = [nbformat.v4.new_markdown_cell(text, id=CELL_ID), *cells]
        nbformat.write(notebook, path)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Do so when the pages are written."""
    app.connect("build-finished", tell_downloads)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
