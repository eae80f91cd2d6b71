"""Where a context speaks of an entity, and whether it does: exact probabilities by enumeration of layouts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_fraction, check_kind, check_tensor
from hmmlib._display import compact_repr
from hmmlib._texts import check_words
from hmmlib.hmm import content_log_likelihood
from hmmlib.spans.worlds import Kind, SpanWorld, check_query_kind, known_entities

# Likelihoods of so many segments and contents are kept at a time.
_PIECE = 2**22


class SpanPosterior(NamedTuple):
    """What can be known of contexts.

    Attributes:
        relevance: P[relevant | query, context], shape (n,).
        spans: P[the segment begins at i and ends at j | query, context], shape (n, T_c, T_c); its sum over i
            and j is the relevance.
    """

    relevance: Tensor
    spans: Tensor

    def __repr__(self) -> str:
        return compact_repr(self)


def exact_spans(
    world: SpanWorld,
    query: ArrayLike,
    context: ArrayLike,
    *,
    kind: Kind = "definition",
    entities: ArrayLike | None = None,
    relevant: float | None = None,
) -> SpanPosterior:
    """P[relevant, segment | query, context], summed over layouts, segments and entities.

    Args:
        world: The world.
        query: Tokens of the queries, shape (n, T_q).
        context: Words of the contexts, shape (n, T_c).
        kind: Whether queries are definitions or questions.
        entities: Which entities there are, in queries and contexts; all if not given.
        relevant: Share of relevant contexts in place of the world's.

    Returns:
        The probabilities, in double precision.

    Raises:
        TypeError: Not a world, or words that are not integers.
        ValueError: Shapes that do not fit, a word out of range, fewer than two entities, or a context that
            cannot have been written; the message names the row.
    """
    check_kind(world, SpanWorld, "world", "a SpanWorld")
    kind = check_query_kind(kind)
    share = world.relevant if relevant is None else check_fraction(relevant, "relevant")
    among = known_entities(entities, "entities", world.n_entities, 2)
    asked = check_words(query, world.model.n_tokens, "query")
    shown = check_words(context, world.n_words, "context", world.context_length)
    if len(asked) != len(shown):
        raise ValueError(f"query: expected {len(shown)} rows, as many as contexts, got {len(asked)}")
    size = max(1, _PIECE // (world.context_length * world.longest * world.n_entities))
    pieces = [
        _read(world, a, c, kind, among, share)
        for a, c in zip(asked.split(size), shown.split(size), strict=True)
    ]
    spans, nothing = (torch.cat(part) for part in zip(*pieces, strict=True))
    total = spans.sum((1, 2)) + nothing
    lost = (total == 0).nonzero()
    if len(lost):
        raise ValueError(f"context: row {int(lost[0])} cannot have been written, whatever it speaks of")
    spans = spans / total[:, None, None]
    return SpanPosterior(spans.sum((1, 2)), spans)


def _read(
    world: SpanWorld, query: Tensor, context: Tensor, kind: Kind, among: Tensor, share: float
) -> tuple[Tensor, Tensor]:
    """Joint probabilities with the context, each row up to a factor: of all spans, and of irrelevance."""
    of_query = content_log_likelihood(world.writers[kind], query)[:, among]
    peak = of_query.amax(1, keepdim=True)
    belief = (of_query - torch.where(peak.isfinite(), peak, 0)).exp()
    belief = belief / belief.sum(1, keepdim=True).clamp_min(torch.finfo(belief.dtype).tiny)
    own = _segments(world, context)[..., among]  # (n, places, lengths, entities)
    other = (own.sum(-1, keepdim=True) - own) / (len(among) - 1)
    between = world.filler_probs[context]
    spans = own.new_zeros(len(context), world.context_length, world.context_length)
    nothing = own.new_zeros(len(context))
    for layout in world.layouts.tolist():
        begins = [sum(layout[:g]) + g for g in range(len(layout))]
        gaps = between[:, [begin - 1 for begin in begins[1:]]].prod(1)
        places = [(begin, length - world.shortest) for begin, length in zip(begins, layout, strict=True)]
        others = [other[:, begin, length] for begin, length in places]
        nothing += (1 - share) * gaps * (belief * torch.stack(others).prod(0)).sum(1)
        for g, (begin, length) in enumerate(places):
            rest = torch.stack([belief, own[:, begin, length], *others[:g], *others[g + 1 :]]).prod(0)
            spans[:, begin, begin + layout[g] - 1] += share * gaps / len(layout) * rest.sum(1)
    return spans, nothing


def _segments(world: SpanWorld, context: Tensor) -> Tensor:
    """P[segment | content] for each first place and length, shape (n, T_c, lengths, K); 0 with fillers."""
    n, time = context.shape
    lengths = world.longest - world.shortest + 1
    found = torch.zeros(n, time, lengths, world.n_entities, dtype=torch.float64)
    ordinary = context < world.model.n_tokens
    tokens = torch.where(ordinary, context, 0)
    for begin in range(time - world.shortest + 1):
        own = slice(begin, min(begin + world.longest, time))
        logs = content_log_likelihood(world.model, tokens[:, own], prefixes=True)
        whole = ordinary[:, own].long().cumprod(1).bool()
        probs = torch.where(whole[..., None], logs.exp(), 0)[:, world.shortest - 1 :]
        found[:, begin, : probs.shape[1]] = probs
    return found


def shift_prior(posterior: SpanPosterior, before: float, after: float) -> SpanPosterior:
    """What a posterior becomes when another share of contexts is relevant.

    The logit of the relevance is shifted by the difference of the logits of the shares; spans keep their
    ratios.

    Args:
        posterior: What was computed, or learnt, for the share `before`.
        before: Share of relevant contexts, above 0 and below 1.
        after: Share of relevant contexts now, the same.

    Returns:
        The posterior.

    Raises:
        TypeError: Not a posterior.
        ValueError: A share that is not between 0 and 1.
    """
    check_kind(posterior, SpanPosterior, "posterior", "a SpanPosterior")
    for share, name in ((before, "before"), (after, "after")):
        check_fraction(share, name, above_zero=True, below_one=True)
    weight, rest = after / before, (1 - after) / (1 - before)
    relevance = posterior.relevance
    total = relevance * weight + (1 - relevance) * rest
    return SpanPosterior(relevance * weight / total, posterior.spans * (weight / total)[:, None, None])


def best_span(spans: Tensor) -> tuple[Tensor, Tensor]:
    """The most probable span: the one that is most often exactly right.

    Args:
        spans: Probabilities, or any scores, shape (n, T, T).

    Returns:
        First and last place, both shape (n,).

    Raises:
        TypeError: No tensor of real numbers.
        ValueError: Another shape.
    """
    flat = _square(spans).flatten(1).argmax(1)
    return flat // spans.shape[1], flat % spans.shape[1]


def best_f1_span(spans: Tensor) -> tuple[Tensor, Tensor]:
    """The span of the largest expected F1.

    Args:
        spans: Probabilities, shape (n, T, T).

    Returns:
        First and last place, both shape (n,).

    Raises:
        TypeError: No tensor of real numbers.
        ValueError: Another shape.
    """
    time = _square(spans).shape[1]
    first, last = torch.triu_indices(time, time)
    agree = span_f1(first[:, None], last[:, None], first, last).to(spans.dtype)  # (candidates, truths)
    best = (spans[:, first, last] @ agree.T).argmax(1)
    return first[best], last[best]


def _square(spans: Tensor) -> Tensor:
    check_tensor(spans, "spans", "a tensor of shape (n, time, time)")
    if spans.ndim != 3 or spans.shape[1] != spans.shape[2] or 0 in spans.shape:
        raise ValueError(f"spans: expected shape (n, time, time), got {tuple(spans.shape)}")
    return spans


def span_f1(start: Tensor, end: Tensor, true_start: Tensor, true_end: Tensor) -> Tensor:
    """F1 of spans: twice the places in both over the places in one and in the other.

    Args:
        start: First places of what was found, any shape.
        end: Last places.
        true_start: First places of what is right.
        true_end: Last places.

    Returns:
        0 … 1, double precision, the shape to which the arguments are broadcast.
    """
    both = (torch.minimum(end, true_end) - torch.maximum(start, true_start) + 1).clamp_min(0)
    return 2 * both.double() / ((end - start + 1) + (true_end - true_start + 1))
