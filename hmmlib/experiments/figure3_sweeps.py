"""What Figure 3 takes from nothing: three sweeps over the same seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import hmmlib.experiments.exact_prompts as exact_prompts
from hmmlib.experiments.checks import check_seed
from hmmlib.experiments.head_vs_prompt import HeadVsPromptConfig
from hmmlib.experiments.memory_vs_vanilla import MemoryVsVanillaConfig
from hmmlib.sweeps import Configuration

SWEEPS = {"exact": "exact-prompts", "first": "head-vs-prompt", "second": "memory-vs-vanilla"}
"""The experiments, by what their results are called in `hmmlib.analysis.worlds`, the quickest first.

:meta hide-value:
"""


def figure3_configs(preset: str, seeds: Sequence[int]) -> dict[str, Configuration]:
    """What is to be computed for Figure 3.

    Args:
        preset: Of the networks, one of `hmmlib.experiments.scales.DOWNSTREAM_SCALES`. Exact prompts have the
            paper's sizes, but for 'smoke'.
        seeds: The seeds of all sweeps, at least two, so that there are intervals.

    Returns:
        A configuration for each of `SWEEPS`. Its cells are those that the experiments have by themselves, so
        that they can be imported.

    Raises:
        TypeError: A seed that is not an integer.
        ValueError: An unknown preset, fewer than two seeds, one that is there twice or out of range.
    """
    found = tuple(seeds)
    for seed in found:
        check_seed(seed)
    if len(set(found)) < len(found) or len(found) < 2:
        raise ValueError(f"seeds: expected two different ones or more, for intervals, got {found}")
    first = HeadVsPromptConfig(preset, seeds=found)
    exact = exact_prompts.EXPERIMENT.presets["smoke" if preset == "smoke" else "paper"]
    assert isinstance(exact, exact_prompts.ExactPromptsConfig)
    return {
        # The smallest preset of exact prompts has other sizes than the figure.
        "exact": replace(exact, n_states=first.n_states, seeds=found),
        "first": first,
        "second": MemoryVsVanillaConfig(preset, seeds=found),
    }
