"""Random machines and texts, and what hmmlib computes from them, as JSON for the browser."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from explorer_machines import TEXT, memory_hmm
from hmmlib import (
    HMM,
    ExactMaskedLM,
    MemoryHMM,
    PosteriorTask,
    posteriors,
    posteriors_from_evidence,
    prepend_blank,
    prepend_mask,
    prepend_prompt,
    random_hmm,
    random_memory_hmm,
    sample_tokens,
)
from hmmlib.constructions import (
    AssumptionError,
    attention_head,
    linear_head,
    prompt_head,
    prompted_prior,
    recoverable_states,
)
from hmmlib.hmm import random_recoverable_hmm, random_sparse_hmm

Case = dict[str, Any]


def numbers(model: HMM | MemoryHMM) -> Case:
    """A model as the explorer reads it."""
    found: Case = {
        "initial": model.initial.flatten().tolist(),
        "transition": model.transition.tolist(),
        "emission": model.chain.emission.tolist(),
    }
    if isinstance(model, MemoryHMM):
        found["memory"] = {"nValues": model.n_values, "nCells": model.n_cells, "nSyntax": model.n_syntax}
    return found


def tables(found: Any, first: int = 0) -> Case:
    """The posteriors of one text, from a position on."""
    return {
        "filtered": found.filtered[0, first:].tolist(),
        "smoothed": found.smoothed[0, first:].tolist(),
        "leaveOneOut": found.leave_one_out[0, first:].tolist(),
        "conditionals": found.conditionals[0, first:].tolist(),
        "logLikelihood": float(found.log_likelihood[0]),
    }


def head_or_none(build: Any, *arguments: Any) -> list[float] | None:
    """The weights of a construction, or None where its assumption does not hold."""
    try:
        weights: list[float] = build(*arguments).weights.tolist()
    except AssumptionError:
        return None
    return weights


def text_case(hmm: HMM, tokens: Tensor, mu: list[float], prompt: list[float] | None) -> Case:
    """One text of a vanilla HMM, with its head, and with a prompt if there is one."""
    padded, seen = prepend_blank(tokens)
    case: Case = {
        "machine": numbers(hmm),
        "tokens": tokens[0].tolist(),
        "mu": mu,
        "prompt": prompt,
        "plain": tables(posteriors(hmm, padded, observed=seen)),
        "margin": float(
            PosteriorTask.two_class(hmm, mu).posterior(tokens)[0] @ torch.tensor(mu, dtype=torch.float64)
        ),
    }
    if prompt is None:
        return case | {
            "shown": case["plain"],
            "prior": hmm.initial.tolist(),
            "weights": head_or_none(linear_head, hmm, mu),
        }
    u = torch.tensor([prompt], dtype=torch.float64)
    lm = ExactMaskedLM(hmm)
    evidence = prepend_prompt(u, lm.embed(prepend_mask(lm, tokens)))
    case["shown"] = tables(posteriors_from_evidence(hmm, evidence), 1)
    case["prior"] = prompted_prior(hmm, u).tolist()
    return case | {"weights": head_or_none(prompt_head, hmm, mu, u)}


def plain_cases() -> list[Case]:
    """Machines of many kinds: warm and cold, dense and sparse, H ≤ V and H > V, texts of 1 to 128 tokens."""
    cases = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        n_states, n_tokens = int(rng.integers(1, 9)), int(rng.integers(2, 8))
        warmth = [0.3, 0.1, 1.0][seed % 3]
        hmm = random_hmm(
            n_states, n_tokens, generator=seed, transition_temperature=warmth, emission_temperature=warmth
        )
        if seed % 4 == 3:
            hmm = random_sparse_hmm(6 + seed % 5, 5, generator=seed)
        length = [1, 5, 17, 128][seed // 3 % 4]
        tokens = sample_tokens(hmm, batch=1, time=length + 1, generator=seed)[:, 1:]
        mu = rng.standard_normal(hmm.n_states)
        prompt = None
        if seed % 2:
            prompt = rng.random(hmm.n_states)
            prompt[rng.random(hmm.n_states) < 0.4] = 0
            prompt[0] = 1.0
            # The text has to be possible after the prompt: it is drawn from the prompted machine.
            prior = prompted_prior(hmm, prompt[None])
            tokens = sample_tokens(hmm.with_initial(prior), batch=1, time=length + 1, generator=seed)[:, 1:]
            mu = mu * (prior.numpy() > 0)
        cases.append(text_case(hmm, tokens, mu.tolist(), None if prompt is None else prompt.tolist()))
    return cases


def cold_cases() -> list[Case]:
    """Texts that are nearly impossible: every token costs a factor of about 1e-38."""
    cases = []
    for seed in range(6):
        hmm = random_hmm(5, 4, generator=seed, emission_temperature=0.01, transition_temperature=0.01)
        tiny = torch.full((5, 4), 1e-38, dtype=torch.float64)
        emission = hmm.emission.clamp_min(1e-38)
        emission[range(5), [0, 1, 2, 0, 1]] = 1.0
        emission = torch.where(emission < 0.9, tiny * (1 + torch.arange(4)), emission)
        cold = HMM(hmm.initial, hmm.transition, emission / emission.sum(-1, keepdim=True))
        tokens = torch.from_numpy(np.random.default_rng(seed).integers(0, 4, (1, 128)))
        cases.append(text_case(cold, tokens, [1.0, -1.0, 0.5, 0.0, 0.0], None))
    return cases


def memory_case(model: MemoryHMM, tokens: Tensor, mu: np.ndarray, cell: int) -> Case:
    """One text of a machine with memory, and its attention head."""
    padded, seen = prepend_blank(tokens)
    found = posteriors(model, padded, observed=seen)
    memory = model.memory_posterior(found.smoothed[:, 0], cell)[0]
    case: Case = {
        "machine": numbers(model),
        "tokens": tokens[0].tolist(),
        "mu": mu.tolist(),
        "cell": cell,
        "plain": tables(found),
        "memory": memory.tolist(),
        "margin": float(memory @ torch.tensor(mu)),
        "states": list(recoverable_states(model, cell=cell)),
        "head": None,
    }
    if case["states"]:
        head = attention_head(model, mu, cell=cell)
        probs = found.conditionals[:, 1:]
        case["projection"] = head.projection.tolist()
        case["head"] = {
            "keys": head.keys(probs)[0].tolist(),
            "values": head.position_values(probs, tokens)[0].tolist(),
            "chosen": (head.attention(probs)[0] > 0).tolist(),
            "output": float(head.values(probs, tokens)[0]),
        }
    return case


def memory_cases() -> list[Case]:
    """One and two cells, recoverable and not, texts of 1 to 128 tokens."""
    cases = []
    for seed in range(30):
        sizes = {"n_values": 2 + seed % 3, "n_cells": 1 + seed % 2, "n_syntax": 2 + seed % 2}
        if seed % 3:
            model = random_recoverable_hmm(
                n_tokens=12, generator=seed, n_recoverable=1, n_patterns=1, **sizes
            )
        else:
            model = random_memory_hmm(
                n_tokens=6, generator=seed, transition_temperature=0.3, emission_temperature=0.3, **sizes
            )
        length = [1, 9, 30, 128][seed // 2 % 4]
        tokens = sample_tokens(model, batch=1, time=length + 1, generator=seed)[:, 1:]
        mu = np.random.default_rng(seed).standard_normal(model.n_values)
        cases.append(memory_case(model, tokens, mu, seed % model.n_cells))
    return cases


def near_tie() -> Case:
    """Keys that are nearly equal to the largest, and not to be mistaken for it."""
    model, words = memory_hmm()
    moves = model.transition.clone()
    # What follows an article is a noun, but for one time in ten thousand.
    moves[0] = torch.tensor([0.0, 1 - 1e-4, 0.0, 1e-4], dtype=torch.float64)
    tokens = torch.tensor([[words.index(word) for word in TEXT]])
    nearly = MemoryHMM(model.initial, moves, model.emission)
    return memory_case(nearly, tokens, np.array([1.0, -1.5, 0.8]), 0)


def impossible_cases() -> list[Case]:
    """Texts with one token that cannot stand there, and the position of it in (∅, x)."""
    hmm = HMM(
        initial=[1.0, 0.0, 0.0],
        transition=[[0.7, 0.3, 0.0], [0.0, 0.7, 0.3], [0.4, 0.0, 0.6]],
        emission=[[0.9, 0.1, 0.0, 0.0], [0.0, 0.8, 0.2, 0.0], [0.0, 0.0, 0.3, 0.7]],
    )
    cases = []
    for tokens in ([3], [0, 3], [0, 1, 2, 3, 0, 3], [0] * 100 + [3] + [0] * 27):
        padded, seen = prepend_blank([tokens])
        with pytest.raises(ValueError, match="position") as caught:
            posteriors(hmm, padded, observed=seen)
        cases.append({"machine": numbers(hmm), "tokens": tokens, "message": str(caught.value)})
    return cases
