"""Weights on disk: safetensors files, which hold numbers and text and run nothing when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from hmmlib._checks import check_device, check_path
from hmmlib._files import read_tensors, write_tensors
from hmmlib.lm.transformer import TransformerMaskedLM
from hmmlib.lm.transformer_config import TransformerConfig

_LM_FORMAT = "hmmlib masked LM 1"


def save_lm(
    lm: TransformerMaskedLM,
    path: str | Path,
    *,
    about: Mapping[str, Any] | None = None,
    overwrite: bool = True,
) -> None:
    """Write a model to a file, as a whole or not at all.

    Example:
        >>> from hmmlib import TransformerMaskedLM, load_lm, save_lm
        >>> save_lm(TransformerMaskedLM(10), "lm.safetensors", about={"made by": "me"})
        >>> lm, about = load_lm("lm.safetensors")
        >>> about
        {'made by': 'me'}

    Args:
        lm: The model.
        path: The file, by custom ``*.safetensors``.
        about: What else to keep, ready for JSON: where the model comes from, how good it is.
        overwrite: Whether to replace a file that is there; else that one stays.

    Raises:
        TypeError: Another kind of model, or `about` is not ready for JSON.
    """
    if not isinstance(lm, TransformerMaskedLM):
        raise TypeError(f"lm: expected a TransformerMaskedLM, got {type(lm).__name__}")
    config = lm.config.to_dict() | {"n_tokens": lm.n_tokens}
    notes = {"format": _LM_FORMAT, "config": config, "about": about or {}}
    write_tensors(check_path(path), lm.state_dict(), notes, overwrite=overwrite)


def load_lm(
    path: str | Path, *, device: str | torch.device | None = None
) -> tuple[TransformerMaskedLM, dict[str, Any]]:
    """Read a model that `save_lm` wrote.

    Args:
        path: The file.
        device: Where to put the model; the CPU by default.

    Returns:
        The model, in the number type that it was saved in, frozen and without dropout, and what `save_lm`
        was told about it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, or something else; or the device cannot be used.
    """
    where = check_device(device)
    tensors, notes = read_tensors(check_path(path), _LM_FORMAT)
    config = dict(notes["config"])
    lm = TransformerMaskedLM(config.pop("n_tokens"), TransformerConfig.from_dict(config))
    lm.to(tensors["bias"].dtype).load_state_dict(tensors)
    return freeze(lm.to(where)), notes["about"]


def freeze(lm: TransformerMaskedLM) -> TransformerMaskedLM:
    """Make a model ready for use: no dropout, no gradients for its weights.

    Args:
        lm: The model, changed in place.

    Returns:
        The same model.
    """
    return lm.eval().requires_grad_(False)
