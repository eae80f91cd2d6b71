"""Inline code breaks at good places, and says the same when it is copied."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from code_breaks import SHORT, break_code


def code(text: str, classes: str = "docutils literal notranslate") -> str:
    spans = " ".join(f'<span class="pre">{html.escape(word)}</span>' for word in text.split(" "))
    return f'<code class="{classes}">{spans}</code>'


def shown(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page))


@given(st.text(alphabet="ab_./(=[]<>&; ", max_size=40))
def test_nothing_but_the_places_changes_and_once_is_enough(text: str) -> None:
    page = f"<p>a_b {code(text)} c.d</p>"
    mended = break_code(page)
    assert shown(mended) == shown(page)
    assert mended.replace("<wbr>", "").replace(" short", "") == page
    assert break_code(mended) == mended


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("posteriors(…).conditionals[:, i]", "posteriors(…).|conditionals[:, i]"),
        ("tests/test_theorems.py::test_a_b", "tests/|test_|theorems.|py::test_|a_|b"),
        ("emission[:, z] &lt; 0.123456789", "emission[:, z] &lt; 0.123456789"),
    ],
)
def test_long_names_break_between_words(name: str, broken: str) -> None:
    page = f'<code class="literal">{name}</code>'
    assert break_code(page) == f'<code class="literal">{broken.replace("|", "<wbr>")}</code>'


def test_short_code_does_not_break() -> None:
    assert 'class="docutils literal notranslate short"' in break_code(code("make test-browser"))
    assert "short" not in break_code(code("x" * (SHORT + 1)))
    assert 'class="literal short"' in break_code(f'<code class="literal">{"&lt;" * SHORT}</code>')


def test_code_that_is_no_sentence_stays_as_it_is() -> None:
    page = '<pre><span class="n">a.b</span></pre><code class="sig">a.b</code>'
    assert break_code(page) == page
