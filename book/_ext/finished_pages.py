"""Mends the built pages and checks them: each is read once and, where something changed, written once.

What is mended is in the modules of the functions that `mend` calls. After them, a page that would still load
anything from another host is a warning, and warnings are errors here. Last, the theme's icon script keeps
what the pages show.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from accessibility import mend_attributes
from icons import MENTION, trim
from line_breaks import mend_lines
from wide_figures import mark_figures

logger = logging.getLogger(__name__)

# An element that makes the browser fetch something from another host; a link to follow does not.
LOADS_ELSEWHERE = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\bsrc=["'](?:https?:)?//[^"']+"""
    r"""|<link\b(?=[^>]*\brel=["'](?:stylesheet|preload|prefetch|preconnect|icon))[^>]*?"""
    r"""\bhref=["'](?:https?:)?//[^"']+"""
    r"""|@import\s+(?:url\()?["']?(?:https?:)?//[^"')]+"""
)


def mend(html: str, folder: Path) -> str:
    """Make all mends.

    Args:
        html: A page. Done twice, nothing more happens.
        folder: Where it is.

    Returns:
        The page.
    """
    for step in (mend_attributes, mend_lines, partial(mark_figures, folder=folder)):
        html = step(html)
    return html


def finish_pages(app: Sphinx, exception: Exception | None) -> None:
    """Mend and check all built pages, then trim the icon script."""
    if exception is not None or app.builder.format != "html":
        return
    icons: set[str] = set()
    for page in sorted(Path(app.outdir).rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        if (mended := mend(text, page.parent)) != text:
            page.write_text(mended, encoding="utf-8")
        for found in LOADS_ELSEWHERE.findall(mended):
            logger.warning("%s loads from another host: %s", page.relative_to(app.outdir), found)
        icons.update(MENTION.findall(mended))
    trim(Path(app.outdir), icons)


def setup(app: Sphinx) -> dict[str, Any]:
    """Finish the pages when all else has been written."""
    app.connect("build-finished", finish_pages, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
