"""Decimal numbers that somebody typed into the prose of a notebook, though no cell prints them.

Prose may quote what a cell of the same notebook prints, and what the role ``result`` fetches. All other
decimals are settings and constants, which `ALLOWED` has with what they are.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"

CHAPTERS = (
    "head_vs_prompt",
    "memory_vs_vanilla",
    "where_the_error_comes_from",
    "reproduction_report",
    "prompts_on_the_papers_hmms",
    "pretraining",
    "masking_rules",
)
"""The notebooks of Part II, and the appendix that belongs to it."""

ALLOWED = {
    "reproduction_report": {
        "1.96": "the 97.5% point of the normal distribution",
        "2.78": "the 97.5% point of Student's with four degrees of freedom",
    },
}
"""For a notebook the decimals that its prose may have though no cell prints them, each with what it is: a
setting, a constant, a number of the paper's text; never a result."""

# What is no prose: code, formulas, roles (their text is a label or a name), links, options of directives.
_NO_PROSE = (
    re.compile(r"^(`{3,})(?!\{list-table\}|\{figure\}|\{admonition\}).*?^\1\s*$", re.DOTALL | re.MULTILINE),
    re.compile(r"\$\$.*?\$\$(?: \([\w-]+\))?", re.DOTALL),
    re.compile(r"\$[^$]+\$"),
    re.compile(r"\{[\w:-]+\}`[^`]*`"),
    re.compile(r"`[^`\n]+`"),
    re.compile(r"https?://\S+|\]\([^)]*\)"),
    re.compile(r"^:[\w-]+:.*$", re.MULTILINE),
)
_DECIMAL = re.compile(r"(?<![\w.])\d[\d,]*\.\d+(?![\w.]*\d)")


def decimals(markdown: str) -> list[str]:
    """The decimal numbers of a text that are neither code nor formula nor fetched by a role.

    Args:
        markdown: Its source.

    Returns:
        The numbers as they stand there, in order.
    """
    for pattern in _NO_PROSE:
        markdown = pattern.sub(" ", markdown)
    return _DECIMAL.findall(markdown)


def printed(cell: dict[str, Any]) -> str:
    """All text that a code cell shows.

    Args:
        cell: Of a notebook.

    Returns:
        Streams, texts and Markdown, one after the other.
    """
    parts: list[str] = []
    for output in cell.get("outputs", ()):
        found = [output.get("text", "")]
        found += [data for kind, data in output.get("data", {}).items() if kind.startswith("text/")]
        parts += ["".join(text) for text in found]
    return "\n".join(parts)


def typed(notebook: dict[str, Any]) -> list[str]:
    """The decimals of a notebook's prose that no cell of it prints.

    A number counts as printed if an output has it, with as many decimals or as a number that rounds to it.

    Args:
        notebook: As nbformat has it.

    Returns:
        The numbers, in order, once each.
    """
    cells = notebook["cells"]
    shown = "\n".join(printed(cell) for cell in cells if cell["cell_type"] == "code")
    numbers = [number.replace(",", "") for number in re.findall(r"\d[\d,]*\.\d+", shown)]
    prose = [cell for cell in cells if cell["cell_type"] == "markdown"]
    found = [number for cell in prose for number in decimals("".join(cell["source"]))]
    return [number for number in dict.fromkeys(found) if not _is_shown(number, numbers)]


def _is_shown(number: str, shown: list[str]) -> bool:
    plain = number.replace(",", "")
    places = len(plain.partition(".")[2])
    half = 0.5 * 10**-places * (1 + 1e-9)
    return any(
        other == plain or (len(other.partition(".")[2]) > places and abs(float(other) - float(plain)) <= half)
        for other in shown
    )
