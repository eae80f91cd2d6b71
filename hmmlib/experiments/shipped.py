"""Small pretrained models for the chapters on tuning, which can start from them at once.

Each is trained by the `laptop` preset in about a minute, and holds what it was made from and with. On the
command line: ``hmmlib shipped --out book/checkpoints``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tqdm import tqdm

from hmmlib.experiments.figure3 import checkpoint_name, pretrain_point
from hmmlib.sweeps import progress_options

SHIPPED: tuple[dict[str, Any], ...] = (
    {"n_states": 15, "n_values": 0, "seed": 1, "variant": "short texts first"},
    {"n_states": 15, "n_values": 0, "seed": 1, "variant": "BERT's rule"},
    {"n_states": 25, "n_values": 0, "seed": 1, "variant": "short texts first"},
    {"n_states": 20, "n_values": 5, "seed": 1, "variant": "BERT's rule"},
)
"""What `hmmlib.experiments.figure3.pretrain_point` is told for each of them."""


def train_shipped(folder: Path) -> list[Path]:
    """Train the models that are not there yet.

    Args:
        folder: The folder to put them in; it is made if it does not exist.

    Returns:
        The new files.
    """
    missing = [cell for cell in SHIPPED if not (folder / checkpoint_name(cell)).exists()]
    files = [folder / checkpoint_name(cell) for cell in missing]
    for cell, file in zip(tqdm(missing, unit="model", **progress_options()), files, strict=True):
        pretrain_point("laptop", **cell, path=file)
    return files
