"""The points of the paper's second experiment, and what is answered there without attention.

An HMM with one memory cell, or a vanilla HMM with as many states, and a task on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hmmlib._checks import check_positive_int
from hmmlib.experiments.checks import check_point
from hmmlib.experiments.features import word_shares
from hmmlib.experiments.figure3 import point_model
from hmmlib.experiments.scales import DownstreamScale
from hmmlib.experiments.setting import Setting
from hmmlib.hmm import N_SYNTAX
from hmmlib.lm import MaskedLM
from hmmlib.sweeps import Record
from hmmlib.tuning import tune_head

KINDS = ("memory", "vanilla")
TOLD = ("kind", "n_values", "seed")
"""What the configuration of a cell says of its point.

:meta hide-value:
"""


def memory_points(
    kinds: Sequence[str], n_values: Sequence[int], seeds: Iterable[int]
) -> Iterator[dict[str, Any]]:
    """Points, those of one seed together.

    Args:
        kinds: 'memory' and 'vanilla', or one of them.
        n_values: Numbers |ℳ| of values, with four syntax states each; a vanilla HMM has as many states as
            both together.
        seeds: Of the HMM, the task and the texts.

    Yields:
        `kind`, `n_values` and `seed` of each.
    """
    for seed in seeds:
        for count in n_values:
            for kind in kinds:
                yield {"kind": kind, "n_values": count, "seed": seed}


def check_kind(kind: str) -> None:
    """Check a kind of HMM.

    Args:
        kind: The kind.

    Raises:
        ValueError: There is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kinds: expected one of {KINDS}, got {kind!r}")


def check_memory_point(config: Record) -> None:
    """Check what the configuration of a cell says of its point.

    Args:
        config: The configuration.

    Raises:
        TypeError: A number that is not an integer.
        ValueError: An unknown kind, or a number out of range.
    """
    check_kind(config["kind"])
    n_values = check_positive_int(config["n_values"], "n_values")
    check_point(N_SYNTAX * n_values, n_values, config["seed"])


def memory_setting(config: Record, scale: DownstreamScale) -> Setting:
    """HMM, task and texts of a point.

    Args:
        config: What says `kind`, `n_values` and `seed`.
        scale: Has the numbers of texts and their length.

    Returns:
        The setting.

    Raises:
        ValueError: An unknown kind, or as for the generators and `hmmlib.draw_task`.
    """
    kind, n_values, seed = (config[name] for name in TOLD)
    check_kind(kind)
    model = point_model(N_SYNTAX * n_values, n_values if kind == "memory" else 0, seed)
    return Setting(model, seed, sizes=scale.sizes, length=scale.length)


def without_attention(
    setting: Setting, exact: MaskedLM, scale: DownstreamScale, seed: int
) -> dict[str, Record]:
    """Answers of the exact model's linear heads, and of what knows no model.

    Args:
        setting: HMM, task and texts.
        exact: The exact model.
        scale: Has the paper's recipe.
        seed: Of tuning.

    Returns:
        Entries, as `Scorer` makes them, for 'majority', 'word_counts', 'posterior', 'exact_head',
        'exact_head_best' and 'exact_head_paper': see
        `hmmlib.experiments.memory_vs_vanilla.memory_vs_vanilla_cell`.
    """
    score, (train, test) = setting.score, setting.texts
    trained = tune_head(exact, setting.data, scale.recipes(seed)["paper"], progress=False)
    return {
        "majority": score.majority(),
        "word_counts": score.solved(*(word_shares(texts, exact.n_tokens) for texts in (train, test))),
        "posterior": setting.posterior(),
        "exact_head": score.solved(*setting.exact_probs),
        "exact_head_best": score.best(*setting.exact_probs),
        "exact_head_paper": score.tuned(trained),
    }


def facts_of_point(config: Record, setting: Setting) -> dict[str, Any]:
    """What a record says of its point.

    Args:
        config: What says `kind`, `n_values` and `seed`.
        setting: HMM, task and texts.

    Returns:
        These, `n_states`, and the facts of task and texts.
    """
    return {
        "kind": config["kind"],
        "n_values": config["n_values"],
        "n_states": N_SYNTAX * config["n_values"],
        "seed": config["seed"],
        **setting.facts(),
    }
