"""What a head is shown of a text: the blank's distribution alone, or the distributions at its words."""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor

from hmmlib._checks import ArrayLike, check_positive_int
from hmmlib._texts import check_tokens
from hmmlib.lm._unchecked import after_prompt, at_blank, no_prompt
from hmmlib.lm.base import MaskedLM, check_lm, check_prompt, check_sees_others
from hmmlib.lm.masking import Masking

Reading = Literal["shown", "blanked", "read off"]


def blank_probs(lm: MaskedLM, tokens: ArrayLike, prompt: ArrayLike | None = None) -> Tensor:
    """What the model shows at the blank of (∅, x), or with a prompt at that of (u_1, …, u_k, ∅, x).

    Of the empty text that is what it expects before it has read anything; in the exact model, W π₀.
    Where no gradients are kept it works in pieces, in little memory.

    Args:
        lm: The language model, used as it is: a network in training mode has its dropout.
        tokens: Texts x, integers 0 … V − 1, shape (batch, time); time may be 0.
        prompt: Soft prompt, shape (k, embedding_dim); none by default.

    Returns:
        Token distributions Ḡ_∅, on the model's device, shape (batch, V).

    Raises:
        TypeError: The tokens are not integers, or the prompt is no array of numbers.
        ValueError: Wrong shapes, a token out of range, what the model does not accept, or a model that is
            causal, to which the text is unknown at that blank.
    """
    check_sees_others(lm, "the blank before a text")
    texts = check_tokens(tokens, lm.n_tokens, advice="", empty=True)
    return at_blank(lm, texts, _vectors(lm, prompt))


def text_probs(
    lm: MaskedLM,
    tokens: ArrayLike,
    prompt: ArrayLike | None = None,
    n_blanks: int = 1,
    *,
    reading: Reading = "shown",
    masking: Masking | None = None,
    with_blanks: bool = False,
) -> Tensor:
    """What the model shows at the words of a text that is led by a prompt and blanks.

    There are three ways to ask a model for G_i = P[X_i | X_{-i} = x_{-i}]:

    - 'shown': one pass, with all words in sight, as in the paper's released code. In an exact model that is
      G_i, as it leaves the position itself out. A transformer does not: at a position that shows its word it
      sees it. If it was trained with blanks only, its output there was never trained.
    - 'blanked': G_i by its definition, x_i being hidden behind a blank when it is asked for. As many passes
      as there are positions.
    - 'read off': what is shown, with what the word itself says taken out. A model trained under a masking
      which leaves a chosen word as it is with probability κ, and replaces it by one drawn uniformly from V
      with probability r, learns to show (κ·1[v = x_i] + r/V)·G_i(v) at words, up to a factor; so the output
      is divided by the first factor. Where the model is sure of its word, little of G_i is left to read.

    Where no gradients are kept it works in pieces, in little memory.

    Args:
        lm: The language model, used as it is: a network in training mode has its dropout.
        tokens: Texts x, integers 0 … V − 1, shape (batch, time).
        prompt: Soft prompt, shape (k, embedding_dim); none by default.
        n_blanks: Number of blanks between prompt and text, ≥ 0.
        reading: One of the above.
        masking: What the model was trained under; for 'read off' only.
        with_blanks: Whether the distributions at the blanks are wanted too, before those at the words.

    Returns:
        Token distributions Ḡ_i, on the model's device, shape (batch, time, V), or (batch, n_blanks + time, V)
        with those at the blanks.

    Raises:
        TypeError: The tokens are not integers, or the prompt is no array of numbers.
        ValueError: Wrong shapes, a token out of range, what the model does not accept, an unknown reading,
            or a masking that is missing, not called for, or never shows a random word.
    """
    check_lm(lm)
    check_reading(reading, masking)
    texts = check_tokens(tokens, lm.n_tokens, advice="")
    count = check_positive_int(n_blanks, "n_blanks", 0)
    probs = after_prompt(lm, texts, _vectors(lm, prompt), count, reading == "blanked", masking)
    return probs if with_blanks else probs[:, count:]


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


def _vectors(lm: MaskedLM, prompt: ArrayLike | None) -> Tensor:
    return no_prompt(lm) if prompt is None else check_prompt(prompt, lm.embedding_dim)
