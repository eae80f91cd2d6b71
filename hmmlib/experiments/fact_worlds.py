"""A world of facts and the questions of a test: about entities that training asks about, and about others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from hmmlib._checks import check_fraction, check_positive_int
from hmmlib.experiments.scoring import rounded
from hmmlib.hmm import random_memory_hmm, uniform_memory
from hmmlib.pretraining import ModuleRecipe
from hmmlib.retrieval import (
    BiEncoder,
    Documents,
    KnowledgeWorld,
    Queries,
    RetrieverRecipe,
    encoder_scores,
    evaluate_answers,
    exact_answers,
    exact_retrieval,
    read_perfectly,
    train_retriever,
    warm_up,
)
from hmmlib.retrieval.evaluation import Reading
from hmmlib.retrieval.mixtures import Decoding
from hmmlib.sweeps import Record, check_entries

MODEL: Mapping[str, Any] = {
    "n_values": 6,
    "n_cells": 3,
    "n_syntax": 2,
    "n_permutations": 50,
    "transition_temperature": 0.05,
}
"""The HMM that writes documents, but for its vocabulary and the temperature of its emissions."""

SMALL_VOCABULARY: Mapping[str, Any] = {"n_tokens": 36, "emission_temperature": 0.03}
LARGE_VOCABULARY: Mapping[str, Any] = {"n_tokens": 72, "emission_temperature": 0.02}
"""Vocabularies of the HMM; a small reader learns to read texts of the second in half the time."""

FACTS: Mapping[str, Any] = {"key_length": 5, "n_symbols": 32, "noise": 0.1, "text_length": 12}
"""Entities and their documents."""

PAIRS_PARAPHRASE = 0.25
"""How often questions are put in other words in the pairs that retrievers start from."""

WORLD_ENTRIES = ("model", "facts", "pairs_paraphrase", "questions")
"""What a configuration says of a world."""


def world_of(vocabulary: Mapping[str, Any], questions: int) -> Record:
    """What a configuration says of a world.

    Args:
        vocabulary: `SMALL_VOCABULARY` or `LARGE_VOCABULARY`.
        questions: Questions of a test.

    Returns:
        The entries of `WORLD_ENTRIES`.
    """
    return {
        "model": {**MODEL, **vocabulary},
        "facts": dict(FACTS),
        "pairs_paraphrase": PAIRS_PARAPHRASE,
        "questions": questions,
    }


def check_world(world: Record) -> None:
    """Check what a configuration says of a world, without computing anything to speak of.

    Args:
        world: As `world_of` makes it.

    Raises:
        TypeError: A value of another type.
        ValueError: An entry that is missing or too many, or a value out of range.
    """
    check_entries(world, WORLD_ENTRIES, "world")
    check_entries(world["model"], (*MODEL, *SMALL_VOCABULARY), "model")
    check_entries(world["facts"], FACTS, "facts")
    check_positive_int(world["questions"], "questions")
    check_fraction(world["pairs_paraphrase"], "pairs_paraphrase")
    # Two entities are made soon, and the world then checks the rest.
    model = uniform_memory(random_memory_hmm(**world["model"], generator=0))
    KnowledgeWorld(model, n_entities=2, **world["facts"], generator=0)


class FactBench:
    """A world, questions about the entities of training and about others, and what Bayes reads.

    Args:
        config: A cell's configuration: its `world`, `n_entities`, `paraphrase` and `seed` are read.

    Attributes:
        world: The world.
        entities: Numbers of the 'seen' entities, which training asks about, and of the 'unseen'.
        questions: Questions of the test about either.
        answers: What Bayes reads in each document, shape (slots, E, |ℳ|, |ℳ|).

    Raises:
        ValueError: An entry that is missing or too many, or a value out of range.
    """

    def __init__(self, config: Record) -> None:
        check_world(config["world"])
        world, self.seed = config["world"], config["seed"]
        self.world = KnowledgeWorld(
            uniform_memory(random_memory_hmm(**world["model"], generator=self.seed)),
            n_entities=config["n_entities"],
            paraphrase=config["paraphrase"],
            **world["facts"],
            generator=self.seed,
        )
        self._pairs_paraphrase = world["pairs_paraphrase"]
        n = self.world.n_entities
        half = n // 2
        self.entities = {"seen": torch.arange(half), "unseen": torch.arange(half, n)}
        self.n_questions = world["questions"]
        self.questions = {name: self.ask(self.world, name) for name in self.entities}
        self.answers = exact_answers(self.world)

    def ask(self, world: KnowledgeWorld, name: str) -> Queries:
        """The questions of the test about one half of the entities.

        Args:
            world: The world, or the same written anew: the questions then have the same keys.
            name: 'seen' or 'unseen'.

        Returns:
            The questions.
        """
        return world.queries(self.n_questions, generator=1000 + self.seed, entities=self.entities[name])

    def judged(
        self,
        scores: Callable[[Queries], Tensor],
        k: int,
        reading: Reading | None = None,
        questions: Mapping[str, Queries] | None = None,
        how: Decoding = "exact",
    ) -> Record:
        """Judge answers to the questions about either half.

        Args:
            scores: Scores of the documents for given questions.
            k: Documents that an answer is taken from.
            reading: What is read in them; what Bayes reads if not given.
            questions: Questions about either half; `questions` if not given.
            how: How an answer is chosen.

        Returns:
            For 'seen' and 'unseen' the entries of `hmmlib.retrieval.RetrievalScores`.
        """
        read = reading or read_perfectly(self.answers)
        found = {}
        for name, asked in (questions or self.questions).items():
            one = evaluate_answers(asked, scores(asked), read, k=k, how=how)
            shares = {key: rounded(value) for key, value in one._asdict().items()}
            found[name] = shares | {"distinct": one.distinct}
        return found

    def by_encoder(
        self, encoder: BiEncoder, documents: Documents | None = None
    ) -> Callable[[Queries], Tensor]:
        """Score documents by an encoder.

        Args:
            encoder: The encoder.
            documents: The documents; the world's if not given.

        Returns:
            Scores of the documents for given questions.
        """
        return lambda asked: encoder_scores(encoder, asked, documents or self.world.documents)

    def bayes(self, asked: Queries) -> Tensor:
        """Score documents by their exact log-probabilities.

        Args:
            asked: The questions.

        Returns:
            Nats, shape (n, E).
        """
        return exact_retrieval(self.world, asked.key)

    def warm(self, pairs: int, recipe: Record) -> BiEncoder:
        """Train an encoder on pairs of other entities.

        Args:
            pairs: How many; 0 for an encoder that knows nothing.
            recipe: The entries of a `RetrieverRecipe`.

        Returns:
            The encoder.
        """
        start = BiEncoder(self.world, generator=self.seed)
        if not pairs:
            return start
        others = self.world.others(pairs, generator=2000 + self.seed)
        return warm_up(
            start,
            others,
            paraphrase=self._pairs_paraphrase,
            recipe=RetrieverRecipe(**recipe | {"seed": self.seed}),
        )

    def learnt(
        self, encoder: BiEncoder, k: int, recipe: Record, train: Sequence[str] = ("query",)
    ) -> BiEncoder:
        """Train an encoder on answers about the 'seen' entities, read perfectly.

        Args:
            encoder: Where to begin; it is not changed.
            k: Documents that an answer is taken from.
            recipe: The entries of a `RetrieverRecipe`.
            train: Which sides learn, of 'query' and 'document'.

        Returns:
            The encoder.
        """
        return train_retriever(
            encoder,
            self.world,
            self.answers,
            k=k,
            entities=self.entities["seen"],
            train=train,
            recipe=RetrieverRecipe(**recipe | {"seed": self.seed}),
        )

    def recipe(self, entry: Record) -> ModuleRecipe:
        """Make a reader's recipe with the cell's seed.

        Args:
            entry: The entries of a `ModuleRecipe`.

        Returns:
            The recipe.
        """
        return ModuleRecipe(**entry | {"seed": self.seed})
