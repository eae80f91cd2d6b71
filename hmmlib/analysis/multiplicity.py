"""Many effects at once: what is still told from zero when all of a family were looked at.

The claims of `hmmlib.analysis.claims` are few and were written down before the numbers. Whatever else a page
looks through for differences is *exploratory*, and is shown with what Holm's correction leaves of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from hmmlib.analysis.intervals import Mean
from hmmlib.tables import Table, number

EXPLORATORY = "exploratory"


def p_values(effects: Mean, n_seeds: int, level: float = 0.95) -> NDArray[np.float64]:
    """Two-sided p-values of effects, recovered from their intervals.

    Args:
        effects: Means, and half-widths of Student's intervals.
        n_seeds: Number of seeds behind each, at least 2.
        level: Of the intervals.

    Returns:
        The p-values against an effect of zero, of the shape of the means: 1 where an effect is exactly zero.

    Raises:
        ValueError: Fewer than two seeds.
    """
    if n_seeds < 2:
        raise ValueError(f"n_seeds: expected at least 2, got {n_seeds}")
    error = effects.interval / scipy.stats.t.ppf((1 + level) / 2, n_seeds - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(effects.mean == 0, 0.0, np.abs(effects.mean) / error)
    found: NDArray[np.float64] = 2 * scipy.stats.t.sf(size, n_seeds - 1)
    return found


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Holm's correction of the p-values of a family.

    The chance that any effect of the family that is zero is told from zero stays below the level, however
    the effects hang together.

    Args:
        p: The p-values, shape (n,).

    Returns:
        Adjusted p-values, in the same order: an effect is told from zero if its own is below 0.05.

    Raises:
        ValueError: Another shape, or a number outside [0, 1].
    """
    found = np.asarray(p, dtype=np.float64)
    if found.ndim != 1 or not ((found >= 0) & (found <= 1)).all():
        raise ValueError(f"p: expected numbers from 0 to 1, shape (n,), got {found}")
    order = np.argsort(found)
    raised = np.maximum.accumulate(found[order] * np.arange(found.size, 0, -1))
    adjusted = np.empty_like(found)
    adjusted[order] = np.minimum(raised, 1)
    return adjusted


def family_table(names: Sequence[str], effects: Mean, n_seeds: int, *, what: str = "effect") -> Table:
    """An exploratory family of effects, each with what is left of it when all were looked at.

    Args:
        names: Of the effects.
        effects: Means and half-widths, shape (n,).
        n_seeds: Number of seeds behind each.
        what: Name of the first column.

    Returns:
        The table; 'alone' is whether an effect is told from zero by its own interval, 'of all' whether by
        Holm's correction for the whole family.

    Raises:
        ValueError: Not as many names as effects.
    """
    if (len(names),) != effects.mean.shape:
        raise ValueError(f"names: expected {effects.mean.shape[0]}, got {len(names)}")
    p = p_values(effects, n_seeds)
    rows = [
        [name, number(float(mean), float(half), signed=True), alone < 0.05, together < 0.05]
        for name, mean, half, alone, together in zip(
            names, *effects, p.tolist(), holm(p).tolist(), strict=True
        )
    ]
    return Table([what, f"points ({EXPLORATORY})", "alone", f"of all {len(names)}"], rows)
