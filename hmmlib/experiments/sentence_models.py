"""Language models of sentences: what each kind is trained with, and how.

A model is described by a record with its `kind`; `ARMS` has those that are set beside each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import check_positive_int
from hmmlib.experiments.checks import check_named_kind
from hmmlib.experiments.sentence_worlds import SentenceWorld
from hmmlib.sweeps import Record, check_entries
from hmmlib.words import (
    KneserNey,
    NeuralShape,
    SentenceModel,
    TrainingRecipe,
    exchange_classes,
    fit_blocked_hmm,
    train_lstm,
    train_neural_hmm,
)


def _em(n_classes: int, n_states: int, classes: str = "exchange", **more: Any) -> Record:
    return {
        "kind": "em",
        "n_classes": n_classes,
        "n_states": n_states,
        "classes": classes,
        "transition_pseudo_counts": 0.5,
        "emission_pseudo_counts": 0.02,
        "max_iterations": 40,
        "patience": 2,
    } | more


def _neural(n_classes: int, n_states: int, classes: str, dropout: float, epochs: int) -> Record:
    return {
        "kind": "neural",
        "n_classes": n_classes,
        "n_states": n_states,
        "classes": classes,
        "shape": asdict(NeuralShape(dropout=dropout, tied=False)),
        "recipe": asdict(TrainingRecipe(epochs=epochs, patience=3)),
    }


N_GRAMS: Mapping[str, Record] = {f"kneser_ney_{n}": {"kind": "kneser_ney", "order": n} for n in (1, 2, 3, 5)}
ARMS: Mapping[str, Mapping[str, Record]] = {
    "synthetic": {
        "source": {"kind": "source"},
        "kneser_ney_2": N_GRAMS["kneser_ney_2"],
        "kneser_ney_3": N_GRAMS["kneser_ney_3"],
        **{f"em_{h}": _em(8, h, "true") for h in (8, 16, 64, 256, 512)},
        "em_256_smooth": _em(8, 256, "true", transition_pseudo_counts=5.0),
        "em_256_exchange": _em(8, 256, "exchange"),
        "em_256_random": _em(8, 256, "random"),
        "neural_256": _neural(8, 256, "true", 0.0, 60),
        "neural_256_dropout": _neural(8, 256, "true", 0.5, 60),
    },
    "king_james": {
        **N_GRAMS,
        **{f"em_{h}": _em(64, h) for h in (64, 256, 1024, 4096)},
        "em_1024_random": _em(64, 1024, "random"),
        "neural_1024": _neural(64, 1024, "exchange", 0.0, 8),
        "neural_1024_dropout": _neural(64, 1024, "exchange", 0.5, 8),
        "lstm": {
            "kind": "lstm",
            "width": 128,
            "dropout": 0.2,
            "recipe": asdict(TrainingRecipe(epochs=10, learning_rate=0.003)),
        },
    },
}
"""The models that are trained on each source, by name."""


def word_classes(how: str, n_classes: int, world: SentenceWorld, seed: int) -> Tensor:
    """The classes that a blocked HMM is given.

    Args:
        how: 'true', those of the source; 'exchange', those of `exchange_classes`; 'random', of equal sizes.
        n_classes: Number of classes.
        world: The sentences.
        seed: Of random classes.

    Returns:
        Class of each word, shape (V,).

    Raises:
        ValueError: Another word, or true classes of a text that has none or another number of them.
    """
    if how == "exchange":
        return exchange_classes(world.train, n_classes, world.n_tokens).classes
    if how == "random":
        order = np.random.RandomState(seed).permutation(world.n_tokens)
        return torch.from_numpy(order % n_classes)
    if how != "true":
        raise ValueError(f"classes: expected true, exchange or random, got {how!r}")
    if world.source is None or world.source.n_classes != n_classes:
        has = "none" if world.source is None else world.source.n_classes
        raise ValueError(f"classes: expected a source with {n_classes} classes of its own, it has {has}")
    return world.source.classes


class Trained(NamedTuple):
    """A trained model.

    Attributes:
        model: The model.
        n_parameters: Numbers that it has; for counts, how many there are.
        validation: Perplexity of the validation sentences after each iteration or epoch.
        best: Which of them the model is of, from 1; 0 where there are none.
    """

    model: SentenceModel
    n_parameters: int
    validation: list[float]
    best: int


def _given_source(model: Record, world: SentenceWorld, seed: int) -> Trained:  # noqa: ARG001
    if world.source is None:
        raise ValueError("model: a text that no HMM wrote has no source")
    return Trained(world.source, world.source.n_parameters, [], 0)


def _counted(model: Record, world: SentenceWorld, seed: int) -> Trained:  # noqa: ARG001
    found = KneserNey(world.train, model["order"], world.n_tokens)
    return Trained(found, found.n_grams, [], 0)


def _fitted(model: Record, world: SentenceWorld, seed: int) -> Trained:
    names = ("transition_pseudo_counts", "emission_pseudo_counts", "max_iterations", "patience")
    fit = fit_blocked_hmm(
        world.train,
        model["n_states"],
        word_classes(model["classes"], model["n_classes"], world, seed),
        generator=seed,
        validation=world.validation,
        dtype=torch.float32,
        **{name: model[name] for name in names},
    )
    return Trained(fit.model, fit.model.n_parameters, fit.validation.tolist(), fit.best_iteration)


def _learnt(model: Record, world: SentenceWorld, seed: int) -> Trained:
    done = train_neural_hmm(
        world.train,
        model["n_states"],
        word_classes(model["classes"], model["n_classes"], world, seed),
        validation=world.validation,
        generator=seed,
        shape=NeuralShape(**model["shape"]),
        recipe=TrainingRecipe(**model["recipe"]),
    )
    size = sum(parameter.numel() for parameter in done.model.parameters())
    return Trained(done.model.to_blocked(), size, done.validation.tolist(), done.best_epoch)


def _recurrent(model: Record, world: SentenceWorld, seed: int) -> Trained:
    done = train_lstm(
        world.train,
        world.n_tokens,
        validation=world.validation,
        generator=seed,
        width=model["width"],
        dropout=model["dropout"],
        recipe=TrainingRecipe(**model["recipe"]),
    )
    size = sum(parameter.numel() for parameter in done.model.parameters())
    return Trained(done.model, size, done.validation.tolist(), done.best_epoch)


_KINDS: dict[str, tuple[Callable[[Record, SentenceWorld, int], Trained], Record]] = {
    "source": (_given_source, {"kind": "source"}),
    "kneser_ney": (_counted, N_GRAMS["kneser_ney_2"]),
    "em": (_fitted, _em(8, 8)),
    "neural": (_learnt, _neural(8, 8, "true", 0.0, 1)),
    "lstm": (_recurrent, ARMS["king_james"]["lstm"]),
}


def train_model(model: Record, world: SentenceWorld, seed: int) -> Trained:
    """Train a model of the kind that its record names.

    Args:
        model: The record, as in `ARMS`.
        world: The sentences.
        seed: Of whatever is random.

    Returns:
        The model and how it was found.

    Raises:
        ValueError: An unknown kind, or a value out of range.
    """
    return _KINDS[check_named_kind(model, _KINDS, "model")][0](model, world, seed)


def check_model(model: Record) -> None:
    """Check a model's record, without computing anything to speak of.

    Args:
        model: The record.

    Raises:
        TypeError: A value of another type.
        ValueError: An unknown kind, an entry that is missing or too many, or a value out of range.
    """
    check_entries(model, _KINDS[check_named_kind(model, _KINDS, "model")][1], "model")
    if "shape" in model:
        NeuralShape(**model["shape"])
    if "recipe" in model:
        TrainingRecipe(**model["recipe"])
    for name in ("order", "n_classes", "n_states", "max_iterations", "patience", "width"):
        if name in model:
            check_positive_int(model[name], name)
