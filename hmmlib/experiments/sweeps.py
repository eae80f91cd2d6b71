"""Many independent computations, whose records are kept in one JSON file as soon as they are there."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from hmmlib.experiments.provenance import provenance

Record = dict[str, Any]


def sweep_cells(
    compute: Callable[..., Record],
    cells: Sequence[Mapping[str, Any]],
    key: Sequence[str],
    *,
    config: Mapping[str, Any],
    out: Path,
    workers: int = 1,
) -> Record:
    """Compute every cell that `out` does not hold yet, and write each to it as soon as it is there.

    Args:
        compute: Makes one cell's record, ready for JSON, from its arguments; for several workers a function
            of a module.
        cells: Arguments of each cell.
        key: Names of the entries, of arguments and records alike, that tell cells apart.
        config: What the whole sweep was asked for, ready for JSON.
        out: The JSON file, which is replaced as a whole or not at all; a sweep that was cut short goes on
            where it stopped.
        workers: Processes, each on one core; with 1 the cells are computed in this process.

    Returns:
        The result as written: `config`, `provenance` (of this run, with that of the runs that it went on
        from) and `cells`, in the order of the argument.

    Raises:
        ValueError: `out` holds results of another configuration.
    """
    # As it comes back from JSON, where a tuple is a list.
    asked = json.loads(json.dumps(config))
    earlier = json.loads(out.read_text(encoding="utf-8")) if out.exists() else None
    if earlier is not None and earlier["config"] != asked:
        changed = [name for name in asked if earlier["config"].get(name) != asked[name]]
        raise ValueError(
            f"out: {out.name} was computed with another {', '.join(changed) or 'configuration'}; "
            "expected the same, or a file that does not exist"
        )
    result = earlier or {"config": asked, "provenance": None, "cells": []}

    def name_of(cell: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(cell[part] for part in key)

    order = {name_of(cell): place for place, cell in enumerate(cells)}
    done = {name_of(cell) for cell in result["cells"]}
    missing = [cell for cell in cells if name_of(cell) not in done]
    if not missing:
        return result
    begin = time.perf_counter()
    previous = [] if earlier is None else [*earlier["provenance"].pop("went_on_from"), earlier["provenance"]]
    run = provenance(out) | {"workers": workers, "cells": 0, "wall_seconds": 0.0, "went_on_from": previous}
    result["provenance"] = run
    for record in tqdm(_records(compute, missing, workers), total=len(missing), unit="cell"):
        result["cells"] = sorted([*result["cells"], record], key=lambda cell: order[name_of(cell)])
        run["cells"] += 1
        run["wall_seconds"] = round(time.perf_counter() - begin, 1)
        write_json(out, result)
    return result


def write_json(out: Path, result: Mapping[str, Any]) -> None:
    """Write a file as a whole or not at all, whenever the process is killed.

    Args:
        out: The file.
        result: What to write.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        draft.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


def _records(
    compute: Callable[..., Record], cells: Sequence[Mapping[str, Any]], workers: int
) -> Iterator[Record]:
    """The cells' records, in the order in which they are finished."""
    if workers == 1:
        yield from (compute(**cell) for cell in cells)
        return
    # Not forked: the threads of torch would not survive it.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_use_one_core) as pool:
        futures = [pool.submit(compute, **cell) for cell in cells]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _use_one_core() -> None:
    torch.set_num_threads(1)
    threadpool_limits(1)
