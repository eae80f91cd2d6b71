"""When two numbers agree and when a claim holds: the rules behind the reproduction report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hmmlib.analysis.intervals import Mean

SMALL = 1.0
"""What is surely smaller, in points of percent, is no difference and no effect."""

WITHIN = 10.0
"""To agree is to be surely no farther apart than this, in points of percent."""

AGREES, HIGHER, LOWER = "agrees", "ours higher", "ours lower"
HOLDS, FAILS = "holds", "does not hold"
UNKNOWN = "cannot be told"
_JUDGED = (HOLDS, FAILS, UNKNOWN)
VERDICTS = (AGREES, HIGHER, LOWER, UNKNOWN)
"""What a comparison of two numbers can say."""


class Comparison(NamedTuple):
    """Two numbers, compared.

    Attributes:
        difference: Ours less theirs, points of percent.
        interval: Half-width of its interval.
        verdict: One of `VERDICTS`.
    """

    difference: float
    interval: float
    verdict: str


def difference(theirs: Mean, ours: Mean) -> Mean:
    """Ours less theirs, the two being independent.

    The squares of half-widths add, as the squares of standard errors do. With Student's intervals of few
    seeds that makes the interval too wide rather than too narrow.

    Args:
        theirs: Means and half-widths of their intervals.
        ours: As many.

    Returns:
        Differences and half-widths.

    Raises:
        ValueError: There are not as many of each.
    """
    if theirs.mean.shape != ours.mean.shape:
        raise ValueError(f"ours: expected {theirs.mean.shape} means as of theirs, got {ours.mean.shape}")
    return Mean(ours.mean - theirs.mean, np.hypot(theirs.interval, ours.interval))


def compare(theirs: Mean, ours: Mean) -> list[Comparison]:
    """Say of each pair of means whether they agree.

    Let [low, high] be the interval of the difference. The first of these that is true is the verdict:

    1. 'agrees', if it lies within `SMALL` points of zero: however sure a difference is, it is a small one;
    2. 'ours higher' or 'ours lower', if zero is outside;
    3. 'agrees', if it lies within `WITHIN` points of zero;
    4. 'cannot be told'.

    Args:
        theirs: Means in percent, and half-widths of their 95% intervals, shape (n,).
        ours: As many.

    Returns:
        One comparison for each pair.

    Raises:
        ValueError: There are not as many of each.
    """
    found = difference(theirs, ours)
    farthest = np.abs(found.mean) + found.interval
    return [
        Comparison(float(mean), float(half), _verdict(side, end))
        for mean, half, side, end in zip(*found, found.side(), farthest, strict=True)
    ]


def _verdict(side: int, farthest: float) -> str:
    if farthest < SMALL:
        return AGREES
    if side:
        return HIGHER if side > 0 else LOWER
    return AGREES if farthest <= WITHIN else UNKNOWN


def judge(effects: Mean) -> str:
    """Say whether a claim holds that all of some effects are positive.

    Args:
        effects: The effects in points of percent, signed such that the claim says *positive*, and half-widths
            of their 95% intervals, shape (k,).

    Returns:
        'holds', if all intervals are above zero; 'does not hold', if one of them ends at `SMALL` or below, so
        that this effect is of the other sign or next to nothing; else 'cannot be told'.

    Raises:
        ValueError: There is no effect.
    """
    if not effects.mean.size:
        raise ValueError("effects: expected at least one, got none")
    if (effects.side() > 0).all():
        return HOLDS
    above: NDArray[np.bool_] = effects.side() > 0
    ends = (effects.mean + effects.interval)[~above]
    return FAILS if (ends <= SMALL).any() else UNKNOWN


def reproduction(theirs: str, alike: str, solved: str) -> str:
    """Say whether a claim of the paper was reproduced.

    Args:
        theirs: The verdict by the paper's own numbers, as `judge` has it.
        alike: That by our networks with heads trained by the paper's recipe.
        solved: That by our networks with fitted heads.

    Returns:
        'reproduced', 'not reproduced' or 'cannot be told', by our networks with the paper's recipe, and what
        fitted heads say if that is something else; or that the paper's numbers do not show it either. Where
        one of the two was not measured, the other speaks alone, and it is said which.
    """
    if theirs != HOLDS:
        return f"left open: by the paper's own numbers it {theirs}"
    words = {HOLDS: "reproduced", FAILS: "not reproduced"}
    if alike not in _JUDGED:
        return f"with fitted heads {words.get(solved, solved)}; by the paper's recipe {alike}"
    word = words.get(alike, UNKNOWN)
    return word if solved == alike else f"{word}; with fitted heads: {solved}"


def tally(comparisons: Sequence[Comparison]) -> dict[str, int]:
    """Count verdicts.

    Args:
        comparisons: Some comparisons.

    Returns:
        How many have each of `VERDICTS`.
    """
    found = [comparison.verdict for comparison in comparisons]
    return {verdict: found.count(verdict) for verdict in VERDICTS}
