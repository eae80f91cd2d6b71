"""A world of contexts, the queries of a test, and what the best reader and the simplest make of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import check_positive_int
from hmmlib.experiments.scoring import rounded
from hmmlib.hmm import random_memory_hmm, uniform_memory
from hmmlib.spans import (
    Names,
    SpanItems,
    SpanPosterior,
    SpanWorld,
    best_f1_span,
    evaluate_spans,
    exact_spans,
    overlap_scores,
    span_agreement,
    span_f1,
)
from hmmlib.spans.worlds import Kind
from hmmlib.sweeps import Record, check_entries

MODEL: Mapping[str, Any] = {
    "n_values": 6,
    "n_cells": 3,
    "n_syntax": 2,
    "n_permutations": 50,
    "transition_temperature": 0.05,
    "n_tokens": 36,
    "emission_temperature": 0.03,
}
"""The HMM whose memories are entities."""

CONTEXTS: Mapping[str, Any] = {
    "n_segments": 3,
    "lengths": [4, 8],
    "context_length": 20,
    "definition_length": 12,
    "question_length": 6,
    "n_fillers": 4,
    "leak": 0.0,
    "relevant": 0.5,
}
"""Contexts and queries."""

_ENTRIES = ("model", "contexts", "n_seen", "n_test")
# Questions are in the grammar of the HMM whose seed is so much larger.
_OTHER_GRAMMAR = 50
_FEW = 16
# The exponents among which the reader that counts words may choose, on texts of its own.
_EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_KINDS: Mapping[str, Kind] = {
    "definitions_seen": "definition",
    "definitions_held": "definition",
    "questions": "question",
}
"""The tests: which queries."""


def span_world_of(n_test: int) -> Record:
    """What a configuration says of a world.

    Args:
        n_test: Contexts of a test.

    Returns:
        The entries `model`, `contexts`, `n_seen` entities of training, and `n_test`.
    """
    return {"model": dict(MODEL), "contexts": dict(CONTEXTS), "n_seen": 160, "n_test": n_test}


def check_span_world(world: Record) -> None:
    """Check what a configuration says of a world, without computing anything to speak of.

    Args:
        world: As `span_world_of` makes it.

    Raises:
        TypeError: A value of another type.
        ValueError: An entry that is missing or too many, or a value out of range.
    """
    check_entries(world, _ENTRIES, "world")
    check_entries(world["model"], MODEL, "model")
    check_entries(world["contexts"], CONTEXTS, "contexts")
    made = make_world(world, 0)
    check_positive_int(world["n_test"], "n_test")
    if not 2 <= check_positive_int(world["n_seen"], "n_seen") <= made.n_entities - 2:
        raise ValueError(f"n_seen: expected 2 … {made.n_entities - 2}, got {world['n_seen']}")


def make_world(world: Record, seed: int, *, relevant: float | None = None) -> SpanWorld:
    """Make a world.

    Args:
        world: As `span_world_of` makes it.
        seed: Of its HMM.
        relevant: Share of relevant contexts in place of the world's.

    Returns:
        The world.
    """
    model, other = (
        random_memory_hmm(**world["model"], generator=number) for number in (seed, seed + _OTHER_GRAMMAR)
    )
    contexts = world["contexts"] | {"lengths": tuple(world["contexts"]["lengths"])}
    if relevant is not None:
        contexts["relevant"] = relevant
    return SpanWorld(uniform_memory(model), question_transition=other.chain.transition, **contexts)


class SpanBench:
    """A world, and tests with entities of training and with others.

    Args:
        world: As `span_world_of` makes it.
        seed: Of the HMM, of who is in training, and of the tests.

    Attributes:
        world: The world.
        seen: Entities of training.
        held: The others.
        few_seen: Some of training's entities, any sixteen.
        tests: By name the items of a test: definitions of either, and questions about those that training
            never met. Contexts speak of anybody.

    Raises:
        ValueError: An entry that is missing or too many, or a value out of range.
    """

    def __init__(self, world: Record, seed: int) -> None:
        check_span_world(world)
        self.seed, self._asked_for = seed, world
        self.world = make_world(world, seed)
        order = torch.from_numpy(np.random.RandomState(seed).permutation(self.world.n_entities))
        self.seen, self.held = (part.sort().values for part in order.tensor_split([world["n_seen"]]))
        self.few_seen = order[: min(_FEW, world["n_seen"])].sort().values
        who = {"definitions_seen": self.seen, "definitions_held": self.held, "questions": self.held}
        self.tests = {
            name: self.world.draw(
                world["n_test"], generator=100 + 1000 * seed + i, asked=who[name], kind=kind
            )
            for i, (name, kind) in enumerate(_KINDS.items())
        }

    def about_few(self) -> SpanItems:
        """Definitions of the few entities, with contexts that speak of anybody.

        Returns:
            The items.
        """
        return self.world.draw(
            self._asked_for["n_test"], generator=200 + 1000 * self.seed, asked=self.few_seen
        )

    def without_negatives(self) -> SpanWorld:
        """The world in which every context speaks of what is asked.

        Returns:
            The world.
        """
        return make_world(self._asked_for, self.seed, relevant=1.0)

    def names(self) -> Names:
        """Names of the entities.

        Returns:
            The names.
        """
        return Names(self.world, generator=self.seed)

    def examples(self, n: int, kind: Kind, relevant: float | None = None) -> SpanItems:
        """Examples to learn from, about entities of training alone; the first are the same for any number.

        Args:
            n: How many.
            kind: Of the queries.
            relevant: Share of relevant contexts in place of the world's.

        Returns:
            The items.
        """
        most = max(n, 2048)
        return self.world.draw(
            most,
            generator=500 + 1000 * self.seed,
            asked=self.seen,
            others=self.seen,
            kind=kind,
            relevant=relevant,
        ).part(slice(n))

    def exact(self) -> Record:
        """What Bayes makes of the tests.

        Returns:
            For each test the entries of `hmmlib.spans.SpanScores`, and `best_f1`, the F1 of the spans whose
            expected F1 is largest.
        """
        found = {}
        for name, items in self.tests.items():
            said = exact_spans(self.world, items.query, items.context, kind=_KINDS[name])
            about = items.relevant
            best = span_f1(*best_f1_span(said.spans[about]), items.start[about], items.end[about])
            found[name] = span_record(items, said) | {"best_f1": rounded(float(best.mean()))}
        return found

    def overlap(self) -> Record:
        """What is found by counting words in common; how, is chosen on other contexts.

        Returns:
            For each test `f1` and the `exponent` chosen.
        """
        found: Record = {}
        for name, items in self.tests.items():
            own = self.examples(1000, _KINDS[name], relevant=1.0)
            by_exponent = {e: self._overlap_f1(own, e) for e in _EXPONENTS}
            exponent = max(by_exponent, key=by_exponent.__getitem__)
            found[name] = {"f1": rounded(self._overlap_f1(items, exponent)), "exponent": exponent}
        return found

    def _overlap_f1(self, items: SpanItems, exponent: float) -> float:
        scores = overlap_scores(self.world, items, length_exponent=exponent)
        return float(span_agreement(items, scores).mean())


def span_record(items: SpanItems, said: SpanPosterior) -> Record:
    """The scores of a reader as records keep them.

    Args:
        items: The items.
        said: What the reader says of them.

    Returns:
        The entries of `hmmlib.spans.SpanScores`.
    """
    return {name: rounded(value) for name, value in evaluate_spans(items, said)._asdict().items()}


def accuracy_of(said: Tensor, items: SpanItems) -> float:
    """How often a yes or no is right.

    Args:
        said: Whether a context was called relevant, shape (n,).
        items: The items.

    Returns:
        The share, rounded.
    """
    return rounded(float((said == items.relevant).double().mean()))
