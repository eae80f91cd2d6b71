"""Small HMMs in fractions: inference with no rounding, for checks without a tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from hmmlib._checks import check_kind, check_positive_int
from hmmlib.hmm.memory import MemoryHMM
from hmmlib.hmm.vanilla import HMM


class RationalHMM:
    """An HMM whose probabilities are fractions, read over one text at a time.

    Everything is an array of `fractions.Fraction` objects, on which ``@``, ``+`` and ``*`` are exact. Time
    and memory grow with the digits of the numbers: it is for a few states and texts of a few tokens.

    A text is read with a blank in front, (∅, x_1, …, x_T): position 0 is the blank.

    Example:
        >>> from hmmlib.hmm import RationalHMM, review_hmm
        >>> reviews = RationalHMM(review_hmm())
        >>> [str(p) for p in reviews.leave_one_out([1], 0)]  # P[H_0 | great]
        ['2/5', '3/7', '6/35']

    Args:
        model: The model; a `MemoryHMM` is flattened, its states are (content, cell, syntax) as in
            `MemoryHMM.flatten`.
        denominator: Each probability is taken for the nearest fraction with at most this denominator, ≥ 1.

    Raises:
        TypeError: `model` is no HMM, or `denominator` no integer.
        ValueError: `denominator` is below 1, or some probabilities, so rounded, do not sum to one.
    """

    initial: np.ndarray
    """π₀, shape (H,)."""
    transition: np.ndarray
    """A, whose columns sum to one as in the paper, shape (H, H)."""
    emission: np.ndarray
    """W, whose columns sum to one as in the paper, shape (V, H)."""

    def __init__(self, model: HMM | MemoryHMM, denominator: int = 1000) -> None:
        check_kind(model, (HMM, MemoryHMM), "model", "an HMM or a MemoryHMM")
        most = check_positive_int(denominator, "denominator")
        flat = model.flatten() if isinstance(model, MemoryHMM) else model
        self.initial = _fractions(flat.initial.tolist(), most, "initial")
        self.transition = _fractions(flat.transition.tolist(), most, "transition").T
        self.emission = _fractions(flat.emission.tolist(), most, "emission").T

    def __repr__(self) -> str:
        return f"RationalHMM(n_states={len(self.initial)}, n_tokens={len(self.emission)})"

    def likelihoods(self, tokens: Sequence[int]) -> np.ndarray:
        """L(x), the probability of a text given the state under the blank.

        Args:
            tokens: The text x_1 … x_T, integers 0 … V − 1; it may be empty.

        Returns:
            Fractions P[x | H_0 = h], shape (H,).

        Raises:
            TypeError: A token is not an integer.
            ValueError: A token is out of range.
        """
        return self._after(self._checked(tokens))

    def leave_one_out(
        self, tokens: Sequence[int], position: int, prior: np.ndarray | None = None
    ) -> np.ndarray:
        """P[H_i | x_{-i}], the state at a position of (∅, x) given all tokens but its own.

        Args:
            tokens: The text x_1 … x_T, integers 0 … V − 1; it may be empty.
            position: i, from 0, the blank, to T.
            prior: Weights of the states under the blank, ≥ 0, in place of π₀: what a prompt makes of them.

        Returns:
            Fractions that sum to one, shape (H,).

        Raises:
            TypeError: A token or the position is not an integer, or a weight of the prior no exact number.
            ValueError: A token or the position is out of range, the prior has another shape or a negative
                weight, or the other tokens cannot occur.
        """
        text = self._checked(tokens)
        if isinstance(position, bool) or not isinstance(position, int | np.integer):
            raise TypeError(f"position: expected an integer, got {position!r}")
        if not 0 <= position <= len(text):
            raise ValueError(f"position: expected 0 … {len(text)}, got {position}")
        state = self.initial if prior is None else self._weights(prior)
        for token in text[: max(position - 1, 0)]:
            state = (self.transition @ state) * self.emission[token]
        if position > 0:
            state = self.transition @ state
        weights = state * self._after(text[position:])
        total = weights.sum()
        if total == 0:
            raise ValueError(f"tokens: {list(text)} without position {position} cannot occur")
        found: np.ndarray = weights / total
        return found

    def _after(self, text: Sequence[int]) -> np.ndarray:
        weights: np.ndarray = np.array([Fraction(1)] * len(self.initial), dtype=object)
        for token in reversed(text):
            weights = self.transition.T @ (self.emission[token] * weights)
        return weights

    def _weights(self, prior: np.ndarray) -> np.ndarray:
        weights: np.ndarray = np.asarray(prior, dtype=object)
        if weights.shape != self.initial.shape:
            raise ValueError(f"prior: expected shape {self.initial.shape}, got {weights.shape}")
        for state, weight in enumerate(weights.tolist()):
            if isinstance(weight, bool) or not isinstance(weight, Fraction | int):
                raise TypeError(f"prior[{state}]: expected a fraction or an integer, got {weight!r}")
            if weight < 0:
                raise ValueError(f"prior[{state}]: expected a weight ≥ 0, got {weight}")
        return weights

    def _checked(self, tokens: Sequence[int]) -> list[int]:
        text = list(tokens)
        for token in text:
            if isinstance(token, bool) or not isinstance(token, int | np.integer):
                raise TypeError(f"tokens: expected integers, got {token!r}")
            if not 0 <= token < len(self.emission):
                raise ValueError(f"tokens: expected 0 … {len(self.emission) - 1}, got {token}")
        return [int(token) for token in text]


def _fractions(table: list[float] | list[list[float]], most: int, name: str) -> np.ndarray:
    """The nearest fractions, whose rows have to sum to one."""
    values = np.array(table, dtype=float)
    flat = [Fraction(value).limit_denominator(most) for value in values.ravel().tolist()]
    rows: np.ndarray = np.array(flat, dtype=object).reshape(values.shape)
    sums = np.atleast_1d(rows.sum(-1))
    for number, total in enumerate(sums.tolist()):
        if total != 1:
            where = f"{name}[{number}]" if values.ndim > 1 else name
            raise ValueError(
                f"denominator: with at most {most}, {where} sums to {total} and not to 1; "
                "expected probabilities that are such fractions"
            )
    return rows
