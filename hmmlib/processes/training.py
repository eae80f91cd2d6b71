"""Training of a network on texts of a process, as in the released code of Peeperkorn et al. (2022)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_kind, check_number, check_positive, check_positive_int
from hmmlib._random import drawing_generator, start_generator
from hmmlib.processes._door import check_counts, check_texts, up_to_end
from hmmlib.processes.lstm import TraceLSTM

# A validation loss has to be better by this much for the step size to stay, as Keras has it.
_LEAST_GAIN = 1e-4


@dataclass(frozen=True)
class TraceRecipe:
    """How a `TraceLSTM` is trained, by Adam.

    The validation loss has the penalty in it, as Keras has it.

    Attributes:
        penalty: λ of the penalty λ Σ (|w| + w²) of all weights of inputs and of hidden vectors.
        epochs: How often all texts are read, at most.
        batch: Predictions of a step, about: as many texts as have so many tokens in the mean.
        learning_rate: Step size at the start.
        patience: Training ends after so many epochs without a better validation loss, and the weights are
            those of the best.
        halving: The step size is halved after so many.
    """

    penalty: float = 0.0
    epochs: int = 600
    batch: int = 128
    learning_rate: float = 0.005
    patience: int = 6
    halving: int = 3

    def __post_init__(self) -> None:
        if check_number(self.penalty, "penalty") < 0:
            raise ValueError(f"penalty: expected at least 0, got {self.penalty:g}")
        for name in ("epochs", "batch", "patience", "halving"):
            check_positive_int(getattr(self, name), name)
        check_positive(self.learning_rate, "learning_rate")


@dataclass(frozen=True, eq=False)
class TraceFit:
    """A trained network.

    Attributes:
        model: The network as it was best on the validation texts.
        losses: Mean training loss of each epoch, nats per token and the penalty, shape (epochs,).
        validation: Validation loss after each epoch, nats per token and the penalty, shape (epochs,).
        best_epoch: Which epoch `model` is of, from 1.
    """

    model: TraceLSTM
    losses: Tensor
    validation: Tensor
    best_epoch: int


def train_traces(
    model: TraceLSTM,
    tokens: ArrayLike,
    counts: ArrayLike,
    *,
    validation_tokens: ArrayLike,
    validation_counts: ArrayLike,
    generator: int | np.random.RandomState,
    recipe: TraceRecipe | None = None,
    on_epoch: Callable[[int, TraceLSTM], None] | None = None,
) -> TraceFit:
    """Train a network on a log.

    Validation texts may be others of the same variants, as in the released code, or of other variants.

    Args:
        model: Where to begin; it is not changed.
        tokens: Variants to train on, END-padded, shape (n, L).
        counts: How many texts there are of each, integers of at least 0, shape (n,).
        validation_tokens: Variants to end the training by, shape (m, L').
        validation_counts: How many texts there are of each, shape (m,).
        generator: Seed or numpy RandomState of the order of texts and of what is dropped.
        recipe: How.
        on_epoch: Called after each epoch with its number and the network as it is then.

    Returns:
        The network.

    Raises:
        TypeError: Not a network or a recipe, tokens or counts that are not integers, or another generator.
        ValueError: Wrong shapes, tokens out of range or after END, a count below 0, or none above 0.
        FloatingPointError: The loss is no longer finite; the message names the epoch.
    """
    check_kind(model, TraceLSTM, "model", "a TraceLSTM")
    how = TraceRecipe() if recipe is None else check_kind(recipe, TraceRecipe, "recipe", "a TraceRecipe")
    texts = check_texts(tokens, model.n_tokens)
    log = torch.arange(len(texts), device="cpu").repeat_interleave(check_counts(counts, "counts", len(texts)))
    held = check_texts(validation_tokens, model.n_tokens, "validation_tokens")
    held_counts = check_counts(validation_counts, "validation_counts", len(held))
    random = drawing_generator(generator)
    drops = start_generator(random)
    trained = copy.deepcopy(model).train()
    optimiser = torch.optim.Adam(trained.parameters(), how.learning_rate)
    sizes = up_to_end(texts, model.n_tokens).sum(1)
    rows_of_step = max(1, round(how.batch / float(sizes[log].double().mean())))
    losses: list[float] = []
    reached: list[float] = []
    best: dict[str, Tensor] = {}
    best_epoch, plateau, waited = 0, math.inf, 0
    # Not by `hmmlib.pretraining.train_module`, whose number of steps and step sizes are fixed beforehand.
    for epoch in range(1, how.epochs + 1):
        total = 0.0
        for rows in log[torch.from_numpy(random.permutation(len(log)))].split(rows_of_step):
            optimiser.zero_grad()
            loss = _loss(trained, texts, rows, drops) + _penalty(trained, how.penalty)
            loss.backward()
            optimiser.step()
            total += float(loss.detach()) * len(rows)
        losses.append(total / len(log))
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(f"the loss is {losses[-1]} in epoch {epoch} of {how.epochs}")
        reached.append(_validation_loss(trained, held, held_counts, how.penalty))
        if on_epoch is not None:
            on_epoch(epoch, trained)
        if best_epoch == 0 or reached[-1] < reached[best_epoch - 1]:
            best, best_epoch = copy.deepcopy(trained.state_dict()), epoch
        elif epoch - best_epoch >= how.patience:
            break
        if reached[-1] < plateau - _LEAST_GAIN:
            plateau, waited = reached[-1], 0
        else:
            waited += 1
        if waited == how.halving:
            waited = 0
            for group in optimiser.param_groups:
                group["lr"] /= 2
    trained.load_state_dict(best)
    return TraceFit(trained.eval(), _column(losses), _column(reached), best_epoch)


def _column(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, device="cpu")


def _loss(model: TraceLSTM, texts: Tensor, rows: Tensor, drops: torch.Generator) -> Tensor:
    """Nats per token of a batch of texts, numbers of variants."""
    kinds, copies, counts = rows.unique(return_inverse=True, return_counts=True)
    batch = texts[kinds]
    n_predicted = (up_to_end(batch, model.n_tokens).sum(1) * counts).sum()
    if model.dropout:  # copies of a text differ in what is dropped
        return model.nats(batch, drops, copies).sum() / n_predicted
    return (model.nats(batch) * counts).sum() / n_predicted


def _validation_loss(model: TraceLSTM, texts: Tensor, counts: Tensor, penalty: float) -> float:
    with torch.no_grad():
        nats = (
            -(model.log_probs(texts) * counts).sum()
            / (up_to_end(texts, model.n_tokens).sum(1) * counts).sum()
        )
        return float(nats + _penalty(model, penalty))


def _penalty(model: TraceLSTM, penalty: float) -> Tensor:
    """λ Σ (|w| + w²)."""
    weights = torch.cat([weight.flatten() for pair in model.kernels() for weight in pair])
    return penalty * (weights.abs().sum() + weights.square().sum())
