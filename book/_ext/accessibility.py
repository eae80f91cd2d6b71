"""A few attributes that the theme leaves out or gets wrong, put right for readers who hear a page."""

from __future__ import annotations

import re

# What the theme writes, and what a screen reader needs instead.
FIXES = (
    # The text in a button has to be part of its spoken name.
    (re.compile(r'(<button[^>]*\btheme-switch-button\b[^>]*) aria-label="Color mode"'), r"\1"),
    (re.compile(r'(<button[^>]*\bsearch-button-field\b[^>]*) title="Search" aria-label="Search"'), r"\1"),
    # Everything on a page stands in a landmark: so does the sidebar.
    (
        re.compile(r'<div (?=id="pst-primary-sidebar")'),
        '<div role="complementary" aria-label="Table of contents" ',
    ),
    # The list of references says "list" of items that are no list items.
    (re.compile(r'<div role="list" class="citation-list"'), '<div class="citation-list"'),
    (re.compile(r'(<div class="citation"[^>]*) role="doc-biblioentry"'), r"\1"),
)


def mend_attributes(html: str) -> str:
    """Put the attributes right.

    Args:
        html: A page. Done twice, nothing more happens.

    Returns:
        The page.
    """
    for pattern, replacement in FIXES:
        html = pattern.sub(replacement, html)
    return html
