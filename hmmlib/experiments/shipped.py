"""Small trained models for chapters that can start from them at once.

Each is trained by a `laptop` preset in a few minutes, and holds what it was made from and with. On the
command line: ``hmmlib shipped --out book/checkpoints``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from hmmlib.experiments.figure3 import checkpoint_name, pretrain_point
from hmmlib.experiments.machine_reading import EXPERIMENT as MACHINE_READING
from hmmlib.experiments.span_reading import masked_start, retrofitted
from hmmlib.experiments.span_worlds import SpanBench, span_record
from hmmlib.hmm import fingerprint
from hmmlib.spans import read_spans, save_reader
from hmmlib.sweeps import Record, progress_options
from hmmlib.sweeps.provenance import provenance

SHIPPED: tuple[dict[str, Any], ...] = (
    {"n_states": 15, "n_values": 0, "seed": 1, "variant": "short texts first"},
    {"n_states": 15, "n_values": 0, "seed": 1, "variant": "BERT's rule"},
    {"n_states": 25, "n_values": 0, "seed": 1, "variant": "short texts first"},
    {"n_states": 20, "n_values": 5, "seed": 1, "variant": "BERT's rule"},
)
"""What `hmmlib.experiments.figure3.pretrain_point` is told for each of them."""


READER_FILE = "reader_seed_1.safetensors"
"""The file of the reader of spans."""


def shipped_reader_cell() -> Record:
    """Which cell of the sweep over readers the shipped reader is.

    Returns:
        Its configuration.
    """
    wanted = {"start": "masked", "rate": 0.01, "variant": "none", "seed": 1}
    cells = MACHINE_READING.presets["laptop"].cells()
    (found,) = (cell for cell in cells if all(cell[name] == value for name, value in wanted.items()))
    return found


def train_reader(path: Path) -> None:
    """Train a masked language model, retrofit it, and save the reader with what it was made from and with.

    Args:
        path: The file to save it in.
    """
    cell = shipped_reader_cell()
    bench = SpanBench(cell["world"], cell["seed"])
    reader, _ = retrofitted(bench, masked_start(bench, cell["start"], cell["how"]), cell)
    scores = {name: span_record(items, read_spans(reader, items)) for name, items in bench.tests.items()}
    about = {"cell": cell, "hmm": fingerprint(bench.world.model), "scores": scores}
    save_reader(reader, path, about=about | {"provenance": provenance(path)})


def train_shipped(folder: Path) -> list[Path]:
    """Train the models that are not there yet.

    Args:
        folder: The folder to put them in; it is made if it does not exist.

    Returns:
        The new files.
    """
    ways: dict[str, Callable[[Path], object]] = {
        checkpoint_name(cell): partial(_pretrain, cell) for cell in SHIPPED
    }
    ways[READER_FILE] = train_reader
    missing = {folder / name: train for name, train in ways.items() if not (folder / name).exists()}
    for file, train in tqdm(missing.items(), unit="model", **progress_options()):
        train(file)
    return list(missing)


def _pretrain(cell: dict[str, Any], path: Path) -> None:
    pretrain_point("laptop", **cell, path=path)
