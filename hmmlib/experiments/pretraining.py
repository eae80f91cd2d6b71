"""Pretrainings of many HMMs, each measured against Bayes.

The paper assumes that pretraining learns P[X_i | X_{-i}]; these results say how nearly it does. On the
command line: ``hmmlib sweep pretraining``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from hmmlib._checks import check_fraction, check_number, check_positive_int
from hmmlib.experiments.checks import check_labels, check_point, check_seed
from hmmlib.experiments.figure3 import cell_recipe, point_model, pretrained_in_time
from hmmlib.experiments.scoring import rounded
from hmmlib.hmm import N_SYNTAX, unigram_entropy
from hmmlib.pretraining import PRETRAINING_PRESETS, PretrainingRecipe, draw_held_out, evaluate
from hmmlib.pretraining.presets import VARIANT_ORDER, VARIANTS
from hmmlib.sweeps import Experiment, Record, Workplace, check_entries, option

# Another text than the one that the history is measured on.
TEST_SEED = 7
TEST_RATES = (0.05, 0.3)
TEST_TEXTS = 2048
_BIN = 8
_LABELS = ("preset", "variant", "learning_rate", "n_states", "n_values", "seed")
_ENTRIES = (*_LABELS, "measure_every", "recipe", "texts")
_TEXTS = ("seed", "rates", "count")


@dataclass(frozen=True)
class PretrainingConfig:
    """What is computed; the points of the paper's Figure 3 by default.

    Attributes:
        preset: Name of the recipe.
        variants: Names of changes to it; 'short texts first' is none.
        learning_rates: AdamW's learning rates, each with every variant; None for the recipe's own.
        n_states: Numbers H of hidden states of vanilla HMMs.
        n_values: Numbers |ℳ| of values of memory-augmented HMMs with one cell and |𝒮| = 4.
        seeds: Each gives an HMM, a text and initial weights.
        measure_every: Steps between measurements.
    """

    preset: str = "laptop"
    variants: tuple[str, ...] = option(
        ("short texts first",), f"changes to the recipe, of {', '.join(map(repr, VARIANTS))}"
    )
    learning_rates: tuple[float | None, ...] = option(
        (None,), "AdamW's learning rates, each with every variant; the recipe's own by default"
    )
    n_states: tuple[int, ...] = option(
        (4, 8, 10, 15, 25, 30), "numbers of hidden states of vanilla HMMs; none for no such HMM"
    )
    n_values: tuple[int, ...] = option(
        (2, 3, 5, 7), "numbers of values of HMMs with memory; none for no such HMM"
    )
    seeds: tuple[int, ...] = option((1, 2, 3, 4, 5), "seeds")
    measure_every: int = option(100, "steps between measurements")

    def __post_init__(self) -> None:
        for variant in self.variants:
            cell_recipe(self.preset, variant, 0)

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it.

        Returns:
            The fields, and the recipe of each variant.
        """
        recipes = {name: cell_recipe(self.preset, name, 0).to_dict() for name in self.variants}
        return asdict(self) | {"recipes": recipes}

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each. `preset`, `variant` and `learning_rate` say where the `recipe` is from;
            `n_states` and `n_values` (0 for a vanilla HMM) say which HMM it is; `seed` is that of HMM, text
            and initial weights; `measure_every` counts steps; `texts` are those that the result is measured
            on.
        """
        points = [(n_states, 0) for n_states in self.n_states]
        points += [(N_SYNTAX * n_values, n_values) for n_values in self.n_values]
        texts = {"seed": TEST_SEED, "rates": TEST_RATES, "count": TEST_TEXTS}
        recipes = {
            (variant, rate, seed): cell_recipe(self.preset, variant, seed, rate).to_dict()
            for variant in self.variants
            for rate in self.learning_rates
            for seed in self.seeds
        }
        return [
            {
                "preset": self.preset,
                "variant": variant,
                "learning_rate": rate,
                "n_states": n_states,
                "n_values": n_values,
                "seed": seed,
                "measure_every": self.measure_every,
                "recipe": recipe,
                "texts": texts,
            }
            for (variant, rate, seed), recipe in recipes.items()
            for n_states, n_values in points
        ]


def pretraining_cell(config: Record, place: Workplace) -> Record:
    """Pretrain on one HMM, and measure the result on new text.

    The network is kept beside the cells, for the experiments on downstream tasks that start from it; if one
    of them has left it there, measured at the same steps, it is not trained again.

    Args:
        config: One of `PretrainingConfig.cells`, whatever its preset means by now.
        place: Where to train, and where pretrained models are kept.

    Returns:
        The record, ready for JSON. `tests` has an entry for each rate of blanks in new texts of 128 tokens:
        `kl`, `kl_error`, `total_variation`, `cross_entropy`, `bayes_floor`, and KL with numbers of blanks
        `by_position` (in groups of 8) and `by_neighbours` (other blanks at a distance of at most 8).
        `unigram` is the cross-entropy of always predicting the words' frequencies; `history` has the
        measurements on the way; `seconds` the time of training without them, be it in this run or in an
        earlier one on the `device`.

    Raises:
        TypeError: An entry that a recipe does not have.
        ValueError: An entry is missing or too many, a value out of range, or a point that is not in the
            figure.
        FloatingPointError: As for `hmmlib.pretrain`.
    """
    check_entries(config, _ENTRIES)
    model = point_model(config["n_states"], config["n_values"], config["seed"], place.device)
    recipe, texts = PretrainingRecipe.from_dict(config["recipe"]), config["texts"]
    lm, trained, run = pretrained_in_time(
        model, recipe, place.folder, device=place.device, measure_every=config["measure_every"]
    )
    tests = {}
    for rate in texts["rates"]:
        held_out = draw_held_out(model, generator=texts["seed"], n_texts=texts["count"], rate=rate)
        found = evaluate(lm, held_out)
        tests[str(rate)] = {
            name: rounded(getattr(found, name))
            for name in ("kl", "kl_error", "total_variation", "cross_entropy")
        } | {
            "bayes_floor": rounded(found.exact_cross_entropy),
            "by_position": _groups(found.kl_by(found.position // _BIN)),
            "by_neighbours": _groups(found.kl_by(found.neighbours)),
        }
    return {
        **{name: config[name] for name in _LABELS},
        **{name: trained[name] for name in ("parameters", "steps", "tokens")},
        "seconds": round(run["seconds"][-1], 1),
        "device": run["device"],
        "unigram": rounded(unigram_entropy(model)),
        "tests": tests,
        "history": trained["history"] | {"seconds": run["seconds"]},
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
    check_labels(config, ("preset", "variant"))
    if config["learning_rate"] is not None:
        check_number(config["learning_rate"], "learning_rate")
    check_point(config["n_states"], config["n_values"], config["seed"])
    check_positive_int(config["measure_every"], "measure_every")
    PretrainingRecipe.from_dict(config["recipe"])
    texts = config["texts"]
    check_entries(texts, _TEXTS, "texts")
    check_seed(texts["seed"])
    check_positive_int(texts["count"], "count")
    for rate in texts["rates"]:
        check_fraction(rate, "rates", above_zero=True)


def _groups(found: list[tuple[int, float, int]]) -> dict[str, list[float]]:
    names = ("group", "kl", "blanks")
    return {name: [rounded(entry[i]) for entry in found] for i, name in enumerate(names)}


EXPERIMENT = Experiment(
    name="pretraining",
    title="how nearly pretraining learns the exact conditionals",
    presets={
        "laptop": PretrainingConfig(),
        "smoke": PretrainingConfig("smoke", n_states=(4,), n_values=(2,), seeds=(1,), measure_every=30),
        **{name: PretrainingConfig(name) for name in PRETRAINING_PRESETS if name not in ("laptop", "smoke")},
        # Whether more of the same training helps, at the largest point.
        "longer": PretrainingConfig(variants=("three times as long",), n_states=(30,), n_values=()),
        # From the paper's recipe to ours, one change at a time.
        "ladder": PretrainingConfig(
            variants=VARIANT_ORDER, learning_rates=(1e-3, 3e-3), n_states=(15,), n_values=(), seeds=(1, 2)
        ),
    },
    compute=pretraining_cell,
    check=check_cell,
    of_the_run=(("seconds",), ("device",), ("history", "seconds")),
    groups=("variant", "learning_rate", "n_states", "n_values"),
    kind=lambda config: "memory" if config["n_values"] else "vanilla",
    columns={
        "KL, 5% blanks": lambda record: record["tests"]["0.05"]["kl"],
        "KL, 30% blanks": lambda record: record["tests"]["0.3"]["kl"],
        "Bayes floor, 5%": lambda record: record["tests"]["0.05"]["bayes_floor"],
    },
)
"""The sweep of pretrainings.

:meta hide-value:
"""
