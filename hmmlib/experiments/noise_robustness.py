"""Classes of sequences told apart in noise: by Gaussian mixtures, by flows, and as Bayes would.

The world is `hmmlib.densities.random_arcs`, whose densities are known at every level of noise. An HMM is
fitted to the sequences of each class, and a sequence is given to the class under which it is likeliest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from hmmlib._checks import check_fraction, check_positive, check_positive_int
from hmmlib._random import step_generator
from hmmlib.densities import NoisyArcs, random_arcs
from hmmlib.densities.gaussian import check_sigma
from hmmlib.experiments.checks import check_labels, check_seed
from hmmlib.experiments.noise_judges import ARMS, Sequences, check_model, trained_judge
from hmmlib.experiments.scoring import rounded
from hmmlib.experiments.setting import OF_THE_RUN, Stopwatch
from hmmlib.sweeps import Experiment, Record, Workplace, check_entries, option

LEVELS: Mapping[str, float] = {
    "clean": 0.0,
    **{f"{decibel} dB": 10 ** (-decibel / 20) for decibel in (20, 15, 10, 5)},
}
"""Standard deviation of the noise at each signal-to-noise ratio, for vectors of unit variance."""

WORLD: Mapping[str, Any] = {
    "n_classes": 6,
    "n_states": 3,
    "n_planes": 2,
    "n_components": 24,
    "shared": 0.8,
    "length": 6,
    "test_sequences": 200,
}
"""Six classes, three states each, vectors of four coordinates."""

_ENTRIES = ("preset", "thickness", "sequences", "train_noise", "arm", "seed", "world", "model")


@dataclass(frozen=True)
class NoiseRobustnessConfig:
    """What is computed.

    Attributes:
        preset: The preset's name.
        thickness: How thick the curves are on which vectors lie.
        sequences: Numbers of training sequences of each class.
        train_noise: Standard deviations of the noise in a second copy of the training sequences; 0 for none.
        arms: Which models, of `ARMS`; exact ones are computed once, without training noise.
        seeds: Each gives a world, its sequences and the start of whatever is random.
        world: What the world is like, as `WORLD` is.
    """

    preset: str
    thickness: tuple[float, ...] = option((0.03, 0.1, 0.3), "thicknesses of the curves")
    sequences: tuple[int, ...] = option((1500,), "numbers of training sequences of each class")
    train_noise: tuple[float, ...] = option((0.0, 0.3), "noise in a copy of the training sequences")
    arms: tuple[str, ...] = option(("matched_bayes", "mismatched_bayes", "mixture_20", "flows_3"), "models")
    seeds: tuple[int, ...] = option((1, 2, 3, 4, 5), "seeds")
    world: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        for arm in self.arms:
            if arm not in ARMS:
                raise ValueError(f"arms: expected some of {', '.join(ARMS)}, got {arm!r}")

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it.

        Returns:
            The fields, with the world spelt out.
        """
        return asdict(self) | {"world": dict(self.world or WORLD)}

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each: `preset`, `thickness`, `sequences`, `train_noise`, `arm`, `seed`; the
            `world` and the `model` that these mean.
        """
        shared = {"preset": self.preset, "world": dict(self.world or WORLD)}
        return [
            {
                **shared,
                "thickness": thickness,
                "sequences": sequences,
                "train_noise": noise,
                "arm": arm,
                "seed": seed,
                "model": ARMS[arm],
            }
            for arm in self.arms
            for thickness in self.thickness
            for sequences in (self.sequences if ARMS[arm]["kind"] != "bayes" else self.sequences[:1])
            for noise in (self.train_noise if ARMS[arm]["kind"] != "bayes" else (0.0,))
            for seed in self.seeds
        ]


def noisy_world(config: Record) -> tuple[NoisyArcs, Sequences, Sequences, Tensor]:
    """The world of a cell and its sequences.

    Args:
        config: The configuration of a cell.

    Returns:
        The world; training sequences, with their noisy copies; test sequences; standard normal noise of their
        shape, the same at every level.

    Raises:
        ValueError: An entry that is missing or too many, or a value out of range.
    """
    world, seed = config["world"], config["seed"]
    check_entries(world, WORLD, "world")
    sizes = {name: world[name] for name in ("n_classes", "n_states", "n_planes", "n_components", "shared")}
    arcs = random_arcs(config["thickness"], generator=seed, **sizes)

    def source(part: int) -> torch.Generator:
        return step_generator(torch.device("cpu"), seed, part)

    x, classes = arcs.sample(config["sequences"], world["length"], generator=source(0))
    if config["train_noise"]:
        noise = torch.randn(x.shape, generator=source(1), dtype=x.dtype)
        x, classes = torch.cat([x, x + config["train_noise"] * noise]), classes.repeat(2)
    test = Sequences(*arcs.sample(world["test_sequences"], world["length"], generator=source(2)))
    return arcs, Sequences(x, classes), test, torch.randn(test.x.shape, generator=source(3), dtype=x.dtype)


def noise_robustness_cell(config: Record, place: Workplace) -> Record:  # noqa: ARG001 - nothing is kept
    """Train what tells the classes apart, and judge it at every level of noise.

    Args:
        config: One of `NoiseRobustnessConfig.cells`.
        place: Not used: nothing is shared between cells, and all is computed on the CPU.

    Returns:
        The record, ready for JSON: what the cell is; `accuracy` at each of `LEVELS`; `margin`, the mean score
        of the right class less the best other, per vector, at each level; `train_nats` and `test_nats`,
        log-density per vector of clean training and test sequences under the model of their class, and
        `exact_nats`, that of the test sequences under the true one (None for scores that are no densities);
        `n_parameters`; `least_gain` of expectation–maximisation. `seconds` and `cpu_seconds` are of the run.

    Raises:
        ValueError: An entry that is missing or too many, or a value out of range.
    """
    check_entries(config, _ENTRIES)
    watch = Stopwatch()
    arcs, train, test, noise = noisy_world(config)
    judge = trained_judge(config, arcs, train)
    watch.lap("training")
    accuracy, margins = {}, {}
    for name, sigma in LEVELS.items():
        scores = judge.scores(test.x + sigma * noise, sigma)
        accuracy[name] = rounded(float((scores.argmax(1) == test.classes).double().mean()))
        others = scores.clone().scatter_(1, test.classes[:, None], -torch.inf)
        gap = _own(scores, test.classes) - others.amax(1)
        margins[name] = rounded(float(gap.mean()) / test.x.shape[1])
    per_class = len(train.x) // arcs.n_classes
    clean = per_class // (2 if config["train_noise"] else 1) * arcs.n_classes
    nats: dict[str, float | None] = dict.fromkeys(("train_nats", "test_nats", "exact_nats"))
    if judge.are_densities:
        exact = torch.stack([one.log_likelihood(test.x) for one in arcs.classes], 1)
        nats = {
            "train_nats": _per_vector(
                judge.scores(train.x[:clean], 0.0), train.classes[:clean], train.x.shape[1]
            ),
            "test_nats": _per_vector(judge.scores(test.x, 0.0), test.classes, test.x.shape[1]),
            "exact_nats": _per_vector(exact, test.classes, test.x.shape[1]),
        }
    watch.lap("judging")
    told = ("thickness", "sequences", "train_noise", "arm", "seed")
    return {
        **{name: config[name] for name in told},
        "accuracy": accuracy,
        "margin": margins,
        **nats,
        "n_parameters": judge.n_parameters,
        "least_gain": judge.least_gain,
        **watch.times(),
    }


def _own(scores: Tensor, classes: Tensor) -> Tensor:
    return scores.gather(1, classes[:, None])[:, 0]


def _per_vector(scores: Tensor, classes: Tensor, time: int) -> float:
    return rounded(float(_own(scores, classes).mean()) / time)


def check_cell(config: Record) -> None:
    """Check the configuration of a cell, without computing anything to speak of.

    Args:
        config: The configuration.

    Raises:
        TypeError: A value of another type.
        ValueError: An unknown kind, an entry that is missing or too many, or a value out of range.
    """
    check_entries(config, _ENTRIES)
    check_labels(config, ("preset", "arm"))
    check_seed(config["seed"])
    check_positive(config["thickness"], "thickness")
    check_positive_int(config["sequences"], "sequences")
    check_sigma(config["train_noise"])
    check_model(config["model"])
    world = config["world"]
    check_entries(world, WORLD, "world")
    for name in ("n_classes", "n_states", "n_planes", "n_components", "length", "test_sequences"):
        check_positive_int(world[name], name)
    check_fraction(world["shared"], "shared", below_one=True)


def accuracy_at(level: str, record: Record) -> float:
    """A record's accuracy.

    Args:
        level: One of `LEVELS`.
        record: The record.

    Returns:
        The share of test sequences given to the right class.
    """
    found: float = record["accuracy"][level]
    return found


EXPERIMENT = Experiment(
    name="noise-robustness",
    title="classes told apart in noise by HMMs with Gaussian mixtures and with flows",
    presets={
        "laptop": NoiseRobustnessConfig("laptop"),
        "all-models": NoiseRobustnessConfig(
            "all-models",
            thickness=(0.1,),
            sequences=(300,),
            arms=tuple(ARMS),
        ),
        "smoke": NoiseRobustnessConfig(
            "smoke",
            thickness=(0.1,),
            sequences=(20,),
            train_noise=(0.0,),
            arms=("matched_bayes", "mixture_2"),
            seeds=(1,),
            world={**WORLD, "test_sequences": 10},
        ),
    },
    compute=noise_robustness_cell,
    check=check_cell,
    of_the_run=OF_THE_RUN,
    groups=("thickness", "sequences", "train_noise", "arm"),
    columns={level: partial(accuracy_at, level) for level in LEVELS},
    devices=("cpu",),
)
"""The sweep over thickness, noise in training, and models.

:meta hide-value:
"""
