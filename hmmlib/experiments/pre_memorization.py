"""Accuracy before memorisation, and what it foretells, over many runs of fine-tuning.

A causal transformer learns from fresh sequences of a `TraceTask` for some steps, and is then fine-tuned on a
few. At checkpoints it is asked the training queries and new ones, and the traces that it was trained on are
compared with what is known of them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import check_number, check_positive, check_positive_int
from hmmlib.experiments.checks import check_labels, check_seed
from hmmlib.experiments.scoring import rounded
from hmmlib.experiments.setting import OF_THE_RUN, Stopwatch
from hmmlib.hmm import path_entropy, random_hmm
from hmmlib.lm import TransformerConfig, TransformerMaskedLM
from hmmlib.pretraining import ModuleRecipe
from hmmlib.reasoning import (
    AnswerAccuracy,
    TraceData,
    TraceTask,
    answer_accuracy,
    fine_tune_on_traces,
    memorised_by_gap,
    memorised_by_perplexity,
    pre_memorization_accuracy,
    solution_log_probs,
    solution_perplexity,
    trace_gap,
    train_on_fresh_traces,
)
from hmmlib.reasoning.training import check_checkpoints
from hmmlib.sweeps import Experiment, Record, Workplace, check_entries, option

_ENTRIES = ("preset", "plane", "seed", "mid", "n", "rate", "how")
_TEMPERATURES: Mapping[str, tuple[float, float]] = {"main": (0.2, 0.1), "low noise": (0.2, 0.03)}
"""Of transitions and emissions in each world."""

WORLD: Mapping[str, Any] = {"n_states": 10, "n_tokens": 20, "length": 8, "answer_positions": (7, 3)}
"""The HMM's size and what a task asks for, which both worlds share."""

DELTAS = (-2.0, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 2.0, 3.0)
"""By so much more probable than to Bayes a trace is called memorised, nats."""

PERPLEXITIES = (1.03, 1.06, 1.1, 1.15, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.85, 2.0)
"""Below such a perplexity a solution is called memorised."""

# Muon learns fast from fresh sequences; fine-tuning is AdamW's, as of language models.
_TRAINING: Mapping[str, Any] = {
    "batch": 32,
    "mid_rate": 0.01,
    "mid_matrix_rate": 0.02,
    "matrix_rate": None,
    "warmup": 20,
    "checkpoints": (0, 8, 32, 64, 128, 256, 500),
}
_ASKED: Mapping[str, Any] = {
    "n_samples": 5,
    "temperature": 0.8,
    "n_train": 256,
    "n_test": 256,
    "n_validation": 64,
    "n_alarms": 1024,
    "deltas": DELTAS,
    "perplexities": PERPLEXITIES,
    "alarm_deltas": (0.5, 1.0, math.log(20)),
    "keeps_examples": False,
}
_MASKED_BY = ("gaps", "perplexities")
_HOW = ("hmm", "length", "answer_positions", "transformer", *_TRAINING, *_ASKED)


class Plane(NamedTuple):
    """Runs that differ in where they begin and how they are fine-tuned.

    Attributes:
        name: What they are called.
        world: Their world, a name in the module's table of temperatures.
        mids: Steps on fresh sequences.
        counts: Numbers of training sequences.
        rates: Learning rates of the fine-tuning.
        n_seeds: For so many of the seeds.
    """

    name: str
    world: str
    mids: tuple[int, ...]
    counts: tuple[int, ...]
    rates: tuple[float, ...]
    n_seeds: int


@dataclass(frozen=True)
class PreMemorizationConfig:
    """What is computed.

    Attributes:
        preset: The preset's name.
        seeds: Each gives an HMM, sequences, and initial weights.
        planes: The runs.
        width: Of the transformer.
        checkpoints: Steps of fine-tuning after which a model is looked at, 0 for before; the last ends it.
        sizes: How many training, test and validation queries are asked, and traces tried for false alarms.
        kept: Plane, seed, steps, number of sequences and rate of the run of which each example is kept.
    """

    preset: str
    seeds: tuple[int, ...] = option((1, 2, 3, 4, 5), "seeds")
    planes: tuple[Plane, ...] = (
        Plane("main", "main", (0, 150, 400), (128, 512), (1e-3, 3e-3), 5),
        Plane("low noise", "low noise", (0, 150, 400), (128, 512), (3e-3,), 2),
        Plane("few examples", "main", (400,), (32,), (1e-3, 3e-3), 3),
    )
    width: int = 64
    checkpoints: tuple[int, ...] = _TRAINING["checkpoints"]
    sizes: tuple[int, int, int, int] = (256, 256, 64, 1024)
    kept: tuple[str, int, int, int, float] = ("main", 1, 400, 512, 3e-3)

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it.

        Returns:
            The fields.
        """
        return asdict(self)

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each: `preset`, `plane`, `seed`, steps `mid` on fresh sequences, `n`
            sequences to fine-tune on, the `rate`, and `how` all is done.
        """
        names = ("n_train", "n_test", "n_validation", "n_alarms")
        return [
            {
                "preset": self.preset,
                "plane": plane.name,
                "seed": seed,
                "mid": mid,
                "n": n,
                "rate": rate,
                "how": {
                    **_world(plane.world),
                    "transformer": _shape(self.width).to_dict(),
                    **_TRAINING,
                    "checkpoints": list(self.checkpoints),
                    **{k: list(v) if isinstance(v, tuple) else v for k, v in _ASKED.items()},
                    **dict(zip(names, self.sizes, strict=True)),
                    "keeps_examples": (plane.name, seed, mid, n, rate) == self.kept,
                },
            }
            for plane in self.planes
            for seed in self.seeds[: plane.n_seeds]
            for mid in plane.mids
            for n in plane.counts
            for rate in plane.rates
        ]


def _shape(width: int) -> TransformerConfig:
    return TransformerConfig(width=width, n_layers=2, feed_forward=4 * width, causal=True)


def _world(name: str) -> Record:
    transition, emission = _TEMPERATURES[name]
    sizes = {key: WORLD[key] for key in ("n_states", "n_tokens")}
    return {
        "hmm": sizes | {"transition_temperature": transition, "emission_temperature": emission},
        "length": WORLD["length"],
        "answer_positions": list(WORLD["answer_positions"]),
    }


class _Look(NamedTuple):
    """What is seen of a model at a checkpoint; of each training example accuracy, gap and perplexity."""

    train: AnswerAccuracy
    gaps: Tensor
    perplexities: Tensor
    others: Record


def pre_memorization_cell(config: Record, place: Workplace) -> Record:  # noqa: ARG001 - nothing is kept
    """One run: learn from fresh sequences, fine-tune on a few, and look on the way.

    Args:
        config: One of `PreMemorizationConfig.cells`.
        place: Not used: nothing is shared between cells, and all is computed on the CPU.

    Returns:
        The record, ready for JSON: `plane`, `seed`, `mid`, `n`, `rate`; of test queries the mean `entropy` of
        the trace in nats, and `bayes_perplexity`, the geometric mean of solutions' perplexities to Bayes;
        `can_alarm`, the share of test traces that are improbable enough to be called memorised at all, for
        each δ of `alarm_deltas`. `checkpoints` has an entry for each: `step`; the accuracy on `test`,
        `validation` and `train` queries, `sampled` and `expected`; `gap`, the mean on test and train;
        `alarms` on test traces and share `memorised` of train, for each δ of `alarm_deltas`; and, after step
        0, `pre_memorization` by `expected` accuracies, at the last checkpoint by `sampled` ones too, at each
        of `deltas` and `perplexities`.
        One record keeps `examples`: accuracies `expected` and `gaps` of each, by checkpoint. `seconds` and
        `cpu_seconds` are of the run.

    Raises:
        ValueError: An entry that is missing or too many, or a value out of range.
        FloatingPointError: The loss is no longer finite.
    """
    check_entries(config, _ENTRIES)
    check_entries(config["how"], _HOW, "how")
    watch, how, seed = Stopwatch(), config["how"], config["seed"]
    model = random_hmm(**how["hmm"], generator=seed)
    task = TraceTask(model, how["length"], how["answer_positions"])
    lm = TransformerMaskedLM(
        task.n_tokens, TransformerConfig.from_dict(how["transformer"], "transformer"), generator=seed
    )
    if config["mid"]:
        rates = how["mid_rate"], how["mid_matrix_rate"]
        lm = train_on_fresh_traces(lm, task, recipe=_recipe(config, config["mid"], *rates))
    watch.lap("fresh sequences")
    train = task.draw(config["n"], generator=20_000 + seed)
    test = task.draw(how["n_alarms"], generator=10_000 + seed)
    validation = task.draw(how["n_validation"], generator=30_000 + seed)

    def look(model: TransformerMaskedLM) -> _Look:
        some = train.part(slice(how["n_train"]))
        logs, accuracy = solution_log_probs(model, some), _accuracy(model, some, how)
        gaps = logs[:, : task.length].sum(1) - some.trace_log_probs.to(logs)
        fresh = trace_gap(model, test)
        others: Record = {
            "test": _means(_accuracy(model, test.part(slice(how["n_test"])), how)),
            "validation": _means(_accuracy(model, validation, how)),
            "train": _means(accuracy),
            "gap": {"test": rounded(fresh.mean()), "train": rounded(gaps.mean())},
            "alarms": _shares(fresh, how),
            "memorised": _shares(gaps, how),
        }
        return _Look(accuracy, gaps, solution_perplexity(logs), others)

    recipe = _recipe(config, how["checkpoints"][-1], config["rate"], how["matrix_rate"])
    seen = fine_tune_on_traces(lm, train, look, how["checkpoints"], recipe=recipe)
    watch.lap("fine-tuning")
    entropies = path_entropy(model, test.queries)
    found: Record = {
        **{name: config[name] for name in ("plane", "seed", "mid", "n", "rate")},
        "entropy": rounded(entropies.mean()),
        "bayes_perplexity": rounded((entropies.mean() / (task.length + task.n_answers)).exp()),
        "can_alarm": _shares(-test.trace_log_probs, how),
        "checkpoints": _entries(seen, how),
    }
    if how["keeps_examples"]:
        found["examples"] = {
            "expected": [[rounded(value) for value in one.train.expected] for one in seen.values()],
            "gaps": [[rounded(value) for value in one.gaps] for one in seen.values()],
        }
    return found | watch.times()


def _recipe(config: Record, steps: int, rate: float, matrix_rate: float | None) -> ModuleRecipe:
    how = config["how"]
    return ModuleRecipe(steps, how["batch"], rate, matrix_rate, how["warmup"], config["seed"])


def _accuracy(lm: TransformerMaskedLM, data: TraceData, how: Record) -> AnswerAccuracy:
    # The same random numbers at every checkpoint.
    return answer_accuracy(lm, data, how["n_samples"], generator=0, temperature=how["temperature"])


def _means(found: AnswerAccuracy) -> Record:
    return {name: rounded(values.mean()) for name, values in found._asdict().items()}


def _shares(gaps: Tensor, how: Record) -> list[float]:
    return [rounded((gaps >= delta).double().mean()) for delta in how["alarm_deltas"]]


def _entries(seen: Mapping[int, _Look], how: Record) -> list[Record]:
    """What a record has of each checkpoint."""
    steps = [step for step in seen if step]
    gaps, perplexities = (torch.stack([getattr(seen[s], name) for s in steps]) for name in _MASKED_BY)
    masks = {
        "deltas": [memorised_by_gap(gaps, delta) for delta in how["deltas"]],
        "perplexities": [memorised_by_perplexity(perplexities, _log_log(p)) for p in how["perplexities"]],
    }
    accuracies = {e: torch.stack([getattr(seen[s].train, e) for s in steps]) for e in AnswerAccuracy._fields}
    found: list[Record] = [{"step": step, **one.others} for step, one in seen.items()]
    for done, entry in enumerate([entry for entry in found if entry["step"]], 1):
        entry["pre_memorization"] = {
            estimate: {
                name: [_foretold(shares[:done], mask[:done]) for mask in tried]
                for name, tried in masks.items()
            }
            for estimate, shares in accuracies.items()
            if estimate == "expected" or done == len(steps)
        }
    return found


def _foretold(accuracies: Tensor, mask: Tensor) -> float:
    with warnings.catch_warnings():
        # Of a threshold that calls all memorised from the start; the record has 0 there.
        warnings.simplefilter("ignore")
        return rounded(pre_memorization_accuracy(accuracies, mask).mean())


def _log_log(perplexity: float) -> float:
    return math.log(math.log(perplexity))


def check_cell(config: Record) -> None:
    """Check the configuration of a cell, without computing anything to speak of.

    Args:
        config: The configuration.

    Raises:
        TypeError: A value of another type.
        ValueError: An entry that is missing or too many, or a value out of range.
    """
    check_entries(config, _ENTRIES)
    check_labels(config, ("preset", "plane"))
    check_seed(config["seed"])
    check_positive_int(config["mid"], "mid", 0)
    check_positive_int(config["n"], "n")
    check_positive(config["rate"], "rate")
    how = config["how"]
    check_entries(how, _HOW, "how")
    TraceTask(random_hmm(**how["hmm"], generator=0), how["length"], how["answer_positions"])
    if not TransformerConfig.from_dict(how["transformer"], "transformer").causal:
        raise ValueError("transformer: expected a causal one")
    for name in ("batch", "n_samples", "n_train", "n_test", "n_validation", "n_alarms"):
        check_positive_int(how[name], name)
    check_positive_int(how["warmup"], "warmup", 0)
    for name in ("mid_rate", "mid_matrix_rate", "temperature"):
        check_positive(how[name], name)
    if how["matrix_rate"] is not None:
        check_positive(how["matrix_rate"], "matrix_rate")
    steps = how["checkpoints"]
    if check_positive_int([0, *steps][-1], "checkpoints", 0) < 1:
        raise ValueError(f"checkpoints: expected one after the first step, got {steps}")
    check_checkpoints(steps, steps[-1])
    if how["n_test"] > how["n_alarms"]:
        raise ValueError(
            f"n_test: expected {how['n_alarms']} at most, as there are traces, got {how['n_test']}"
        )
    for name in ("deltas", "alarm_deltas"):
        for delta in how[name]:
            check_number(delta, name)
    for perplexity in how["perplexities"]:
        if check_number(perplexity, "perplexities") <= 1:
            raise ValueError(f"perplexities: expected numbers above 1, got {perplexity}")


def _last(path: str, record: Record) -> float:
    """A number of the last checkpoint."""
    found = record["checkpoints"][-1]
    for name in path.split():
        found = found[name]
    return float(found)


EXPERIMENT = Experiment(
    name="pre-memorization",
    title="accuracy before memorisation, and what it foretells of fine-tuned models",
    presets={
        "laptop": PreMemorizationConfig("laptop"),
        "smoke": PreMemorizationConfig(
            "smoke",
            seeds=(1,),
            planes=(Plane("main", "main", (3,), (12,), (3e-3,), 1),),
            width=8,
            checkpoints=(0, 2, 4),
            sizes=(8, 8, 4, 16),
            kept=("main", 1, 3, 12, 3e-3),
        ),
    },
    compute=pre_memorization_cell,
    check=check_cell,
    of_the_run=OF_THE_RUN,
    groups=("plane",),
    columns={
        "test": partial(_last, "test expected"),
        "train": partial(_last, "train expected"),
        "gap, train": partial(_last, "gap train"),
        "gap, test": partial(_last, "gap test"),
    },
    devices=("cpu",),
)
"""The sweep over runs of fine-tuning.

:meta hide-value:
"""
