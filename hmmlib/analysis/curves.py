"""The curves of Figure 3, the paper's and ours, read from the result files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hmmlib.analysis.agreement import Comparison, compare
from hmmlib.analysis.intervals import Mean, mean_over_seeds, no_error_floor
from hmmlib.analysis.results import n_test_texts
from hmmlib.analysis.series import Series, World

CURVES = {
    "head": ("experiment_1", "head_tuning"),
    "prompt": ("experiment_1", "prompt_tuning"),
    "attention": ("experiment_2", "memory_hmm_attention_head"),
    "linear": ("experiment_2", "vanilla_hmm_linear_head"),
}
"""Each curve of the figure, and where ``book/results/figure3_paper.json`` has it."""

PAPER, RECIPE, SOLVED, EXACT = "the paper", "networks, AdamW", "networks, fitted", "exact model"
EXACT_RECIPE = "exact model, AdamW"
WORLDS = (PAPER, RECIPE, SOLVED, EXACT_RECIPE, EXACT)
"""The paper; our networks with heads and prompts by the paper's recipe, and with fitted heads and prompts by
our own; the exact model with either. Within a world nothing is mixed."""

_X = {"experiment_1": "H", "experiment_2": "n_flat_states"}
_KINDS = {
    "attention": "memory",
    "linear": "vanilla",
    "attention, no memory": "vanilla",
    "linear, memory": "memory",
    "word counts": "memory",
}


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


def measured(cells: Sequence[Mapping[str, Any]], method: str, *, n_texts: int | None = None) -> Series:
    """A curve from records of this book.

    Args:
        cells: Records of a sweep, with `n_states`, `seed` and `methods`.
        method: Name of the method.
        n_texts: Number of test texts of a cell, as `hmmlib.analysis.n_test_texts` has it: for the floor of
            intervals. None for no floor.

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
    floor = 0.0 if n_texts is None else no_error_floor(n_texts)
    return Series(points, mean_over_seeds(values, floor=floor), len(seeds), values, tuple(seeds), floor)


# For each world and curve the methods, of which the first that the records have is taken. In the exact
# model's file of experiment 1 they have other names than in the records of networks.
_OF_NETWORKS = {
    RECIPE: {
        "head": ("learnt_head_paper",),
        "prompt": ("learnt_prompt_paper",),
        "attention": ("learnt_attention_paper",),
        "linear": ("learnt_head_paper",),
    },
    SOLVED: {
        "head": ("learnt_head",),
        "prompt": ("learnt_prompt",),
        "attention": ("learnt_attention",),
        "linear": ("learnt_head",),
        "attention, no memory": ("learnt_attention",),
        "linear, memory": ("learnt_head",),
        "word counts": ("word_counts",),
        "head, best": ("learnt_head_best",),
    },
}
_OF_THE_EXACT_MODEL = {
    EXACT_RECIPE: {
        "head": ("head_paper", "exact_head_paper"),
        "prompt": ("prompt_paper", "exact_prompt_paper"),
        "attention": ("exact_attention_paper",),
        "linear": ("exact_head_paper",),
    },
    EXACT: {
        "head": ("head", "exact_head"),
        "prompt": ("prompt_1", "exact_prompt"),
        "attention": ("exact_attention",),
        "linear": ("exact_head",),
        "attention, no memory": ("exact_attention",),
        "linear, memory": ("exact_head",),
        "word counts": ("word_counts",),
        "head, best": ("head_best", "exact_head_best"),
        "prompt, best": ("prompt_1_best", "exact_prompt_best"),
        "posterior": ("posterior",),
    },
}
_BESIDE = {RECIPE: EXACT_RECIPE, SOLVED: EXACT}


def worlds(
    paper: Mapping[str, Any],
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    exact: Mapping[str, Any],
    exact_second: Mapping[str, Any] | None = None,
) -> dict[str, World]:
    """Every curve of Figure 3 in every world.

    Args:
        paper: Contents of ``figure3_paper.json``.
        first: Of a file of the sweep ``head-vs-prompt``.
        second: Of one of ``memory-vs-vanilla``.
        exact: Of ``exact_prompts.json``, whose heads and prompts have more seeds.
        exact_second: Records of the exact model of experiment 2 with more seeds than those of `second`. What
            they lack is taken from these.

    Returns:
        For each of `WORLDS` its curves: those of `CURVES` and, where networks or the exact model have them,
        'attention, no memory', 'linear, memory' and 'word counts' of experiment 2, and of experiment 1 'head,
        best' and 'prompt, best', with the heads that get most training labels right, and 'posterior', heads
        on the exact posterior. A curve that no
        record has is left out: where prompts were not trained by the paper's recipe, 'networks, AdamW' has
        none. Where cells are missing, or lack a method, a curve has the seeds for which all sizes have it, if
        two or more do.
    """
    others = [second] if exact_second is None else [exact_second, second]
    ideal = {world: _curves(methods, exact, others) for world, methods in _OF_THE_EXACT_MODEL.items()}
    found: dict[str, World] = {PAPER: {curve: published(paper, curve) for curve in CURVES}}
    for world, methods in _OF_NETWORKS.items():
        curves = _curves(methods, first, [second])
        found[world] = {
            name: _beside(curve, ideal[_BESIDE[world]].get(name)) for name, curve in curves.items()
        }
    return found | ideal


def _curves(
    methods: Mapping[str, tuple[str, ...]], first: Mapping[str, Any], others: Sequence[Mapping[str, Any]]
) -> dict[str, Series]:
    found: dict[str, Series] = {}
    for curve, names in methods.items():
        for file in others if curve in _KINDS else [first]:
            cells = [cell for cell in file["cells"] if curve not in _KINDS or cell["kind"] == _KINDS[curve]]
            for name in names:
                those = complete(cells, name)
                if those and curve not in found:
                    found[curve] = measured(those, name, n_texts=n_test_texts(file))
    return found


def complete(cells: Sequence[Mapping[str, Any]], method: str) -> list[Mapping[str, Any]]:
    """The cells of the seeds for which all sizes have a method.

    Args:
        cells: Records of a sweep, with `n_states`, `seed` and `methods`.
        method: Name of the method.

    Returns:
        The cells, in their order; none if they are of fewer than two seeds.
    """
    having: dict[int, set[int]] = {}
    for cell in cells:
        if method in cell["methods"]:
            having.setdefault(cell["seed"], set()).add(cell["n_states"])
    every = {cell["n_states"] for cell in cells}
    complete = {seed for seed, points in having.items() if points == every}
    return [cell for cell in cells if cell["seed"] in complete] if len(complete) > 1 else []


def _beside(curve: Series, exact: Series | None) -> Series:
    """The curve with that of the exact model, if that has all its points and seeds."""
    fits = (
        exact is not None
        and exact.points == curve.points
        and set(curve.seed_numbers) <= set(exact.seed_numbers)
    )
    return replace(curve, exact=exact) if fits else curve
