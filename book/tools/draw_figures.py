"""Draw the figures that are committed as files, because the README and the landing page show them.

Run as ``make figures``. The same numbers give the same file, byte for byte.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

from hmmlib.plotting import paper_figure3, use_style

BOOK = Path(__file__).resolve().parent.parent


def figure3_paper() -> str:
    """Draw the paper's Figure 3 from the numbers in ``book/results/figure3_paper.json``.

    Returns:
        The picture as SVG.
    """
    results = json.loads((BOOK / "results" / "figure3_paper.json").read_text(encoding="utf-8"))
    with mpl.rc_context():
        use_style()
        figure, panels = plt.subplots(1, 2, figsize=(7.2, 3.4), sharey=True)
        paper_figure3(results, panels)
        figure.suptitle(
            "The paper's Figure 3, redrawn from its released files", fontsize=10, x=0.01, ha="left"
        )
        svg = io.StringIO()
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)
    # without trailing blanks, which Matplotlib leaves in path data
    return "\n".join(line.rstrip() for line in svg.getvalue().splitlines()) + "\n"


def main() -> None:
    """Write every figure to ``book/_static``."""
    mpl.use("svg")
    target = BOOK / "_static" / "figure3_paper.svg"
    target.write_text(figure3_paper(), encoding="utf-8")
    print(f"wrote {target.relative_to(BOOK.parent)}")


if __name__ == "__main__":
    main()
