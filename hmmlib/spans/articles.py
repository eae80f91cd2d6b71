"""Texts to pretrain on: articles that speak of two entities in turn, and queries with their contexts."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_kind, check_positive_int
from hmmlib._random import keyed_generator, start_generator
from hmmlib.hmm import sample_tokens
from hmmlib.lm import TransformerMaskedLM
from hmmlib.pretraining import BlockSource
from hmmlib.spans.readers import check_reader_lm, joined
from hmmlib.spans.worlds import SpanWorld, known_entities


class Articles(BlockSource):
    """Articles of segments with a filler between neighbours, about two entities by turns.

    So what an article speaks of comes up again, as in real documents, and a hidden token can be told from
    another segment.

    Args:
        world: The world whose words are written.
        entities: Which entities are spoken of; all if not given.
        n_segments: Segments of an article, as even as its length allows.
        seed: Of the articles.

    Raises:
        TypeError: Not a world, or a number that is not an integer.
        ValueError: An entity that is not there, or fewer than two segments.
    """

    def __init__(
        self, world: SpanWorld, *, entities: ArrayLike | None = None, n_segments: int = 4, seed: int = 0
    ) -> None:
        super().__init__()
        self._world = check_kind(world, SpanWorld, "world", "a SpanWorld")
        self._entities = known_entities(entities, "entities", world.n_entities)
        self._n_segments = check_positive_int(n_segments, "n_segments", 2)
        self._seed = check_positive_int(seed, "seed", 0)

    def draw(self, number: int, n: int, length: int) -> Tensor:
        """Draw the articles of a block, as `hmmlib.pretraining.BlockSource` asks.

        Args:
            number: Number of the block.
            n: How many articles.
            length: Words in each.

        Returns:
            Words, int64, shape (n, length).

        Raises:
            ValueError: A length in which there is no room for the segments.
        """
        if length < 2 * self._n_segments - 1:
            raise ValueError(
                f"length: expected room for {self._n_segments} segments and fillers, got {length}"
            )
        random = keyed_generator(self._seed, number)
        both = self._entities[torch.from_numpy(random.randint(len(self._entities), size=(n, 2)))]
        least, more = divmod(length - self._n_segments + 1, self._n_segments)
        probs, parts = self._world.filler_probs.numpy(), []
        for segment in range(self._n_segments):
            if segment:
                drawn = random.choice(self._world.n_words, (n, 1), p=probs)
                parts.append(torch.from_numpy(drawn))
            parts.append(
                sample_tokens(
                    self._world.model,
                    n,
                    least + (segment < more),
                    generator=start_generator(random),
                    memory=both[:, segment % 2],
                )
            )
        return torch.cat(parts, 1)


class PairTexts(BlockSource):
    """Definitions and contexts as `retrofit` draws them, but as texts alone: nobody says what is where.

    Args:
        world: The world that they are drawn from.
        lm: The transformer that is to learn from them, from `reader_lm`; it is not changed.
        entities: Which entities are asked about and spoken of; all if not given.
        seed: Of the texts.

    Raises:
        TypeError: Not a world, not a transformer, or a seed that is not an integer.
        ValueError: An entity that is not there, or fewer than two.
    """

    def __init__(
        self, world: SpanWorld, lm: TransformerMaskedLM, *, entities: ArrayLike | None = None, seed: int = 0
    ) -> None:
        super().__init__()
        self._world = check_kind(world, SpanWorld, "world", "a SpanWorld")
        self._lm = check_reader_lm(lm)
        self._entities = known_entities(entities, "entities", world.n_entities, 2)
        self._seed = check_positive_int(seed, "seed", 0)

    @property
    def length(self) -> int:
        """Tokens in a text."""
        return 2 + self._world.query_lengths["definition"] + self._world.context_length

    def draw(self, number: int, n: int, length: int) -> Tensor:
        """Draw the texts of a block, as `hmmlib.pretraining.BlockSource` asks.

        Args:
            number: Number of the block.
            n: How many texts.
            length: Tokens in each.

        Returns:
            Tokens, int64, shape (n, length).

        Raises:
            ValueError: Another length than `length`.
        """
        if length != self.length:
            raise ValueError(f"length: expected {self.length}, as long as these texts are, got {length}")
        random = keyed_generator(self._seed, number)
        items = self._world.draw(n, generator=random, asked=self._entities, others=self._entities)
        return joined(self._lm, items.query, items.context)
