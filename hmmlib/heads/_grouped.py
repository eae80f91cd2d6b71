"""Attention heads on all texts of a set, again and again: positions with the same word stand together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hmmlib.heads.attention import SoftAttentionHead


class GroupedTexts:
    """What a model shows of texts, for heads that are applied to all of them many times.

    A head's value at a position is linear in G_i, by a row of weights that the word there decides. Sorted by
    word, positions become V + 1 products of matrices, which take a third of the time of looking up a row for
    each.

    Args:
        probs: Token distributions G_i at the blank and the text, shape (n, 1 + time, V).
        tokens: The blank and the text, integers 0 … V, shape (n, 1 + time).
    """

    def __init__(self, probs: Tensor, tokens: Tensor) -> None:
        self.shape = probs.shape[:2]
        words = tokens.flatten().to(probs.device)
        self._order = words.argsort(stable=True)
        self._place = self._order.argsort()
        counts = words.bincount(minlength=probs.shape[-1] + 1).tolist()
        # Position by position along memory, which products with few columns read fastest.
        self._probs = probs.flatten(0, 1).T.contiguous().index_select(1, self._order).split(counts, 1)
        self._probs = tuple(part.contiguous() for part in self._probs)  # each (V, positions of a word)

    def values(self, head: SoftAttentionHead) -> Tensor:
        """What `SoftAttentionHead.values` returns, up to rounding.

        Args:
            head: The head.

        Returns:
            Shape (n,) for a single row of weights, else (n, n_classes).
        """
        key = head.key_weights()[None]
        tables = head.value_weights()  # (n_classes, V + 1 or 1, V)
        maps = [torch.cat([key, table]) for table in tables.transpose(0, 1)]  # each (1 + n_classes, V)
        if len(maps) == 1:
            maps = maps * len(self._probs)
        found = torch.cat([one @ rows for one, rows in zip(maps, self._probs, strict=True)], 1)
        back: Tensor = _Permuted.apply(found, self._place, self._order)
        scores, *values = back.view(-1, *self.shape)  # each (n, 1 + time)
        shares = (scores + head.place_scores()[: self.shape[1]]).softmax(-1)
        means = [torch.linalg.vecdot(shares, value) for value in values]
        return torch.stack(means, -1) if head.weights.ndim == 2 else means[0]


class _Permuted(torch.autograd.Function):
    """Columns in another order. torch's own gradient adds up, lest one is taken twice, and takes long."""

    @staticmethod
    def forward(context: Any, table: Tensor, order: Tensor, back: Tensor) -> Tensor:
        context.back = back
        return torch.stack([row.index_select(0, order) for row in table])

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        return torch.stack([row.index_select(0, context.back) for row in gradient]), None, None
