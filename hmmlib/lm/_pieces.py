"""What a network predicts, piece by piece where no gradients are kept."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def in_pieces(
    module: nn.Module, probs: Callable[[Tensor], Tensor], embeddings: Tensor, n_positions: int
) -> Tensor:
    """Apply a network to texts: all at once where gradients are wanted, else in little memory.

    Args:
        module: Holds the weights, any of which may want gradients.
        probs: From embeddings to token distributions, (batch, time, d) to (batch, time, V).
        embeddings: Shape (batch, time, d).
        n_positions: How many positions there are in a piece; at least one text.

    Returns:
        The distributions, shape (batch, time, V).
    """
    trained = any(parameter.requires_grad for parameter in module.parameters())
    if torch.is_grad_enabled() and (trained or embeddings.requires_grad):
        return probs(embeddings)
    return torch.cat([probs(piece) for piece in embeddings.split(max(1, n_positions // embeddings.shape[1]))])
