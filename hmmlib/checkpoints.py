"""Weights on disk: safetensors files, which hold numbers and text and run nothing when they are read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from hmmlib._checks import check_device
from hmmlib.transformer import TransformerConfig, TransformerMaskedLM

_LM_FORMAT = "hmmlib masked LM 1"


def save_lm(lm: TransformerMaskedLM, path: str | Path, *, about: Mapping[str, Any] | None = None) -> None:
    """Write a model to a file, as a whole or not at all.

    Args:
        lm: The model.
        path: The file, by custom ``*.safetensors``; replaced if it exists.
        about: What else to keep, ready for JSON: where the model comes from, how good it is.
    """
    config = asdict(lm.config) | {"n_tokens": lm.n_tokens}
    write_tensors(Path(path), lm.state_dict(), {"format": _LM_FORMAT, "config": config, "about": about or {}})


def load_lm(
    path: str | Path, *, device: str | torch.device | None = None
) -> tuple[TransformerMaskedLM, dict[str, Any]]:
    """Read a model that `save_lm` wrote.

    Args:
        path: The file.
        device: Where to put the model; the CPU by default.

    Returns:
        The model, frozen and without dropout, and what `save_lm` was told about it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, or something else; or the device cannot be used.
    """
    where = check_device(device)
    tensors, notes = read_tensors(Path(path), _LM_FORMAT)
    config = dict(notes["config"])
    lm = TransformerMaskedLM(config.pop("n_tokens"), TransformerConfig(**config))
    lm.load_state_dict(tensors)
    return freeze(lm.to(where)), notes["about"]


def freeze(lm: TransformerMaskedLM) -> TransformerMaskedLM:
    """Make a model ready for use: no dropout, no gradients for its weights.

    Args:
        lm: The model, changed in place.

    Returns:
        The same model.
    """
    return lm.eval().requires_grad_(False)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, Any]) -> None:
    """Write tensors and notes to a safetensors file, as a whole or not at all.

    Args:
        path: The file; its folder is made if it does not exist.
        tensors: What to write.
        notes: Ready for JSON; one entry, 'format', says what the file is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        # Not `save_file`, which lets nobody but the owner read the file.
        draft.write_bytes(save(plain, metadata={name: json.dumps(note) for name, note in notes.items()}))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


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
