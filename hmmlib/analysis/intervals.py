"""Means over seeds and their intervals, as every figure and table of the experiments gives them.

They are Student's, with a floor. `hmmlib.analysis.coverage` checks by resampling how often such an interval
holds the mean, beside bootstrap intervals, which are no better with 20 seeds and far too short with few.
"""

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


def no_error_floor(n_texts: int, level: float = 0.95) -> float:
    """What a test set without a single error leaves open, the least half-width that an accuracy has here.

    Of a head that errs on more than this share of all texts, n test texts would show an error with the
    probability `level`: the binomial bound 1 − (1 − level)^(1/n), nearly 3/n. It counts the texts of one
    seed: seeds that agree are not as good as one long test set.

    Args:
        n_texts: Number of test texts of a seed, at least 1.
        level: The probability.

    Returns:
        Points of percent; 0.30 for 1,000 texts.

    Raises:
        ValueError: No text, or a level not between 0 and 1.
    """
    _check_level(level)
    if n_texts < 1:
        raise ValueError(f"n_texts: expected at least 1, got {n_texts}")
    return float(100 * (1 - (1 - level) ** (1 / n_texts)))


def share_that_may_differ(n_seeds: int, level: float = 0.95) -> float:
    """What seeds that all agree leave open: the share of all seeds that may be otherwise.

    If more than this share were, one in n would show it with the probability `level`. No interval from the
    seeds themselves can say how much these others would change the mean.

    Args:
        n_seeds: Number of seeds that agree, at least 1.
        level: The probability.

    Returns:
        1 − (1 − level)^(1/n): 0.63 for 3 seeds, 0.14 for 20.

    Raises:
        ValueError: No seed, or a level not between 0 and 1.
    """
    _check_level(level)
    if n_seeds < 1:
        raise ValueError(f"n_seeds: expected at least 1, got {n_seeds}")
    return float(1 - (1 - level) ** (1 / n_seeds))


def mean_over_seeds(values: ArrayLike, level: float = 0.95, *, floor: ArrayLike = 0.0) -> Mean:
    """Mean over seeds with Student's t interval.

    With n seeds the half-width is the t quantile of n − 1 degrees of freedom times the standard error, or
    the floor if that is more. Where all seeds agree the floor is all there is: `share_that_may_differ` says
    how little few seeds tell then.

    Example:
        >>> from hmmlib.analysis import mean_over_seeds
        >>> mean, half = mean_over_seeds([[0.91, 0.93, 0.95]])
        >>> print(f"{mean[0]:.2f} ± {half[0]:.3f}")
        0.93 ± 0.050

    Args:
        values: One number for each seed, shape (..., n), n ≥ 2.
        level: Probability with which such an interval holds the expectation of normal numbers.
        floor: The least half-width, shape (...) or one for all: for accuracies `no_error_floor`.

    Returns:
        Means and half-widths, shape (...).

    Raises:
        ValueError: Fewer than two seeds, a number that is not finite, a level not between 0 and 1, or a
            negative floor.
    """
    _check_level(level)
    least = np.asarray(floor, dtype=np.float64)
    if not (least >= 0).all():
        raise ValueError(f"floor: expected numbers of at least 0, got {floor!r}")
    found = np.asarray(values, dtype=np.float64)
    n = found.shape[-1] if found.ndim else 1
    if n < 2:
        raise ValueError(f"values: expected at least two seeds along the last axis, got shape {found.shape}")
    if not np.isfinite(found).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(found))[0])
        raise ValueError(f"values: expected finite numbers, got {found[where]} at {where}")
    # Not `ttest_1samp`, which warns where all seeds agree.
    _, quantile = scipy.stats.t.interval(level, n - 1)
    return Mean(found.mean(-1), np.maximum(quantile * scipy.stats.sem(found, axis=-1), least))


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level: expected a number between 0 and 1, got {level}")
