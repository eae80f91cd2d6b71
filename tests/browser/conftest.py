"""Chromium for the tests of what runs in a reader's browser; without it they are skipped, and say why."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import chromium
from browser.small_site import build

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Open = Callable[..., "Page"]
# Milliseconds until something hangs, and is not only slow.
PATIENCE = 300_000
STATIC = Path(__file__).resolve().parents[2] / "book" / "_static"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if chromium.find() is None:
        missing = "there is no Chromium on this machine: make test-browser says how to get it"
        # `make test-browser` wants them run, not skipped.
        pytest.fail(missing) if os.environ.get("REQUIRE_BROWSER") else pytest.skip(missing)
    with chromium.start() as started:
        yield started


@pytest.fixture(scope="session")
def small_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("site"))


@pytest.fixture
def open_page(browser: Browser, small_site: Path) -> Iterator[Open]:
    """Open a page of the small site; at the end nothing must have gone wrong on it or left the machine."""
    complaints: list[str] = []
    contexts: list[Any] = []

    def watch_request(address: str) -> None:
        if not address.startswith(("file:", "data:", "blob:", "http://127.0.0.1")):
            complaints.append(f"asks for {address}")

    def watch_console(kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            complaints.append(f"console: {text}")

    def opened(name: str = "explorer.html", base: str | None = None, **options: Any) -> Page:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("request", lambda request: watch_request(request.url))
        page.on("console", lambda message: watch_console(message.type, message.text))
        page.on("pageerror", lambda error: complaints.append(f"fails: {error}"))
        page.goto(f"{base or small_site.as_uri()}/{name}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints
