"""Draw the figures that are committed as files, because the README and the landing page show them.

Run as ``make figures``. The same numbers give the same file, byte for byte.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from hmmlib import ExactMaskedLM, blank_probs
from hmmlib.analysis import Results, World
from hmmlib.analysis.figure3 import shown_worlds
from hmmlib.constructions import linear_head
from hmmlib.hmm import REVIEW_WORDS, review_hmm
from hmmlib.plotting.figure3 import figure3_overlay
from hmmlib.plotting.head_tuning import pipeline
from hmmlib.plotting.style import use_style
from hmmlib.plotting.ten_papers import where_claims_hold
from ten_papers import ten_panels

BOOK = Path(__file__).resolve().parent.parent
STATIC = BOOK / "_static"


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
    return _as_svg(lambda: figure3_overlay(figure3_worlds()))


def way_to_a_label() -> str:
    """Draw the way from a text to its label, for the reviewer of chapter 2 of the book.

    Returns:
        The picture as SVG.
    """
    words = ("great", "plot", "great", "dull")
    text = torch.tensor([[REVIEW_WORDS.index(word) for word in words]])
    hmm = review_hmm()
    probs, head = blank_probs(ExactMaskedLM(hmm), text)[0], linear_head(hmm, [0, 1, -1]).weights
    return _as_svg(lambda: pipeline(words, REVIEW_WORDS, probs, head))


def ten_papers() -> str:
    """Draw where the claims of ten papers hold, and where they fail.

    Returns:
        The picture as SVG.
    """
    return _as_svg(lambda: where_claims_hold(ten_panels()))


def _as_svg(draw: Callable[[], Figure]) -> str:
    with mpl.rc_context():
        use_style()
        figure = draw()
        svg = io.StringIO()
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)
    # without trailing blanks, which Matplotlib leaves in path data
    return "\n".join(line.rstrip() for line in svg.getvalue().splitlines()) + "\n"


FIGURES = {
    "figure3.svg": figure3_of_both,
    "ten_papers.svg": ten_papers,
    "way_to_a_label.svg": way_to_a_label,
}


def main() -> None:
    """Write every figure to ``book/_static``."""
    mpl.use("svg")
    for name, draw in FIGURES.items():
        file = STATIC / name
        file.write_text(draw(), encoding="utf-8")
        print(f"wrote {file.relative_to(BOOK.parent)}")


if __name__ == "__main__":
    main()
