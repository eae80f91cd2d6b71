"""Tables and numbers as Markdown, for pages that are made from result files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


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


def markdown_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = ()
) -> str:
    """A table in Markdown.

    Args:
        header: Names of the columns.
        rows: Their entries, as many in each row. Line breaks and bars are not allowed in them.
        numbers: Columns that are aligned on the right.

    Returns:
        The table, a line for each row.

    Raises:
        ValueError: A row of another length, or an entry with a bar or a line break.
    """
    lines = [list(header), ["---:" if i in numbers else "---" for i in range(len(header))]]
    lines += [list(row) for row in rows]
    for row in lines:
        if len(row) != len(header):
            raise ValueError(f"rows: expected {len(header)} entries in each, got {row}")
        broken = next((entry for entry in row if "|" in entry or "\n" in entry), None)
        if broken is not None:
            raise ValueError(f"rows: expected entries without bars and line breaks, got {broken!r}")
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)
