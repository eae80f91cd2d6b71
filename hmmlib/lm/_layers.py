"""A transformer's layers: attention with or without rotary positions, and a feed-forward network."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hmmlib.lm.transformer_config import TransformerConfig

# Cosines and sines of rotary angles.
Turn = tuple[Tensor, Tensor] | None

# Said to every new weight, lest torch's defaults, which anyone may have changed, make another model.
NEW: dict[str, Any] = {"device": "cpu", "dtype": torch.float32}


class Layer(nn.Module):
    """Attention, then a feed-forward network, each added to its input.

    Args:
        config: The model's shape.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.query_key_value = nn.Linear(width, 3 * width, **NEW)
        self.mix = nn.Linear(width, width, **NEW)
        self.attention_norm = nn.LayerNorm(width, config.epsilon, **NEW)
        self.up = nn.Linear(width, config.feed_forward, **NEW)
        self.down = nn.Linear(config.feed_forward, width, **NEW)
        self.feed_forward_norm = nn.LayerNorm(width, config.epsilon, **NEW)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, turn: Turn, at: int | None = None) -> Tensor:
        """Apply the layer.

        Args:
            x: Shape (batch, time, width).
            turn: Rotary angles' cosines and sines, or None.
            at: The one position that is wanted; None for all.

        Returns:
            Shape (batch, time, width), or (batch, width).
        """
        kept = x if at is None else x[:, at]  # (batch, time, width) or (batch, width)
        if self.config.norm == "pre":
            kept = kept + self.dropout(self.attend(self.attention_norm(x), turn, at))
            return kept + self.dropout(self.feed_forward(self.feed_forward_norm(kept)))
        kept = self.attention_norm(kept + self.dropout(self.attend(x, turn, at)))
        return self.feed_forward_norm(kept + self.dropout(self.feed_forward(kept)))

    def attend(self, x: Tensor, turn: Turn, at: int | None = None) -> Tensor:
        """Every position attends to all positions; in a causal model to those up to itself.

        Args:
            x: Shape (batch, time, width).
            turn: Rotary angles' cosines and sines, or None.
            at: The one position that is wanted; None for all.

        Returns:
            Shape (batch, time, width), or (batch, width).
        """
        batch, time, width = x.shape
        heads, causal = self.config.n_heads, self.config.causal
        if at is not None:
            query, key, value = self._one_query(x[:, : at + 1] if causal else x, turn, at)
            causal = False  # what is later was left out
        else:
            # (batch, time, 3 · width), as (batch, time, 3, heads, width / heads)
            parts = self.query_key_value(x).view(batch, time, 3, heads, width // heads)
            query, key, value = parts.permute(2, 0, 3, 1, 4)  # each (batch, heads, time, width / heads)
            if turn is not None:
                query, key = rotate(query, turn), rotate(key, turn)
        dropped = self.config.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=dropped, is_causal=causal)
        mixed = mixed.transpose(1, 2).flatten(2)  # (batch, time or 1, width)
        return self.mix(mixed if at is None else mixed[:, 0])  # (…, width)

    def _one_query(self, x: Tensor, turn: Turn, position: int) -> tuple[Tensor, Tensor, Tensor]:
        """The query of one position, (batch, heads, 1, width / heads), and the keys and values of all."""
        batch, time, width = x.shape
        heads = self.config.n_heads
        weight, bias = self.query_key_value.weight, self.query_key_value.bias
        query = F.linear(x[:, position], weight[:width], bias[:width])  # (batch, width)
        query = query.view(batch, heads, 1, width // heads)
        parts = F.linear(x, weight[width:], bias[width:]).view(batch, time, 2, heads, width // heads)
        key, value = parts.permute(2, 0, 3, 1, 4)  # each (batch, heads, time, width / heads)
        if turn is not None:
            cosine, sine = turn
            query = rotate(query, (cosine[position], sine[position]))
            key = rotate(key, (cosine[:time], sine[:time]))
        return query, key, value

    def feed_forward(self, x: Tensor) -> Tensor:
        """Two linear maps with GELU between.

        Args:
            x: Shape (..., width).

        Returns:
            Same shape.
        """
        return self.down(F.gelu(self.up(x)))  # (..., width) → (..., feed_forward) → (..., width)


def rotary_angles(time: int, size: int, base: float, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the angles by which each position's queries and keys are turned.

    Args:
        time: Number of positions.
        size: Entries of a query, even.
        base: Angles per step are ``base ** -u``, u from 0 to nearly 1.
        like: Gives device and number type.

    Returns:
        Two tables of shape (time, size / 2).
    """
    step = base ** -(torch.arange(0, size, 2, device=like.device, dtype=torch.float64) / size)  # (size / 2,)
    angle = torch.arange(time, device=like.device)[:, None] * step  # (time, size / 2)
    return angle.cos().to(like.dtype), angle.sin().to(like.dtype)


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Turn entries k and k + size/2 of each position as a point in the plane.

    Args:
        x: Queries or keys, shape (..., time, size).
        turn: Cosines and sines from `rotary_angles`.

    Returns:
        Same shape.
    """
    cosine, sine = turn  # (time, size / 2)
    first, second = x.chunk(2, -1)  # each (..., time, size / 2)
    return torch.cat(
        [first * cosine - second * sine, second * cosine + first * sine], -1
    )  # (..., time, size)
