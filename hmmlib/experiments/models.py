"""Pretrained models that several cells start from: trained once, kept beside the cells."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from torch import Tensor

from hmmlib._files import canonical, sha256
from hmmlib.experiments.figure3 import cell_recipe, history_columns, point_model
from hmmlib.hmm import fingerprint
from hmmlib.lm import TransformerMaskedLM, load_lm, save_lm
from hmmlib.pretraining import pretrain
from hmmlib.sweeps import Record
from hmmlib.sweeps.provenance import provenance

_POINT = ("preset", "variant", "n_states", "n_values", "seed")
_log = logging.getLogger(__name__)


def pretrained(
    config: Mapping[str, Any], folder: str | Path, *, device: str = "cpu"
) -> tuple[TransformerMaskedLM, Record]:
    """A transformer pretrained on the HMM of one point of Figure 3, trained when it is asked for first.

    It is kept as ``<folder>/models/<hash>.safetensors``, named by its recipe and the parameters of the HMM.
    A file that is damaged is reported on the logger of this module, kept aside, and made anew. Several
    processes may ask for the same model: all of them return the one that was finished first.

    Args:
        config: `preset`, `variant`, `n_states`, `n_values` and `seed`, as for `pretraining_cell`, and
            `learning_rate` if it is not the recipe's own.
        folder: Folder of the store.
        device: Where to train the model, and where to put it.

    Returns:
        The model, frozen and without dropout, and the record of its pretraining: the `config`, the
        fingerprint `hmm`, the numbers of `parameters`, `steps` and `tokens`, the last `kl`, and `history`,
        the measurements on the way.

    Raises:
        ValueError: An entry is missing or too many, or as for `pretraining_cell`.
        FloatingPointError: As for `hmmlib.pretrain`.
    """
    point = {name: value for name, value in config.items() if name != "learning_rate"}
    if set(point) != set(_POINT):
        raise ValueError(f"config: expected the entries {_POINT}, got {tuple(point)}")
    rate = config.get("learning_rate")
    recipe = cell_recipe(point["preset"], point["variant"], point["seed"], rate)
    model = point_model(point["n_states"], point["n_values"], point["seed"])
    made_from = {"recipe": recipe.to_dict(), "hmm": fingerprint(model)}
    path = Path(folder) / "models" / f"{sha256(made_from)}.safetensors"
    found = _load(path, made_from, device)
    if found is not None:
        return found
    done = pretrain(model.to(device), recipe, progress=False)
    columns = history_columns(done.history)
    seconds = columns.pop("seconds")
    last = done.history.last
    record: Record = {
        "config": {**point, "learning_rate": rate},
        "hmm": made_from["hmm"],
        "parameters": done.lm.n_parameters,
        "steps": last.step,
        "tokens": last.tokens,
        "kl": columns["kl"][-1],
        "history": columns,
    }
    about = made_from | {
        "record": record,
        "provenance": provenance() | {"device": device, "seconds": seconds},
        "checksum": _checksum(done.lm, record),
    }
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        save_lm(done.lm, draft, about=about)
        _keep_first(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return _load(path, made_from, device) or (done.lm, record)


def _load(path: Path, made_from: Mapping[str, Any], device: str) -> tuple[TransformerMaskedLM, Record] | None:
    """The model in a file, if it is there and sound."""
    if not path.exists():
        return None
    try:
        lm, about = load_lm(path)
        if canonical({name: about.get(name) for name in made_from}) != canonical(made_from):
            raise ValueError("holds another model than its name says")
        if about.get("checksum") != _checksum(lm, about.get("record")):
            raise ValueError("was altered: weights and record do not have its checksum")
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        aside = path.with_name(f"{path.name}.damaged-{uuid4().hex[:8]}")
        path.rename(aside)
        _log.warning("%s: %s; it is kept as %s, and the model is trained anew", path, error, aside.name)
        return None
    return lm.to(device), about["record"]


def _checksum(lm: TransformerMaskedLM, record: object) -> str:
    found = hashlib.sha256(canonical(record).encode())
    weights: dict[str, Tensor] = lm.state_dict()
    for name, weight in sorted(weights.items()):
        found.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        found.update(weight.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def _keep_first(draft: Path, path: Path) -> None:
    """Give the file its name, unless another process was faster."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        draft.replace(path)
