"""The forward–backward algorithm as compiled loops: one pass over rows whose messages stay in the cache.

Imported only where numba is installed. Sums are taken in the order in which BLAS and torch take them on
common processors, so that with and without numba the same numbers come out, but for rounding at most.

A row is one chain run along one text, as in `hmmlib.hmm._forward_backward`. Arrays of states are padded to a
multiple of eight, of which the first number beyond the states carries the scale of the message.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_Array = np.ndarray[Any, Any]
_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**_OPTIONS)  # type: ignore[untyped-decorator,unused-ignore]
def posteriors(
    start: _Array,
    tokens: _Array,
    table: _Array,
    fine: _Array,
    ahead: _Array,
    behind: _Array,
    emission: _Array,
    block: int,
    first: int,
    last: int,
    zeros_are_due: bool,
    least: float,
    tables: tuple[_Array, _Array, _Array, _Array],
    totals: tuple[_Array, _Array, _Array],
    inverse: _Array,
    back_inverse: _Array,
    clear: _Array,
) -> None:
    """Both sweeps of all rows, and the products of their messages; W is the padded number C of states.

    Args:
        start: Distribution of the first state given each content, (K, C).
        tokens: Which evidence is met, (texts, T); row text·K + k meets ``table[tokens[text] · K + k]``.
        table: Evidence, (… · K, W), zero where it is padded.
        fine: Whether a row of `table` is in the range that cannot underflow.
        ahead: The transition, (C, W), one where it is padded.
        behind: Its transpose, likewise.
        emission: P[token | state], padded with zeros; for conditionals where K is one.
        block: How many rows are worked on at once, a multiple of four.
        first: The first position of which tables are kept, ...
        last: ... and the one after the last.
        zeros_are_due: A message's zeros are the model's own, so that only positive entries may be too small.
        least: What an entry of a message must not fall below.
        tables: Filtered, smoothed, leave-one-out (texts, kept, K·C) and conditionals (texts, kept, V) to be
            written, empty for what is not wanted. Normalised if K is one, else per content up to `totals`.
        totals: Sums of the first three before normalisation, (T, rows).
        inverse: One over the scales of the forward sweep, (T, rows), to be written.
        back_inverse: Of the backward sweep, likewise.
        clear: Whether nothing in a row's messages can have underflowed, (rows,), to be written.
    """
    n_contents, n_states = start.shape
    time = tokens.shape[1]
    rows = tokens.shape[0] * n_contents
    width = table.shape[1]
    filtered, smoothed, leave_one_out, conditionals = tables
    kept = np.empty((time, block, width))
    # Each in memory of its own: only then does the compiler know that they do not overlap.
    message, weighted = np.empty((block, width)), np.empty((block, width))
    product = np.empty((block, width))
    smallest = np.empty((block, width))
    mixed = np.empty((block, emission.shape[1]))
    scale, ones = np.empty(block), np.ones(block)
    text, content, met = np.empty(block, np.int64), np.empty(block, np.int64), np.empty(block, np.int64)
    safe = np.empty(block, np.bool_)
    for base in range(0, rows, block):
        count = min(block, rows - base)
        filled = (count + 3) // 4 * 4  # the last row again and again, up to a multiple of four
        for r in range(filled):
            row = min(base + r, rows - 1)
            text[r] = row // n_contents
            content[r] = row % n_contents
            safe[r] = True
            scale[r] = 1.0
            for j in range(width):
                smallest[r, j] = 1.0
                message[r, j] = start[content[r], j] if j < n_states else 1.0

        for t in range(time):
            for r in range(filled):
                met[r] = tokens[text[r], t] * n_contents + content[r]
                safe[r] &= fine[met[r]]
            _meet(message, scale, table, met, kept[t], weighted, smallest, filled, zeros_are_due)
            if filtered.size:
                _sum(weighted, n_states, totals[0][t], base, count)
                if first <= t < last:
                    by = totals[0][t, base:] if n_contents == 1 else ones
                    _put(weighted, by, filtered, t - first, text, content, n_states, count)
            _times(weighted, ahead, message, filled, n_states)
            _invert(message, n_states, scale, filled)
            inverse[t, base : base + count] = scale[:count]

        message[:filled] = 1.0
        scale[:filled] = 1.0
        for t in range(time - 1, -1, -1):
            for r in range(filled):
                met[r] = tokens[text[r], t] * n_contents + content[r]
            _meet(message, scale, table, met, product, weighted, smallest, filled, zeros_are_due)
            _multiply(product, kept[t], filled)
            _sum(product, n_states, totals[2][t], base, count)
            inside = first <= t < last
            by = totals[2][t, base:] if n_contents == 1 else ones
            if leave_one_out.size and inside:
                _put(product, by, leave_one_out, t - first, text, content, n_states, count)
            if conditionals.size and inside:
                _times(product, emission, mixed, filled, n_states)
                _put(mixed, by, conditionals, t - first, text, content, conditionals.shape[2], count)
            if smoothed.size:
                _explain(product, table, met, filled)
                _sum(product, n_states, totals[1][t], base, count)
                if inside:
                    by = totals[1][t, base:] if n_contents == 1 else ones
                    _put(product, by, smoothed, t - first, text, content, n_states, count)
            _times(weighted, behind, message, filled, n_states)
            _invert(message, n_states, scale, filled)
            back_inverse[t, base : base + count] = scale[:count]

        for r in range(count):
            clear[base + r] = safe[r] and smallest[r].min() >= least


@njit(**_OPTIONS)  # type: ignore[untyped-decorator,unused-ignore]
def weigh(table: _Array, factor: _Array) -> None:
    """Multiply, in place, what belongs to each content: table (texts, kept, K·C), factor (kept, texts, K)."""
    texts, kept, size = table.shape
    n_contents = factor.shape[2]
    n_states = size // n_contents
    for i in range(texts):
        for t in range(kept):
            for k in range(n_contents):
                by = factor[t, i, k]
                for j in range(n_states):
                    table[i, t, k * n_states + j] *= by


@njit(**_OPTIONS)  # type: ignore[untyped-decorator,unused-ignore]
def mix(table: _Array, emission: _Array, mixed: _Array) -> None:
    """``table @ emission``: (texts, kept, S), (S, padded) and, to be written, (texts, kept, V)."""
    texts, kept, size = table.shape
    four, found = np.empty((4, size)), np.empty((4, emission.shape[1]))
    for i in range(texts):
        for t in range(0, kept, 4):
            for r in range(4):
                four[r] = table[i, min(t + r, kept - 1)]
            _times(four, emission, found, 4, size)
            for r in range(min(4, kept - t)):
                for z in range(mixed.shape[2]):
                    mixed[i, t + r, z] = found[r, z]


@njit(**_OPTIONS)  # type: ignore[untyped-decorator,unused-ignore]
def _meet(
    message: _Array,
    scale: _Array,
    table: _Array,
    met: _Array,
    scaled: _Array,
    weighted: _Array,
    smallest: _Array,
    count: int,
    zeros_are_due: bool,
) -> None:
    """Scale messages, and multiply them with the evidence that they meet."""
    for r in range(count):
        by, row = scale[r], met[r]
        for j in range(table.shape[1]):
            entry = message[r, j] * by
            scaled[r, j] = entry
            weighted[r, j] = entry * table[row, j]
            size = 1.0 if zeros_are_due and entry == 0.0 else entry
            smallest[r, j] = size if size < smallest[r, j] else smallest[r, j]


@njit(**_OPTIONS)  # type: ignore[untyped-decorator,unused-ignore]
def _multiply(table: _Array, other: _Array, count: int) -> None:
    for r in range(count):
        for j in range(table.shape[1]):
            table[r, j] *= other[r, j]


@njit(**_OPTIONS)  # type: ignore[untyped-decorator,unused-ignore]
def _explain(product: _Array, table: _Array, met: _Array, count: int) -> None:
    for r in range(count):
        row = met[r]
        for j in range(table.shape[1]):
            product[r, j] *= table[row, j]


@njit(**_OPTIONS)  # type: ignore[untyped-decorator,unused-ignore]
def _invert(message: _Array, n_states: int, scale: _Array, count: int) -> None:
    for r in range(count):
        scale[r] = 1.0 / message[r, n_states]


@njit(**_OPTIONS)  # type: ignore[untyped-decorator,unused-ignore]
def _put(
    weights: _Array, by: _Array, table: _Array, t: int, text: _Array, content: _Array, size: int, count: int
) -> None:
    """Write out weights, divided, at one position of the texts."""
    for r in range(count):
        row, first, total = text[r], content[r] * size, by[r]
        for j in range(size):
            table[row, t, first + j] = weights[r, j] / total


@njit(**_OPTIONS)  # type: ignore[untyped-decorator,unused-ignore]
def _sum(table: _Array, size: int, sums: _Array, base: int, count: int) -> None:
    """Sums of rows: four lanes of four, as torch adds up few numbers."""
    fours = size // 4
    for r in range(count):
        a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = 0.0
        c0 = c1 = c2 = c3 = d0 = d1 = d2 = d3 = 0.0
        j = 0
        for _ in range(fours // 4):
            a0 += table[r, j]
            a1 += table[r, j + 1]
            a2 += table[r, j + 2]
            a3 += table[r, j + 3]
            b0 += table[r, j + 4]
            b1 += table[r, j + 5]
            b2 += table[r, j + 6]
            b3 += table[r, j + 7]
            c0 += table[r, j + 8]
            c1 += table[r, j + 9]
            c2 += table[r, j + 10]
            c3 += table[r, j + 11]
            d0 += table[r, j + 12]
            d1 += table[r, j + 13]
            d2 += table[r, j + 14]
            d3 += table[r, j + 15]
            j += 16
        for _ in range(fours % 4):
            a0 += table[r, j]
            a1 += table[r, j + 1]
            a2 += table[r, j + 2]
            a3 += table[r, j + 3]
            j += 4
        found = 0.0
        for i in range(j, size):
            found += table[r, i]
        found += a0 + b0 + c0 + d0
        found += a1 + b1 + c1 + d1
        found += a2 + b2 + c2 + d2
        found += a3 + b3 + c3 + d3
        sums[base + r] = found


# Only here may a product and a sum be rounded once: so does BLAS.
@njit(fastmath={"contract"}, **_OPTIONS)  # type: ignore[untyped-decorator,unused-ignore]
def _times(weights: _Array, matrix: _Array, product: _Array, count: int, size: int) -> None:
    """``weights @ matrix`` of a multiple of four rows, each sum in the order of the states."""
    # Four rows share what is loaded of the matrix, and four of its rows what is loaded of the product.
    odd = size % 4
    for r in range(0, count, 4):
        for j in range(matrix.shape[1]):
            for i in range(4):
                product[r + i, j] = 0.0
        for k in range(odd):
            p0, q0, s0, u0 = weights[r, k], weights[r + 1, k], weights[r + 2, k], weights[r + 3, k]
            for j in range(matrix.shape[1]):
                by = matrix[k, j]
                product[r, j] = product[r, j] + p0 * by
                product[r + 1, j] = product[r + 1, j] + q0 * by
                product[r + 2, j] = product[r + 2, j] + s0 * by
                product[r + 3, j] = product[r + 3, j] + u0 * by
        for k in range(odd, size, 4):
            p0, p1, p2, p3 = weights[r, k], weights[r, k + 1], weights[r, k + 2], weights[r, k + 3]
            q0, q1, q2, q3 = (
                weights[r + 1, k],
                weights[r + 1, k + 1],
                weights[r + 1, k + 2],
                weights[r + 1, k + 3],
            )
            s0, s1, s2, s3 = (
                weights[r + 2, k],
                weights[r + 2, k + 1],
                weights[r + 2, k + 2],
                weights[r + 2, k + 3],
            )
            u0, u1, u2, u3 = (
                weights[r + 3, k],
                weights[r + 3, k + 1],
                weights[r + 3, k + 2],
                weights[r + 3, k + 3],
            )
            for j in range(matrix.shape[1]):
                m0, m1, m2, m3 = matrix[k, j], matrix[k + 1, j], matrix[k + 2, j], matrix[k + 3, j]
                product[r, j] = product[r, j] + p0 * m0 + p1 * m1 + p2 * m2 + p3 * m3
                product[r + 1, j] = product[r + 1, j] + q0 * m0 + q1 * m1 + q2 * m2 + q3 * m3
                product[r + 2, j] = product[r + 2, j] + s0 * m0 + s1 * m1 + s2 * m2 + s3 * m3
                product[r + 3, j] = product[r + 3, j] + u0 * m0 + u1 * m1 + u2 * m2 + u3 * m3
