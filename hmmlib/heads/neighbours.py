"""A head that remembers: labelled examples, and the labels of those that are nearest (Shi et al. 2024)."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import (
    ArrayLike,
    as_tensor,
    check_integers,
    check_kind,
    check_positive,
    check_positive_int,
    real_array,
)

# Distances are computed so many at a time.
_PIECE = 2**22


class NeighbourHead:
    """P[class | features], by the labelled examples that are nearest.

    The `k` nearest examples of a vector h, by squared distance D², vote with the weights exp(−D² / T), made
    to sum to one. With several parts, h is cut into as many slices; in each, neighbours are sought and vote
    on their own, with D² multiplied by the number of parts, and the mean of the votes is taken.

    Nothing is trained: examples are stored, and looked up.

    Example:
        >>> from hmmlib.heads import NeighbourHead
        >>> head = NeighbourHead([[0.0], [1.0], [1.2]], [0, 1, 1], k=2, share=0.1)
        >>> head.labels([[0.1], [1.3]]).tolist()
        [0, 1]

    Args:
        features: Examples, shape (N, d).
        labels: Their classes, integers from 0, shape (N,).
        k: Examples that vote.
        share: Temperature T as a share of the examples' total variance, so that it has a meaning whatever the
            features' size: much below one, the nearest decide; far above, all `k` count the same.
        n_classes: Number of classes; as many as the labels show if not given. A class without an example
            never gets a vote.
        n_parts: Number of slices.

    Attributes:
        features: The examples, double precision.
        labels_kept: Their classes.
        variance: The examples' total variance; 1 if they are all alike.
        temperature: T, the share of it.

    Raises:
        TypeError: No numbers, or labels that are not integers.
        ValueError: Shapes that do not fit, numbers that are not finite, a negative label, more voters than
            examples, a share that is not above 0, fewer classes than labels show, or slices that do not
            divide the features.
    """

    def __init__(
        self,
        features: ArrayLike,
        labels: ArrayLike,
        *,
        k: int = 32,
        share: float = 0.1,
        n_classes: int | None = None,
        n_parts: int = 1,
    ) -> None:
        self.features = real_array(features, "features", (-1, -1))
        n, d = self.features.shape
        self.labels_kept = check_integers(as_tensor(labels, "labels", "integers"), "labels").long()
        if self.labels_kept.shape != (n,):
            raise ValueError(f"labels: expected shape ({n},), got {tuple(self.labels_kept.shape)}")
        if int(self.labels_kept.min()) < 0:
            raise ValueError(f"labels: expected classes from 0, got {int(self.labels_kept.min())}")
        shown = int(self.labels_kept.max()) + 1
        self.n_classes = shown if n_classes is None else check_positive_int(n_classes, "n_classes")
        if self.n_classes < shown:
            raise ValueError(f"n_classes: expected {shown} or more, as labels show, got {n_classes}")
        self.k = check_positive_int(k, "k")
        if self.k > n:
            raise ValueError(f"k: expected at most {n}, the number of examples, got {k}")
        self.n_parts = check_positive_int(n_parts, "n_parts")
        if d % self.n_parts:
            raise ValueError(f"n_parts: expected a divisor of {d}, the number of features, got {n_parts}")
        self.share = check_positive(share, "share")
        # Examples that are all alike have no variance: then they vote alike at any temperature.
        self.variance = float(self.features.var(0, correction=0).sum()) or 1.0
        self.temperature = self.share * self.variance

    def __repr__(self) -> str:
        n, d = self.features.shape
        return f"NeighbourHead(N={n}, d={d}, k={self.k}, share={self.share:g}, n_parts={self.n_parts})"

    def probs(self, features: ArrayLike) -> Tensor:
        """How the neighbours vote.

        Args:
            features: Shape (n, d).

        Returns:
            Shares of the classes, double precision, shape (n, n_classes).

        Raises:
            TypeError: No numbers.
            ValueError: Another shape, or numbers that are not finite.
        """
        asked = real_array(features, "features", (-1, self.features.shape[1]))
        return self._votes(self._near(asked), self.k, self.temperature)

    def _near(self, asked: Tensor) -> list[tuple[Tensor, Tensor]]:
        """For each slice the squared distances of the nearest examples, growing, and their classes."""
        size = max(1, _PIECE // len(self.features))
        width = asked.shape[1] // self.n_parts
        found = []
        for part in range(self.n_parts):
            own = slice(part * width, (part + 1) * width)
            kept = self.features[:, own]
            norms, parts = kept.square().sum(1), []
            for piece in asked[:, own].split(size):
                squares = (piece.square().sum(1)[:, None] - 2 * piece @ kept.T + norms).clamp_min(0)
                parts.append(squares.topk(self.k, largest=False))
            near, index = (torch.cat(some) for some in zip(*parts, strict=True))
            found.append((near, self.labels_kept[index]))
        return found

    def _votes(self, found: list[tuple[Tensor, Tensor]], k: int, temperature: float) -> Tensor:
        total = found[0][0].new_zeros(len(found[0][0]), self.n_classes)
        for near, classes in found:
            weights = torch.softmax(-self.n_parts * near[:, :k] / temperature, 1)
            total.scatter_add_(1, classes[:, :k], weights)
        return total / self.n_parts

    def labels(self, features: ArrayLike) -> Tensor:
        """The class with most votes, the first of several.

        Args:
            features: Shape (n, d).

        Returns:
            Classes, int64, shape (n,).

        Raises:
            TypeError: No numbers.
            ValueError: Another shape, or numbers that are not finite.
        """
        return _most(self.probs(features))


def _most(votes: Tensor) -> Tensor:
    # Votes that are alike to rounding are alike.
    return (votes * 2**30).round().argmax(1)


class NeighbourFit(NamedTuple):
    """A head, and how often it was right on the examples that chose it.

    Attributes:
        head: The head.
        accuracy: Share of the validation examples.
    """

    head: NeighbourHead
    accuracy: float


def tune_neighbours(
    features: ArrayLike,
    labels: ArrayLike,
    validation_features: ArrayLike,
    validation_labels: ArrayLike,
    *,
    ks: tuple[int, ...] = (1, 4, 16, 32, 64),
    shares: tuple[float, ...] = (0.001, 0.01, 0.1, 1.0),
    n_parts: int = 1,
) -> NeighbourFit:
    """Choose the number of neighbours and the temperature on validation examples.

    Args:
        features: Examples that are stored, shape (N, d).
        labels: Their classes, shape (N,).
        validation_features: Examples to choose by, shape (m, d).
        validation_labels: Their classes, shape (m,).
        ks: Numbers of neighbours to try; those beyond N are left out.
        shares: Temperatures to try, as shares of the total variance.
        n_parts: Number of slices.

    Returns:
        The best head, the first of several.

    Raises:
        TypeError: No numbers, or labels that are not integers.
        ValueError: As for `NeighbourHead`, or nothing to try.
    """
    check_kind(ks, tuple, "ks", "a tuple of integers")
    check_kind(shares, tuple, "shares", "a tuple of numbers")
    x = real_array(features, "features", (-1, -1))
    tried = [k for k in ks if check_positive_int(k, "ks") <= len(x)]
    if not tried or not shares:
        raise ValueError(f"ks: expected some number up to {len(x)}, and shares to try, got {ks} and {shares}")
    right = check_integers(as_tensor(validation_labels, "validation_labels", "integers"), "validation_labels")
    asked = real_array(validation_features, "validation_features", (-1, -1))
    if right.shape != (len(asked),):
        raise ValueError(f"validation_labels: expected shape ({len(asked)},), got {tuple(right.shape)}")
    # The nearest are sought once, as many as any of the heads asks for.
    most = NeighbourHead(x, labels, k=max(tried), n_parts=n_parts)
    near = most._near(real_array(asked, "validation_features", (-1, x.shape[1])))
    accuracies = {}
    for k, share in product(tried, shares):
        votes = most._votes(near, k, check_positive(share, "shares") * most.variance)
        accuracies[k, share] = float((_most(votes) == right).double().mean())
    k, share = max(accuracies, key=lambda pair: accuracies[pair])
    head = NeighbourHead(x, labels, k=k, share=share, n_parts=n_parts)
    return NeighbourFit(head, accuracies[k, share])
