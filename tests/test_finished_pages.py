"""Built pages are mended in one walk, and checked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest

import finished_pages
from finished_pages import finish_pages, mend

# A fault of each kind: an attribute, a place for a line to end, a wide figure.
PAGE = """<button class="theme-switch-button" aria-label="Color mode"></button>
<code class="literal">some.long.name.of_a_function</code> <i class="fa-moon"></i>
<figure class="align-default"><img alt="A" src="a.png"/></figure>"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    matplotlib.image.imsave(tmp_path / "a.png", np.zeros((2, 2000)))
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "plain.html").write_text("<p>Nothing to mend.</p>")
    return tmp_path


def finish(site: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], set[str]]:
    said: list[str] = []
    kept: set[str] = set()
    monkeypatch.setattr(finished_pages.logger, "warning", lambda text, *values: said.append(text % values))
    monkeypatch.setattr(finished_pages, "trim", lambda _, names: kept.update(names))
    finish_pages(SimpleNamespace(outdir=site, builder=SimpleNamespace(format="html")), None)
    return said, kept


def test_every_mend_is_made_and_once_is_enough(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    untouched = (site / "plain.html").stat().st_mtime_ns
    assert finish(site, monkeypatch) == ([], {"moon"})
    text = (site / "index.html").read_text()
    assert "aria-label" not in text
    assert "some.<wbr>long.<wbr>name.<wbr>of_<wbr>a_<wbr>function" in text
    assert '<figure class="align-default wide">' in text
    assert mend(text, site) == text
    assert (site / "plain.html").stat().st_mtime_ns == untouched


def test_what_a_page_would_load_from_elsewhere_is_a_warning(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "plain.html").write_text('<script src="https://example.org/x.js"></script>')
    assert finish(site, monkeypatch)[0] == [
        'plain.html loads from another host: <script src="https://example.org/x.js'
    ]


def test_after_a_failed_build_nothing_is_mended(site: Path) -> None:
    finish_pages(SimpleNamespace(outdir=site, builder=SimpleNamespace(format="html")), ValueError("no"))
    assert (site / "index.html").read_text() == PAGE
