"""The Chromium of this machine, started through playwright; nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MISSING = (
    "There is no Chromium on this machine. On Debian: apt install chromium; "
    "elsewhere say where it is: CHROMIUM=/path/to/chromium"
)


def find() -> str | None:
    """Look for Chromium.

    Returns:
        ``$CHROMIUM`` if set, else ``chromium`` or ``chromium-browser`` on the path, else None.
    """
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def start() -> Iterator[Browser]:
    """Start it, and end it afterwards.

    Yields:
        The browser.

    Raises:
        FileNotFoundError: There is none; the message says how to get it.
    """
    program = find()
    if program is None:
        raise FileNotFoundError(MISSING)
    # Here, not above: what only looks for Chromium does without playwright.
    from playwright.sync_api import sync_playwright

    # Root, as in many containers, has no sandbox; the pages are the book's own.
    arguments = ["--no-sandbox"] if hasattr(os, "getuid") and os.getuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
