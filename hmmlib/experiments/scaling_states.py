"""HMM language models with more and more states, beside n-grams and an LSTM.

Two sources of sentences: a blocked HMM, whose entropy is known, and the King James Bible. On each the same
kinds of models are trained on the same sentences and measured on the same others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from hmmlib._checks import check_positive_int
from hmmlib.experiments.checks import check_labels, check_seed
from hmmlib.experiments.scoring import rounded
from hmmlib.experiments.sentence_models import ARMS, N_GRAMS, check_model, train_model
from hmmlib.experiments.sentence_worlds import SOURCES, SYNTHETIC, check_source, sentence_world
from hmmlib.experiments.setting import OF_THE_RUN, Stopwatch
from hmmlib.sweeps import Experiment, Record, Workplace, check_entries, option
from hmmlib.words import perplexity

_ENTRIES = ("preset", "source", "words", "arm", "seed", "world", "model")


_SEEDS_OF_ARMS = {
    "king_james": dict.fromkeys(N_GRAMS, 1)
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
    trained = train_model(model, world, seed)
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
    check_model(config["model"])
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
