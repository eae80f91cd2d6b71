"""Every page of the built book, as a reader sees it with the network off, at a desk and on a phone."""

from __future__ import annotations

import functools
import os
import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from browser.pieces import ByHand, Geometry
from browser.reader import Reader, check_every_position

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request, Route

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "_build" / "html"
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
# A desk by day, a phone by night.
DESK, PHONE = (1280, "light"), (390, "dark")
# Beside what all pages share and a browser keeps: scripts, styles, fonts.
MOST_BYTES = 1_500_000
# Most of its time went into describing what it finds no fault with.
AXE = {"preload": False, "resultTypes": ["violations"]}
# Words of code, thousands on a page, are coloured by their kind: code without a new kind is left out.
REPEATED = """() => {
    const seen = new Set();
    for (const code of document.querySelectorAll('.highlight')) {
        const before = seen.size, box = code.parentElement.parentElement.className;
        for (const word of code.querySelectorAll('span'))
            seen.add(`${box}|${word.parentElement.className}|${word.className}`);
        if (seen.size === before) code.setAttribute('data-repeated', '');
    }
}"""
PIECE = re.compile(r"^(?:# )?:{3,}\{(explorer|geometry|by-hand)\}", re.MULTILINE)

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

# Lines of printed outputs that go on in a second one, or reach beyond their box, by number of the output.
BROKEN = """() => [...document.querySelectorAll('.cell_output pre')].flatMap((pre, number) => {
    const texts = [], walk = document.createTreeWalker(pre, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) texts.push(walk.currentNode);
    const at = place => {
        for (const text of texts) {
            if (place <= text.length) return [text, place];
            place -= text.length;
        }
    };
    const right = pre.getBoundingClientRect().right, found = [];
    let start = 0;
    for (const line of pre.textContent.split('\\n')) {
        const range = document.createRange();
        range.setStart(...at(start));
        range.setEnd(...at(start + line.length));
        start += line.length + 1;
        if (!line.trim()) continue;
        const boxes = [...range.getClientRects()], height = Math.min(...boxes.map(box => box.height));
        const tops = boxes.map(box => box.top);
        const wraps = Math.max(...tops) - Math.min(...tops) > height / 2;
        const scrolls = Math.max(...boxes.map(box => box.right)) > right + 1;
        if (wraps || scrolls) found.push(`output ${number} ${wraps ? 'wraps' : 'scrolls'}: ${line}`);
    }
    return found;
})"""
# Milliseconds until something hangs, and is not only slow.
PATIENCE = 300_000

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("book")]


@pytest.fixture(scope="session")
def book() -> Path:
    """The built book; without one the tests are skipped, which `make test-browser` does not let pass."""
    if not (BOOK / "index.html").is_file():
        missing = "there is no built book: make book, or make preview"
        pytest.fail(missing) if os.environ.get("REQUIRE_BROWSER") else pytest.skip(missing)
    return BOOK


@dataclass
class Visit:
    """A page that a reader has opened; it is the same for all tests of that page."""

    name: str
    page: Page
    complaints: list[str]


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
    context.set_default_timeout(PATIENCE)
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

    page.evaluate(REPEATED)
    # The reference has one form, hundreds of times: the first entry of each section stands for the others.
    context = {"exclude": [["dl.py ~ dl.py"], ["dl.py dl.py ~ dl.py"], ["[data-repeated]"]]}
    violations = Axe().run(page, context=context, options=AXE).response["violations"]
    return [
        f"{v['id']} in {len(v['nodes'])} places, such as {v['nodes'][0]['html'][:200]}"
        for v in violations
        if v["impact"] in ("serious", "critical")
    ]


def visit(browser: Browser, book: Path, name: str, reader: tuple[int, str]) -> Iterator[Visit]:
    page, complaints = opened(browser, (book / f"{name}.html").as_uri(), reader)
    yield Visit(name, page, complaints)
    page.context.close()


@pytest.fixture(scope="module", params=PAGES)
def at_desk(browser: Browser, book: Path, request: pytest.FixtureRequest) -> Iterator[Visit]:
    yield from visit(browser, book, request.param, DESK)


@pytest.fixture(scope="module", params=PAGES)
def on_phone(browser: Browser, book: Path, request: pytest.FixtureRequest) -> Iterator[Visit]:
    yield from visit(browser, book, request.param, PHONE)


def check_page(visit: Visit) -> None:
    """A page is whole, light, as wide as the window, and open to all."""
    page, name = visit.page, visit.name
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
    assert not visit.complaints


def check_explorers(visit: Visit) -> None:
    """The live pieces of a page run, and what they show is hmmlib's."""
    sources = [ROOT / f"{visit.name}.{ending}" for ending in ("md", "py")]
    (source,) = [file.read_text(encoding="utf-8") for file in sources if file.is_file()]
    wanted = Counter(PIECE.findall(source))
    for kind in ("explorer", "geometry", "by-hand"):
        assert visit.page.locator(f".explorer.ex-live[data-{kind}]").count() == wanted[kind]
    for index in range(wanted["explorer"]):
        reader = Reader(visit.page, index)
        reader.root.get_by_role("button", name="sample").click()
        if reader.root.locator(".ex-reveal").count():
            check_every_position(reader)
        reader.root.get_by_role("slider").last.press("ArrowRight")
    for index in range(wanted["geometry"]):
        geometry = Geometry(visit.page, index)
        geometry.root.locator(".ex-handle").first.press("ArrowUp")
        geometry.check()
    for index in range(wanted["by-hand"]):
        hand = ByHand(visit.page, index)
        hand.root.locator(".ex-token").first.click()
        hand.check()
    assert visit.page.evaluate(OVERFLOW) <= 0
    assert not visit.complaints


def test_a_page_is_whole_light_and_open_to_all_at_a_desk(at_desk: Visit) -> None:
    check_page(at_desk)


def test_no_printed_output_is_wider_than_its_box_at_a_desk(at_desk: Visit) -> None:
    found = at_desk.page.evaluate(BROKEN)
    assert not found, "\n".join([f"{at_desk.name}:", *found])


def test_explorers_run_at_a_desk(at_desk: Visit) -> None:
    check_explorers(at_desk)


def test_a_page_is_whole_light_and_open_to_all_on_a_phone(on_phone: Visit) -> None:
    check_page(on_phone)


def test_explorers_run_on_a_phone(on_phone: Visit) -> None:
    check_explorers(on_phone)


def test_the_chapters_with_an_explorer() -> None:
    texts = {Path(name).name: (BOOK / f"{name}.html").read_text(encoding="utf-8") for name in PAGES}
    there = {name for name, text in texts.items() if '<div class="explorer"' in text}
    assert there >= {"explorer", "text_from_an_hmm", "head_tuning", "soft_prompts", "memory_and_attention"}


@pytest.mark.parametrize("served", [False, True], ids=["from a folder", "from a server"])
def test_the_search_finds_a_chapter(browser: Browser, server: str, served: bool) -> None:
    url = f"{server}/search.html" if served else (BOOK / "search.html").as_uri()
    page, complaints = opened(browser, f"{url}?q=certificate", DESK)
    found = page.locator("#search-results li", has_text="When heads fail")
    found.first.wait_for()
    # An excerpt needs the page itself, which a browser gives to a server's pages only.
    if served:
        found.locator("p.context").first.wait_for()
    page.context.close()
    # Sphinx reads the dot in the anchor of a module as something else.
    assert not [text for text in complaints if not re.search(r"not found.*'\[role=main\] #module-", text)]


def test_code_is_copied_with_a_button(browser: Browser, server: str) -> None:
    page, complaints = opened(browser, f"{server}/notebooks/text_from_an_hmm.html", DESK)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    cell = page.locator(".cell_input .highlight").first
    cell.hover()
    cell.locator("button.copybtn").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == cell.locator("pre").inner_text().strip()
    page.context.close()
    assert not complaints


def test_a_click_changes_between_light_and_dark(browser: Browser, server: str) -> None:
    page, complaints = opened(browser, f"{server}/book/intro.html", DESK)
    background = "() => getComputedStyle(document.body).backgroundColor"
    colours = set()
    for _ in range(3):
        colours.add(page.evaluate(background))
        page.locator("button.theme-switch-button:visible").first.click()
    assert len(colours) == 2
    page.context.close()
    assert not complaints
