"""``hmmlib figure3``: from nothing to the paper's Figure 3 and what it says."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hmmlib._checks import check_positive_int
from hmmlib.cli._options import add_device, add_dry_run, add_imports, add_store, add_workers
from hmmlib.cli._output import say
from hmmlib.cli._sweeps import imported, print_outlook, write_csv
from hmmlib.cli._words import integers, picture
from hmmlib.experiments.figure3_sweeps import SWEEPS, figure3_configs
from hmmlib.experiments.scales import DOWNSTREAM_SCALES
from hmmlib.sweeps import (
    CellStore,
    Configuration,
    Experiment,
    collect,
    count_in_words,
    counted,
    import_cells,
    progress_options,
    sweep,
)

DONE, FAILED = 0, 1


def add(parser: argparse.ArgumentParser, experiments: Mapping[str, Experiment]) -> None:
    """Give the command its options.

    Args:
        parser: That of the command.
        experiments: The experiments by name.
    """
    parser.add_argument(
        "--seeds",
        type=integers,
        nargs="+",
        default=[(1, 2, 3)],
        metavar="N or N-M",
        help="seeds of both experiments (1-3 by default; the paper has 20 and 5)",
    )
    parser.add_argument(
        "--preset",
        default="laptop",
        choices=tuple(DOWNSTREAM_SCALES),
        help="of the networks (laptop by default)",
    )
    add_store(parser)
    add_workers(parser)
    add_device(parser)
    add_imports(parser)
    parser.add_argument(
        "--out",
        type=picture,
        default=Path("figure3.svg"),
        metavar="FILE",
        help="where to draw the figure: .svg, .png or .pdf (figure3.svg by default)",
    )
    parser.add_argument(
        "--csv", type=Path, metavar="FILE", help="write every number of the figure, a row each"
    )
    add_dry_run(parser)
    parser.set_defaults(run=_figure3, left=_left, experiments=experiments)


def _figure3(asked: argparse.Namespace) -> int:
    check_positive_int(asked.workers, "workers")
    configs, store = _configs(asked), CellStore(asked.store)
    for file in asked.imports:
        _import(asked, configs, store, file)
    for key, config in configs.items():
        experiment = _experiment(asked, key)
        results = collect(experiment, config, store)
        cells = count_in_words(experiment, results.asked)
        say(f"{experiment.name}: {cells}, {len(results.there)} of them in {store.folder}")
        if asked.dry_run:
            print_outlook(results, asked.workers)
    if asked.dry_run:
        return DONE
    failed = sum(_sweep(asked, key, config, store) for key, config in configs.items())
    contents = {}
    for key, config in configs.items():
        results = collect(_experiment(asked, key), config, store)
        if not results.there:
            raise ValueError(f"{results.experiment.name}: no cell is there, so there is no figure")
        contents[key] = results.export(allow_missing=True)
    _show(contents, asked.out, asked.csv)
    if failed:
        say(f"{counted(failed, 'cell')} failed; curves have the seeds of which no cell is missing")
    return FAILED if failed else DONE


def _configs(asked: argparse.Namespace) -> dict[str, Configuration]:
    seeds = [seed for numbers in asked.seeds for seed in numbers]
    return figure3_configs(asked.preset, seeds)


def _experiment(asked: argparse.Namespace, key: str) -> Experiment:
    experiment: Experiment = asked.experiments[SWEEPS[key]]
    return experiment


def _import(
    asked: argparse.Namespace, configs: Mapping[str, Configuration], store: CellStore, file: Path
) -> None:
    """Take over the cells of a file, whichever of the experiments they are of."""
    try:
        content = json.loads(file.read_bytes())
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"--import: {file} is no JSON ({error})") from None
    name = content.get("experiment") if isinstance(content, dict) else None
    key = next((key for key, known in SWEEPS.items() if known == name), None)
    if key is None:
        raise ValueError(
            f"--import: {file} holds cells of {name}; expected one of {', '.join(SWEEPS.values())}"
        )
    found = import_cells(_experiment(asked, key), configs[key], store, file)
    say(f"{name}: {imported(found)} from {file}")


def _sweep(asked: argparse.Namespace, key: str, config: Configuration, store: CellStore) -> int:
    """Compute what is missing of one experiment; how many cells failed."""
    experiment = _experiment(asked, key)
    kind = asked.device.partition(":")[0]
    device = asked.device if kind in experiment.devices else "cpu"
    report = say if progress_options() else None
    done = sweep(experiment, config, store, workers=asked.workers, device=device, report=report)
    return len(done.failed)


def _show(contents: Mapping[str, Any], out: Path, csv: Path | None) -> None:
    """Print the claims and their verdicts, and draw the figure."""
    # Here, because --help needs none of it.
    from hmmlib.analysis import claim_matrix, claims_in_short, open_claims, read_results, worlds
    from hmmlib.analysis.figure3 import figure3_numbers, shown_worlds
    from hmmlib.plotting import figure3_overlay, use_style

    found = worlds(read_results("figure3_paper"), **contents)
    tables = [claims_in_short(found), claim_matrix(found)]
    still_open = open_claims(found)
    tables += [still_open] if still_open.rows else []
    sys.stdout.write("\n\n".join(map(repr, tables)) + "\n")
    if csv is not None:
        write_csv(csv, figure3_numbers(found))
        say(f"every number is in {csv}")
    use_style()
    out.parent.mkdir(parents=True, exist_ok=True)
    figure3_overlay(shown_worlds(found)).savefig(
        out, metadata={"Date": None} if out.suffix == ".svg" else None
    )
    say(f"the figure is in {out}")


def _left(asked: argparse.Namespace) -> str:
    store = CellStore(asked.store)
    left = sum(
        len(collect(_experiment(asked, key), config, store).missing)
        for key, config in _configs(asked).items()
    )
    return f" in {asked.store}; {counted(left, 'cell', be=True)} left, and the same command goes on"
