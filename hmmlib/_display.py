"""How objects show themselves: in a line of text or a few, and in notebooks as small HTML tables.

Tables bring their style with them and run no scripts. Shades are transparent, so that they suit light and
dark pages, and every shaded cell has its number, so that nothing depends on seeing a colour. Of large tables
a part is shown, and only that part is copied from a GPU.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from html import escape
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Characters in a line of text: as many as a page shows without going on in a second line.
MOST_CHARACTERS = 80

# Rows and columns shown at most; of more, the first ones, a gap and the last.
MOST_ROWS = 10
MOST_COLUMNS = 12

# The strongest shade: black text on it, or white text on it over a dark page, keeps its contrast.
_DEEPEST = 0.45
_POSITIVE, _NEGATIVE = "31,119,180", "214,98,0"  # blue, orange: also apart for the colour-blind

_TABLE = "border-collapse:collapse;font-size:small;font-variant-numeric:tabular-nums;margin:0.3em 0"
_HEAD = "text-align:left;font-weight:600;padding:0.1em 0.6em 0.1em 0.3em;vertical-align:top"
_CELL = "text-align:left;padding:0.1em 0.4em"
_NUMBER = "text-align:right;padding:0.1em 0.4em"


def compact_repr(thing: Any) -> str:
    """The type and every field by its name, with the shapes of arrays in place of their numbers.

    Args:
        thing: A data class or a named tuple.

    Returns:
        Such as ``LinearHead(weights=(2, 10))``, in lines that fit a page.
    """
    parts = (f"{name}={_short(value)}" for name, value in _parts(thing))
    return in_lines(f"{type(thing).__name__}({', '.join(parts)})")


def in_lines(text: str) -> str:
    """A representation broken between its fields, where it is too long for one line.

    Args:
        text: Such as ``HMM(n_states=3, n_tokens=4)``; breaks inside of it are made anew.

    Returns:
        The same in lines of at most `MOST_CHARACTERS`, as far as single fields allow.
    """
    first, *others = re.split(r"(?<=,) (?=[A-Za-z])", re.sub(r"\n +", " ", text))
    lines = [first]
    for field in others:
        if len(lines[-1]) + 1 + len(field) <= MOST_CHARACTERS:
            lines[-1] += f" {field}"
        else:
            lines.append(f"    {field}")
    return "\n".join(lines)


def fields_html(thing: Any) -> str:
    """A table of the fields, for notebooks.

    Args:
        thing: A data class or a named tuple.

    Returns:
        HTML.
    """
    return card(type(thing).__name__, facts(_parts(thing)))


def card(title: str, *parts: str) -> str:
    """A title with parts below it.

    Args:
        title: Plain text.
        *parts: HTML.

    Returns:
        HTML, which scrolls by itself where it is too wide.
    """
    return f'<div style="overflow-x:auto"><div><code>{escape(title)}</code></div>{"".join(parts)}</div>'


def facts(pairs: Iterable[tuple[str, Any]]) -> str:
    """A table of names and values.

    Args:
        pairs: Names with numbers, words, arrays, or objects that have HTML of their own.

    Returns:
        HTML.
    """
    rows = (
        f'<tr><th scope="row" style="{_HEAD}">{escape(name)}</th><td style="{_CELL}">{_html(value)}</td></tr>'
        for name, value in pairs
    )
    return f'<table style="{_TABLE}"><tbody>{"".join(rows)}</tbody></table>'


def heat_map(title: str, values: Tensor | np.ndarray, rows: str = "", columns: str = "") -> str:
    """A table of numbers, each shaded by its size; positive and negative ones in different colours.

    Args:
        title: Plain text above the table; none if empty.
        values: Real numbers, shape (n,) or (m, n).
        rows: What the rows are, for the corner.
        columns: What the columns are.

    Returns:
        HTML.
    """
    table = torch.as_tensor(values, device="cpu").detach()
    if table.ndim == 1:
        table = table[None]
    kept_rows, kept_columns = _kept(table.shape[0], MOST_ROWS), _kept(table.shape[1], MOST_COLUMNS)
    at_rows = torch.tensor([i for i in kept_rows if i is not None], device="cpu")
    at_columns = torch.tensor([j for j in kept_columns if j is not None], device="cpu")
    shown = table[at_rows[:, None], at_columns].flatten().tolist()
    shaded = table.is_floating_point()
    largest = max((abs(x) for x in shown if math.isfinite(x)), default=0.0) if shaded else 0.0
    numbers = iter(shown)
    corner = " \\ ".join(part for part in (rows, columns) if part)
    names = [_gap(j) for j in kept_columns]
    lines = [_header([corner, *names]) if table.shape[0] > 1 or corner else ""]
    for i in kept_rows:
        cells = [
            f'<td style="{_NUMBER}">…</td>' if i is None or j is None else _number(next(numbers), largest)
            for j in kept_columns
        ]
        head = _gap(i) if table.shape[0] > 1 else ""
        lines.append(f'<tr><th scope="row" style="{_HEAD}">{head}</th>{"".join(cells)}</tr>')
    caption = f'<caption style="{_HEAD};caption-side:top">{escape(title)}</caption>' if title else ""
    return f'<table style="{_TABLE}">{caption}<tbody>{"".join(lines)}</tbody></table>'


def listing(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table with a line for each of several things.

    Args:
        names: Of the columns.
        rows: Their numbers and words.

    Returns:
        HTML; of many rows, the first ones and the last.
    """
    lines = [_header(names)]
    for i in _kept(len(rows), MOST_ROWS):
        cells = ["…"] * len(names) if i is None else [_html(value) for value in rows[i]]
        lines.append("<tr>" + "".join(f'<td style="{_NUMBER}">{cell}</td>' for cell in cells) + "</tr>")
    return f'<table style="{_TABLE}"><tbody>{"".join(lines)}</tbody></table>'


def _parts(thing: Any) -> list[tuple[str, Any]]:
    names = [field.name for field in fields(thing)] if is_dataclass(thing) else thing._fields
    return [(name, getattr(thing, name)) for name in names]


def _short(value: Any) -> str:
    if isinstance(value, Tensor | np.ndarray):
        return str(tuple(value.shape))
    if isinstance(value, float):
        return f"{value:.5g}"
    if type(value) is tuple and len(value) > MOST_COLUMNS:
        return f"{len(value)} {type(value[0]).__name__}s"
    return repr(value)


def _html(value: Any) -> str:
    if isinstance(value, Tensor | np.ndarray) and 1 <= value.ndim <= 2 and 0 not in value.shape:
        return heat_map("", value)
    # A type is no object of that type.
    if not isinstance(value, type) and hasattr(value, "_repr_html_"):
        return str(value._repr_html_())
    return escape(_short(value) if not isinstance(value, str) else value)


def _kept(n: int, most: int) -> list[int | None]:
    """Indices shown of n, with None for a gap."""
    return list(range(n)) if n <= most else [*range(most - 2), None, n - 1]


def _gap(index: int | None) -> str:
    return "…" if index is None else str(index)


def _header(names: Sequence[str]) -> str:
    return "<tr>" + "".join(f'<th scope="col" style="{_NUMBER}">{escape(n)}</th>' for n in names) + "</tr>"


def _number(value: float | bool, largest: float) -> str:
    share = abs(value) / largest if largest and math.isfinite(value) else 0.0
    colour = _NEGATIVE if value < 0 else _POSITIVE
    shade = f";background:rgba({colour},{_DEEPEST * share:.2f})" if share else ""
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return f'<td style="{_NUMBER}{shade}">{text}</td>'
