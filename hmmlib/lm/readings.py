"""What a head is shown of a text: the blank's law alone, or the laws at all positions."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike
from hmmlib.lm._modules import frozen
from hmmlib.lm.base import MaskedLM, blank_probs, prepend_mask
from hmmlib.lm.masking import Masking

Reading = Literal["shown", "blanked", "read off"]

# Texts that the model sees at once: bounds the memory.
_PIECE = 256


@torch.no_grad()
def blank_laws(lm: MaskedLM, tokens: ArrayLike, prompt: Tensor | None = None) -> Tensor:
    """What a frozen model shows at the blank of (∅, x), or of (u_1, …, u_k, ∅, x); in little memory.

    Args:
        lm: The language model.
        tokens: Texts x, integers 0 … V − 1, shape (n, time).
        prompt: Soft prompt, shape (k, embedding_dim); none by default.

    Returns:
        Token laws, on the model's device, shape (n, V).

    Raises:
        TypeError: The tokens are not integers.
        ValueError: Wrong shapes, a token out of range, or what the model does not accept.
    """
    texts = prepend_mask(lm, tokens)[:, 1:]
    with frozen(lm):
        return torch.cat([blank_probs(lm, piece, prompt) for piece in texts.split(_PIECE)])


@torch.no_grad()
def text_laws(
    lm: MaskedLM, tokens: ArrayLike, reading: Reading = "shown", masking: Masking | None = None
) -> Tensor:
    """What a frozen model predicts at every position of (∅, x); in little memory.

    There are three ways to ask a model for G_i = P[X_i | X_{-i} = x_{-i}]:

    - 'shown': one pass over (∅, x), with all words in sight, as in the paper's released code. In an exact
      model that is G_i, as it leaves the position itself out. A transformer does not: at a position that
      shows its word it sees it. If it was trained with blanks only, its output there was never trained.
    - 'blanked': G_i by its definition, x_i being hidden behind a blank when it is asked for. As many passes
      as there are positions.
    - 'read off': what is shown, with what the word itself says taken out. A model trained under a masking
      which leaves a chosen word as it is with probability κ, and replaces it by one drawn uniformly from V
      with probability r, learns to show (κ·1[v = x_i] + r/V)·G_i(v) at words, up to a factor; so the output
      is divided by the first factor. Where the model is sure of its word, little of G_i is left to read.

    Args:
        lm: The language model.
        tokens: Texts x, integers 0 … V − 1, shape (n, time).
        reading: One of the above.
        masking: What the model was trained under; for 'read off' only.

    Returns:
        Token laws, on the model's device, shape (n, 1 + time, V).

    Raises:
        TypeError: The tokens are not integers.
        ValueError: Wrong shapes, a token out of range, what the model does not accept, an unknown reading,
            or a masking that is missing, not called for, or never shows a random word.
    """
    check_reading(reading, masking)
    seen = prepend_mask(lm, tokens)
    with frozen(lm):
        return torch.cat([_piece_laws(lm, piece, reading, masking) for piece in seen.split(_PIECE)])


def check_reading(reading: Reading, masking: Masking | None) -> None:
    """Check that a reading exists and can do with the masking.

    Args:
        reading: The reading.
        masking: The masking, or None.

    Raises:
        ValueError: It does not exist, or the masking does not suit it.
    """
    if reading not in get_args(Reading):
        raise ValueError(f"reading: expected one of {get_args(Reading)}, got {reading!r}")
    if (masking is None) == (reading == "read off"):
        expected = "the Masking of the model's training" if masking is None else "None"
        raise ValueError(f"masking: expected {expected} for reading={reading!r}, got {masking!r}")
    if masking is not None and masking.random == 0:
        raise ValueError(
            f"masking: a model trained under {masking!r} never saw a random word in place of one to predict, "
            "and has learnt nothing to be read off at words; expected random > 0"
        )


def _piece_laws(lm: MaskedLM, seen: Tensor, reading: Reading, masking: Masking | None) -> Tensor:
    laws = lm.token_probs(lm.embed(seen)).clone()  # not a view, which could not be written to
    if reading == "blanked":
        for i in range(1, seen.shape[1]):
            hidden = seen.clone()
            hidden[:, i] = lm.mask_token
            laws[:, i] = lm.token_probs(lm.embed(hidden))[:, i]
    if masking is not None:
        words = seen[:, 1:, None].to(laws.device) == torch.arange(lm.n_tokens, device=laws.device)
        kept = max(0.0, 1 - masking.blank - masking.random)
        # In single precision, whatever torch's default is.
        weights = laws[:, 1:] / (kept * words.float() + masking.random / lm.n_tokens)
        laws[:, 1:] = weights / weights.sum(-1, keepdim=True)
    return laws
