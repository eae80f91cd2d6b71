"""Memory-augmented inference: the structured one beside the flat HMM, which is the same model."""

from __future__ import annotations

from typing import Any

from hmmlib import posteriors, random_memory_hmm, sample_tokens
from tests.benchmarks.timing import in_turn, per_unit_ratio, rounded, spread


def compare(
    n_cells: int,
    n_values: int,
    n_syntax: int,
    temperature: float,
    sequences: int,
    length: int,
    repetitions: int,
    seed: int,
) -> dict[str, Any]:
    """Time the two and compare their posteriors.

    At the paper's temperature of 0.01 some contents of the memory become so unlikely that the flat HMM has
    to be worked on in log space, while the structured one never compares contents before the end. At a
    temperature of 1 neither needs log space, and the ratio is that of the plain work.

    Args:
        n_cells: Number N of memory cells.
        n_values: Number |ℳ| of values of a cell.
        n_syntax: Number |𝒮| of syntax states.
        temperature: Of the transition and of the emission.
        sequences: Number of texts.
        length: Their length in tokens.
        repetitions: How often each is timed.
        seed: Seed of model and text.

    Returns:
        Times, their ratio, and the largest deviation of the posteriors.
    """
    structured = random_memory_hmm(
        n_values,
        n_syntax,
        generator=seed,
        n_cells=n_cells,
        transition_temperature=temperature,
        emission_temperature=temperature,
    )
    flat = structured.flatten()
    text = sample_tokens(structured, sequences, length, generator=seed)
    keep = ("smoothed", "conditionals")
    seconds = in_turn(
        {
            "structured": lambda: posteriors(structured, text, keep=keep),
            "flat": lambda: posteriors(flat, text, keep=keep),
        },
        repetitions,
        warm_up=1,
    )
    one, other = (posteriors(model, text, keep=keep) for model in (structured, flat))
    return {
        "n_cells": n_cells,
        "n_values": n_values,
        "n_syntax": n_syntax,
        "temperature": temperature,
        "flat_states": flat.n_states,
        "seconds": {name: spread(taken) for name, taken in seconds.items()},
        "ratio": per_unit_ratio(seconds["flat"], seconds["structured"]),
        "largest_deviation": rounded(
            max(
                float((one.smoothed - other.smoothed).abs().max()),
                float((one.conditionals - other.conditionals).abs().max()),
            ),
            2,
        ),
    }
