"""One rule for the learning rate where several were tried: one for each variant, not chosen by test texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Cell = Mapping[str, Any]


class AtRate(NamedTuple):
    """The runs of one variant with the learning rate that was chosen for it.

    Attributes:
        rate: The learning rate; None for the recipe's own.
        cells: The records with it, by seed.
    """

    rate: float | None
    cells: list[Cell]


def at_chosen_rate(cells: Sequence[Cell]) -> dict[str, AtRate]:
    """Choose a learning rate for each variant of a recipe, the same for all of its HMMs.

    It is the rate whose mean KL over the HMMs is least at the end of training. That is measured on the texts
    that training is watched with. The texts that results are given for are others, and take no part.

    Args:
        cells: Records of `hmmlib.experiments.pretraining.pretraining_cell`, each variant with every rate on
            the same HMMs.

    Returns:
        For each variant, in the order of the records, its rate and the runs with it.

    Raises:
        ValueError: No record, or the rates of a variant were tried on different HMMs.
    """
    if not cells:
        raise ValueError("cells: expected at least one record, got none")
    groups: dict[str, dict[float | None, list[Cell]]] = {}
    for cell in cells:
        groups.setdefault(cell["variant"], {}).setdefault(cell["learning_rate"], []).append(cell)
    chosen = {}
    for variant, tried in groups.items():
        runs = {rate: sorted(found, key=_hmm) for rate, found in tried.items()}
        first = [_hmm(cell) for cell in next(iter(runs.values()))]
        for rate, found in runs.items():
            if [_hmm(cell) for cell in found] != first:
                raise ValueError(
                    f"cells: expected each rate of {variant!r} on the same HMMs {first} as (states, values, "
                    f"seed), got {[_hmm(cell) for cell in found]} for {rate}"
                )
        rate = min(runs, key=lambda one: np.mean([cell["history"]["kl"][-1] for cell in runs[one]]))
        chosen[variant] = AtRate(rate, runs[rate])
    return chosen


def _hmm(cell: Cell) -> tuple[int, int, int]:
    return cell["n_states"], cell["n_values"], cell["seed"]
