"""What linear and attention heads share: values from weights, labels from values."""

from __future__ import annotations

from torch import Tensor


def labels_of(values: Tensor, binary: bool) -> Tensor:
    """Labels from a head's values.

    Args:
        values: Shape (…) if binary, else (…, n_classes).
        binary: Whether the sign decides, zero counting as class 1 as in the paper; else the largest value.

    Returns:
        Classes, int64, shape (…).
    """
    return (values >= 0).long() if binary else values.argmax(-1)


def apply_weights(weights: Tensor, inputs: Tensor) -> Tensor:
    """Values (…) under weights (n,), or (…, n_classes) under one row per class."""
    return inputs @ (weights if weights.ndim == 1 else weights.mT)


def check_probs(probs: Tensor, n_tokens: int) -> None:
    if probs.shape[-1:] != (n_tokens,):
        raise ValueError(f"probs: expected laws over {n_tokens} tokens, got shape {tuple(probs.shape)}")
