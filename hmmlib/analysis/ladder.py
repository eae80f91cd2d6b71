"""Where the labels were lost: a record's accuracies taken apart, one cause at a time.

A *ladder* goes down from an answer that has everything, through answers that lack one thing more each, to
what an experiment reports. What is lost from one rung to the next has one cause, and the losses of all steps
add up to what is missing from 100 percent.

It is measured on the *clear* texts. Of the others the task's margin is so near to zero that rounding decides
the label, and no answer can be right but by luck: `rounding` says how much that is.

A step can be negative: the lower rung then has more labels right. What is fitted is fitted on training texts,
and test texts are finitely many, so that equally good answers differ by chance. A network may err in a head's
favour, too.

Records are those of `hmmlib.experiments.head_vs_prompt`, `hmmlib.experiments.memory_vs_vanilla` and
`hmmlib.experiments.exact_prompts`; every number here is in percent, or in points of percent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from hmmlib.analysis.intervals import Mean, mean_over_seeds, no_error_floor
from hmmlib.analysis.results import Record

CLEAR, ALL = "clear", "test"
"""The texts that are counted: those whose margin is clear of rounding, or all test texts."""

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


READOUT, LOG_LOSS, TRAINING = "linear readout", "log-loss", "training"

HEAD = Ladder(
    "head",
    ("exact_head_best", "exact_head", "exact_head_single", "learnt_head", "learnt_head_paper"),
    (READOUT, LOG_LOSS, "number format", "network", TRAINING),
)
"""A linear head on the distribution at the blank, of both experiments.

'linear readout': what the linear head that gets most training labels right, as far as a search finds it, does
not read off G. 'log-loss': the head is the optimum of that instead. 'number format': G is rounded to single
precision, in which a network shows it. 'network': the distribution is a network's. 'training': the head is
trained as in the paper.

:meta hide-value:
"""

PROMPT = Ladder(
    "prompt",
    ("exact_prompt_best", "exact_prompt", "learnt_prompt"),
    (READOUT, LOG_LOSS, "network, tuning"),
)
"""A prompt and a head. Whether a better prompt was to be had on the network nobody knows, so that network
and tuning cannot be told apart.

:meta hide-value:
"""

EXACT_PROMPT = Ladder(
    "prompt, exact model",
    ("prompt_1_best", "prompt_1", "prompt_paper"),
    (READOUT, LOG_LOSS, TRAINING),
)
"""The same without a network, of the file of the exact model: 'training' is the paper's recipe for prompts.

:meta hide-value:
"""

ATTENTION = Ladder(
    "attention head",
    (
        "exact_attention",
        "exact_read_off_attention",
        "read_off_attention",
        "learnt_attention",
        "learnt_attention_paper",
    ),
    ("attention readout", "masking rule", "network", "reading", TRAINING),
)
"""An attention head over the whole text.

'attention readout': what the best attention head that several searches find does not read off the exact
model. 'masking rule': the model is one that had learnt all that the masking of pretraining asks for.
'network': it is a network, read off in the same way. 'reading': what the network shows is taken as it is.
'training': the head is trained as in the paper.

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


def percent_right(record: Record, method: str, texts: str = ALL) -> float:
    """Share of the test labels that a method gets right.

    Args:
        record: Of a cell; or an entry of one that has `methods`.
        method: Its name.
        texts: Which are counted, `ALL` or `CLEAR`.

    Returns:
        In percent.

    Raises:
        ValueError: Other texts, the record does not have the method, or it has no clear text.
    """
    if texts not in (ALL, CLEAR):
        raise ValueError(f"texts: expected {ALL!r} or {CLEAR!r}, got {texts!r}")
    methods = record["methods"]
    known = [f"{name} {record[name]}" for name in _NAMING if name in record]
    cell = f" of the cell {', '.join(known)}" if known else ""
    if method not in methods:
        raise ValueError(f"record: expected a method {method!r}{cell}, got {sorted(methods)}")
    share = methods[method].get(texts)
    if share is None:
        raise ValueError(f"record: expected {texts!r} texts for {method!r}{cell}, got none")
    return 100 * float(share)


def steps(record: Record, ladder: Ladder, texts: str = CLEAR) -> tuple[Step, ...]:
    """What is lost at each step of a ladder.

    Args:
        record: Of a cell.
        ladder: Its rungs are methods of the record.
        texts: Which are counted, `CLEAR` or `ALL`.

    Returns:
        The steps from the top. Their losses add up to 100 less the accuracy of the last rung.

    Raises:
        ValueError: As for `percent_right`.
    """
    names = ("100", *ladder.rungs)
    heights = (100.0, *(percent_right(record, rung, texts) for rung in ladder.rungs))
    return tuple(
        Step(cause, names[i], names[i + 1], heights[i], heights[i + 1])
        for i, cause in enumerate(ladder.causes)
    )


def mean_losses(
    records: Sequence[Record], ladder: Ladder, texts: str = CLEAR, *, n_texts: int | None = None
) -> Mean:
    """What is lost at each step in the mean over seeds.

    Each loss is a difference on one HMM, so that what the seeds have in common cancels.

    Args:
        records: Of the cells of one kind and size, at least two seeds.
        ladder: Its rungs are methods of the records.
        texts: Which are counted, `CLEAR` or `ALL`.
        n_texts: Number of test texts of a cell, as `hmmlib.analysis.n_test_texts` has it: for the floor of
            intervals. None for no floor.

    Returns:
        Means and half-widths of 95% intervals, one for each cause of the ladder. The means add up as the
        losses do; the half-widths do not.

    Raises:
        ValueError: Fewer than two records, or as for `percent_right`.
    """
    losses = [[step.loss for step in steps(record, ladder, texts)] for record in records]
    # A rung is an accuracy and its floor; above the first stands a number that is known.
    floor = 0.0 if n_texts is None else no_error_floor(n_texts)
    floors = floor * np.sqrt([1.0, *[2.0] * (len(ladder.causes) - 1)])
    return mean_over_seeds([list(of_cause) for of_cause in zip(*losses, strict=True)], floor=floors)


class Rounding(NamedTuple):
    """What rounding decides at one number of states.

    Attributes:
        share: Mean share of the test texts whose margin is clear, in percent.
        lowest: The lowest of any seed.
        loss: For each method what its accuracy on all texts lacks to that on the clear ones, in points: means
            over seeds and half-widths of 95% intervals.
    """

    share: float
    lowest: float
    loss: Mean


def rounding(records: Sequence[Record], methods: Sequence[str]) -> Rounding:
    """What the texts cost whose labels rounding decides.

    Args:
        records: Of the cells of one kind and size, at least two seeds.
        methods: Names of methods.

    Returns:
        How many texts are clear, and what the others cost each method.

    Raises:
        ValueError: Fewer than two records, or as for `percent_right`.
    """
    losses = [
        [percent_right(r, method, CLEAR) - percent_right(r, method) for r in records] for method in methods
    ]
    shares: list[Any] = [100 * float(record["clear_share"]) for record in records]
    return Rounding(float(np.mean(shares)), min(shares), mean_over_seeds(losses))
