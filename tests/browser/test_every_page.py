"""Every page of the built book, as a reader sees it with the network off, at a desk and on a phone."""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request, Route

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "_build" / "html"
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
# A desk by day, a phone by night.
READERS = {"desk": (1280, "light"), "phone": (390, "dark")}
# Beside what all pages share and a browser keeps: scripts, styles, fonts.
MOST_BYTES = 1_500_000

# Formulas that are not typeset, or are but with an error.
FORMULAS = """() => [...document.querySelectorAll('.math')]
    .filter(math => !math.querySelector('mjx-container') || math.querySelector('mjx-merror'))
    .map(math => math.textContent)"""
IMAGES = """() => [...document.images]
    .filter(image => !(image.complete && image.naturalWidth > 0)).map(image => image.src)"""
# What reaches beyond the window, and is not inside something that scrolls by itself.
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Formulas in a sentence that are wider than the line they may have, solutions of exercises opened.
CLIPPED = """() => {
    document.querySelectorAll('button.toggle-button-hidden').forEach(button => button.click());
    document.querySelectorAll('details').forEach(details => details.open = true);
    return [...document.querySelectorAll('span.math')]
        .filter(math => math.querySelector('mjx-math').getBoundingClientRect().width > math.clientWidth + 1)
        .map(math => math.textContent);
}"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not BOOK.is_dir(), reason="there is no built book: make book, or make preview"),
]


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> tuple[int, str]:
    return READERS[request.param]


class Quiet(SimpleHTTPRequestHandler):
    """A server that does not print what it is asked for."""

    def log_message(self, *_args: Any) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a static server of the book."""
    handler = functools.partial(Quiet, directory=str(BOOK))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as started:
        threading.Thread(target=started.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{started.server_port}"
        started.shutdown()


def opened(browser: Browser, url: str, reader: tuple[int, str]) -> tuple[Page, list[str]]:
    """A page with its formulas typeset and its images loaded, and what it complained of."""
    width, scheme = reader
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    complaints: list[str] = []

    def decide(route: Route, request: Request) -> None:
        if request.url.startswith(("file:", "data:", "http://127.0.0.1:")):
            route.continue_()
        else:
            complaints.append(f"asks for {request.url}")
            route.abort()

    context.route("**/*", decide)
    page.on("requestfailed", lambda request: complaints.append(f"did not get {request.url}"))
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    page.evaluate("() => window.MathJax?.startup?.promise")
    # Images that wait until they are in sight.
    page.evaluate("() => document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    page.wait_for_function("() => [...document.images].every(image => image.complete)")
    return page, complaints


def barriers(page: Page) -> list[str]:
    """What axe finds serious or critical."""
    from axe_playwright_python.sync_playwright import Axe

    # The reference has one form, hundreds of times: the first entry of each section stands for the others.
    context = {"exclude": [["dl.py ~ dl.py"], ["dl.py dl.py ~ dl.py"]]}
    violations = Axe().run(page, context=context, options={"preload": False}).response["violations"]
    return [
        f"{v['id']} in {len(v['nodes'])} places, such as {v['nodes'][0]['html'][:200]}"
        for v in violations
        if v["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_light_and_open_to_all(browser: Browser, name: str, reader: tuple[int, str]) -> None:
    page, complaints = opened(browser, (BOOK / f"{name}.html").as_uri(), reader)
    sources = page.evaluate("() => [...document.images].map(image => image.currentSrc)")
    files = {Path(source.removeprefix("file://")) for source in sources if source.startswith("file:")}
    weight = sum(file.stat().st_size for file in {BOOK / f"{name}.html", *files})
    assert page.locator("article h1").count() == 1
    assert page.evaluate(FORMULAS) == []
    assert page.evaluate(IMAGES) == []
    assert page.evaluate(OVERFLOW) <= 0
    assert page.locator("i[class*='fa-']").count() == 0, "an icon was not drawn"
    assert weight <= MOST_BYTES
    assert barriers(page) == []
    assert page.evaluate(CLIPPED) == []
    page.context.close()
    assert not complaints


@pytest.mark.parametrize("served", [False, True], ids=["from a folder", "from a server"])
def test_the_search_finds_a_chapter(browser: Browser, server: str, served: bool) -> None:
    url = f"{server}/search.html" if served else (BOOK / "search.html").as_uri()
    page, complaints = opened(browser, f"{url}?q=certificate", READERS["desk"])
    found = page.locator("#search-results li", has_text="When heads fail")
    found.first.wait_for()
    # An excerpt needs the page itself, which a browser gives to a server's pages only.
    if served:
        found.locator("p.context").first.wait_for()
    page.context.close()
    # Sphinx reads the dot in the anchor of a module as something else.
    assert not [text for text in complaints if not re.search(r"not found.*'\[role=main\] #module-", text)]


def test_code_is_copied_with_a_button(browser: Browser, server: str) -> None:
    page, complaints = opened(browser, f"{server}/notebooks/text_from_an_hmm.html", READERS["desk"])
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    cell = page.locator(".cell_input .highlight").first
    cell.hover()
    cell.locator("button.copybtn").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == cell.locator("pre").inner_text().strip()
    page.context.close()
    assert not complaints


def test_a_click_changes_between_light_and_dark(browser: Browser, server: str) -> None:
    page, complaints = opened(browser, f"{server}/book/intro.html", READERS["desk"])
    background = "() => getComputedStyle(document.body).backgroundColor"
    colours = set()
    for _ in range(3):
        colours.add(page.evaluate(background))
        page.locator("button.theme-switch-button:visible").first.click()
    assert len(colours) == 2
    page.context.close()
    assert not complaints
