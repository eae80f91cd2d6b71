"""A small transformer that reads a question, with a document or without, and gives answers probabilities."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hmmlib._checks import check_kind, check_positive_int
from hmmlib._random import fill_uniform, step_generator
from hmmlib.lm import TransformerConfig, TransformerMaskedLM
from hmmlib.retrieval._door import check_world
from hmmlib.retrieval.worlds import Documents, KnowledgeWorld

READER = TransformerConfig(width=48, n_layers=2, n_heads=4)
"""The transformer of a reader, if none is given."""


class AnswerReader(nn.Module):
    """Reads [slot, question, break, document, two blanks] and answers with two words, at the blanks.

    The second word is read off with each first word put in, so that one pass gives the whole table of
    answers, and every decoding of it is exact. Without a document it is a closed book.

    Args:
        world: The world that it reads about.
        config: Shape of the transformer; `READER` if not given.
        generator: Seed of the start.
    """

    def __init__(
        self, world: KnowledgeWorld, config: TransformerConfig | None = None, *, generator: int = 0
    ) -> None:
        super().__init__()
        check_world(world)
        check_positive_int(generator, "generator", 0)
        self.n_slots, self.n_words = world.n_slots, world.n_words
        self.n_values = world.model.n_values
        # Slots, words of keys, tokens of texts, and a break between question and document.
        size = self.n_slots + self.n_words + world.model.n_tokens + 1
        self.lm = TransformerMaskedLM(size, config or READER, generator=generator)
        width = self.lm.embedding_dim
        random = step_generator(torch.device("cpu"), generator)
        single = torch.float32  # as the transformer, whatever torch's default is
        self.first = nn.Linear(width, self.n_values, dtype=single)
        self.second = nn.Linear(width, self.n_values, dtype=single)
        self.given = nn.Embedding(self.n_values, width, dtype=single)
        for part in (self.first, self.second, self.given):
            fill_uniform(part, width**-0.5, random)

    def forward(self, slot: Tensor, key: Tensor, documents: Documents | None = None) -> Tensor:
        """Log-probabilities of answers.

        Args:
            slot: What is asked for, shape (n,).
            key: Of which entity, shape (n, L).
            documents: One document for each question, keys (n, L) and texts (n, T); None for a closed book.

        Returns:
            log P[first word, second word], shape (n, |ℳ|, |ℳ|).
        """
        words, tokens = self.n_slots, self.n_slots + self.n_words
        parts = [slot[:, None], words + key]
        if documents is not None:
            pause = torch.full_like(slot[:, None], self.lm.n_tokens - 1)
            parts += [pause, words + documents.keys, tokens + documents.texts]
        blanks = torch.full((len(slot), 2), self.lm.mask_token)
        hidden = self.lm.hidden(self.lm.embedding(torch.cat([*parts, blanks], 1)))  # (n, time, width)
        first = self.first(F.gelu(hidden[:, -2])).log_softmax(-1)  # (n, |ℳ|)
        second = self.second(F.gelu(hidden[:, None, -1] + self.given.weight)).log_softmax(-1)
        return first[:, :, None] + second

    def answers(self, slot: Tensor, key: Tensor, documents: Documents, which: Tensor) -> Tensor:
        """Probabilities of answers with each of several documents.

        Args:
            slot: What is asked for, shape (n,).
            key: Of which entity, shape (n, L).
            documents: All documents.
            which: Those that each question is read with, shape (n, k).

        Returns:
            Double precision, shape (n, k, |ℳ|, |ℳ|).
        """
        n, k = which.shape
        every = which.flatten()
        own = Documents(documents.keys[every], documents.texts[every])
        found = self(slot.repeat_interleave(k), key.repeat_interleave(k, 0), own)
        return found.double().exp().view(n, k, *found.shape[1:])


def check_reader(reader: AnswerReader) -> AnswerReader:
    """Check that something is a reader.

    Args:
        reader: It.

    Returns:
        The same.

    Raises:
        TypeError: Anything else.
    """
    return check_kind(reader, AnswerReader, "reader", "an AnswerReader")
