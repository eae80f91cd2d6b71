"""Texts to pretrain on: articles that come back to what they speak of, and queries with their contexts."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_kind, check_positive_int
from hmmlib._random import keyed_generator
from hmmlib.lm import TransformerMaskedLM
from hmmlib.pretraining import BlockSource
from hmmlib.spans.readers import check_reader_lm, joined
from hmmlib.spans.worlds import SpanWorld, known_entities, layouts_of, write_segments


class Articles(BlockSource):
    """Articles of segments with a filler between neighbours, each about one of two entities.

    So what an article speaks of comes up again, as in real documents, and a hidden token can be told from
    another segment. Which one that is, only the words say: segments have many lengths, and the entities come
    in any order. Where they come by turns, and segments are even, the place says it too.

    Args:
        world: The world whose words are written.
        entities: Which entities are spoken of; all if not given.
        n_segments: Segments of an article.
        spread: How much shorter or longer than their mean segments may be; 0 for even ones.
        by_turns: Whether the two entities take turns.
        seed: Of the articles.

    Raises:
        TypeError: Not a world, or a number that is not an integer.
        ValueError: An entity that is not there, fewer than two segments, or a negative spread.
    """

    def __init__(
        self,
        world: SpanWorld,
        *,
        entities: ArrayLike | None = None,
        n_segments: int = 4,
        spread: int = 3,
        by_turns: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self._world = check_kind(world, SpanWorld, "world", "a SpanWorld")
        self._entities = known_entities(entities, "entities", world.n_entities)
        self._n_segments = check_positive_int(n_segments, "n_segments", 2)
        self._spread, self._by_turns = check_positive_int(spread, "spread", 0), by_turns
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
        words = length - self._n_segments + 1
        if words < self._n_segments:
            raise ValueError(
                f"length: expected room for {self._n_segments} segments and fillers, got {length}"
            )
        random = keyed_generator(self._seed, number)
        mean = words // self._n_segments
        shortest, longest = max(1, mean - self._spread), -(-words // self._n_segments) + self._spread
        layouts = torch.tensor(layouts_of(self._n_segments, shortest, longest, words))
        layout = layouts[torch.from_numpy(random.randint(len(layouts), size=n))]
        both = self._entities[torch.from_numpy(random.randint(len(self._entities), size=(n, 2)))]
        which = torch.from_numpy(random.randint(2, size=(n, self._n_segments)))
        if self._by_turns:
            which = (torch.arange(self._n_segments) % 2).expand(n, -1)
        return write_segments(self._world, both.gather(1, which), layout, longest, random)[0]


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
