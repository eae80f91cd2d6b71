"""The explorers on the pages of the built book, where there is one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser.reader import Reader, check_every_position

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "_build" / "html"
SOURCES = [ROOT / "book" / "explorer.md", *sorted((ROOT / "notebooks").glob("*.py"))]
PAGES = [
    source.relative_to(ROOT).with_suffix(".html").as_posix()
    for source in SOURCES
    if re.search(r"^(?:# )?:{3,}\{explorer\}", source.read_text(encoding="utf-8"), re.MULTILINE)
]


def test_the_chapters_with_an_explorer() -> None:
    names = {Path(page).stem for page in PAGES}
    assert names >= {"explorer", "text_from_an_hmm", "head_tuning", "soft_prompts", "memory_and_attention"}


@pytest.mark.skipif(not BOOK.is_dir(), reason="there is no built book: make book, or make preview")
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
def test_explorers_run_on_the_books_pages(browser: Browser, name: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    page, complaints = context.new_page(), []
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else complaints.append(r.url))
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((BOOK / name).as_uri())
    assert page.locator(".explorer").count() >= 1
    for index in range(page.locator(".explorer").count()):
        reader = Reader(page, index)
        reader.root.get_by_role("button", name="sample").click()
        if reader.root.locator(".ex-reveal").count():
            check_every_position(reader)
        sliders = reader.root.get_by_role("slider")
        sliders.last.press("ArrowRight")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
    assert not complaints
