"""A world of contexts to read: definitions, questions, and texts in which an entity is spoken of or not."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import (
    ArrayLike,
    check_fraction,
    check_kind,
    check_members,
    check_positive_int,
    distributions,
    real_tensor,
)
from hmmlib._display import compact_repr, in_lines
from hmmlib._random import drawing_generator, start_generator
from hmmlib.hmm import MemoryHMM, sample_tokens

Kind = Literal["definition", "question"]


class SpanItems(NamedTuple):
    """Queries, each with a context.

    Attributes:
        query: Tokens of a definition or question, int64, shape (n, T_q).
        context: Tokens and fillers, int64, shape (n, T_c).
        relevant: Whether the context speaks of the query's entity, shape (n,).
        start: Where it does: first place of the segment, int64, shape (n,); −1 where it does not.
        end: Last place of the segment, shape (n,); −1 where the context is not relevant.
        entity: The query's entity, int64, shape (n,).
        contents: Entities of the segments, int64, shape (n, segments).
        begins: First places of the segments, int64, shape (n, segments).
    """

    query: Tensor
    context: Tensor
    relevant: Tensor
    start: Tensor
    end: Tensor
    entity: Tensor
    contents: Tensor
    begins: Tensor

    def __repr__(self) -> str:
        return compact_repr(self)

    def part(self, rows: slice | Tensor) -> SpanItems:
        """Some of the items.

        Args:
            rows: Which.

        Returns:
            They.
        """
        return SpanItems(*(column[rows] for column in self))


class SpanWorld:
    """Contexts that an HMM with a memory writes, so that where an answer stands has an exact probability.

    An *entity* is a content of the memory. A *definition* is a text written with it, a *question* a shorter
    one in another grammar: other moves of the chain, the same words. A *context* has several segments, each
    a text with a content of its own, written from a fresh start, and a filler word between neighbours. Their
    lengths are one of all that fill the context, each as likely. A context is *relevant* to a query if one
    of its segments speaks of the query's entity; all others speak of others.

    Example:
        >>> from hmmlib import random_memory_hmm
        >>> from hmmlib.hmm import uniform_memory
        >>> from hmmlib.spans import SpanWorld
        >>> model = uniform_memory(random_memory_hmm(4, 2, 20, n_cells=2, generator=1))
        >>> world = SpanWorld(model)
        >>> world.n_entities, world.n_words
        (16, 24)
        >>> items = world.draw(3, generator=0)
        >>> items.query.shape, items.context.shape
        (torch.Size([3, 12]), torch.Size([3, 20]))

    Args:
        model: Memory-augmented HMM.
        question_transition: P[next chain state | chain state] in questions, shape (C, C); the model's own if
            not given.
        n_segments: Number of segments.
        lengths: Shortest and longest segment.
        context_length: Length T_c of a context.
        definition_length: Length of a definition.
        question_length: Length of a question.
        n_fillers: Number of filler words; they follow the model's tokens.
        leak: Probability that an ordinary token, each as likely, stands in place of a filler.
        relevant: Probability π that a context is relevant.

    Attributes:
        layouts: The lengths that segments may have together, int64, shape (layouts, segments).

    Raises:
        TypeError: Not a memory-augmented HMM, or a number of another kind.
        ValueError: Lengths that cannot fill a context, a probability outside [0, 1], a leak without fillers,
            or fewer contents than segments and one.
    """

    def __init__(
        self,
        model: MemoryHMM,
        *,
        question_transition: ArrayLike | None = None,
        n_segments: int = 3,
        lengths: tuple[int, int] = (4, 8),
        context_length: int = 20,
        definition_length: int = 12,
        question_length: int = 6,
        n_fillers: int = 4,
        leak: float = 0.0,
        relevant: float = 0.5,
    ) -> None:
        self.model = check_kind(model, MemoryHMM, "model", "a MemoryHMM")
        self.n_segments = check_positive_int(n_segments, "n_segments")
        if not isinstance(lengths, tuple) or len(lengths) != 2:
            raise TypeError(f"lengths: expected a pair, the shortest and the longest, got {lengths!r}")
        self.shortest, self.longest = (check_positive_int(length, "lengths") for length in lengths)
        self.context_length = check_positive_int(context_length, "context_length")
        self.query_lengths: Mapping[Kind, int] = {
            "definition": check_positive_int(definition_length, "definition_length"),
            "question": check_positive_int(question_length, "question_length"),
        }
        self.n_fillers = check_positive_int(n_fillers, "n_fillers")
        self.leak, self.relevant = check_fraction(leak, "leak"), check_fraction(relevant, "relevant")
        words = self.context_length - (self.n_segments - 1)
        found = layouts_of(self.n_segments, self.shortest, self.longest, words)
        if not found:
            raise ValueError(
                f"lengths: {self.n_segments} segments of {self.shortest} … {self.longest} tokens cannot fill "
                f"a context of {self.context_length} with a filler between neighbours"
            )
        self.layouts = torch.tensor(found)
        if self.n_entities <= 1:
            raise ValueError(f"model: expected two contents or more, got {self.n_entities}")
        self.writers: Mapping[Kind, MemoryHMM] = {"definition": model, "question": model}
        if question_transition is not None:
            moves = real_tensor(question_transition, "question_transition")
            if moves.shape != model.chain.transition.shape:
                expected = tuple(model.chain.transition.shape)
                raise ValueError(f"question_transition: expected shape {expected}, got {tuple(moves.shape)}")
            moves = distributions(moves, "question_transition", ["row"], model.dtype, model.device)
            other = MemoryHMM(model.initial, moves, model.emission, device=model.device, dtype=model.dtype)
            self.writers = {**self.writers, "question": other}

    def __repr__(self) -> str:
        names = ("n_segments", "context_length", "n_fillers", "leak", "relevant")
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return in_lines(f"SpanWorld({shown}, lengths={(self.shortest, self.longest)})")

    @property
    def n_entities(self) -> int:
        """Number K of contents of the memory, and so of entities."""
        return len(self.model.contents)

    @property
    def n_words(self) -> int:
        """Number of tokens and fillers."""
        return self.model.n_tokens + self.n_fillers

    @property
    def filler_probs(self) -> Tensor:
        """P[word | between segments], tokens first, shape (`n_words`,)."""
        ordinary = torch.full((self.model.n_tokens,), self.leak / self.model.n_tokens, dtype=torch.float64)
        fillers = torch.full((self.n_fillers,), (1 - self.leak) / self.n_fillers, dtype=torch.float64)
        return torch.cat([ordinary, fillers])

    def draw(
        self,
        n: int,
        *,
        generator: int | np.random.RandomState,
        asked: ArrayLike | None = None,
        others: ArrayLike | None = None,
        kind: Kind = "definition",
        relevant: float | None = None,
    ) -> SpanItems:
        """Draw queries and contexts.

        Args:
            n: How many.
            generator: Seed or numpy RandomState.
            asked: Entities of the queries, each as likely; all if not given.
            others: Entities of the segments that speak of others; all if not given.
            kind: Whether a query is a definition or a question.
            relevant: Share of relevant contexts in place of the world's.

        Returns:
            The items.

        Raises:
            TypeError: A number that is not an integer.
            ValueError: No entity, one that is not there, or nobody else than the one that is asked about; a
                share outside [0, 1], or another kind of query.
        """
        n, random = check_positive_int(n, "n"), drawing_generator(generator)
        kind = check_query_kind(kind)
        share = self.relevant if relevant is None else check_fraction(relevant, "relevant")
        among, rest = (
            known_entities(some, name, self.n_entities)
            for some, name in ((asked, "asked"), (others, "others"))
        )
        if len(rest) == 1 and bool((among == rest[0]).any()):
            raise ValueError(f"others: expected entities besides {int(rest[0])}, which is asked about")
        entity = among[torch.from_numpy(random.randint(len(among), size=n))]
        contents = _not(entity, rest, (n, self.n_segments), random)
        about = torch.from_numpy(random.uniform(size=n) < share)
        place = torch.from_numpy(random.randint(self.n_segments, size=n))
        rows = torch.arange(n)
        contents[rows[about], place[about]] = entity[about]
        layout = self.layouts[torch.from_numpy(random.randint(len(self.layouts), size=n))]
        context, begins = write_segments(self, contents, layout, self.longest, random)
        query = sample_tokens(
            self.writers[kind],
            n,
            self.query_lengths[kind],
            generator=start_generator(random),
            memory=entity,
        )
        start = torch.where(about, begins[rows, place], -1)
        end = torch.where(about, start + layout[rows, place] - 1, -1)
        return SpanItems(query, context, about, start, end, entity, contents, begins)


def layouts_of(n_segments: int, shortest: int, longest: int, words: int) -> list[tuple[int, ...]]:
    """All lengths that segments may have together.

    Args:
        n_segments: How many segments.
        shortest: Words of the shortest that there may be.
        longest: Of the longest.
        words: Of all together.

    Returns:
        The lengths, in order; none if it cannot be.
    """
    each = range(shortest, longest + 1)
    return [some for some in product(each, repeat=n_segments) if sum(some) == words]


def write_segments(
    world: SpanWorld, contents: Tensor, layout: Tensor, longest: int, random: np.random.RandomState
) -> tuple[Tensor, Tensor]:
    """Write segments one behind the other, with a filler between neighbours.

    Args:
        world: Whose words are written.
        contents: Entity of each segment, int64, shape (n, segments).
        layout: Lengths of the segments, which fill the same number of words in each row, the same shape.
        longest: The longest that there may be.
        random: Where chance comes from.

    Returns:
        Words, int64, shape (n, time), and the first place of each segment, shape (n, segments).
    """
    n, time = len(contents), int(layout[0].sum()) + layout.shape[1] - 1
    begins = (layout + 1).cumsum(1) - (layout + 1)
    places = torch.arange(time)
    drawn = random.choice(world.n_words, (n, time), p=world.filler_probs.numpy())
    text = torch.from_numpy(drawn)  # fillers everywhere, until a segment is written over them
    for segment in range(layout.shape[1]):
        own = sample_tokens(
            world.model, n, longest, generator=start_generator(random), memory=contents[:, segment]
        )
        within = places - begins[:, segment, None]
        inside = (within >= 0) & (within < layout[:, segment, None])
        text = torch.where(inside, own.gather(1, within.clamp(0, longest - 1)), text)
    return text, begins


def _not(entity: Tensor, rest: Tensor, shape: tuple[int, int], random: np.random.RandomState) -> Tensor:
    """Uniform draws from `rest` without each row's own entity."""
    order = torch.searchsorted(rest, entity)
    there = (order < len(rest)) & (rest[order.clamp(max=len(rest) - 1)] == entity)
    count = len(rest) - there.long()
    drawn = torch.from_numpy(random.uniform(size=shape)) * count[:, None]
    index = drawn.long().minimum(count[:, None] - 1)
    return rest[index + (there[:, None] & (index >= order[:, None])).long()]


def check_query_kind(kind: Kind) -> Kind:
    """Return a kind of query, or raise.

    Args:
        kind: The kind.

    Returns:
        The same.

    Raises:
        ValueError: Another kind.
    """
    if not isinstance(kind, str) or kind not in get_args(Kind):
        raise ValueError(f"kind: expected one of {', '.join(get_args(Kind))}, got {kind!r}")
    return kind


def known_entities(entities: ArrayLike | None, name: str, n_entities: int, least: int = 1) -> Tensor:
    """Return entities in order and each once, or raise.

    Args:
        entities: The entities, shape (m,); all if None.
        name: The argument's name, for the message.
        n_entities: How many there are.
        least: How many there must be.

    Returns:
        The entities, int64.

    Raises:
        TypeError: No integers.
        ValueError: Too few, or one that is not there; the message names the entry.
    """
    if entities is None:
        return torch.arange(n_entities)
    found = check_members(entities, name, n_entities).unique()
    if len(found) < least:
        raise ValueError(f"{name}: expected {least} or more, got {len(found)}")
    return found
