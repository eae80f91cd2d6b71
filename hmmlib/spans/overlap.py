"""Words in common with the query: the reader that has learnt nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib._checks import check_kind, check_number
from hmmlib.spans.worlds import SpanItems, SpanWorld


def overlap_scores(world: SpanWorld, items: SpanItems, *, length_exponent: float = 1.0) -> Tensor:
    """Score what stands between fillers by its words that are in the query.

    The score of a span is the number of its places whose token is in the query, over its length to a power.
    It is told where segments begin and end, as far as fillers show it; that is much, and a reader that is
    trained has to find it out.

    Args:
        world: The world.
        items: The items.
        length_exponent: The power; 0 counts words, 1 takes their share.

    Returns:
        Scores, double precision, shape (n, T_c, T_c); −inf for spans that do not lie between two fillers, or
        a filler and an end of the context.

    Raises:
        TypeError: Not a world, not items, or no number.
    """
    check_kind(world, SpanWorld, "world", "a SpanWorld")
    check_kind(items, SpanItems, "items", "SpanItems, as SpanWorld.draw makes them")
    check_number(length_exponent, "length_exponent")
    filler = items.context >= world.model.n_tokens
    shared = (items.context[:, :, None] == items.query[:, None, :]).any(2) & ~filler
    counts = torch.nn.functional.pad(shared.double().cumsum(1), (1, 0))
    within = counts[:, None, 1:] - counts[:, :-1, None]  # (n, begin, end)
    time = world.context_length
    places = torch.arange(time)
    length = places[None, :] - places[:, None] + 1
    edge = torch.ones(len(filler), 1, dtype=torch.bool)
    opens = torch.cat([edge, filler[:, :-1]], 1) & ~filler
    closes = torch.cat([filler[:, 1:], edge], 1) & ~filler
    fillers = torch.nn.functional.pad(filler.long().cumsum(1), (1, 0))
    free = fillers[:, None, 1:] == fillers[:, :-1, None]
    there = opens[:, :, None] & closes[:, None, :] & free & (length > 0)
    return torch.where(there, within / length.clamp_min(1).double() ** length_exponent, -torch.inf)
