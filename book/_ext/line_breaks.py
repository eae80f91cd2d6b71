"""Where a line may end, which browsers get wrong for code and formulas.

- Long code in a sentence, and a signature in the library reference, may break between the words of a name;
  ``<wbr>`` shows where, and is not copied with it. Short code does not break.
- A comma or full stop stays with the formula before it.
"""

from __future__ import annotations

import re

INLINE_CODE = re.compile(
    r'<code class="(?P<classes>[^"]*\bliteral\b[^"]*)">(?P<content>.*?)</code>', re.DOTALL
)
SIGNATURE = re.compile(r'<dt class="sig [^"]*"[^>]*>.*?</dt>', re.DOTALL)
FORMULA = re.compile(
    r'(?<!<span class="unbroken">)(<span class="math[^"]*">\\\((?:(?!</span>).)*</span>[,.;:?!)’”]+)',
    re.DOTALL,
)
TAG = re.compile(r"(<[^>]+>)")
PLACE = re.compile(r"(?<=[._/(=])(?=[^\W\d_])")
SHORT = 20


def mend_lines(html: str) -> str:
    """Say in a page where its lines may end.

    Args:
        html: The page. Done twice, nothing more happens.

    Returns:
        The page, with ``<wbr>`` in longer code and signatures, the class ``short`` for code up to `SHORT`
        characters, and formulas in one span of the class ``unbroken`` with the punctuation after them.
    """
    html = INLINE_CODE.sub(_mend_code, html)
    html = SIGNATURE.sub(lambda found: _with_places(found[0]), html)
    return FORMULA.sub(r'<span class="unbroken">\1</span>', html)


def _mend_code(found: re.Match[str]) -> str:
    classes, content = found["classes"], found["content"]
    text = TAG.sub("", content)
    if len(re.sub(r"&#?\w+;", "x", text)) > SHORT:
        content = _with_places(content)
    elif "short" not in classes.split():
        classes += " short"
    return f'<code class="{classes}">{content}</code>'


def _with_places(html: str) -> str:
    parts = TAG.split(html)
    parts[::2] = [PLACE.sub("<wbr>", text) for text in parts[::2]]
    return "".join(parts)
