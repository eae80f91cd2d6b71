"""Recoverable hidden states of a memory-augmented HMM (the paper's Section 4).

The paper calls hidden states H* = {j*} × S* recoverable if the emission columns of (m, h), m ∈ ℳ, h ∈ H*, are
independent, and their span meets that of all other columns only at zero. Both hold together exactly when none
of these columns takes part in any linear dependency of the columns. That is asked of each column on its own;
so there is one largest S*, which contains every other, and no search is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import check_cell, check_kind, check_positive_int
from hmmlib._display import compact_repr, fields_html
from hmmlib.constructions.assumptions import (
    AssumptionError,
    DependentColumnsError,
    UnreachableStateError,
    equation,
)
from hmmlib.constructions.dependencies import RTOL, analyse, dependencies
from hmmlib.hmm import MemoryHMM


class Recovery(NamedTuple):
    """How to read the probabilities of recoverable states off a token distribution.

    Attributes:
        states: S*, syntax states.
        values: The value m of each row of the projection, integers, shape (d,).
        columns: The emission column (m·N + j*)·|𝒮| + s of each row, integers, shape (d,).
        projection: Φ, with ΦW_{:,c} = e_c for these columns c and 0 for all others, shape (d, V).
    """

    states: tuple[int, ...]
    values: Tensor
    columns: Tensor
    projection: Tensor

    def __repr__(self) -> str:
        return compact_repr(self)

    def _repr_html_(self) -> str:
        return fields_html(self)


def live_columns(model: MemoryHMM, starts: Tensor | None = None) -> Tensor:
    """Emission columns that are ever used: some content and chain state of positive probability read them.

    Args:
        model: The memory-augmented HMM.
        starts: Booleans over content and first chain state, shape (|ℳ|^N, N·|𝒮|): where the chain may start;
            wherever `initial` is positive, by default.

    Returns:
        Column indices (m·N + j)·|𝒮| + s, increasing, shape (n,).
    """
    chain = model.chain
    reached = (chain.initial > 0) if starts is None else starts
    steps = (chain.transition > 0).to(chain.initial.dtype)
    for _ in range(chain.transition.shape[0]):  # a state is reached within as many steps as there are states
        larger = reached | ((reached.to(steps.dtype) @ steps) > 0)
        if torch.equal(larger, reached):
            break
        reached = larger
    return torch.unique(chain.columns[reached])


def recoverable_states(
    model: MemoryHMM, *, cell: int = 0, values: Sequence[int] | None = None, rtol: float = RTOL
) -> tuple[int, ...]:
    """The largest set S* of syntax states that is recoverable for a memory cell (Section 4); may be empty.

    Args:
        model: The memory-augmented HMM.
        cell: The cell j*, 0 … N − 1.
        values: Only contents with M_{j*} among these values occur; all by default. (A prompt sees to that.)
        rtol: Relative tolerance for dependent columns.

    Returns:
        Syntax states, increasing.

    Raises:
        TypeError: The cell or a value is not an integer.
        ValueError: No such cell or value, or a tolerance out of range.
    """
    check_kind(model, MemoryHMM, "model", "a MemoryHMM")
    used, free = _free_columns(model, check_cell(cell, model.n_cells), values, rtol)
    return _largest(model, cell, used, free)


def recovery(
    model: MemoryHMM,
    *,
    cell: int = 0,
    states: Sequence[int] | None = None,
    values: Sequence[int] | None = None,
    rtol: float = RTOL,
) -> Recovery:
    """Φ for recoverable states: ΦG_i holds P[M_{j*} = m, H_i = (j*, s) | x_{-i}] for s ∈ S* (Section 4).

    Its rows are those of the pseudo-inverse of W that belong to the columns of H*.

    Args:
        model: The memory-augmented HMM.
        cell: The cell j*, 0 … N − 1.
        states: S*; the largest recoverable set by default.
        values: Only contents with M_{j*} among these values occur; all by default.
        rtol: Relative tolerance for dependent columns.

    Returns:
        The states and their Φ.

    Raises:
        TypeError: The cell, a state or a value is not an integer.
        ValueError: No such cell, state or value, or a tolerance out of range.
        AssumptionError: No state is recoverable, or one of `states` is not; the message names the columns
            that are dependent, or the state that is never reached.
    """
    check_kind(model, MemoryHMM, "model", "a MemoryHMM")
    cell = check_cell(cell, model.n_cells)
    used, free = _free_columns(model, cell, values, rtol)
    if states is None:
        chosen = _largest(model, cell, used, free)
        if not chosen:
            raise _not_recoverable(model, cell, range(model.n_syntax), used, free, rtol)
    else:
        chosen = tuple(sorted({check_positive_int(s, "states", 0) for s in states}))
        if not chosen or chosen[-1] >= model.n_syntax:
            raise ValueError(f"states: expected some of 0 … {model.n_syntax - 1}, got {list(chosen)}")
        bad = [s for s in chosen if s not in _largest(model, cell, used, free)]
        if bad:
            raise _not_recoverable(model, cell, bad, used, free, rtol)
    of_cell = (used // model.n_syntax) % model.n_cells == cell
    starred = of_cell & torch.isin(used % model.n_syntax, torch.tensor(chosen, device=used.device))
    inverse = analyse(model.chain.emission[used].T, rtol).inverse
    columns = used[starred]
    projection = inverse[starred].to(model.dtype)
    return Recovery(chosen, columns // (model.n_cells * model.n_syntax), columns, projection)


def _free_columns(
    model: MemoryHMM, cell: int, values: Sequence[int] | None, rtol: float
) -> tuple[Tensor, Tensor]:
    """The columns in use, and which of them take part in no dependency."""
    used = live_columns(model, _starts(model, cell, values))
    return used, analyse(model.chain.emission[used].T, rtol).free(rtol)


def _starts(model: MemoryHMM, cell: int, values: Sequence[int] | None) -> Tensor:
    """Where the chain may start under contents whose cell holds one of the values, shape (|ℳ|^N, N·|𝒮|)."""
    allowed = range(model.n_values) if values is None else values
    kept = torch.tensor([check_positive_int(m, "values", 0) for m in allowed], device=model.device)
    if not len(kept) or int(kept.max()) >= model.n_values:
        raise ValueError(f"values: expected some of 0 … {model.n_values - 1}, got {kept.tolist()}")
    return (model.chain.initial > 0) & torch.isin(model.contents[:, cell], kept)[:, None]


def _largest(model: MemoryHMM, cell: int, used: Tensor, free: Tensor) -> tuple[int, ...]:
    """Syntax states that are read in the cell, under some value, and only through free columns."""
    of_cell = (used // model.n_syntax) % model.n_cells == cell
    syntax = used % model.n_syntax
    read, bad = syntax[of_cell].tolist(), syntax[of_cell & ~free].tolist()
    return tuple(sorted(set(read) - set(bad)))


def _not_recoverable(
    model: MemoryHMM, cell: int, states: Sequence[int], used: Tensor, free: Tensor, rtol: float
) -> AssumptionError:
    """The error for states of which none, or not all, are recoverable: it explains the first of them."""
    of_cell = (used // model.n_syntax) % model.n_cells == cell
    for state in states:
        bad = (of_cell & (used % model.n_syntax == state) & ~free).nonzero().flatten()
        if len(bad):
            return _dependent(model, used, state, int(bad[0]), rtol)
    return UnreachableStateError(
        f"states: the chain never reads cell {cell} in syntax state {states[0]}; expected a state that is "
        "reached",
        states[0],
    )


def _dependent(model: MemoryHMM, used: Tensor, state: int, index: int, rtol: float) -> DependentColumnsError:
    def name(column: int) -> str:
        value, rest = divmod(column, model.n_cells * model.n_syntax)
        return f"W[:, (m={value}, j={rest // model.n_syntax}, s={rest % model.n_syntax})]"

    found = dependencies(model.chain.emission[used].T, rtol)
    # The dependency in which this column weighs the most, for the clearest message.
    weights = [abs(float(d.vector(len(used))[index])) for d in found]
    named = found[weights.index(max(weights))].renamed(used.tolist())
    return DependentColumnsError(
        f"states: syntax state {state} is not recoverable: {equation(named, name)}; expected its columns to "
        "take part in no dependency",
        named,
    )
