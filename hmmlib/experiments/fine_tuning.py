"""Fine tuning: the same networks with all of their weights trained, as a ceiling for heads and prompts.

The HMMs, tasks, texts and networks are those of `hmmlib.experiments.head_vs_prompt` and
`hmmlib.experiments.memory_vs_vanilla`, whose store this experiment shares. It stands by itself, so that those
can do without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from hmmlib.experiments.checks import check_labels, check_point, check_positions, check_texts
from hmmlib.experiments.figure3 import cell_recipe, load_or_pretrain, point_model, pretraining_facts
from hmmlib.experiments.head_vs_prompt import HeadVsPromptConfig
from hmmlib.experiments.memory_vs_vanilla import MemoryVsVanillaConfig
from hmmlib.experiments.scales import downstream_scale
from hmmlib.experiments.scoring import accuracy_of
from hmmlib.experiments.setting import OF_THE_RUN, Setting, Stopwatch
from hmmlib.hmm import N_SYNTAX
from hmmlib.pretraining import PretrainingRecipe
from hmmlib.sweeps import Experiment, Record, Workplace, check_entries, option
from hmmlib.tuning import CONVERGED, QUICK, TuningRecipe, fine_tune

METHODS = ("majority", "fine_tuned")
# Weights that know much already are moved by less than a prompt that knows nothing.
_WHOLE = replace(CONVERGED, learning_rates=(3e-4, 1e-3), epochs=20, patience=3)
RECIPES: dict[str, TuningRecipe] = {
    "smoke": replace(QUICK, epochs=1, learning_rates=(1e-3,)),
    "laptop": replace(QUICK, epochs=2, batch=32, learning_rates=(1e-3,)),
    "gpu": _WHOLE,
    "paper": _WHOLE,
}
"""How all weights are trained, by preset."""
_TOLD = ("experiment", "n_states", "n_values", "seed")
_ENTRIES = ("preset", *_TOLD, "sizes", "length", "recipe", "pretraining")


@dataclass(frozen=True)
class FineTuningConfig:
    """What is computed; the points of both of the paper's experiments by default.

    Attributes:
        preset: How much is done in a cell; see `RECIPES`, and `DOWNSTREAM_SCALES` for texts and pretraining.
        n_states: The numbers H of hidden states of the first experiment.
        n_values: The numbers |ℳ| of values of the second experiment, with memory and without.
        seeds: Each gives an HMM, a task, a data set, and a pretraining.
    """

    preset: str = "laptop"
    n_states: tuple[int, ...] = option((4, 8, 10, 15, 25, 30), "numbers of hidden states, experiment 1")
    n_values: tuple[int, ...] = option((2, 3, 5, 7), "numbers of memory values, experiment 2")
    seeds: tuple[int, ...] = option((1, 2, 3), "seeds")

    def __post_init__(self) -> None:
        downstream_scale(self.preset)

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it.

        Returns:
            The fields, and the recipe.
        """
        return asdict(self) | {"recipe": RECIPES[self.preset].to_dict()}

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each: the `experiment` that the point belongs to; `n_states` and `n_values`,
            0 for a vanilla HMM; `seed`, of the HMM, the task, the texts, the pretraining and the order of
            texts in tuning; `sizes` and `length` of the texts; the `recipe` and that of the `pretraining`.
        """
        scale = downstream_scale(self.preset)
        points = [("head-vs-prompt", n_states, 0) for n_states in self.n_states]
        points += [
            ("memory-vs-vanilla", N_SYNTAX * n_values, kept)
            for n_values in self.n_values
            for kept in (n_values, 0)
        ]
        variants = {
            "head-vs-prompt": HeadVsPromptConfig.variant,
            "memory-vs-vanilla": MemoryVsVanillaConfig.variant,
        }
        return [
            {
                "preset": self.preset,
                "experiment": experiment,
                "n_states": n_states,
                "n_values": n_values,
                "seed": seed,
                "sizes": list(scale.sizes),
                "length": scale.length,
                "recipe": replace(RECIPES[self.preset], seed=seed).to_dict(),
                "pretraining": cell_recipe(scale.pretraining, variants[experiment], seed).to_dict(),
            }
            for seed in self.seeds
            for experiment, n_states, n_values in points
        ]


def fine_tuning_cell(config: Record, place: Workplace) -> Record:
    """One network with all its weights trained on one task.

    Args:
        config: One of `FineTuningConfig.cells`.
        place: Where to compute, and where pretrained models are kept.

    Returns:
        The record, ready for JSON: what the point is; `methods` with entries, as `Scorer` makes them, for
        'majority' and 'fine_tuned'; `pretraining`, facts of the network before. `seconds` and `cpu_seconds`
        are of the run.

    Raises:
        ValueError: An entry is missing or too many, a value is out of range, or a point that is not in the
            figure.
        FloatingPointError: As for `hmmlib.pretrain` and `hmmlib.fine_tune`.
    """
    check_entries(config, _ENTRIES)
    watch, seed = Stopwatch(), config["seed"]
    model = point_model(config["n_states"], config["n_values"], seed)
    setting = Setting(model, seed, sizes=config["sizes"], length=config["length"])
    pretraining = PretrainingRecipe.from_dict(config["pretraining"])
    lm, pretrained = load_or_pretrain(model, pretraining, place.folder, device=place.device)
    watch.lap("pretraining")
    tuned = fine_tune(lm, setting.data, TuningRecipe.from_dict(config["recipe"]), progress=False)
    methods = {"majority": setting.score.majority(), "fine_tuned": setting.score.tuned(tuned)}
    watch.lap("fine_tuned")
    return {
        **{name: config[name] for name in _TOLD},
        **setting.facts(),
        "methods": methods,
        "pretraining": pretraining_facts(pretrained),
        **watch.times(),
    }


def check_cell(config: Record) -> None:
    """Check the configuration of a cell, without computing anything.

    Args:
        config: The configuration.

    Raises:
        TypeError: An entry that a recipe does not have, or a value of another type.
        ValueError: An entry is missing or too many, or a value is out of range.
    """
    check_entries(config, _ENTRIES)
    check_labels(config, ("preset", "experiment"))
    check_point(config["n_states"], config["n_values"], config["seed"])
    check_texts(config["sizes"], config["length"])
    TuningRecipe.from_dict(config["recipe"])
    check_positions(PretrainingRecipe.from_dict(config["pretraining"]), config["length"])


def _column(name: str) -> Callable[[dict[str, Any]], float | None]:
    return partial(accuracy_of, name)


EXPERIMENT = Experiment(
    name="fine-tuning",
    title="all weights of the same networks trained: a ceiling for heads and prompts",
    presets={
        "laptop": FineTuningConfig(),
        "smoke": FineTuningConfig("smoke", n_states=(4,), n_values=(2,), seeds=(1,)),
        "gpu": FineTuningConfig("gpu"),
        "paper": FineTuningConfig("paper"),
    },
    compute=fine_tuning_cell,
    check=check_cell,
    of_the_run=OF_THE_RUN,
    groups=("experiment", "n_states", "n_values"),
    columns={name.replace("_", " "): _column(name) for name in METHODS},
)
"""The experiment, as the command line knows it.

:meta hide-value:
"""
