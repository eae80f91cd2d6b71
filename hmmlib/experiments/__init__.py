"""The experiments that the command line knows, by name.

A new experiment is a module with a value `EXPERIMENT`, and a line here.
"""

from __future__ import annotations

from hmmlib.experiments import (
    exact_attention,
    exact_prompts,
    fact_retrieval,
    fine_tuning,
    frozen_size,
    half_trained,
    head_vs_prompt,
    machine_reading,
    mechanism,
    memory_vs_vanilla,
    noise_robustness,
    pre_memorization,
    pretraining,
    process_structure,
    readings,
    reference_decoding,
    scaling_states,
    word_error_training,
)
from hmmlib.sweeps.experiment import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (
        exact_prompts,
        pretraining,
        head_vs_prompt,
        memory_vs_vanilla,
        fine_tuning,
        half_trained,
        readings,
        exact_attention,
        mechanism,
        scaling_states,
        noise_robustness,
        word_error_training,
        fact_retrieval,
        machine_reading,
        frozen_size,
        reference_decoding,
        process_structure,
        pre_memorization,
    )
}
"""All of them.

:meta hide-value:
"""
