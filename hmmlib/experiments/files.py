"""JSON in one form only, and files that are written as a whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4


def canonical(value: object) -> str:
    """The one way to write a value as JSON: keys sorted, no spaces, no numbers that are not finite.

    Args:
        value: What to write.

    Returns:
        JSON.

    Raises:
        TypeError: The value cannot be written as JSON.
        ValueError: It holds a number that is not finite.
    """
    # There and back first: keys that are numbers would be sorted otherwise when they are text.
    plain = json.loads(json.dumps(value, allow_nan=False))
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256(value: object) -> str:
    """SHA-256 of a value that JSON can hold.

    Args:
        value: The value.

    Returns:
        64 hexadecimal digits.

    Raises:
        TypeError: The value cannot be written as JSON.
        ValueError: It holds a number that is not finite.
    """
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file as a whole or not at all, whenever the process is killed.

    Args:
        path: The file; its folder is made if it does not exist.
        content: What to write.

    Raises:
        TypeError: The content cannot be written as JSON.
        ValueError: It holds a number that is not finite.
    """
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    # Several machines may write to one folder, so the number of the process does not make a name unique.
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
