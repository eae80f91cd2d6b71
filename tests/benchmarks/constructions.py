"""Time the theorems' constructions and what they read: ``python -m tests.benchmarks.constructions``."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from hmmlib import HMM, ExactMaskedLM, PosteriorTask, blank_probs, prepend_mask, random_hmm, sample_tokens
from hmmlib.certificates import best_accuracy, row_space_test, separate
from hmmlib.constructions import AssumptionError, attention_head, linear_head, memory_prompt, soft_prompt
from hmmlib.hmm import random_recoverable_hmm, random_sparse_hmm
from tests.benchmarks.timing import in_turn, spread

LARGE = {"n_states": 200, "n_tokens": 100}
SMALL = {"n_states": 40, "n_tokens": 20}


def tasks(n_states: int, n_tokens: int) -> dict[str, Callable[[], object]]:
    """The constructions, by name, for a model of these sizes."""
    random = np.random.default_rng(0)
    square = random_hmm(n_tokens, n_tokens, generator=0, transition_temperature=0.3, emission_temperature=0.3)
    sparse = random_sparse_hmm(n_states, n_tokens, generator=0, n_followers=4)
    leaders = random.choice(n_states, n_tokens // 10, replace=False)
    reached = (sparse.transition[leaders] > 0).any(0).numpy()
    mu = np.where(reached, random.standard_normal(n_states), 0.0)
    dense = random_hmm(n_states, n_tokens, generator=0, transition_temperature=0.3, emission_temperature=0.3)
    values = max(2, n_tokens // 20)
    one_cell = random_recoverable_hmm(
        values, n_states // values, n_tokens, generator=0, n_recoverable=5, n_patterns=n_tokens // 3
    )
    two_cells = random_recoverable_hmm(
        values, n_states // values // 2, n_tokens, generator=0, n_cells=2, n_recoverable=3, n_patterns=8
    )
    pair = [1.0, -1.0] + [0.0] * (values - 2)
    features, labels = _texts(sparse, mu)
    lm, texts = ExactMaskedLM(dense), sample_tokens(dense, 500, 33, generator=0)[:, 1:]
    return {
        "distribution at the blank, 500 texts": lambda: blank_probs(lm, texts),
        "distributions at all positions, 500 texts": lambda: lm.token_probs(
            lm.embed(prepend_mask(lm, texts))
        ),
        "linear head, H = V": lambda: linear_head(square, random.standard_normal(n_tokens)),
        "linear head refused, H > V": lambda: _refused(lambda: linear_head(dense, np.arange(n_states))),
        "soft prompt, states searched for": lambda: soft_prompt(sparse, mu),
        "soft prompt refused": lambda: _refused(lambda: soft_prompt(dense, np.arange(n_states))),
        "attention head, one cell": lambda: attention_head(one_cell, random.standard_normal(values)),
        "attention head, two cells": lambda: attention_head(two_cells, random.standard_normal(values)),
        "memory prompt, one cell": lambda: memory_prompt(one_cell, pair),
        "memory prompt, two cells": lambda: memory_prompt(two_cells, pair),
        "row-space test": lambda: row_space_test(sparse, mu),
        "separating head or certificate, 2,000 texts": lambda: separate(features, labels),
        "best accuracy, 2,000 texts": lambda: best_accuracy(features, labels, exact_up_to=0),
    }


def _texts(model: HMM, mu: np.ndarray) -> tuple[object, object]:
    texts = sample_tokens(model, batch=2000, time=33, generator=0)[:, 1:]
    labels = PosteriorTask.two_class(model, mu).labels(texts)
    return blank_probs(ExactMaskedLM(model), texts), labels


def _refused(construct: Callable[[], object]) -> None:
    try:
        construct()
    except AssumptionError:
        return
    raise RuntimeError("the construction should have been refused")


def main() -> None:
    """Print the seconds that each takes on the large model, and how many times as long as on the small."""
    small = {f"small {name}": task for name, task in tasks(**SMALL).items()}
    large = {f"large {name}": task for name, task in tasks(**LARGE).items()}
    taken = in_turn(small | large, repetitions=3, warm_up=1)
    print(f"{'':44} seconds, H = 200, V = 100   times H = 40, V = 20")
    for name in tasks(**SMALL):
        seconds = spread(taken[f"large {name}"])
        ratio = seconds["median"] / spread(taken[f"small {name}"])["median"]
        print(f"{name:44} {seconds['median']:10.3f} (at most {seconds['max']:.3f}) {ratio:12.1f}")


if __name__ == "__main__":
    sys.exit(main())
