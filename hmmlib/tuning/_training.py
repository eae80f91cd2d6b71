"""AdamW on batches of texts, what is best on the validation texts being kept; and the head in the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from hmmlib._random import step_generator
from hmmlib.heads import LinearHead, logistic_head
from hmmlib.heads._values import labels_of
from hmmlib.tuning.recipe import TuningRecipe
from hmmlib.tuning.tuned import Epoch, SolverStep


@dataclass
class Trainable:
    """Parameters, and the values that they give to texts.

    Attributes:
        parameters: What is trained, in place.
        train_values: Values of the classes for the given training texts, with gradients.
        validation_values: Values of the classes for the validation texts.
        prompt: The parameter whose gradient is to be recorded, if any.
    """

    parameters: Sequence[Tensor]
    train_values: Callable[[Tensor], Tensor]
    validation_values: Callable[[], Tensor]
    prompt: Tensor | None = None


@dataclass
class Trained:
    """Where training led.

    Attributes:
        parameters: The best on the validation texts.
        history: All epochs, or steps of a solver.
        learning_rate: AdamW's; None for another method.
        converged: Whether it ended for want of improvement, or by the solver's own tolerance.
    """

    parameters: list[Tensor]
    history: tuple[Epoch, ...] | tuple[SolverStep, ...]
    learning_rate: float | None
    converged: bool

    @property
    def loss(self) -> float:
        """The smallest validation loss."""
        return min(entry.validation_loss for entry in self.history)


def train_at_best_rate(
    begin: Callable[[], Trainable], labels: tuple[Tensor, Tensor], recipe: TuningRecipe, progress: bool
) -> Trained:
    """Train with each learning rate, from the same start; the smallest validation loss is kept.

    Args:
        begin: Makes what is to be trained, as it is at the start.
        labels: Classes of the training and of the validation texts.
        recipe: How to what.
        progress: Whether to show a bar.

    Returns:
        The best.

    Raises:
        FloatingPointError: The loss is no longer finite, with all of the learning rates.
    """
    return min(train_at_each_rate(begin, labels, recipe, progress), key=lambda one: one.loss)


def train_at_each_rate(
    begin: Callable[[], Trainable], labels: tuple[Tensor, Tensor], recipe: TuningRecipe, progress: bool
) -> list[Trained]:
    """Train with each learning rate, from the same start.

    Args:
        begin: Makes what is to be trained, as it is at the start.
        labels: Classes of the training and of the validation texts.
        recipe: How to what.
        progress: Whether to show a bar.

    Returns:
        What each led to, but for those that diverged.

    Raises:
        FloatingPointError: The loss is no longer finite, with all of the learning rates.
    """
    found, errors = [], []
    for rate in recipe.learning_rates:
        try:
            found.append(train(begin(), labels, recipe, rate, progress))
        except FloatingPointError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    return found


def train(
    what: Trainable, labels: tuple[Tensor, Tensor], recipe: TuningRecipe, rate: float, progress: bool
) -> Trained:
    """Train with one learning rate.

    Args:
        what: Parameters to train.
        labels: Classes of the training and of the validation texts.
        recipe: How to what.
        rate: The learning rate at its highest.
        progress: Whether to show a bar.

    Returns:
        The best on the validation texts, and the way there.
    """
    train_labels, validation_labels = labels
    optimiser = torch.optim.AdamW(
        what.parameters, rate, betas=recipe.betas, weight_decay=recipe.weight_decay, fused=True
    )
    n_steps = recipe.epochs * math.ceil(len(train_labels) / recipe.batch)
    history: list[Epoch] = []
    best: list[Tensor] = []
    best_at, step = 0, 0
    # Not disable=False, which would overrule TQDM_DISABLE.
    hidden: dict[str, Any] = {} if progress else {"disable": True}
    with tqdm(total=n_steps, unit="step", leave=False, **hidden) as bar:
        for number in range(recipe.epochs):
            random = step_generator(torch.device("cpu"), recipe.seed, number)
            order = torch.randperm(len(train_labels), generator=random, device="cpu")
            losses: list[Tensor] = []
            slopes: list[Tensor] = []
            for rows in order.split(recipe.batch):
                for group in optimiser.param_groups:
                    group["lr"] = rate * recipe.learning_rate_factor(step + len(losses), n_steps)
                values = what.train_values(rows)
                loss = class_loss(values, train_labels[rows.to(train_labels.device)])
                # By hand, not `backward`, so that nothing else is given a gradient.
                found = torch.autograd.grad(loss, what.parameters, allow_unused=True)
                for weight, slope in zip(what.parameters, found, strict=True):
                    weight.grad = slope
                losses.append(loss.detach() * len(rows))
                if what.prompt is not None and what.prompt.grad is not None:
                    slopes.append(what.prompt.grad.norm())
                optimiser.step()
                bar.update()
            _check_finite(torch.stack(losses).tolist(), step, n_steps, rate)
            step += len(losses)
            with torch.no_grad():
                validation_loss, accuracy = score(what.validation_values(), validation_labels)
            _check_finite([validation_loss], step, n_steps, rate)
            history.append(
                Epoch(
                    step=step,
                    train_loss=float(torch.stack(losses).sum()) / len(train_labels),
                    validation_loss=validation_loss,
                    validation_accuracy=accuracy,
                    prompt_gradient=float(torch.stack(slopes).mean()) if slopes else None,
                )
            )
            bar.set_postfix_str(f"validation loss {validation_loss:.4f}, accuracy {accuracy:.3f}", False)
            if not best or validation_loss < history[best_at].validation_loss:
                best_at = number
                best = [weight.detach().clone() for weight in what.parameters]
            if recipe.patience is not None and number - best_at >= recipe.patience:
                break
    return Trained(best, tuple(history), rate, len(history) < recipe.epochs)


def class_loss(values: Tensor, labels: Tensor) -> Tensor:
    """Mean log-loss of labels.

    Args:
        values: Shape (n,), the log-odds of class 1; or the logits of all classes, shape (n, n_classes).
        labels: Classes, shape (n,).

    Returns:
        The loss in nats.
    """
    if values.ndim == 1:
        return F.binary_cross_entropy_with_logits(values, labels.to(values))
    return F.cross_entropy(values, labels)


def score(values: Tensor, labels: Tensor) -> tuple[float, float]:
    """How well values fit labels.

    Args:
        values: Shape (n,) or (n, n_classes).
        labels: Classes, shape (n,).

    Returns:
        Mean log-loss in nats, and the share of labels that come out right.
    """
    right = labels_of(values, values.ndim == 1) == labels
    return float(class_loss(values, labels)), float(right.double().mean())


class LastHead(NamedTuple):
    """The head that training ends with.

    Attributes:
        head: The head.
        accuracy: Share of the validation labels that it gets right.
        converged: Whether the solver came to rest.
    """

    head: LinearHead
    accuracy: float
    converged: bool


def solve_last(
    trained: LinearHead, train: tuple[Tensor, Tensor], validation: tuple[Tensor, Tensor]
) -> LastHead:
    """Solve the head again that was trained with a prompt or with weights.

    The optimum of the log-loss is not that of the accuracy, and where some texts' values are far from zero it
    can be worse than a head on its way there. So the solved head takes the trained one's place unless it
    gets fewer validation labels right.

    Args:
        trained: The head as it was trained.
        train: Distributions, shape (n, V), and labels of the training texts.
        validation: Those of the validation texts.

    Returns:
        The head, and how it does.
    """
    fit = logistic_head(*train)
    probs, labels = validation
    solved, kept = (
        float((head.labels(probs.to(head.weights)) == labels).double().mean()) for head in (fit.head, trained)
    )
    return LastHead(fit.head if solved >= kept else trained, max(solved, kept), fit.converged)


def _check_finite(losses: list[float], first: int, n_steps: int, rate: float) -> None:
    for step, loss in enumerate(losses, first):
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the loss is {loss} at step {step} of {n_steps} with learning rate {rate:g}; lower "
                "learning_rates or a longer warmup may help"
            )
