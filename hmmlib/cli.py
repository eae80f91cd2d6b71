"""The command line: ``hmmlib sweep``, ``hmmlib results``, ``hmmlib pretrain`` and ``hmmlib shipped``.

It ends with 0 when all is done, 1 when cells failed, 2 when it was asked for something impossible, 3 when
cells are left for want of time or are missing, and with 130 or 143 when Ctrl-C or SIGTERM stopped it.
"""

from __future__ import annotations

import argparse
import io
import re
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, get_args, get_origin, get_type_hints

from hmmlib._files import write_json
from hmmlib.experiments import EXPERIMENTS
from hmmlib.experiments.figure3 import pretrain_point
from hmmlib.experiments.shipped import train_shipped
from hmmlib.hmm import N_SYNTAX
from hmmlib.pretraining import PRETRAINING_PRESETS, VARIANTS
from hmmlib.sweeps import (
    CellStore,
    Configuration,
    Experiment,
    MergeResult,
    collect,
    options,
    progress_options,
    sweep,
)

DONE, FAILED, IMPOSSIBLE, INCOMPLETE = 0, 1, 2, 3
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def main(arguments: Sequence[str] | None = None, experiments: Mapping[str, Experiment] = EXPERIMENTS) -> int:
    """Do what the command line asks for.

    Args:
        arguments: Those of the command line by default.
        experiments: The experiments by name.

    Returns:
        The exit code.
    """
    _print_what_the_encoding_has()
    parser = _parser(experiments)
    asked = parser.parse_args(arguments)
    try:
        with _sigterm_interrupts():
            return int(asked.run(asked))
    except KeyboardInterrupt as stopped:
        _say(f"stopped; what is finished is kept{_left(asked)}")
        return 128 + (signal.SIGTERM if isinstance(stopped, _Terminated) else signal.SIGINT)
    except FloatingPointError as error:
        _say(f"error: {error}")
        return FAILED
    except (ValueError, TypeError, OSError, ImportError) as error:
        _say(f"error: {error}")
        return IMPOSSIBLE


def _sweep(asked: argparse.Namespace) -> int:
    config, store = _config(asked), CellStore(asked.store)
    names = ("workers", "scheduler", "device", "time_limit")
    done = sweep(asked.experiment, config, store, **{name: getattr(asked, name) for name in names})
    _say(f"{asked.experiment.name}: {done.there} cells are in {store.folder}, {done.computed} of them new")
    if done.failed:
        _say(f"{len(done.failed)} failed")
    if done.left:
        _say(f"{done.left} left for want of time; the same command goes on with them")
    return FAILED if done.failed else INCOMPLETE if done.left else DONE


def _results(asked: argparse.Namespace) -> int:
    config, store = _config(asked), CellStore(asked.store)
    for other in asked.merge:
        _say(f"{_merged(store.merge(other))} from {other}")
    results = collect(asked.experiment, config, store)
    for line in _aligned(results.table()):
        sys.stdout.write(line + "\n")
    if asked.export is None:
        return DONE
    if results.missing:
        _say(f"{len(results.missing)} cells are missing, so {asked.export} was not written")
        return INCOMPLETE
    write_json(asked.export, results.export())
    return DONE


def _merged(found: MergeResult) -> str:
    words = [f"{found.new} new cells"]
    if found.rounded:
        words.append(
            f"{found.rounded} that are here too with other numbers, which stay as they are here (the largest "
            f"difference is {found.differences.largest()})"
        )
    if found.other:
        words.append(f"{found.other} that are here too and differ in more than numbers, kept beside ours")
    return ", ".join(words)


def _pretrain(asked: argparse.Namespace) -> int:
    if asked.out.exists():
        raise ValueError(f"--out: {asked.out} exists; expected a new file")
    done = pretrain_point(
        asked.preset,
        asked.variant,
        N_SYNTAX * asked.n_values if asked.n_states is None else asked.n_states,
        asked.n_values,
        asked.seed,
        asked.out,
        device=asked.device,
        checkpoint=asked.checkpoint,
        progress=not progress_options(),
    )
    last = done.history.last
    sys.stdout.write(
        f"KL {last.kl:.4g} nats; cross-entropy {last.cross_entropy:.4g}, that of the exact model "
        f"{done.history.exact_cross_entropy:.4g}; weights in {asked.out}\n"
    )
    return DONE


def _shipped(asked: argparse.Namespace) -> int:
    new = train_shipped(asked.out)
    _say(f"{len(new)} new models in {asked.out}")
    return DONE


def _parser(experiments: Mapping[str, Experiment]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hmmlib", description="Sweeps, results and pretrained models.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    sweeps = commands.add_parser("sweep", help="compute the cells of an experiment that are missing")
    results = commands.add_parser("results", help="print, merge and export what was computed")
    for command, run in ((sweeps, _sweep), (results, _results)):
        names = command.add_subparsers(required=True, metavar="NAME")
        for name, experiment in experiments.items():
            one = names.add_parser(name, help=experiment.title, description=experiment.title)
            one.set_defaults(run=run, experiment=experiment)
            _add_experiment(one, experiment)
            _add_sweep(one) if run is _sweep else _add_results(one)
    _add_pretrain(commands.add_parser("pretrain", help="pretrain one model, and save it"))
    text = "pretrain the small models that come with the book, as far as they are missing"
    shipped = commands.add_parser("shipped", help=text, description=text)
    shipped.add_argument("--out", type=Path, required=True, help="the folder to put them in")
    shipped.set_defaults(run=_shipped, experiment=None)
    return parser


def _add_experiment(parser: argparse.ArgumentParser, experiment: Experiment) -> None:
    presets = tuple(experiment.presets)
    parser.add_argument("--preset", default=presets[0], choices=presets, help=f"{presets[0]} by default")
    parser.add_argument(
        "--store", type=Path, default=Path("runs"), help="folder of the cells, ./runs by default"
    )
    hints = get_type_hints(type(experiment.presets[presets[0]]))
    for field, text in options(experiment.presets[presets[0]]).items():
        parser.add_argument("--" + field.replace("_", "-"), help=text, **_kind(hints[field]))


def _kind(hint: Any) -> dict[str, Any]:
    """How the command line reads a field of this type."""
    if get_origin(hint) is not tuple:
        return {"type": hint}
    first, *rest = get_args(hint)
    if rest != [...]:
        return {"type": first, "nargs": 1 + len(rest), "action": _Tuple}
    kinds = [kind for kind in get_args(first) or (first,) if kind is not type(None)]
    if kinds == [int]:
        return {"type": _integers, "nargs": "*", "action": _Flat, "metavar": "N or N-M"}
    return {"type": kinds[0], "nargs": "*", "action": _Tuple}


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, default=1, help="processes, each on one core")
    parser.add_argument("--scheduler", help="optional, instead: a Dask scheduler, such as tcp://host:8786")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 …; workers share it")
    parser.add_argument("--time-limit", type=_duration, help="when to be done: 90s, 9m, 1.5h")


def _add_results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--merge", type=Path, nargs="+", default=[], metavar="DIR", help="take over these stores"
    )
    parser.add_argument(
        "--export", type=Path, metavar="FILE", help="write all in one file, as the book reads it"
    )


def _add_pretrain(parser: argparse.ArgumentParser) -> None:
    point = parser.add_mutually_exclusive_group(required=True)
    point.add_argument("--n-states", type=int, help="states of a vanilla HMM")
    point.add_argument("--n-values", type=int, default=0, help="values of an HMM with memory")
    parser.add_argument("--seed", type=int, default=1, help="of the HMM, the text and the weights")
    parser.add_argument("--preset", default="laptop", choices=tuple(PRETRAINING_PRESETS), help="the recipe")
    parser.add_argument(
        "--variant", default="short texts first", choices=tuple(VARIANTS), help="a change to it"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 …")
    parser.add_argument("--out", type=Path, required=True, help="new file for the weights")
    parser.add_argument("--checkpoint", type=Path, help="file to keep the training in, and to go on from")
    parser.set_defaults(run=_pretrain, experiment=None)


class _Tuple(argparse.Action):
    def __call__(
        self, _parser: Any, asked: argparse.Namespace, values: Any, _option: str | None = None
    ) -> None:
        setattr(asked, self.dest, tuple(values))


class _Flat(argparse.Action):
    def __call__(
        self, _parser: Any, asked: argparse.Namespace, values: Any, _option: str | None = None
    ) -> None:
        setattr(asked, self.dest, tuple(number for numbers in values for number in numbers))


def _integers(word: str) -> tuple[int, ...]:
    """A number, or a range with both its ends."""
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", word)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if first > last:
        raise argparse.ArgumentTypeError(f"expected a number or a range such as 1-20, got {word!r}")
    return tuple(range(first, last + 1))


def _duration(word: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", word)
    if not found or float(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"expected a time such as 90s, 9m or 1.5h, got {word!r}")
    return float(found[1]) * _SECONDS[found[2]]


def _config(asked: argparse.Namespace) -> Configuration:
    """The preset, with what the command line changes in it."""
    preset = asked.experiment.presets[asked.preset]
    given = {name: getattr(asked, name) for name in options(preset)}
    return replace(preset, **{name: value for name, value in given.items() if value is not None})


def _left(asked: argparse.Namespace) -> str:
    if asked.experiment is None:
        return ""
    left = len(collect(asked.experiment, _config(asked), CellStore(asked.store)).missing)
    return f" in {asked.store}; {left} cells are left, and the same command goes on with them"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(word.rjust(width) for word, width in zip(row, widths, strict=True))


def _print_what_the_encoding_has() -> None:
    """Let a terminal or pipe that has no "…" get it as an escape, as stderr does, and not as an error."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _say(text: str) -> None:
    sys.stderr.write(f"hmmlib: {text}\n")


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which is to stop things as Ctrl-C does."""


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _Terminated


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what signals do
        return
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
