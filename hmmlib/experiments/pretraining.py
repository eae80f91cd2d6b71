"""Pretrainings of many HMMs, each measured against Bayes.

The paper assumes that pretraining learns P[X_i | X_{-i}]; these files say how nearly it does.

python -m hmmlib.experiments.pretraining --preset laptop --out book/results/pretraining_laptop.json
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from hmmlib._checks import check_positive_int
from hmmlib.checkpoints import save_lm
from hmmlib.evaluation import draw_held_out, evaluate
from hmmlib.experiments.presets import VARIANTS, pretraining_preset
from hmmlib.experiments.provenance import provenance
from hmmlib.experiments.sweeps import sweep_cells
from hmmlib.hmm import HMM, random_hmm
from hmmlib.memory import MemoryHMM, random_memory_hmm
from hmmlib.pretraining import History, fingerprint, pretrain

N_TOKENS = 10
N_SYNTAX = 4
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

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The arguments of `pretraining_cell` for each.
        """
        points = [(n_states, 0) for n_states in self.n_states]
        points += [(N_SYNTAX * n_values, n_values) for n_values in self.n_values]
        return [
            {
                "preset": self.preset,
                "variant": variant,
                "learning_rate": rate,
                "n_states": n_states,
                "n_values": n_values,
                "seed": seed,
                "measure_every": self.measure_every,
            }
            for variant in self.variants
            for rate in self.learning_rates
            for seed in self.seeds
            for n_states, n_values in points
        ]


def point_model(n_states: int, n_values: int, seed: int, device: str = "cpu") -> HMM | MemoryHMM:
    """The HMM of one point of Figure 3.

    Args:
        n_states: Number of flat states.
        n_values: Number of memory values; 0 for a vanilla HMM.
        seed: Of the paper's generator.
        device: Where it computes.

    Returns:
        The model.

    Raises:
        ValueError: The states are not |𝒮| = 4 for each value; or as for the generators.
    """
    if n_values == 0:
        return random_hmm(n_states, N_TOKENS, generator=seed).to(device)
    if n_states != N_SYNTAX * n_values:
        raise ValueError(f"n_states: expected {N_SYNTAX} for each of {n_values} values, got {n_states}")
    return random_memory_hmm(n_values, N_SYNTAX, N_TOKENS, generator=seed).to(device)


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
    if variant not in VARIANTS:
        raise ValueError(f"variant: expected one of {tuple(VARIANTS)}, got {variant!r}")
    recipe = VARIANTS[variant](pretraining_preset(preset, seed))
    if learning_rate is not None:
        recipe = replace(recipe, learning_rate=learning_rate)
    done = pretrain(model, recipe, measure_every=measure_every, progress=False)
    if save_to is not None:
        about = {"preset": preset, "variant": variant, "n_states": n_states, "n_values": n_values}
        about |= {"seed": seed, "hmm": fingerprint(model), "kl": _rounded(done.history.last.kl)}
        about |= {"recipe": recipe.to_dict(), "provenance": provenance(save_to)}
        save_lm(done.lm, save_to, about=about)
    tests = {}
    for rate in TEST_RATES:
        texts = draw_held_out(model, generator=TEST_SEED, n_texts=TEST_TEXTS, rate=rate)
        found = evaluate(done.lm, texts)
        tests[str(rate)] = {
            name: _rounded(getattr(found, name))
            for name in ("kl", "kl_error", "total_variation", "cross_entropy", "bayes_floor")
        } | {
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
        "history": _columns(done.history),
    }


def checkpoint_name(cell: Mapping[str, Any]) -> str:
    """Name of the file with the weights of a cell.

    Args:
        cell: Arguments of `pretraining_cell`.

    Returns:
        For example ``vanilla_15_seed_1_short_texts_first.safetensors``.
    """
    kind = "memory" if cell["n_values"] else "vanilla"
    slug = "_".join("".join(c for c in word if c.isalnum()) for word in cell["variant"].lower().split())
    return f"{kind}_{cell['n_states']}_seed_{cell['seed']}_{slug}.safetensors"


def unigram_entropy(model: HMM | MemoryHMM, *, position: int = 64) -> float:
    """Cross-entropy of a model that has learnt how frequent each word is, and nothing else.

    Args:
        model: The HMM.
        position: Where in a text the frequencies are taken, far from its start.

    Returns:
        Entropy of the word at that position, nats.
    """
    chain = model.chain
    position = check_positive_int(position, "position", 0)
    law = chain.initial @ torch.linalg.matrix_power(chain.transition, position)
    words = law.reshape(-1) @ chain.flat_emission
    return float(-torch.special.xlogy(words, words).sum())


def sweep(
    config: PretrainingConfig,
    out: Path,
    *,
    workers: int = 1,
    device: str = "cpu",
    checkpoints: Path | None = None,
) -> dict[str, Any]:
    """Pretrain every cell that `out` does not hold yet.

    Args:
        config: What to compute.
        out: The JSON file; a sweep that was cut short goes on where it stopped.
        workers: Processes; on a CPU each on one core, with 1 on all of them; on a GPU they share the card.
        device: Where to train.
        checkpoints: Folder to save the weights of all computed cells in; see `checkpoint_name`.

    Returns:
        The result as written: `config` (with the `recipe` of each variant), `provenance` and `cells`.

    Raises:
        ValueError: `out` holds results of another configuration.
    """
    recipes = {name: VARIANTS[name](pretraining_preset(config.preset)).to_dict() for name in config.variants}
    cells = [cell | {"device": device} for cell in config.cells()]
    if checkpoints is not None:
        cells = [cell | {"save_to": checkpoints / checkpoint_name(cell)} for cell in cells]
    key = ("variant", "learning_rate", "n_states", "n_values", "seed")
    asked = asdict(config) | {"recipes": recipes}
    return sweep_cells(pretraining_cell, cells, key, config=asked, out=out, workers=workers)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the sweep from the command line.

    Args:
        arguments: Those of the command line by default.
    """
    default = PretrainingConfig()
    parser = argparse.ArgumentParser(
        prog="python -m hmmlib.experiments.pretraining", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write, or to go on with")
    parser.add_argument("--preset", default=default.preset, help="the recipe")
    parser.add_argument(
        "--variants", nargs="+", default=default.variants, choices=VARIANTS, help="changes to it"
    )
    parser.add_argument(
        "--learning-rates", type=float, nargs="+", default=default.learning_rates, help="rates"
    )
    parser.add_argument("--n-states", type=int, nargs="*", default=default.n_states, help="vanilla HMMs")
    parser.add_argument("--n-values", type=int, nargs="*", default=default.n_values, help="memory HMMs")
    parser.add_argument("--seeds", type=int, nargs="+", default=default.seeds, help="seeds")
    parser.add_argument("--measure-every", type=int, default=default.measure_every, help="steps")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 …")
    parser.add_argument("--checkpoints", type=Path, help="folder to save weights in")
    chosen = vars(parser.parse_args(arguments))
    rest = {name: chosen.pop(name) for name in ("out", "workers", "device", "checkpoints")}
    lists: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in chosen.items()
    }
    sweep(replace(default, **lists), **rest)


def _columns(history: History) -> dict[str, list[float | None]]:
    names = ("step", "seconds", "train_loss", "cross_entropy", "kl")
    measured = [asdict(measurement) for measurement in history.measurements]
    return {
        name: [None if entry[name] is None else round(entry[name], 5) for entry in measured] for name in names
    } | {"bayes_floor": [round(history.bayes_floor, 5)]}


def _groups(found: list[tuple[int, float, int]]) -> dict[str, list[float]]:
    names = ("group", "kl", "blanks")
    return {name: [_rounded(entry[i]) for entry in found] for i, name in enumerate(names)}


def _rounded(value: float) -> float:
    return round(float(value), 6)


if __name__ == "__main__":
    main()
