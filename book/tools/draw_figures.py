"""Draw the figures that are committed as files, because the README and the landing page show them.

Run as ``make figures``. The same numbers give the same file, byte for byte.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

from hmmlib.analysis import World, worlds
from hmmlib.analysis.curves import EXACT, PAPER, SOLVED
from hmmlib.plotting.figure3 import figure3_rows
from hmmlib.plotting.style import use_style

BOOK = Path(__file__).resolve().parent.parent
TARGET = BOOK / "_static" / "figure3.svg"

ROWS = {PAPER: "The paper", SOLVED: "Our networks", EXACT: "Exact model"}
FILES = ("figure3_paper", "head_vs_prompt_laptop", "memory_vs_vanilla_laptop", "exact_prompts")


def figure3_numbers() -> dict[str, World]:
    """The rows of the figure.

    Returns:
        Title of each row, and its curves, from the files in ``book/results``.
    """
    results = (json.loads((BOOK / "results" / f"{name}.json").read_text(encoding="utf-8")) for name in FILES)
    found = worlds(*results)
    return {title: found[world] for world, title in ROWS.items()}


def figure3_of_both() -> str:
    """Draw the paper's Figure 3 over the same figure of this book.

    Returns:
        The picture as SVG.
    """
    with mpl.rc_context():
        use_style()
        figure = figure3_rows(figure3_numbers())
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
