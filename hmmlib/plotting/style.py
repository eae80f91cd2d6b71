"""One style and one palette for every figure of the book.

Readers with any colour vision can tell the colours apart; where lines are compared, each also has
its own dash pattern and marker, for prints in grey. Figures stand on opaque white.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import matplotlib.pyplot as plt
from matplotlib.rcsetup import cycler


class LineStyle(NamedTuple):
    """How one series is drawn: pass ``**style._asdict()`` to `matplotlib.axes.Axes.plot`.

    Args:
        color: Colour of line, marker and band, as ``#rrggbb``.
        linestyle: Matplotlib's name of the dash pattern.
        marker: Matplotlib's name of the marker.
    """

    color: str
    linestyle: str
    marker: str


PALETTE: tuple[LineStyle, ...] = (
    LineStyle("#0b4f8a", "-", "o"),
    LineStyle("#d9600a", "--", "s"),
    LineStyle("#2a9d7c", "-.", "^"),
    LineStyle("#8a4a9e", ":", "D"),
)
"""The series of a figure take their styles from here, in order; lightness differs as well."""

_STYLE: dict[str, Any] = {
    "figure.facecolor": "white",
    "figure.dpi": 120,
    "figure.figsize": (6.4, 3.6),
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "white",
    "savefig.transparent": False,
    "axes.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.prop_cycle": cycler(
        color=[line.color for line in PALETTE],
        linestyle=[line.linestyle for line in PALETTE],
    ),
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "font.size": 10,
    # Opaque, so that no line runs through its words, and without a frame.
    "legend.frameon": True,
    "legend.facecolor": "white",
    "legend.framealpha": 1.0,
    "legend.edgecolor": "none",
    "legend.fontsize": 9,
    "image.cmap": "viridis",
    "image.interpolation": "nearest",
    # the same input gives the same file
    "svg.hashsalt": "hmmlib",
    "svg.fonttype": "path",
}


def use_style() -> None:
    """Draw from now on in the style of the book.

    Changes Matplotlib's settings for the whole process, starting from its defaults and not from a
    personal ``matplotlibrc``, so that figures look the same everywhere. The backend is kept.
    """
    plt.style.use(["default", _STYLE])
