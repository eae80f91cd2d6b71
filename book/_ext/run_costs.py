"""Says at the head of each executed page how long it took and how much memory it needs, and lists them all.

The time is that of the build, if the build executed the page; else, and for the memory, what
``make costs`` measured and left in ``book/results/notebook_costs.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

SOURCE = Path("book", "results", "notebook_costs.json")
FOLDER = "notebooks"
SPACE = "\N{NO-BREAK SPACE}"


def read_costs(file: Path) -> dict[str, Any]:
    """Read what was measured.

    Args:
        file: The file that ``make costs`` writes.

    Returns:
        Its content; ``notebooks`` has ``seconds`` and ``peak_mib`` of each notebook.
    """
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def duration(seconds: float) -> str:
    """Say how long something takes, as a reader wants to know it.

    Args:
        seconds: The time, at least 0.

    Returns:
        Whole seconds below a minute and a half, else whole and half minutes, in one piece.
    """
    if seconds < 90:
        return f"{max(1, round(seconds))}{SPACE}s"
    return f"{round(seconds / 30) / 2:g}{SPACE}min"


def sentence(cost: dict[str, float], cores: int | None, built: float | None) -> str:
    """What the head of a page says.

    Args:
        cost: ``seconds`` and ``peak_mib`` as measured.
        cores: Cores of the machine where that was.
        built: Seconds that the build took to execute the page, or None if it did not.

    Returns:
        A sentence.
    """
    memory = f"at most {cost['peak_mib']:.0f}{SPACE}MiB of memory"
    if built is None:
        return f"Running this page takes {duration(cost['seconds'])} on {cores} cores, and {memory}."
    return f"Running this page took {duration(built)} when it was built; it needs {memory}."


def in_the_books_order(names: Iterable[str], toc: Path) -> list[str]:
    """Sort notebooks as the book's contents do.

    Args:
        names: Names of notebooks, all of them in the contents.
        toc: The file ``_toc.yml``.

    Returns:
        The names.
    """
    place = toc.read_text(encoding="utf-8").index
    return sorted(names, key=lambda name: place(f"{FOLDER}/{name}"))


def add_to_page(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the sentence below the title."""
    path, title = PurePosixPath(docname), next(iter(doctree.findall(nodes.title)), None)
    if path.parent.name != FOLDER or title is None:
        return
    costs = read_costs(Path(app.srcdir) / SOURCE)
    executed = NbMetadataCollector.get_exec_data(app.env, docname)
    built = executed["runtime"] if executed else None
    cores = costs["provenance"]["machine"]["cores"]
    text = sentence(costs["notebooks"][path.name], cores, built)
    title.parent.insert(1, nodes.paragraph("", text, classes=["run-cost"]))


def measured_again(notebooks: dict[str, dict[str, Any]]) -> str:
    """Say how many pages were measured apart from the others.

    Args:
        notebooks: What is recorded of each; ``provenance`` where it was measured by itself.

    Returns:
        A sentence for each day and processor, with a space before it; nothing where there is none.
    """
    found: dict[tuple[str, str], int] = {}
    for cost in notebooks.values():
        if made := cost.get("provenance"):
            key = (made["date"][:10], made["machine"]["cpu"])
            found[key] = found.get(key, 0) + 1
    return "".join(
        f" {count} of the pages were measured again on {day} ({cpu})."
        for (day, cpu), count in sorted(found.items())
    )


class RunCosts(SphinxDirective):
    """``{run-costs}``: all pages, with what they need."""

    def run(self) -> list[nodes.Node]:
        """Render the table."""
        file = Path(self.env.srcdir) / SOURCE
        self.env.note_dependency(str(file))
        costs = read_costs(file)
        made = costs["provenance"]
        lines = [
            f"Measured on {made['date'][:10]}, one after the other on {made['machine']['cores']} cores "
            f"({made['machine']['cpu']}), with at most {costs['limit_mib'] / 1024:g} GiB for each."
            + measured_again(costs["notebooks"]),
            "",
            "| page | time | memory |",
            "|---|---:|---:|",
        ]
        for name in in_the_books_order(costs["notebooks"], Path(self.env.srcdir) / "_toc.yml"):
            cost = costs["notebooks"][name]
            memory = f"{cost['peak_mib']:.0f}{SPACE}MiB"
            lines.append(f"| {{doc}}`/{FOLDER}/{name}` | {duration(cost['seconds'])} | {memory} |")
        box = nodes.container()
        self.state.nested_parse(StringList(lines, source=str(file)), 0, box)
        return [box]


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive and the sentences."""
    app.add_directive("run-costs", RunCosts)
    app.connect("doctree-resolved", add_to_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
