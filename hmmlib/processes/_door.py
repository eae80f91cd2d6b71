"""Checks of what the package's functions are given: texts, how often each comes, and their probabilities."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, as_tensor, check_integers, check_members, real_array
from hmmlib._texts import check_words


def check_texts(tokens: ArrayLike, n_tokens: int, name: str = "tokens") -> Tensor:
    """Return texts as int64, or raise.

    Args:
        tokens: Tokens 0 … n_tokens − 1, of which the last is END, shape (n, L).
        n_tokens: How many there are.
        name: The argument's name, for the message.

    Returns:
        The tokens, on the CPU.

    Raises:
        TypeError: No integers.
        ValueError: Another shape, a token out of range, or one after END; the message names the row.
    """
    found = check_words(tokens, n_tokens, name).cpu()
    ended = found == n_tokens - 1
    wrong = (ended[:, :-1] & ~ended[:, 1:]).nonzero()
    if len(wrong):
        row, place = wrong[0].tolist()
        raise ValueError(
            f"{name}: expected only END ({n_tokens - 1}) after END, row {row} has "
            f"{int(found[row, place + 1])} at {place + 1}"
        )
    return found


def up_to_end(tokens: Tensor, n_tokens: int) -> Tensor:
    """Where checked texts have their tokens, the first END with them, shape (n, L)."""
    ended = tokens == n_tokens - 1
    return ended.cumsum(1) - ended.long() == 0


def check_weights(weights: ArrayLike | None, count: int) -> Tensor:
    """Return how much each text counts, 1 if nothing is given, or raise.

    Args:
        weights: Numbers of at least 0 that are not all 0, shape (n,).
        count: Number n of texts.

    Returns:
        The weights, double precision.

    Raises:
        TypeError: No real numbers.
        ValueError: Another shape, a number that is not finite or below 0, or nothing above 0.
    """
    if weights is None:
        return torch.ones(count, dtype=torch.float64, device="cpu")
    found = real_array(weights, "weights", (count,))
    _check_not_negative(found, "weights")
    if not bool((found > 0).any()):
        raise ValueError("weights: expected one above 0, got none")
    return found


def check_counts(counts: ArrayLike, name: str, count: int) -> Tensor:
    """Return how often each text comes, or raise.

    Args:
        counts: Integers of at least 0 that are not all 0, shape (n,).
        name: The argument's name, for the message.
        count: Number n of texts.

    Returns:
        The counts, int64, on the CPU.

    Raises:
        TypeError: No integers.
        ValueError: Another shape, a number below 0, or nothing above 0.
    """
    found = check_integers(as_tensor(counts, name, "integers"), name).cpu()
    if found.shape != (count,):
        raise ValueError(f"{name}: expected shape ({count},), one per text, got {tuple(found.shape)}")
    _check_not_negative(found, name)
    if not bool(found.any()):
        raise ValueError(f"{name}: expected one above 0, got none")
    return found


def check_probs(probs: ArrayLike, name: str) -> Tensor:
    """Return probabilities of all variants, or raise.

    Args:
        probs: At least 0, with the sum 1, shape (n,).
        name: The argument's name, for the message.

    Returns:
        The probabilities, double precision.

    Raises:
        TypeError: No real numbers.
        ValueError: Another shape, a number that is not finite or below 0, or another sum.
    """
    found = real_array(probs, name, (-1,))
    _check_not_negative(found, name)
    total = float(found.sum())
    if abs(total - 1) > 1e-8:
        raise ValueError(f"{name}: expected the sum 1, got {total:.10g} (to rescale: {name} / {name}.sum())")
    return found


def check_left_out(left_out: ArrayLike, probs: Tensor) -> Tensor:
    """Return which variants are left out, or raise.

    Args:
        left_out: Their numbers, each once, shape (k,).
        probs: Checked probabilities of all variants, shape (n,).

    Returns:
        A mask, shape (n,).

    Raises:
        TypeError: No integers.
        ValueError: None, a number out of range, one that comes twice, or variants of a probability of 0 or 1
            together.
    """
    rows = check_members(left_out, "left_out", len(probs)).cpu()
    mask = torch.zeros(len(probs), dtype=torch.bool, device="cpu")
    mask[rows] = True
    if int(mask.sum()) != len(rows):
        raise ValueError(f"left_out: expected each variant once, got {len(rows)} of which some are the same")
    if not float(probs[mask].sum()) > 0 or not float(probs[~mask].sum()) > 0:
        raise ValueError("left_out: expected some variants of positive probability and not all of them")
    return mask


def _check_not_negative(found: Tensor, name: str) -> None:
    bad = (found < 0).nonzero()
    if len(bad):
        raise ValueError(
            f"{name}: expected numbers of at least 0, entry {int(bad[0])} is {found[bad[0]].item():g}"
        )
