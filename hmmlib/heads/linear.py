"""The linear head: weights on the distribution that a model shows at one position (Section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from hmmlib._display import card, compact_repr, heat_map
from hmmlib.heads._values import apply_weights, check_parts, check_probs, labels_of


@dataclass(frozen=True)
class LinearHead:
    """A linear function of the token distribution that a model shows at one position.

    Its label is 1(bᵀG ≥ 0), or the class of the largest value, the first of several, where there is one row
    of weights per class. So a tie is class 1 under one row, and class 0 under the two rows (−b/2, b/2).
    As a token distribution sums to one, a constant term would add nothing: it is a multiple of the row of
    ones.

    Example:
        >>> import torch
        >>> from hmmlib import LinearHead
        >>> head = LinearHead(torch.tensor([1.0, -2.0]))
        >>> head.labels(torch.tensor([[0.7, 0.3], [0.6, 0.4]])).tolist()
        [1, 0]

    Attributes:
        weights: b, shape (V,), or one row per class, shape (n_classes, V). Distributions are brought to its
            number type and device.

    Raises:
        TypeError: The weights are not a tensor of real numbers.
        ValueError: They have another number of axes.
    """

    weights: Tensor

    __repr__ = compact_repr

    def _repr_html_(self) -> str:
        corner = "class" if self.weights.ndim == 2 else ""
        return card(repr(self), heat_map("weights", self.weights, corner, "token"))

    def __post_init__(self) -> None:
        check_parts(weights=self.weights)
        if self.weights.ndim not in (1, 2):
            raise ValueError(
                f"weights: expected shape (V,) or (n_classes, V), got {tuple(self.weights.shape)}"
            )

    def values(self, probs: Tensor) -> Tensor:
        """The head's values bᵀG.

        Args:
            probs: Token distributions, shape (…, V).

        Returns:
            Values, shape (…), or (…, n_classes).

        Raises:
            TypeError: The distributions are not a tensor of real numbers.
            ValueError: The distributions are not over the tokens that the head has weights for.
        """
        return apply_weights(self.weights, check_probs(probs, self.weights.shape[-1], self.weights))

    def labels(self, probs: Tensor) -> Tensor:
        """The classes that the head answers.

        Args:
            probs: Token distributions, shape (…, V).

        Returns:
            Classes, int64, shape (…).

        Raises:
            TypeError: The distributions are not a tensor of real numbers.
            ValueError: The distributions are not over the tokens that the head has weights for.
        """
        return labels_of(self.values(probs), self.weights.ndim == 1)
