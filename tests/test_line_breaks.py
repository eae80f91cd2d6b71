"""Lines end at good places: code between the words of a name, formulas not before a comma."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_breaks import SHORT, mend_lines


def code(text: str, classes: str = "docutils literal notranslate") -> str:
    spans = " ".join(f'<span class="pre">{html.escape(word)}</span>' for word in text.split(" "))
    return f'<code class="{classes}">{spans}</code>'


def shown(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page))


@given(st.text(alphabet="ab_./(=[]<>&; ", max_size=40), st.text(alphabet=".,) x", max_size=3))
def test_nothing_but_the_places_changes_and_once_is_enough(text: str, after: str) -> None:
    formula = f'<span class="math notranslate">\\({html.escape(text)}\\)</span>{after}'
    page = f'<p>a_b {code(text)} c.d {formula}</p><dt class="sig sig-object py">{html.escape(text)}</dt>'
    mended = mend_lines(page)
    assert shown(mended) == shown(page)
    assert mend_lines(mended) == mended


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
    assert mend_lines(page) == f'<code class="literal">{broken.replace("|", "<wbr>")}</code>'


def test_short_code_does_not_break() -> None:
    assert 'class="docutils literal notranslate short"' in mend_lines(code("make test-browser"))
    assert "short" not in mend_lines(code("x" * (SHORT + 1)))
    assert 'class="literal short"' in mend_lines(f'<code class="literal">{"&lt;" * SHORT}</code>')


def test_signatures_break_between_words() -> None:
    name = (
        '<dt class="sig sig-object py" id="a.b_c"><span class="pre">b_c</span><span>(</span><em>x</em></dt>'
    )
    assert mend_lines(name) == name.replace(">b_c<", ">b_<wbr>c<")


@pytest.mark.parametrize("after", [",", ".", "),", ";"])
def test_punctuation_stays_with_the_formula(after: str) -> None:
    formula = '<span class="math notranslate nohighlight">\\(a &lt; b\\)</span>'
    page = f"<p>If {formula}{after} then {formula} holds</p>"
    expected = f'<p>If <span class="unbroken">{formula}{after}</span> then {formula} holds</p>'
    assert mend_lines(page) == expected


def test_code_that_is_no_sentence_stays_as_it_is() -> None:
    page = '<pre><span class="n">a.b</span></pre><code class="sig">a.b</code>'
    assert mend_lines(page) == page
