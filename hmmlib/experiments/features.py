"""Features of linear heads: of a text without a language model, and of all its places alike."""

from __future__ import annotations

import torch
from torch import Tensor


def one_hot(tokens: Tensor, n_tokens: int) -> Tensor:
    """Words as unit vectors.

    Args:
        tokens: Texts, integers 0 … V − 1, shape (n, time).
        n_tokens: Size V of the vocabulary.

    Returns:
        Zeros and ones, float64, shape (n, time, V).
    """
    return torch.nn.functional.one_hot(tokens, n_tokens).double()


def word_shares(tokens: Tensor, n_tokens: int) -> Tensor:
    """How often each word is in each text.

    Args:
        tokens: Texts, integers 0 … V − 1, shape (n, time).
        n_tokens: Size V of the vocabulary.

    Returns:
        Shares, shape (n, V).
    """
    return one_hot(tokens, n_tokens).mean(1)


def pair_shares(tokens: Tensor, n_tokens: int) -> Tensor:
    """How often each word, and each pair of neighbours, is in each text.

    Args:
        tokens: Texts, integers 0 … V − 1, shape (n, time), time ≥ 2.
        n_tokens: Size V of the vocabulary.

    Returns:
        Shares of words, then of pairs, shape (n, V + V²).
    """
    pairs = word_shares(tokens[:, :-1] * n_tokens + tokens[:, 1:], n_tokens**2)
    return torch.cat([word_shares(tokens, n_tokens), pairs], 1)


def first_words(tokens: Tensor, n_tokens: int, count: int = 4) -> Tensor:
    """Which words a text begins with.

    Args:
        tokens: Texts, integers 0 … V − 1, shape (n, time).
        n_tokens: Size V of the vocabulary.
        count: Number of words.

    Returns:
        A unit vector for each, one behind the other, shape (n, count·V).
    """
    return one_hot(tokens[:, :count], n_tokens).flatten(1)


def pooled(tokens: Tensor, probs: Tensor) -> Tensor:
    """The mean of G_i ⊗ x_i over each text: all that an attention head sees if all positions count alike.

    Args:
        tokens: Texts, integers 0 … V − 1, shape (n, time).
        probs: What a model shows at each word, shape (n, time, V).

    Returns:
        For each word that is shown, what is predicted where it stands, shape (n, V²).
    """
    seen = one_hot(tokens, probs.shape[-1])
    return torch.einsum("ntw,ntv->nwv", seen, probs.to(seen)).flatten(1) / seen.shape[1]
