"""A world of facts: entities with a key and a memory, documents about them, and questions."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import (
    ArrayLike,
    check_fraction,
    check_kind,
    check_members,
    check_positive_int,
)
from hmmlib._display import compact_repr, in_lines
from hmmlib._random import drawing_generator, start_generator
from hmmlib.hmm import MemoryHMM, sample_tokens


class Documents(NamedTuple):
    """What is known of each entity, in writing.

    Attributes:
        keys: Words of the keys, integers 0 … 2A − 1, int64, shape (E, L).
        texts: Tokens of the texts, int64, shape (E, T).
    """

    keys: Tensor
    texts: Tensor

    def __repr__(self) -> str:
        return compact_repr(self)


class Queries(NamedTuple):
    """Questions about entities.

    Attributes:
        key: Words that name the entity, int64, shape (n, L).
        slot: Which cells are asked for, int64, shape (n,).
        entity: The entity that is meant, int64, shape (n,).
        answer: What its cells `slot` and `slot` + 1 hold, int64, shape (n, 2).
    """

    key: Tensor
    slot: Tensor
    entity: Tensor
    answer: Tensor

    def __repr__(self) -> str:
        return compact_repr(self)

    def part(self, rows: slice | Tensor) -> Queries:
        """Some of the questions.

        Args:
            rows: Which.

        Returns:
            They.
        """
        return Queries(*(column[rows] for column in self))


class KnowledgeWorld:
    """Entities whose documents an HMM writes, so that relevance and answers have exact probabilities.

    An entity has a key of L symbols, each of them one of A and uniformly drawn, and a content of the memory
    of a memory-augmented HMM. Its document is its key and a text that the HMM writes with that memory. A
    question names the entity by its key and asks for what two neighbouring cells j and j + 1 hold, the last
    one's neighbour being the first; the answer has two words.

    A symbol a can be written in two forms, as the word a or the word A + a. Documents write the first.
    Questions write the second with a probability, as a reader asks in other words than the author's. Both
    have errors: any word can stand in place of another.

    Example:
        >>> from hmmlib import random_memory_hmm
        >>> from hmmlib.retrieval import KnowledgeWorld
        >>> model = random_memory_hmm(6, 2, 72, n_cells=3, generator=1, emission_temperature=0.02)
        >>> world = KnowledgeWorld(model, n_entities=64, generator=0)
        >>> world
        KnowledgeWorld(n_entities=64, key_length=5, n_symbols=32, noise=0.1, paraphrase=0.5, text_length=12)
        >>> asked = world.queries(3, generator=1)
        >>> asked.key.shape, asked.answer.shape
        (torch.Size([3, 5]), torch.Size([3, 2]))

    Args:
        model: Memory-augmented HMM of two cells or more.
        n_entities: Number E of entities.
        key_length: Number L of symbols in a key.
        n_symbols: Number A of symbols.
        noise: Probability ε that a word of a key is replaced by any of the 2A words, in documents and in
            questions.
        paraphrase: Probability ρ that a question writes a symbol in its second form.
        text_length: Number T of tokens of a text.
        generator: Seed or numpy RandomState, of entities and documents.

    Attributes:
        model: The HMM.
        symbols: Symbols of the keys, int64, shape (E, L).
        contents: Content of each entity's memory, a row of `MemoryHMM.contents`, int64, shape (E,).
        documents: The documents.

    Raises:
        TypeError: Not a memory-augmented HMM, or a number of another kind.
        ValueError: A size below 1, a probability outside [0, 1], or an HMM of one cell.
    """

    def __init__(
        self,
        model: MemoryHMM,
        *,
        n_entities: int,
        key_length: int = 5,
        n_symbols: int = 32,
        noise: float = 0.1,
        paraphrase: float = 0.5,
        text_length: int = 12,
        generator: int | np.random.RandomState,
    ) -> None:
        self.model = check_kind(model, MemoryHMM, "model", "a MemoryHMM")
        if model.n_cells < 2:
            raise ValueError(f"model: expected two cells or more, to ask for two, got {model.n_cells}")
        self.n_entities = check_positive_int(n_entities, "n_entities")
        self.key_length = check_positive_int(key_length, "key_length")
        self.n_symbols = check_positive_int(n_symbols, "n_symbols")
        self.noise = check_fraction(noise, "noise")
        self.paraphrase = check_fraction(paraphrase, "paraphrase")
        self.text_length = check_positive_int(text_length, "text_length")
        random = drawing_generator(generator)
        shape = (self.n_entities, self.key_length)
        self.symbols = torch.from_numpy(random.randint(self.n_symbols, size=shape))
        keys = self._written(self.symbols, 0.0, random)
        self.contents, texts = self._memories(random)
        self.documents = Documents(keys, texts)

    def __repr__(self) -> str:
        names = ("n_entities", "key_length", "n_symbols", "noise", "paraphrase", "text_length")
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return in_lines(f"KnowledgeWorld({shown})")

    def _written(self, symbols: Tensor, paraphrase: float, random: np.random.RandomState) -> Tensor:
        """Words for symbols: the second form with a probability, then errors."""
        words = symbols + self.n_symbols * torch.from_numpy(random.uniform(size=symbols.shape) < paraphrase)
        wrong = torch.from_numpy(random.uniform(size=symbols.shape) < self.noise)
        other = torch.from_numpy(random.randint(self.n_words, size=tuple(symbols.shape)))
        return torch.where(wrong, other, words)

    def _memories(self, random: np.random.RandomState) -> tuple[Tensor, Tensor]:
        """A content for each entity, and a text written with it."""
        probs = self.model.chain.initial.sum(1).cpu().numpy()
        drawn = random.choice(len(probs), self.n_entities, p=probs / probs.sum())
        contents = torch.from_numpy(drawn)
        texts = sample_tokens(
            self.model,
            self.n_entities,
            self.text_length,
            generator=start_generator(random),
            memory=contents,
        )
        return contents, texts

    @property
    def n_words(self) -> int:
        """Number 2A of words in which keys are written."""
        return 2 * self.n_symbols

    @property
    def n_slots(self) -> int:
        """Number of pairs of neighbouring cells, and so of questions that can be asked about an entity."""
        return self.model.n_cells

    @property
    def document_words(self) -> Tensor:
        """P[word of a document's key | symbol], shape (A, 2A)."""
        return self._form_probs(0.0)

    @property
    def query_words(self) -> Tensor:
        """P[word of a question's key | symbol], shape (A, 2A)."""
        return self._form_probs(self.paraphrase)

    def _form_probs(self, paraphrase: float) -> Tensor:
        own = torch.eye(self.n_symbols, dtype=torch.float64)
        right = torch.cat([(1 - paraphrase) * own, paraphrase * own], 1)
        return (1 - self.noise) * right + self.noise / self.n_words

    def cells_of(self, slot: int) -> tuple[int, int]:
        """The two cells that a question asks for.

        Args:
            slot: 0 … `n_slots` − 1.

        Returns:
            The cells, in order.
        """
        return slot, (slot + 1) % self.model.n_cells

    def queries(
        self,
        n: int,
        *,
        generator: int | np.random.RandomState,
        entities: ArrayLike | None = None,
        paraphrase: float | None = None,
    ) -> Queries:
        """Ask questions.

        Args:
            n: How many.
            generator: Seed or numpy RandomState.
            entities: Of which entities, integers 0 … E − 1, each as likely; all of them if not given.
            paraphrase: Probability of the second form, in place of the world's.

        Returns:
            The questions.

        Raises:
            TypeError: A number that is not an integer.
            ValueError: No entity, or one that is not there; a probability outside [0, 1].
        """
        n, random = check_positive_int(n, "n"), drawing_generator(generator)
        among = (
            torch.arange(self.n_entities)
            if entities is None
            else check_members(entities, "entities", self.n_entities)
        )
        entity = among[torch.from_numpy(random.randint(len(among), size=n))]
        return self.queries_about(entity, generator=random, paraphrase=paraphrase)

    def queries_about(
        self,
        entities: ArrayLike,
        *,
        generator: int | np.random.RandomState,
        paraphrase: float | None = None,
    ) -> Queries:
        """Ask one question about each of some entities.

        Args:
            entities: The entities, integers 0 … E − 1, shape (n,).
            generator: Seed or numpy RandomState.
            paraphrase: Probability of the second form, in place of the world's.

        Returns:
            The questions, in the order of the entities.

        Raises:
            TypeError: A number that is not an integer.
            ValueError: No entity, or one that is not there; a probability outside [0, 1].
        """
        random, entity = drawing_generator(generator), check_members(entities, "entities", self.n_entities)
        share = self.paraphrase if paraphrase is None else check_fraction(paraphrase, "paraphrase")
        slot = torch.from_numpy(random.randint(self.n_slots, size=len(entity)))
        key = self._written(self.symbols[entity], share, random)
        held = self.model.contents.cpu()[self.contents[entity]]  # (n, cells)
        both = torch.stack([slot, (slot + 1) % self.model.n_cells], 1)
        return Queries(key, slot, entity, held.gather(1, both))

    def rewritten(self, *, generator: int | np.random.RandomState) -> KnowledgeWorld:
        """The world at another time: the same entities and keys, other memories, other texts.

        Args:
            generator: Seed or numpy RandomState.

        Returns:
            The world.
        """
        later = copy.copy(self)
        later.contents, texts = self._memories(drawing_generator(generator))
        later.documents = Documents(self.documents.keys, texts)
        return later

    def others(self, n_entities: int, *, generator: int | np.random.RandomState) -> KnowledgeWorld:
        """Entities of the same kind that are not in this world: to learn from without its facts.

        Args:
            n_entities: How many.
            generator: Seed or numpy RandomState.

        Returns:
            A world of them.

        Raises:
            ValueError: A number below 1.
        """
        return KnowledgeWorld(
            self.model,
            n_entities=n_entities,
            key_length=self.key_length,
            n_symbols=self.n_symbols,
            noise=self.noise,
            paraphrase=self.paraphrase,
            text_length=self.text_length,
            generator=generator,
        )
