"""Attention heads (the paper's Section 4): the theorem's, and one that can be trained."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hmmlib._checks import check_number, check_tensor
from hmmlib._display import compact_repr, fields_html
from hmmlib.heads._values import apply_weights, check_one_type, check_parts, check_probs, labels_of


@dataclass(frozen=True)
class AttentionHead:
    """A head that looks for the positions worth reading, and reads them (the paper's Section 4).

    At position i of a text x it forms z_i = ΦG_i(x), asks how well the position suits by the key kᵀz_i, and
    reads off the value bᵀ(z_i ⊙ e*(x_i)). Its output is the mean value over the positions with the largest
    key (hard attention), or the mean under softmax(keys/temperature).

    The positions are whichever it is given distributions and words of: in the theorem the T of the text x,
    without the blank before it, which `SoftAttentionHead` reads too. Distributions are brought to its number
    type and device.

    Attributes:
        projection: Φ, shape (d, V).
        key: k, shape (d,).
        weights: b, shape (d,), or one row per class, shape (n_classes, d).
        embeddings: e*(z) for each token z and, last, for the blank, shape (V + 1, d).
        temperature: Of the attention; 0 is hard attention.
        tolerance: Under hard attention, keys this close to the largest count as equal to it.

    Raises:
        TypeError: A part is not a tensor of real numbers, or the parts are not of one number type.
        ValueError: Shapes that do not fit, or a temperature or tolerance below 0.
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
        parts = {
            "projection": self.projection,
            "key": self.key,
            "weights": self.weights,
            "embeddings": self.embeddings,
        }
        check_parts(**parts)
        check_tensor(self.embeddings, "embeddings")
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
        check_one_type(**parts)
        for name, value in (("temperature", self.temperature), ("tolerance", self.tolerance)):
            if check_number(value, name, "a finite number >= 0") < 0:
                raise ValueError(f"{name}: expected a finite number >= 0, got {value}")

    def keys(self, probs: Tensor) -> Tensor:
        """How well each position suits, kᵀΦG_i.

        Args:
            probs: Token distributions G_i, shape (…, time, V).

        Returns:
            Keys, shape (…, time).

        Raises:
            TypeError: The distributions are not a tensor of real numbers.
            ValueError: The distributions are not over V tokens.
        """
        probs = check_probs(probs, self.projection.shape[1], self.weights)
        return probs @ (self.key @ self.projection)

    def attention(self, probs: Tensor) -> Tensor:
        """The share of attention that each position gets.

        Args:
            probs: Token distributions G_i, shape (…, time, V).

        Returns:
            Shares, which sum to one over the positions, shape (…, time).

        Raises:
            TypeError: The distributions are not a tensor of real numbers.
            ValueError: The distributions are not over V tokens.
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
            probs: Token distributions G_i, shape (…, time, V).
            tokens: The text x, integers 0 … V − 1, or V for a blank, shape (…, time).

        Returns:
            Shape (…, time, d).

        Raises:
            TypeError: The distributions are not a tensor of real numbers.
            ValueError: The distributions are not over V tokens, or the text does not fit them.
        """
        probs = check_probs(probs, self.projection.shape[1], self.weights)
        if tokens.shape != probs.shape[:-1]:
            raise ValueError(
                f"tokens: expected shape {tuple(probs.shape[:-1])} as of probs, got {tuple(tokens.shape)}"
            )
        return (probs @ self.projection.T) * self.embeddings[tokens.to(self.embeddings.device)]

    def position_values(self, probs: Tensor, tokens: Tensor) -> Tensor:
        """The value at each position, bᵀ(ΦG_i ⊙ e*(x_i)).

        Args:
            probs: Token distributions G_i, shape (…, time, V).
            tokens: The text x, shape (…, time).

        Returns:
            Values, shape (…, time), or (…, time, n_classes).

        Raises:
            TypeError: The distributions are not a tensor of real numbers.
            ValueError: The distributions are not over V tokens, or the text does not fit them.
        """
        return apply_weights(self.weights, self.evidence(probs, tokens))

    def values(self, probs: Tensor, tokens: Tensor) -> Tensor:
        """The head's output: the values of the positions, weighted by attention.

        Args:
            probs: Token distributions G_i, shape (…, time, V).
            tokens: The text x, shape (…, time).

        Returns:
            Values, shape (…), or (…, n_classes).

        Raises:
            TypeError: The distributions are not a tensor of real numbers.
            ValueError: The distributions are not over V tokens, or the text does not fit them.
        """
        shares = self.attention(probs)
        values = self.position_values(probs, tokens)
        if self.weights.ndim == 2:
            shares = shares[..., None]
        return (shares * values).sum(tokens.ndim - 1)

    def labels(self, probs: Tensor, tokens: Tensor) -> Tensor:
        """The classes that the head answers.

        Args:
            probs: Token distributions G_i, shape (…, time, V).
            tokens: The text x, shape (…, time).

        Returns:
            Classes, int64, shape (…).

        Raises:
            TypeError: The distributions are not a tensor of real numbers.
            ValueError: The distributions are not over V tokens, or the text does not fit them.
        """
        return labels_of(self.values(probs, tokens), self.weights.ndim == 1)


@dataclass(frozen=True, eq=False)
class SoftAttentionHead:
    """Attention over the blank and all positions of a text, every part of which can be trained.

    The score of position i is qᵀ(K G_i + β_i), its share of attention a softmax over the positions, and its
    value bᵀ((Θ G_i) ⊙ e(x_i)), or bᵀΘ G_i if there are no embeddings. The output is the mean value under the
    shares.

    It reads (∅, x): the first of its 1 + T positions is the blank before the text, as β has a place for each.
    `AttentionHead` knows no places, and reads any positions: those of x alone, T of them, in the theorem.

    With K = Θ = Φ, q = k/temperature, β = 0 and e = e*, it is the theorem's `hmmlib.AttentionHead` under
    soft attention.

    Attributes:
        query: q, shape (d,).
        projection: K, shape (d, V).
        positions: β_i for the blank and the text's positions, shape (1 + time, d).
        readout: Θ, shape (d, V).
        weights: b, shape (d,), or one row per class, shape (n_classes, d).
        embeddings: e(z) for each token z and, last, for the blank, shape (V + 1, d); None to read the
            distribution alone.

    Raises:
        TypeError: A part is not a tensor of real numbers, or the parts are not of one number type.
        ValueError: Shapes that do not fit.
    """

    query: Tensor
    projection: Tensor
    positions: Tensor
    readout: Tensor
    weights: Tensor
    embeddings: Tensor | None = None

    __repr__ = compact_repr
    _repr_html_ = fields_html

    def __post_init__(self) -> None:
        parts = {
            "projection": self.projection,
            "query": self.query,
            "positions": self.positions,
            "readout": self.readout,
            "weights": self.weights,
            "embeddings": self.embeddings,
        }
        check_parts(**parts)
        if self.projection.ndim != 2:
            raise ValueError(f"projection: expected shape (d, V), got {tuple(self.projection.shape)}")
        size, n_tokens = self.projection.shape
        shapes: list[tuple[str, Tensor, tuple[int, ...]]] = [
            ("query", self.query, (size,)),
            ("positions", self.positions, (*self.positions.shape[:1], size)),
            ("readout", self.readout, (size, n_tokens)),
            ("weights", self.weights, (size,) if self.weights.ndim == 1 else (*self.weights.shape[:1], size)),
        ]
        if self.embeddings is not None:
            shapes.append(("embeddings", self.embeddings, (n_tokens + 1, size)))
        for name, found, expected in shapes:
            if found.shape != expected:
                raise ValueError(f"{name}: expected shape {expected}, got {tuple(found.shape)}")
        check_one_type(**parts)

    def attention(self, probs: Tensor) -> Tensor:
        """The share of attention that each position gets.

        Args:
            probs: Token distributions G_i at the blank and the text, shape (n, 1 + time, V).

        Returns:
            Shares, which sum to one over the positions, shape (n, 1 + time).

        Raises:
            TypeError: The distributions are not a tensor of real numbers.
            ValueError: The distributions are not over V tokens, or at more positions than the head knows.
        """
        n_positions, n_tokens = len(self.positions), self.projection.shape[1]
        probs = check_probs(probs, n_tokens, self.weights)
        if probs.ndim != 3:
            raise ValueError(f"probs: expected shape (n, 1 + time, {n_tokens}), got {tuple(probs.shape)}")
        time = probs.shape[1]
        if time > n_positions:
            raise ValueError(
                f"probs: texts of {time - 1} tokens; the head was made for at most {n_positions - 1}"
            )
        return (probs @ self.key_weights() + self.place_scores()[:time]).softmax(-1)

    def values(self, probs: Tensor, tokens: Tensor) -> Tensor:
        """The head's output.

        Args:
            probs: Token distributions G_i at the blank and the text, shape (n, 1 + time, V).
            tokens: The blank and the text, integers 0 … V, shape (n, 1 + time).

        Returns:
            Values, shape (n,), or (n, n_classes).

        Raises:
            TypeError: The distributions are not a tensor of real numbers.
            ValueError: The distributions are not over V tokens, or at more positions than the head knows, or
                the text does not fit them.
        """
        shares = self.attention(probs)
        if tokens.shape != probs.shape[:-1]:
            raise ValueError(
                f"tokens: expected shape {tuple(probs.shape[:-1])} as of probs, got {tuple(tokens.shape)}"
            )
        probs, words = probs.to(self.weights), tokens.to(self.weights.device)
        found = []
        for table in self.value_weights():  # of a class, (V + 1 or 1, V)
            rows = table[words] if len(table) > 1 else table
            found.append((shares * (probs * rows).sum(-1)).sum(-1))
        return torch.stack(found, -1) if self.weights.ndim == 2 else found[0]

    def key_weights(self) -> Tensor:
        """Kᵀq: the score of a position is its product with G_i, plus what its place adds.

        Returns:
            Shape (V,).
        """
        return self.query @ self.projection

    def place_scores(self) -> Tensor:
        """qᵀβ_i: what each place adds to the score.

        Returns:
            Shape (1 + time,).
        """
        return self.positions @ self.query

    def value_weights(self) -> Tensor:
        """What the value of a position is linear in: with x_i = z, bᵀ((Θ G_i) ⊙ e(z)) is G_i times row z.

        Returns:
            Shape (n_classes, V + 1, V), with one class for a single row of weights, and with one row for all
            tokens if there are no embeddings.
        """
        weights = self.weights if self.weights.ndim == 2 else self.weights[None]
        if self.embeddings is None:
            return (weights @ self.readout)[:, None]
        return (weights[:, None] * self.embeddings) @ self.readout

    def labels(self, probs: Tensor, tokens: Tensor) -> Tensor:
        """The classes that the head answers.

        Args:
            probs: Token distributions G_i at the blank and the text, shape (n, 1 + time, V).
            tokens: The blank and the text, integers 0 … V, shape (n, 1 + time).

        Returns:
            Classes, int64, shape (n,).

        Raises:
            ValueError: As for `values`.
        """
        return labels_of(self.values(probs, tokens), self.weights.ndim == 1)
