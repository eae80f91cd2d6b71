"""Where the labels were lost: a record's accuracies taken apart, one cause at a time.

A *ladder* goes down from an answer that has everything, through answers that lack one thing more each, to
what an experiment reports. What is lost from one rung to the next has one cause, and the losses of all steps
add up to what is missing from 100 percent.

A step can be negative: the lower rung then has more labels right. On the exact model no classifier that reads
less can be better than the best that reads more. But heads here are solved for the log-loss, whose optimum is
not that of the accuracy; a prompt changes what the log-loss is of; and test texts are finitely many, so that
equally good answers differ by chance. A network may err in a head's favour, too.

Records are those of `hmmlib.experiments.head_vs_prompt` and `hmmlib.experiments.memory_vs_vanilla`; every
number here is in percent, or in points of percent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hmmlib.analysis.intervals import Mean, mean_over_seeds
from hmmlib.analysis.results import Record

# What tells cells apart in messages.
_NAMING = ("kind", "n_values", "n_states", "seed")


@dataclass(frozen=True)
class Ladder:
    """Methods from the best to the one reported, and the cause of each step down.

    Attributes:
        name: What stands at its foot.
        rungs: Names of methods, from the top; above them all stands 100 percent.
        causes: Of each step, the first from 100 percent to the first rung: as many as rungs.
    """

    name: str
    rungs: tuple[str, ...]
    causes: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.rungs or len(self.rungs) != len(self.causes):
            raise ValueError(
                f"causes: expected one for each of the rungs {self.rungs}, at least one, got {self.causes}"
            )


HEAD = Ladder(
    "head",
    ("posterior", "exact_head", "learnt_head", "learnt_head_paper"),
    ("labels", "emissions", "pretraining", "recipe"),
)
"""A linear head on the distribution at the blank, of both experiments.

'labels': a head on the posterior itself, fitted to finitely many labelled texts. 'emissions': what a linear
head cannot read behind them. 'pretraining': the distribution is a network's. 'recipe': the head is trained as
in the paper.

:meta hide-value:
"""

PROMPT = Ladder(
    "prompt",
    ("posterior", "exact_prompt", "learnt_prompt"),
    ("labels", "emissions", "network, tuning"),
)
"""A prompt and a head. Whether a better prompt was to be had on the network nobody knows, so that pretraining
and tuning cannot be told apart.

:meta hide-value:
"""

ATTENTION = Ladder(
    "attention head",
    ("posterior", "exact_attention", "learnt_attention", "learnt_attention_paper"),
    ("labels", "emissions", "pretraining", "recipe"),
)
"""An attention head over the whole text.

:meta hide-value:
"""


class Step(NamedTuple):
    """One step down a ladder.

    Attributes:
        cause: What is lost to.
        above: Name of the method above; '100' before the first.
        below: Name of the method below.
        start: Labels right above, in percent.
        end: Labels right below.
    """

    cause: str
    above: str
    below: str
    start: float
    end: float

    @property
    def loss(self) -> float:
        """What is lost in points, negative if something is gained."""
        return self.start - self.end


def percent_right(record: Record, method: str) -> float:
    """Share of the test labels that a method gets right.

    Args:
        record: Of a cell; or an entry of one that has `methods`.
        method: Its name.

    Returns:
        In percent.

    Raises:
        ValueError: The record does not have the method.
    """
    methods = record["methods"]
    if method not in methods:
        known = [f"{name} {record[name]}" for name in _NAMING if name in record]
        cell = f" of the cell {', '.join(known)}" if known else ""
        raise ValueError(f"record: expected a method {method!r}{cell}, got {sorted(methods)}")
    return 100 * float(methods[method]["test"])


def steps(record: Record, ladder: Ladder) -> tuple[Step, ...]:
    """What is lost at each step of a ladder.

    Args:
        record: Of a cell.
        ladder: Its rungs are methods of the record.

    Returns:
        The steps from the top. Their losses add up to 100 less the accuracy of the last rung.

    Raises:
        ValueError: The record lacks a rung.
    """
    names = ("100", *ladder.rungs)
    heights = (100.0, *(percent_right(record, rung) for rung in ladder.rungs))
    return tuple(
        Step(cause, names[i], names[i + 1], heights[i], heights[i + 1])
        for i, cause in enumerate(ladder.causes)
    )


def mean_losses(records: Sequence[Record], ladder: Ladder) -> Mean:
    """What is lost at each step in the mean over seeds.

    Each loss is a difference on one HMM, so that what the seeds have in common cancels.

    Args:
        records: Of the cells of one kind and size, at least two seeds.
        ladder: Its rungs are methods of the records.

    Returns:
        Means and half-widths of 95% intervals, one for each cause of the ladder. The means add up as the
        losses do; the half-widths do not.

    Raises:
        ValueError: Fewer than two records, or one that lacks a rung.
    """
    losses = [[step.loss for step in steps(record, ladder)] for record in records]
    return mean_over_seeds([list(of_cause) for of_cause in zip(*losses, strict=True)])


class TwoCauses(NamedTuple):
    """Two ways down from a solved head on the exact model to the recipe's head on a network.

    One changes the model first and then the training of the head, or the other way round. Both ways lose the
    same in all, and what they put down to either cause can differ.

    Attributes:
        pretraining_solved: Lost to pretraining by solved heads, in points …
        pretraining_paper: … and by heads trained by the paper's recipe.
        recipe_exact: Lost to the recipe on the exact model …
        recipe_learnt: … and on the network.
    """

    pretraining_solved: float
    pretraining_paper: float
    recipe_exact: float
    recipe_learnt: float

    @property
    def total(self) -> float:
        """Lost in all, on either way."""
        return self.pretraining_solved + self.recipe_learnt

    @property
    def interaction(self) -> float:
        """Lost by both causes together less the sum of what each loses alone; negative if losses overlap."""
        return self.recipe_learnt - self.recipe_exact

    @property
    def pretraining(self) -> float:
        """What pretraining loses in the mean over both orders, which is its Shapley value."""
        return (self.pretraining_solved + self.pretraining_paper) / 2

    @property
    def recipe(self) -> float:
        """What the recipe loses in the mean over both orders. With `pretraining` it adds up to the total."""
        return (self.recipe_exact + self.recipe_learnt) / 2


def two_causes(record: Record) -> TwoCauses:
    """What pretraining and the recipe lose, in both orders.

    Args:
        record: Of a cell of head-vs-prompt.

    Returns:
        The four sides of the square.

    Raises:
        ValueError: The record lacks one of the four heads.
    """
    exact, exact_paper, learnt, learnt_paper = (
        percent_right(record, method)
        for method in ("exact_head", "exact_head_paper", "learnt_head", "learnt_head_paper")
    )
    return TwoCauses(exact - learnt, exact_paper - learnt_paper, exact - exact_paper, learnt - learnt_paper)
