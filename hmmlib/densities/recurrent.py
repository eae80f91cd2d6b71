"""A recurrent network that classifies sequences of vectors, to set beside models of each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from hmmlib._checks import (
    ArrayLike,
    check_integers,
    check_kind,
    check_positive,
    check_positive_int,
    real_tensor,
)
from hmmlib._random import drawing_generator, fill_uniform, start_generator
from hmmlib.densities.emissions import check_vectors


@dataclass(frozen=True)
class ClassifierRecipe:
    """How a `RecurrentClassifier` is trained, by Adam.

    Attributes:
        steps: Number of steps.
        batch: Sequences of a step.
        learning_rate: Step size at the start; it falls to zero along a line.
        width: Length of the hidden vector in each direction.
    """

    steps: int = 600
    batch: int = 128
    learning_rate: float = 0.003
    width: int = 64

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "width"):
            check_positive_int(getattr(self, name), name)
        check_positive(self.learning_rate, "learning_rate")


class RecurrentClassifier(nn.Module):
    """A gated recurrent unit that reads in both directions, its mean hidden vector, and a linear layer.

    Args:
        dim: Length D of a vector.
        n_classes: Number of classes.
        width: Length of the hidden vector in each direction.
        generator: Seed or numpy RandomState of the start.

    Raises:
        TypeError: A size is not an integer.
        ValueError: A size below 1.
    """

    def __init__(
        self, dim: int, n_classes: int, *, width: int = 64, generator: int | np.random.RandomState
    ) -> None:
        super().__init__()
        self.dim = check_positive_int(dim, "dim")
        n_classes = check_positive_int(n_classes, "n_classes")
        width = check_positive_int(width, "width")
        random = start_generator(generator)
        self.reader = nn.GRU(dim, width, batch_first=True, bidirectional=True)
        self.answer = nn.Linear(2 * width, n_classes)
        fill_uniform(self, width**-0.5, random)

    def scores(self, x: ArrayLike) -> Tensor:
        """Logits of the classes.

        Args:
            x: Shape (batch, time, D), all sequences of one length.

        Returns:
            Shape (batch, n_classes).

        Raises:
            TypeError: Not real numbers.
            ValueError: A wrong shape, or an entry that is not finite.
        """
        return self(check_vectors(x, self.dim).float()).detach()

    def forward(self, x: Tensor) -> Tensor:
        """Logits with gradients.

        Args:
            x: Single precision, shape (batch, time, D).

        Returns:
            Shape (batch, n_classes).
        """
        answer: Tensor = self.answer(self.reader(x)[0].mean(1))
        return answer


def train_classifier(
    x: ArrayLike,
    classes: ArrayLike,
    *,
    generator: int | np.random.RandomState,
    recipe: ClassifierRecipe | None = None,
) -> RecurrentClassifier:
    """Train a recurrent network to tell classes of sequences apart.

    Args:
        x: Shape (batch, time, D), all sequences of one length.
        classes: Integers 0 … C − 1, shape (batch,).
        generator: Seed or numpy RandomState of the start and of the order of sequences.
        recipe: How.

    Returns:
        The network.

    Raises:
        TypeError: Not real numbers, or classes that are not integers.
        ValueError: Wrong shapes, an entry that is not finite, a negative class, or one that has no sequence.
    """
    how = (
        ClassifierRecipe()
        if recipe is None
        else check_kind(recipe, ClassifierRecipe, "recipe", "a ClassifierRecipe")
    )
    vectors = check_vectors(x, None)
    wanted = check_integers(real_tensor(classes, "classes"), "classes").cpu()
    if wanted.shape != (len(vectors),):
        raise ValueError(
            f"classes: expected shape ({len(vectors)},), one for each sequence, got {tuple(wanted.shape)}"
        )
    if int(wanted.min()) < 0:
        raise ValueError(
            f"classes: sequence {int(wanted.argmin())} has class {int(wanted.min())}; expected 0 or more"
        )
    counts = wanted.bincount()
    if bool((counts == 0).any()):
        raise ValueError(
            f"classes: no sequence has class {int((counts == 0).nonzero()[0])}; expected each to occur"
        )
    random = drawing_generator(generator)
    model = RecurrentClassifier(vectors.shape[2], len(counts), width=how.width, generator=random)
    optimiser = torch.optim.Adam(model.parameters(), how.learning_rate)
    data, order = vectors.float(), torch.empty(0, dtype=torch.int64)
    for step in range(how.steps):
        for group in optimiser.param_groups:
            group["lr"] = how.learning_rate * (1 - step / how.steps)
        if len(order) < min(how.batch, len(data)):
            order = torch.cat([order, torch.from_numpy(random.permutation(len(data)))])
        rows, order = order[: how.batch], order[how.batch :]
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(data[rows]), wanted[rows]).backward()
        optimiser.step()
    model.eval()
    return model
