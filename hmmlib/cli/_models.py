"""``hmmlib pretrain`` and ``hmmlib shipped``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from hmmlib.cli._output import say
from hmmlib.cli._words import help_text, one_of
from hmmlib.experiments.figure3 import pretrain_point
from hmmlib.experiments.shipped import train_shipped
from hmmlib.hmm import N_SYNTAX
from hmmlib.lm import load_lm
from hmmlib.pretraining import PRETRAINING_PRESETS, VARIANTS
from hmmlib.sweeps import counted, progress_options


def _add_pretrain(parser: argparse.ArgumentParser) -> None:
    point = parser.add_mutually_exclusive_group(required=True)
    point.add_argument("--n-states", type=int, help="states of a vanilla HMM")
    point.add_argument("--n-values", type=int, default=0, help="values of an HMM with memory")
    parser.add_argument(
        "--seed", type=int, default=1, help="of the HMM, the text and the weights (1 by default)"
    )
    parser.add_argument(
        "--preset",
        default="laptop",
        choices=tuple(PRETRAINING_PRESETS),
        help="the recipe (laptop by default)",
    )
    parser.add_argument(
        "--variant",
        default="short texts first",
        choices=tuple(VARIANTS),
        metavar="VARIANT",
        help=help_text(f"a change to it: {one_of(VARIANTS)} ('short texts first' by default)"),
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 … (cpu by default)")
    parser.add_argument("--out", type=Path, required=True, help="new file for weights and history")
    parser.add_argument("--checkpoint", type=Path, help="file to keep the training in, and to go on from")
    parser.set_defaults(run=_pretrain, left=lambda _: "")


def _add_shipped(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="the folder to put them in")
    parser.set_defaults(run=_shipped, left=lambda _: "")


ADD: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "pretrain": _add_pretrain,
    "shipped": _add_shipped,
}


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
    about = load_lm(asked.out)[1]
    sys.stdout.write(
        f"KL {about['kl']:.4g} ± {about['kl_error']:.2g} nats; "
        f"cross-entropy {done.history.last.cross_entropy:.4g}, that of the exact model "
        f"{done.history.exact_cross_entropy:.4g}; weights and history in {asked.out}\n"
    )
    return 0


def _shipped(asked: argparse.Namespace) -> int:
    new = train_shipped(asked.out)
    say(f"{counted(len(new), 'new model')} in {asked.out}")
    return 0
