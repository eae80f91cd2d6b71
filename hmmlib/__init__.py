"""hmmlib: exact hidden Markov models as perfect masked language models.

The library of the executable companion to Wei, Xie and Ma, *Why Do Pretrained Language Models Help in
Downstream Tasks? An Analysis of Head and Prompt Tuning* (arXiv 2106.09226).
"""

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
from hmmlib.memory import MemoryHMM, random_memory_hmm
from hmmlib.sampling import Sample, sample, sample_tokens
from hmmlib.tasks import PosteriorTask, Split, TaskData, draw_dataset, draw_task

__version__ = "0.1.0"

__all__ = [
    "HMM",
    "AttentionHead",
    "ExactMaskedLM",
    "LinearHead",
    "MaskedLM",
    "MemoryHMM",
    "PosteriorTask",
    "Posteriors",
    "Sample",
    "Split",
    "TaskData",
    "blank_posterior",
    "blank_probs",
    "draw_dataset",
    "draw_task",
    "posteriors",
    "posteriors_from_evidence",
    "prepend_blank",
    "prepend_mask",
    "prepend_prompt",
    "random_hmm",
    "random_memory_hmm",
    "sample",
    "sample_tokens",
    "text_probs",
]
