"""Checks of texts as they come in: tokens, embeddings, masks and lengths, at the door."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, as_tensor, check_integers, check_tensor


def check_text_shape(tokens: ArrayLike, *, empty: bool = False) -> tuple[int, int]:
    """Return the shape (batch, time) of `tokens`, whatever they hold.

    Args:
        tokens: Integers, shape (batch, time).
        empty: Whether texts may have no tokens, as where a blank is put before them.

    Returns:
        The shape.

    Raises:
        TypeError: The tokens are no array of numbers.
        ValueError: Another number of axes, an empty batch, or texts of no tokens where there have to be some.
    """
    batch, time = _text_tensor(tokens, empty).shape
    return batch, time


def _text_tensor(tokens: ArrayLike, empty: bool = False, name: str = "tokens") -> Tensor:
    found = as_tensor(tokens, name, "integers of shape (batch, time)")
    if found.ndim != 2:
        hint = f"; for a single sequence pass {name}[None]" if found.ndim == 1 else ""
        raise ValueError(f"{name}: expected shape (batch, time), got {tuple(found.shape)}{hint}")
    if empty and len(found) and not found.shape[1]:
        return found.long()  # of `[[]]` no type can be told
    if 0 in found.shape:
        least = "one sequence" if empty else "one sequence and one position"
        raise ValueError(f"{name}: expected at least {least}, got shape {tuple(found.shape)}")
    return found


def check_tokens(
    tokens: ArrayLike,
    n_tokens: int,
    read: Tensor | None = None,
    advice: str = "leave a position blank with observed=False",
    *,
    empty: bool = False,
    name: str = "tokens",
) -> Tensor:
    """Return `tokens` as an int64 tensor (batch, time) with every token that is read in range.

    Args:
        tokens: Integers, shape (batch, time).
        n_tokens: Size of the vocabulary; tokens are 0, …, n_tokens − 1.
        read: Boolean (batch, time); where False the entry is never read and may hold anything.
        advice: How to write a blank in the function called, for the message; may be empty.
        empty: Whether texts may have no tokens, as where a blank is put before them.
        name: The argument's name, for the message.

    Returns:
        int64 tensor, shape (batch, time); entries that are not read are 0.

    Raises:
        TypeError: The tokens are not integers.
        ValueError: Wrong shape, empty batch, or a token out of range.
    """
    found = check_integers(_text_tensor(tokens, empty, name), name)
    if read is not None:
        found = torch.where(read.to(found.device), found, 0)
    bad = (found < 0) | (found >= n_tokens)
    if bad.any():
        row, position = (int(i) for i in bad.nonzero()[0])
        raise ValueError(
            f"{name}: sequence {row}, position {position} holds {int(found[row, position])}; expected 0 … "
            f"{n_tokens - 1}" + (f" ({advice})" if advice else "")
        )
    return found


def check_words(words: ArrayLike, n_words: int, name: str, columns: int | None = None) -> Tensor:
    """Return words as int64, or raise.

    Args:
        words: The words, shape (n, columns).
        n_words: How many there are.
        name: The argument's name, for the message.
        columns: How many in a row; any number if not given.

    Returns:
        The words.

    Raises:
        TypeError: No integers.
        ValueError: None, another shape, or a word out of range; the message names the row.
    """
    shape = f"(n, {columns or 'L'})"
    found = as_tensor(words, name, f"words, integers of shape {shape}")
    if found.ndim != 2 or 0 in found.shape or columns not in (None, found.shape[1]):
        raise ValueError(f"{name}: expected words of shape {shape}, got {tuple(found.shape)}")
    found = check_integers(found, name)
    wrong = ((found < 0) | (found >= n_words)).nonzero()
    if len(wrong):
        row, place = wrong[0].tolist()
        raise ValueError(f"{name}: expected words 0 … {n_words - 1}, row {row} has {int(found[row, place])}")
    return found


def check_embeddings(embeddings: Tensor, size: int) -> None:
    """Raise unless `embeddings` are real numbers of shape (batch, time, size), at least one of each."""
    check_tensor(embeddings, "embeddings")
    if embeddings.ndim != 3 or embeddings.shape[-1] != size or 0 in embeddings.shape:
        raise ValueError(f"embeddings: expected shape (batch, time, {size}), got {tuple(embeddings.shape)}")


def check_observed(observed: ArrayLike | None, shape: tuple[int, int], device: torch.device) -> Tensor | None:
    """Return the mask as a boolean tensor of the given shape, or None when none was given."""
    if observed is None:
        return None
    mask = as_tensor(observed, "observed", f"booleans of shape {shape}")
    if mask.dtype != torch.bool:
        raise TypeError(f"observed: expected booleans (True = observed), got {mask.dtype}")
    if mask.shape != shape:
        raise ValueError(f"observed: expected shape {shape} as of the sequences, got {tuple(mask.shape)}")
    return mask.to(device)


def check_lengths(lengths: ArrayLike | None, shape: tuple[int, int], device: torch.device) -> Tensor | None:
    """Return the lengths as an int64 tensor (batch,), each in 1 … time, or None when none were given."""
    if lengths is None:
        return None
    batch, time = shape
    found = check_integers(as_tensor(lengths, "lengths", f"integers of shape ({batch},)"), "lengths")
    if found.shape != (batch,):
        raise ValueError(f"lengths: expected shape ({batch},), one per sequence, got {tuple(found.shape)}")
    bad = (found < 1) | (found > time)
    if bad.any():
        row = int(bad.nonzero()[0])
        raise ValueError(f"lengths: sequence {row} has length {int(found[row])}; expected 1 … {time}")
    return found.to(device)
