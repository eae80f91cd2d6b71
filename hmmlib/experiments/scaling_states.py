"""HMM language models with more and more states, beside n-grams and an LSTM.

Two sources of sentences: a blocked HMM, whose entropy is known, and the King James Bible. On each the same
kinds of models are trained on the same sentences and measured on the same others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import check_positive_int
from hmmlib.experiments.checks import check_labels, check_named_kind, check_seed
from hmmlib.experiments.scoring import rounded
from hmmlib.experiments.sentence_worlds import (
    SOURCES,
    SYNTHETIC,
    SentenceWorld,
    check_source,
    sentence_world,
)
from hmmlib.experiments.setting import OF_THE_RUN, Stopwatch
from hmmlib.sweeps import Experiment, Record, Workplace, check_entries, option
from hmmlib.words import (
    KneserNey,
    NeuralShape,
    SentenceModel,
    TrainingRecipe,
    exchange_classes,
    fit_blocked_hmm,
    perplexity,
    train_lstm,
    train_neural_hmm,
)

_ENTRIES = ("preset", "source", "words", "arm", "seed", "world", "model")


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


_N_GRAMS = {f"kneser_ney_{n}": {"kind": "kneser_ney", "order": n} for n in (1, 2, 3, 5)}
ARMS: Mapping[str, Mapping[str, Record]] = {
    "synthetic": {
        "source": {"kind": "source"},
        "kneser_ney_2": _N_GRAMS["kneser_ney_2"],
        "kneser_ney_3": _N_GRAMS["kneser_ney_3"],
        **{f"em_{h}": _em(8, h, "true") for h in (8, 16, 64, 256, 512)},
        "em_256_smooth": _em(8, 256, "true", transition_pseudo_counts=5.0),
        "em_256_exchange": _em(8, 256, "exchange"),
        "em_256_random": _em(8, 256, "random"),
        "neural_256": _neural(8, 256, "true", 0.0, 60),
        "neural_256_dropout": _neural(8, 256, "true", 0.5, 60),
    },
    "king_james": {
        **_N_GRAMS,
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

_SEEDS_OF_ARMS = {
    "king_james": dict.fromkeys(_N_GRAMS, 1)
    | {"em_4096": 2, "em_1024_random": 2, "neural_1024": 1, "neural_1024_dropout": 1, "lstm": 1}
}
"""Arms on a fixed text that have fewer seeds than are asked for: counts have none, others take long."""


@dataclass(frozen=True)
class ScalingStatesConfig:
    """What is computed.

    Attributes:
        preset: The preset's name.
        source: 'synthetic' or 'king_james'.
        words: Numbers of training words; for the Bible there is one, 0, which stands for all.
        arms: Which models, of `ARMS`.
        seeds: Each gives a source, if it is synthetic, and the start of whatever is random.
        world: What the source is like, as `SYNTHETIC` and `KING_JAMES` are.
    """

    preset: str
    source: str
    words: tuple[int, ...] = option((0,), "numbers of training words")
    arms: tuple[str, ...] = option((), "models")
    seeds: tuple[int, ...] = option((1, 2, 3, 4, 5), "seeds")
    world: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        known = ARMS[self.source]
        for arm in self.arms:
            if arm not in known:
                raise ValueError(f"arms: expected some of {', '.join(known)}, got {arm!r}")

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it.

        Returns:
            The fields, with the world spelt out.
        """
        return asdict(self) | {"world": dict(self.world or SOURCES[self.source])}

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each: `preset`, `source`, `words`, `arm`, `seed`; the `world` and the `model`
            that these mean.
        """
        most = _SEEDS_OF_ARMS.get(self.source, {})
        return [
            {
                "preset": self.preset,
                "source": self.source,
                "words": words,
                "arm": arm,
                "seed": seed,
                "world": dict(self.world or SOURCES[self.source]),
                "model": ARMS[self.source][arm],
            }
            for arm in self.arms
            for words in self.words
            for seed in self.seeds[: most.get(arm)]
        ]


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
    "kneser_ney": (_counted, _N_GRAMS["kneser_ney_2"]),
    "em": (_fitted, _em(8, 8)),
    "neural": (_learnt, _neural(8, 8, "true", 0.0, 1)),
    "lstm": (_recurrent, ARMS["king_james"]["lstm"]),
}


def scaling_states_cell(config: Record, place: Workplace) -> Record:  # noqa: ARG001 - nothing is kept
    """Train one language model and measure it.

    Args:
        config: One of `ScalingStatesConfig.cells`.
        place: Not used: nothing is shared between cells, and all is computed on the CPU.

    Returns:
        The record, ready for JSON: `source`, `words`, `arm`, `seed`; the size `n_tokens` of the vocabulary
        and the number of words that were `read` of each part; `perplexity` of each part; `exact`, that of the
        HMM that wrote the test sentences, or None; `n_parameters`; `history`, the validation perplexity after
        each iteration or epoch, and the `best` of them. `seconds` and `cpu_seconds` are of the run.

    Raises:
        ValueError: An entry that is missing or too many, or a value out of range.
    """
    check_entries(config, _ENTRIES)
    watch, seed, model = Stopwatch(), config["seed"], config["model"]
    world = sentence_world(config["world"], config["words"], seed)
    watch.lap("sentences")
    trained = _KINDS[check_named_kind(model, _KINDS, "model")][0](model, world, seed)
    watch.lap("training")
    parts = {"train": world.train, "validation": world.validation, "test": world.test}
    found = {name: _rounded(perplexity(trained.model, part)) for name, part in parts.items()}
    watch.lap("measuring")
    return {
        **{name: config[name] for name in ("source", "words", "arm", "seed")},
        "n_tokens": world.n_tokens,
        "read": {name: part.n_tokens for name, part in parts.items()},
        "perplexity": found,
        "exact": None if world.source is None else _rounded(perplexity(world.source, world.test)),
        "n_parameters": trained.n_parameters,
        "history": [_rounded(value) for value in trained.validation],
        "best": trained.best,
        **watch.times(),
    }


def _rounded(value: float) -> float | None:
    """For JSON; None for a perplexity without bound."""
    return rounded(value) if math.isfinite(value) else None


def check_cell(config: Record) -> None:
    """Check the configuration of a cell, without computing anything to speak of.

    Args:
        config: The configuration.

    Raises:
        TypeError: A value of another type.
        ValueError: An unknown kind, an entry that is missing or too many, or a value out of range.
    """
    check_entries(config, _ENTRIES)
    check_labels(config, ("preset", "source", "arm"))
    check_seed(config["seed"])
    model = config["model"]
    check_entries(model, _KINDS[check_named_kind(model, _KINDS, "model")][1], "model")
    if "shape" in model:
        NeuralShape(**model["shape"])
    if "recipe" in model:
        TrainingRecipe(**model["recipe"])
    for name in ("order", "n_classes", "n_states", "max_iterations", "patience", "width"):
        if name in model:
            check_positive_int(model[name], name)
    check_source(config["world"])
    check_positive_int(config["words"], "words", 0)


def perplexity_of(part: str, record: Record) -> float | None:
    """A record's perplexity.

    Args:
        part: 'train', 'validation' or 'test'.
        record: The record.

    Returns:
        The perplexity; None if it has no bound.
    """
    found: float | None = record["perplexity"][part]
    return found


def _excess(record: Record) -> float | None:
    test, exact = record["perplexity"]["test"], record["exact"]
    return None if test is None or exact is None else 100 * (test / exact - 1)


EXPERIMENT = Experiment(
    name="scaling-states",
    title="language models of sentences: HMMs with more and more states, n-grams, an LSTM",
    presets={
        "synthetic": ScalingStatesConfig(
            "synthetic", "synthetic", words=(12_000, 36_000, 96_000), arms=tuple(ARMS["synthetic"])
        ),
        "king-james": ScalingStatesConfig("king-james", "king_james", arms=tuple(ARMS["king_james"])),
        "smoke": ScalingStatesConfig(
            "smoke",
            "synthetic",
            words=(480,),
            seeds=(1,),
            arms=("kneser_ney_2", "em_16"),
            world={**SYNTHETIC, "held_sentences": 20},
        ),
    },
    compute=scaling_states_cell,
    check=check_cell,
    of_the_run=OF_THE_RUN,
    groups=("source", "words", "arm"),
    columns={
        "test": partial(perplexity_of, "test"),
        "train": partial(perplexity_of, "train"),
        "above the source, %": _excess,
    },
    devices=("cpu",),
)
"""The sweep over states and other models.

:meta hide-value:
"""
