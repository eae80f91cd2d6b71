"""Memory against none on the exact model alone: the part of the second experiment that needs no network.

The HMMs, tasks, texts and recipes are those of `hmmlib.experiments.memory_vs_vanilla`, and so are the
entries; without networks there is time for as many seeds as the paper gives its first experiment.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from hmmlib.experiments.attention_heads import attention_heads
from hmmlib.experiments.checks import check_labels
from hmmlib.experiments.memory_points import (
    KINDS,
    TOLD,
    check_kind,
    check_memory_point,
    facts_of_point,
    memory_points,
    memory_setting,
    without_attention,
)
from hmmlib.experiments.scales import DownstreamScale, downstream_scale
from hmmlib.experiments.scoring import accuracy_of
from hmmlib.experiments.setting import OF_THE_RUN, Stopwatch
from hmmlib.lm import RememberedLM
from hmmlib.sweeps import Experiment, Record, Workplace, check_entries, option

METHODS = (
    "majority",
    "word_counts",
    "posterior",
    "exact_head_best",
    "exact_head",
    "exact_head_paper",
    "exact_attention",
    "exact_attention_paper",
)
_ENTRIES = ("preset", *TOLD, "scale")


@dataclass(frozen=True)
class ExactAttentionConfig:
    """What is computed; the paper's points by default.

    Attributes:
        preset: Which recipes, and how many texts; see `hmmlib.experiments.scales.DOWNSTREAM_SCALES`.
        kinds: Kinds of HMMs, 'memory' and 'vanilla'.
        n_values: The numbers |ℳ| of values, with four syntax states each; a vanilla HMM has as many states as
            both together.
        seeds: Each gives an HMM, a task and a data set.
    """

    preset: str = "laptop"
    kinds: tuple[str, ...] = option(KINDS, "kinds of HMMs, memory and vanilla")
    n_values: tuple[int, ...] = option((2, 3, 5, 7), "numbers of memory values")
    seeds: tuple[int, ...] = option(tuple(range(1, 21)), "seeds")

    def __post_init__(self) -> None:
        downstream_scale(self.preset)
        for kind in self.kinds:
            check_kind(kind)

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it.

        Returns:
            The fields, and the scale.
        """
        return asdict(self) | {"scale": downstream_scale(self.preset).to_dict()}

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each: `preset`; `kind`, 'memory', or 'vanilla' with as many states;
            `n_values`; `seed`, of the HMM, the task, the texts and all that is random in tuning; and the
            `scale` that the preset means.
        """
        scale = downstream_scale(self.preset).to_dict()
        points = memory_points(self.kinds, self.n_values, self.seeds)
        return [{"preset": self.preset, **point, "scale": scale} for point in points]


def exact_attention_cell(config: Record, place: Workplace) -> Record:  # noqa: ARG001 - no model is kept
    """One HMM and one task, answered with the exact model and without a model.

    Args:
        config: One of `ExactAttentionConfig.cells`, whatever its preset means by now.
        place: Not used: nothing is shared between cells, and all is computed on the CPU.

    Returns:
        The record, ready for JSON: what the point is, facts of task and texts, and `methods` with those
        entries of `hmmlib.experiments.memory_vs_vanilla.memory_vs_vanilla_cell` that `METHODS` names, the
        same for the same HMM, scale and seed. `seconds` and `cpu_seconds` are of the run.

    Raises:
        ValueError: An unknown kind, an entry that is missing or too many, a value out of range, or as for the
            generators and `hmmlib.draw_task`.
        FloatingPointError: As for `hmmlib.tuning`.
    """
    check_entries(config, _ENTRIES)
    scale, watch = DownstreamScale.from_dict(config["scale"]), Stopwatch()
    setting = memory_setting(config, scale)
    score, exact = setting.score, RememberedLM(setting.exact)
    methods = without_attention(setting, exact, scale, config["seed"])
    watch.lap("exact_head")
    best, papers = attention_heads(exact, setting.data, scale.recipes(config["seed"]))
    methods["exact_attention"], methods["exact_attention_paper"] = score.tuned(best), score.tuned(papers)
    watch.lap("exact_attention")
    return {
        **facts_of_point(config, setting),
        "methods": {name: methods[name] for name in METHODS},
        **watch.times(),
    }


def check_cell(config: Record) -> None:
    """Check the configuration of a cell, without computing anything.

    Args:
        config: The configuration.

    Raises:
        TypeError: An entry that a recipe does not have, or a value of another type.
        ValueError: An unknown kind, an entry that is missing or too many, or a value out of range.
    """
    check_entries(config, _ENTRIES)
    check_labels(config, ("preset",))
    DownstreamScale.from_dict(config["scale"])
    check_memory_point(config)


EXPERIMENT = Experiment(
    name="exact-attention",
    title="the second experiment on the exact model alone, on more seeds",
    presets={
        "laptop": ExactAttentionConfig(),
        "smoke": ExactAttentionConfig("smoke", seeds=(1,)),
        "paper": ExactAttentionConfig("paper"),
    },
    compute=exact_attention_cell,
    check=check_cell,
    of_the_run=OF_THE_RUN,
    groups=("kind", "n_values"),
    columns={name.replace("_", " "): partial(accuracy_of, name) for name in METHODS},
    devices=("cpu",),
)
"""The sweep of the second experiment on the exact model.

:meta hide-value:
"""
