"""How much is done in a cell of the experiments on downstream tasks, and all that follows from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from hmmlib.experiments.figure3 import cell_recipe
from hmmlib.tuning import CONVERGED, PAPER_TUNING, QUICK, TuningRecipe

# Names of the recipes in a scale.
_RECIPES = ("paper", "solved", "prompt", "prompt_paper", "whole")
# Weights that know much already are moved by less than a prompt that knows nothing.
_WHOLE = replace(CONVERGED, learning_rates=(3e-4, 1e-3), epochs=20, patience=3)


@dataclass(frozen=True)
class DownstreamScale:
    """How much is done in one cell.

    Attributes:
        pretraining: Preset of the pretraining.
        sizes: Numbers of training, validation and test texts.
        length: Tokens in a text, after the blank.
        paper: How heads are trained by gradient steps: the paper's recipe.
        solved: How attention heads are solved.
        prompt: How prompts are tuned on the learnt model.
        prompt_paper: The same with the paper's recipe, where there is time for it.
        whole: How all weights of the learnt model are tuned.
        restarts: Starts of the search for the best prompt of the exact model.
        fewer: Numbers of labelled texts with which linear heads are solved besides.
    """

    pretraining: str
    sizes: tuple[int, int, int] = (5000, 500, 1000)
    length: int = 128
    paper: TuningRecipe = PAPER_TUNING
    solved: TuningRecipe = CONVERGED
    prompt: TuningRecipe = CONVERGED
    prompt_paper: TuningRecipe | None = PAPER_TUNING
    whole: TuningRecipe = _WHOLE
    restarts: int = 10
    fewer: tuple[int, ...] = (50, 150, 500, 1500)

    def recipes(self, seed: int) -> dict[str, TuningRecipe]:
        """The recipes of a cell.

        Args:
            seed: Of all that is random in tuning.

        Returns:
            Name of each and the recipe; `prompt_paper` only where there is one.
        """
        found = {name: getattr(self, name) for name in _RECIPES}
        return {name: replace(recipe, seed=seed) for name, recipe in found.items() if recipe is not None}

    def to_dict(self) -> dict[str, Any]:
        """The scale as JSON can hold it.

        Returns:
            Lists, numbers, names, and the recipes' dictionaries.
        """
        plain = {name: value for name, value in asdict(self).items() if name not in _RECIPES}
        recipes = {name: recipe.to_dict() for name, recipe in self.recipes(0).items()}
        return {**plain, "sizes": list(self.sizes), "fewer": list(self.fewer), **recipes}


DOWNSTREAM_SCALES: dict[str, DownstreamScale] = {
    # Seconds: that everything runs.
    "smoke": DownstreamScale(
        pretraining="smoke",
        sizes=(200, 60, 100),
        length=20,
        paper=replace(PAPER_TUNING, epochs=10, warmup=5),
        solved=replace(CONVERGED, restarts=1),
        prompt=replace(QUICK, epochs=1, n_prompt=3),
        prompt_paper=None,
        whole=replace(QUICK, epochs=1, learning_rates=(1e-3,)),
        restarts=2,
        fewer=(50,),
    ),
    # Minutes on one core of a laptop.
    "laptop": DownstreamScale(
        pretraining="laptop",
        solved=replace(CONVERGED, restarts=1),
        prompt=QUICK,
        prompt_paper=None,
        whole=replace(QUICK, epochs=2, batch=32, learning_rates=(1e-3,)),
        restarts=5,
    ),
    # For one card, best shared by several cells.
    "gpu": DownstreamScale(pretraining="gpu"),
    "paper": DownstreamScale(pretraining="paper", prompt=PAPER_TUNING, prompt_paper=None),
}
"""By name, as for `hmmlib.pretraining.PRETRAINING_PRESETS`."""


def downstream_scale(name: str) -> DownstreamScale:
    """A scale by name.

    Args:
        name: 'smoke', 'laptop', 'gpu' or 'paper'.

    Returns:
        The scale.

    Raises:
        ValueError: There is no such scale.
    """
    if name not in DOWNSTREAM_SCALES:
        raise ValueError(f"preset: expected one of {tuple(DOWNSTREAM_SCALES)}, got {name!r}")
    return DOWNSTREAM_SCALES[name]


def consequences(preset: str, variant: str, seed: int) -> dict[str, Any]:
    """All that a record depends on: a preset may change, what it means is part of the configuration.

    Args:
        preset: How much is done.
        variant: Of the pretraining.
        seed: Of the cell.

    Returns:
        The `scale` and the `pretraining`, as JSON can hold them.

    Raises:
        ValueError: An unknown preset or variant.
    """
    scale = downstream_scale(preset)
    recipe = cell_recipe(scale.pretraining, variant, seed)
    return {"scale": scale.to_dict(), "pretraining": recipe.to_dict()}


@dataclass(frozen=True)
class DownstreamConfig:
    """What is computed, as far as all experiments on downstream tasks have it in common.

    Attributes:
        variant: Of the pretraining; each experiment has its own.
        preset: How much is done in a cell; see `DOWNSTREAM_SCALES`.
    """

    variant: ClassVar[str]
    preset: str = "laptop"

    def __post_init__(self) -> None:
        downstream_scale(self.preset)

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it.

        Returns:
            The fields, the scale and the recipe of the pretraining.
        """
        return asdict(self) | consequences(self.preset, self.variant, 0)

    def cell(self, seed: int, **entries: Any) -> dict[str, Any]:
        """The configuration of one cell.

        Args:
            seed: Of the cell.
            entries: What else it is told.

        Returns:
            Preset, entries and seed, with what follows from the preset.
        """
        return {"preset": self.preset, **entries, "seed": seed} | consequences(
            self.preset, self.variant, seed
        )


def own_entries(config: Mapping[str, Any], variant: str) -> dict[str, Any]:
    """What a cell is told besides its preset's consequences, once these are checked.

    Args:
        config: Of a cell.
        variant: Of its pretraining.

    Returns:
        Its entries without the consequences.

    Raises:
        ValueError: An entry differs, or the preset is unknown.
    """
    here = json.loads(json.dumps(consequences(config["preset"], variant, config["seed"])))
    changed = [name for name in here if here[name] != json.loads(json.dumps(config.get(name)))]
    if changed:
        raise ValueError(
            f"config: {', '.join(changed)} of the preset {config['preset']!r} as it is here differs from the "
            "one asked for; expected the same version of hmmlib everywhere"
        )
    return {name: value for name, value in config.items() if name not in here}
