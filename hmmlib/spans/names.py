"""Names of entities: words that say who is spoken of, in a definition and in every context."""

from __future__ import annotations

import numpy as np
import torch

from hmmlib._checks import check_kind, check_positive_int
from hmmlib._random import drawing_generator
from hmmlib.spans.worlds import SpanItems, SpanWorld

_LENGTH = 2


class Names:
    """A name of two words for each entity, no two alike.

    The words follow the world's, and behind them comes one more word that stands for any name, as "it" does.

    Args:
        world: The world whose entities get names.
        n_name_words: Number of words that names are made of.
        generator: Seed of the names, or numpy RandomState.

    Attributes:
        words: The names, int64, shape (K, 2).
        n_words: Words besides the world's.

    Raises:
        TypeError: Not a world, or a number that is not an integer.
        ValueError: Fewer pairs of words than entities, or segments or queries that are too short for a name.
    """

    def __init__(
        self, world: SpanWorld, n_name_words: int = 32, *, generator: int | np.random.RandomState
    ) -> None:
        self._world = check_kind(world, SpanWorld, "world", "a SpanWorld")
        n_pairs = check_positive_int(n_name_words, "n_name_words") ** _LENGTH
        if n_pairs < world.n_entities:
            raise ValueError(
                f"n_name_words: expected {world.n_entities} names of two words or more, got {n_pairs}"
            )
        if min(world.shortest, *world.query_lengths.values()) < _LENGTH:
            raise ValueError(f"world: expected segments and queries of {_LENGTH} words or more")
        random = drawing_generator(generator)
        pairs = torch.from_numpy(random.permutation(n_pairs)[: world.n_entities])
        self.words = world.n_words + torch.stack([pairs // n_name_words, pairs % n_name_words], 1)
        self.n_words = n_name_words + 1

    @property
    def anybody(self) -> int:
        """The word that stands for any name."""
        return self._world.n_words + self.n_words - 1

    def give(self, items: SpanItems, *, shown: bool) -> SpanItems:
        """Write names over the first two words of every segment and query.

        Args:
            items: The items, of the same world.
            shown: Whether the query shows the name; else it has the word for anybody in its place.

        Returns:
            The items with names.

        Raises:
            TypeError: Not items.
        """
        check_kind(items, SpanItems, "items", "SpanItems, as SpanWorld.draw makes them")
        named = self.words[items.entity] if shown else self.anybody
        query, context = items.query.clone(), items.context.clone()
        query[:, :_LENGTH] = named
        places = items.begins[:, :, None] + torch.arange(_LENGTH)  # (n, segments, 2)
        context.scatter_(1, places.flatten(1), self.words[items.contents].flatten(1))
        return items._replace(query=query, context=context)
