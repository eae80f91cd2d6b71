"""The command line: ``hmmlib sweep``, ``results``, ``figure3``, ``pretrain`` and ``shipped``.

It ends with 0 when all is done, 1 when cells failed, 2 when it was asked for something impossible, 3 when
cells are left for want of time or are missing, and with 130 or 143 when Ctrl-C or SIGTERM stopped it.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hmmlib.cli._output import print_what_the_encoding_has, say
from hmmlib.cli._signals import Terminated, sigterm_interrupts

if TYPE_CHECKING:
    from hmmlib.sweeps import Experiment

__all__ = ["main"]

FAILED, IMPOSSIBLE = 1, 2
_COMMANDS = {
    "sweep": "compute the cells of an experiment that are missing",
    "results": "print, merge, import and export what was computed",
    "figure3": "compute what the paper's Figure 3 takes, draw it over the paper's, and judge its claims",
    "pretrain": "pretrain one model, and save it with its history",
    "shipped": "pretrain the small models that come with the book, as far as they are missing",
}


def main(arguments: Sequence[str] | None = None, experiments: Mapping[str, Experiment] | None = None) -> int:
    """Do what the command line asks for.

    Args:
        arguments: Those of the command line by default.
        experiments: The experiments by name; those of `hmmlib.experiments` by default.

    Returns:
        The exit code.
    """
    print_what_the_encoding_has()
    words = list(sys.argv[1:] if arguments is None else arguments)
    asked = parser_for(words, experiments).parse_args(words)
    try:
        with sigterm_interrupts():
            return int(asked.run(asked))
    except KeyboardInterrupt as stopped:
        say(f"stopped; what is finished is kept{asked.left(asked)}")
        return 128 + (signal.SIGTERM if isinstance(stopped, Terminated) else signal.SIGINT)
    except FloatingPointError as error:
        say(f"error: {error}")
        return FAILED
    except (ValueError, TypeError, OSError, ImportError) as error:
        say(f"error: {error}")
        return IMPOSSIBLE


def parser_for(
    words: Sequence[str], experiments: Mapping[str, Experiment] | None = None
) -> argparse.ArgumentParser:
    """The parser of a command line.

    Args:
        words: The command line. Only what its command needs is imported, so that ``--help`` and ``--version``
            wait for nothing.
        experiments: As for `main`.

    Returns:
        The parser, with all commands, but the options of the first word's only.
    """
    import hmmlib

    parser = argparse.ArgumentParser(prog="hmmlib", description="Sweeps, results and pretrained models.")
    parser.add_argument("--version", action="version", version=f"hmmlib {hmmlib.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, text in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if words and words[0] == name:
            _add_options(command, name, experiments)
    return parser


def _add_options(
    command: argparse.ArgumentParser, name: str, experiments: Mapping[str, Experiment] | None
) -> None:
    # Here, because torch and all else takes a while.
    if name in ("pretrain", "shipped"):
        from hmmlib.cli import _models

        _models.ADD[name](command)
        return
    from hmmlib.cli import _figure3, _sweeps
    from hmmlib.experiments import EXPERIMENTS

    known = EXPERIMENTS if experiments is None else experiments
    if name == "figure3":
        # Also where somebody's own experiments are asked for, which the figure does not need.
        _figure3.add(command, {**EXPERIMENTS, **known})
    else:
        _sweeps.add(command, name, known)
