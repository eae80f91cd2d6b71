"""Heads: the few numbers that are put on top of a frozen masked language model (Sections 3 and 4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hmmlib._display import card, compact_repr, fields_html, heat_map


@dataclass(frozen=True)
class LinearHead:
    """A linear function of the token law that a model shows at one position.

    Its label is 1(bᵀG ≥ 0), or the class of the largest value where there is one row of weights per class.
    As a token law sums to one, a constant term would add nothing: it is a multiple of the row of ones.

    Attributes:
        weights: b, shape (V,), or one row per class, shape (n_classes, V).
    """

    weights: Tensor

    __repr__ = compact_repr

    def _repr_html_(self) -> str:
        corner = "class" if self.weights.ndim == 2 else ""
        return card(repr(self), heat_map("weights", self.weights, corner, "token"))

    def __post_init__(self) -> None:
        if self.weights.ndim not in (1, 2):
            raise ValueError(
                f"weights: expected shape (V,) or (n_classes, V), got {tuple(self.weights.shape)}"
            )

    def values(self, probs: Tensor) -> Tensor:
        """The head's values bᵀG.

        Args:
            probs: Token laws, shape (…, V).

        Returns:
            Values, shape (…), or (…, n_classes).

        Raises:
            ValueError: The laws are not over the tokens that the head has weights for.
        """
        _check_laws(probs, self.weights.shape[-1])
        return _apply(self.weights, probs)

    def labels(self, probs: Tensor) -> Tensor:
        """The classes that the head answers.

        Args:
            probs: Token laws, shape (…, V).

        Returns:
            Classes, int64, shape (…).

        Raises:
            ValueError: The laws are not over the tokens that the head has weights for.
        """
        return labels_of(self.values(probs), self.weights.ndim == 1)


@dataclass(frozen=True)
class AttentionHead:
    """A head that looks for the positions worth reading, and reads them (the paper's Section 4).

    At position i of a text x it forms z_i = ΦG_i(x), asks how well the position suits by the key kᵀz_i, and
    reads off the value bᵀ(z_i ⊙ e*(x_i)). Its output is the mean value over the positions with the largest
    key (hard attention), or the mean under softmax(keys/temperature).

    Attributes:
        projection: Φ, shape (d, V).
        key: k, shape (d,).
        weights: b, shape (d,), or one row per class, shape (n_classes, d).
        embeddings: e*(z) for each token z and, last, for the blank, shape (V + 1, d).
        temperature: Of the attention; 0 is hard attention.
        tolerance: Under hard attention, keys this close to the largest count as equal to it.
    """

    projection: Tensor
    key: Tensor
    weights: Tensor
    embeddings: Tensor
    temperature: float = 0.0
    tolerance: float = 1e-9

    __repr__ = compact_repr
    _repr_html_ = fields_html

    def __post_init__(self) -> None:
        if self.projection.ndim != 2:
            raise ValueError(f"projection: expected shape (d, V), got {tuple(self.projection.shape)}")
        size, n_tokens = self.projection.shape
        if self.key.shape != (size,):
            raise ValueError(f"key: expected shape ({size},), got {tuple(self.key.shape)}")
        if self.weights.ndim not in (1, 2) or self.weights.shape[-1] != size:
            raise ValueError(
                f"weights: expected shape ({size},) or (n_classes, {size}), got {tuple(self.weights.shape)}"
            )
        if self.embeddings.shape != (n_tokens + 1, size):
            raise ValueError(
                f"embeddings: expected shape ({n_tokens + 1}, {size}), one row per token and one for the "
                f"blank, got {tuple(self.embeddings.shape)}"
            )
        for name, value in (("temperature", self.temperature), ("tolerance", self.tolerance)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name}: expected a finite number >= 0, got {value}")

    def keys(self, probs: Tensor) -> Tensor:
        """How well each position suits, kᵀΦG_i.

        Args:
            probs: Token laws G_i, shape (…, time, V).

        Returns:
            Keys, shape (…, time).

        Raises:
            ValueError: The laws are not over V tokens.
        """
        _check_laws(probs, self.projection.shape[1])
        return probs @ (self.key @ self.projection)

    def attention(self, probs: Tensor) -> Tensor:
        """The share of attention that each position gets.

        Args:
            probs: Token laws G_i, shape (…, time, V).

        Returns:
            Shares, which sum to one over the positions, shape (…, time).

        Raises:
            ValueError: The laws are not over V tokens.
        """
        keys = self.keys(probs)
        if self.temperature > 0:
            return torch.softmax(keys / self.temperature, -1)
        best = (keys >= keys.amax(-1, keepdim=True) - self.tolerance).to(keys.dtype)
        return best / best.sum(-1, keepdim=True)

    def evidence(self, probs: Tensor, tokens: Tensor) -> Tensor:
        """What each position says together with the token seen there, ΦG_i ⊙ e*(x_i).

        In the theorem's head its entries are P[M_{j*} = m, H_i = h, X_i = x_i | x_{-i}].

        Args:
            probs: Token laws G_i, shape (…, time, V).
            tokens: The text x, integers 0 … V − 1, or V for a blank, shape (…, time).

        Returns:
            Shape (…, time, d).

        Raises:
            ValueError: The laws are not over V tokens, or the text does not fit them.
        """
        _check_laws(probs, self.projection.shape[1])
        if tokens.shape != probs.shape[:-1]:
            raise ValueError(
                f"tokens: expected shape {tuple(probs.shape[:-1])} as of probs, got {tuple(tokens.shape)}"
            )
        return (probs @ self.projection.T) * self.embeddings[tokens.to(self.embeddings.device)]

    def position_values(self, probs: Tensor, tokens: Tensor) -> Tensor:
        """The value at each position, bᵀ(ΦG_i ⊙ e*(x_i)).

        Args:
            probs: Token laws G_i, shape (…, time, V).
            tokens: The text x, shape (…, time).

        Returns:
            Values, shape (…, time), or (…, time, n_classes).

        Raises:
            ValueError: The laws are not over V tokens, or the text does not fit them.
        """
        return _apply(self.weights, self.evidence(probs, tokens))

    def values(self, probs: Tensor, tokens: Tensor) -> Tensor:
        """The head's output: the values of the positions, weighted by attention.

        Args:
            probs: Token laws G_i, shape (…, time, V).
            tokens: The text x, shape (…, time).

        Returns:
            Values, shape (…), or (…, n_classes).

        Raises:
            ValueError: The laws are not over V tokens, or the text does not fit them.
        """
        shares = self.attention(probs)
        values = self.position_values(probs, tokens)
        if self.weights.ndim == 2:
            shares = shares[..., None]
        return (shares * values).sum(tokens.ndim - 1)

    def labels(self, probs: Tensor, tokens: Tensor) -> Tensor:
        """The classes that the head answers.

        Args:
            probs: Token laws G_i, shape (…, time, V).
            tokens: The text x, shape (…, time).

        Returns:
            Classes, int64, shape (…).

        Raises:
            ValueError: The laws are not over V tokens, or the text does not fit them.
        """
        return labels_of(self.values(probs, tokens), self.weights.ndim == 1)


def labels_of(values: Tensor, binary: bool) -> Tensor:
    """Labels from a head's values.

    Args:
        values: Shape (…) if binary, else (…, n_classes).
        binary: Whether the sign decides, zero counting as class 1 as in the paper; else the largest value.

    Returns:
        Classes, int64, shape (…).
    """
    return (values >= 0).long() if binary else values.argmax(-1)


def _apply(weights: Tensor, inputs: Tensor) -> Tensor:
    """Values (…) under weights (n,), or (…, n_classes) under one row per class."""
    return inputs @ (weights if weights.ndim == 1 else weights.mT)


def _check_laws(probs: Tensor, n_tokens: int) -> None:
    if probs.shape[-1:] != (n_tokens,):
        raise ValueError(f"probs: expected laws over {n_tokens} tokens, got shape {tuple(probs.shape)}")
