"""Builds the pages of the notebooks from copies that ``make book`` has just executed.

``$BOOK_EXECUTED`` is their folder. A copy stands in for its notebook when Sphinx reads it, and nothing is
executed any more. Without the variable, notebooks are what their files say. A notebook that was to be
executed and has no copy is an error, so that no page shows what an older run left.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

RECORD = "executed.json"  # as book/tools/execute_notebooks.py writes it


def configure(_app: Sphinx, config: Config) -> None:
    """Read ``BOOK_EXECUTED``."""
    if folder := os.environ.get("BOOK_EXECUTED"):
        config.executed_notebooks = str(Path(folder).resolve())
        config.nb_execution_mode = "off"


def executed_copy(folder: Path, name: str) -> tuple[str, float] | None:
    """Find the executed copy of a notebook.

    Args:
        folder: The folder of the copies.
        name: The notebook, without ending.

    Returns:
        The copy's text and the seconds that it took, or None if the notebook's stored outputs are wanted.

    Raises:
        ExtensionError: If there is neither a copy nor a word that there should be none.
    """
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ExtensionError(f"{folder} holds no executed notebooks: make book puts them there") from None
    if name in record["stored"]:
        return None
    if name not in record["seconds"]:
        raise ExtensionError(f"{name}.ipynb was not executed: {folder / RECORD} does not name it")
    return (folder / f"{name}.ipynb").read_text(encoding="utf-8"), record["seconds"][name]


def read_copy(app: Sphinx, docname: str, source: list[str]) -> None:
    """Have Sphinx read the executed copy of a notebook, and know how long it took."""
    path = Path(app.env.doc2path(docname))
    if not app.config.executed_notebooks or path.suffix != ".ipynb":
        return
    if found := executed_copy(Path(app.config.executed_notebooks), path.stem):
        source[0], seconds = found
        outcome = {"runtime": seconds, "method": "make book", "mtime": path.stat().st_mtime}
        success = {"succeeded": True, "error": None, "traceback": None}
        NbMetadataCollector.set_exec_data(app.env, docname, outcome | success)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the functions above to Sphinx's events."""
    app.add_config_value("executed_notebooks", "", "env")
    app.connect("config-inited", configure, priority=200)
    app.connect("source-read", read_copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
