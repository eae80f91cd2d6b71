"""Print the built book as one PDF, with the Chromium of this machine.

Run as ``make pdf``, or ``python book/tools/print_book.py BUILT_BOOK BOOK.pdf``. A formula that does not
typeset, a picture that is missing, a link that leads nowhere, and what is wider than the page are errors.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, TextStringObject

import chromium
from explorer_pictures import picture_explorers
from one_page import Cover, join

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[2]
# A4 less the margins of print.css, in the browser's pixels: 96 to an inch.
WIDTH = round((210 - 2 * 18) * 96 / 25.4)
# What is smaller than this share of its size is not read any more.
SMALLEST = 0.6
# So often it is printed at most, until the page numbers in its contents are right.
PRINTINGS = 4

# The headings that are printed, as they are read.
HEADINGS = """() => [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
  .filter(heading => heading.getClientRects().length)
  .map(heading => heading.innerText.replace(/\\s+/g, " ").trim())"""

# Formulas and tables that are too wide for the page are set smaller; returns how small the smallest is.
FIT = """() => {
  let smallest = 1;
  for (const box of document.querySelectorAll("div.math, table")) {
    const room = box.parentElement.clientWidth;
    // A formula reaches out of its box without making it scroll.
    const inner = box.querySelector("mjx-math")?.getBoundingClientRect().width ?? 0;
    const share = room / Math.max(box.scrollWidth, box.offsetWidth, inner);
    if (share < 1) {
      box.style.zoom = 0.99 * share;
      smallest = Math.min(smallest, share);
    }
  }
  return smallest;
}"""

# Puts page numbers beside the entries of the contents.
NUMBER = """(numbers) => {
  for (const link of document.querySelectorAll("article#contents a")) {
    if (!(link.hash.slice(1) in numbers)) continue;
    const number = document.createElement("span");
    number.className = "page-number";
    number.textContent = numbers[link.hash.slice(1)];
    link.after(number);
  }
}"""

# What would be cut at the page's edge, or is missing on it.
FAULTS = """() => {
  const faults = [];
  const say = (kind, element) => faults.push(
    kind + ": " + (element.closest("article, header")?.id ?? "") + ": " + element.tagName.toLowerCase() + " "
    + (element.textContent || element.alt || "").trim().slice(0, 80));
  const edge = document.documentElement.clientWidth + 1;
  for (const element of document.querySelectorAll("article *")) {
    const { right, width } = element.getBoundingClientRect();
    const shown = width > 1 && !element.closest("mjx-assistive-mml");
    if (shown && right > edge && ![...element.children].some((c) => c.getBoundingClientRect().right > edge)) {
      say("wider than the page", element);
    }
  }
  // MathJax shows a command that it does not know in red.
  const wrong = 'mjx-merror, mjx-mtext[style*="red"]';
  for (const formula of document.querySelectorAll(wrong)) say("formula with an error", formula);
  for (const math of document.querySelectorAll(".math")) {
    if (!math.querySelector("mjx-container")) say("formula that is not typeset", math);
  }
  for (const image of document.images) {
    if (!image.complete || image.naturalWidth === 0) say("picture that is missing", image);
  }
  return faults;
}"""


def cover(root: Path) -> Cover:
    """Say what the book is, from ``_config.yml``, ``CITATION.cff`` and git.

    Args:
        root: The repository.

    Returns:
        The title page.
    """
    book = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    paper = citation["references"][0]
    authors = ", ".join(f"{author['given-names']} {author['family-names']}" for author in paper["authors"])
    lines = [
        "The executable companion of",
        f"{authors}: {paper['title']}. {paper['collection-title']} {paper['volume']}, {paper['year']}. "
        + ", ".join(identifier["value"] for identifier in paper["identifiers"]),
        f"Version {citation['version']}",
    ]
    git = ["git", "-C", str(root), "log", "-1", "--format=%cd, commit %h", "--date=format:%-d %B %Y"]
    try:
        state = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
        lines[-1] += f", {state}"
    except (OSError, subprocess.CalledProcessError):
        pass  # a copy without its history
    return Cover(book["title"], book["author"], tuple(lines))


def typeset(browser: Browser, page_file: Path) -> tuple[Page, float]:
    """Open the page as it will be printed, its formulas typeset and nothing too wide.

    Args:
        browser: A browser.
        page_file: The page.

    Returns:
        The open page, and how small the formula or table that had to shrink most is, as a share of its size.

    Raises:
        ValueError: Something is missing or does not fit; the message has all of it.
    """
    page = browser.new_page(viewport={"width": WIDTH, "height": 1000})
    page.set_default_timeout(10 * 60_000)
    page.emulate_media(media="print", color_scheme="light")
    page.goto(page_file.resolve().as_uri())
    page.evaluate("async () => { if (window.MathJax?.startup) await MathJax.startup.promise; }")
    page.evaluate("async () => { await document.fonts.ready; }")
    smallest = page.evaluate(FIT)
    faults = page.evaluate(FAULTS)
    if smallest < SMALLEST:
        faults.append(f"a formula or table had to shrink to {smallest:.2f} of its size, less than {SMALLEST}")
    if faults:
        raise ValueError("\n".join(faults))
    return page, smallest


def to_pdf(page: Page) -> bytes:
    """Print a page that is ready.

    Args:
        page: What `typeset` returned.

    Returns:
        A PDF with an outline, and with tags for those who listen to it.
    """
    pdf = page.pdf(prefer_css_page_size=True, print_background=True, tagged=True, outline=True)
    return with_titles(pdf, page.evaluate(HEADINGS))


def with_titles(pdf: bytes, titles: Sequence[str]) -> bytes:
    """Name the entries of an outline by the headings that they stand for.

    Some versions of Chromium name a heading at the top of a page twice, as in "PrefacePreface".

    Args:
        pdf: As Chromium prints it.
        titles: The headings, in the order of the page.

    Returns:
        The PDF.

    Raises:
        ValueError: There are more or fewer entries than headings.
    """
    writer = PdfWriter(clone_from=io.BytesIO(pdf))
    entries = list(_below(writer.root_object["/Outlines"].get_object()))
    if len(entries) != len(titles):
        raise ValueError(f"outline: Chromium made {len(entries)} entries of {len(titles)} headings")
    for entry, title in zip(entries, titles, strict=True):
        entry[NameObject("/Title")] = TextStringObject(title)
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def _below(entry: Any) -> Iterator[Any]:
    """The entries of an outline below one of them, in the order in which they are read."""
    child = entry.get("/First")
    while child is not None:
        child = child.get_object()
        yield child
        yield from _below(child)
        child = child.get("/Next")


def chapter_pages(pdf: bytes) -> dict[str, int]:
    """Look up the pages on which chapters start.

    Args:
        pdf: What `to_pdf` returned.

    Returns:
        Number of the page, counted from 1 as at its foot, for the name of each chapter's heading.
    """
    reader = PdfReader(io.BytesIO(pdf))
    found = {name.removeprefix("/"): target for name, target in reader.named_destinations.items()}
    numbers = {name: reader.get_destination_page_number(target) for name, target in found.items()}
    # Names within a chapter begin with its own.
    return {name: 1 + number for name, number in numbers.items() if "--" not in name and number is not None}


def with_page_numbers(browser: Browser, page_file: Path) -> tuple[bytes, float]:
    """Print a page with page numbers in its contents.

    A browser cannot say on which page something will stand. So it prints, the numbers that were found are put
    in, and it prints again, until the numbers are those of the pages: the second time, unless the contents
    become longer. The page is opened anew each time: one that was printed before may be broken otherwise.

    Args:
        browser: A browser.
        page_file: The page.

    Returns:
        The PDF, and how small the formula or table that had to shrink most is, as a share of its size.

    Raises:
        ValueError: Something is missing or does not fit, or the chapters stand elsewhere each time.
    """
    numbers: dict[str, int] = {}
    for _ in range(PRINTINGS):
        page, smallest = typeset(browser, page_file)
        page.evaluate(NUMBER, numbers)
        pdf = to_pdf(page)
        page.close()
        found = chapter_pages(pdf)
        if found == numbers:
            return pdf, smallest
        moved = sorted(name for name in found if found[name] != numbers.get(name))
        numbers = found
    raise ValueError(
        f"page numbers: after {PRINTINGS} printings these chapters still move: {', '.join(moved)}"
    )


def print_book(folder: Path, target: Path, title_page: Cover) -> float:
    """Print a built book.

    Args:
        folder: The built book.
        target: The PDF to write.
        title_page: What its title page says.

    Returns:
        How small the formula or table that had to shrink most is, as a share of its size.

    Raises:
        FileNotFoundError: There is no built book, or no Chromium.
        ValueError: Something is missing, does not fit, or leads nowhere.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    joined = target.with_suffix(".html")
    with chromium.start() as browser:
        pictures = picture_explorers(browser, folder)
        joined.write_text(join(folder, joined, title_page, pictures), encoding="utf-8")
        pdf, smallest = with_page_numbers(browser, joined)
    target.write_bytes(pdf)
    return smallest


def main() -> int:
    """Print the book that the command line names.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("book", type=Path, help="folder of the built book, with its index.html")
    parser.add_argument(
        "pdf", type=Path, help="the file to write; the page it is printed from is put beside it"
    )
    options = parser.parse_args()
    if not (options.book / "index.html").is_file():
        parser.error(f"there is no built book in {options.book}: make pdf builds one")
    started = time.monotonic()
    try:
        smallest = print_book(options.book, options.pdf, cover(ROOT))
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    size = options.pdf.stat().st_size / 1e6
    print(f"{options.pdf}: {size:.1f} MB in {time.monotonic() - started:.0f} s")
    if smallest < 1:
        print(f"What was too wide for the page was set smaller, to {smallest:.2f} of its size at least.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
