"""A mean over few seeds, made sharper by a cheaper quantity that is known for more of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from hmmlib.analysis.intervals import Mean, mean_over_seeds


def difference_estimate(
    values: ArrayLike,
    reference: ArrayLike,
    *,
    seeds: Sequence[int],
    reference_seeds: Sequence[int],
    floor: ArrayLike = 0.0,
) -> Mean:
    """The difference estimator: mean of a reference over many seeds, plus the mean difference on few.

    Let v be known on n seeds, and e on these and N − n others. The estimate is

        mean of e over all N + mean of v − e over the n.

    Its two terms share seeds. Written as a sum over those n and a sum over the others it is

        mean over the n of (v − (1 − n/N) e) + (1 − n/N) · mean over the others of e,

    two independent means, each with a Student's interval of its own. Their half-widths add in squares, which
    is a little wide rather than narrow. With N = n this is the mean of v with its own interval, and so it is
    with a single other seed, of which no spread is known. It is sharp where v − e varies less than v.

    Example:
        >>> from hmmlib.analysis import difference_estimate
        >>> network, exact = [[80.0, 86.0, 91.0]], [[82.0, 87.0, 93.0, 90.0, 91.0, 85.0]]
        >>> mean, half = difference_estimate(network, exact, seeds=(1, 2, 3), reference_seeds=range(1, 7))
        >>> print(f"{mean[0]:.1f} ± {half[0]:.1f}")
        86.3 ± 8.0

    Args:
        values: The quantity asked for, shape (..., n), n ≥ 2.
        reference: The other one, shape (..., N).
        seeds: The seeds of `values`.
        reference_seeds: Those of `reference`, among them all of `seeds`.
        floor: The least half-width, as for `mean_over_seeds`.

    Returns:
        Means and half-widths of 95% intervals, shape (...).

    Raises:
        ValueError: As for `mean_over_seeds`, seeds that are not as many as columns or come twice, or one
            that the reference lacks.
    """
    few, many = np.asarray(values, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    for name, numbers, array in (("seeds", seeds, few), ("reference_seeds", reference_seeds, many)):
        columns = array.shape[-1] if array.ndim else 0
        if len(numbers) != columns or len(set(numbers)) != columns:
            raise ValueError(f"{name}: expected {columns} different seeds, got {list(numbers)}")
    order = list(reference_seeds)
    lacking = sorted(set(seeds) - set(order))
    if lacking:
        raise ValueError(f"reference_seeds: expected those of values among them, lacks {lacking}")
    others = [place for place, seed in enumerate(order) if seed not in set(seeds)]
    if len(others) < 2:
        return mean_over_seeds(few, floor=floor)
    rest = len(others) / len(order)
    shared = many[..., [order.index(seed) for seed in seeds]]
    first = mean_over_seeds(few - rest * shared)
    second = mean_over_seeds(rest * many[..., others])
    half = np.hypot(first.interval, second.interval)
    return Mean(first.mean + second.mean, np.maximum(half, np.asarray(floor, dtype=np.float64)))
