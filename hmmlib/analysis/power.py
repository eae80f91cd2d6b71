"""How many seeds it would take to tell what could not be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import scipy

from hmmlib.analysis.agreement import SMALL, UNKNOWN, WITHIN
from hmmlib.analysis.claims import Finding
from hmmlib.analysis.intervals import Mean

MOST = 10_000
"""More seeds than this are not counted."""

POWER = 0.8
"""The chance with which as many seeds should tell."""


class SeedsNeeded(NamedTuple):
    """How many seeds would tell, if effect and spread are as observed.

    Attributes:
        seeds: As many; None if more than `MOST`, or if none would do.
        low: With the smallest spread that the observed one leaves possible (95%) …
        high: … and with the largest; None as above.
    """

    seeds: int | None
    low: int | None
    high: int | None

    def __str__(self) -> str:
        if self.seeds is None:
            return f"more than {MOST:,}"
        high = f"more than {MOST:,}" if self.high is None else f"{self.high:,}"
        return f"about {self.seeds:,} ({self.low:,} to {high})"


def seeds_to_tell(effect: float, spread: float) -> int | None:
    """The least number of seeds that tells an effect from zero four times in five.

    Args:
        effect: Its size, positive.
        spread: Standard deviation over seeds.

    Returns:
        The number of seeds n for which Student's t of n seeds exceeds its 97.5% point with the probability
        `POWER`; None if that is more than `MOST`.

    Raises:
        ValueError: An effect that is not positive, or a negative spread.
    """
    if effect <= 0 or spread < 0:
        raise ValueError(f"effect, spread: expected > 0 and ≥ 0, got {effect} and {spread}")
    if spread == 0:
        return 2

    def enough(n: int) -> bool:
        line = scipy.stats.t.ppf(0.975, n - 1)
        return bool(scipy.stats.nct.sf(line, n - 1, effect / spread * n**0.5) >= POWER)

    return _least(enough)


def seeds_for_claim(finding: Finding) -> SeedsNeeded:
    """How many seeds would settle a claim, if effects and spreads are as observed.

    It is settled when all effects are told to be above zero, or one of them to be `SMALL` points or less:
    whichever takes fewer seeds. Of a difference estimate the seeds are those of the networks, and their
    number is a rough one.

    Args:
        finding: What was found, by at least two seeds.

    Returns:
        The number of seeds, and with which the uncertainty of the spread itself leaves one.

    Raises:
        ValueError: The claim is settled already, or was not measured.
    """
    if finding.verdict != UNKNOWN:
        raise ValueError(f"finding: expected the verdict {UNKNOWN!r}, got {finding.verdict!r}")
    still = finding.effects.side() <= 0
    pairs = list(zip(finding.effects.mean[still], finding.effects.interval[still], strict=True))
    spreads = [tuple(_spreads(float(half), finding.seeds)) for _, half in pairs]
    found = []
    for which in range(3):
        holds, fails = zip(
            *(
                (_told(float(mean), spread[which]), _told(SMALL - float(mean), spread[which]))
                for (mean, _), spread in zip(pairs, spreads, strict=True)
            ),
            strict=True,
        )
        settled = [None if None in holds else max(n for n in holds if n is not None), *fails]
        found.append(min((n for n in settled if n is not None), default=None))
    return SeedsNeeded(*found)


def _told(effect: float, spread: float) -> int | None:
    return seeds_to_tell(effect, spread) if effect > 0 else None


def seeds_for_agreement(theirs: Mean, ours: Mean, n_seeds: int) -> SeedsNeeded:
    """How many seeds of ours would settle whether two means agree, theirs staying as it is.

    Args:
        theirs: The paper's mean and half-width, each of shape ().
        ours: Ours.
        n_seeds: Number of seeds behind ours, at least 2.

    Returns:
        The least number of seeds for which the interval of the difference, if that stays as it is, leaves
        zero out or lies within `WITHIN` points; that is, found half of the time. None where the paper's own
        interval is too wide for any number.

    Raises:
        ValueError: Fewer than two seeds.
    """
    gap, fixed = abs(float(ours.mean - theirs.mean)), float(theirs.interval)

    def needed(spread: float) -> int | None:
        def settled(n: int) -> bool:
            half = np.hypot(fixed, scipy.stats.t.ppf(0.975, n - 1) * spread / n**0.5)
            return bool(gap > half or gap + half <= WITHIN)

        return _least(settled)

    return SeedsNeeded(*(needed(spread) for spread in _spreads(float(ours.interval), n_seeds)))


def _spreads(half: float, n: int) -> Iterator[float]:
    """The standard deviation behind a half-width, and both ends of its own 95% interval."""
    if n < 2:
        raise ValueError(f"n_seeds: expected at least 2, got {n}")
    observed = half * n**0.5 / scipy.stats.t.ppf(0.975, n - 1)
    yield observed
    for share in (0.975, 0.025):
        yield observed * ((n - 1) / scipy.stats.chi2.ppf(share, n - 1)) ** 0.5


def _least(enough: Callable[[int], bool]) -> int | None:
    """The least number that is enough, which larger ones then are too."""
    if not enough(MOST):
        return None
    low, high = 1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
