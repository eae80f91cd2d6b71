"""Every figure that a test here draws is in the book's style, has to be readable, and is closed."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from hmmlib.plotting import use_style
from plotting.drawn import check_readable, open_figures


@pytest.fixture(autouse=True)
def readable_figures() -> Iterator[None]:
    with mpl.rc_context():
        use_style()
        yield
        try:
            for figure in open_figures():
                check_readable(figure)
        finally:
            plt.close("all")
