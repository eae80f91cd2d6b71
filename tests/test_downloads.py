"""A downloaded chapter says first how to get what it needs."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from downloads import how_to_run, tell_downloads

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


def site(folder: Path, address: str) -> SimpleNamespace:
    config = SimpleNamespace(html_theme_options={"repository_url": address} if address else {})
    return SimpleNamespace(outdir=folder, config=config, builder=SimpleNamespace(format="html"))


@pytest.fixture
def downloads(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "_sources" / "notebooks"
    folder.mkdir(parents=True)
    return [Path(shutil.copy(path, folder)) for path in sorted(NOTEBOOKS.glob("*.ipynb"))]


def test_every_download_begins_with_it_and_is_else_as_before(tmp_path: Path, downloads: list[Path]):
    tell_downloads(site(tmp_path, ""), None)
    for path in downloads:
        before = nbformat.read(NOTEBOOKS / path.name, as_version=4)
        first, *others = nbformat.read(path, as_version=4).cells
        assert (first.cell_type, first.source) == ("markdown", how_to_run(""))
        assert others == before.cells
    assert len(downloads) >= 12


def test_a_page_that_was_not_written_anew_has_it_once(tmp_path: Path, downloads: list[Path]):
    tell_downloads(site(tmp_path, ""), None)
    tell_downloads(site(tmp_path, "https://example.org/book"), None)
    cells = nbformat.read(downloads[0], as_version=4).cells
    assert cells[0].source == how_to_run("https://example.org/book")
    assert [cell.id for cell in cells].count("how-to-run") == 1


def test_it_names_the_repository_where_the_address_is_known():
    assert '`%pip install "hmmlib @ git+https://example.org/book"`' in how_to_run("https://example.org/book")
    assert "FOLDER" not in how_to_run("https://example.org/book")
    assert "`FOLDER` is a copy of the book's repository" in how_to_run("")


def test_a_build_that_failed_is_left_as_it_is(tmp_path: Path, downloads: list[Path]):
    tell_downloads(site(tmp_path, ""), RuntimeError())
    assert downloads[0].read_bytes() == (NOTEBOOKS / downloads[0].name).read_bytes()
