"""What the paper says of its Figure 3, as effects that have a sign."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmmlib.analysis.agreement import judge
from hmmlib.analysis.curves import World
from hmmlib.analysis.intervals import Mean, mean_over_seeds
from hmmlib.hmm import N_TOKENS

NEARLY_ALWAYS = 95.0
"""To be right *nearly always* is to be right on more than so many percent. The number is ours."""

Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Claim:
    """A claim: that each of some weighted sums of accuracies exceeds a threshold.

    Attributes:
        number: What it is called on the page.
        sentence: What it says.
        curves: The curve whose accuracies are summed; if there is a second, it is subtracted from the first.
        weigh: From the numbers of states the weights of each sum, shape (k, points).
        beyond: The threshold, percent.
    """

    number: str
    sentence: str
    curves: tuple[str, ...]
    weigh: Callable[[tuple[int, ...]], Weights]
    beyond: float = 0.0


@dataclass(frozen=True)
class Finding:
    """What a world says of a claim.

    Attributes:
        effects: By how much each sum exceeds the threshold, with half-widths of 95% intervals, shape (k,).
        seeds: Number of seeds.
        verdict: As `hmmlib.analysis.judge` has it.
    """

    effects: Mean
    seeds: int
    verdict: str

    @property
    def least(self) -> tuple[float, float]:
        """The effect whose interval reaches lowest, and the half-width of that."""
        place = int((self.effects.mean - self.effects.interval).argmin())
        return float(self.effects.mean[place]), float(self.effects.interval[place])


def check_claim(claim: Claim, world: World) -> Finding:
    """Judge a claim by the numbers of one world.

    Where all accuracies of single seeds are known the sums are taken seed by seed, so that what the seeds
    have in common cancels. Else the means count as independent.

    Args:
        claim: The claim.
        world: The curves.

    Returns:
        The effects, and the verdict.

    Raises:
        ValueError: Two curves with different points or numbers of seeds.
    """
    curves = [world[name] for name in claim.curves]
    first = curves[0]
    for curve in curves[1:]:
        if (curve.points, curve.seeds) != (first.points, first.seeds):
            raise ValueError(
                f"world: expected {claim.curves} with the same points and seeds, got {curve.points} and "
                f"{curve.seeds} beside {first.points} and {first.seeds}"
            )
    weights, signs = claim.weigh(first.points), (1, -1)[: len(curves)]
    values = [curve.values for curve in curves if curve.values is not None]
    if len(values) == len(curves):
        parts = [sign * value for sign, value in zip(signs, values, strict=True)]
        sums = mean_over_seeds(weights @ np.sum(parts, axis=0))
    else:
        mean = np.sum([sign * curve.found.mean for sign, curve in zip(signs, curves, strict=True)], axis=0)
        squares = np.sum([curve.found.interval**2 for curve in curves], axis=0)
        sums = Mean(weights @ mean, np.sqrt(weights**2 @ squares))
    effects = Mean(sums.mean - claim.beyond, sums.interval)
    return Finding(effects, first.seeds, judge(effects))


def _smallest_less_largest(points: Sequence[int]) -> Weights:
    weights = np.zeros((1, len(points)))
    weights[0, :2], weights[0, -2:] = 0.5, -0.5
    return weights


def _each(points: Sequence[int]) -> Weights:
    return np.eye(len(points))


def _mean(points: Sequence[int]) -> Weights:
    return np.full((1, len(points)), 1 / len(points))


def _beyond_the_vocabulary(points: Sequence[int]) -> Weights:
    large = np.array([[point > N_TOKENS for point in points]], dtype=np.float64)
    return large / large.sum() - (1 - large) / (1 - large).sum()


_GAIN, _MEMORY = ("prompt", "head"), ("attention", "linear")
CLAIMS = (
    Claim("1", "heads get worse as states are added", ("head",), _smallest_less_largest),
    Claim("2a", "a prompt beats a head, on average over the sizes", _GAIN, _mean),
    Claim("2b", "… at every size", _GAIN, _each),
    Claim("3", "a prompt gains more where H > V", _GAIN, _beyond_the_vocabulary),
    Claim(
        "4",
        f"with memory an attention head is right nearly always: above {NEARLY_ALWAYS:g}% at every size",
        ("attention",),
        _each,
        NEARLY_ALWAYS,
    ),
    Claim("5a", "without one a linear head is right less often, on average over the sizes", _MEMORY, _mean),
    Claim("5b", "… at every size", _MEMORY, _each),
)
"""Those of the paper's section on experiments, in the order of the page.

:meta hide-value:
"""
