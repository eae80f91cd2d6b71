"""What a cell of the experiments costs: processor seconds by part, beside the accuracies that they buy."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from hmmlib.experiments import EXPERIMENTS
from hmmlib.experiments.scoring import accuracy_of
from hmmlib.sweeps import Workplace
from tests.benchmarks.timing import rounded


def cost(experiment: str, preset: str, point: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Compute one cell from nothing, its network included, in one thread of this process.

    Seconds of the processor are what it costs whatever else the machine does; wall seconds are not.

    Args:
        experiment: Name of the experiment.
        preset: Name of the preset.
        point: Which cell: entries of the experiment's configuration, such as ``{"n_states": [15]}``.

    Returns:
        What was asked for; `cpu_seconds` of each lap, in all and of everything that the process did besides
        (imports among it); `wall_seconds` of the cell; `accuracy` of each method on the test texts; the KL
        of the network that was trained; and the number of threads.

    Raises:
        ValueError: The point is not one cell.
    """
    torch.set_num_threads(1)
    asked = replace(
        EXPERIMENTS[experiment].presets[preset], **{name: tuple(values) for name, values in point.items()}
    )
    cells = asked.cells()
    if len(cells) != 1:
        raise ValueError(f"point: expected one cell, got {len(cells)} for {dict(point)}")
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        begin = time.perf_counter()
        record = EXPERIMENTS[experiment].compute(cells[0], Workplace("cpu", Path(folder)))
        wall = time.perf_counter() - begin
    laps = record["cpu_seconds"]
    return {
        "experiment": experiment,
        "preset": preset,
        "point": {name: values[0] for name, values in point.items()},
        "threads": torch.get_num_threads(),
        "cpu_seconds": laps,
        "cpu_seconds_in_all": rounded(sum(laps.values())),
        "cpu_seconds_of_the_process": rounded(time.process_time()),
        "wall_seconds": rounded(wall),
        "accuracy": {name: accuracy_of(name, record) for name in record["methods"]},
        "kl": record["pretraining"]["kl"],
    }
