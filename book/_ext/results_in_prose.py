"""The role ``result``: a number or a verdict in a sentence, made from the result files.

::

    By the paper's recipe heads reach {result}`recipe-head-15`; claim 3 {result}`claim-3-exact` there.

Names are those of `hmmlib.analysis.statements`. A name that is none is an error, which ends the build, and
pages are written anew when a result file changes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

from hmmlib.analysis import book_file, say, statements

SPACE = "\N{NO-BREAK SPACE}"


def in_one_piece(text: str) -> str:
    """Keep what belongs to a number on its line.

    Args:
        text: A statement.

    Returns:
        The same, with no-break spaces around a plus-minus.
    """
    return text.replace(" ± ", f"{SPACE}±{SPACE}")


class Result(SphinxRole):
    """See the module."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Render the statement."""
        for file in self.files():
            self.env.note_dependency(str(file))
        try:
            text = in_one_piece(say(self.text))
        except ValueError as error:
            message = self.inliner.reporter.error(f"result: {error}", line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]
        return [nodes.inline(self.rawtext, text, classes=["result"])], []

    @staticmethod
    def files() -> list[Path]:
        """The files behind the statements, and the module that makes them."""
        named = [book_file(f"results/{name}.json") for name in statements.FILES.values()]
        beside = [named[0].with_name(f"{name}.json") for name in statements.OPTIONAL.values()]
        return [*named, *(file for file in beside if file.exists()), Path(statements.__file__)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the role."""
    app.add_role("result", Result())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
