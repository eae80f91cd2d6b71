"""The pages of a built book as one page, to be printed.

The pages are those of the web, so chapters, theorems, figures and equations keep their numbers. (Sphinx's own
single page stops at cards that are links, and leaves sections of several chapters with one and the same
name.) Their order is that of the "next" links. Links between them become links within the one page, for
which each name is preceded by its page's.
"""

from __future__ import annotations

import base64
import html
import os
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from bs4 import BeautifulSoup, Tag

# What is of no use on paper: marks to click, and what the theme's scripts would fill.
ONLY_ON_SCREEN = "a.headerlink, button, script, .toctree-wrapper, .sd-hide-link-text:empty"
EXPLORER = (
    "On this chapter's web page this is live: the machine, the text and the prompt can be changed, and what "
    "follows from them is computed in the browser."
)
# Attributes that name elements of the same page.
NAMES = ("id", "for", "aria-labelledby", "aria-describedby")


@dataclass(frozen=True)
class Cover:
    """What the title page says.

    Attributes:
        title: The book's title.
        author: Its authors.
        lines: Further lines: the paper, the version.
    """

    title: str
    author: str
    lines: tuple[str, ...] = ()


def pages(folder: Path) -> Iterator[tuple[str, BeautifulSoup]]:
    """Read the pages in the book's order.

    Args:
        folder: The built book.

    Yields:
        Each page's path below the folder, and its tree.

    Raises:
        FileNotFoundError: A page is missing.
    """
    name, seen = "index.html", set[str]()
    while name not in seen:
        seen.add(name)
        page = BeautifulSoup((folder / name).read_text(encoding="utf-8"), "html.parser")
        refresh = page.find("meta", attrs={"http-equiv": "Refresh"})
        link = page.find("link", rel="next")
        if isinstance(refresh, Tag):
            name = _resolve(name, str(refresh["content"]).partition("url=")[2])[0]
            continue
        yield name, page
        if isinstance(link, Tag):
            name = _resolve(name, str(link["href"]))[0]


def join(
    folder: Path, target: Path, cover: Cover, pictures: Mapping[str, Sequence[bytes]] | None = None
) -> str:
    """Make one page of all.

    Args:
        folder: The built book.
        target: Where the page will be written, which its pictures and styles are looked up from.
        cover: What the title page says.
        pictures: PNGs that stand for the explorers of a page, for the path of each page that has some.

    Returns:
        The page.

    Raises:
        FileNotFoundError: The book is not built, or a page is missing.
        ValueError: A link leads nowhere; the message has all of them.
    """
    book = list(pages(folder))
    first = book[0][1]
    parts = [("contents", _contents(first))]
    parts += [(name, page.select_one("article.bd-article") or Tag(name="article")) for name, page in book]
    # The contents are a part of the first page, and their links count from there.
    origins = [book[0][0], *(name for name, _ in book)]
    known = {name for name, _ in book}
    for (name, part), origin in zip(parts, origins, strict=True):
        _clean(part, (pictures or {}).get(name, ()))
        _rename(part, name, origin, known, os.path.relpath(folder, target.parent))
    _check_links(parts)
    heads = [_heading(part) for _, part in parts]
    styles = dict.fromkeys(
        (_resolve(name, str(link["href"]))[0], str(link.get("media", "all")))
        for name, page in book
        for link in page.select("link[rel=stylesheet]")
        if "explorer" not in str(link["href"])
    )
    prefix = os.path.relpath(folder, target.parent)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en" data-theme="light" data-mode="light">',
            f'<head><meta charset="utf-8"><title>{html.escape(cover.title)}</title>',
            f'<meta name="author" content="{html.escape(cover.author)}">',
            *(f'<link rel="stylesheet" href="{prefix}/{path}" media="{media}">' for path, media in styles),
            f"<style>{_running_heads(heads)}</style>",
            *_mathjax(book, prefix),
            "</head><body class='book'>",
            _title_page(cover),
            '<div class="bd-article-container">',
            *(
                f'<article class="bd-article" id="{_key(name)}" style="page: part-{i}">'
                f"{part.decode_contents()}</article>"
                for i, (name, part) in enumerate(parts)
            ),
            "</div></body></html>",
        ]
    )


def _resolve(page: str, address: str) -> tuple[str, str]:
    """The path below the book's folder that an address on a page leads to, and the name there."""
    path, fragment = urldefrag(address)
    path = unquote(urlsplit(path).path)
    return (posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page), fragment


def _key(page: str) -> str:
    return page.removesuffix(".html").replace("/", "-")


def _contents(first: BeautifulSoup) -> Tag:
    contents = first.select_one("nav.bd-links")
    if contents is None:
        raise ValueError("the first page has no table of contents")
    for home in contents.select(".bd-sidenav__home-link"):
        home.decompose()
    heading = first.new_tag("h1")
    heading.string = "Contents"
    contents.insert(0, heading)
    for caption in contents.select("p.caption"):
        caption.attrs = {"class": "part"}
    return contents


def _clean(part: Tag, pictures: Sequence[bytes]) -> None:
    """Take out what only works on a screen, and open what is folded."""
    for element in part.select(ONLY_ON_SCREEN):
        element.decompose()
    for link in part.select("a.image-reference"):
        link.unwrap()
    for details in part.select("details"):
        details["open"] = ""
    for i, explorer in enumerate(part.select(".explorer")):
        heading = explorer.select_one(".ex-heading")
        title = heading.get_text() if heading else ""
        note = BeautifulSoup('<div class="on-the-web"><p><strong></strong></p><p></p></div>', "html.parser")
        (note.strong or note).append(title)
        note.find_all("p")[1].append(EXPLORER)
        if i < len(pictures):
            data = f"data:image/png;base64,{base64.b64encode(pictures[i]).decode()}"
            alt = f"The explorer as it opens: {title}."
            (note.div or note).append(
                note.new_tag("img", attrs={"src": data, "alt": alt, "class": "as-it-opens"})
            )
        explorer.replace_with(note)


def _rename(part: Tag, name: str, origin: str, known: set[str], folder: str) -> None:
    """Precede each name by the page's, and turn links to pages into links to names."""
    for attribute in NAMES:
        for element in part.select(f"[{attribute}]"):
            value = element[attribute]
            words = value.split() if isinstance(value, str) else value
            element[attribute] = " ".join(f"{_key(name)}--{word}" for word in words)
    for link in part.select("a[href]"):
        address = str(link["href"])
        if urlsplit(address).scheme:
            continue
        page, fragment = _resolve(origin, address)
        if page in known:
            link["href"] = f"#{_key(page)}--{fragment}" if fragment else f"#{_key(page)}"
    for image in part.select("[src]"):
        if not urlsplit(str(image["src"])).scheme:
            image["src"] = f"{folder}/{_resolve(origin, str(image['src']))[0]}"


def _check_links(parts: list[tuple[str, Tag]]) -> None:
    names = {_key(name) for name, _ in parts}
    names |= {str(element["id"]) for _, part in parts for element in part.select("[id]")}
    dead = [
        f"{name}: {address}"
        for name, part in parts
        for address in (unquote(str(link["href"])) for link in part.select("a[href]"))
        if not urlsplit(address).scheme and address.removeprefix("#") not in names
    ]
    if dead:
        raise ValueError("links that lead nowhere:\n" + "\n".join(dead))


def _heading(part: Tag) -> str:
    heading = part.find("h1")
    return " ".join(heading.get_text().split()) if heading else ""


def _running_heads(heads: list[str]) -> str:
    """A named page for each part, which carries its heading at the top."""
    quoted = (re.sub(r'["\\<]', lambda sign: f"\\{ord(sign[0]):x} ", head) for head in heads)
    return "\n".join(
        f'@page part-{i} {{ @top-right {{ content: "{head}" }} }}' for i, head in enumerate(quoted)
    )


def _mathjax(book: list[tuple[str, BeautifulSoup]], prefix: str) -> list[str]:
    """The scripts of the first page with formulas that set and load MathJax."""
    for name, page in book:
        for loader in page.find_all("script", src=re.compile("mathjax")):
            settings = page.find("script", string=re.compile(r"window\.MathJax"))
            source = f"{prefix}/{_resolve(name, str(loader['src']))[0]}"
            return [str(settings or ""), f'<script defer src="{source}"></script>']
    return []


def _title_page(cover: Cover) -> str:
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in cover.lines)
    return (
        f'<header class="cover"><p class="title">{html.escape(cover.title)}</p>'
        f'<p class="author">{html.escape(cover.author)}</p><div>{lines}</div></header>'
    )
