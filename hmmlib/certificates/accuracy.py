"""How many labels can the best linear head get right? Bounds from both sides, exact for small sets."""

from __future__ import annotations

import ctypes
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy
import torch

from hmmlib._checks import ArrayLike, check_positive, check_positive_int
from hmmlib._display import compact_repr, fields_html
from hmmlib.certificates._labelled import check_labelled, tensor_like
from hmmlib.certificates.separation import largest_margin
from hmmlib.heads import LinearHead, logistic_head
from hmmlib.heads.logistic import whitening_map

# Rounds of line searches over all coordinates; few are ever needed.
_MOST_ROUNDS = 50
# What scipy.optimize.milp says if there is no solution.
_INFEASIBLE = 2


@dataclass(frozen=True)
class BestAccuracy:
    """Bounds on the share of labels that the best linear head gets right.

    Attributes:
        lower: What `head` gets right, found by applying it.
        upper: No head gets more right (for the small print, see `best_accuracy`); at least `lower`.
        head: The best head found, with weights of shape (V,).
    """

    lower: float
    upper: float
    head: LinearHead

    __repr__ = compact_repr
    _repr_html_ = fields_html

    @property
    def exact(self) -> bool:
        """Whether the two bounds agree."""
        return self.lower == self.upper


def best_accuracy(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    exact_up_to: int = 60,
    time_limit: float = 60.0,
    margin: float = 1e-5,
) -> BestAccuracy:
    """Bound the accuracy of the best linear head on a finite set of texts.

    From below: the optimum of logistic regression, which minimises another loss; the head of largest margin;
    and a search along each coordinate in turn for the exact best accuracy on that line. From above: texts
    that look alike and have different labels cost every head an error, and for small sets a mixed-integer
    program counts the fewest errors, with one yes-or-no variable for each distinct row.

    All is done in whitened coordinates z of the features (see `whitening_map` of `hmmlib.heads.logistic`). A
    solver
    works to absolute tolerances, and token distributions of nearly deterministic machines differ from one
    another by far less; scaled by how much they vary in each direction, they differ by about one. (Directions
    below 1e-12 of the largest are dropped as rounding noise.)

    A solver cannot tell a tiny positive value from zero, so the program counts a label only if the head
    aᵀz with |a_j| ≤ 1 is on the right side by `margin` times the largest value |aᵀz| that any such head
    gives to that row. Hence an `upper` from the program does not rule out a head whose extra right answers
    have margins below that; one from rows that look alike holds without such conditions. `lower` has no
    small print, and counts the value zero as class 1, as `LinearHead` does.

    Args:
        features: What a head reads of each text, e.g. from `blank_probs`, shape (n, V).
        labels: Classes 0 or 1, integers, shape (n,).
        exact_up_to: Solve the integer program for at most this many distinct rows, ≥ 0. Its time may double
            with every few more.
        time_limit: Seconds after which the solver stops with the bound it has; results then depend on the
            machine.
        margin: What a counted label needs, in (0, 0.1]; HiGHS cannot see less than about 1e-6.

    Returns:
        The bounds, with the best head found in float64.

    Raises:
        TypeError: The features are not real numbers, or the labels not integers.
        ValueError: Shapes that do not fit, a feature that is not finite, another label, or an option out of
            range.
    """
    table, classes = check_labelled(features, labels)
    exact_up_to = check_positive_int(exact_up_to, "exact_up_to", 0)
    time_limit = check_positive(time_limit, "time_limit")
    margin = check_positive(margin, "margin")
    if margin > 0.1:
        raise ValueError(f"margin: expected a number in (0, 0.1], got {margin}")
    rows, counts = _merge(table, classes)
    unavoidable = int(counts.min(1).sum())
    whitening = whitening_map(table)

    white = _unit_rows(rows @ whitening)
    best, errors = np.zeros(table.shape[1]), int(counts[:, 0].sum())  # the head of zeros answers 1
    for head in _heads(table, classes, white, counts[:, 1] - counts[:, 0], whitening):
        if (found := _errors(head, table, classes)) < errors:
            best, errors = head, found
        if errors == unavoidable:
            break
    fewest = unavoidable
    if errors > unavoidable and len(rows) <= exact_up_to:
        program = _fewest_errors(white, counts, errors, time_limit, margin)
        if program.weights is not None:
            head = whitening @ program.weights
            if (found := _errors(head, table, classes)) < errors:
                best, errors = head, found
        fewest = min(program.fewest, errors)
    n_texts = len(classes)
    return BestAccuracy(
        lower=(n_texts - errors) / n_texts,
        upper=(n_texts - fewest) / n_texts,
        head=LinearHead(tensor_like(best, features)),
    )


def _merge(table: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows, (m, V), and how many texts of each class look like that, (m, 2)."""
    rows, which = np.unique(table, axis=0, return_inverse=True)
    counts = np.zeros((len(rows), 2), dtype=np.int64)
    np.add.at(counts, (which.reshape(-1), classes), 1)
    return rows, counts


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    """Rows scaled to ‖z‖₁ = 1, the largest |aᵀz| over |a_j| ≤ 1; no label changes. Rows of zeros stay."""
    sizes = np.abs(rows).sum(1, keepdims=True)
    return np.divide(rows, sizes, out=np.zeros_like(rows), where=sizes > 0)


def _errors(head: np.ndarray, table: np.ndarray, classes: np.ndarray) -> int:
    answers = LinearHead(torch.from_numpy(head)).labels(torch.from_numpy(table)).numpy()
    return int((answers != classes).sum())


def _heads(
    table: np.ndarray, classes: np.ndarray, white: np.ndarray, gains: np.ndarray, whitening: np.ndarray
) -> Iterator[np.ndarray]:
    """Heads that may be good, from the cheapest on, each of shape (V,).

    Args:
        table: Features, shape (n, V).
        classes: Labels, shape (n,).
        white: Whitened distinct rows, shape (m, rank).
        gains: What the answer 1 gains over the answer 0 on each distinct row, in texts, shape (m,).
        whitening: The map from features to whitened rows, shape (V, rank).

    Yields:
        Weights, shape (V,).
    """
    ones = np.ones(table.shape[1])
    yield from (ones, -ones)  # on token distributions, class 1 and class 0 for all
    if not white.any():
        return
    logistic = logistic_head(table, classes).head.weights.numpy()
    yield logistic
    # Over the texts, whitened coordinates are orthogonal and of mean square one.
    start = (table @ whitening).T @ (table @ logistic) / len(table)
    yield whitening @ _line_searches(white, gains, start)
    decided = gains != 0
    signed = white[decided] * np.sign(gains[decided])[:, None]
    yield whitening @ largest_margin(signed, 1e-9).weights


def _line_searches(rows: np.ndarray, gains: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Change one weight at a time to the value that gets most labels right, until none helps.

    Along a line a row's answer changes once, where its value changes sign, so that sorting these places
    gives the number of right answers everywhere on the line.
    """
    weights = weights.copy()
    best = gains[rows @ weights >= 0].sum()
    for _ in range(_MOST_ROUNDS):
        before = best
        for axis in range(rows.shape[1]):
            slopes = rows[:, axis]
            moving = slopes != 0
            if not moving.any():
                continue
            values = rows @ weights
            places = -values[moving] / slopes[moving]
            order = np.argsort(places)
            # Far to the left the rows of negative slope have positive values.
            start = gains[~moving & (values >= 0)].sum() + gains[slopes < 0].sum()
            steps = (np.sign(slopes[moving]) * gains[moving])[order]
            right = start + np.append(0, steps.cumsum())
            ends = np.concatenate([[places.min() - 1], places[order], [places.max() + 1]])
            # Between two places that rounding cannot tell apart there is nowhere to stand.
            wide = np.diff(ends) > 1e-9 * (1 + np.abs(ends[1:]))
            score = np.where(wide, right, -len(rows) * np.abs(gains).max() - 1)
            if score.max() > best:
                place = int(score.argmax())
                weights[axis] += (ends[place] + ends[place + 1]) / 2
                weights /= np.abs(weights).max() or 1.0
                best = score[place]
        if best == before:
            break
    return weights


class _Program(NamedTuple):
    """What the integer program found: weights, if any, and a lower bound on the errors of every head."""

    weights: np.ndarray | None
    fewest: int


def _fewest_errors(
    rows: np.ndarray, counts: np.ndarray, known: int, time_limit: float, margin: float
) -> _Program:
    """Minimise errors Σ_k w_k e_k, e_k ∈ {0, 1}, subject to y_k aᵀz_k + (1 + margin) e_k ≥ margin.

    As |aᵀz_k| ≤ 1, a row with e_k = 1 is free. Its class is that of most texts that look like it, and w_k
    the majority; the minority is wrong anyway.

    Args:
        rows: Unit rows z_k, shape (m, rank).
        counts: Texts of class 0 and 1 that look like each row, shape (m, 2).
        known: Errors of the best head so far. Only better ones are looked for, which prunes the search;
            if there are none, it is the best.
        time_limit: In seconds.
        margin: As for `best_accuracy`.

    Returns:
        The outcome; without weights if no better head was found.
    """
    unavoidable = int(counts.min(1).sum())
    gains = counts[:, 1] - counts[:, 0]
    # Ties cost the same either way; a row of zeros is answered 1 by every head, which is right if gains > 0.
    matters = (gains != 0) & ((gains < 0) | rows.any(1))
    signed, weights = (rows * np.sign(gains)[:, None])[matters], np.abs(gains[matters])
    (n_rows, size) = signed.shape
    slack = (1 + margin) * np.eye(n_rows)
    objective = np.append(np.zeros(size), weights)
    with _quiet():
        found = scipy.optimize.milp(
            objective,
            integrality=np.append(np.zeros(size), np.ones(n_rows)),
            bounds=scipy.optimize.Bounds(np.append(-np.ones(size), np.zeros(n_rows)), np.ones(size + n_rows)),
            constraints=[
                scipy.optimize.LinearConstraint(np.hstack([signed, slack]), margin, np.inf),
                scipy.optimize.LinearConstraint(objective[None], -np.inf, known - unavoidable - 1),
            ],
            options={"time_limit": time_limit, "mip_rel_gap": 0.0},
        )
    if found.status == _INFEASIBLE:
        return _Program(None, known)
    bound = found.mip_dual_bound
    # Errors come in whole numbers, so a bound just above one means the next.
    extra = math.ceil(bound - 1e-6) if bound is not None and math.isfinite(bound) else 0
    return _Program(None if found.x is None else found.x[:size], unavoidable + max(extra, 0))


@contextmanager
def _quiet() -> Iterator[None]:
    """Send what compiled code writes to standard output nowhere.

    Some versions of HiGHS write a line of debugging output for some integer programs, whatever their options
    say, past Python's `sys.stdout`.
    """
    _flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        _flush()  # what is still in a buffer must go nowhere too
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _flush() -> None:
    sys.stdout.flush()
    if os.name == "posix":
        ctypes.CDLL(None).fflush(None)
