"""Every symbol of a statement is on the notation page: what the page lacks, nobody can look up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CHAPTERS = sorted((ROOT / "notebooks").glob("*.py"))

STATEMENT = re.compile(
    r"^(:{3,})\{prf:(?:definition|theorem|proposition|lemma)\}.*?^\1$", re.MULTILINE | re.DOTALL
)
MATHS = re.compile(r"\$\$(.*?)\$\$|\$([^$]+)\$", re.DOTALL)
WORDS = re.compile(r"\\(?:text|mathrm|begin|end|label)\{[^{}]*\}")
ACCENTED = r"\\(?:hat|widehat|tilde|widetilde|bar|overline)\s*(?:\{\\?\w+\}|\\?\w)"
SYMBOL = re.compile(
    ACCENTED + r"|\\(?:mathbb|mathbf|mathcal|operatorname)\{\w+\}|\\[A-Za-z]+|[A-Za-z]",
)
# Relations, operations and layout, which every reader of formulas knows.
KNOWN = re.compile(
    r"\\(?:"
    r"approx|bar|big|Big|bigl|bigr|Bigl|Bigr|biggl|biggr|binom|bmod|cap|circ|cdot|cdots|colon|cup|det|dim|"
    r"bigm|displaystyle|textstyle|dots|nabla|exp|forall|frac|ge|hat|iff|implies|in|inf|infty|int|langle|ldots|le|left|lim|"
    r"log|lVert|lvert|max|mid|min|mp|ne|notin|odot|oplus|overline|perp|otimes|pm|prod|propto|qquad|quad|rangle|"
    r"right|rVert|rvert|setminus|sim|sqrt|subset|subseteq|sum|sup|supseteq|tanh|tfrac|tilde|widehat|widetilde|times|to|top|underbrace|"
    r"Vert"
    r")"
)


def statements(chapter: Path) -> Iterator[str]:
    lines = chapter.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines)
    for found in STATEMENT.finditer(text):
        yield found[0]


def symbols(text: str) -> set[str]:
    """The symbols in the formulas of a text, accents with what they stand on, without braces."""
    formulas = (WORDS.sub("", display or inline) for display, inline in MATHS.findall(text))
    found = {symbol for formula in formulas for symbol in SYMBOL.findall(formula)}
    bare = {re.sub(r"[\s{}]", "", symbol).replace("wide", "") for symbol in found}
    return {symbol for symbol in bare if not KNOWN.fullmatch(symbol)} - {r"\mathbbR"}


def noted() -> set[str]:
    """The symbols in the third column of the table of the page."""
    page = (ROOT / "book" / "notation.md").read_text(encoding="utf-8")
    (table,) = re.findall(r":name: tab-notation\n(.*?)\n```", page, re.DOTALL)
    rows = [re.split(r"\n  - ?", row) for row in re.split(r"\n\* - ?", table)[1:]]
    assert {len(row) for row in rows} == {4}
    return set().union(*(symbols(row[2]) for row in rows))


def test_symbols_are_found_in_formulas():
    text = (
        r"If $\widehat{G}_i \ge b^\top W_{:,h}$, $$\overline G = \operatorname{TV}(\mathcal{M}, \text{no})$$"
    )
    found = {r"\hatG", "i", "b", "W", "h", r"\overlineG", r"\operatornameTV", r"\mathcalM"}
    assert symbols(text) == found


def test_the_page_is_read():
    assert {"A", "W", r"\mu", r"\overlineG", r"\mathcalM", r"\Phi"} <= noted()


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda file: file.stem)
def test_every_symbol_of_a_statement_is_on_the_page(chapter):
    used = {symbol for statement in statements(chapter) for symbol in symbols(statement)}
    assert sorted(used - noted()) == []
