"""Heads and prompts tuned on any masked language model, with text and labels alone.

`tune_head` trains a head on what a frozen model shows, `tune_prompt` a soft prompt with its head, and
`fine_tune` all weights. They see a `MaskedLM` and cannot tell whether exact inference or a trained network is
behind it.
"""

from hmmlib.tuning.attention import SoftAttentionHead
from hmmlib.tuning.fine_tuning import fine_tune
from hmmlib.tuning.heads import tune_head
from hmmlib.tuning.prompts import tune_prompt
from hmmlib.tuning.readings import blank_laws, text_laws
from hmmlib.tuning.recipes import CONVERGED, PAPER_TUNING, QUICK, TuningRecipe
from hmmlib.tuning.tuned import Epoch, Tuned

__all__ = [
    "CONVERGED",
    "PAPER_TUNING",
    "QUICK",
    "Epoch",
    "SoftAttentionHead",
    "Tuned",
    "TuningRecipe",
    "blank_laws",
    "fine_tune",
    "text_laws",
    "tune_head",
    "tune_prompt",
]
