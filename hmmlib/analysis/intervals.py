"""Means over seeds and their intervals, as every figure and table of the experiments gives them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray


class Mean(NamedTuple):
    """Means, and how well they are known.

    Attributes:
        mean: One number for each series.
        interval: Half-widths of their intervals, in the same unit.
    """

    mean: NDArray[np.float64]
    interval: NDArray[np.float64]

    def side(self) -> NDArray[np.int64]:
        """On which side of zero each mean is.

        Returns:
            1 or −1 if the whole interval is there, 0 if it has zero in it.
        """
        return (np.sign(self.mean) * (np.abs(self.mean) > self.interval)).astype(np.int64)


def mean_over_seeds(values: ArrayLike, level: float = 0.95) -> Mean:
    """Mean over seeds with Student's t interval.

    With n seeds the half-width is the t quantile of n − 1 degrees of freedom times the standard error. It is
    zero where all seeds agree, which with few seeds says little.

    Example:
        >>> from hmmlib.analysis import mean_over_seeds
        >>> mean, half = mean_over_seeds([[0.91, 0.93, 0.95]])
        >>> print(f"{mean[0]:.2f} ± {half[0]:.3f}")
        0.93 ± 0.050

    Args:
        values: One number for each seed, shape (..., n), n ≥ 2.
        level: Probability with which such an interval holds the expectation of normal numbers.

    Returns:
        Means and half-widths, shape (...).

    Raises:
        ValueError: Fewer than two seeds, a number that is not finite, or a level not between 0 and 1.
    """
    found = np.asarray(values, dtype=np.float64)
    n = found.shape[-1] if found.ndim else 1
    if n < 2:
        raise ValueError(f"values: expected at least two seeds along the last axis, got shape {found.shape}")
    if not np.isfinite(found).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(found))[0])
        raise ValueError(f"values: expected finite numbers, got {found[where]} at {where}")
    if not 0 < level < 1:
        raise ValueError(f"level: expected a number between 0 and 1, got {level}")
    # Not `ttest_1samp`, which warns where all seeds agree.
    _, quantile = scipy.stats.t.interval(level, n - 1)
    return Mean(found.mean(-1), quantile * scipy.stats.sem(found, axis=-1))
