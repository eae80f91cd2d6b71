"""Transducers trained for likelihood or for expected word errors, beside what Bayes would write.

The world is `hmmlib.transduction.random_spoken_words`. One transducer is trained for likelihood; from there
training goes on for as many steps in three ways, so that each difference is between equals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import check_positive_int
from hmmlib._random import step_generator
from hmmlib.experiments.checks import check_labels, check_seed
from hmmlib.experiments.scoring import rounded
from hmmlib.experiments.setting import OF_THE_RUN, Stopwatch
from hmmlib.sweeps import Experiment, Record, Workplace, check_entries, option
from hmmlib.transduction import (
    BeamRecipe,
    Beams,
    ErrorCounts,
    HybridTransducer,
    Strings,
    TransducerRecipe,
    Utterances,
    beam_search,
    error_counts,
    least_expected_error,
    random_spoken_words,
    train_transducer,
)

WORLD: Mapping[str, Any] = {"n_words": 8, "dim": 3, "scale": 1.1, "stay": 0.6, "end": 0.22}
"""Eight words of two states each, heard as vectors of three coordinates."""

STARTS: Mapping[str, Mapping[str, int]] = {
    "small": {"utterances": 1920, "steps": 500},
    "large": {"utterances": 8000, "steps": 1500},
}
"""How many utterances the first training reads, and its steps."""

WAYS: Mapping[str, Mapping[str, Any]] = {
    "likelihood": {"criterion": "likelihood"},
    "word_errors": {"criterion": "word errors", "likelihood_weight": 0.1},
    "word_errors_alone": {"criterion": "word errors", "likelihood_weight": 0.0},
}
"""How training goes on."""

BEAMS = (1, 2, 4, 8)
EXPONENTS = (0.0, 0.5, 1.0)
PENALTIES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
_N_BEST = 16
_ENTRIES = ("preset", "start", "utterances", "seed", "world", "width", "base", "further", "sizes")


@dataclass(frozen=True)
class WordErrorConfig:
    """What is computed.

    Attributes:
        preset: The preset's name.
        starts: How large the first training is, of `STARTS`.
        seeds: Each gives a world, its utterances and the start of the network.
        further_steps: Steps of the second training.
        sizes: Utterances to choose a blank penalty by, and to test on.
        shrink: What numbers of utterances and steps are divided by; 1 but for tests.
    """

    preset: str
    starts: tuple[str, ...] = option(("small", "large"), "sizes of the first training")
    seeds: tuple[int, ...] = option((1, 2, 3, 4, 5), "seeds")
    further_steps: int = 150
    sizes: tuple[int, int] = (500, 2000)
    shrink: int = 1

    def __post_init__(self) -> None:
        for start in self.starts:
            if start not in STARTS:
                raise ValueError(f"starts: expected some of {', '.join(STARTS)}, got {start!r}")

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it.

        Returns:
            The fields.
        """
        return asdict(self)

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each: `preset`, `start`, `utterances`, `seed`, `world`, the network's
            `width`, the recipes `base` of the first training and `further` of each way in which it goes on,
            and `sizes`.
        """
        further = TransducerRecipe(steps=self.further_steps, learning_rate=5e-4)
        return [
            {
                "preset": self.preset,
                "start": start,
                "utterances": STARTS[start]["utterances"] // self.shrink,
                "seed": seed,
                "world": dict(WORLD),
                "width": 48,
                "base": asdict(TransducerRecipe(STARTS[start]["steps"] // self.shrink, learning_rate=0.01)),
                "further": {name: asdict(replace(further, **way)) for name, way in WAYS.items()},
                "sizes": list(self.sizes),
            }
            for start in self.starts
            for seed in self.seeds
        ]


class _Judge:
    """Decodes and counts errors on validation and test utterances."""

    def __init__(
        self, validation: tuple[Utterances, Strings], test: tuple[Utterances, Strings], seed: int
    ) -> None:
        self.validation, self.test = validation, test
        size = len(test[1].lengths)
        self._draws = torch.from_numpy(np.random.RandomState(seed).randint(0, size, (1000, size)))

    def record(self, model: HybridTransducer) -> tuple[Record, dict[str, Tensor]]:
        """What the record says of a model, and its errors in each test utterance at each beam."""
        found: Record = {"beam": {}, "exponent": {}, "penalty": {}}
        errors = {}
        for width in BEAMS:
            beams = self._search(model, width=width)
            counts = error_counts(beams.strings(), self.test[1])
            found["beam"][str(width)] = _counted(counts)
            errors[str(width)] = counts.errors
        # An exponent only chooses among the strings that a search ended with: those of the widest beam.
        for exponent in EXPONENTS:
            chosen = (beams.log_probs / beams.lengths.clamp(min=1).double() ** exponent).argmax(1)
            counts = error_counts(_picked(beams, chosen), self.test[1])
            found["exponent"][str(exponent)] = _counted(counts)
        for width in (BEAMS[0], BEAMS[-1]):
            curve = {}
            for penalty in PENALTIES:
                recipe = BeamRecipe(width, blank_penalty=penalty)
                beams = beam_search(model, self.validation[0], recipe)
                curve[str(penalty)] = rounded(error_counts(beams.strings(), self.validation[1]).rate)
            best = min(curve, key=lambda name: (curve[name], float(name)))
            beams = self._search(model, width=width, blank_penalty=float(best))
            counts = error_counts(beams.strings(), self.test[1])
            errors[f"{width}, tuned"] = counts.errors
            found["penalty"][str(width)] = {"validation": curve, "chosen": float(best), **_counted(counts)}
        found |= self._of_lists(model)
        with torch.no_grad():
            found["nats"] = rounded(-float(model.log_probs(*self.test).mean()))
        return found, errors

    def _search(self, model: HybridTransducer, **how: Any) -> Beams:
        return beam_search(model, self.test[0], BeamRecipe(**how))

    def _of_lists(self, model: HybridTransducer) -> Record:
        """Of the best strings of a wide beam: which has least expected error, the best, how sure."""
        beams = self._search(model, width=_N_BEST)
        share = beams.log_probs.softmax(1)
        candidates = beams.flat()
        chosen = least_expected_error(candidates, share)
        best = _picked(beams, chosen)
        said = self.test[1]
        repeated = Strings(said.words.repeat_interleave(_N_BEST, 0), said.lengths.repeat_interleave(_N_BEST))
        every = error_counts(candidates, repeated).errors.view(-1, _N_BEST)
        every = torch.where(beams.log_probs > -torch.inf, every, 10**6)
        oracle = float(every.amin(1).sum()) / float(said.lengths.sum())
        entropy = -(share * share.clamp_min(1e-300).log()).sum(1).mean()
        return {
            "least_expected": _counted(error_counts(best, said)),
            "oracle": rounded(oracle),
            "entropy": rounded(float(entropy)),
        }

    def difference(self, one: Tensor, other: Tensor) -> Record:
        """Word error rate of one less that of the other, with a 95% interval over utterances, paired."""
        words = self.test[1].lengths.double()
        gap = (one - other).double()
        drawn = gap[self._draws].sum(1) / words[self._draws].sum(1)
        low, high = drawn.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
        return {"mean": rounded(float(gap.sum() / words.sum())), "low": rounded(low), "high": rounded(high)}


def _picked(beams: Beams, rank: Tensor) -> Strings:
    """One string of each list."""
    row = torch.arange(len(rank))
    return Strings(beams.words[row, rank], beams.lengths[row, rank])


def _counted(counts: ErrorCounts) -> Record:
    parts = ("substitutions", "deletions", "insertions", "words")
    return {"rate": rounded(counts.rate)} | {name: int(getattr(counts, name).sum()) for name in parts}


def word_error_cell(config: Record, place: Workplace) -> Record:  # noqa: ARG001 - nothing is kept
    """Train a transducer, go on in every way, and count errors.

    Args:
        config: One of `WordErrorConfig.cells`.
        place: Not used: nothing is shared between cells, and all is computed on the CPU.

    Returns:
        The record, ready for JSON: `start`, `utterances`, `seed`; `models`, with 'base' and each way: errors
        for each width of the `beam`, each length `exponent`, with the blank `penalty` chosen on the
        validation utterances, with the string of `least_expected` error of a list, of its best string
        (`oracle`), the list's `entropy`, and `nats` per utterance; the same of Bayes (`bayes`, `path`,
        `exact_nats`); and `differences` to going on for likelihood. `seconds` and `cpu_seconds` are of the
        run.

    Raises:
        ValueError: An entry that is missing or too many, or a value out of range.
    """
    check_entries(config, _ENTRIES)
    check_entries(config["world"], WORLD, "world")
    watch, seed = Stopwatch(), config["seed"]
    world = random_spoken_words(generator=seed, **config["world"])
    sizes = (config["utterances"], *config["sizes"])
    parts = [
        world.sample(size, generator=step_generator(torch.device("cpu"), seed, part))
        for part, size in enumerate(sizes)
    ]
    train, judge = parts[0], _Judge(parts[1], parts[2], seed)
    watch.lap("utterances")
    start = HybridTransducer(world.n_words, world.dim, width=config["width"], generator=seed)
    base = train_transducer(start, *train, generator=seed, recipe=TransducerRecipe(**config["base"]))
    watch.lap("base")
    models, errors = {}, {}
    models["base"], _ = judge.record(base)
    watch.lap("judging base")
    for name, recipe in config["further"].items():
        further = train_transducer(base, *train, generator=seed, recipe=TransducerRecipe(**recipe))
        watch.lap(name)
        models[name], errors[name] = judge.record(further)
        watch.lap(f"judging {name}")
    heard, said = parts[2]
    bayes = error_counts(world.bayes_strings(heard, generator=seed), said)
    path = error_counts(world.most_probable_path(heard), said)
    exact = world.log_evidence(heard) - world.log_joint(heard, said)
    watch.lap("bayes")
    return {
        **{name: config[name] for name in ("start", "utterances", "seed")},
        "models": models,
        "bayes": _counted(bayes),
        "path": _counted(path),
        "exact_nats": rounded(float(exact.mean())),
        "differences": {
            name: {
                key: judge.difference(errors[name][key], errors["likelihood"][key]) for key in errors[name]
            }
            for name in WAYS
            if name != "likelihood" and name in errors
        },
        **watch.times(),
    }


def check_cell(config: Record) -> None:
    """Check the configuration of a cell, without computing anything to speak of.

    Args:
        config: The configuration.

    Raises:
        TypeError: A value of another type.
        ValueError: An entry that is missing or too many, or a value out of range.
    """
    check_entries(config, _ENTRIES)
    check_labels(config, ("preset", "start"))
    check_seed(config["seed"])
    check_entries(config["world"], WORLD, "world")
    random_spoken_words(generator=0, **config["world"])
    for name in ("utterances", "width"):
        check_positive_int(config[name], name)
    for size in config["sizes"]:
        check_positive_int(size, "sizes")
    check_entries(config["further"], WAYS, "further")
    TransducerRecipe(**config["base"])
    for recipe in config["further"].values():
        TransducerRecipe(**recipe)


def _rate(way: str, width: int, record: Record) -> float:
    found: float = record["models"][way]["beam"][str(width)]["rate"]
    return 100 * found


def _column(way: str, width: int) -> Any:
    return lambda record: _rate(way, width, record)


EXPERIMENT = Experiment(
    name="word-error-training",
    title="transducers trained for likelihood and for expected word errors",
    presets={
        "laptop": WordErrorConfig("laptop"),
        "smoke": WordErrorConfig(
            "smoke", starts=("small",), seeds=(1,), further_steps=2, sizes=(10, 20), shrink=100
        ),
    },
    compute=word_error_cell,
    check=check_cell,
    of_the_run=OF_THE_RUN,
    groups=("start",),
    columns={
        f"{way.replace('_', ' ')}, beam {width}, %": _column(way, width)
        for way in ("likelihood", "word_errors")
        for width in (1, 8)
    }
    | {"Bayes, %": lambda record: 100 * record["bayes"]["rate"]},
    devices=("cpu",),
)
"""The sweep over starts and ways to go on.

:meta hide-value:
"""
