"""How much is done in a cell of the experiments on downstream tasks, and all that follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar

from hmmlib._checks import check_positive_int
from hmmlib.experiments.checks import check_labels, check_positions, check_seed, check_texts
from hmmlib.experiments.figure3 import cell_recipe
from hmmlib.pretraining import PretrainingRecipe
from hmmlib.sweeps import Record, check_entries
from hmmlib.tuning import CONVERGED, PAPER_TUNING, QUICK, TuningRecipe

# Names of the recipes in a scale.
_RECIPES = ("paper", "solved", "prompt", "prompt_paper")
# Many starts, briefly: where a head starts decides more than how long it is trained. On some HMMs few starts
# lead to a head that gets nearly every label right, and ten epochs tell which.
_ATTENTION = replace(PAPER_TUNING, epochs=10, warmup=80, solve_heads=True, starts=16)


@dataclass(frozen=True)
class DownstreamScale:
    """How much is done in one cell.

    Attributes:
        pretraining: Preset of the pretraining.
        sizes: Numbers of training, validation and test texts.
        length: Tokens in a text, after the blank.
        paper: How heads are trained by gradient steps: the paper's recipe.
        solved: How attention heads are fitted as well as can be.
        prompt: How prompts are tuned on the learnt model.
        prompt_paper: The same with the paper's recipe, where there is time for it.
        restarts: Starts of the search for the best prompt of the exact model.
        fewer: Numbers of labelled texts with which linear heads are solved besides.
    """

    pretraining: str
    sizes: tuple[int, int, int] = (5000, 500, 1000)
    length: int = 128
    paper: TuningRecipe = PAPER_TUNING
    solved: TuningRecipe = _ATTENTION
    prompt: TuningRecipe = CONVERGED
    prompt_paper: TuningRecipe | None = PAPER_TUNING
    restarts: int = 10
    fewer: tuple[int, ...] = (50, 150, 500, 1500)

    def __post_init__(self) -> None:
        check_texts(self.sizes, self.length)
        check_positive_int(self.restarts, "restarts")
        for count in self.fewer:
            check_positive_int(count, "fewer")

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
            Lists, numbers, names, and the recipes' dictionaries, None for one that there is not.
        """
        plain = {name: value for name, value in asdict(self).items() if name not in _RECIPES}
        known = self.recipes(0)
        recipes = {name: known[name].to_dict() if name in known else None for name in _RECIPES}
        return {**plain, "sizes": list(self.sizes), "fewer": list(self.fewer), **recipes}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> DownstreamScale:
        """The scale that `to_dict` made the dictionary from.

        Args:
            stored: The dictionary.

        Returns:
            The scale.

        Raises:
            TypeError: An entry that a recipe does not have.
            ValueError: An entry is missing or too many, or a value is out of range.
        """
        check_entries(stored, (entry.name for entry in fields(cls)), "scale")
        check_labels(stored, ("pretraining",))
        for name in ("sizes", "fewer"):
            if not isinstance(stored[name], list | tuple):
                raise TypeError(f"{name}: expected a list of numbers, got {stored[name]!r}")
        recipes = {
            name: TuningRecipe.from_dict(stored[name])
            for name in _RECIPES
            if name != "prompt_paper" or stored[name] is not None
        }
        return cls(**{**stored, "sizes": tuple(stored["sizes"]), "fewer": tuple(stored["fewer"]), **recipes})


DOWNSTREAM_SCALES: dict[str, DownstreamScale] = {
    # Seconds: that everything runs.
    "smoke": DownstreamScale(
        pretraining="smoke",
        sizes=(200, 60, 100),
        length=20,
        paper=replace(PAPER_TUNING, epochs=10, warmup=5),
        solved=replace(PAPER_TUNING, epochs=10, warmup=5, solve_heads=True),
        prompt=replace(QUICK, epochs=1, n_prompt=3),
        prompt_paper=None,
        restarts=2,
        fewer=(50,),
    ),
    # Minutes on one core of a laptop.
    "laptop": DownstreamScale(
        pretraining="laptop",
        prompt=QUICK,
        prompt_paper=None,
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
        return asdict(self) | self._meaning((0,))[0]

    def with_scale(self, cells: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Cells with all that their records depend on: a preset may change, its meaning is written down.

        Args:
            cells: What each is told besides, its `seed` among it.

        Returns:
            Their configurations: `preset`, what they are told, `scale` and `pretraining`.
        """
        told = list(cells)
        meaning = self._meaning({cell["seed"] for cell in told})
        return [{"preset": self.preset, **cell, **meaning[cell["seed"]]} for cell in told]

    def _meaning(self, seeds: Iterable[int]) -> dict[int, dict[str, Any]]:
        scale = downstream_scale(self.preset)
        written = scale.to_dict()
        return {
            seed: {
                "scale": written,
                "pretraining": cell_recipe(scale.pretraining, self.variant, seed).to_dict(),
            }
            for seed in seeds
        }


def stored_scale(config: Record, told: Iterable[str]) -> tuple[DownstreamScale, PretrainingRecipe]:
    """What a cell's configuration asks for, whatever its preset means by now.

    Args:
        config: Of the cell.
        told: Names of what it is told besides.

    Returns:
        The scale, and the recipe of the pretraining.

    Raises:
        TypeError: An entry that a recipe does not have.
        ValueError: An entry is missing or too many, or a value is out of range.
    """
    check_entries(config, ("preset", *told, "scale", "pretraining"))
    return DownstreamScale.from_dict(config["scale"]), PretrainingRecipe.from_dict(config["pretraining"])


def check_scale(config: Record, told: Iterable[str]) -> DownstreamScale:
    """Check what the cells of all experiments on downstream tasks are told, without computing anything.

    Args:
        config: Of the cell.
        told: Names of what it is told besides, its `seed` among them.

    Returns:
        The scale.

    Raises:
        TypeError: An entry that a recipe does not have, or a value of another type.
        ValueError: An entry is missing or too many, or a value is out of range.
    """
    scale, pretraining = stored_scale(config, told)
    check_labels(config, ("preset",))
    check_seed(config["seed"])
    check_positions(pretraining, scale.length, max(recipe.n_prompt for recipe in scale.recipes(0).values()))
    return scale
