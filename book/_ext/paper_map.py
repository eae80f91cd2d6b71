"""The paper map: a directive that shows ``book/paper_map.toml``, and what has to be true of that file.

``{paper-map} NAME`` shows one table of the file as a list, with links. Whatever an entry names has to exist:
pages, labels on these pages, objects of the library, test functions, files and keys in them. What does not is
a warning, and warnings are errors here. So is a theorem that a chapter says to be the paper's, or a test of
``tests/test_theorem*.py``, that no entry names.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

SOURCE = Path("book", "paper_map.toml")
THEOREM_TESTS = "test_theorem*.py"

# Labels of directives and targets in Markdown, and of figures in the metadata of cells.
_LABEL = re.compile(r'(?::(?:label|name):\s*|^(?:# )?\((?=[^()]+\)=$)|"name": ")([\w-]+)', re.MULTILINE)
# A theorem or the like whose title says that it is the paper's: its title, and its label on the next line.
_FROM_THE_PAPER = re.compile(r"\{prf:\w+\}([^\n]*the paper's Section[^\n]*)\n(?:(?:# )?:label:\s*([\w-]+))?")


@dataclass(frozen=True)
class Entry:
    """A part of the paper, or a statement added to it, and where it is.

    Attributes:
        name: What it says, in a few words.
        says: One or two sentences, in Markdown.
        paper: Where it stands in the paper; empty if it does not.
        pages: Pages of the book, without extension.
        theorems: Labels of theorems, definitions and the like on these pages.
        figures: Labels of figures and tables on these pages.
        code: Objects of the library, by their full names.
        tests: ``file::function``.
        fails: The same, of tests in which an assumption is broken on purpose.
        results: ``file``, or ``file#key.key``.
    """

    name: str
    says: str
    paper: str = ""
    pages: tuple[str, ...] = ()
    theorems: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    fails: tuple[str, ...] = ()
    results: tuple[str, ...] = ()


def read_map(file: Path) -> dict[str, list[Entry]]:
    """Read the map.

    Args:
        file: The TOML file.

    Returns:
        The entries of each table, by the table's name.

    Raises:
        ValueError: An entry lacks its name, its sentence, pages, code or tests, or has something unknown.
    """
    known = {field.name for field in fields(Entry)}
    tables: dict[str, list[Entry]] = {}
    for table, entries in tomllib.loads(file.read_text(encoding="utf-8")).items():
        tables[table] = []
        for entry in entries:
            lacking = [key for key in ("name", "says", "pages", "code", "tests") if not entry.get(key)]
            if lacking or not entry.keys() <= known:
                odd = ", ".join(sorted(entry.keys() - known))
                raise ValueError(
                    f"{file.name}: {table}, {entry.get('name', 'an entry without a name')}: "
                    f"lacks {', '.join(lacking) or 'nothing'}; not known: {odd or 'nothing'}"
                )
            parts: dict[str, Any] = {key: _tuple(value) for key, value in entry.items()}
            tables[table].append(Entry(**parts))
    return tables


def _tuple(value: str | list[str]) -> str | tuple[str, ...]:
    return value if isinstance(value, str) else tuple(value)


def dangling(root: Path, entry: Entry) -> Iterator[str]:
    """What an entry names and what is not there.

    Args:
        root: The repository.
        entry: The entry.

    Yields:
        Complaints.
    """
    labels: set[str] = set()
    for page in entry.pages:
        source = page_source(root, page)
        if source is None:
            yield f"no page {page}"
        else:
            labels.update(_LABEL.findall(source.read_text(encoding="utf-8")))
    for label in entry.theorems + entry.figures:
        if label not in labels:
            yield f"no label {label} on {', '.join(entry.pages)}"
    for name in entry.code:
        if not _is_importable(name):
            yield f"no object {name}"
    for test in entry.tests + entry.fails:
        file, _, function = test.partition("::")
        if function not in test_functions(root / file):
            yield f"no test {test}"
    for result in entry.results:
        if not _has_result(root, result):
            yield f"no result {result}"


def left_out(root: Path, tables: dict[str, list[Entry]]) -> Iterator[str]:
    """What the map should name and does not.

    Args:
        root: The repository.
        tables: The whole map.

    Yields:
        Complaints: theorems that a chapter says to be the paper's, and tests of theorems.
    """
    entries = [entry for table in tables.values() for entry in table]
    theorems = {label for entry in entries for label in entry.theorems}
    for script in sorted((root / "notebooks").glob("*.py")):
        for title, label in _FROM_THE_PAPER.findall(script.read_text(encoding="utf-8")):
            if label not in theorems:
                name = script.relative_to(root).as_posix()
                yield f"{name}: {label or 'no label'},{title}, is not in the map"
    tests = {test for entry in entries for test in entry.tests + entry.fails}
    for file in sorted((root / "tests").glob(THEOREM_TESTS)):
        for function in sorted(test_functions(file)):
            test = f"{file.relative_to(root).as_posix()}::{function}"
            if test not in tests:
                yield f"{test} is not in the map"


def page_source(root: Path, page: str) -> Path | None:
    """The file that a page is written in: its script, or its Markdown.

    Args:
        root: The repository.
        page: The page, without extension.

    Returns:
        The file, or None if there is none.
    """
    files = (root / f"{page}{suffix}" for suffix in (".py", ".md"))
    return next((file for file in files if file.is_file()), None)


def test_functions(file: Path) -> set[str]:
    """The test functions of a file, without those inside of classes.

    Args:
        file: The file, which may not exist.

    Returns:
        Their names.
    """
    if not file.is_file():
        return set()
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return {part.name for part in body if isinstance(part, ast.FunctionDef) and part.name.startswith("test_")}


# Its name says what it returns, and is no reason for pytest to run it.
test_functions.__test__ = False  # type: ignore[attr-defined]


def _is_importable(name: str) -> bool:
    """Whether the name is that of a module of the library, or of something in one."""
    module, rest = name, list[str]()
    while module:
        try:
            found: Any = importlib.import_module(module)
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            rest.insert(0, last)
            continue
        for part in rest:
            found = getattr(found, part, None)
        return module.partition(".")[0] == "hmmlib" and found is not None
    return False


@cache
def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _has_result(root: Path, result: str) -> bool:
    path, _, keys = result.partition("#")
    if not (root / path).is_file():
        return False
    found = _json(root / path) if keys else None
    for key in keys.split(".") if keys else ():
        if not isinstance(found, dict) or key not in found:
            return False
        found = found[key]
    return True


def markdown(entry: Entry) -> list[str]:
    """An entry as an item of a definition list, with links.

    Args:
        entry: The entry.

    Returns:
        Lines of MyST Markdown.
    """
    where = f"the paper's {entry.paper}" if entry.paper else "*ours*"
    lines = [f"{entry.name} ({where})", f": {entry.says}", ""]
    for title, items in (
        ("Pages", [f"{{doc}}`/{page}`" for page in entry.pages]),
        ("Theorems", [f"{{prf:ref}}`{label}`" for label in entry.theorems]),
        ("Figures", [f"{{numref}}`{label}`" for label in entry.figures]),
        ("Functions", [f"{{py:obj}}`~{name}`" for name in entry.code]),
    ):
        if items:
            lines.append(f"  - **{title}:** {', '.join(items)}")
    for title, names, mark in (
        ("Tests", entry.tests, "::"),
        ("Broken on purpose", entry.fails, "::"),
        ("Results", entry.results, "#"),
    ):
        if names:
            lines += [f"  - **{title}:**", *(f"    - {line}" for line in _by_file(names, mark))]
    return [*lines, ""]


def _by_file(names: tuple[str, ...], mark: str) -> Iterator[str]:
    """Names as literal text, each file once and what is meant in it behind it."""
    for file, group in groupby(names, lambda name: name.partition(mark)[0]):
        parts = [f"`{part}`" for _, _, part in (name.partition(mark) for name in group) if part]
        yield f"`{file}`" + (f": {', '.join(parts)}" if parts else "")


class PaperMap(SphinxDirective):
    """``{paper-map} NAME``: one table of the map."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Render the table, and warn of what is not there."""
        root = Path(self.env.srcdir)
        file = root / SOURCE
        self.env.note_dependency(str(file))
        tables = read_map(file)
        table = self.arguments[0]
        if table not in tables:
            raise self.error(f"{SOURCE.as_posix()} has no table {table}")
        for entry in tables[table]:
            for complaint in dangling(root, entry):
                logger.warning("paper map, %s: %s", entry.name, complaint, location=self.get_location())
        box = nodes.container(classes=["paper-map"])
        text = [line for entry in tables[table] for line in markdown(entry)]
        self.state.nested_parse(StringList(text, source=str(file)), 0, box)
        return [box]


def check_completeness(_app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of what the map should name and does not."""
    root = Path(env.srcdir)
    if (root / SOURCE).is_file():
        for complaint in left_out(root, read_map(root / SOURCE)):
            logger.warning("paper map: %s", complaint)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive and the check."""
    app.add_directive("paper-map", PaperMap)
    app.connect("env-check-consistency", check_completeness)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
