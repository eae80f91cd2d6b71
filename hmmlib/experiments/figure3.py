"""The points of the paper's Figure 3: their HMMs, and the models pretrained on them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from hmmlib._checks import check_positive_int
from hmmlib._files import canonical, digest, set_aside, sha256
from hmmlib.experiments.checks import check_point
from hmmlib.hmm import HMM, N_SYNTAX, N_TOKENS, MemoryHMM, fingerprint, random_hmm, random_memory_hmm
from hmmlib.lm import TransformerMaskedLM, load_lm, save_lm
from hmmlib.pretraining import (
    VARIANTS,
    History,
    Pretrained,
    PretrainingRecipe,
    evaluate,
    pretrain,
    pretraining_preset,
)
from hmmlib.sweeps import Record
from hmmlib.sweeps.provenance import provenance

_log = logging.getLogger(__name__)


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
        TypeError: A number that is not an integer.
        ValueError: As for `hmmlib.experiments.checks.check_point`, or for the generators.
    """
    check_point(n_states, n_values, seed)
    if n_values == 0:
        return random_hmm(n_states, N_TOKENS, generator=seed).to(device)
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


def pretrain_point(
    preset: str,
    variant: str,
    n_states: int,
    n_values: int,
    seed: int,
    path: Path,
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    progress: bool = False,
) -> Pretrained:
    """Pretrain on the HMM of one point, and save the model with what it was made from and with.

    Beside the weights the file holds the point and the recipe; the last `kl`, and its standard error
    `kl_error`, since other held-out texts would give another one; the `history` of measurements; and where
    and in how many seconds it was trained.

    Args:
        preset: Name of the recipe.
        variant: Name of a change to it.
        n_states: Number of flat states.
        n_values: Number of memory values; 0 for a vanilla HMM.
        seed: Of the HMM, the text and the initial weights.
        path: The file to save the model in.
        device: Where to train.
        checkpoint: File to keep the training in, and to go on from.
        progress: Whether to show a bar.

    Returns:
        The pretraining.

    Raises:
        ValueError: As for `cell_recipe`, `point_model` and `hmmlib.pretrain`.
        FloatingPointError: As for `hmmlib.pretrain`.
    """
    recipe = cell_recipe(preset, variant, seed)
    model = point_model(n_states, n_values, seed, device)
    done = pretrain(model, recipe, checkpoint=checkpoint, progress=progress)
    about = {"preset": preset, "variant": variant, "n_states": n_states, "n_values": n_values, "seed": seed}
    found, history = evaluate(done.lm, done.held_out), history_columns(done.history)
    run = {"device": device, "seconds": history.pop("seconds")}
    about |= {"hmm": fingerprint(model), "kl": round(found.kl, 6), "kl_error": round(found.kl_error, 6)}
    about |= {"recipe": done.recipe.to_dict(), "history": history, "provenance": provenance(path) | run}
    save_lm(done.lm, path, about=about)
    return done


def load_or_pretrain(
    model: HMM | MemoryHMM,
    recipe: PretrainingRecipe,
    folder: str | Path,
    *,
    device: str = "cpu",
    measure_every: int | None = None,
) -> tuple[TransformerMaskedLM, Record]:
    """A transformer that several cells start from: trained when it is asked for first, kept beside the cells.

    It is kept as ``<folder>/models/<hash>.safetensors``, named by its recipe and the parameters of the HMM.
    A file that is damaged is reported on the logger of this module, kept aside, and made anew. Several
    processes may ask for the same model: all of them return the one that was finished first.

    Args:
        model: The HMM.
        recipe: The recipe.
        folder: Folder of the store.
        device: Where to train the model, and where to put it.
        measure_every: Steps between the measurements of its history. A kept model that was measured at other
            steps is trained again, and its file replaced by one with the same weights and this history. None
            if any history will do; then a new model is measured at the start and the end only.

    Returns:
        The model, frozen and without dropout, and the record of its pretraining: the fingerprint `hmm`, the
        numbers of `parameters`, `steps` and `tokens`, the last `kl`, and `history`, the measurements on the
        way.

    Raises:
        TypeError: A number of steps that is not an integer.
        ValueError: A number of steps below 1, or as for `hmmlib.pretrain`.
        FloatingPointError: As for `hmmlib.pretrain`.
    """
    lm, record, _ = pretrained_in_time(model, recipe, folder, device=device, measure_every=measure_every)
    return lm, record


def pretrained_in_time(
    model: HMM | MemoryHMM,
    recipe: PretrainingRecipe,
    folder: str | Path,
    *,
    device: str = "cpu",
    measure_every: int | None = None,
) -> tuple[TransformerMaskedLM, Record, Record]:
    """The same as `load_or_pretrain`, with what is of the run.

    Args:
        model: The HMM.
        recipe: The recipe.
        folder: Folder of the store.
        device: Where to train the model, and where to put it.
        measure_every: Steps between the measurements of its history; None if any history will do.

    Returns:
        The model and its record, as `load_or_pretrain` gives them; and of the run, be it this one or an
        earlier one, the `device`, and the `seconds` of training until each measurement.

    Raises:
        TypeError: As for `load_or_pretrain`.
        ValueError: As for `load_or_pretrain`.
        FloatingPointError: As for `load_or_pretrain`.
    """
    if measure_every is not None:
        measure_every = check_positive_int(measure_every, "measure_every")
    made_from = {"recipe": recipe.to_dict(), "hmm": fingerprint(model)}
    path = Path(folder) / "models" / f"{sha256(made_from)}.safetensors"
    kept = _load(path, made_from, device)
    if kept is None or not _measured_at(kept[1], recipe, measure_every):
        mine = _pretrained(model.to(device), recipe, measure_every, made_from, device)
        save_lm(mine[0], path, about=mine[1], overwrite=False)
        kept = _load(path, made_from, device) or mine
        if not _measured_at(kept[1], recipe, measure_every):
            _replace(path, kept[0], *mine)
            kept = mine
    lm, about = kept
    return lm, about["record"], {name: about["provenance"][name] for name in ("device", "seconds")}


def _pretrained(
    model: HMM | MemoryHMM,
    recipe: PretrainingRecipe,
    measure_every: int | None,
    made_from: Mapping[str, Any],
    device: str,
) -> tuple[TransformerMaskedLM, Record]:
    """A new model, and what its file says of it."""
    # The history between start and end is for those who draw it: each measurement takes as long as 30 steps.
    done = pretrain(model, recipe, measure_every=measure_every or recipe.n_steps, progress=False)
    columns = history_columns(done.history)
    seconds = columns.pop("seconds")
    last = done.history.last
    record: Record = {
        "hmm": made_from["hmm"],
        "parameters": done.lm.n_parameters,
        "steps": last.step,
        "tokens": last.tokens,
        "kl": columns["kl"][-1],
        "history": columns,
    }
    about = {
        **made_from,
        "record": record,
        "provenance": provenance() | {"device": device, "seconds": seconds},
        "checksum": _checksum(done.lm, record),
    }
    return done.lm, about


def _measured_at(about: Mapping[str, Any], recipe: PretrainingRecipe, measure_every: int | None) -> bool:
    """Whether a model was measured at the steps asked for.

    At more of them is no better: the losses in training are means since the last measurement.
    """
    if measure_every is None:
        return True
    wanted = [*range(0, recipe.n_steps, measure_every), recipe.n_steps]
    return bool(about["record"]["history"]["step"] == wanted)


def _replace(path: Path, kept: TransformerMaskedLM, lm: TransformerMaskedLM, about: Record) -> None:
    """Put a model with another history in the place of the same model.

    One with other weights stays: there are cells that start from it.
    """
    ours, theirs = lm.state_dict(), kept.state_dict()
    if all(torch.equal(ours[name], theirs[name]) for name in ours):
        save_lm(lm, path, about=about)
        return
    _log.warning(
        "%s: the model was trained again for measurements on its way, and has other weights now, as on "
        "another processor; the file stays as it is",
        path,
    )


def pretraining_facts(pretraining: Mapping[str, Any]) -> Record:
    """What a record says of the pretraining behind it.

    Args:
        pretraining: The record of `load_or_pretrain`.

    Returns:
        Its `kl`, `tokens`, `steps` and `parameters`.
    """
    return {name: pretraining[name] for name in ("kl", "tokens", "steps", "parameters")}


def _load(path: Path, made_from: Mapping[str, Any], device: str) -> tuple[TransformerMaskedLM, Record] | None:
    """The model in a file and what the file says of it, if it is there and sound."""
    if not path.exists():
        return None
    try:
        lm, about = load_lm(path)
        if canonical({name: about.get(name) for name in made_from}) != canonical(made_from):
            raise ValueError("holds another model than its name says")
        if about.get("checksum") != _checksum(lm, about.get("record")):
            raise ValueError("was altered: weights and record do not have its checksum")
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        aside = set_aside(path)
        _log.warning(
            "%s: %s; it is kept as %s, and the model is trained anew", path, error, aside and aside.name
        )
        return None
    return lm.to(device), about


def _checksum(lm: TransformerMaskedLM, record: object) -> str:
    # Types of weights are called as torch calls them.
    weights = [
        part for name, weight in sorted(lm.state_dict().items()) for part in (f"{name} torch.", weight)
    ]
    return digest(canonical(record), *weights)


def checkpoint_name(cell: Mapping[str, Any]) -> str:
    """Name of the file with the weights of a cell.

    Args:
        cell: Its `variant`, `n_states`, `n_values` and `seed`.

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
