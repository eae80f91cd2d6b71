"""Problem sheets for a course, made from the chapters: a directive that lists exercises and figures.

``{problem-sheets}`` shows a sheet for each chapter of the part *Theory* of ``_toc.yml``: its exercises by
difficulty and kind, with links. The title of an exercise says both, ``● By hand: …``; one that does not is a
warning, and warnings are errors here. ``{figure-sheet}`` lists the figures of these chapters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

PART = "Theory"
KINDS = ("By hand", "Think", "Code", "Prove or refute", "Open")

_EXERCISE = re.compile(r"^(?:# )?:{3,}\{exercise\}[ ]*([^\n]*)\n(?:# )?:label: ([\w-]+)", re.MULTILINE)
_TITLE = re.compile(r"(●{1,3}) (By hand|Think|Code|Prove or refute|Open): (\S.*)")
_HEADING = re.compile(r"^# # (.+)$", re.MULTILINE)
_FIGURE = re.compile(r'"figure": \{"caption": "((?:[^"\\]|\\.)*)", "name": "([\w-]+)"')


@dataclass(frozen=True)
class Exercise:
    """An exercise of a chapter.

    Attributes:
        label: What it is referred to by.
        difficulty: 1 to 3.
        kind: One of `KINDS`.
        title: What it is about.
    """

    label: str
    difficulty: int
    kind: str
    title: str


def theory(root: Path) -> list[Path]:
    """The chapters of the part, in order.

    Args:
        root: The folder of the book.

    Returns:
        Their sources in ``notebooks``, as text.
    """
    contents = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    (part,) = (part for part in contents["parts"] if part.get("caption") == PART)
    return [root / (chapter["file"] + ".py") for chapter in part["chapters"]]


def heading(chapter: Path) -> str:
    """The title of a chapter."""
    found = _HEADING.search(chapter.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{chapter}: has no heading")
    return found[1]


def exercises(chapter: Path) -> Iterator[Exercise | str]:
    """The exercises of a chapter.

    Args:
        chapter: Its source.

    Yields:
        Each exercise; or, where the title does not say how difficult and of what kind it is, what is wrong.
    """
    for title, label in _EXERCISE.findall(chapter.read_text(encoding="utf-8")):
        found = _TITLE.fullmatch(title.strip())
        if found is None:
            yield f"{chapter.name}: exercise {label}: expected a title like '●● Think: …', got {title!r}"
        else:
            yield Exercise(label, len(found[1]), found[2], found[3])


def figures(chapter: Path) -> list[tuple[str, str]]:
    """The figures of a chapter.

    Args:
        chapter: Its source.

    Returns:
        Label and first sentence of the caption of each.
    """
    found = _FIGURE.findall(chapter.read_text(encoding="utf-8"))
    return [(label, _first_sentence(caption.replace("\\\\", "\\"))) for caption, label in found]


def _first_sentence(caption: str) -> str:
    return re.split(r"(?<=\.) (?=[A-Z])", caption, maxsplit=1)[0]


def sheet(number: int, chapter: Path) -> tuple[list[str], list[str]]:
    """A problem sheet.

    Args:
        number: Of the week, from 1.
        chapter: Source of the chapter.

    Returns:
        The sheet in Markdown, and what is wrong with its exercises.
    """
    found = list(exercises(chapter))
    wrong = [one for one in found if isinstance(one, str)]
    right = sorted(
        (one for one in found if isinstance(one, Exercise)), key=lambda e: (e.difficulty, KINDS.index(e.kind))
    )
    lines = [f"**Sheet {number}: {{doc}}`{heading(chapter)} <../notebooks/{chapter.stem}>`**", ""]
    for one in right:
        lines += [f"- {'●' * one.difficulty} *{one.kind}*: {{ref}}`{one.title} <{one.label}>`"]
    return [*lines, ""], wrong


def figure_sheet(number: int, chapter: Path) -> tuple[list[str], list[str]]:
    """The figures of a chapter, as `sheet` gives its exercises.

    Args:
        number: Of the chapter, from 1.
        chapter: Its source.

    Returns:
        The list in Markdown, empty where there is no figure, and nothing that is wrong.
    """
    listed = [f"- {{ref}}`{caption} <{label}>`" for label, caption in figures(chapter)]
    return ([f"**{number}. {heading(chapter)}**", "", *listed, ""] if listed else []), []


class _Sheets(SphinxDirective):
    """Shows Markdown that is made from each chapter of the part."""

    make: ClassVar[staticmethod[[int, Path], tuple[list[str], list[str]]]]

    def run(self) -> list[nodes.Node]:
        root = Path(self.env.srcdir)
        text: list[str] = []
        for number, chapter in enumerate(theory(root), start=1):
            self.env.note_dependency(str(chapter))
            lines, wrong = type(self).make(number, chapter)
            text += lines
            for complaint in wrong:
                logger.warning(complaint, location=self.get_location())
        box = nodes.container()
        self.state.nested_parse(StringList(text, source=str(root / "_toc.yml")), 0, box)
        return [box]


class ProblemSheets(_Sheets):
    """``{problem-sheets}``."""

    make = staticmethod(sheet)


class FigureSheet(_Sheets):
    """``{figure-sheet}``."""

    make = staticmethod(figure_sheet)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("problem-sheets", ProblemSheets)
    app.add_directive("figure-sheet", FigureSheet)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
