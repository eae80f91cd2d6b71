"""``hmmlib sweep`` and ``hmmlib results``."""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_type_hints

from hmmlib._checks import check_positive_int
from hmmlib._files import write_json, write_whole
from hmmlib.cli._options import add_device, add_dry_run, add_imports, add_store, add_workers
from hmmlib.cli._output import say, write_table
from hmmlib.cli._words import (
    change,
    duration,
    help_text,
    kind_of,
    one_of,
    picture,
    read_recipe,
    with_defaults,
)
from hmmlib.sweeps import (
    CellStore,
    ChangedConfig,
    Configuration,
    Experiment,
    ImportResult,
    MergeResult,
    Results,
    collect,
    count_in_words,
    counted,
    import_cells,
    options,
    outlook,
    progress_options,
    span,
    sweep,
)

DONE, FAILED, INCOMPLETE = 0, 1, 3


def add(parser: argparse.ArgumentParser, command: str, experiments: Mapping[str, Experiment]) -> None:
    """Give a command its options, one parser for each experiment.

    Args:
        parser: That of the command.
        command: ``sweep`` or ``results``.
        experiments: The experiments by name.
    """
    names = parser.add_subparsers(required=True, metavar="NAME")
    for name, experiment in experiments.items():
        one = names.add_parser(
            name, help=help_text(experiment.title), description=help_text(experiment.title)
        )
        one.set_defaults(run=_sweep if command == "sweep" else _results, left=_left, experiment=experiment)
        _add_experiment(one, experiment)
        _add_sweep(one) if command == "sweep" else _add_results(one, experiment)


def config_of(asked: argparse.Namespace) -> Configuration:
    """What a command line asks for.

    Args:
        asked: The command line, parsed.

    Returns:
        The preset, with what the command line and the recipe file change in it.

    Raises:
        ValueError: A recipe file that holds something else, or an option out of range.
    """
    preset = asked.experiment.presets[asked.preset]
    given = {name: getattr(asked, name) for name in options(preset)}
    config = replace(preset, **{name: value for name, value in given.items() if value is not None})
    changes = dict(read_recipe(asked.recipe)) if asked.recipe else {}
    for path, value in asked.set:
        changes.pop(path, None)  # the last one counts, so it comes last
        changes[path] = value
    return ChangedConfig(config, changes) if changes else config


def _sweep(asked: argparse.Namespace) -> int:
    config, store, experiment = config_of(asked), CellStore(asked.store), asked.experiment
    results = collect(experiment, config, store)
    cells = count_in_words(experiment, results.asked)
    say(f"{experiment.name}: {cells}, {len(results.there)} of them in {store.folder}")
    if asked.dry_run:
        print_outlook(results, asked.workers)
        return DONE
    names = ("workers", "scheduler", "device", "time_limit")
    report = say if progress_options() else None
    done = sweep(experiment, config, store, report=report, **{name: getattr(asked, name) for name in names})
    there = counted(done.there, "cell", be=True)
    say(f"{experiment.name}: {there} in {store.folder}, {done.computed} of them new")
    if done.failed:
        say(f"{len(done.failed)} failed")
    if done.left:
        say(f"{done.left} left for want of time; the same command goes on with them")
    return FAILED if done.failed else INCOMPLETE if done.left else DONE


def print_outlook(results: Results, workers: int) -> None:
    """Print how many cells there are, and how long those that are missing may take.

    Args:
        results: What the store has.
        workers: Number of processes that will compute them.

    Raises:
        TypeError: A number of workers that is not an integer.
        ValueError: Fewer than one.
    """
    groups = outlook(results)
    rows = [[*results.experiment.groups, "cells", "there", "CPU time left"]]
    for group in groups:
        left = "?" if group.left is None else span(group.left) if group.cells > group.there else "–"
        rows.append([*group.group, str(group.cells), str(group.there), left])
    write_table(rows)
    missing, workers = len(results.missing), check_positive_int(workers, "workers")
    known = [group.left for group in groups if group.left is not None]
    if not missing:
        return
    if len(known) < len(groups):
        say(f"{counted(missing, 'cell', be=True)} left; how long one takes is not known, as none is there")
        return
    seconds = sum(known)
    shared = f", {span(seconds / workers)} with {workers} workers" if workers > 1 else ""
    say(
        f"{counted(missing, 'cell', be=True)} left: about {span(seconds)} of CPU time{shared}, by the mean "
        "of those that are there, in the same row if possible"
    )


def _results(asked: argparse.Namespace) -> int:
    config, store = config_of(asked), CellStore(asked.store)
    for other in asked.merge:
        say(f"{_merged(store.merge(other))} from {other}")
    for file in asked.imports:
        say(f"{imported(import_cells(asked.experiment, config, store, file))} from {file}")
    results = collect(asked.experiment, config, store)
    write_table(results.table(asked.columns, _mean_and_interval))
    if asked.csv is not None:
        write_csv(asked.csv, results.tidy(asked.columns))
    if asked.plot is not None:
        _plot(asked.plot, results, asked.columns)
    if asked.export is None:
        return DONE
    missing = counted(len(results.missing), "cell", be=True) + " missing"
    if results.missing and not asked.allow_missing:
        say(f"{missing}, so {asked.export} was not written; --allow-missing writes what is there")
        return INCOMPLETE
    if results.missing:
        say(f"{missing}, as {asked.export} says")
    write_json(asked.export, results.export(allow_missing=asked.allow_missing))
    return DONE


def _mean_and_interval(values: Sequence[float]) -> str:
    """The mean over seeds and the half-width of its 95% interval."""
    # Here, because help and sweeps need none of it.
    from hmmlib.analysis import mean_over_seeds

    if len(values) == 1:
        return f"{values[0]:.4g}"
    if len(set(values)) == 1:
        return f"{values[0]:.4g} (all {len(values)})"
    mean, half_width = mean_over_seeds(values)
    return f"{mean:.4g} ± {half_width:.2g}"


def write_csv(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    """Write a table as CSV, as a whole or not at all.

    Args:
        path: The file.
        rows: The header and the other rows.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_whole(path, text.getvalue().encode())


def _plot(path: Path, results: Results, columns: Sequence[str] | None) -> None:
    from hmmlib.plotting.results import dots_by_group
    from hmmlib.plotting.style import use_style

    use_style()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = dots_by_group(results.experiment.groups, results.values(columns))
    metadata = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(path, metadata=metadata)


def _merged(found: MergeResult) -> str:
    words = [counted(found.new, "new cell")]
    if found.rounded:
        words.append(
            f"{found.rounded} here too with other numbers, which stay as they are here (the largest "
            f"difference is {found.differences.largest()}; {found.where()})"
        )
    if found.other:
        words.append(
            f"{found.other} here too, different in more than numbers, kept beside ours ({found.where()})"
        )
    return ", ".join(words)


def imported(found: ImportResult) -> str:
    """What became of the cells of an exported file.

    Args:
        found: What `import_cells` says.

    Returns:
        It, in words.
    """
    words = [counted(found.new, "new cell")]
    words += [f"{found.known} here already"] if found.known else []
    words += [f"{found.other} of other configurations, not taken"] if found.other else []
    words += [f"{found.altered} altered since, not taken"] if found.altered else []
    return ", ".join(words)


def _left(asked: argparse.Namespace) -> str:
    left = len(collect(asked.experiment, config_of(asked), CellStore(asked.store)).missing)
    return f" in {asked.store}; {counted(left, 'cell', be=True)} left, and the same command goes on"


def _add_experiment(parser: argparse.ArgumentParser, experiment: Experiment) -> None:
    presets = tuple(experiment.presets)
    parser.add_argument("--preset", default=presets[0], choices=presets, help=f"{presets[0]} by default")
    add_store(parser)
    hints = get_type_hints(type(experiment.presets[presets[0]]))
    for field, text in options(experiment.presets[presets[0]]).items():
        values = {name: getattr(preset, field) for name, preset in experiment.presets.items()}
        parser.add_argument(
            "--" + field.replace("_", "-"),
            help=help_text(with_defaults(text, values, hints[field])),
            **kind_of(hints[field]),
        )
    parser.add_argument(
        "--recipe",
        type=Path,
        metavar="FILE",
        help="JSON with other values for entries of the cells' configurations, nested as they are or by path",
    )
    parser.add_argument(
        "--set",
        type=change,
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="another value for one such entry, such as scale.length=64, over that of --recipe; may be given "
        "more than once; a path that is not there gets the answer what is",
    )


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    add_workers(parser)
    parser.add_argument("--scheduler", help="optional, instead: a Dask scheduler, such as tcp://host:8786")
    add_device(parser)
    parser.add_argument(
        "--time-limit", type=duration, help="when to be done: 90s, 9m, 1.5h (no limit by default)"
    )
    add_dry_run(parser)


def _add_results(parser: argparse.ArgumentParser, experiment: Experiment) -> None:
    parser.add_argument(
        "--merge", type=Path, nargs="+", default=[], metavar="DIR", help="take over these stores"
    )
    add_imports(parser)
    parser.add_argument(
        "--columns",
        nargs="+",
        metavar="COLUMN",
        help=help_text(f"of table, --csv and --plot: some of {one_of(experiment.columns)} (all by default)"),
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a row for each cell and column")
    parser.add_argument(
        "--plot",
        type=picture,
        metavar="FILE",
        help="draw the columns, a dot for each cell: .svg, .png or .pdf",
    )
    parser.add_argument(
        "--export", type=Path, metavar="FILE", help="write all in one file, as the book reads it"
    )
    parser.add_argument(
        "--allow-missing", action="store_true", help="export what is there, though cells are missing"
    )
