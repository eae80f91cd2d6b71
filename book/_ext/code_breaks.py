"""Where code in a sentence may break at the end of a line: between words of a name, and short code nowhere.

A browser breaks `hmmlib.certificates.separate` in the middle of a word, or not at all. ``<wbr>`` shows it
better places; copied, the name stays what it is.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

INLINE_CODE = re.compile(
    r'<code class="(?P<classes>[^"]*\bliteral\b[^"]*)">(?P<content>.*?)</code>', re.DOTALL
)
TAG = re.compile(r"(<[^>]+>)")
PLACE = re.compile(r"(?<=[._/(=])(?=[^\W\d_])")
SHORT = 20


def break_code(html: str) -> str:
    """Say in a page where its inline code may break.

    Args:
        html: The page. Done twice, nothing more happens.

    Returns:
        The page, with ``<wbr>`` in longer code and the class ``short`` for code up to `SHORT` characters.
    """
    return INLINE_CODE.sub(_mend, html)


def _mend(found: re.Match[str]) -> str:
    classes, content = found["classes"], found["content"]
    parts = TAG.split(content)
    length = sum(len(re.sub(r"&\w+;", "x", text)) for text in parts[::2])
    if length > SHORT:
        parts[::2] = [PLACE.sub("<wbr>", text) for text in parts[::2]]
    elif "short" not in classes.split():
        classes += " short"
    return f'<code class="{classes}">{"".join(parts)}</code>'


def finish_pages(app: Sphinx, exception: Exception | None) -> None:
    """Mend all built pages."""
    if exception is not None or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if (mended := break_code(text)) != text:
            page.write_text(mended, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Mend pages when all are written."""
    app.connect("build-finished", finish_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
