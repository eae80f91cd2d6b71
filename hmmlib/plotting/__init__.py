"""Every figure of the book, in one style."""

from hmmlib.plotting.heads import accuracy_by_states, accuracy_curves, two_simplices
from hmmlib.plotting.results import growth, paper_figure3
from hmmlib.plotting.style import PALETTE, LineStyle, use_style
from hmmlib.plotting.texts import (
    floor_against_states,
    parameter_maps,
    posterior_maps,
    spell,
    text_with_states,
)

__all__ = [
    "PALETTE",
    "LineStyle",
    "accuracy_by_states",
    "accuracy_curves",
    "floor_against_states",
    "growth",
    "paper_figure3",
    "parameter_maps",
    "posterior_maps",
    "spell",
    "text_with_states",
    "two_simplices",
    "use_style",
]
