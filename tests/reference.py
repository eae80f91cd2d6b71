"""Independent answers to compare the library with, written from the definitions; nothing of hmmlib is used.

Arrays are numpy's, of one text: evidence is (time, states), the tables are (time, states).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np


class Exact(NamedTuple):
    """What a forward–backward pass should find."""

    filtered: np.ndarray
    smoothed: np.ndarray
    leave_one_out: np.ndarray
    conditionals: np.ndarray
    log_likelihood: float


TABLES = Exact._fields[:4]


def evidence_of(
    emission: np.ndarray, tokens: Sequence[int], observed: Sequence[bool] | None = None
) -> np.ndarray:
    """How well each state explains each token; ones where the token is blank."""
    rows = [
        emission[:, token] if observed is None or observed[t] else np.ones(len(emission))
        for t, token in enumerate(tokens)
    ]
    return np.array(rows)


def corrupted(tokens: np.ndarray, share: float, n_tokens: int, seed: int) -> np.ndarray:
    """The text with that share of its tokens replaced by uniform ones."""
    random = np.random.default_rng(seed)
    return np.where(random.random(tokens.shape) < share, random.integers(n_tokens, size=tokens.shape), tokens)


# --- enumeration of all paths, in rational arithmetic: nothing rounds, nothing underflows ---


def enumerate_paths(
    initial: np.ndarray, transition: np.ndarray, emission: np.ndarray, evidence: np.ndarray
) -> Exact:
    """Every posterior as a sum over all H^T paths."""
    n_states, time = len(initial), len(evidence)
    start, step, rows = _rational(initial), _rational(transition), _rational(evidence)
    paths = []
    for path in product(range(n_states), repeat=time):
        prior = start[path[0]]
        for here, there in pairwise(path):
            prior *= step[here][there]
        if prior:
            paths.append((path, prior, [rows[t][state] for t, state in enumerate(path)]))
    return _sum_over(paths, time, n_states, emission, list(range(n_states)))


def enumerate_memory_paths(
    initial: np.ndarray, transition: np.ndarray, emission: np.ndarray, evidence: np.ndarray
) -> Exact:
    """The same for a memory-augmented HMM: a sum over all contents and all paths of (cell, syntax state).

    Evidence is (time, values, cells, syntax states); flat states are numbered as in ``initial.reshape(-1)``.
    """
    n_values, n_cells, n_syntax, _ = emission.shape
    time = len(evidence)
    start, step, rows = _rational(initial), _rational(transition), _rational(evidence)
    chain = list(product(range(n_cells), range(n_syntax)))
    flat = list(product(*[range(n_values)] * n_cells, range(n_cells), range(n_syntax)))
    index = {state: i for i, state in enumerate(flat)}
    paths = []
    for content in product(range(n_values), repeat=n_cells):
        first = start
        for value in content:
            first = first[value]
        for path in product(chain, repeat=time):
            prior = first[path[0][0]][path[0][1]]
            for (j, s), (k, r) in pairwise(path):
                prior *= step[j * n_syntax + s][k * n_syntax + r]
            if prior:
                seen = [rows[t][content[j]][j][s] for t, (j, s) in enumerate(path)]
                paths.append(([index[(*content, j, s)] for j, s in path], prior, seen))
    columns = [(state[state[-2]], state[-2], state[-1]) for state in flat]
    return _sum_over(paths, time, len(flat), emission, columns)


def _sum_over(paths: list, time: int, n_states: int, emission: np.ndarray, columns: list) -> Exact:
    sums = {kind: [[Fraction(0)] * n_states for _ in range(time)] for kind in TABLES[:3]}
    total = Fraction(0)
    for path, prior, seen in paths:
        upto = [prior]
        for value in seen:
            upto.append(upto[-1] * value)
        after = [Fraction(1)]
        for value in reversed(seen):
            after.append(after[-1] * value)
        total += upto[-1]
        for t, state in enumerate(path):
            sums["filtered"][t][state] += upto[t + 1]
            sums["smoothed"][t][state] += upto[-1]
            sums["leave_one_out"][t][state] += upto[t] * after[time - 1 - t]
    tables = {
        kind: np.array([[float(p / sum(row)) for p in row] for row in table]) for kind, table in sums.items()
    }
    conditionals = tables["leave_one_out"] @ np.array([emission[column] for column in columns])
    return Exact(**tables, conditionals=conditionals, log_likelihood=_log(total))


def _rational(values: np.ndarray) -> list:
    if np.ndim(values) == 0:
        return Fraction(float(values))
    return [_rational(part) for part in values]


def _log(number: Fraction) -> float:
    return math.log(number.numerator) - math.log(number.denominator)


# --- forward–backward in log space ---


def log_space(
    initial: np.ndarray, transition: np.ndarray, emission: np.ndarray, evidence: np.ndarray
) -> Exact:
    """Forward–backward with logarithms throughout, normalised at each step."""
    with np.errstate(divide="ignore"):
        start, step, rows = np.log(initial), np.log(transition), np.log(evidence)
    time, n_states = rows.shape
    ahead, behind = np.empty((time, n_states)), np.zeros((time, n_states))  # of t, without its evidence
    message, scales = start, []
    for t in range(time):
        ahead[t] = message
        weighted = message + rows[t]
        scales.append(log_sum(weighted))
        message = log_sum((weighted - scales[-1])[:, None] + step, axis=0)
    for t in range(time - 1, 0, -1):
        message = log_sum(step + (behind[t] + rows[t]), axis=1)
        behind[t - 1] = message - message.max()
    leave_one_out = _from_logs(ahead + behind)
    return Exact(
        _from_logs(ahead + rows),
        _from_logs(ahead + rows + behind),
        leave_one_out,
        leave_one_out @ emission,
        math.fsum(scales),
    )


def log_sum(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Logarithm of the sum of exponentials."""
    top = np.maximum(values.max(axis), -1e308)  # of nothing but −inf too
    with np.errstate(divide="ignore"):
        return top + np.log(np.exp(values - np.expand_dims(top, axis)).sum(axis))


def _from_logs(values: np.ndarray) -> np.ndarray:
    weights = np.exp(values - values.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


class TwoStates(NamedTuple):
    """Probabilities of state 0 at each position, and the log-likelihood."""

    filtered: np.ndarray
    smoothed: np.ndarray
    leave_one_out: np.ndarray
    log_likelihood: float


def log_space_two_states(
    initial: np.ndarray, transition: np.ndarray, emission: np.ndarray, tokens: Sequence[int]
) -> TwoStates:
    """Forward–backward of two states in plain floats: log odds of state 0, a microsecond a step.

    With o the log odds of state 0 against state 1, a step of the chain takes them to
    log (a e^o + c) / (b e^o + d), where ((a, b), (c, d)) is the matrix.
    """
    time = len(tokens)
    (a, b), (c, d) = ((math.log(p) for p in row) for row in transition)
    odds_of = [math.log(first) - math.log(second) for first, second in zip(*emission, strict=True)]
    log_second = [math.log(p) for p in emission[1]]
    ahead, behind, log_steps = [0.0] * time, [0.0] * time, [0.0] * time
    odds = math.log(initial[0]) - math.log(initial[1])
    for t, token in enumerate(tokens):
        ahead[t] = odds
        seen = odds + odds_of[token]
        # P[token | past] = emission[1, token] · (1 + e^(odds + odds_of)) / (1 + e^odds)
        log_steps[t] = log_second[token] + _add_log(0.0, seen) - _add_log(0.0, odds)
        odds = _add_log(a + seen, c) - _add_log(b + seen, d)
    for t in range(time - 1, 0, -1):
        seen = behind[t] + odds_of[tokens[t]]
        behind[t - 1] = _add_log(a + seen, b) - _add_log(c + seen, d)
    forward, backward = np.array(ahead), np.array(behind)
    own = np.array(odds_of)[np.asarray(tokens)]
    return TwoStates(
        _logistic(forward + own),
        _logistic(forward + own + backward),
        _logistic(forward + backward),
        math.fsum(log_steps),
    )


def _add_log(first: float, second: float) -> float:
    if first < second:
        first, second = second, first
    return first + math.log1p(math.exp(second - first))


def _logistic(odds: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(odds / 2))


def column_posterior(probs: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Probabilities of emission columns, (…, E), from those of flat states, (…, K·C); columns are (K, C)."""
    sums = np.zeros((*probs.shape[:-1], columns.max() + 1))
    for state, column in enumerate(columns.reshape(-1)):
        sums[..., column] += probs[..., state]
    return sums
