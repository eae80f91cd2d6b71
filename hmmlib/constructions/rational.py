"""Heads in fractions, and texts that prove that there is none, with no rounding."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sympy import Matrix


def rational_head(columns: np.ndarray, wanted: np.ndarray) -> np.ndarray | None:
    """Weights b that read ν off the columns: bᵀW_{:,z} = ν_z for every column z.

    Args:
        columns: The columns of W that are left, fractions, shape (V, n).
        wanted: ν, fractions or integers, shape (n,).

    Returns:
        Fractions b, shape (V,), or None if there are none: ν is not in the row space of the columns. Where
        there are many, those that are zero wherever the equations leave a choice.

    Raises:
        TypeError: An entry is no fraction and no integer.
        ValueError: The shapes do not fit.
    """
    table, values = _matrix(columns, "columns", 2), _matrix(wanted, "wanted", 1)
    if table.cols != values.rows:
        raise ValueError(f"wanted: expected {table.cols} entries, one for each column, got {values.rows}")
    try:
        solution, free = table.T.gauss_jordan_solve(values)
    except ValueError:  # sympy: the equations contradict one another
        return None
    return _fractions(solution.subs(dict.fromkeys(free, 0)))


def two_bundles(predictions: np.ndarray, margins: np.ndarray) -> np.ndarray | None:
    """Texts that show that no linear head reproduces the margins: equal on average, with other margins.

    The weights c have sum zero: what is positive is one bundle of texts, what is negative another. On average
    over either the model predicts the same, and the margins differ.

    Args:
        predictions: What the model shows for each text, fractions, shape (n, V).
        margins: Of each text, or any other number that the head shall give, fractions, shape (n,).

    Returns:
        Fractions c, shape (n,), with Σ c_k G(x_k) = 0 and Σ c_k margin_k = 1, or None if a head gives these
        texts their margins.

    Raises:
        TypeError: An entry is no fraction and no integer.
        ValueError: The shapes do not fit.
    """
    table, values = _matrix(predictions, "predictions", 2), _matrix(margins, "margins", 1)
    if table.rows != values.rows:
        raise ValueError(f"margins: expected {table.rows} entries, one for each text, got {values.rows}")
    for null in table.T.nullspace():
        apart = (null.T * values)[0]
        if apart != 0:
            return _fractions(null / apart)
    return None


def _matrix(table: np.ndarray, name: str, dimensions: int) -> Matrix:
    """A matrix of sympy from an array of fractions; a vector becomes a column."""
    array: np.ndarray = np.asarray(table, dtype=object)
    if array.ndim != dimensions or 0 in array.shape:
        raise ValueError(f"{name}: expected {dimensions} dimensions and entries, got shape {array.shape}")
    from sympy import Rational, zeros  # here, as it takes as long as the rest of hmmlib

    if dimensions == 1:
        array = array[:, None]
    found = zeros(*array.shape)
    for (row, column), entry in np.ndenumerate(array):
        if isinstance(entry, bool) or not isinstance(entry, Fraction | int):
            raise TypeError(f"{name}: expected fractions or integers, got {entry!r}")
        found[row, column] = Rational(entry.numerator, entry.denominator)
    return found


def _fractions(column: Matrix) -> np.ndarray:
    """The entries of a matrix of sympy, one after another."""
    return np.array([Fraction(int(entry.p), int(entry.q)) for entry in column], dtype=object)
