"""Cells of an exported file, put into a store again."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hmmlib.sweeps.cells import Cell, cell_hash
from hmmlib.sweeps.experiment import Configuration, Experiment, split
from hmmlib.sweeps.exports import RUN, TIMES
from hmmlib.sweeps.results import checked_cells
from hmmlib.sweeps.store import CellStore

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImportResult:
    """What became of the cells of a file.

    Attributes:
        new: Number of cells that were taken over.
        known: Number of cells that the store had already; its own stay.
        other: Number of cells that were not asked for, or of other recipes.
        altered: Number of cells whose record is not the one that was exported.
    """

    new: int
    known: int
    other: int
    altered: int


def import_cells(
    experiment: Experiment, config: Configuration, store: CellStore, path: str | Path
) -> ImportResult:
    """Put the cells of an exported file into a store, as far as they are among those asked for.

    A cell is known by its name, which says of what experiment and configuration it is, whatever presets meant
    when it was computed. Where the store has it already, its own record stays, and differences are reported
    as by `CellStore.put`. A cell whose record was altered since is reported on the logger of this module.

    Args:
        experiment: The experiment.
        config: What is asked for.
        store: The store.
        path: The file, as `Results.export` makes it.

    Returns:
        How many cells were taken over, and what became of the others.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file does not hold exported cells of this experiment, or not their names, as files of
            earlier versions.
    """
    asked = {cell_hash(experiment.name, cell): cell for cell in checked_cells(experiment, config)}
    count = dict.fromkeys(("new", "known", "other", "altered"), 0)
    content = _read(Path(path), experiment.name)
    for whole, kept in zip(content["cells"], content["kept"], strict=True):
        if kept["name"] not in asked:
            count["other"] += 1
            continue
        record, of_the_run = split(whole, experiment.of_the_run)
        run = content["runs"][kept["run"]]
        provenance = {
            "date": kept["date"],
            **{name: run[name] for name in RUN},
            **{name: kept[name] for name in TIMES[1:] if name in kept},
            "of_the_run": of_the_run,
        }
        cell = Cell(experiment.name, json.loads(json.dumps(asked[kept["name"]])), record, provenance)
        if cell.content()["checksum"] != kept["checksum"]:
            _log.warning("%s: the record of the cell %s was altered; it is left there", path, cell.name)
            count["altered"] += 1
            continue
        there = store.get(cell.experiment, cell.config) is not None
        store.put(cell.experiment, cell.config, cell.record, cell.provenance)
        count["known" if there else "new"] += 1
    return ImportResult(**count)


def _read(path: Path, experiment: str) -> Mapping[str, Any]:
    """The content of an exported file, if it is one, of this experiment."""
    try:
        content = json.loads(path.read_bytes())
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"import: {path} is cut short or no JSON ({error})") from None
    expected = "expected a file that `hmmlib results NAME --export` wrote"
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise ValueError(f"import: {path} holds no cells; {expected}")
    if "kept" not in content:
        raise ValueError(
            f"import: {path} does not say the names of its cells, so it is not known what they were computed "
            f"from: it was written by an earlier version; {expected} with this one"
        )
    if content.get("experiment") != experiment:
        raise ValueError(f"import: {path} holds cells of {content.get('experiment')}; expected {experiment}")
    entries, n_runs = content["kept"], len(content.get("runs", ()))
    wanted = {"name", "checksum", "run", "date", "wall_seconds"}
    if len(entries) != len(content["cells"]) or not all(
        isinstance(entry, dict) and wanted <= entry.keys() and 0 <= entry["run"] < n_runs for entry in entries
    ):
        raise ValueError(
            f"import: {path} is not complete: expected for each of its {len(content['cells'])} cells "
            f"{', '.join(sorted(wanted))} under `kept`"
        )
    return content
