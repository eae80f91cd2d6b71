"""Language models of sentences trained by gradients: one loop for all of them."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from hmmlib._checks import check_kind, check_positive, check_positive_int
from hmmlib._random import drawing_generator, start_generator
from hmmlib.words.corpora import Sentences, perplexity


@dataclass(frozen=True)
class TrainingRecipe:
    """How a language model of sentences is trained, by AdamW without weight decay.

    Attributes:
        epochs: How often all sentences are read, at most.
        batch_tokens: Words of a batch, about.
        learning_rate: Step size at the start.
        clip: Largest norm of a gradient.
        patience: The step size falls to a quarter after so many epochs without a better perplexity of the
            validation sentences, and the training ends after twice as many.
    """

    epochs: int = 20
    batch_tokens: int = 512
    learning_rate: float = 0.01
    clip: float = 5.0
    patience: int = 2

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_tokens", "patience"):
            check_positive_int(getattr(self, name), name)
        check_positive(self.learning_rate, "learning_rate")
        check_positive(self.clip, "clip")


class SentenceModule(nn.Module, ABC):
    """A network that is a language model of sentences."""

    def __init__(self) -> None:
        super().__init__()

    @property
    @abstractmethod
    def n_tokens(self) -> int:
        """Size V of the vocabulary."""

    @abstractmethod
    def log_probs(self, sentences: Sentences) -> Tensor:
        """Log-probability of each sentence.

        Args:
            sentences: The sentences.

        Returns:
            Nats, shape (n,).

        Raises:
            TypeError: Tokens or lengths that are not integers.
            ValueError: Wrong shapes, no sentence, an empty one, or a token out of range.
        """

    @abstractmethod
    def loss(self, sentences: Sentences, random: torch.Generator) -> Tensor:
        """Nats per word, with gradients.

        Args:
            sentences: A batch.
            random: Draws what is dropped, in training.

        Returns:
            The loss, a scalar.
        """


Model = TypeVar("Model", bound=SentenceModule)


@dataclass(frozen=True, eq=False)
class TrainedLanguageModel(Generic[Model]):
    """A language model trained on sentences.

    Attributes:
        model: The model as it was best on the validation sentences.
        losses: Mean training loss of each epoch in nats per word, shape (n_epochs,).
        validation: Perplexity of the validation sentences after each epoch, shape (n_epochs,).
        best_epoch: Which epoch `model` is of, from 1.
    """

    model: Model
    losses: Tensor
    validation: Tensor
    best_epoch: int


def check_recipe(recipe: TrainingRecipe | None, otherwise: TrainingRecipe) -> TrainingRecipe:
    """Return the recipe to train by.

    Args:
        recipe: The one that was asked for, or None.
        otherwise: The one to take then.

    Returns:
        The recipe.

    Raises:
        TypeError: It is no recipe.
    """
    if recipe is None:
        return otherwise
    return check_kind(recipe, TrainingRecipe, "recipe", "a TrainingRecipe")


def train(
    model: Model,
    sentences: Sentences,
    validation: Sentences,
    recipe: TrainingRecipe,
    generator: int | np.random.RandomState,
) -> TrainedLanguageModel[Model]:
    """Train a language model, and keep it as it was best on the validation sentences.

    Args:
        model: The model; it is trained in place.
        sentences: Checked sentences to train on.
        validation: Checked sentences to choose by.
        recipe: How.
        generator: Seed or numpy RandomState of the order of sentences and of what is dropped.

    Returns:
        The model.
    """
    random = drawing_generator(generator)
    drops = start_generator(random)
    optimiser = torch.optim.AdamW(model.parameters(), recipe.learning_rate, weight_decay=0.0)
    losses: list[float] = []
    reached: list[float] = []
    best, best_epoch = copy.deepcopy(model.state_dict()), 0
    for epoch in range(1, recipe.epochs + 1):
        total = 0.0
        model.train()
        for batch in _batches(sentences, recipe.batch_tokens, random):
            optimiser.zero_grad()
            loss = model.loss(batch, drops)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
            optimiser.step()
            total += float(loss.detach()) * batch.n_tokens
        losses.append(total / sentences.n_tokens)
        model.eval()
        reached.append(perplexity(model, validation))
        if reached[-1] <= min(reached):
            best, best_epoch = copy.deepcopy(model.state_dict()), epoch
        elif epoch - best_epoch >= 2 * recipe.patience:
            break
        elif (epoch - best_epoch) % recipe.patience == 0:
            for group in optimiser.param_groups:
                group["lr"] /= 4
    model.load_state_dict(best)
    model.eval()
    return TrainedLanguageModel(
        model,
        torch.tensor(losses, dtype=torch.float64),
        torch.tensor(reached, dtype=torch.float64),
        best_epoch,
    )


def _batches(sentences: Sentences, words: int, random: np.random.RandomState) -> Iterator[Sentences]:
    """All sentences in a random order, about so many words at a time."""
    order = torch.from_numpy(random.permutation(len(sentences.lengths)))
    which = (sentences.lengths[order].cumsum(0) - 1) // words
    for rows in order.split(which.unique_consecutive(return_counts=True)[1].tolist()):
        yield sentences.part(rows)
