"""How much two variables tell of one another when a third is known, estimated from counts."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from hmmlib._checks import check_positive_int


class Dependence(NamedTuple):
    """Conditional mutual information of samples, and of the same samples with the dependence shuffled away.

    Attributes:
        plug_in: I(X; Y | Z) of the observed frequencies, in nats; too large on average.
        baseline: The mean of the same number after shuffling Y among samples with the same Z.
        largest: The largest number after a shuffle.
        excess: ``plug_in − baseline``.
        low: Lower end of the excess's 95% interval, from leaving out blocks of the text.
        high: Its upper end.
        p_value: Of the hypothesis that X and Y are independent given Z, from the shuffles.
        n: Number of samples.
    """

    plug_in: float
    baseline: float
    largest: float
    excess: float
    low: float
    high: float
    p_value: float
    n: int


def conditional_information(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> float:
    """I(X; Y | Z) of the observed frequencies.

    Example:
        >>> import numpy as np
        >>> x = np.array([0, 0, 1, 1])
        >>> float(conditional_information(x, x, np.zeros(4, int)) / np.log(2))
        1.0

    Args:
        x: Samples of X, integers ≥ 0, shape (n,), n ≥ 1.
        y: Samples of Y, likewise.
        z: Samples of Z, likewise.

    Returns:
        The information in nats, ≥ 0 but for rounding.

    Raises:
        TypeError: Samples that are not integers.
        ValueError: Shapes that do not fit, no samples, or a negative one.
    """
    x, y, z = _check_samples(x, y, z)
    labels = (_joint(x, z), _joint(y, z), z, _joint(_joint(x, y), z))
    return _information([np.bincount(label) for label in labels])


def dependence(
    x: np.ndarray, y: np.ndarray, z: np.ndarray, *, generator: int, shuffles: int = 20, blocks: int = 20
) -> Dependence:
    """I(X; Y | Z) beside what it would be by chance.

    Frequencies of finitely many samples show some dependence where there is none: about the number of free
    parameters over 2n. Shuffling the Y of samples with equal Z destroys the dependence and keeps the
    frequencies of (X, Z) and of (Y, Z), hence also that bias under independence. Where there is a dependence
    the bias is another, mostly smaller, so that `excess` tends to be too small and not too large.

    The interval is that of the jackknife over consecutive blocks of samples, ± 1.96 standard errors. It
    allows for what neighbouring samples share; it does not allow for the bias.

    Args:
        x: Samples of X, integers ≥ 0, shape (n,), in the order of the text.
        y: Samples of Y, likewise.
        z: Samples of Z, likewise.
        generator: Seed of the shuffles.
        shuffles: How many, ≥ 1; the smallest possible p-value is 1/(shuffles + 1).
        blocks: Into how many blocks the samples are cut, 2 … n.

    Returns:
        The estimate.

    Raises:
        TypeError: Samples or numbers that are not integers.
        ValueError: Shapes that do not fit, a negative sample, no shuffles, or a wrong number of blocks.
    """
    x, y, z = _check_samples(x, y, z)
    shuffles, blocks = check_positive_int(shuffles, "shuffles"), check_positive_int(blocks, "blocks", 2)
    n = len(x)
    if blocks > n:
        raise ValueError(f"blocks: expected at most {n}, the number of samples, got {blocks}")
    xz = _joint(x, z)
    labels = [xz, _joint(y, z), z, _joint(xz, y)]
    counts = [np.bincount(label) for label in labels]
    observed = _information(counts)
    rng = np.random.default_rng(generator)
    ranked, drawn, shuffled = np.argsort(z, kind="stable"), [], np.empty_like(y)
    for _ in range(shuffles):
        shuffled[ranked] = y[np.argsort(z + rng.random(n))]
        drawn.append(_information([*counts[:3], _counts(xz, shuffled)]))
    baseline, largest = float(np.mean(drawn)), float(max(drawn))
    without, edges = [], np.linspace(0, n, blocks + 1).astype(int)
    for start, end in pairwise(edges):
        both = zip(labels, counts, strict=True)
        left = [c - np.bincount(label[start:end], minlength=len(c)) for label, c in both]
        without.append(_information(left))
    half = 1.96 * float(np.sqrt((blocks - 1) * np.var(without)))
    excess = observed - baseline
    as_large = sum(value >= observed for value in drawn)
    p_value = (1 + as_large) / (shuffles + 1)
    return Dependence(observed, baseline, largest, excess, excess - half, excess + half, p_value, n)


def _information(counts: list[np.ndarray]) -> float:
    """I(X; Y | Z) from the counts of (X, Z), of (Y, Z), of Z and of (X, Y, Z)."""
    xz, yz, z, xyz = (_entropy(c) for c in counts)
    return xz + yz - z - xyz


def _entropy(counts: np.ndarray) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _joint(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One label for each pair that occurs, few enough to be counted in a table."""
    paired = _paired(first, second)
    if int(paired.max()) <= 4 * len(paired):
        return paired
    labels: np.ndarray = np.unique(paired, return_inverse=True)[1]
    return labels


def _counts(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How often each pair occurs, in any order."""
    paired = _paired(first, second)
    if int(paired.max()) <= 4 * len(paired):
        return np.bincount(paired)
    paired.sort()
    ends = np.flatnonzero(np.diff(paired, append=paired[-1] + 1))
    return np.diff(ends, prepend=-1)


def _paired(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    pairs: np.ndarray = first.astype(np.int64) * (int(second.max()) + 1) + second
    return pairs


def _check_samples(*samples: np.ndarray) -> tuple[np.ndarray, ...]:
    found: list[np.ndarray] = []
    for name, values in zip("xyz", samples, strict=True):
        array = np.asarray(values)
        if array.dtype.kind not in "iu":
            raise TypeError(f"{name}: expected integers, got {array.dtype}")
        if array.ndim != 1 or not len(array):
            raise ValueError(f"{name}: expected shape (n,) with n ≥ 1, got {array.shape}")
        if found and len(array) != len(found[0]):
            raise ValueError(f"{name}: expected {len(found[0])} samples, as x has, got {len(array)}")
        if array.min() < 0:
            raise ValueError(f"{name}: expected no negative sample, got {array.min()}")
        found.append(array)
    return tuple(found)
