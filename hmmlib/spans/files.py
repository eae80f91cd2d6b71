"""Readers of spans on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hmmlib._checks import check_path
from hmmlib._files import read_tensors, write_tensors
from hmmlib.lm import TransformerConfig, TransformerMaskedLM
from hmmlib.spans.readers import SpanReader, check_span_reader

_FORMAT = "hmmlib span reader 1"


def save_reader(
    reader: SpanReader, path: str | Path, *, about: Mapping[str, Any] | None = None, overwrite: bool = True
) -> None:
    """Write a reader to a file, as a whole or not at all.

    Args:
        reader: The reader.
        path: The file, by custom ``*.safetensors``.
        about: What else to keep, ready for JSON: where the reader comes from, how good it is.
        overwrite: Whether to replace a file that is there; else that one stays.

    Raises:
        TypeError: Not a reader, or `about` is not ready for JSON.
    """
    lm = check_span_reader(reader).lm
    notes = {
        "format": _FORMAT,
        "config": lm.config.to_dict(),
        "n_tokens": lm.n_tokens,
        "hidden": reader.inner.out_features,
        "about": about or {},
    }
    write_tensors(check_path(path), reader.state_dict(), notes, overwrite=overwrite)


def load_reader(path: str | Path) -> tuple[SpanReader, dict[str, Any]]:
    """Read a reader that `save_reader` wrote.

    Args:
        path: The file.

    Returns:
        The reader, which can be trained further, and what `save_reader` was told about it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, or something else.
    """
    tensors, notes = read_tensors(check_path(path), _FORMAT)
    lm = TransformerMaskedLM(notes["n_tokens"], TransformerConfig.from_dict(notes["config"]))
    reader = SpanReader(lm, notes["hidden"])
    reader.to(tensors["inner.bias"].dtype).load_state_dict(tensors)
    return reader.eval(), notes["about"]
