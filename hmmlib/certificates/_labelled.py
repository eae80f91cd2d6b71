"""Checks of features and labels, shared by the certificates."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import ArrayLike
from hmmlib.heads.logistic import check_binary_labels, check_features


def check_labelled(features: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return features and labels as arrays, or raise.

    Args:
        features: What a head reads of each text, finite numbers, shape (n, V).
        labels: Classes 0 or 1, integers, shape (n,).

    Returns:
        float64, shape (n, V), and int64, shape (n,).

    Raises:
        TypeError: The features are not real numbers, or the labels not integers.
        ValueError: Shapes that do not fit, an empty set, a feature that is not finite, another label.
    """
    rows = check_features(features).double()
    return rows.numpy(force=True), check_binary_labels(labels, len(rows)).numpy(force=True)


def tensor_like(values: np.ndarray, features: ArrayLike) -> Tensor:
    """A result as a tensor where the features are: on their device, or the CPU for other arrays."""
    found = torch.from_numpy(values)
    return found.to(features.device) if isinstance(features, Tensor) else found
