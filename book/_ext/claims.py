"""One table of the claims that chapters put to the test, made from the box at the end of each.

A box is a list table whose name ends in ``-tab-claim``, with the columns of `COLUMNS`. ``{claims}`` lists
chapters, a line for each: ``notebooks/NAME`` and the keys of the papers, as a citation needs them. A
chapter without a box, or with one of another form, is a warning, and warnings are errors here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

COLUMNS = ("Claim", "In this world it holds when", "It fails when", "Evidence")

_BOX = re.compile(
    r"^```\{list-table\}\n:header-rows: 1\n:name: [\w-]+-tab-claim\n\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


def box(chapter: Path) -> list[tuple[str, ...]]:
    """The box of a chapter.

    Args:
        chapter: Its source, a script of jupytext.

    Returns:
        The rows, without the first; four entries each, in Markdown.

    Raises:
        ValueError: No box, more than one, other columns, or a row that has not one entry for each.
    """
    text = re.sub(r"^# ?", "", chapter.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = _BOX.findall(text)
    if len(found) != 1:
        raise ValueError(f"{chapter.name}: expected one table named …-tab-claim, found {len(found)}")
    rows = [_entries(row) for row in re.split(r"^\* ", found[0], flags=re.MULTILINE)[1:]]
    for row in rows:
        if len(row) != len(COLUMNS):
            raise ValueError(f"{chapter.name}: expected {len(COLUMNS)} entries in a row, got {row}")
    if rows[0] != COLUMNS:
        raise ValueError(f"{chapter.name}: expected the columns {COLUMNS}, got {rows[0]}")
    return rows[1:]


def _entries(row: str) -> tuple[str, ...]:
    """The entries of a row, each on one line."""
    parts = re.split(r"^(?:  )?- ", row, flags=re.MULTILINE)[1:]
    return tuple(" ".join(part.split()) for part in parts)


def table(root: Path, listed: Sequence[str]) -> tuple[list[str], list[str]]:
    """The boxes of chapters as one table.

    Args:
        root: The folder of the book.
        listed: For each chapter its name and the keys of its papers, set apart by blanks.

    Returns:
        The table in Markdown, and what is wrong.
    """
    lines, wrong = ["```{list-table}", ":header-rows: 1", ":widths: 16 24 22 22 16", "", "* - Paper"], []
    lines += [f"  - {column}" for column in COLUMNS]
    for name, *keys in map(str.split, listed):
        try:
            rows = box(root / f"{name}.py")
        except (OSError, ValueError) as error:
            wrong.append(str(error))
            continue
        for number, row in enumerate(rows):
            cited = f"{{cite:t}}`{','.join(keys)}`; {{doc}}`/{name}`"
            lines += [f"* - {'' if number else cited}", *(f"  - {entry}" for entry in row)]
    return [*lines, "```"], wrong


class Claims(SphinxDirective):
    """``{claims}``."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Show the table."""
        listed = [line for line in self.content if line.strip()]
        for line in listed:
            self.env.note_dependency(str(Path(self.env.srcdir, f"{line.split()[0]}.py")))
        text, wrong = table(Path(self.env.srcdir), listed)
        for complaint in wrong:
            logger.warning(complaint, location=self.get_location())
        found = nodes.container()
        self.state.nested_parse(StringList(text, source=self.get_source_info()[0]), 0, found)
        return [found]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("claims", Claims)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
