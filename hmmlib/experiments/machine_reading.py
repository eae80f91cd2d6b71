"""Readers of spans: from a masked language model or from nothing, with few examples and with very many.

A cell takes a start (no training, a masked language model, or one that went on with texts such as those of
retrofitting), retrofits it or not, and gives it few examples of another kind of query. Variants change one
thing about retrofitting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hmmlib._checks import check_fraction, check_positive_int
from hmmlib.experiments.checks import check_labels, check_seed
from hmmlib.experiments.setting import OF_THE_RUN, Stopwatch
from hmmlib.experiments.span_reading import (
    BY_TURNS,
    FEW_ENTITIES,
    STARTS,
    VARIANTS,
    few_shot,
    masked_start,
    retrofitted,
    yes_or_no,
)
from hmmlib.experiments.span_worlds import SpanBench, check_span_world, span_record, span_world_of
from hmmlib.lm import Masking
from hmmlib.pretraining import ModuleRecipe, PretrainingRecipe, Stage
from hmmlib.spans import (
    SpanReader,
    read_spans,
)
from hmmlib.sweeps import Experiment, Record, Workplace, check_entries, option
from hmmlib.tuning import TuningRecipe

_ENTRIES = ("preset", "start", "steps", "rate", "variant", "seed", "world", "how")
_HOW = ("masked", "continued", "retrofit", "few", "shots", "labels", "tuning", "watch_every")
_TUNING = TuningRecipe(
    epochs=10, batch=16, learning_rates=(3e-2,), warmup=20, n_prompt=10, solve_heads=True, starts=2
)


@dataclass(frozen=True)
class MachineReadingConfig:
    """What is computed.

    Attributes:
        preset: The preset's name.
        seeds: Each gives an HMM, its entities, tests, and the start of whatever is trained.
        starts: Starts that are judged without retrofitting.
        steps: Steps of retrofitting.
        alone_steps: Steps of retrofitting from nothing, as many as cost what masked training and retrofitting
            cost together.
        shots: Numbers of examples of another kind of query.
        labels: Numbers of labelled pairs, for the readers that also learn to say yes and no.
        rate: Muon's learning rate in retrofitting.
        other_rates: Others that are tried, on fewer seeds.
        other_seeds: Their seeds.
        variants: What is changed about retrofitting, one at a time.
        variant_seeds: Seeds of the variants.
        n_test: Contexts of a test.
        shrink: What steps are divided by; 1 but for tests.
    """

    preset: str
    seeds: tuple[int, ...] = option((1, 2, 3, 4, 5), "seeds")
    starts: tuple[str, ...] = STARTS
    steps: int = 1800
    alone_steps: int = 2500
    shots: tuple[int, ...] = option((16, 64, 256, 1024), "numbers of examples")
    labels: tuple[int, ...] = (64, 1024)
    rate: float = 0.01
    other_rates: tuple[float, ...] = (0.02,)
    other_seeds: tuple[int, ...] = (1, 2, 3)
    variants: tuple[str, ...] = VARIANTS[1:]
    variant_seeds: tuple[int, ...] = (1, 2)
    n_test: int = 1000
    shrink: int = 1

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it.

        Returns:
            The fields.
        """
        return asdict(self)

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each: `preset`, `start` before retrofitting, its `steps` (0 for none) and
            `rate`, `variant`, `seed`, the `world`, and `how` all is trained.
        """
        of_readers = asdict(ModuleRecipe(steps=200 // self.shrink, batch=12, learning_rate=1e-3))
        how: Record = {
            "masked": _masked(800 // self.shrink, 32).to_dict(),
            "continued": _masked(1800 // self.shrink, 34).to_dict(),
            "retrofit": asdict(ModuleRecipe(batch=64)),
            "few": of_readers | {"matrix_learning_rate": None},
            "shots": list(self.shots),
            "labels": [],
            "tuning": _TUNING.to_dict(),
            "watch_every": max(1, 150 // self.shrink),
        }
        labelled = how | {"labels": list(self.labels)}
        longer = asdict(ModuleRecipe(steps=900 // self.shrink, batch=64, matrix_learning_rate=self.rate))
        steps, alone = self.steps // self.shrink, self.alone_steps // self.shrink
        points: list[tuple[str, int, float, str, Record]] = [
            (start, 0, 0.0, "none", labelled | {"longer": longer} if start == "masked" else how)
            for start in self.starts
        ]
        for rate in (self.rate, *self.other_rates):
            points.append(("masked", steps, rate, "none", labelled if rate == self.rate else how))
            points.append(("nothing", alone, rate, "none", how))
        points += [("masked", steps, self.rate, variant, how | {"shots": []}) for variant in self.variants]
        return [
            {
                "preset": self.preset,
                "start": start,
                "steps": length,
                "rate": rate,
                "variant": variant,
                "seed": seed,
                "world": span_world_of(self.n_test),
                "how": entries,
            }
            for start, length, rate, variant, entries in points
            for seed in self._seeds(rate, variant)
        ]

    def _seeds(self, rate: float, variant: str) -> tuple[int, ...]:
        if variant != "none":
            return self.variant_seeds
        return self.other_seeds if rate in self.other_rates else self.seeds


def _masked(steps: int, length: int) -> PretrainingRecipe:
    return PretrainingRecipe(
        stages=(Stage(steps, 64, length),), masking=Masking(0.25), optimiser="muon", warmup=min(20, steps - 1)
    )


def machine_reading_cell(config: Record, place: Workplace) -> Record:  # noqa: ARG001 - nothing is kept
    """Make a reader, and judge it on what it met and on what it did not.

    Args:
        config: One of `MachineReadingConfig.cells`.
        place: Not used: nothing is shared between cells, and all is computed on the CPU.

    Returns:
        The record, ready for JSON: `start`, `steps`, `rate`, `variant`, `seed`; of a start from nothing
        without retrofitting `bayes` and `overlap`; of a reader that was retrofitted its `curve`, and
        `zero_shot` by test; `few_shot` by number of examples; `yes_or_no` by number of labels.
        `seconds` and `cpu_seconds` are of the run.

    Raises:
        ValueError: An entry that is missing or too many, or a value out of range.
    """
    check_entries(config, _ENTRIES)
    _check_how(config["how"])
    watch, how = Stopwatch(), config["how"]
    bench = SpanBench(config["world"], config["seed"])
    names = bench.names() if config["variant"].startswith("names") else None
    found: Record = {name: config[name] for name in ("start", "steps", "rate", "variant", "seed")}
    if config["start"] == "nothing" and not config["steps"]:
        found |= {"bayes": bench.exact(), "overlap": bench.overlap()}
        watch.lap("exact")
    lm = masked_start(bench, config["start"], how, names, by_turns=config["variant"] == BY_TURNS)
    watch.lap("masked")
    if config["steps"]:
        reader, found["curve"] = retrofitted(bench, lm, config, names)
        tests = dict(bench.tests)
        if config["variant"] == FEW_ENTITIES:
            tests["definitions_seen"] = bench.about_few()
        if names is not None:
            held, asked = tests["definitions_held"], tests["questions"]
            tests = {
                "names_shown": names.give(held, shown=True),
                "names_hidden": names.give(held, shown=False),
                "questions": names.give(asked, shown=False),
            }
        found["zero_shot"] = {
            name: span_record(items, read_spans(reader, items)) for name, items in tests.items()
        }
        watch.lap("retrofit")
    else:
        reader = SpanReader(lm, generator=bench.seed)
    if how["shots"]:
        found["few_shot"] = few_shot(bench, reader, how)
        watch.lap("few")
    if how["labels"]:
        found["yes_or_no"] = yes_or_no(bench, reader, how, words=not config["steps"])
        watch.lap("yes or no")
    return found | watch.times()


def check_cell(config: Record) -> None:
    """Check the configuration of a cell, without computing anything to speak of.

    Args:
        config: The configuration.

    Raises:
        TypeError: A value of another type.
        ValueError: An unknown start or variant, an entry that is missing or too many, or a value out of
            range.
    """
    check_entries(config, _ENTRIES)
    check_labels(config, ("preset",))
    check_seed(config["seed"])
    check_span_world(config["world"])
    for name, known in (("start", STARTS), ("variant", VARIANTS)):
        if config[name] not in known:
            raise ValueError(f"{name}: expected one of {', '.join(known)}, got {config[name]!r}")
    how = config["how"]
    _check_how(how)
    check_positive_int(config["steps"], "steps", 0)
    check_fraction(config["rate"], "rate", above_zero=config["steps"] > 0)
    check_positive_int(how["watch_every"], "watch_every")
    for name in ("shots", "labels"):
        for number in how[name]:
            check_positive_int(number, name)
    for name in ("masked", "continued"):
        PretrainingRecipe.from_dict(how[name])
    for name in {"retrofit", "few", "longer"} & set(how):
        ModuleRecipe(**how[name])
    TuningRecipe.from_dict(how["tuning"])


def _check_how(how: Record) -> None:
    """Check what is said of training; long training on few examples need not be."""
    check_entries(how, (*_HOW, "longer") if "longer" in how else _HOW, "how")


def _percent(record: Record, *path: str) -> float | None:
    entry: Any = record
    for name in path:
        if name not in entry:
            return None
        entry = entry[name]
    return 100 * float(entry)


COLUMNS: Mapping[str, Callable[[Record], float | None]] = {
    "F1, definitions, %": lambda record: _percent(record, "zero_shot", "definitions_held", "f1"),
    "F1, questions, %": lambda record: _percent(record, "zero_shot", "questions", "f1"),
    "F1, 64 examples, %": lambda record: _percent(record, "few_shot", "64", "f1"),
}
"""The columns of the experiment's table."""

EXPERIMENT = Experiment(
    name="machine-reading",
    title="readers of spans made of masked language models, or of nothing",
    presets={
        "laptop": MachineReadingConfig("laptop"),
        "smoke": MachineReadingConfig(
            "smoke",
            seeds=(1,),
            other_rates=(),
            shots=(16,),
            labels=(16,),
            variants=("names hidden",),
            variant_seeds=(1,),
            n_test=20,
            shrink=100,
        ),
    },
    compute=machine_reading_cell,
    check=check_cell,
    of_the_run=OF_THE_RUN,
    groups=("start", "steps", "rate", "variant"),
    columns=COLUMNS,
    devices=("cpu",),
)
"""The sweep over starts, rates and variants of retrofitting.

:meta hide-value:
"""
