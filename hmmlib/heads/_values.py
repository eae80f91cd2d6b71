"""What linear and attention heads share: values from weights, labels from values."""

from __future__ import annotations

from torch import Tensor


def labels_of(values: Tensor, binary: bool) -> Tensor:
    """Labels from a head's values.

    A tie goes to class 1 where one value decides, as 1(0 ≥ 0) = 1 in the paper, and to the first of the
    classes where each has a value: two rows (−b/2, b/2) answer a tie with 0, the one row b with 1.

    Args:
        values: Shape (…) if binary, else (…, n_classes).
        binary: Whether the sign decides, zero counting as class 1 as in the paper; else the largest value,
            the first of several.

    Returns:
        Classes, int64, shape (…).
    """
    return (values >= 0).long() if binary else values.argmax(-1)


def apply_weights(weights: Tensor, inputs: Tensor) -> Tensor:
    """Values (…) under weights (n,), or (…, n_classes) under one row per class."""
    return inputs @ (weights if weights.ndim == 1 else weights.mT)


def check_probs(probs: Tensor, n_tokens: int, weights: Tensor) -> Tensor:
    """Check token distributions, in any type of real numbers.

    Args:
        probs: Shape (…, V).
        n_tokens: V.
        weights: The head's, which give number type and device.

    Returns:
        The distributions, in the type and on the device of the weights.

    Raises:
        TypeError: They are not a tensor of real numbers.
        ValueError: They are not over V tokens.
    """
    if not isinstance(probs, Tensor) or not probs.is_floating_point():
        kind = probs.dtype if isinstance(probs, Tensor) else type(probs).__name__
        raise TypeError(f"probs: expected a tensor of real numbers, got {kind}")
    if probs.shape[-1:] != (n_tokens,):
        raise ValueError(
            f"probs: expected distributions over {n_tokens} tokens, got shape {tuple(probs.shape)}"
        )
    return probs.to(weights)


def check_parts(**parts: Tensor | None) -> None:
    """Check that the parts of a head are tensors of real numbers.

    Args:
        **parts: By their names; None is left out of 'embeddings' alone.

    Raises:
        TypeError: One is something else.
    """
    for name, part in parts.items():
        optional = name == "embeddings" and part is None
        if not optional and not (isinstance(part, Tensor) and part.is_floating_point()):
            kind = part.dtype if isinstance(part, Tensor) else type(part).__name__
            raise TypeError(f"{name}: expected a tensor of real numbers, got {kind}")


def check_one_type(**parts: Tensor | None) -> None:
    """Check that the parts of a head are of one number type.

    Args:
        **parts: By their names; None is left out.

    Raises:
        TypeError: One is of another type than the first.
    """
    first, *rest = ((name, part.dtype) for name, part in parts.items() if part is not None)
    for name, dtype in rest:
        if dtype != first[1]:
            raise TypeError(f"{name}: expected {first[1]} as of {first[0]}, got {dtype}")
