"""Heads and prompts tuned on any masked language model, with text and labels alone.

`tune_head` trains a head on what a frozen model shows, `tune_prompt` a soft prompt with its head, and
`fine_tune` all weights. They see a `MaskedLM` and cannot tell whether exact inference or a trained network is
behind it. `optimal_prompt` finds the best prompt of a model that computes exactly, `fit_prior` the
re-weighted prior that explains a trained prompt best.
"""

from hmmlib.tuning.fine_tuning import fine_tune
from hmmlib.tuning.hard_prompts import HardPromptFit, best_hard_prompts
from hmmlib.tuning.heads import tune_head
from hmmlib.tuning.optimal_prompts import OptimalPrompt, optimal_prompt
from hmmlib.tuning.prior_fit import PriorFit, fit_prior
from hmmlib.tuning.prompts import tune_prompt
from hmmlib.tuning.recipe import CONVERGED, PAPER_TUNING, QUICK, TuningRecipe
from hmmlib.tuning.tuned import Epoch, SolverStep, Tuned

__all__ = [
    "CONVERGED",
    "PAPER_TUNING",
    "QUICK",
    "Epoch",
    "HardPromptFit",
    "OptimalPrompt",
    "PriorFit",
    "SolverStep",
    "Tuned",
    "TuningRecipe",
    "best_hard_prompts",
    "fine_tune",
    "fit_prior",
    "optimal_prompt",
    "tune_head",
    "tune_prompt",
]
