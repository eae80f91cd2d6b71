"""The files that come with the book: results that were computed before, and records in them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hmmlib._book import book_file

Record = Mapping[str, Any]


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
