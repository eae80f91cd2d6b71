"""Draw the figures that are committed as files, because the README and the landing page show them.

Run as ``make figures``. The same numbers give the same file, byte for byte.
"""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

from hmmlib.analysis import Results, World
from hmmlib.analysis.figure3 import shown_worlds
from hmmlib.plotting.figure3 import figure3_overlay
from hmmlib.plotting.style import use_style

BOOK = Path(__file__).resolve().parent.parent
TARGET = BOOK / "_static" / "figure3.svg"


def figure3_worlds() -> dict[str, World]:
    """What the figure shows.

    Returns:
        Name of each world, and its curves, from the files in ``book/results``.
    """
    return shown_worlds(Results().named_worlds)


def figure3_of_both() -> str:
    """Draw this book's numbers over the paper's Figure 3.

    Returns:
        The picture as SVG.
    """
    with mpl.rc_context():
        use_style()
        figure = figure3_overlay(figure3_worlds())
        svg = io.StringIO()
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)
    # without trailing blanks, which Matplotlib leaves in path data
    return "\n".join(line.rstrip() for line in svg.getvalue().splitlines()) + "\n"


def main() -> None:
    """Write every figure to ``book/_static``."""
    mpl.use("svg")
    TARGET.write_text(figure3_of_both(), encoding="utf-8")
    print(f"wrote {TARGET.relative_to(BOOK.parent)}")


if __name__ == "__main__":
    main()
