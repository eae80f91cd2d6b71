"""hmmlib: exact hidden Markov models as perfect masked language models.

The library of the executable companion to Wei, Xie and Ma, *Why Do Pretrained Language Models Help in
Downstream Tasks? An Analysis of Head and Prompt Tuning* (arXiv 2106.09226).
"""

from hmmlib.checkpoints import load_lm, save_lm
from hmmlib.evaluation import Evaluation, HeldOut, draw_held_out, evaluate
from hmmlib.heads import AttentionHead, LinearHead
from hmmlib.hmm import HMM, random_hmm
from hmmlib.inference import (
    Posteriors,
    blank_posterior,
    posteriors,
    posteriors_from_evidence,
    prepend_blank,
)
from hmmlib.lm import ExactMaskedLM, MaskedLM, blank_probs, prepend_mask, prepend_prompt, text_probs
from hmmlib.masking import Masking
from hmmlib.memory import MemoryHMM, random_memory_hmm
from hmmlib.pretraining import Pretrained, pretrain
from hmmlib.recipes import PretrainingRecipe, Stage
from hmmlib.sampling import Sample, sample, sample_tokens
from hmmlib.tasks import PosteriorTask, Split, TaskData, draw_dataset, draw_task
from hmmlib.text_streams import CorpusConfig
from hmmlib.transformer import TransformerConfig, TransformerMaskedLM
from hmmlib.tuning import (
    CONVERGED,
    PAPER_TUNING,
    QUICK,
    SoftAttentionHead,
    Tuned,
    TuningRecipe,
    fine_tune,
    tune_head,
    tune_prompt,
)

__version__ = "0.1.0"

__all__ = [
    "CONVERGED",
    "HMM",
    "PAPER_TUNING",
    "QUICK",
    "AttentionHead",
    "CorpusConfig",
    "Evaluation",
    "ExactMaskedLM",
    "HeldOut",
    "LinearHead",
    "MaskedLM",
    "Masking",
    "MemoryHMM",
    "PosteriorTask",
    "Posteriors",
    "Pretrained",
    "PretrainingRecipe",
    "Sample",
    "SoftAttentionHead",
    "Split",
    "Stage",
    "TaskData",
    "TransformerConfig",
    "TransformerMaskedLM",
    "Tuned",
    "TuningRecipe",
    "blank_posterior",
    "blank_probs",
    "draw_dataset",
    "draw_held_out",
    "draw_task",
    "evaluate",
    "fine_tune",
    "load_lm",
    "posteriors",
    "posteriors_from_evidence",
    "prepend_blank",
    "prepend_mask",
    "prepend_prompt",
    "pretrain",
    "random_hmm",
    "random_memory_hmm",
    "sample",
    "sample_tokens",
    "save_lm",
    "text_probs",
    "tune_head",
    "tune_prompt",
]
