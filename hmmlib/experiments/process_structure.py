"""Recurrent networks on processes of which some variants were left out, beside learners that count.

A network is trained on a log that lacks variants, drawn at random or one after the other in lexicographic
order, and ends its training by other texts of the variants that it is shown. What it has learnt is scored
exactly. Where further variants are held back, it is also said which epoch these would have chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import check_fraction, check_positive_int
from hmmlib.experiments.checks import check_labels, check_named_kind, check_seed
from hmmlib.experiments.scoring import rounded
from hmmlib.experiments.setting import OF_THE_RUN, Stopwatch
from hmmlib.processes import (
    EXAMPLES,
    MarkingCounts,
    NgramProcess,
    ProcessTree,
    TraceLSTM,
    TraceRecipe,
    Variants,
    act,
    draw_log,
    leave_out,
    loop,
    parallel,
    process_scores,
    sampling_ceiling,
    seq,
    skip,
    train_traces,
    training_law,
    truth_excess,
    variants,
    xor,
)
from hmmlib.processes.folds import How
from hmmlib.sweeps import Experiment, Record, Workplace, check_entries, option

_ENTRIES = ("preset", "tree", "left_out", "folds", "held", "setting", "seed", "process", "how")
_HOW = ("network", "recipe", "texts", "validation", "orders", "watched")
SETTINGS: Mapping[str, Mapping[str, float]] = {
    "none": {"dropout": 0.0, "penalty": 0.0},
    "dropout": {"dropout": 0.4, "penalty": 0.0},
    "penalty 1e-4": {"dropout": 0.0, "penalty": 1e-4},
    "penalty": {"dropout": 0.0, "penalty": 1e-3},
    "both": {"dropout": 0.4, "penalty": 1e-3},
    "both 3e-3": {"dropout": 0.4, "penalty": 3e-3},
}
"""What is done against learning by heart, by name."""

_TWO = ("none", "both")
_FOUR = ("none", "dropout", "penalty", "both")
_PARTS: Mapping[str, Callable[..., ProcessTree]] = {
    "seq": seq,
    "xor": xor,
    "parallel": parallel,
    "loop": loop,
}

Points = tuple[tuple[str, str, tuple[int, ...], tuple[str, ...]], ...]


@dataclass(frozen=True)
class ProcessStructureConfig:
    """What is computed.

    Attributes:
        preset: The preset's name.
        points: Processes of `hmmlib.processes.EXAMPLES`, how variants are left out, how many, and names of
            `SETTINGS`.
        chosen: The same, where further variants are held back.
        seeds: Each gives variants that are left out, a log, and a network.
        held: How many variants are held back there.
        texts: Texts for each variant that is shown, in the mean.
        epochs: How often all texts are read, at most.
        watched: Epochs after which the network is scored on the way, where variants are held back.
    """

    preset: str
    points: Points = (
        ("S4", "random", (1, 12), _TWO),
        ("S4", "random", (6, 24), _FOUR),
        ("S4", "consecutive", (6, 12, 24), _TWO),
        ("A5", "random", (24, 60), _TWO),
        ("A5", "consecutive", (24, 60), _TWO),
        ("C7", "random", (16, 64), _TWO),
        ("C7", "consecutive", (64,), _TWO),
        ("LR", "random", (8, 32), _TWO),
        ("LR", "consecutive", (32,), _TWO),
    )
    chosen: Points = (("S4", "random", (12,), tuple(SETTINGS)),)
    seeds: tuple[int, ...] = option((1, 2, 3, 4, 5), "seeds")
    held: int = 8
    texts: int = 100
    epochs: int = 600
    watched: tuple[int, ...] = (4, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 120, 160)

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it.

        Returns:
            The fields.
        """
        return asdict(self)

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each: `preset`, `tree`, `left_out`, `folds`, `held`, `setting`, `seed`, the
            `process`, and `how` a network is trained on it.
        """
        return [
            {
                "preset": self.preset,
                "tree": tree,
                "left_out": count,
                "folds": how,
                "held": held,
                "setting": setting,
                "seed": seed,
                "process": written(EXAMPLES[tree]),
                "how": {
                    "network": {"width": 32, "n_layers": 1, "dropout": SETTINGS[setting]["dropout"]},
                    # Larger batches than in the released code: a fit takes a third of the time.
                    "recipe": asdict(
                        TraceRecipe(penalty=SETTINGS[setting]["penalty"], epochs=self.epochs, batch=2048)
                    ),
                    "texts": self.texts,
                    "validation": 0.2,
                    "orders": [2, 3, 4],
                    "watched": list(self.watched) if held else [],
                },
            }
            for points, held in ((self.points, 0), (self.chosen, self.held))
            for tree, how, counts, settings in points
            for count in counts
            for setting in settings
            for seed in self.seeds
        ]


def written(tree: ProcessTree) -> list[Any]:
    """A process tree as JSON has it.

    Example:
        >>> from hmmlib.experiments.process_structure import written
        >>> from hmmlib.processes import act, seq
        >>> written(seq(act("a"), act("b")))
        ['seq', ['act', 'a'], ['act', 'b']]

    Args:
        tree: The tree.

    Returns:
        Its kind, and its activity or its parts.
    """
    if tree.kind == "act":
        return ["act", tree.activity]
    return [tree.kind, *map(written, tree.parts)]


def read(lines: Sequence[Any]) -> ProcessTree:
    """The process tree that `written` has written.

    Args:
        lines: What it returned.

    Returns:
        The tree.

    Raises:
        ValueError: No tree.
    """
    kind, *parts = lines
    if kind == "act":
        return act(*parts)
    if kind == "skip":
        return skip()
    if kind not in _PARTS:
        raise ValueError(f"process: expected one of {('act', 'skip', *_PARTS)}, got {kind!r}")
    return _PARTS[kind](*map(read, parts))


def process_structure_cell(config: Record, place: Workplace) -> Record:  # noqa: ARG001 - nothing is kept
    """Train one network on a log that lacks variants, and score it beside learners that count.

    Args:
        config: One of `ProcessStructureConfig.cells`.
        place: Not used: nothing is shared between cells, and all is computed on the CPU.

    Returns:
        The record, ready for JSON: `tree`, `folds`, `left_out`, `held`, `setting`, `seed`; `n_variants`,
        `left_out_prob`, `truth_excess`; `ceilings` of fit and precision where logs are compared. `scores`
        has those of the `network`, of counted `markings`, and of n-grams by their order. `nats` has, per
        text, what the network pays on its validation texts, on the variants that are held back and on those
        that are left out, and what the truth pays on the validation texts; `loss` is that of validation, per
        token and with the penalty, and `best_epoch` and `epochs` say when it was best, and when training
        ended. With variants held back, `by_variants` says which epoch these would have chosen and what the
        network was then, and `curve` says it of the watched epochs. `seconds` and `cpu_seconds` are of the
        run.

    Raises:
        ValueError: An entry that is missing or too many, or a value out of range.
        FloatingPointError: As for `hmmlib.processes.train_traces`.
    """
    check_entries(config, _ENTRIES)
    check_entries(config["how"], _HOW, "how")
    watch, how, seed = Stopwatch(), config["how"], config["seed"]
    tree = read(config["process"])
    all_texts = variants(tree)
    left, held, law = _split(all_texts, config)
    n = how["texts"] * int((law > 0).sum())
    n_held = round(how["validation"] * n)
    counts = draw_log(law, n - n_held, generator=1000 + seed)
    validation = draw_log(law, n_held, generator=2000 + seed)
    judge = _Judge(all_texts, left, held, law, validation)
    on_the_way: list[Record] = []
    start = TraceLSTM(len(all_texts.names), **how["network"], generator=seed)
    fit = train_traces(
        start,
        all_texts.tokens,
        counts,
        validation_tokens=all_texts.tokens,
        validation_counts=validation,
        generator=3000 + seed,
        recipe=TraceRecipe(**how["recipe"]),
        on_epoch=None if held is None else lambda epoch, model: on_the_way.append(judge(model, epoch)),
    )
    watch.lap("training")
    texts = all_texts.tokens, counts
    counted = {"markings": MarkingCounts(tree, *texts)} | {
        str(order): NgramProcess(*texts, order=order, n_tokens=len(all_texts.names))
        for order in how["orders"]
    }
    judged = judge(fit.model, fit.best_epoch)
    found: Record = {name: config[name] for name in ("tree", "folds", "left_out", "held", "setting", "seed")}
    found |= {
        "n_variants": len(all_texts.probs),
        "left_out_prob": rounded(float(all_texts.probs[left].sum())),
        "truth_excess": rounded(truth_excess(all_texts.probs, left)),
        "ceilings": {
            "fit": rounded(sampling_ceiling(n, law)),
            "precision": rounded(sampling_ceiling(n, all_texts.probs)),
        },
        "scores": {"network": judged["scores"]}
        | {name: judge.scores(model.log_probs(all_texts.tokens)) for name, model in counted.items()},
        "nats": judged["nats"] | {"truth": rounded(judge.truth())},
        "loss": rounded(float(fit.validation[fit.best_epoch - 1])),
        "best_epoch": fit.best_epoch,
        "epochs": len(fit.validation),
    }
    if held is not None:
        found["by_variants"] = min(on_the_way, key=lambda record: record["nats"]["variants"])
        found["curve"] = [record for record in on_the_way if record["epoch"] in how["watched"]]
    watch.lap("scores")
    return found | watch.times()


class _Judge:
    """What a learner gives to the variants of a process."""

    def __init__(
        self, texts: Variants, left: Tensor, held: Tensor | None, law: Tensor, validation: Tensor
    ) -> None:
        self._texts, self._left, self._held = texts, left, held
        self._law, self._validation = law, validation

    def scores(self, log_probs: Tensor) -> dict[str, float]:
        q = log_probs.exp()
        found = process_scores(q, self._texts.probs, self._left)
        # What is held back is missing in the log, too.
        found = found._replace(fit=float(torch.minimum(q, self._law).sum()))
        return {name: rounded(value) for name, value in found._asdict().items()}

    def truth(self) -> float:
        return self._per_text(self._texts.probs.log())

    def __call__(self, model: TraceLSTM, epoch: int) -> Record:
        log_probs = model.log_probs(self._texts.tokens)
        nats = {"texts": self._per_text(log_probs), "left_out": self._per_variant(log_probs, self._left)}
        if self._held is not None:
            nats["variants"] = self._per_variant(log_probs, self._held)
        rounded_nats = {name: rounded(value) for name, value in nats.items()}
        return {"epoch": epoch, "scores": self.scores(log_probs), "nats": rounded_nats}

    def _per_text(self, log_probs: Tensor) -> float:
        seen = self._validation > 0
        counts = self._validation[seen].double()
        return -float(counts @ log_probs[seen] / counts.sum())

    def _per_variant(self, log_probs: Tensor, rows: Tensor) -> float:
        probs = self._texts.probs[rows]
        return -float(probs @ log_probs[rows] / probs.sum())


def _split(texts: Variants, config: Record) -> tuple[Tensor, Tensor | None, Tensor]:
    """Variants that are left out, others that are held back, and the law of the log."""
    count, seed = len(texts.probs), config["seed"]
    sets = leave_out(count, config["left_out"], config["folds"], generator=seed)
    left = sets[(seed - 1) % len(sets)]
    if not config["held"]:
        return left, None, training_law(texts.probs, left)
    others = np.setdiff1d(np.arange(count), left.numpy())
    drawn = np.random.RandomState(4000 + seed).permutation(others)[: config["held"]]
    held = torch.from_numpy(np.sort(drawn))
    return left, held, training_law(texts.probs, torch.cat([left, held]))


def check_cell(config: Record) -> None:
    """Check the configuration of a cell, without computing anything to speak of.

    Args:
        config: The configuration.

    Raises:
        TypeError: A value of another type.
        ValueError: An entry that is missing or too many, or a value out of range.
    """
    check_entries(config, _ENTRIES)
    check_labels(config, ("preset", "tree", "folds", "setting"))
    check_seed(config["seed"])
    check_named_kind({"kind": config["folds"]}, get_args(How), "folds")
    how = config["how"]
    check_entries(how, _HOW, "how")
    check_positive_int(how["texts"], "texts")
    if check_fraction(how["validation"], "validation", below_one=True) == 0:
        raise ValueError(f"validation: expected a share above 0, got {how['validation']}")
    TraceRecipe(**how["recipe"])
    TraceLSTM(2, **how["network"], generator=0)
    for order in how["orders"]:
        check_positive_int(order, "orders")
    for epoch in how["watched"]:
        check_positive_int(epoch, "watched")
    found = variants(read(config["process"]))
    gone = check_positive_int(config["left_out"], "left_out") + check_positive_int(config["held"], "held", 0)
    if gone >= len(found.probs):
        raise ValueError(
            f"left_out: expected fewer than all {len(found.probs)} variants with those that are held back, "
            f"got {gone}"
        )


def _generalisation(learner: str, record: Record) -> float:
    return float(record["scores"][learner]["generalisation"])


EXPERIMENT = Experiment(
    name="process-structure",
    title="recurrent networks on processes of which some variants were left out",
    presets={
        "laptop": ProcessStructureConfig("laptop"),
        "smoke": ProcessStructureConfig(
            "smoke",
            points=(("S4", "consecutive", (24,), ("none",)),),
            chosen=(("S4", "random", (12,), ("both",)),),
            seeds=(1,),
            texts=5,
            epochs=3,
            watched=(1, 3),
        ),
    },
    compute=process_structure_cell,
    check=check_cell,
    of_the_run=OF_THE_RUN,
    groups=("tree", "folds", "left_out", "held", "setting"),
    columns={
        "Gen": partial(_generalisation, "network"),
        "Gen, markings": partial(_generalisation, "markings"),
        "Gen, trigrams": partial(_generalisation, "3"),
        "legal": lambda record: float(record["scores"]["network"]["legal"]),
        "nats, texts": lambda record: float(record["nats"]["texts"]),
        "nats, variants": lambda record: record["nats"].get("variants"),
    },
    devices=("cpu",),
)
"""The sweep over processes and what is left out of them.

:meta hide-value:
"""
