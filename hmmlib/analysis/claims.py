"""What is claimed of Figure 3, as effects that have a sign, and whose claim it is.

Every page takes claims, their wording and their verdicts from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmmlib.analysis.agreement import judge
from hmmlib.analysis.intervals import Mean
from hmmlib.analysis.series import World, common_seeds, weighted_sums
from hmmlib.hmm import N_TOKENS

NEARLY_ALWAYS = 95.0
"""To be right *nearly always* is to be right on more than so many percent. The number is ours."""

NOT_MEASURED = "not measured"
"""The verdict where a world lacks a curve of the claim."""

PAPERS, OURS = "the paper's", "ours, of its figure"
"""Whose a claim is: the paper makes it of its simulations and of Figure 3, though not in these words; or we
read it off the figure."""

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
        whose: `PAPERS` or `OURS`.
        effect: What is computed, in words.
    """

    number: str
    sentence: str
    curves: tuple[str, ...]
    weigh: Callable[[tuple[int, ...]], Weights]
    beyond: float = 0.0
    whose: str = OURS
    effect: str = ""


@dataclass(frozen=True)
class Finding:
    """What a world says of a claim.

    Attributes:
        effects: By how much each sum exceeds the threshold, with half-widths of 95% intervals, shape (k,);
            (0,) if nothing was measured.
        seeds: Number of seeds.
        verdict: As `hmmlib.analysis.judge` has it, or `NOT_MEASURED`.
    """

    effects: Mean
    seeds: int
    verdict: str

    @property
    def least(self) -> tuple[float, float]:
        """The effect whose interval reaches lowest, and the half-width of that.

        Raises:
            ValueError: Nothing was measured.
        """
        if not self.effects.mean.size:
            raise ValueError("effects: expected at least one, got none: the claim was not measured")
        place = int((self.effects.mean - self.effects.interval).argmin())
        return float(self.effects.mean[place]), float(self.effects.interval[place])


def check_claim(claim: Claim, world: World) -> Finding:
    """Judge a claim by the numbers of one world.

    Args:
        claim: The claim.
        world: The curves.

    Returns:
        The effects, by `hmmlib.analysis.weighted_sums`, and the verdict.

    Raises:
        ValueError: Two curves with different points or seeds.
    """
    curves = [world[name] for name in claim.curves if name in world]
    if len(curves) < len(claim.curves):
        return Finding(Mean(np.empty(0), np.empty(0)), 0, NOT_MEASURED)
    weights = claim.weigh(curves[0].points)
    sums = weighted_sums(curves, (1, -1)[: len(curves)], weights)
    effects = Mean(sums.mean - claim.beyond, sums.interval)
    seeds = len(common_seeds(curves)) if curves[0].values is not None else curves[0].seeds
    return Finding(effects, seeds, judge(effects))


def verdicts(
    worlds: Mapping[str, World], claims: Sequence[Claim] | None = None
) -> dict[str, dict[str, Finding]]:
    """Judge claims in several worlds.

    Args:
        worlds: Some worlds.
        claims: The claims; `CLAIMS` by default.

    Returns:
        For the number of each claim what each world says of it.
    """
    return {
        claim.number: {name: check_claim(claim, world) for name, world in worlds.items()}
        for claim in (CLAIMS if claims is None else claims)
    }


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
    Claim(
        "1",
        "heads get worse as states are added",
        ("head",),
        _smallest_less_largest,
        whose=OURS,
        effect="accuracy of heads at the two smallest $H$ less that at the two largest",
    ),
    Claim(
        "2a",
        "a prompt beats a head, on average over the sizes",
        _GAIN,
        _mean,
        whose=PAPERS,
        effect="accuracy of a prompt less that of a head, mean over all $H$",
    ),
    Claim(
        "2b",
        "a prompt beats a head at every size",
        _GAIN,
        _each,
        whose=OURS,
        effect="accuracy of a prompt less that of a head, at each $H$",
    ),
    Claim(
        "3",
        "a prompt gains more where H > V",
        _GAIN,
        _beyond_the_vocabulary,
        whose=PAPERS,
        effect="mean gain of a prompt where $H > V$ less that where $H \\le V$",
    ),
    Claim(
        "4",
        f"with memory an attention head is right nearly always: above {NEARLY_ALWAYS:g}% at every size",
        ("attention",),
        _each,
        NEARLY_ALWAYS,
        whose=OURS,
        effect=f"accuracy of an attention head on an HMM with memory less {NEARLY_ALWAYS:g}%, at each size",
    ),
    Claim(
        "5a",
        "an attention head with memory beats a linear head without, on average over the sizes",
        _MEMORY,
        _mean,
        whose=PAPERS,
        effect="accuracy of an attention head on an HMM with memory less that of a linear head on a vanilla "
        "HMM with as many states, mean over the sizes",
    ),
    Claim(
        "5b",
        "an attention head with memory beats a linear head without at every size",
        _MEMORY,
        _each,
        whose=OURS,
        effect="the same, at each size",
    ),
)
"""Those of Figure 3, in the order of the page.

:meta hide-value:
"""

READINGS = (
    Claim(
        "6a",
        "memory alone does it: a linear head with memory beats one without, on average over the sizes",
        ("linear, memory", "linear"),
        _mean,
        effect="accuracy of a linear head on an HMM with memory less that on a vanilla HMM, mean over sizes",
    ),
    Claim(
        "6b",
        "the head alone does it: without memory an attention head beats a linear one, on average over sizes",
        ("attention, no memory", "linear"),
        _mean,
        effect="accuracy of an attention head less that of a linear head, both on a vanilla HMM, mean over "
        "the sizes",
    ),
    Claim(
        "6c",
        "no language model is needed: with memory, word counts are right nearly always: above "
        f"{NEARLY_ALWAYS:g}% at every size",
        ("word counts",),
        _each,
        NEARLY_ALWAYS,
        effect=f"accuracy of word counts on an HMM with memory less {NEARLY_ALWAYS:g}%, at each size",
    ),
)
"""What the right half of the figure may be thought to show, though it does not vary it: questions of ours.

:meta hide-value:
"""
