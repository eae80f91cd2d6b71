"""Pictures of the live explorers as they open, to stand for them on paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ViewportSize

# As wide as on a desk; so tall that nothing sticks to the window's edge.
WINDOW: ViewportSize = {"width": 1100, "height": 3000}


def picture_explorers(browser: Browser, folder: Path) -> dict[str, list[bytes]]:
    """Take a picture of each explorer of a built book.

    Args:
        browser: A browser.
        folder: The built book.

    Returns:
        For each page with explorers, named by its path below the folder, their pictures in order, as PNG.

    Raises:
        ValueError: An explorer did not start; the message names the page.
    """
    found = {}
    for file in sorted(folder.rglob("*.html")):
        count = file.read_text(encoding="utf-8").count('<div class="explorer" data-')
        if not count:
            continue
        name = file.relative_to(folder).as_posix()
        with browser.new_context(viewport=WINDOW, color_scheme="light", device_scale_factor=2) as context:
            page = context.new_page()
            page.goto(file.resolve().as_uri())
            explorers = page.locator(".explorer:has(.ex-header)")
            if explorers.count() != count:
                raise ValueError(f"{name}: {explorers.count()} of {count} explorers started")
            page.add_style_tag(content=".ex-strip { position: static !important; }")
            found[name] = [explorers.nth(i).screenshot() for i in range(count)]
    return found
