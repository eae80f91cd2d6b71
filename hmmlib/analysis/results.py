"""The files that come with the book: results that were computed before, and small pretrained models."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from hmmlib.sweeps.provenance import ROOT

# Copied there when hmmlib is packed: see pyproject.toml.
BROUGHT_ALONG = Path(str(files("hmmlib"))) / "_book"


def book_file(name: str) -> Path:
    """Find a file or folder of the book, from whatever folder a notebook runs in.

    Args:
        name: Its path in the folder ``book``, such as ``"checkpoints"``.

    Returns:
        The path: in the copy of the repository that the working directory lies in, else in the one
        that hmmlib is installed from, else what an installed hmmlib brought along: results and models.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    here = Path.cwd()
    folders = [*(folder / "book" for folder in (here, *here.parents, ROOT)), BROUGHT_ALONG]
    found = next((folder / name for folder in folders if (folder / name).exists()), None)
    if found is not None:
        return found
    asked = f"there is no book/{name} in {here}, above it, or in {ROOT}"
    beside = next((folder / name for folder in folders if (folder / name).parent.is_dir()), None)
    if beside is None:
        raise FileNotFoundError(f"{asked}: run this in a copy of the book's repository")
    others = ", ".join(sorted(path.name for path in beside.parent.iterdir()))
    raise FileNotFoundError(f"{asked}; in {beside.parent} there are {others}")


def read_results(name: str) -> dict[str, Any]:
    """Read results of the book.

    Args:
        name: Name of a file in ``book/results``, without its ending.

    Returns:
        Its content; ``provenance`` says how it was computed.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    content: dict[str, Any] = json.loads(book_file(f"results/{name}.json").read_text(encoding="utf-8"))
    return content
