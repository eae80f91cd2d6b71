"""The paper's four theorems on random models that satisfy their assumptions, counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import check_positive_int
from hmmlib.constructions.assumptions import AssumptionError
from hmmlib.constructions.attention import attention_head
from hmmlib.constructions.linear import linear_head
from hmmlib.constructions.memory_prompts import memory_prompt
from hmmlib.constructions.prompts import soft_prompt
from hmmlib.hmm import HMM, MemoryHMM, random_hmm, random_recoverable_hmm, random_sparse_hmm, sample_tokens
from hmmlib.lm import ExactMaskedLM, blank_probs, text_probs
from hmmlib.tasks import PosteriorTask

_MARGIN = 1e-9
_TEXTS, _LENGTH = 40, 12


class Checked(NamedTuple):
    """What a theorem was checked on.

    Attributes:
        models: Random models that satisfy its assumptions.
        texts: Their texts that it speaks of and whose margin is farther than 1e-9 from zero.
        wrong: Those of them whose label the construction gets wrong.
    """

    models: int
    texts: int
    wrong: int


class Case(NamedTuple):
    """A theorem on the texts of one model.

    Attributes:
        values: What the construction says of each text; its sign is the label.
        margins: The task's own margin.
        covered: Whether the theorem speaks of the text.
    """

    values: Tensor
    margins: Tensor
    covered: Tensor


def check_theorem(name: str, n_models: int) -> Checked:
    """Build what a theorem promises on random models, and count wrong labels.

    Args:
        name: One of `THEOREMS`.
        n_models: How many draws; a draw that does not satisfy the assumptions is left out.

    Returns:
        Models, texts and wrong labels.

    Raises:
        ValueError: There is no such theorem, or a number below 1.
    """
    if not isinstance(name, str) or name not in THEOREMS:
        raise ValueError(f"name: expected one of {tuple(THEOREMS)}, got {name!r}")
    models = texts = wrong = 0
    for seed in range(check_positive_int(n_models, "n_models")):
        try:
            case = THEOREMS[name](seed)
        except AssumptionError:
            continue
        said = case.covered & (case.margins.abs() > _MARGIN)
        models += 1
        texts += int(said.sum())
        wrong += int(((case.values >= 0) != (case.margins >= 0))[said].sum())
    return Checked(models, texts, wrong)


def _texts(model: HMM | MemoryHMM, seed: int) -> Tensor:
    return sample_tokens(model, _TEXTS, _LENGTH + 1, generator=seed)[:, 1:]


def _margins(model: HMM | MemoryHMM, mu: np.ndarray, texts: Tensor) -> Tensor:
    task = PosteriorTask.two_class(model, mu)
    return task.posterior(texts) @ task.mu


def _head_tuning(seed: int) -> Case:
    model = random_hmm(2 + seed % 9, 10, generator=seed, transition_temperature=0.1, emission_temperature=0.2)
    mu = np.random.default_rng(seed).standard_normal(model.n_states)
    texts = _texts(model, seed)
    values = linear_head(model, mu).values(blank_probs(ExactMaskedLM(model), texts))
    return Case(
        values, _margins(model, mu, texts), torch.ones(len(texts), dtype=torch.bool, device=texts.device)
    )


def _soft_prompt(seed: int) -> Case:
    random = np.random.default_rng(seed)
    model = random_sparse_hmm(11 + seed % 12, 10, generator=seed, n_followers=2 + seed % 2)
    leaders = random.choice(model.n_states, 1 + seed % 3, replace=False)
    followed = (model.transition[leaders] > 0).any(0).numpy()
    mu = random.standard_normal(model.n_states) * followed
    texts = _texts(model, seed)
    values = soft_prompt(model, mu).values(ExactMaskedLM(model), texts)
    return Case(
        values, _margins(model, mu, texts), torch.ones(len(texts), dtype=torch.bool, device=texts.device)
    )


def _attention_head(seed: int) -> Case:
    model = random_recoverable_hmm(
        2 + seed % 3, 3, 12, generator=seed, n_cells=1 + seed % 2, n_recoverable=1 + seed // 2 % 2
    )
    mu = np.random.default_rng(seed).standard_normal(model.n_values)
    head, texts = attention_head(model, mu), _texts(model, seed)
    probs = text_probs(ExactMaskedLM(model), texts)
    certain = head.keys(probs).amax(1) > 1 - _MARGIN
    return Case(head.values(probs, texts), _margins(model, mu, texts), certain)


def _memory_prompt(seed: int) -> Case:
    n_values, n_kept = 3 + seed % 4, 2 + seed % 4 // 2
    model = random_recoverable_hmm(n_values, 3, n_kept + 2, n_kept=n_kept, generator=seed)
    random = np.random.default_rng(seed)
    mu = np.zeros(n_values)
    mu[random.permutation(n_values)[:n_kept]] = random.standard_normal(n_kept)
    tuned, lm, texts = memory_prompt(model, mu), ExactMaskedLM(model), _texts(model, seed)
    probs = tuned.probs(lm, texts)
    certain = tuned.head.keys(probs).amax(1) > 1 - _MARGIN
    return Case(tuned.head.values(probs, texts), _margins(model, mu, texts), certain)


THEOREMS: dict[str, Callable[[int], Case]] = {
    "head tuning": _head_tuning,
    "soft prompt": _soft_prompt,
    "attention head": _attention_head,
    "prompt with memory": _memory_prompt,
}
"""Each theorem, and what is built and compared on the model of a seed.

:meta hide-value:
"""
