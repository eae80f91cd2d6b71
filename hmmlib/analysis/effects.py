"""What one change does to accuracies, seed by seed, as a mean over all sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hmmlib.analysis.curves import complete
from hmmlib.analysis.intervals import Mean, mean_over_seeds


def method_gain(cells: Sequence[Mapping[str, Any]], method: str, less: str) -> Mean:
    """By how much one method is ahead of another.

    Args:
        cells: Records of a sweep, with `n_states`, `seed` and `methods`.
        method: Name of the method.
        less: Name of the other one.

    Returns:
        Mean over sizes and seeds of the difference, points of percent, and the half-width of its 95% interval
        over seeds, each of shape ().

    Raises:
        ValueError: There are not two seeds for which all sizes have both methods.
    """
    both = complete(complete(cells, method), less)
    if not both:
        raise ValueError(f"cells: expected two seeds or more with {method!r} and {less!r} at all sizes")
    return _over_seeds(both, lambda entries: entries[method]["test"] - entries[less]["test"])


def clear_gain(cells: Sequence[Mapping[str, Any]], method: str) -> Mean:
    """By how much a method is better on texts whose margin is clear than on all.

    Args:
        cells: Records of a sweep, with `n_states`, `seed` and `methods`.
        method: Name of the method.

    Returns:
        Mean over sizes and seeds of the difference, points of percent, and the half-width of its 95% interval
        over seeds, each of shape (). Cells without a clear text are left out of the means.

    Raises:
        ValueError: There are not two seeds for which all sizes have the method.
    """
    those = complete(cells, method)
    if not those:
        raise ValueError(f"cells: expected two seeds or more with {method!r} at all sizes")
    return _over_seeds(those, lambda entries: _on_clear(entries[method]))


def _on_clear(entry: Mapping[str, Any]) -> float:
    return float("nan") if entry["clear"] is None else entry["clear"] - entry["test"]


def _over_seeds(cells: Sequence[Mapping[str, Any]], effect: Any) -> Mean:
    by_seed: dict[int, list[float]] = {}
    for cell in cells:
        by_seed.setdefault(cell["seed"], []).append(100 * effect(cell["methods"]))
    return mean_over_seeds([float(np.nanmean(values)) for values in by_seed.values()])
