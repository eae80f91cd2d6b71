"""A reader of spans: a transformer, and a score for each pair of places (Xu et al. 2023)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hmmlib._checks import ArrayLike, check_kind, check_positive_int
from hmmlib._random import fill_uniform, step_generator
from hmmlib._texts import check_words
from hmmlib.lm import TransformerConfig, TransformerMaskedLM
from hmmlib.spans.worlds import SpanItems, SpanWorld

READER = TransformerConfig(width=48, n_layers=3, n_heads=4, feed_forward=96)
"""The transformer of a reader, if none is given."""


def reader_lm(
    world: SpanWorld, config: TransformerConfig | None = None, *, more_words: int = 0, generator: int = 0
) -> TransformerMaskedLM:
    """A masked language model of a world's words and two marks, untrained: what a reader begins with.

    Args:
        world: The world.
        config: Shape of the transformer; `READER` if not given.
        more_words: Words besides the world's, which follow them: those of `Names`.
        generator: Seed of the start.

    Returns:
        The model; its last two tokens are the mark at the front and the break behind a query.

    Raises:
        TypeError: Not a world, another configuration, or a number that is not an integer.
        ValueError: Fewer than no words.
    """
    words = check_kind(world, SpanWorld, "world", "a SpanWorld").n_words
    words += check_positive_int(more_words, "more_words", 0)
    return TransformerMaskedLM(words + 2, READER if config is None else config, generator=generator)


def check_reader_lm(lm: TransformerMaskedLM) -> TransformerMaskedLM:
    """Check that something is a transformer, which a reader may be made of.

    Args:
        lm: It.

    Returns:
        The same.

    Raises:
        TypeError: Anything else.
    """
    return check_kind(lm, TransformerMaskedLM, "lm", "a TransformerMaskedLM")


def marks(lm: TransformerMaskedLM) -> tuple[int, int]:
    """The tokens that are no words.

    Args:
        lm: The transformer, from `reader_lm`.

    Returns:
        The mark at the front, and the break behind a query.
    """
    return lm.n_tokens - 2, lm.n_tokens - 1


def pair_texts(lm: TransformerMaskedLM, query: ArrayLike, context: ArrayLike) -> Tensor:
    """Queries and contexts as texts: [mark, query, break, context].

    Args:
        lm: The transformer, from `reader_lm`, that is to read them.
        query: Words of the queries, shape (n, T_q).
        context: Words of the contexts, shape (n, T_c).

    Returns:
        Tokens, int64, shape (n, 2 + T_q + T_c).

    Raises:
        TypeError: Not a transformer, or words that are not integers.
        ValueError: A word that is not there, or another number of contexts than of queries.
    """
    n_words = marks(check_reader_lm(lm))[0]
    asked, shown = (
        check_words(words, n_words, name) for words, name in ((query, "query"), (context, "context"))
    )
    if len(asked) != len(shown):
        raise ValueError(f"context: expected {len(asked)} rows, as many as queries, got {len(shown)}")
    return joined(lm, asked, shown)


def joined(lm: TransformerMaskedLM, query: Tensor, context: Tensor) -> Tensor:
    """What `pair_texts` returns, of what needs no check.

    Args:
        lm: The transformer.
        query: Words of the queries, int64, shape (n, T_q).
        context: Words of the contexts, int64, shape (n, T_c).

    Returns:
        Tokens, shape (n, 2 + T_q + T_c).
    """
    front, pause = (query.new_full((len(query), 1), token) for token in marks(lm))
    return torch.cat([front, query, pause, context], 1)


class SpanReader(nn.Module):
    """Scores S[i, j] = MLP(h_i) · h_j, of a transformer's vectors h of [mark, query, break, context].

    Place 0 is the mark, and places 1 … T_c are those of the context. S[0, 0] says whether the context is
    relevant, S[i, j] whether what is asked stands from i to j; both are logits of probabilities.

    Args:
        lm: The transformer, from `reader_lm`; it becomes a part of the reader.
        hidden: Width of the MLP's inner layer.
        generator: Seed of its start.

    Raises:
        TypeError: Another kind of model, or a number that is not an integer.
        ValueError: A width below 1, or a seed below 0.
    """

    def __init__(self, lm: TransformerMaskedLM, hidden: int = 96, *, generator: int = 0) -> None:
        super().__init__()
        self.lm = check_reader_lm(lm)
        hidden, width = check_positive_int(hidden, "hidden"), lm.embedding_dim
        random = step_generator(torch.device("cpu"), check_positive_int(generator, "generator", 0))
        single = torch.float32  # as the transformer, whatever torch's default is
        self.inner, self.outer = (
            nn.Linear(width, hidden, dtype=single),
            nn.Linear(hidden, width, dtype=single),
        )
        for part in (self.inner, self.outer):
            fill_uniform(part, float(part.in_features) ** -0.5, random)

    def forward(self, query: Tensor, context: Tensor) -> Tensor:
        """Score all spans.

        Args:
            query: Tokens of the queries, shape (n, T_q).
            context: Words of the contexts, shape (n, T_c).

        Returns:
            Logits, shape (n, 1 + T_c, 1 + T_c).
        """
        vectors = self.lm.hidden(self.lm.embedding(joined(self.lm, query, context)))
        kept = torch.cat([vectors[:, :1], vectors[:, 2 + query.shape[1] :]], 1)  # (n, 1 + T_c, width)
        return self.outer(F.gelu(self.inner(kept))) @ kept.transpose(1, 2)


def check_span_reader(reader: SpanReader) -> SpanReader:
    """Check that something is a reader.

    Args:
        reader: It.

    Returns:
        The same.

    Raises:
        TypeError: Anything else.
    """
    return check_kind(reader, SpanReader, "reader", "a SpanReader")


def span_targets(items: SpanItems) -> Tensor:
    """What a perfect reader's scores would say, if it knew.

    Args:
        items: The items.

    Returns:
        0 or 1, single precision, shape (n, 1 + T_c, 1 + T_c).

    Raises:
        TypeError: Not items.
    """
    check_kind(items, SpanItems, "items", "SpanItems, as SpanWorld.draw makes them")
    n, time = items.context.shape
    targets = torch.zeros(n, time + 1, time + 1, dtype=torch.float32)
    rows = items.relevant.nonzero()[:, 0]
    targets[rows, 0, 0] = 1
    targets[rows, items.start[rows] + 1, items.end[rows] + 1] = 1
    return targets


def span_loss(scores: Tensor, targets: Tensor, relevance_weight: float | None = None) -> Tensor:
    """Binary cross-entropy of all candidates: place (0, 0), and spans that do not end before they begin.

    It is least where each score is the logit of its probability, whatever weights the candidates have.

    Args:
        scores: From a `SpanReader`, shape (n, 1 + T_c, 1 + T_c).
        targets: From `span_targets`, the same shape.
        relevance_weight: Weight of place (0, 0), 0 … 1, the rest being shared by the spans; as much as any
            span if not given.

    Returns:
        Nats per candidate.
    """
    size = scores.shape[1]
    first, last = torch.triu_indices(size, size)
    kept = (first > 0) | (last == 0)
    first, last = first[kept], last[kept]
    found = F.binary_cross_entropy_with_logits(
        scores[:, first, last], targets[:, first, last], reduction="none"
    )
    if relevance_weight is None:
        return found.mean()
    return relevance_weight * found[:, 0].mean() + (1 - relevance_weight) * found[:, 1:].mean()
