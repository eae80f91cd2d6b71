"""The icon script of the book's pages: what they show stays, the rest goes."""

from __future__ import annotations

from pathlib import Path

import pydata_sphinx_theme
import pytest

import icons

THEME = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / icons.SCRIPT


def test_the_icons_in_use_stay_and_the_script_is_small() -> None:
    whole = THEME.read_text(encoding="utf-8")
    shorter = icons.without_the_others(whole, {"bars", "magnifying-glass", "trash-alt"})
    kept = {d["quoted"] or d["plain"]: d[0].rstrip(",") for d in icons.DRAWING.finditer(shorter)}
    # trash-alt is another name of trash-can; each is there in the styles that the script has of it
    assert set(kept) == {"bars", "magnifying-glass", "trash-can"}
    assert all(drawing in whole for drawing in kept.values())
    assert len(shorter) < len(whole) / 10
    # the program around the drawings is untouched
    assert icons.DRAWING.sub("", shorter) == icons.DRAWING.sub("", whole)


def test_icons_are_found_in_pages_and_scripts(tmp_path: Path) -> None:
    (tmp_path / "_static" / "scripts").mkdir(parents=True)
    (tmp_path / "_static" / "own.js").write_text("icon.className = 'fas fa-expand'")
    (tmp_path / "_static" / "scripts" / "fontawesome.js").write_text('"fa-not-this"')
    assert icons.named_in_scripts(tmp_path) == {"expand"}
    assert set(icons.MENTION.findall('<i class="fa-solid fa-moon fa-lg">')) == {"solid", "moon", "lg"}


def test_a_script_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1 drawings .* 1000"):
        icons.without_the_others('p={monero:[496,512,[],"f3d0","M352 384h"]}', set())
