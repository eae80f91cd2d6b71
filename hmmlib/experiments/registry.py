"""The experiments that the command line knows, by name.

A new experiment is a module with a value `EXPERIMENT`, and a line here.
"""

from __future__ import annotations

from hmmlib.experiments import exact_prompts, pretraining
from hmmlib.experiments.experiment import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment for experiment in (exact_prompts.EXPERIMENT, pretraining.EXPERIMENT)
}
"""All of them.

:meta hide-value:
"""
