"""Baum–Welch on short texts: hmmlib beside hmmlearn, from the same start and for as many iterations."""

from __future__ import annotations

from typing import Any

import numpy as np

from hmmlib import HMM, fit_hmm, random_hmm, sample_tokens
from tests.benchmarks.timing import in_turn, per_unit_ratio, rounded, spread


def compare(
    n_states: int, sequences: int, length: int, iterations: int, repetitions: int, seed: int
) -> dict[str, Any]:
    """Time the two and compare the models that they end with.

    Args:
        n_states: Number H of hidden states, of the model that wrote the text and of the fits.
        sequences: Number of texts.
        length: Their length in tokens.
        iterations: Iterations of each fit.
        repetitions: How often each is timed.
        seed: Seed of text and start.

    Returns:
        Times, their ratios, and the largest deviation of a parameter.
    """
    truth = random_hmm(n_states, generator=seed)
    text = sample_tokens(truth, sequences, length, generator=seed)
    random = np.random.default_rng(seed)
    start = HMM(
        random.dirichlet(np.ones(n_states)),
        random.dirichlet(np.ones(n_states), n_states),
        random.dirichlet(np.ones(truth.n_tokens), n_states),
    )

    def ours() -> HMM:
        return fit_hmm(text, n_states, initial_model=start, max_iterations=iterations, tolerance=1e-300).model

    def theirs(implementation: str) -> HMM:
        model = start.to_hmmlearn()
        model.set_params(
            init_params="", params="ste", n_iter=iterations, tol=-np.inf, implementation=implementation
        )
        model.fit(text.reshape(-1, 1).numpy(), [length] * sequences)
        return HMM.from_hmmlearn(model)

    tasks = {
        "hmmlib": ours,
        "hmmlearn_log": lambda: theirs("log"),
        "hmmlearn_scaling": lambda: theirs("scaling"),
    }
    seconds = in_turn(tasks, repetitions, warm_up=1)
    one, other = ours(), theirs("scaling")
    return {
        "seconds": {name: spread(taken) for name, taken in seconds.items()},
        "ratio": {
            name: per_unit_ratio(seconds[name], seconds["hmmlib"]) for name in tasks if name != "hmmlib"
        },
        "largest_deviation": rounded(
            max(
                float((getattr(one, part) - getattr(other, part)).abs().max())
                for part in ("initial", "transition", "emission")
            ),
            2,
        ),
    }
