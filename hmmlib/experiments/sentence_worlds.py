"""Sentences to learn from: of a blocked HMM whose entropy is known, or of the King James Bible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from hmmlib._checks import check_positive_int
from hmmlib._random import step_generator
from hmmlib.experiments.checks import check_named_kind
from hmmlib.hmm import sample_tokens
from hmmlib.sweeps import check_entries
from hmmlib.words import BlockedHMM, Sentences, king_james, random_blocked_hmm

SYNTHETIC: Mapping[str, Any] = {
    "kind": "synthetic",
    "n_classes": 8,
    "states_per_class": 32,
    "words_per_class": 32,
    "length": 24,
    "held_sentences": 1000,
}
"""A blocked HMM of 256 states that writes 256 words."""

KING_JAMES: Mapping[str, Any] = {"kind": "king_james", "share": 1.0, "fewest": 3}
"""The King James Bible."""

SOURCES = {"synthetic": SYNTHETIC, "king_james": KING_JAMES}
"""What the sources are like, by kind."""


class SentenceWorld(NamedTuple):
    """Sentences of a source in three parts.

    Attributes:
        n_tokens: Size V of the vocabulary.
        train: Sentences to train on.
        validation: Sentences to choose by.
        test: Sentences to test on.
        source: The HMM that wrote them, if one did.
    """

    n_tokens: int
    train: Sentences
    validation: Sentences
    test: Sentences
    source: BlockedHMM | None


def sentence_world(world: Mapping[str, Any], words: int, seed: int) -> SentenceWorld:
    """Draw, or read, the sentences of a cell.

    Args:
        world: What the source is like, as `SYNTHETIC` and `KING_JAMES` are.
        words: Number of training words; 0 for the Bible.
        seed: Of a synthetic source and its sentences.

    Returns:
        The sentences.

    Raises:
        ValueError: An unknown kind, an entry that is missing or too many, or a value out of range.
    """
    kind = check_source(world)
    if kind == "king_james":
        if words:
            raise ValueError(f"words: expected 0, as world.share says how much is read, got {words}")
        text = king_james(world["share"], fewest=world["fewest"])
        return SentenceWorld(text.n_words, text.train, text.validation, text.test, None)
    sizes = (world[name] for name in ("n_classes", "states_per_class", "words_per_class"))
    source = random_blocked_hmm(*sizes, generator=seed)
    dense, length = source.dense(), check_positive_int(world["length"], "length")
    held = check_positive_int(world["held_sentences"], "held_sentences")
    if check_positive_int(words, "words") < length:
        raise ValueError(f"words: expected at least one sentence of {length}, got {words}")

    def drawn(n: int, part: int) -> Sentences:
        random = step_generator(torch.device("cpu"), seed, part)
        return Sentences(sample_tokens(dense, n, length, generator=random), torch.full((n,), length))

    return SentenceWorld(source.n_tokens, drawn(words // length, 0), drawn(held, 1), drawn(held, 2), source)


def check_source(world: Mapping[str, Any]) -> str:
    """Check what a source is said to be like.

    Args:
        world: As `SYNTHETIC` and `KING_JAMES` are.

    Returns:
        Its kind.

    Raises:
        ValueError: An unknown kind, or an entry that is missing or too many.
    """
    kind = check_named_kind(world, SOURCES, "world")
    check_entries(world, SOURCES[kind], "world")
    return kind
