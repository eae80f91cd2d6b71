"""How the cost of inference grows with the length T, the number of states H, and the batch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor

from hmmlib import HMM, posteriors, random_hmm, sample_tokens
from tests.benchmarks.fresh import peak_bytes
from tests.benchmarks.timing import in_turn, power_law, rounded, spread


def time_along(
    axis: str, grid: Sequence[int], fixed: dict[str, int], repetitions: int, seed: int
) -> dict[str, Any]:
    """Time smoothed posteriors and conditionals along one axis, all points in turn.

    Args:
        axis: 'time', 'n_states' or 'batch'.
        grid: Its values, increasing geometrically.
        fixed: The other two.
        repetitions: How often each point is timed.
        seed: Seed of models and texts.

    Returns:
        The points, and the power law fitted to the upper half of them.
    """
    tasks = {}
    for value in grid:
        hmm, text = _problem(**{**fixed, axis: value}, seed=seed)
        tasks[str(value)] = partial(posteriors, hmm, text, keep=("smoothed", "conditionals"))
    seconds = in_turn(tasks, repetitions, warm_up=1)
    spreads = [spread(seconds[str(value)]) for value in grid]
    medians = [point["median"] for point in spreads]
    return {
        "x": list(grid),
        "seconds": {part: [point[part] for point in spreads] for part in ("median", "min", "max")},
        "fixed": fixed,
        "fit": power_law(grid, medians),
    }


def peak_memory(batch: int, time: int, n_states: int, seed: int) -> dict[str, float]:
    """Memory that smoothed posteriors take; to be run in a fresh process.

    Args:
        batch: Number of texts.
        time: Their length in tokens.
        n_states: Number of hidden states.
        seed: Seed of model and text.

    Returns:
        The size of the problem, and by how much the peak of the process rose.
    """
    # A few texts again and again: sampling many would raise the peak by itself.
    hmm, few = _problem(batch=8, time=time, n_states=n_states, seed=seed)
    text = few.repeat(batch // 8, 1)
    posteriors(hmm, few[:, :8], keep=("smoothed",))
    before = peak_bytes()
    kept = posteriors(hmm, text, keep=("smoothed",))
    rise = peak_bytes() - before
    return {
        "batch": batch,
        "time": time,
        "n_states": n_states,
        "numbers": kept.smoothed.numel(),
        "mib": rounded(rise / 2**20),
    }


def _problem(batch: int, time: int, n_states: int, seed: int) -> tuple[HMM, Tensor]:
    hmm = random_hmm(n_states, generator=seed)
    return hmm, sample_tokens(hmm, batch, time, generator=seed)
