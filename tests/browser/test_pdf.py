"""Printing: a small book as one PDF, and what is said of one that cannot be printed."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from pypdf import PdfReader

import print_book
from browser.small_site import ROOT
from explorer_pictures import picture_explorers
from one_page import Cover, join

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CONFIGURATION = f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
project = "small"
extensions = ["sphinx.ext.autodoc", "myst_nb", "hmmlib_book", "explorer", "finished_pages"]
extensions += ["sphinx_proof", "sphinx_exercise", "sphinx_togglebutton", "sphinx_design"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
nb_execution_mode = "off"
numfig = True
html_theme = "sphinx_book_theme"
html_static_path = [{str(ROOT / "book" / "_static")!r}]
html_css_files = ["custom.css", ("print.css", {{"media": "print"}})]
mathjax_path = "mathjax/tex-chtml.js"
mathjax3_config = {{"tex": {{"macros": {{"P": "\\\\mathbb{{P}}"}}}}}}
"""

INDEX = """# Preface

:::{card} The first chapter
:link: one
:link-type: doc
Read it.
:::

```{toctree}
:numbered:
:caption: Theory

one
two
```
"""

ONE = r"""# First chapter

:::{prf:theorem} A claim
:label: thm-claim
With $\P[X] \ge 0$,

$$ \P[A \cup B] \le \P[A] + \P[B]. $$
:::

:::{exercise}
:label: ex-it
Prove it.
:::

:::{solution} ex-it
:class: dropdown
The solution is short.
:::

:::{explorer} Something to drag
:machines: letters
JavaScript is switched off.
:::

## Summary

$$ WIDE $$
""".replace("WIDE", " + ".join(f"x_{{{i}}}" for i in range(24)))

TWO = """# Second chapter

{prf:ref}`thm-claim` again, and [the figure](#fig-paper).

```{figure} figure.svg
:name: fig-paper
:alt: Curves.
A figure.
```

## Summary

[](#summary) of this chapter.
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("book")
    source = folder / "source"
    source.mkdir()
    texts = {"conf.py": CONFIGURATION, "index.md": INDEX, "one.md": ONE, "two.md": TWO}
    for name, text in texts.items():
        (source / name).write_text(text, encoding="utf-8")
    figure = (ROOT / "book" / "_static" / "figure3.svg").read_text(encoding="utf-8")
    (source / "figure.svg").write_text(figure, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-Q", "-b", "html", str(source), str(folder / "html")]
    subprocess.run(command, check=True)
    return folder / "html"


@pytest.fixture(scope="module")
def joined(book: Path) -> Path:
    page = book.parent / "book.html"
    page.write_text(join(book, page, Cover("A small book", "its authors", ("Version 1",))), encoding="utf-8")
    return page


def changed(joined: Path, old: str, new: str) -> Path:
    text = joined.read_text(encoding="utf-8")
    assert old in text
    page = joined.with_name("changed.html")
    page.write_text(text.replace(old, new, 1), encoding="utf-8")
    return page


def test_sections_of_the_same_name_stay_apart_and_links_stay_in_the_book(joined: Path) -> None:
    text = joined.read_text(encoding="utf-8")
    assert 'id="one--summary"' in text
    assert 'id="two--summary"' in text
    assert 'href="#one--thm-claim"' in text
    assert 'href="#one"' in text  # the card, and the contents
    assert not re.search(r'href="[^"#:]*\.html', text)
    assert "Theorem 1.1" in text
    assert "Something to drag" in text
    assert "JavaScript is switched off" not in text


def test_a_link_that_leads_nowhere_is_an_error(book: Path, tmp_path: Path) -> None:
    page = book / "two.html"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("one.html#thm-claim", "one.html#thm-none"), encoding="utf-8")
    try:
        with pytest.raises(ValueError, match="two\\.html: #one--thm-none"):
            join(book, tmp_path / "book.html", Cover("A small book", "its authors"))
    finally:
        page.write_text(text, encoding="utf-8")


@pytest.mark.browser
def test_a_picture_stands_for_an_explorer(browser: Browser, book: Path, tmp_path: Path) -> None:
    pictures = picture_explorers(browser, book)
    assert list(pictures) == ["one.html"]
    file = tmp_path / "book.html"
    file.write_text(join(book, file, Cover("A small book", "its authors"), pictures), encoding="utf-8")
    page, _ = print_book.typeset(browser, file)
    picture = page.get_by_role("img", name="The explorer as it opens: Something to drag.")
    size = picture.evaluate("image => [image.naturalWidth, image.naturalHeight]")
    page.close()
    assert 1000 < size[0] < size[1]


@pytest.mark.browser
def test_an_explorer_that_does_not_start_is_an_error(browser: Browser, book: Path, tmp_path: Path) -> None:
    page = (book / "one.html").read_text(encoding="utf-8")
    (tmp_path / "one.html").write_text(page, encoding="utf-8")  # without the scripts beside it
    with pytest.raises(ValueError, match=r"one\.html: 0 of 1 explorers started"):
        picture_explorers(browser, tmp_path)


@pytest.mark.browser
def test_formulas_are_typeset_solutions_shown_and_wide_formulas_set_smaller(
    browser: Browser, joined: Path
) -> None:
    page, smallest = print_book.typeset(browser, joined)
    assert page.locator("article mjx-container").count() >= 3
    assert page.get_by_text("The solution is short.").is_visible()
    assert print_book.SMALLEST < smallest < 1
    width = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert width <= print_book.WIDTH


@pytest.mark.browser
@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (r"\cup", r"\nosuchcommand", "formula with an error"),
        ('class="title"', 'class="math"', "formula that is not typeset"),
        ("figure.svg", "nothing.svg", "picture that is missing: two"),
        (
            "again, and",
            '<span style="white-space: pre">' + 30 * "again, " + "</span>",
            "wider than the page: two",
        ),
    ],
)
def test_what_would_be_wrong_on_paper_is_an_error(
    browser: Browser, joined: Path, old: str, new: str, fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        print_book.typeset(browser, changed(joined, old, new))


def titles(outline: Any) -> list[str]:
    """Titles of the entries, those of chapters and of what is in them."""
    return [t for entry in outline for t in (titles(entry) if isinstance(entry, list) else [entry["/Title"]])]


@pytest.mark.browser
def test_an_outline_of_other_headings_is_an_error(browser: Browser, joined: Path) -> None:
    page, _ = print_book.typeset(browser, joined)
    pdf = print_book.to_pdf(page)
    page.close()
    with pytest.raises(ValueError, match="outline: Chromium made 6 entries of 2 headings"):
        print_book.with_titles(pdf, ["one", "two"])


@pytest.mark.browser
def test_the_pdf_has_pages_an_outline_tags_and_links(browser: Browser, joined: Path) -> None:
    page, _ = print_book.typeset(browser, joined)
    pdf = print_book.to_pdf(page)
    page.close()
    reader = PdfReader(io.BytesIO(pdf))
    assert len(reader.pages) == 5  # title, contents, three chapters
    assert titles(reader.outline) == [
        "Contents",
        "Preface",
        "1. First chapter",
        "1.1. Summary",
        "2. Second chapter",
        "2.1. Summary",
    ]
    # What says how the pages are read is not compressed.
    assert b"/StructTreeRoot" in pdf
    assert pdf.count(b"/Subtype /Link") >= 5
    assert b"/Lang (en" in pdf


@pytest.mark.browser
def test_the_contents_have_the_page_numbers_of_the_chapters(browser: Browser, joined: Path) -> None:
    reader = PdfReader(io.BytesIO(print_book.with_page_numbers(browser, joined)[0]))
    contents = reader.pages[1].extract_text()
    for title, number in (("1. First chapter", 4), ("2. Second chapter", 5)):
        assert re.search(rf"^{re.escape(title)}\s*{number}$", contents, re.MULTILINE), contents
        assert title in reader.pages[number - 1].extract_text()


@pytest.mark.browser
def test_numbers_that_move_chapters_are_put_in_again(browser: Browser, joined: Path) -> None:
    # Entries so long that the contents need more pages with the numbers than without.
    long = "<style>.page-number {display: block; height: 200mm}</style></head>"
    reader = PdfReader(io.BytesIO(print_book.with_page_numbers(browser, changed(joined, "</head>", long))[0]))
    texts = [sheet.extract_text() for sheet in reader.pages]
    assert len(texts) > 5
    for title in ("1. First chapter", "2. Second chapter"):
        (number,) = re.findall(rf"^{re.escape(title)}\s*(\d+)$", "\n".join(texts[:-3]), re.MULTILINE)
        assert title in texts[int(number) - 1]


def test_chapters_that_never_stand_still_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    printings = iter([{"one": 3, "two": 9 + i} for i in range(print_book.PRINTINGS)])
    page = SimpleNamespace(evaluate=lambda *_: None, close=lambda: None)
    monkeypatch.setattr(print_book, "typeset", lambda *_: (page, 1.0))
    monkeypatch.setattr(print_book, "to_pdf", lambda _: b"%PDF")
    monkeypatch.setattr(print_book, "chapter_pages", lambda _: next(printings))
    with pytest.raises(ValueError, match=r"after 4 printings these chapters still move: two$"):
        print_book.with_page_numbers(cast("Browser", None), tmp_path / "book.html")


def test_a_title_page_names_the_paper_and_the_version() -> None:
    cover = print_book.cover(ROOT)
    assert cover.title.startswith("Why pretraining helps")
    assert "Colin Wei, Sang Michael Xie, Tengyu Ma" in cover.lines[1]
    assert "2106.09226" in cover.lines[1]
    assert cover.lines[2].startswith("Version ")


def test_without_chromium_it_says_how_to_get_it(
    joined: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="apt install chromium"):
        print_book.print_book(
            joined.parent / "html", tmp_path / "book.pdf", Cover("A small book", "its authors")
        )
