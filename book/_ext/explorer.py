"""The directive ``explorer``: hidden Markov models that a reader can change on the page.

::

    :::{explorer} What the text reveals
    :machines: letters
    :panels: reveal, machine

    What a reader without JavaScript sees instead, and every other format than HTML.
    :::

The argument is the heading. ``machines`` are names of `explorer_machines.MACHINES`; the reader can choose
where there are several. ``panels`` are the parts to show, all by default. The scripts are loaded on pages
that have an explorer, and on no other. They come from ``_static``, so that a page opened from a folder
works too.
"""

from __future__ import annotations

import html
import json
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from explorer_machines import MACHINES

PANELS = ("reveal", "prompt", "head", "machine")
PARTS = ("maths", "widgets", "texts", "laws", "decisions")
SCRIPTS = (*(f"explorer_{part}.js" for part in PARTS), "explorer.js")


class Explorer(nodes.General, nodes.Element):  # type: ignore[misc]
    """A live explorer; its children are shown where it cannot run."""


class ExplorerDirective(SphinxDirective):
    """See the module."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "machines": directives.unchanged_required,
        "panels": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """Read the options and the replacement.

        Returns:
            The explorer's node.

        Raises:
            DirectiveError: An unknown machine or panel, machines of two kinds, or no replacement.
        """
        names = _names(self.options.get("machines", ""), "machines", tuple(MACHINES), self)
        panels = _names(self.options.get("panels", ", ".join(PANELS)), "panels", PANELS, self)
        if not self.content:
            raise self.error("explorer: say in the body what a reader without JavaScript sees")
        machines = [MACHINES[name]() for name in names]
        if len({"memory" in machine for machine in machines}) > 1:
            raise self.error(f"explorer: machines with and without a memory do not mix: {', '.join(names)}")
        node = Explorer(settings={"title": self.arguments[0], "machines": machines, "panels": panels})
        self.set_source_info(node)
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


def _names(text: str, option: str, known: tuple[str, ...], directive: SphinxDirective) -> list[str]:
    found = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in found if name not in known]
    if unknown or not found:
        got = repr(unknown[0]) if unknown else "none"
        raise directive.error(f"explorer: {option}: expected some of {', '.join(known)}, got {got}")
    return found


def visit_html(translator: HTML5Translator, node: Explorer) -> None:
    """Open the element that the script fills, with its settings."""
    settings = html.escape(json.dumps(node["settings"], ensure_ascii=False, separators=(",", ":")))
    title = html.escape(node["settings"]["title"])
    translator.body.append(f'<div class="explorer" data-explorer="{settings}">\n')
    translator.body.append(f'<div class="ex-replacement"><p class="ex-heading">{title}</p>\n')


def depart_html(translator: HTML5Translator, _node: Explorer) -> None:
    """Close it."""
    translator.body.append("</div></div>\n")


def pass_through(_translator: nodes.NodeVisitor, _node: Explorer) -> None:
    """In other formats the replacement is all there is."""


def load_scripts(
    app: Sphinx, _page: str, _template: str, _context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Load the explorer on a page that has one."""
    if doctree is not None and next(iter(doctree.findall(Explorer)), None) is not None:
        for script in SCRIPTS:
            app.add_js_file(script, loading_method="defer")
        app.add_css_file("explorer.css")


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    silent = (pass_through, pass_through)
    app.add_node(
        Explorer, html=(visit_html, depart_html), latex=silent, text=silent, man=silent, texinfo=silent
    )
    app.add_directive("explorer", ExplorerDirective)
    app.connect("html-page-context", load_scripts)
    # A setting only so that pages are written anew when the list changes, also those whose text has not.
    app.add_config_value("explorer_scripts", list(SCRIPTS), "html")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
