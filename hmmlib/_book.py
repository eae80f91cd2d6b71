"""Where the files of the book are: results, models and texts that come with it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from hmmlib.sweeps.provenance import ROOT

# Copied there when hmmlib is packed: see pyproject.toml.
BROUGHT_ALONG = Path(str(files("hmmlib"))) / "_book"


def book_file(name: str) -> Path:
    """Find a file or folder of the book, from whatever folder a notebook runs in.

    Args:
        name: Its path in the folder ``book``, such as ``"checkpoints"``.

    Returns:
        The path: in the copy of the repository that the working directory lies in, else in the one
        that hmmlib is installed from, else what an installed hmmlib brought along: results, models and texts.

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
