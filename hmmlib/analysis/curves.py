"""The curves of Figure 3, the paper's and ours, read from the result files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmmlib.analysis.agreement import Comparison, compare
from hmmlib.analysis.intervals import Mean, mean_over_seeds

CURVES = {
    "head": ("experiment_1", "head_tuning"),
    "prompt": ("experiment_1", "prompt_tuning"),
    "attention": ("experiment_2", "memory_hmm_attention_head"),
    "linear": ("experiment_2", "vanilla_hmm_linear_head"),
}
"""Each curve of the figure, and where ``book/results/figure3_paper.json`` has it."""

PAPER, RECIPE, SOLVED, EXACT = "the paper", "networks, AdamW", "networks, solved", "exact model"
WORLDS = (PAPER, RECIPE, SOLVED, EXACT)
"""The paper; our networks with heads by the paper's recipe, and with solved heads; the exact model."""

_X = {"experiment_1": "H", "experiment_2": "n_flat_states"}
_KINDS = {"attention": "memory", "linear": "vanilla"}


@dataclass(frozen=True)
class Series:
    """One curve: accuracies in percent against the number of states.

    Attributes:
        points: Numbers of states.
        found: Means and half-widths of 95% intervals, one for each point.
        seeds: Number of seeds behind each point.
        values: The single accuracies, shape (points, seeds); None where only means are known.
    """

    points: tuple[int, ...]
    found: Mean
    seeds: int
    values: NDArray[np.float64] | None = None


World = Mapping[str, Series]


@dataclass(frozen=True)
class Row:
    """One number of the figure, theirs beside ours.

    Attributes:
        point: Number of states.
        theirs: Mean in percent and half-width of its interval.
        ours: The same.
        comparison: Difference and verdict.
    """

    point: int
    theirs: tuple[float, float]
    ours: tuple[float, float]
    comparison: Comparison


def rows(theirs: Series, ours: Series) -> list[Row]:
    """Put two curves side by side.

    Args:
        theirs: A curve of the paper.
        ours: The same curve of this book.

    Returns:
        A row for each point.

    Raises:
        ValueError: They have different points.
    """
    if theirs.points != ours.points:
        raise ValueError(f"ours: expected the points {theirs.points}, got {ours.points}")
    pairs = [
        [(float(m), float(h)) for m, h in zip(*found, strict=True)] for found in (theirs.found, ours.found)
    ]
    parts = zip(theirs.points, *pairs, compare(theirs.found, ours.found), strict=True)
    return [Row(*part) for part in parts]


def published(paper: Mapping[str, Any], curve: str) -> Series:
    """A curve of the paper.

    Args:
        paper: Contents of ``book/results/figure3_paper.json``.
        curve: One of `CURVES`.

    Returns:
        The curve, without values of single seeds.
    """
    experiment, name = CURVES[curve]
    part = paper[experiment]
    found = Mean(*(np.asarray(part[name][key], dtype=np.float64) for key in ("mean", "interval")))
    return Series(tuple(part[_X[experiment]]), found, part["seeds"])


def earlier(paper: Mapping[str, Any], curve: str) -> dict[int, float]:
    """The same curve in an earlier version of the paper's figure.

    Args:
        paper: Contents of ``book/results/figure3_paper.json``.
        curve: One of `CURVES`.

    Returns:
        The mean in percent for each number of states; how many seeds there were is not known.
    """
    experiment, name = CURVES[curve]
    part = paper[f"{experiment}_earlier_version"]
    return dict(zip(part[_X[experiment]], part[name]["mean"], strict=True))


def measured(cells: Sequence[Mapping[str, Any]], method: str) -> Series:
    """A curve from records of this book.

    Args:
        cells: Records of a sweep, with `n_states`, `seed` and `methods`.
        method: Name of the method.

    Returns:
        The curve.

    Raises:
        ValueError: A point has other seeds than the first, or a record lacks the method.
    """
    found: dict[int, dict[int, float]] = {}
    for cell in cells:
        if method not in cell["methods"]:
            raise ValueError(
                f"method: expected one of {tuple(cell['methods'])}, as at {cell['n_states']} states, "
                f"got {method!r}"
            )
        by_seed = found.setdefault(cell["n_states"], {})
        by_seed[cell["seed"]] = 100 * cell["methods"][method]["test"]
    points = tuple(sorted(found))
    seeds = sorted(found[points[0]]) if points else []
    for point in points:
        if sorted(found[point]) != seeds:
            raise ValueError(
                f"cells: expected the seeds {seeds} at {point} states, got {sorted(found[point])}"
            )
    values = np.array([[found[point][seed] for seed in seeds] for point in points])
    return Series(points, mean_over_seeds(values), len(seeds), values)


def worlds(
    paper: Mapping[str, Any],
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    exact: Mapping[str, Any],
) -> dict[str, World]:
    """Every curve of Figure 3 in every world.

    Args:
        paper: Contents of ``figure3_paper.json``.
        first: Of a file of the sweep ``head-vs-prompt``.
        second: Of one of ``memory-vs-vanilla``.
        exact: Of ``exact_prompts.json``, whose heads and prompts have more seeds.

    Returns:
        For each of `WORLDS` its curves. Prompts of 'networks, AdamW' are by the paper's recipe too if the
        first sweep has them, and else the same as those of 'networks, solved'.
    """
    by_recipe = "learnt_prompt_paper" in first["cells"][0]["methods"]
    ways = {
        RECIPE: {
            "head": "learnt_head_paper",
            "prompt": "learnt_prompt_paper" if by_recipe else "learnt_prompt",
            "attention": "learnt_attention_paper",
            "linear": "learnt_head_paper",
        },
        SOLVED: {
            "head": "learnt_head",
            "prompt": "learnt_prompt",
            "attention": "learnt_attention",
            "linear": "learnt_head",
        },
        EXACT: {"head": "head", "prompt": "prompt_1", "attention": "exact_attention", "linear": "exact_head"},
    }
    found: dict[str, World] = {PAPER: {curve: published(paper, curve) for curve in CURVES}}
    for world, methods in ways.items():
        without_memory = exact if world == EXACT else first
        found[world] = {
            curve: measured(
                [cell for cell in second["cells"] if cell["kind"] == _KINDS[curve]]
                if curve in _KINDS
                else without_memory["cells"],
                method,
            )
            for curve, method in methods.items()
        }
    return found
