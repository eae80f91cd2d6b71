"""Measure hmmlib and write ``book/results/benchmarks.json``: ``make bench``."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.fresh import ROOT, run_fresh
from tests.benchmarks.provenance import missing_libraries, provenance
from tests.benchmarks.report import comparisons, table
from tests.benchmarks.timing import rounded

RESULTS = ROOT / "book" / "results" / "benchmarks.json"

# The sizes of the committed result; those that --quick changes follow.
FULL: dict[str, Any] = {
    "seed": 1,
    "repetitions": 9,
    "corrupted_share": 0.3,
    "inference": {"n_states": 30, "sequences": 6500, "length": 129, "hmmlearn_sequences": 500},
    "sampling": {"n_states": 30, "sequences": 5000, "length": 10_240, "hmmlearn_tokens": 50_000},
    "fitting": {"n_states": 10, "sequences": 1000, "length": 129, "iterations": 10},
    "one_text": {"n_states": 30, "tokens": 20_000},
    "growth_time": {
        "time": {"grid": [2**k for k in range(4, 13)], "fixed": {"n_states": 16, "batch": 256}},
        "n_states": {"grid": [2**k for k in range(2, 10)], "fixed": {"time": 64, "batch": 512}},
        "batch": {"grid": [2**k for k in range(4, 14)], "fixed": {"time": 128, "n_states": 16}},
    },
    "growth_memory": {"base": {"batch": 2048, "time": 128, "n_states": 16}, "factors": [2, 4, 8]},
    "memory_hmm": [
        {**model, "n_syntax": 4, "temperature": temperature, "length": 129}
        for model in (
            {"n_cells": 1, "n_values": 7, "sequences": 500},
            {"n_cells": 2, "n_values": 5, "sequences": 50},
        )
        for temperature in (0.01, 1.0)
    ],
    "blocked": {
        "n_classes": 64,
        "states_per_class": 16,
        "words_per_class": 8,
        "sentences": 256,
        "length": 25,
    },
    "forward": [
        {"n_classes": 2**k, "states_per_class": 2**k, "sentences": 256, "length": 25} for k in (5, 6, 7)
    ]
    + [{"n_classes": 2**8, "states_per_class": 2**7, "sentences": 256, "length": 25}],
    "cells": [
        {"experiment": "head-vs-prompt", "preset": "laptop", "point": {"n_states": [15], "seeds": [1]}},
        {
            "experiment": "memory-vs-vanilla",
            "preset": "laptop",
            "point": {"kinds": ["vanilla"], "n_values": [5], "seeds": [1]},
        },
    ],
}
QUICK: dict[str, Any] = {
    **FULL,
    "repetitions": 7,
    "inference": {"n_states": 30, "sequences": 300, "length": 129, "hmmlearn_sequences": 30},
    "sampling": {"n_states": 30, "sequences": 5000, "length": 100, "hmmlearn_tokens": 5000},
    "fitting": {"n_states": 10, "sequences": 100, "length": 129, "iterations": 3},
    "growth_time": {
        "time": {"grid": [2**k for k in range(4, 9)], "fixed": {"n_states": 16, "batch": 64}},
        "n_states": {"grid": [2**k for k in range(2, 7)], "fixed": {"time": 64, "batch": 64}},
        "batch": {"grid": [2**k for k in range(4, 10)], "fixed": {"time": 64, "n_states": 16}},
    },
    "growth_memory": {"base": {"batch": 2048, "time": 128, "n_states": 16}, "factors": [4]},
    "memory_hmm": [{**run, "sequences": run["sequences"] // 5} for run in FULL["memory_hmm"]],
    "blocked": {**FULL["blocked"], "sentences": 16},
    "forward": FULL["forward"][:2],
    "cells": [{**cell, "preset": "smoke"} for cell in FULL["cells"]],
}


def measure(config: dict[str, Any]) -> dict[str, Any]:
    """Measure everything.

    Args:
        config: Sizes, as in `FULL`.

    Returns:
        The result, without provenance.
    """
    common = {"repetitions": config["repetitions"], "seed": config["seed"]}
    corpus = {name: config["sampling"][name] for name in ("n_states", "sequences", "length")}
    result: dict[str, Any] = {"config": config}
    _say("inference, beside dynamax and hmmlearn")
    result["inference"] = {
        **run_fresh("inference.compare", **config["inference"], **common),
        "accuracy": run_fresh(
            "inference.accuracy",
            **config["inference"],
            corrupted_share=config["corrupted_share"],
            seed=config["seed"],
        ),
    }
    _say("sampling, beside hmmlearn")
    result["sampling"] = {
        "corpus": run_fresh("sampling.corpus_cost", **corpus, seed=config["seed"]),
        **run_fresh("sampling.compare", **config["sampling"], **common),
        "one_text": run_fresh("sampling.compare_one_text", **config["one_text"], **common),
    }
    _say("fitting, beside hmmlearn")
    result["fitting"] = run_fresh("fitting.compare", **config["fitting"], **common)
    _say("growth of time")
    times = {
        axis: run_fresh("growth.time_along", axis=axis, **settings, **common)
        for axis, settings in config["growth_time"].items()
    }
    _say("growth of memory")
    result["growth"] = {"time": times, "memory": _memory(config["growth_memory"], config["seed"])}
    _say("memory-augmented inference, structured and flat")
    result["memory_hmm"] = [
        run_fresh("memory_hmm.compare", **settings, **common) for settings in config["memory_hmm"]
    ]
    _say("thousands of states, blocked and dense")
    result["blocked"] = {
        "beside_dense": run_fresh("blocked.compare", **config["blocked"], **common),
        "forward": [run_fresh("blocked.forward", **sizes, **common) for sizes in config["forward"]],
    }
    _say("cells of the experiments, in one thread")
    result["cells"] = [run_fresh("cells.cost", **cell) for cell in config["cells"]]
    result["comparisons"] = comparisons(result)
    return result


def _memory(settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """Peak memory as one size after another grows, and the bytes per number along each axis and in all."""
    base = settings["base"]
    start = run_fresh("growth.peak_memory", **base, seed=seed)
    along = {
        axis: [
            start,
            *(
                run_fresh("growth.peak_memory", **{**base, axis: factor * base[axis]}, seed=seed)
                for factor in settings["factors"]
            ),
        ]
        for axis in base
    }
    slopes = {axis: _bytes_per_number(points) for axis, points in along.items()}
    points = [start, *(point for line in along.values() for point in line[1:])]
    return {"points": points, "bytes_per_number": {**slopes, "all": _bytes_per_number(points)}}


def _bytes_per_number(points: list[dict[str, float]]) -> float:
    line = statistics.linear_regression(
        [point["numbers"] for point in points], [point["mib"] * 2**20 for point in points]
    )
    return rounded(line.slope, 3)


def _say(what: str) -> None:
    print(f"    {what} …", file=sys.stderr, flush=True)


def main() -> int:
    """Measure, write and print.

    Returns:
        The exit status: 0, or 1 if a library to compare with is missing.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, well under a minute; writes only to --output"
    )
    parser.add_argument(
        "--output", type=Path, help=f"file to write (default: {RESULTS.relative_to(ROOT)}, none if --quick)"
    )
    options = parser.parse_args()
    missing = missing_libraries()
    if missing:
        print(
            f"To measure against them, {', '.join(missing)} must be installed: they come with hmmlib's extra "
            "'bench' (pip install '.[bench]', which make bench does by itself).",
            file=sys.stderr,
        )
        return 1
    output = options.output or (None if options.quick else RESULTS)
    found = provenance(output.resolve() if output else None)
    begin = time.perf_counter()
    measured = measure(QUICK if options.quick else FULL)
    found["wall_seconds"] = round(time.perf_counter() - begin, 1)
    result = {"provenance": found, **measured}
    print(table(result))
    if output:
        beside = output.with_name(output.name + ".part")
        beside.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        beside.replace(output)
        print(f"\nwrote {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
