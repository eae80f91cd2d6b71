"""The points of the paper's Figure 3: their HMMs, and the models pretrained on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hmmlib.hmm import HMM, N_SYNTAX, N_TOKENS, MemoryHMM, fingerprint, random_hmm, random_memory_hmm
from hmmlib.lm import save_lm
from hmmlib.pretraining import VARIANTS, History, Pretrained, PretrainingRecipe, pretraining_preset
from hmmlib.sweeps.provenance import provenance


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


def cell_recipe(
    preset: str, variant: str, seed: int, learning_rate: float | None = None
) -> PretrainingRecipe:
    """The recipe of a cell.

    Args:
        preset: Name of the recipe that it starts from.
        variant: Name of a change to it.
        seed: Of initial weights, text, masks and dropout.
        learning_rate: AdamW's; None for the recipe's own.

    Returns:
        The recipe.

    Raises:
        ValueError: An unknown preset or variant, or a learning rate out of range.
    """
    if variant not in VARIANTS:
        raise ValueError(f"variant: expected one of {tuple(VARIANTS)}, got {variant!r}")
    recipe = VARIANTS[variant](pretraining_preset(preset, seed))
    return recipe if learning_rate is None else replace(recipe, learning_rate=learning_rate)


def save_pretrained(done: Pretrained, model: HMM | MemoryHMM, path: Path, about: Mapping[str, Any]) -> None:
    """Save a pretrained model, and what it was made from and with.

    Args:
        done: The pretraining.
        model: The HMM that its text came from.
        path: The file.
        about: What else to say about it, ready for JSON.
    """
    made = {"hmm": fingerprint(model), "kl": round(done.history.last.kl, 6)}
    made |= {"recipe": done.recipe.to_dict(), "provenance": provenance(path)}
    save_lm(done.lm, path, about={**about, **made})


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


def history_columns(history: History) -> dict[str, list[float | None]]:
    """The measurements of a pretraining, column by column, as records keep them.

    Args:
        history: The measurements.

    Returns:
        `step`, `seconds`, `train_loss`, `cross_entropy`, `kl` and, with one entry, `bayes_floor`.
    """
    names = ("step", "seconds", "train_loss", "cross_entropy", "kl")
    measured = [asdict(measurement) for measurement in history.measurements]
    return {
        name: [None if entry[name] is None else round(entry[name], 5) for entry in measured] for name in names
    } | {"bayes_floor": [round(history.exact_cross_entropy, 5)]}
