"""Downstream tasks: labels that a text's posterior decides (the paper's Sections 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import (
    ArrayLike,
    check_cell,
    check_finite,
    check_kind,
    check_number,
    check_positive_int,
    float_tensor,
    own_copy,
)
from hmmlib._display import card, compact_repr, heat_map, in_lines, listing
from hmmlib._precision import exact_products
from hmmlib._random import drawing_generator
from hmmlib.hmm import HMM, MemoryHMM, blank_posterior, sample_tokens


class PosteriorTask:
    """A classification task whose label is a function of what can be known of the latent variables.

    For a vanilla HMM the target is the state H_0 under a blank put before the text; for a memory-augmented
    one it is the value of one memory cell. With one weight row per class, the label is the class of the
    largest score ``weights @ P[target | x]``. With two classes that is the paper's
    F*(x) = 1(μᵀ P[target | x] ≥ 0), μ being the difference of the rows.

    Args:
        model: Where texts come from.
        weights: One row per class, shape (n_classes, n_targets); n_targets is H, or |ℳ|.
        cell: The memory cell j* that the task asks for; only for a memory-augmented HMM.
        redraws: How often drawing the task began again (see `draw_task`); kept for the record.

    Raises:
        TypeError: The weights are not real numbers, or the cell is not an integer.
        ValueError: Shapes that do not fit, fewer than two classes, a weight that is not finite, no such
            cell.
    """

    def __init__(
        self, model: HMM | MemoryHMM, weights: ArrayLike, *, cell: int = 0, redraws: int = 0
    ) -> None:
        self.model = _checked(model)
        self._weights = float_tensor(weights, "weights", model.dtype, model.device)
        self.cell = check_cell(cell, model.n_cells if isinstance(model, MemoryHMM) else 1)
        self.redraws = redraws
        n_targets = _n_targets(model)
        if self._weights.ndim != 2 or len(self._weights) < 2 or self._weights.shape[1] != n_targets:
            raise ValueError(
                f"weights: expected shape (n_classes >= 2, {n_targets}), got {tuple(self._weights.shape)}"
            )
        check_finite(self._weights, "weights")

    @classmethod
    def two_class(cls, model: HMM | MemoryHMM, mu: ArrayLike, *, cell: int = 0) -> PosteriorTask:
        """The task F*(x) = 1(μᵀ P[target | x] ≥ 0) of the paper.

        Args:
            model: Where texts come from.
            mu: Weights μ, shape (n_targets,).
            cell: The memory cell j* that the task asks for; only for a memory-augmented HMM.

        Returns:
            The task; its rows of weights are −μ/2 and μ/2.

        Raises:
            TypeError: The weights are not real numbers.
            ValueError: Not one weight per target, a weight that is not finite, no such cell.
        """
        _checked(model)
        half = float_tensor(mu, "mu", model.dtype, model.device) / 2
        if half.shape != (_n_targets(model),):
            raise ValueError(f"mu: expected shape ({_n_targets(model)},), got {tuple(half.shape)}")
        return cls(model, torch.stack([-half, half]), cell=cell)

    @property
    def weights(self) -> Tensor:
        """One row per class, shape (n_classes, n_targets)."""
        return own_copy(self._weights)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self._weights)

    @property
    def mu(self) -> Tensor:
        """μ, the weights of class 1 less those of class 0, shape (n_targets,).

        Raises:
            ValueError: The task has more than two classes.
        """
        if self.n_classes != 2:
            raise ValueError(f"weights: μ needs two classes, the task has {self.n_classes}")
        return self._weights[1] - self._weights[0]

    def __repr__(self) -> str:
        target = "H_0" if isinstance(self.model, HMM) else f"M_{self.cell}"
        return in_lines(
            f"PosteriorTask(target={target}, n_classes={self.n_classes}, "
            f"non-zero weights={int((self._weights != 0).sum())}, redraws={self.redraws}, {self.model!r})"
        )

    def _repr_html_(self) -> str:
        target = "state" if isinstance(self.model, HMM) else "value"
        return card(repr(self), heat_map("weights", self._weights, "class", target))

    def posterior(self, tokens: ArrayLike) -> Tensor:
        """P[target | x], exactly.

        Args:
            tokens: Texts x without the blank, integers, shape (batch, time).

        Returns:
            Probabilities, shape (batch, n_targets).

        Raises:
            TypeError: The tokens are not integers.
            ValueError: As for `hmmlib.posteriors`.
        """
        state_probs = blank_posterior(self.model, tokens)
        if isinstance(self.model, MemoryHMM):
            return self.model.memory_posterior(state_probs, self.cell)
        return state_probs

    def scores(self, tokens: ArrayLike) -> Tensor:
        """Score of each class; with two classes, their difference is the margin μᵀ P[target | x].

        Args:
            tokens: Texts x without the blank, integers, shape (batch, time).

        Returns:
            Scores, shape (batch, n_classes).

        Raises:
            TypeError: The tokens are not integers.
            ValueError: As for `hmmlib.posteriors`.
        """
        return self._scores_of(self.posterior(tokens))

    def _scores_of(self, posterior: Tensor) -> Tensor:
        with exact_products(self._weights.device):
            return posterior @ self._weights.T

    def labels(self, tokens: ArrayLike) -> Tensor:
        """The labels F*(x).

        Args:
            tokens: Texts x without the blank, integers, shape (batch, time).

        Returns:
            Classes 0 … n_classes − 1, int64, shape (batch,).

        Raises:
            TypeError: The tokens are not integers.
            ValueError: As for `hmmlib.posteriors`.
        """
        return self.labels_of(self.scores(tokens))

    def labels_of(self, scores: Tensor) -> Tensor:
        """The labels that given scores lead to; of two classes that tie, class 1, as in the paper.

        Args:
            scores: Shape (batch, n_classes).

        Returns:
            Classes, int64, shape (batch,).
        """
        if self.n_classes == 2:
            return (scores[:, 1] - scores[:, 0] >= 0).long()
        return scores.argmax(-1)


class Split(NamedTuple):
    """Labelled texts.

    Attributes:
        tokens: Texts without the blank, int64, shape (size, length).
        labels: Classes, int64, shape (size,).
        scores: Exact scores behind the labels, shape (size, n_classes).
    """

    tokens: Tensor
    labels: Tensor
    scores: Tensor

    def __repr__(self) -> str:
        return compact_repr(self)


class TaskData(NamedTuple):
    """Labelled texts, all independent of one another.

    Attributes:
        train: For fitting heads and prompts.
        validation: For choosing between fits.
        test: For reporting.
    """

    train: Split
    validation: Split
    test: Split

    def __repr__(self) -> str:
        return compact_repr(self)

    def _repr_html_(self) -> str:
        return card(
            "TaskData",
            listing(
                ["split", "texts", "tokens in each"],
                [[name, *split.tokens.shape] for name, split in zip(self._fields, self, strict=True)],
            ),
        )


def draw_task(
    model: HMM | MemoryHMM,
    *,
    generator: int | np.random.RandomState,
    n_classes: int = 2,
    n_nonzero: int = 6,
    cell: int = 0,
    probe_size: int = 1000,
    probe_length: int = 128,
    min_share: float = 0.0,
    max_redraws: int = 20,
) -> PosteriorTask:
    """Draw a task as the paper's experiments do.

    The weights are zero but at `n_nonzero` places, drawn *with* replacement, with standard normal numbers.
    A task is one-sided if some class's share of `probe_size` fresh texts is `min_share` or less; by default,
    if some class never occurs. A one-sided task is drawn again, up to `max_redraws` times, and the number
    of redraws is kept with the task.

    For a vanilla HMM, the first draw uses the released code's generator in its order: an int seed gives the
    weights of the paper's first experiment for that seed. (Its redraws begin again from seeds 1, 2, …; here
    they go on with the same stream, so that redrawn tasks of different seeds are independent. Its second
    experiment draws weights after sampling its corpus, and cannot be followed.)

    Example:
        >>> from hmmlib import draw_task, random_hmm
        >>> task = draw_task(random_hmm(4, 10, generator=1), generator=1)
        >>> task.labels([[0, 1, 2], [3, 4, 5]]).tolist()
        [1, 0]

    Args:
        model: Where texts come from.
        generator: Seed, or a numpy RandomState (advanced by the draws).
        n_classes: Number of classes, ≥ 2.
        n_nonzero: Number of places drawn, ≥ 1; the paper's is 6.
        cell: The memory cell asked for; only for a memory-augmented HMM.
        probe_size: Number of texts that the rule looks at, ≥ 1.
        probe_length: Their length in tokens, ≥ 1.
        min_share: Share of the rarest class up to which a task counts as one-sided, in [0, 1/n_classes).
        max_redraws: Number of redraws after which to give up.

    Returns:
        The task, with the number of redraws.

    Raises:
        TypeError: A size or the cell is not an integer, or the generator is of another kind.
        ValueError: A size too small, a share or a seed out of range, no such cell, or no balanced task after
            `max_redraws`.
    """
    n_classes = check_positive_int(n_classes, "n_classes", 2)
    n_nonzero = check_positive_int(n_nonzero, "n_nonzero")
    probe_size = check_positive_int(probe_size, "probe_size")
    probe_length = check_positive_int(probe_length, "probe_length")
    max_redraws = check_positive_int(max_redraws, "max_redraws", 0)
    _checked(model)
    if not 0 <= check_number(min_share, "min_share") < 1 / n_classes:
        raise ValueError(f"min_share: expected 0 <= min_share < 1/{n_classes}, got {min_share}")
    random = drawing_generator(generator)
    size = n_classes * _n_targets(model)
    probe = None
    for redraws in range(max_redraws + 1):
        weights = np.zeros(size)
        places = random.choice(size, size=n_nonzero)
        weights[places] = random.randn(n_nonzero)
        task = PosteriorTask(model, weights.reshape(n_classes, -1), cell=cell, redraws=redraws)
        if probe is None:
            probe = task.posterior(_texts(model, probe_size, probe_length, random))
        labels = task.labels_of(task._scores_of(probe))
        shares = torch.bincount(labels, minlength=n_classes).float() / len(labels)
        if float(shares.min()) > min_share:
            return task
    raise ValueError(
        f"max_redraws: {max_redraws} redraws gave only one-sided tasks (rarest class "
        f"{float(shares.min()):.3g} of the probe, expected more than {min_share:g}); "
        "allow more redraws or non-zero weights"
    )


def draw_dataset(
    task: PosteriorTask,
    *,
    generator: int | torch.Generator,
    sizes: Sequence[int] = (5000, 500, 1000),
    length: int = 128,
) -> TaskData:
    """Sample texts and label them.

    The state under the blank, H_0, follows the model's initial distribution; the text begins one step later.

    Example:
        >>> from hmmlib import draw_dataset, draw_task, random_hmm
        >>> task = draw_task(random_hmm(4, 10, generator=1), generator=1)
        >>> train, validation, test = draw_dataset(task, generator=1, sizes=(50, 5, 10), length=32)
        >>> train.tokens.shape, test.labels.shape
        (torch.Size([50, 32]), torch.Size([10]))

    Args:
        task: The task that labels them.
        generator: Seed, or a torch.Generator on the model's device (advanced).
        sizes: Numbers of training, validation and test texts, each ≥ 1; the paper's by default.
        length: Tokens in a text; the paper's 128 by default (129 positions with the blank).

    Returns:
        The three splits.

    Raises:
        TypeError: Sizes that are not integers, or a generator of another kind.
        ValueError: Not three sizes, one below 1, a seed beyond 32 bits, or a generator on another device.
    """
    check_kind(task, PosteriorTask, "task", "a PosteriorTask")
    if not isinstance(sizes, Sequence):
        raise TypeError(f"sizes: expected three (train, validation, test), got {sizes!r}")
    if len(sizes) != 3:
        raise ValueError(f"sizes: expected three (train, validation, test), got {len(sizes)}")
    counts = [check_positive_int(size, "sizes") for size in sizes]
    length = check_positive_int(length, "length")
    tokens = sample_tokens(task.model, sum(counts), length + 1, generator=generator)[:, 1:]
    scores = task.scores(tokens)
    labels = task.labels_of(scores)
    splits = zip(tokens.split(counts), labels.split(counts), scores.split(counts), strict=True)
    return TaskData(*(Split(*parts) for parts in splits))


def _checked(model: HMM | MemoryHMM) -> HMM | MemoryHMM:
    return check_kind(model, (HMM, MemoryHMM), "model", "an HMM or a MemoryHMM")


def _n_targets(model: HMM | MemoryHMM) -> int:
    return model.n_values if isinstance(model, MemoryHMM) else model.n_states


def _texts(model: HMM | MemoryHMM, size: int, length: int, random: np.random.RandomState) -> Tensor:
    seed = int(random.randint(2**31 - 1))
    return sample_tokens(model, size, length + 1, generator=seed)[:, 1:]
