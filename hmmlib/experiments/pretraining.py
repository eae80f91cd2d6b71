"""Pretrainings of many HMMs, each measured against Bayes.

The paper assumes that pretraining learns P[X_i | X_{-i}]; these results say how nearly it does. On the
command line: ``hmmlib sweep pretraining``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hmmlib.experiments.figure3 import cell_recipe, history_columns, point_model, save_pretrained
from hmmlib.hmm import N_SYNTAX, unigram_entropy
from hmmlib.pretraining import PRETRAINING_PRESETS, draw_held_out, evaluate, pretrain
from hmmlib.sweeps import Experiment, Workplace

# Another text than the one that the history is measured on.
TEST_SEED = 7
TEST_RATES = (0.05, 0.3)
TEST_TEXTS = 2048
_BIN = 8


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
    variants: tuple[str, ...] = ("short texts first",)
    learning_rates: tuple[float | None, ...] = (None,)
    n_states: tuple[int, ...] = (4, 8, 10, 15, 25, 30)
    n_values: tuple[int, ...] = (2, 3, 5, 7)
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    measure_every: int = 100

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
            For each the arguments of `pretraining_cell`, but for the device, and what follows from them:
            the recipe, and the texts that the result is measured on.
        """
        points = [(n_states, 0) for n_states in self.n_states]
        points += [(N_SYNTAX * n_values, n_values) for n_values in self.n_values]
        return [
            _with_consequences(
                {
                    "preset": self.preset,
                    "variant": variant,
                    "learning_rate": rate,
                    "n_states": n_states,
                    "n_values": n_values,
                    "seed": seed,
                    "measure_every": self.measure_every,
                }
            )
            for variant in self.variants
            for rate in self.learning_rates
            for seed in self.seeds
            for n_states, n_values in points
        ]


def pretraining_cell(
    preset: str,
    variant: str,
    n_states: int,
    n_values: int,
    seed: int,
    *,
    learning_rate: float | None = None,
    measure_every: int = 50,
    device: str = "cpu",
    save_to: Path | None = None,
) -> dict[str, Any]:
    """Pretrain on one HMM, and measure the result on new text.

    Args:
        preset: Name of the recipe.
        variant: Name of a change to it.
        n_states: Number of flat states.
        n_values: Number of memory values; 0 for a vanilla HMM.
        seed: Of the HMM, the text and the initial weights.
        learning_rate: AdamW's; None for the recipe's own.
        measure_every: Steps between measurements.
        device: Where to train.
        save_to: File to save the weights in.

    Returns:
        The record, ready for JSON. `tests` has an entry for each rate of blanks in new texts of 128 tokens:
        `kl`, `kl_error`, `total_variation`, `cross_entropy`, `bayes_floor`, and KL with numbers of blanks
        `by_position` (in groups of 8) and `by_neighbours` (other blanks at a distance of at most 8).
        `unigram` is the cross-entropy of always predicting the words' frequencies; `history` has the
        measurements on the way; `seconds` the time of training without them.

    Raises:
        ValueError: An unknown preset or variant, or a point that is not in the figure.
        FloatingPointError: As for `hmmlib.pretrain`.
    """
    model = point_model(n_states, n_values, seed, device)
    recipe = cell_recipe(preset, variant, seed, learning_rate)
    done = pretrain(model, recipe, measure_every=measure_every, progress=False)
    if save_to is not None:
        point = {"preset": preset, "variant": variant, "n_states": n_states, "n_values": n_values}
        save_pretrained(done, model, save_to, point | {"seed": seed})
    tests = {}
    for rate in TEST_RATES:
        texts = draw_held_out(model, generator=TEST_SEED, n_texts=TEST_TEXTS, rate=rate)
        found = evaluate(done.lm, texts)
        tests[str(rate)] = {
            name: _rounded(getattr(found, name))
            for name in ("kl", "kl_error", "total_variation", "cross_entropy")
        } | {
            "bayes_floor": _rounded(found.exact_cross_entropy),
            "by_position": _groups(found.kl_by(found.position // _BIN)),
            "by_neighbours": _groups(found.kl_by(found.neighbours)),
        }
    return {
        "preset": preset,
        "variant": variant,
        "learning_rate": learning_rate,
        "n_states": n_states,
        "n_values": n_values,
        "seed": seed,
        "parameters": done.lm.n_parameters,
        "steps": done.history.last.step,
        "tokens": done.history.last.tokens,
        "seconds": round(done.history.last.seconds, 1),
        "device": device,
        "unigram": _rounded(unigram_entropy(model)),
        "tests": tests,
        "history": history_columns(done.history),
    }


def compute(config: dict[str, Any], place: Workplace) -> dict[str, Any]:
    """A cell of the sweep.

    Args:
        config: One of `PretrainingConfig.cells`.
        place: Where to train.

    Returns:
        As `pretraining_cell`.

    Raises:
        ValueError: Preset, variant or texts are others here than where the sweep was started; or as for
            `pretraining_cell`.
    """
    arguments = {name: value for name, value in config.items() if name not in ("recipe", "texts")}
    here = json.loads(json.dumps(_with_consequences(arguments)))
    changed = [name for name in here if here[name] != json.loads(json.dumps(config.get(name)))]
    if changed:
        raise ValueError(
            f"config: {', '.join(changed)} of the preset {config['preset']!r} as it is here differs from "
            "the one asked for; expected the same version of hmmlib everywhere"
        )
    return pretraining_cell(**arguments, device=place.device)


def _with_consequences(arguments: dict[str, Any]) -> dict[str, Any]:
    """All that a record depends on: a preset may change, a recipe does not."""
    names = ("preset", "variant", "seed", "learning_rate")
    recipe = cell_recipe(**{name: arguments[name] for name in names})
    texts = {"seed": TEST_SEED, "rates": TEST_RATES, "count": TEST_TEXTS}
    return arguments | {"recipe": recipe.to_dict(), "texts": texts}


def _groups(found: list[tuple[int, float, int]]) -> dict[str, list[float]]:
    names = ("group", "kl", "blanks")
    return {name: [_rounded(entry[i]) for entry in found] for i, name in enumerate(names)}


def _rounded(value: float) -> float:
    return round(float(value), 6)


EXPERIMENT = Experiment(
    name="pretraining",
    title="how nearly pretraining learns the exact conditionals",
    presets={
        "laptop": PretrainingConfig(),
        "smoke": PretrainingConfig("smoke", n_states=(4,), n_values=(2,), seeds=(1,), measure_every=30),
        **{name: PretrainingConfig(name) for name in PRETRAINING_PRESETS if name not in ("laptop", "smoke")},
    },
    options={
        "variants": "changes to the recipe",
        "learning_rates": "AdamW's learning rates, each with every variant; the recipe's own by default",
        "n_states": "numbers of hidden states of vanilla HMMs; none for no such HMM",
        "n_values": "numbers of values of HMMs with memory; none for no such HMM",
        "seeds": "seeds",
        "measure_every": "steps between measurements",
    },
    compute=compute,
    of_the_run=(("seconds",), ("device",), ("history", "seconds")),
    groups=("variant", "learning_rate", "n_states", "n_values"),
    columns={
        "KL, 5% blanks": lambda record: record["tests"]["0.05"]["kl"],
        "KL, 30% blanks": lambda record: record["tests"]["0.3"]["kl"],
        "Bayes floor, 5%": lambda record: record["tests"]["0.05"]["bayes_floor"],
    },
)
"""The sweep of pretrainings.

:meta hide-value:
"""
