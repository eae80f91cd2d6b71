"""Posteriors of many short texts: hmmlib beside dynamax and hmmlearn, their speed and their accuracy."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from dynamax.hidden_markov_model import hmm_smoother
from torch import Tensor

from hmmlib import HMM, posteriors, random_hmm, sample_tokens
from tests.benchmarks.timing import in_turn, per_unit_ratio, rounded, spread

OFF = 1e-3  # a posterior probability this far off is called wrong


def compare(
    n_states: int, sequences: int, length: int, hmmlearn_sequences: int, repetitions: int, seed: int
) -> dict[str, Any]:
    """Time the three libraries on the paper's random HMM.

    hmmlib finds smoothed posteriors and all conditionals in float64; dynamax, jitted and vmapped over
    texts, smoothed posteriors in float32, its default; hmmlearn, smoothed posteriors in float64, by either
    of its implementations ('log' is its default). hmmlearn reads the first texts only.

    Args:
        n_states: Number H of hidden states.
        sequences: Number of texts.
        length: Their length in tokens.
        hmmlearn_sequences: Number of texts that hmmlearn reads.
        repetitions: How often each is timed.
        seed: Seed of model and text.

    Returns:
        Times, and ratios per token.
    """
    hmm = random_hmm(n_states, generator=seed)
    text = sample_tokens(hmm, sequences, length, generator=seed)
    some = text[:hmmlearn_sequences].numpy()
    smooth = dynamax_smoother(hmm)
    text_on_jax = jnp.asarray(text.numpy())
    tasks = {
        "hmmlib": lambda: posteriors(hmm, text, keep=("smoothed", "conditionals")),
        "dynamax": lambda: smooth(text_on_jax).block_until_ready(),
        "hmmlearn_log": lambda: hmmlearn_smoothed(hmm, some, "log"),
        "hmmlearn_scaling": lambda: hmmlearn_smoothed(hmm, some, "scaling"),
    }
    seconds = in_turn(tasks, repetitions)
    tokens = {name: (some if "hmmlearn" in name else text.numpy()).size for name in tasks}
    return {
        "threads": torch.get_num_threads(),
        "seconds": {name: spread(taken) for name, taken in seconds.items()},
        "tokens": tokens,
        "ratio_per_token": {
            name: per_unit_ratio(seconds[name], seconds["hmmlib"], tokens[name], tokens["hmmlib"])
            for name in tasks
            if name != "hmmlib"
        },
    }


def accuracy(
    n_states: int, sequences: int, length: int, hmmlearn_sequences: int, corrupted_share: float, seed: int
) -> dict[str, Any]:
    """Compare the posteriors of the three libraries, on sampled and on corrupted text.

    dynamax is run in float32, its default, and in float64; to be run in a fresh process, as jax keeps to
    the precision it was last set to.

    Args:
        n_states: Number H of hidden states.
        sequences: Number of texts.
        length: Their length in tokens.
        hmmlearn_sequences: Number of texts that hmmlearn reads.
        corrupted_share: Share of tokens of the corrupted text that are replaced by uniform ones.
        seed: Seed of model, text and corruption.

    Returns:
        Deviations from hmmlib, by kind of text and by library.
    """
    hmm = random_hmm(n_states, generator=seed)
    text = sample_tokens(hmm, sequences, length, generator=seed)
    texts = {"sampled": text, "corrupted": corrupted(text, hmm.n_tokens, corrupted_share, seed)}
    return {kind: _deviations(hmm, tokens, hmmlearn_sequences) for kind, tokens in texts.items()}


def dynamax_smoother(hmm: HMM) -> Any:
    """dynamax's smoother for a batch of texts in jax's current precision, compiled on first use."""
    initial, transition, emission = (
        jnp.asarray(part.numpy()) for part in (hmm.initial, hmm.transition, hmm.emission)
    )

    def smoothed(tokens: jax.Array) -> jax.Array:
        return hmm_smoother(initial, transition, jnp.log(emission.T[tokens])).smoothed_probs

    return jax.jit(jax.vmap(smoothed))


def hmmlearn_smoothed(hmm: HMM, tokens: np.ndarray, implementation: str) -> np.ndarray:
    """hmmlearn's posteriors of equally long texts, shape (batch, time, H)."""
    model = hmm.to_hmmlearn()
    model.implementation = implementation
    batch, time = tokens.shape
    return model.predict_proba(tokens.reshape(-1, 1), [time] * batch).reshape(batch, time, -1)


def corrupted(text: Tensor, n_tokens: int, share: float, seed: int) -> Tensor:
    """The text with a share of its tokens replaced by uniform ones."""
    generator = torch.Generator().manual_seed(seed)
    replaced = torch.rand(text.shape, generator=generator) < share
    return torch.where(replaced, torch.randint(n_tokens, text.shape, generator=generator), text)


def _deviations(hmm: HMM, text: Tensor, hmmlearn_sequences: int) -> dict[str, dict[str, float]]:
    """How far the others' posteriors are from hmmlib's."""
    exact = posteriors(hmm, text, keep=("smoothed",)).smoothed.numpy()
    some = text[:hmmlearn_sequences].numpy()
    found = {}
    for name, double in (("dynamax", False), ("dynamax_float64", True)):
        jax.config.update("jax_enable_x64", double)
        found[name] = np.asarray(dynamax_smoother(hmm)(jnp.asarray(text.numpy())))
    found |= {
        "hmmlearn_log": hmmlearn_smoothed(hmm, some, "log"),
        "hmmlearn_scaling": hmmlearn_smoothed(hmm, some, "scaling"),
    }
    return {name: _deviation(table, exact[: len(table)]) for name, table in found.items()}


def _deviation(table: np.ndarray, exact: np.ndarray) -> dict[str, float]:
    worst = np.abs(table - exact).max(-1)  # (batch, time), NaN where the other gave NaN
    wrong = ~(worst <= OFF)
    return {
        "sequences": len(table),
        "largest": rounded(float(np.nanmax(worst)), 2),
        "share_of_sequences_off": rounded(float(wrong.any(1).mean())),
        "share_of_positions_off": rounded(float(wrong.mean())),
        "share_of_sequences_nan": rounded(float(np.isnan(worst).any(1).mean())),
    }
