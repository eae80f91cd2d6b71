"""What the command line prints, and where."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence


def say(text: str) -> None:
    """Print a line for people, on the error stream.

    Args:
        text: The line.
    """
    sys.stderr.write(f"hmmlib: {text}\n")
    sys.stderr.flush()


def write_table(rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns.

    Args:
        rows: Of as many words each.
    """
    for line in _aligned(rows):
        sys.stdout.write(line + "\n")


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(word.rjust(width) for word, width in zip(row, widths, strict=True))


def print_what_the_encoding_has() -> None:
    """Let a terminal or pipe that has no "…" get it as an escape, as stderr does, and not as an error."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
