"""A figure of a chapter on another page.

``{chapter-figure} notebooks/NAME LABEL`` shows the picture that is stored in the chapter's notebook under the
figure of that label, with the alternative text that it has there. What stands inside is the caption. A label
that no figure of the chapter has is a warning, and warnings are errors here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)


def stored_figure(notebook: Path, label: str) -> tuple[str, str]:
    """A picture of a notebook.

    Args:
        notebook: The notebook, with its outputs.
        label: Name of the figure, in the metadata of its cell.

    Returns:
        The picture as a data URI, and its alternative text.

    Raises:
        ValueError: No cell has this name, or it shows no picture.
    """
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        told = cell["metadata"].get("mystnb", {})
        if told.get("figure", {}).get("name") != label:
            continue
        for output in cell["outputs"]:
            picture = output.get("data", {}).get("image/png")
            if picture:
                code = "".join(picture).replace("\n", "")
                return f"data:image/png;base64,{code}", told["image"]["alt"]
        raise ValueError(f"{notebook.name}: figure {label} has no picture")
    raise ValueError(f"{notebook.name}: has no figure {label}")


class ChapterFigure(SphinxDirective):
    """``{chapter-figure}``."""

    required_arguments = 2
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Show the figure."""
        name, label = self.arguments
        notebook = Path(self.env.srcdir, f"{name}.ipynb")
        self.env.note_dependency(str(notebook))
        try:
            uri, alt = stored_figure(notebook, label)
        except (OSError, ValueError) as error:
            logger.warning(str(error), location=self.get_location())
            return []
        caption = nodes.caption()
        text, messages = self.state.inline_text("\n".join(self.content), self.lineno)
        caption += text
        return [nodes.figure("", nodes.image(uri=uri, alt=alt), caption), *messages]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("chapter-figure", ChapterFigure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
