"""The best prompt made of real tokens, each string being judged by the best head for it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_positive_int
from hmmlib._display import compact_repr, fields_html
from hmmlib._texts import check_tokens
from hmmlib.heads import LinearHead, logistic_head
from hmmlib.heads.logistic import check_binary_labels, check_penalty
from hmmlib.lm import MaskedLM, blank_probs, check_sees_others
from hmmlib.lm.base import check_lm


class HardPromptFit(NamedTuple):
    """A string of tokens and a head, found together.

    Attributes:
        tokens: The string z_1 … z_k.
        head: The best head behind it, by log-loss.
        loss: Mean log-loss on the texts fitted, in nats, without the penalty.
        accuracy: Share of the labels fitted that come out right.
    """

    tokens: tuple[int, ...]
    head: LinearHead
    loss: float
    accuracy: float

    def __repr__(self) -> str:
        return compact_repr(self)

    def _repr_html_(self) -> str:
        return fields_html(self)


def best_hard_prompts(
    lm: MaskedLM,
    tokens: ArrayLike,
    labels: ArrayLike,
    *,
    length: int,
    width: int | None = None,
    l2: float = 1e-8,
) -> list[HardPromptFit]:
    """The best string of each length up to a limit, by the log-loss of the best head behind it.

    Strings grow at the *front*: what stands next to the blank acts the most, and a string's suffixes are what
    the next longer strings are made from. Without `width` all V^k strings are tried, and the result is the
    optimum; with it, only the best so many of each length are kept (beam search; greedy for 1).

    Args:
        lm: The frozen language model, whose `embed` says what a token is to it.
        tokens: Texts x, integers 0 … V − 1, shape (n, time).
        labels: 0 or 1, integers, shape (n,).
        length: Number k of tokens of the longest string, ≥ 0.
        width: Number of strings of each length that are made longer, ≥ 1; all by default.
        l2: Weight of the penalty on heads, ≥ 0, as for `hmmlib.heads.logistic_head`.

    Returns:
        The best string for each length 0 … k that some text can follow; of equals, the first in the order of
        the tokens. Strings that some text cannot follow are left out; where that leaves none, the list ends.

    Raises:
        TypeError: Not a language model, or tokens or labels that are not integers.
        ValueError: Shapes that do not fit, a token out of range, a label that is neither 0 nor 1, a number
            too small, or a causal model.
    """
    check_lm(lm)
    check_sees_others(lm, "a head at the blank before a text")
    texts = check_tokens(tokens, lm.n_tokens, advice="")
    classes = check_binary_labels(labels, len(texts))
    length, l2 = check_positive_int(length, "length", 0), check_penalty(l2)
    width = None if width is None else check_positive_int(width, "width")
    kept, best = [_fit(lm, (), texts, classes, l2)], []
    for size in range(length + 1):
        if size:
            longer = sorted((token, *fit.tokens) for fit in kept for token in range(lm.n_tokens))
            kept = [_fit(lm, string, texts, classes, l2) for string in longer if _possible(lm, string, texts)]
        if not kept:
            break
        kept = sorted(kept, key=lambda fit: fit.loss)[:width]
        best.append(kept[0])
    return best


def _fit(lm: MaskedLM, string: tuple[int, ...], texts: Tensor, labels: Tensor, l2: float) -> HardPromptFit:
    found = logistic_head(_shown(lm, string, texts), labels, l2=l2)
    return HardPromptFit(string, found.head, found.loss, found.accuracy)


def _shown(lm: MaskedLM, string: tuple[int, ...], texts: Tensor) -> Tensor:
    with torch.no_grad():
        return blank_probs(lm, texts, lm.embed(torch.tensor([string]))[0] if string else None)


def _possible(lm: MaskedLM, string: tuple[int, ...], texts: Tensor) -> bool:
    """Whether all texts can follow the string; an exact model refuses what cannot occur."""
    try:
        _shown(lm, string, texts)
    except ValueError:
        return False
    return True
