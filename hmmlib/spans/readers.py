"""A reader of spans: a transformer, and a score for each pair of places (Xu et al. 2023)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hmmlib._checks import check_kind, check_positive_int
from hmmlib._random import fill_uniform, step_generator
from hmmlib.lm import TransformerConfig, TransformerMaskedLM
from hmmlib.spans.worlds import SpanItems, SpanWorld

READER = TransformerConfig(width=48, n_layers=3, n_heads=4, feed_forward=96)
"""The transformer of a reader, if none is given."""


def reader_lm(
    world: SpanWorld, config: TransformerConfig | None = None, *, generator: int = 0
) -> TransformerMaskedLM:
    """A masked language model of a world's words and two marks, untrained: what a reader begins with.

    Args:
        world: The world.
        config: Shape of the transformer; `READER` if not given.
        generator: Seed of the start.

    Returns:
        The model; its last two tokens are the mark at the front and the break behind a query.

    Raises:
        TypeError: Not a world, another configuration, or a seed that is not an integer.
    """
    check_kind(world, SpanWorld, "world", "a SpanWorld")
    return TransformerMaskedLM(world.n_words + 2, READER if config is None else config, generator=generator)


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
        self.lm = check_kind(lm, TransformerMaskedLM, "lm", "a TransformerMaskedLM")
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
        mark, pause = self.lm.n_tokens - 2, self.lm.n_tokens - 1
        ends = torch.tensor([[mark, pause]]).expand(len(query), 2)
        text = torch.cat([ends[:, :1], query, ends[:, 1:], context], 1)
        vectors = self.lm.hidden(self.lm.embedding(text))
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
