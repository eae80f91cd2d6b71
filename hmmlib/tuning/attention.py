"""An attention head that can be trained (the paper's Section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hmmlib._display import compact_repr, fields_html
from hmmlib.heads import labels_of


@dataclass(frozen=True, eq=False)
class SoftAttentionHead:
    """Attention over the blank and all positions of a text, every part of which can be trained.

    The score of position i is qᵀ(K G_i + β_i), its share of attention a softmax over the positions, and its
    value bᵀ((Θ G_i) ⊙ e(x_i)), or bᵀΘ G_i if there are no embeddings. The output is the mean value under the
    shares.

    With K = Θ = Φ, q = k/temperature, β = 0 and e = e*, it is the theorem's `hmmlib.AttentionHead` under
    soft attention.

    Attributes:
        query: q, shape (d,).
        projection: K, shape (d, V).
        positions: β_i for the blank and the text's positions, shape (1 + time, d).
        readout: Θ, shape (d, V).
        weights: b, shape (d,), or one row per class, shape (n_classes, d).
        embeddings: e(z) for each token z and, last, for the blank, shape (V + 1, d); None to read the law
            alone.
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
        if self.projection.ndim != 2:
            raise ValueError(f"projection: expected shape (d, V), got {tuple(self.projection.shape)}")
        size, n_tokens = self.projection.shape
        shapes: list[tuple[str, Tensor, tuple[int, ...]]] = [
            ("query", self.query, (size,)),
            ("positions", self.positions, (len(self.positions), size)),
            ("readout", self.readout, (size, n_tokens)),
            ("weights", self.weights, (size,) if self.weights.ndim == 1 else (len(self.weights), size)),
        ]
        if self.embeddings is not None:
            shapes.append(("embeddings", self.embeddings, (n_tokens + 1, size)))
        for name, found, expected in shapes:
            if found.shape != expected:
                raise ValueError(f"{name}: expected shape {expected}, got {tuple(found.shape)}")

    def attention(self, laws: Tensor) -> Tensor:
        """The share of attention that each position gets.

        Args:
            laws: Token laws at the blank and the text, shape (n, 1 + time, V).

        Returns:
            Shares, which sum to one over the positions, shape (n, 1 + time).

        Raises:
            ValueError: The laws are not over V tokens, or at more positions than the head knows.
        """
        n_positions, n_tokens = len(self.positions), self.projection.shape[1]
        if laws.ndim != 3 or laws.shape[-1] != n_tokens:
            raise ValueError(f"laws: expected shape (n, 1 + time, {n_tokens}), got {tuple(laws.shape)}")
        time = laws.shape[1]
        if time > n_positions:
            raise ValueError(
                f"laws: texts of {time - 1} tokens; the head was made for at most {n_positions - 1}"
            )
        scores = laws @ (self.query @ self.projection) + self.positions[:time] @ self.query
        return scores.softmax(-1)

    def values(self, laws: Tensor, tokens: Tensor) -> Tensor:
        """The head's output.

        Args:
            laws: Token laws G_i at the blank and the text, shape (n, 1 + time, V).
            tokens: The blank and the text, integers 0 … V, shape (n, 1 + time).

        Returns:
            Values, shape (n,), or (n, n_classes).

        Raises:
            ValueError: The laws are not over V tokens, or at more positions than the head knows, or the text
                does not fit them.
        """
        weighted = self.attention(laws)[..., None] * laws
        if tokens.shape != laws.shape[:-1]:
            raise ValueError(
                f"tokens: expected shape {tuple(laws.shape[:-1])} as of laws, got {tuple(tokens.shape)}"
            )
        if self.embeddings is None:
            evidence = weighted.sum(1) @ self.readout.T
        else:
            # The values are bilinear in e(x_i) and G_i: laws of positions that show the same word are summed
            # first, which leaves V + 1 of them instead of one for each position.
            words = torch.arange(len(self.embeddings), device=tokens.device)
            shown = (tokens[..., None] == words).to(weighted)
            sums = shown.mT @ weighted  # (n, V + 1, V)
            both = self.embeddings[:, None, :] * self.readout.T  # (V + 1, V, d)
            evidence = sums.flatten(1) @ both.flatten(0, 1)
        return evidence @ self.weights.mT if self.weights.ndim == 2 else evidence @ self.weights

    def labels(self, laws: Tensor, tokens: Tensor) -> Tensor:
        """The classes that the head answers.

        Args:
            laws: Token laws G_i at the blank and the text, shape (n, 1 + time, V).
            tokens: The blank and the text, integers 0 … V, shape (n, 1 + time).

        Returns:
            Classes, int64, shape (n,).

        Raises:
            ValueError: As for `values`.
        """
        return labels_of(self.values(laws, tokens), self.weights.ndim == 1)
