"""Options that several commands have."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add ``--store``.

    Args:
        parser: The command's.
    """
    parser.add_argument(
        "--store", type=Path, default=Path("runs"), help="folder of the cells, ./runs by default"
    )


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add ``--workers``.

    Args:
        parser: The command's.
    """
    parser.add_argument("--workers", type=int, default=1, help="processes, each on one core (1 by default)")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``.

    Args:
        parser: The command's.
    """
    parser.add_argument(
        "--device",
        default="cpu",
        help="of the networks: cpu, cuda, cuda:1 …; workers share it (cpu by default)",
    )


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """Add ``--dry-run``.

    Args:
        parser: The command's.
    """
    parser.add_argument(
        "--dry-run", action="store_true", help="only say how many cells there are, and how long they may take"
    )


def add_imports(parser: argparse.ArgumentParser) -> None:
    """Add ``--import``.

    Args:
        parser: The command's.
    """
    parser.add_argument(
        "--import",
        type=Path,
        nargs="+",
        default=[],
        dest="imports",
        metavar="FILE",
        help="take over the cells of exported files that are among those asked for",
    )
