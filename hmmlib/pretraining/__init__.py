"""Pretraining: a transformer learns masked language modelling from text of a known HMM.

`pretrain` follows a `PretrainingRecipe`, measuring loss and KL against the exact conditionals on the way;
`evaluate` measures any masked language model on held-out text. `train_on_texts` trains on texts from
anywhere, `train_module` whatever has a transformer in it. `PRETRAINING_PRESETS` has recipes from seconds on
a laptop to the paper's own.
"""

from hmmlib.pretraining.corpus import BlockSource, Corpus, CorpusConfig, TextStream
from hmmlib.pretraining.evaluation import Evaluation, HeldOut, draw_held_out, evaluate, kl_divergences
from hmmlib.pretraining.history import History, Measurement
from hmmlib.pretraining.modules import ModuleRecipe, train_module
from hmmlib.pretraining.presets import PAPER_MASKING, PRETRAINING_PRESETS, VARIANTS, pretraining_preset
from hmmlib.pretraining.recipe import PretrainingRecipe, Stage
from hmmlib.pretraining.schedule import Schedule, learning_rate_factor
from hmmlib.pretraining.texts import TextSource, train_on_texts
from hmmlib.pretraining.trainer import Pretrained, pretrain

__all__ = [
    "PAPER_MASKING",
    "PRETRAINING_PRESETS",
    "VARIANTS",
    "BlockSource",
    "Corpus",
    "CorpusConfig",
    "Evaluation",
    "HeldOut",
    "History",
    "Measurement",
    "ModuleRecipe",
    "Pretrained",
    "PretrainingRecipe",
    "Schedule",
    "Stage",
    "TextSource",
    "TextStream",
    "draw_held_out",
    "evaluate",
    "kl_divergences",
    "learning_rate_factor",
    "pretrain",
    "pretraining_preset",
    "train_module",
    "train_on_texts",
]
