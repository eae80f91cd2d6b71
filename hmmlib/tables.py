"""Tables of numbers and words: real tables in a notebook and on a page, aligned columns in a terminal."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

NOTHING = "–"

# What is set on the right: a number as `number` writes it, perhaps of a few parts, or nothing.
_NUMERIC = re.compile(r"(?:[<>≥≤] ?)?[−+-]?[\d,]*\.?\d+(?:e[−+-]?\d+)?%?(?: ± [\d.]+)?|−?inf|–|")


def number(value: float, half_width: float | None = None, *, signed: bool = False, digits: int = 1) -> str:
    """A number as the tables print it.

    Args:
        value: The number.
        half_width: Half of its interval, if it has one.
        signed: Whether a positive number has its sign.
        digits: Decimals.

    Returns:
        For example ``+3.1 ± 0.4``, with a true minus sign and without negative zeros.
    """
    rounded = round(value, digits) + 0.0
    text = f"{abs(rounded):.{digits}f}"
    if rounded < 0:
        text = f"−{text}"
    elif signed and rounded > 0:
        text = f"+{text}"
    return text if half_width is None else f"{text} ± {half_width:.{digits}f}"


def deviation(value: float, least: float = 1e-12) -> str:
    """A difference that should be zero, as a page prints it.

    What rounding leaves of a zero differs from processor to processor, so it is only said to be small.

    Args:
        value: The difference; its sign does not matter.
        least: Smaller ones are not told apart.

    Returns:
        For example ``0.25``, ``3e-04``, or ``< 1e-12``.
    """
    size = abs(float(value))
    if size < least:
        return f"< {least:.0e}"
    return f"{size:.0e}" if size < 0.01 else f"{size:.2f}"


class Table:
    """A table that a notebook shows as such; it can be read out, scrolled on a phone, and copied.

    An entry may be

    - text, which is kept;
    - True or False, shown as yes or no;
    - a number, shown in the format of its column;
    - a pair (value, half-width of its interval), shown as ``1.2 ± 0.3``;
    - None or NaN, shown as –.

    Columns of numbers are set on the right.

    Example:
        >>> Table(["H", "labels right"], [(4, 0.94), (30, 0.8333)], ".2f")
         H  labels right
         4          0.94
        30          0.83

    Args:
        header: Names of the columns; Markdown, so that ``$H$`` is a formula on a page.
        rows: Their entries, as many in each row as there are columns.
        formats: Format of the numbers, as for `format`: one for all of them, where integers stay as they
            are, or one for each column, None standing for text and integers.

    Raises:
        TypeError: A format or a name is no text.
        ValueError: A row of another length, another number of formats, or an entry with a line break.
    """

    def __init__(
        self,
        header: Sequence[str],
        rows: Iterable[Sequence[Any]],
        formats: str | Sequence[str | None] = ".2f",
    ) -> None:
        self.header = tuple(_text(name, "header") for name in header)
        specs: list[str | None] = [formats] * len(self.header) if isinstance(formats, str) else [*formats]
        for_all = isinstance(formats, str)
        if len(specs) != len(self.header):
            raise ValueError(f"formats: expected {len(self.header)}, one for each column, got {len(specs)}")
        for spec in specs:
            if not (spec is None or isinstance(spec, str)):
                raise TypeError(f"formats: expected texts such as '.2f', got {spec!r}")
        found = []
        for i, row in enumerate(rows):
            entries = tuple(row)
            if len(entries) != len(self.header):
                raise ValueError(f"rows: row {i} has {len(entries)} entries; expected {len(self.header)}")
            found.append(tuple(_entry(e, spec, i, for_all) for e, spec in zip(entries, specs, strict=True)))
        self.rows = tuple(found)

    @property
    def markdown(self) -> str:
        """The table in Markdown, a line for each row."""
        rule = ["---:" if right else "---" for right in self._on_the_right()]
        lines = [_escaped(self.header), rule, *(_escaped(row) for row in self.rows)]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __repr__(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.header))]
        right = self._on_the_right()
        return "\n".join(
            "  ".join(
                text.rjust(width) if on_right else text.ljust(width)
                for text, width, on_right in zip(line, widths, right, strict=True)
            ).rstrip()
            for line in lines
        )

    def _on_the_right(self) -> list[bool]:
        return [
            bool(self.rows) and all(_NUMERIC.fullmatch(row[i]) for row in self.rows)
            for i in range(len(self.header))
        ]


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected text, got {value!r}")
    if "\n" in value:
        raise ValueError(f"{name}: expected text without line breaks, got {value!r}")
    return value


def _escaped(line: Sequence[str]) -> list[str]:
    return [text.replace("|", r"\|") for text in line]


def _entry(value: Any, spec: str | None, row: int, integers_as_they_are: bool) -> str:
    """One entry as text."""
    if isinstance(value, str):
        return _text(value, f"rows: row {row}")
    if isinstance(value, Tensor | np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence):
        if len(value) != 2:
            raise ValueError(f"rows: row {row}: expected (value, half-width), got {value!r}")
        middle, half = (_entry(part, spec, row, integers_as_they_are) for part in value)
        return middle if half == NOTHING else f"{middle} ± {half}"
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NOTHING
    if not isinstance(value, int | float):
        raise TypeError(f"rows: row {row}: expected text or a number, got {type(value).__name__}")
    if spec is None or (integers_as_they_are and isinstance(value, int)):
        return str(value).replace("-", "−")
    text = format(value, spec)
    # No negative zeros, and a true minus sign.
    if text.startswith("-") and not re.search(r"[1-9]|inf", text):
        text = text[1:]
    return text.replace("-", "−")
