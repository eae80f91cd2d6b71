"""Ways to find smoothed posteriors, measured beside each other: ``python -m tests.benchmarks.variants``.

It needs the extras ``bench`` and ``fast``, and a C++ compiler for ``torch.compile``; it writes
``book/results/inference_variants.json``. What a way gives is compared with the plain one, number by number.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.fresh import ROOT, run_fresh
from tests.benchmarks.provenance import provenance

RESULTS = ROOT / "book" / "results" / "inference_variants.json"
MODEL = {"n_states": 30, "sequences": 6500, "length": 129, "seed": 1}
MEMORIES = [
    {"n_cells": 1, "n_values": 7, "sequences": 500},
    {"n_cells": 2, "n_values": 5, "sequences": 50},
]
THREADS = (1, 2)
REST = "rest"


def compare(
    n_states: int, sequences: int, length: int, repetitions: int, seed: int, threads: int
) -> list[dict[str, Any]]:
    """Time each way on the same texts, in turn, and dynamax's smoother in float32.

    Args:
        n_states: Number H of hidden states.
        sequences: Number of texts.
        length: Their length in tokens.
        repetitions: How often each is timed.
        seed: Seed of model and text.
        threads: Threads of torch, and cores that the process may use.

    Returns:
        For each way: its name, seconds, how many times as long dynamax takes, its largest deviation from
        today's numbers by numpy, and in how many texts it has other numbers at all.
    """
    _use(threads)
    import jax.numpy as jnp

    from hmmlib import posteriors, random_hmm, sample_tokens
    from tests.benchmarks.inference import dynamax_smoother
    from tests.benchmarks.timing import in_turn, per_unit_ratio, rounded, spread

    hmm = random_hmm(n_states, generator=seed)
    text = sample_tokens(hmm, sequences, length, generator=seed)
    smooth, on_jax = dynamax_smoother(hmm), jnp.asarray(text.numpy())

    def ours() -> Any:
        return posteriors(hmm, text, keep=("smoothed",)).smoothed

    ways: dict[str, Callable[[], Any]] = {
        "dynamax, jitted, float32": lambda: smooth(on_jax).block_until_ready(),
        # jax's threads look for more work for a while, at the cost of what comes next.
        REST: lambda: time.sleep(0.2),
        "numpy and torch": _with(ours, compiled=False),
    }
    for numbers in (8192, 4096, 2048, 1024):
        name = f"numpy and torch, pieces of {numbers // n_states} texts"
        ways[name] = _with(ours, compiled=False, message=numbers)
    ways["torch.compile of the step"] = _with(lambda: _by_torch_compile(hmm, text), compiled=False)
    for rows in (4, 8, 16, 32, 64):
        ways[f"compiled loops, {rows} texts at once"] = _with(ours, compiled=True, rows=rows)
    ways["compiled loops, as kept"] = ours
    plain = ways["numpy and torch"]()
    found = {name: way() for name, way in ways.items() if name not in (REST, "dynamax, jitted, float32")}
    differs = {name: (table - plain).abs().amax((1, 2)) for name, table in found.items()}
    del found, plain
    seconds = in_turn(ways, repetitions)
    beside = seconds["dynamax, jitted, float32"]
    return [
        {
            "way": name,
            "seconds": spread(seconds[name]),
            "ratio_to_dynamax": per_unit_ratio(beside, seconds[name]),
            "ratio_to_plain": per_unit_ratio(seconds["numpy and torch"], seconds[name]),
            "fastest_to_fastest_dynamax": rounded(min(beside) / min(seconds[name]), 3),
            "largest_deviation": rounded(float(differs[name].max()), 2) if name in differs else None,
            "texts_with_other_numbers": int((differs[name] > 0).sum()) if name in differs else None,
        }
        for name in ways
        if name != REST
    ]


def memories(
    n_cells: int, n_values: int, sequences: int, length: int, repetitions: int, seed: int, threads: int
) -> dict[str, Any]:
    """A memory-augmented HMM and its flat HMM at temperature 1, with and without compiled loops.

    Args:
        n_cells: Number N of memory cells.
        n_values: Number |ℳ| of values of a cell.
        sequences: Number of texts.
        length: Their length in tokens.
        repetitions: How often each is timed.
        seed: Seed of model and text.
        threads: Threads of torch, and cores that the process may use.

    Returns:
        Sizes, seconds, and how many times as long the flat one takes.
    """
    _use(threads)
    from hmmlib import posteriors, random_memory_hmm, sample_tokens
    from tests.benchmarks.timing import in_turn, per_unit_ratio, rounded, spread

    model = random_memory_hmm(
        n_values,
        4,
        generator=seed,
        n_cells=n_cells,
        transition_temperature=1.0,
        emission_temperature=1.0,
    )
    flat, text = model.flatten(), sample_tokens(model, sequences, length, generator=seed)
    keep = ("smoothed", "conditionals")
    rows = []
    for how in ("numpy and torch", "compiled loops"):
        seconds = in_turn(
            {
                name: _with(
                    lambda one=one: posteriors(one, text, keep=keep), compiled=how == "compiled loops"
                )
                for name, one in (("structured", model), ("flat", flat))
            },
            repetitions,
        )
        structured, other = seconds["structured"], seconds["flat"]
        rows.append(
            {
                "way": how,
                "seconds": {name: spread(taken) for name, taken in seconds.items()},
                "ratio": per_unit_ratio(other, structured),
                "fastest_to_fastest": rounded(min(other) / min(structured), 3),
            }
        )
    return {"n_cells": n_cells, "n_values": n_values, "flat_states": flat.n_states, "ways": rows}


def _use(threads: int) -> None:
    """Let this process use so many cores; to be called before jax and torch look for them."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    import torch

    torch.set_num_threads(threads)


def _with(
    call: Callable[[], Any],
    *,
    compiled: bool,
    message: int | None = None,
    rows: int | None = None,
) -> Callable[[], Any]:
    """The call, with or without compiled loops, in pieces and blocks of other sizes than usual."""

    def changed() -> Any:
        from hmmlib.hmm import _batches, _fused

        with (
            _set(_batches, "applies", _batches.applies if compiled else lambda *_: False),
            _set(_batches, "_CPU_MESSAGE", message or _batches._CPU_MESSAGE),
            _set(_fused, "_block", (lambda *_: rows) if rows else _fused._block),
        ):
            return call()

    return changed


@contextmanager
def _set(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


_STEPS: dict[str, Any] = {}


def _by_torch_compile(hmm: Any, text: Any) -> Any:
    """`hmmlib`'s algorithm with the sweeps' step as one function that torch compiles."""
    import torch

    from hmmlib import posteriors
    from hmmlib.hmm import _sweeps

    if not _STEPS:

        def step(following: Any, last: Any, now: Any, move: Any, message: Any) -> tuple[Any, Any]:
            message.copy_(following * last)
            product = torch.mm(message * now, move)
            return product[:, :-1], product[:, -1:].reciprocal()

        # The number of texts differs between pieces, and so few that each may have code of its own.
        _STEPS["step"] = torch.compile(step, dynamic=False)

    def in_place(start: Any, evidence: Any, matrix: Any, kept: Any, inverse: Any, backward: bool) -> None:
        move = torch.cat([matrix, matrix.new_ones(len(matrix), 1)], -1)
        following, last = start.contiguous(), start.new_ones(len(start), 1)
        for now, message, scale in zip(
            *(_sweeps.steps_of(table, backward) for table in (evidence, kept, inverse)), strict=True
        ):
            following, last = _STEPS["step"](following, last, now, move, message)
            scale.copy_(last)

    with _set(_sweeps, "_sweep_in_place", in_place), torch.no_grad():
        return posteriors(hmm, text, keep=("smoothed",)).smoothed


def main() -> int:
    """Measure, write and print.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.variants", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=25, help="how often each is timed (default: 25)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="file to write")
    options = parser.parse_args()
    found = provenance(options.output.resolve())
    begin = time.perf_counter()
    common = {"repetitions": options.repetitions, "seed": MODEL["seed"], "length": MODEL["length"]}
    result: dict[str, Any] = {"config": {**MODEL, "repetitions": options.repetitions}}
    result["posteriors"] = [
        {"threads": threads, "ways": run_fresh("variants.compare", **MODEL | common, threads=threads)}
        for threads in THREADS
    ]
    result["memory"] = [
        {"threads": threads, **run_fresh("variants.memories", **model, **common, threads=threads)}
        for threads in THREADS
        for model in MEMORIES
    ]
    found["machine"]["load_at_end"] = [round(load, 2) for load in os.getloadavg()]
    found["wall_seconds"] = round(time.perf_counter() - begin, 1)
    text = json.dumps({"provenance": found, **result}, indent=1, ensure_ascii=False)
    options.output.write_text(text + "\n", encoding="utf-8")
    for part in result["posteriors"]:
        for row in part["ways"]:
            print(part["threads"], f"{row['ratio_to_dynamax']['median']:6.3g}", row["way"])
    for part in result["memory"]:
        for row in part["ways"]:
            print(part["threads"], f"{row['ratio']['median']:6.3g}", part["flat_states"], row["way"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
