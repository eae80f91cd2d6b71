"""Small pretrained models for the chapters on tuning, which can start from them at once.

Each is trained by the `laptop` preset in about a minute, and holds what it was made from and with.

    python -m hmmlib.experiments.shipped --out book/checkpoints
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from hmmlib.experiments.figure3 import checkpoint_name
from hmmlib.experiments.pretraining import pretraining_cell

SHIPPED: tuple[dict[str, Any], ...] = (
    {"n_states": 15, "n_values": 0, "seed": 1, "variant": "short texts first"},
    {"n_states": 15, "n_values": 0, "seed": 1, "variant": "BERT's rule"},
    {"n_states": 25, "n_values": 0, "seed": 1, "variant": "short texts first"},
    {"n_states": 20, "n_values": 5, "seed": 1, "variant": "BERT's rule"},
)
"""Arguments of `hmmlib.experiments.pretraining.pretraining_cell` for each of them."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the models that are not there yet.

    Args:
        arguments: Those of the command line by default.
    """
    parser = argparse.ArgumentParser(
        prog="python -m hmmlib.experiments.shipped", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder to put them in")
    folder = parser.parse_args(arguments).out
    missing = [cell for cell in SHIPPED if not (folder / checkpoint_name(cell)).exists()]
    for cell in tqdm(missing, unit="model"):
        pretraining_cell("laptop", **cell, save_to=folder / checkpoint_name(cell))


if __name__ == "__main__":
    main()
