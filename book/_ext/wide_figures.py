"""Marks figures that have several panels side by side, so that on a phone they scroll instead of shrinking.

Their text would be too small to read. They are told by their width: a single panel is drawn narrower. A
narrow figure with several panels gets the class in the metadata of its cell.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

FIGURE = re.compile(r'(<figure class=")([^"]*)("[^>]*>\s*<img\b[^>]*?\bsrc=")([^"]+\.png)(")')
# Of notebook pictures in pixels, at 120 to an inch: wider than one panel of 6.4 inches.
WIDE = 800

# What scrolls can be reached from the keyboard.
REACHABLE = """for (const event of ["load", "resize"]) addEventListener(event, () => {
  for (const figure of document.querySelectorAll("figure.wide")) {
    if (figure.scrollWidth > figure.clientWidth) figure.tabIndex = 0;
    else figure.removeAttribute("tabindex");
  }
});"""


def png_width(file: Path) -> int:
    """Read the width of a picture.

    Args:
        file: A PNG.

    Returns:
        Its width in pixels.

    Raises:
        ValueError: The file is no PNG.
    """
    with file.open("rb") as stream:
        head = stream.read(24)
    if head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        raise ValueError(f"{file}: expected a PNG")
    width: int = struct.unpack(">I", head[16:20])[0]
    return width


def mark_figures(html: str, folder: Path) -> str:
    """Give the class ``wide`` to figures with a wide picture.

    Args:
        html: A page. Done twice, nothing more happens.
        folder: Where the page is.

    Returns:
        The page.
    """

    def mark(found: re.Match[str]) -> str:
        before, classes, between, source, after = found.groups()
        if "wide" not in classes.split() and png_width(folder / source) > WIDE:
            classes += " wide"
        return before + classes + between + source + after

    return FIGURE.sub(mark, html)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the script that lets the keyboard reach marked figures."""
    app.add_js_file(None, body=REACHABLE)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
