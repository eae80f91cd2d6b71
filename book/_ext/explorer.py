"""The directives of what a reader can change on the page: ``explorer``, ``geometry`` and ``by-hand``.

::

    :::{explorer} What the text reveals
    :machines: letters
    :panels: reveal, machine

    What a reader without JavaScript sees instead, and every other format than HTML.
    :::

The argument is the heading. ``machines`` are names of `explorer_machines`; the reader can choose where there
are several. ``panels`` are the parts to show, all by default. ``geometry`` draws the simplices of posteriors
and of token distributions, and takes machines of three tokens; ``by-hand`` shows every number of a small HMM
as a fraction, takes machines in tenths, and has no panels to choose.

The scripts are loaded on pages that need them, and on no other. They come from ``_static``, so that a page
opened from a folder works too.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from explorer_machines import HAND_MACHINES, MACHINES, Machine


@dataclass(frozen=True)
class Kind:
    """One kind of live piece.

    Args:
        name: Name of the directive, and of the data attribute with the settings.
        machines: What builds each machine, by its name.
        panels: Parts that can be chosen.
        parts: Its scripts are ``explorer_<part>.js``, in this order.
        main: The script that comes after them.
    """

    name: str
    machines: Mapping[str, Callable[[], Machine]]
    panels: tuple[str, ...]
    parts: tuple[str, ...]
    main: str

    @property
    def scripts(self) -> tuple[str, ...]:
        """The files to load, in order."""
        return (*(f"explorer_{part}.js" for part in self.parts), self.main)


FLAT = {name: build for name, build in MACHINES.items() if "memory" not in build()}
KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "explorer",
            MACHINES,
            ("reveal", "prompt", "head", "machine"),
            ("maths", "widgets", "texts", "laws", "decisions"),
            "explorer.js",
        ),
        Kind(
            "geometry",
            {name: build for name, build in FLAT.items() if len(build()["tokens"]) == 3},
            ("task", "prompt", "machine"),
            ("maths", "widgets", "laws", "decisions", "plane", "triangles"),
            "explorer_geometry.js",
        ),
        Kind("by-hand", HAND_MACHINES, (), ("widgets", "fractions"), "explorer_by_hand.js"),
    )
}
SCRIPTS = tuple(dict.fromkeys(script for kind in KINDS.values() for script in kind.scripts))
STYLES = ("explorer.css", "explorer_pieces.css")


class Explorer(nodes.General, nodes.Element):  # type: ignore[misc]
    """A live piece; its children are shown where it cannot run."""


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
            The node of the piece.

        Raises:
            DirectiveError: An unknown machine or panel, machines of two kinds, or no replacement.
        """
        kind = KINDS[self.name]
        names = _names(self.options.get("machines", ""), "machines", tuple(kind.machines), self)
        settings: dict[str, Any] = {"title": self.arguments[0]}
        settings["machines"] = machines = [kind.machines[name]() for name in names]
        if kind.panels:
            panels = self.options.get("panels", ", ".join(kind.panels))
            settings["panels"] = _names(panels, "panels", kind.panels, self)
        elif "panels" in self.options:
            raise self.error(f"{self.name}: panels: there are none to choose")
        if not self.content:
            raise self.error(f"{self.name}: say in the body what a reader without JavaScript sees")
        if len({"memory" in machine for machine in machines}) > 1:
            raise self.error(
                f"{self.name}: machines with and without a memory do not mix: {', '.join(names)}"
            )
        node = Explorer(kind=self.name, settings=settings)
        self.set_source_info(node)
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


def _names(text: str, option: str, known: tuple[str, ...], directive: SphinxDirective) -> list[str]:
    found = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in found if name not in known]
    if unknown or not found:
        got = repr(unknown[0]) if unknown else "none"
        raise directive.error(f"{directive.name}: {option}: expected some of {', '.join(known)}, got {got}")
    return found


def visit_html(translator: HTML5Translator, node: Explorer) -> None:
    """Open the element that the script fills, with its settings."""
    settings = html.escape(json.dumps(node["settings"], ensure_ascii=False, separators=(",", ":")))
    title = html.escape(node["settings"]["title"])
    translator.body.append(f'<div class="explorer" data-{node["kind"]}="{settings}">\n')
    translator.body.append(f'<div class="ex-replacement"><p class="ex-heading">{title}</p>\n')


def depart_html(translator: HTML5Translator, _node: Explorer) -> None:
    """Close it."""
    translator.body.append("</div></div>\n")


def pass_through(_translator: nodes.NodeVisitor, _node: Explorer) -> None:
    """In other formats the replacement is all there is."""


def load_scripts(
    app: Sphinx, _page: str, _template: str, _context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Load what the live pieces of a page need."""
    used = {node["kind"] for node in doctree.findall(Explorer)} if doctree is not None else set()
    scripts = dict.fromkeys(script for kind in KINDS.values() if kind.name in used for script in kind.scripts)
    for script in scripts:
        app.add_js_file(script, loading_method="defer")
    for style in STYLES if used else ():
        app.add_css_file(style)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directives."""
    silent = (pass_through, pass_through)
    app.add_node(
        Explorer, html=(visit_html, depart_html), latex=silent, text=silent, man=silent, texinfo=silent
    )
    for name in KINDS:
        app.add_directive(name, ExplorerDirective)
    app.connect("html-page-context", load_scripts)
    # A setting only so that pages are written anew when the list changes, also those whose text has not.
    app.add_config_value("explorer_scripts", list(SCRIPTS), "html")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
