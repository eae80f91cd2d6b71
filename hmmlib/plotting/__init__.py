"""Every figure of the book, in one style.

A chapter's figures are in the module of its name, say `hmmlib.plotting.head_tuning`. Here is what chapters
share: the style (`hmmlib.plotting.style`), the figures that several of them draw (`hmmlib.plotting.shared`),
Figure 3, the paper's and ours (`hmmlib.plotting.figure3`), and `spell`, which writes a text in letters.
"""

from hmmlib.plotting._parts import spell
from hmmlib.plotting.figure3 import figure3_overlay
from hmmlib.plotting.shared import accuracy_by_states, turning_labels
from hmmlib.plotting.style import PALETTE, LineStyle, use_style

__all__ = [
    "PALETTE",
    "LineStyle",
    "accuracy_by_states",
    "figure3_overlay",
    "spell",
    "turning_labels",
    "use_style",
]
