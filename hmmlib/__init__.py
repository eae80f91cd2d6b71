"""hmmlib: exact hidden Markov models as perfect masked language models.

The library of the executable companion to Wei, Xie and Ma, *Why Do Pretrained Language Models Help in
Downstream Tasks? An Analysis of Head and Prompt Tuning* (arXiv 2106.09226). The paper in small:

    >>> from hmmlib import ExactMaskedLM, blank_probs, draw_dataset, draw_task
    >>> from hmmlib import logistic_head, optimal_prompt, random_hmm
    >>> hmm = random_hmm(n_states=15, n_tokens=10, generator=1)
    >>> task = draw_task(hmm, generator=1)
    >>> train, _, test = draw_dataset(task, generator=1, sizes=(1000, 100, 1000), length=32)
    >>> lm = ExactMaskedLM(hmm)
    >>> fit = logistic_head(blank_probs(lm, train.tokens), train.labels)
    >>> best = optimal_prompt(lm, train.tokens, train.labels, starts=1, generator=0)
    >>> for head, prompt in ((fit.head, None), (best.head, best.prompt)):
    ...     right = head.labels(blank_probs(lm, test.tokens, prompt)) == test.labels
    ...     print(f"{right.double().mean():.0%}")
    88%
    100%

An HMM writes the text, a task asks about the hidden state before its first word, and the exact model predicts
each word perfectly from the others. No head on what it shows at the blank has every answer; with one soft
prompt in front of the text a head has nearly all of them.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hmmlib.certificates import best_accuracy, row_space_test, separate
    from hmmlib.constructions import attention_head, linear_head, memory_prompt, soft_prompt
    from hmmlib.heads import AttentionHead, LinearHead, logistic_head
    from hmmlib.hmm import (
        HMM,
        MemoryHMM,
        Posteriors,
        Sample,
        bayes_floor,
        blank_posterior,
        fit_hmm,
        posteriors,
        posteriors_from_evidence,
        prepend_blank,
        random_hmm,
        random_memory_hmm,
        sample,
        sample_tokens,
    )
    from hmmlib.lm import (
        ExactMaskedLM,
        MaskedLM,
        Masking,
        RememberedLM,
        TransformerConfig,
        TransformerMaskedLM,
        blank_probs,
        load_lm,
        prepend_mask,
        prepend_prompt,
        save_lm,
        text_probs,
    )
    from hmmlib.pretraining import (
        CorpusConfig,
        Evaluation,
        HeldOut,
        Pretrained,
        PretrainingRecipe,
        Stage,
        draw_held_out,
        evaluate,
        pretrain,
    )
    from hmmlib.tasks import PosteriorTask, Split, TaskData, draw_dataset, draw_task
    from hmmlib.tuning import TuningRecipe, fine_tune, optimal_prompt, tune_head, tune_prompt

__version__ = "0.2.0"

__all__ = [
    "HMM",
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
    "RememberedLM",
    "Sample",
    "Split",
    "Stage",
    "TaskData",
    "TransformerConfig",
    "TransformerMaskedLM",
    "TuningRecipe",
    "attention_head",
    "bayes_floor",
    "best_accuracy",
    "blank_posterior",
    "blank_probs",
    "draw_dataset",
    "draw_held_out",
    "draw_task",
    "evaluate",
    "fine_tune",
    "fit_hmm",
    "linear_head",
    "load_lm",
    "logistic_head",
    "memory_prompt",
    "optimal_prompt",
    "posteriors",
    "posteriors_from_evidence",
    "prepend_blank",
    "prepend_mask",
    "prepend_prompt",
    "pretrain",
    "random_hmm",
    "random_memory_hmm",
    "row_space_test",
    "sample",
    "sample_tokens",
    "save_lm",
    "separate",
    "soft_prompt",
    "text_probs",
    "tune_head",
    "tune_prompt",
]

# Where these names are from, the lower floors first. They are looked up when they are first asked for:
# `hmmlib --help` needs none of them, and torch alone takes a second or two to import.
_ROOMS = ("hmm", "lm", "heads", "tasks", "pretraining", "certificates", "constructions", "tuning")


def __getattr__(name: str) -> object:
    """A name of the library, or a package of it, imported now."""
    if name in __all__:
        for room in _ROOMS:
            value: object = getattr(import_module(f"hmmlib.{room}"), name, None)
            if value is not None:
                globals()[name] = value
                return value
    elif not name.startswith("_") and find_spec(f"hmmlib.{name}") is not None:
        return import_module(f"hmmlib.{name}")
    raise AttributeError(f"module 'hmmlib' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What completion offers."""
    return sorted({*globals(), *__all__})
