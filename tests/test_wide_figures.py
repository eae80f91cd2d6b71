"""Which figures scroll on a phone."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from wide_figures import WIDE, mark_figures, png_width

PAGE = '<figure class="align-default" id="fig-a">\n<img alt="A &gt; b." src="../_images/a.png"/></figure>'


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "_images" / "a.png"
    file.parent.mkdir()
    (tmp_path / "notebooks").mkdir()
    return file


@pytest.mark.parametrize(("width", "marked"), [(WIDE, False), (WIDE + 1, True)])
def test_wide_pictures_are_marked_once(picture: Path, width: int, marked: bool) -> None:
    matplotlib.image.imsave(picture, np.zeros((2, width)))
    assert png_width(picture) == width
    folder = picture.parents[1] / "notebooks"
    page = mark_figures(PAGE, folder)
    assert page == (PAGE.replace("align-default", "align-default wide") if marked else PAGE)
    assert mark_figures(page, folder) == page


def test_what_is_no_png_is_an_error(picture: Path) -> None:
    picture.write_bytes(b"GIF89a" + bytes(30))
    with pytest.raises(ValueError, match=r"a\.png: expected a PNG"):
        png_width(picture)
