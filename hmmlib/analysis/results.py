"""The files that come with the book: results that were computed before, and records in them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from hmmlib.sweeps.provenance import ROOT

# Copied there when hmmlib is packed: see pyproject.toml.
BROUGHT_ALONG = Path(str(files("hmmlib"))) / "_book"
Record = Mapping[str, Any]


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


def n_test_texts(file: Mapping[str, Any]) -> int:
    """How many texts the accuracies of a result file were counted on.

    Args:
        file: Contents of a file of a sweep that tunes heads or prompts.

    Returns:
        The number of test texts of each cell.

    Raises:
        ValueError: Its configuration does not say.
    """
    config = file.get("config", {})
    sizes = config.get("sizes", config.get("scale", {}).get("sizes"))
    if sizes is None:
        raise ValueError(f"file: expected 'sizes' in its config, or in the scale there, got {sorted(config)}")
    return int(sizes[2])


def group(records: Sequence[Record], field: str) -> dict[Any, list[Record]]:
    """Records by the value of a field.

    Args:
        records: Of cells.
        field: Its name, such as 'n_states'.

    Returns:
        Each value, rising, and the records that have it, in their order.

    Raises:
        ValueError: A record lacks the field.
    """
    lacking = next((record for record in records if field not in record), None)
    if lacking is not None:
        raise ValueError(f"field: a record has no {field!r}; it has {sorted(lacking)}")
    return {
        value: [record for record in records if record[field] == value]
        for value in sorted({record[field] for record in records})
    }


def find_cell(records: Sequence[Record], **fields: Any) -> Record:
    """The one record with these values.

    Args:
        records: Of cells.
        **fields: Names and values, as in ``find_cell(cells, n_states=15, seed=1)``.

    Returns:
        The record.

    Raises:
        ValueError: There is none, or more than one.
    """
    found = [
        record
        for record in records
        if all(name in record and record[name] == value for name, value in fields.items())
    ]
    if len(found) != 1:
        asked = ", ".join(f"{name} {value}" for name, value in fields.items())
        there = ", ".join(
            f"{name} in {sorted({record[name] for record in records if name in record})}" for name in fields
        )
        raise ValueError(f"fields: expected one record of {asked}, got {len(found)}; there are {there}")
    return found[0]
