"""How well a reader finds spans, and tells whether there is one."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import check_kind, check_tensor
from hmmlib.spans.exact import SpanPosterior, best_span, span_f1
from hmmlib.spans.readers import SpanReader, check_span_reader
from hmmlib.spans.worlds import SpanItems

# Contexts are read so many at a time.
_PIECE = 256


class SpanScores(NamedTuple):
    """What a reader is worth.

    Attributes:
        f1: Mean F1 of the best span where the context is relevant.
        exact_match: Share of these whose best span is exactly right.
        accuracy: Share of all contexts that are rightly called relevant or not.
        auc: Probability that a relevant context is called more probably relevant than one that is not, ties
            counted half; it does not depend on where the line is drawn.
        consistency_gap: Mean distance of the sum of the spans' probabilities from the relevance, which it
            would be if both were exact.
    """

    f1: float
    exact_match: float
    accuracy: float
    auc: float
    consistency_gap: float


def read_spans(reader: SpanReader, items: SpanItems) -> SpanPosterior:
    """What a reader says of contexts.

    Args:
        reader: The reader.
        items: The items.

    Returns:
        Its probabilities, in double precision; they need not agree with one another.

    Raises:
        TypeError: Not a reader, or not items.
    """
    check_span_reader(reader)
    check_kind(items, SpanItems, "items", "SpanItems, as SpanWorld.draw makes them")
    found = []
    with torch.no_grad():
        for query, context in zip(items.query.split(_PIECE), items.context.split(_PIECE), strict=True):
            found.append(reader(query, context).double().sigmoid())
    probs = torch.cat(found)
    return SpanPosterior(probs[:, 0, 0], probs[:, 1:, 1:].triu())


def evaluate_spans(items: SpanItems, posterior: SpanPosterior) -> SpanScores:
    """Judge what was said of contexts.

    Args:
        items: The items; some of them relevant. Where all are, there is no AUC: it is not a number.
        posterior: From `exact_spans` or `read_spans`.

    Returns:
        The scores.

    Raises:
        TypeError: Not items, or not a posterior.
        ValueError: No relevant item.
    """
    check_kind(items, SpanItems, "items", "SpanItems, as SpanWorld.draw makes them")
    check_kind(posterior, SpanPosterior, "posterior", "a SpanPosterior")
    about = items.relevant
    if not bool(about.any()):
        raise ValueError("items: expected some that are relevant, got none")
    right = span_agreement(items, posterior.spans)
    said = posterior.relevance > 0.5
    gap = (posterior.spans.sum((1, 2)) - posterior.relevance).abs()
    return SpanScores(
        f1=float(right.mean()),
        exact_match=float((right == 1).double().mean()),
        accuracy=float((said == about).double().mean()),
        auc=_auc(posterior.relevance[about], posterior.relevance[~about]),
        consistency_gap=float(gap.mean()),
    )


def _auc(above: Tensor, below: Tensor) -> float:
    pairs = above[:, None] - below
    return float(((pairs > 0).double() + (pairs == 0).double() / 2).mean())


def span_agreement(items: SpanItems, scores: Tensor) -> Tensor:
    """F1 of the best span, where the context is relevant.

    Args:
        items: The items.
        scores: Of spans, shape (n, T_c, T_c).

    Returns:
        0 … 1, one for each relevant item.

    Raises:
        TypeError: Not items, or no tensor of real numbers.
    """
    check_kind(items, SpanItems, "items", "SpanItems, as SpanWorld.draw makes them")
    about = items.relevant
    found = best_span(check_tensor(scores, "scores")[about])
    return span_f1(*found, items.start[about], items.end[about])
