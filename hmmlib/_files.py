"""JSON in one form only, and files that are written as a whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor


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


def write_whole(path: Path, content: bytes, *, overwrite: bool = True) -> None:
    """Write a file as a whole or not at all, whenever the process is killed.

    Args:
        path: The file; its folder is made if it does not exist.
        content: What to write.
        overwrite: Whether to replace a file that is there; else that one stays, even if another process
            finishes it meanwhile.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Several machines may write to one folder, so the number of the process does not make a name unique.
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            draft.replace(path)
        else:
            _keep_first(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _keep_first(draft: Path, path: Path) -> None:
    """Give the draft its name, unless another process was faster."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        draft.replace(path)


def set_aside(path: Path) -> Path | None:
    """Give a damaged file another name in its folder.

    Args:
        path: The file.

    Returns:
        Where it is now; None if it was gone.
    """
    aside = path.with_name(f"{path.name}.damaged-{uuid4().hex[:8]}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return None
    return aside


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON for people to read, as a whole or not at all.

    Args:
        path: The file; its folder is made if it does not exist.
        content: What to write.

    Raises:
        TypeError: The content cannot be written as JSON.
        ValueError: It holds a number that is not finite.
    """
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    write_whole(path, text.encode())


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, Any], *, overwrite: bool = True
) -> None:
    """Write tensors and notes to a safetensors file, as a whole or not at all.

    Args:
        path: The file; its folder is made if it does not exist.
        tensors: What to write.
        notes: Ready for JSON; one entry, 'format', says what the file is.
        overwrite: As for `write_whole`.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # Not `save_file`, which lets nobody but the owner read the file.
    content = save(plain, metadata={name: json.dumps(note) for name, note in notes.items()})
    write_whole(path, content, overwrite=overwrite)


def read_tensors(path: Path, expected: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a file that `write_tensors` wrote.

    Args:
        path: The file.
        expected: What its note 'format' must say.

    Returns:
        Tensors and notes.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, or something else.
    """
    if not path.exists():
        raise FileNotFoundError(f"path: there is no file {path}")
    if path.is_dir():
        raise ValueError(f"path: {path} is a folder; expected a file")
    try:
        with safe_open(path, framework="pt") as file:
            notes = {name: json.loads(note) for name, note in (file.metadata() or {}).items()}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(f"path: {path.name} is damaged or no safetensors file of hmmlib ({error})") from None
    if notes.get("format") != expected:
        raise ValueError(f"path: {path.name} holds {notes.get('format')!r}; expected {expected!r}")
    return tensors, notes


def digest(*parts: str | Tensor) -> str:
    """SHA-256 of texts and tables of numbers, one after the other.

    Args:
        parts: Of a table, on any device, the type and the shape count too.

    Returns:
        64 hexadecimal digits.
    """
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            found.update(part.encode())
            continue
        numbers = part.detach().cpu().contiguous().numpy()
        found.update(f"{numbers.dtype} {numbers.shape}".encode())
        found.update(numbers.tobytes())
    return found.hexdigest()
