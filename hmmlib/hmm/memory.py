"""Memory-augmented hidden Markov models (the paper's Section 4)."""

from __future__ import annotations

from functools import cached_property
from itertools import product

import torch
from torch import Tensor

from hmmlib._checks import (
    ArrayLike,
    check_cell,
    check_device,
    check_dtype,
    check_tensor,
    distributions,
    own_copy,
    real_tensor,
)
from hmmlib._display import card, heat_map, in_lines
from hmmlib.hmm.chain import Chain
from hmmlib.hmm.stationary import stationary_distribution
from hmmlib.hmm.vanilla import HMM


class MemoryHMM:
    """A hidden Markov model with a memory that is drawn once per sequence and never changes.

    Models are immutable: their tables are given out as copies.

    The memory M = (M_1, …, M_N) has N cells with values in {0, …, |ℳ| − 1}. A chain H_i = (J_i, S_i)
    says which cell J_i is being read and in which syntax state S_i the text is; the token depends on the
    value of the cell that is read: P[X_i | M, H_i = (j, s)] = ``emission[M_j, j, s]``.

    It is an HMM with |ℳ|^N·N·|𝒮| states (`flatten`), but inference and sampling here never build that
    HMM's transition matrix: the chain runs once per content of the memory.

    Args:
        initial: Joint distribution of memory and first chain state, ``initial[m_1, …, m_N, j, s]``, shape
            (|ℳ|, …, |ℳ|, N, |𝒮|). Its number of axes gives N.
        transition: P[next chain state | chain state], chain state (j, s) having index j·|𝒮| + s; rows sum
            to one, shape (N·|𝒮|, N·|𝒮|).
        emission: P[token | value of the cell read, cell, syntax state], shape (|ℳ|, N, |𝒮|, V).
        device: Where the parameters live; the CPU by default.
        dtype: torch.float64 (default) or torch.float32.

    Raises:
        TypeError: A parameter does not hold real numbers.
        ValueError: Shapes that do not fit, a negative or non-finite entry, a row that does not sum to
            one, or an unknown device. The message names the argument, the row and the value.
    """

    def __init__(
        self,
        initial: ArrayLike,
        transition: ArrayLike,
        emission: ArrayLike,
        *,
        device: str | torch.device | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        at, to = check_device(device), check_dtype(dtype)
        distribution = real_tensor(initial, "initial")
        moves = real_tensor(transition, "transition")
        words = real_tensor(emission, "emission")
        if words.ndim != 4 or 0 in words.shape:
            raise ValueError(
                f"emission: expected shape (n_values, n_cells, n_syntax, n_tokens), got {tuple(words.shape)}"
            )
        n_values, n_cells, n_syntax, _ = words.shape
        expected = (n_values,) * n_cells + (n_cells, n_syntax)
        if distribution.shape != expected:
            raise ValueError(
                f"initial: expected shape {expected} (one axis of {n_values} values per cell, then "
                f"{n_cells} cells, {n_syntax} syntax states, as emission says), "
                f"got {tuple(distribution.shape)}"
            )
        size = n_cells * n_syntax
        if moves.shape != (size, size):
            raise ValueError(
                f"transition: expected shape ({size}, {size}) for {n_cells} cells × {n_syntax} syntax "
                f"states, got {tuple(moves.shape)}"
            )
        self._initial = distributions(distribution.reshape(-1), "initial", [], to, at).reshape(expected)
        self._transition = distributions(moves, "transition", ["row"], to, at)
        self._emission = distributions(words, "emission", ["value", "cell", "syntax state"], to, at)

    @property
    def initial(self) -> Tensor:
        """Joint distribution of memory and first chain state, shape (|ℳ|, …, |ℳ|, N, |𝒮|)."""
        return own_copy(self._initial)

    @property
    def transition(self) -> Tensor:
        """P[next chain state | chain state], shape (N·|𝒮|, N·|𝒮|)."""
        return own_copy(self._transition)

    @property
    def emission(self) -> Tensor:
        """P[token | value of the cell read, cell, syntax state], shape (|ℳ|, N, |𝒮|, V)."""
        return own_copy(self._emission)

    @property
    def n_values(self) -> int:
        """Number |ℳ| of values of a memory cell."""
        return self._emission.shape[0]

    @property
    def n_cells(self) -> int:
        """Number N of memory cells."""
        return self._emission.shape[1]

    @property
    def n_syntax(self) -> int:
        """Number |𝒮| of syntax states."""
        return self._emission.shape[2]

    @property
    def n_tokens(self) -> int:
        """Size V of the vocabulary."""
        return self._emission.shape[3]

    @property
    def n_states(self) -> int:
        """Number |ℳ|^N·N·|𝒮| of flat states."""
        return self._initial.numel()

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return self._initial.device

    @property
    def dtype(self) -> torch.dtype:
        """Number type of the parameters, and of everything computed from them."""
        return self._initial.dtype

    @property
    def contents(self) -> Tensor:
        """All contents of the memory in the order of the flat states, integers, shape (|ℳ|^N, N)."""
        rows = list(product(range(self.n_values), repeat=self.n_cells))
        # It may be kept for good, so it must not be made in inference mode, which bars it from gradients.
        with torch.inference_mode(False):
            return torch.tensor(rows, dtype=torch.int64, device=self.device)

    @cached_property
    def chain(self) -> Chain:
        """The model as a chain that runs under each content of the memory (see `hmmlib.hmm.chain`)."""
        with torch.inference_mode(False):  # as for `contents`
            cells = torch.arange(self.n_cells, device=self.device)
            syntax = torch.arange(self.n_syntax, device=self.device)
            read = self.contents * self.n_cells + cells  # (K, N): index of (value in the cell, cell)
            columns = (read[:, :, None] * self.n_syntax + syntax).flatten(1)
            return Chain(
                self._initial.reshape(len(columns), -1),
                self._transition,
                self._emission.flatten(0, 2),
                columns,
            )

    def __repr__(self) -> str:
        kind = "" if self.device.type == "cpu" else f", device={str(self.device)!r}"
        kind += "" if self.dtype == torch.float64 else f", dtype={self.dtype}"
        return in_lines(
            f"MemoryHMM(n_cells={self.n_cells}, n_values={self.n_values}, n_syntax={self.n_syntax}, "
            f"n_tokens={self.n_tokens}{kind}; {self.n_states} flat states)"
        )

    def _repr_html_(self) -> str:
        return card(
            repr(self),
            heat_map("transition of the chain", self._transition, "from", "to"),
            # A row for each value, cell and syntax state.
            heat_map("emission", self._emission.flatten(0, 2), "column", "token"),
        )

    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> MemoryHMM:
        """Return the model on another device or in another number type.

        Args:
            device: Target device; unchanged if None. The numbers stay the same.
            dtype: Target type; unchanged if None. In another type rows are rescaled to sum to one.

        Returns:
            A copy, or the model itself where nothing changes.

        Raises:
            ValueError: The device or the type cannot be used.
        """
        where = self.device if device is None else check_device(device)
        target = self.dtype if dtype is None else check_dtype(dtype)
        if (where, target) == (self.device, self.dtype):
            return self
        return MemoryHMM(self._initial, self._transition, self._emission, device=where, dtype=target)

    def flatten(self) -> HMM:
        """Return the equivalent HMM over |ℳ|^N·N·|𝒮| states.

        State (m_1, …, m_N, j, s) has the index it has in ``initial.reshape(-1)``: the last cell's value
        runs faster than the first's, then j, then s.

        Returns:
            The HMM; its transition matrix is block-diagonal, one block per content.
        """
        chain = self.chain
        blocks = torch.block_diag(*[self._transition] * len(chain.columns))
        return HMM(
            self._initial.reshape(-1),
            blocks,
            chain.flat_emission,
            device=self.device,
            dtype=self.dtype,
        )

    def stationary(self) -> Tensor:
        """Stationary distribution of the chain (J_i, S_i), which runs alike under every content.

        Returns:
            The distribution, shape (N, |𝒮|).

        Raises:
            ValueError: The chain has several closed classes of states.
        """
        return stationary_distribution(self._transition).reshape(self.n_cells, self.n_syntax)

    def memory_posterior(self, state_probs: Tensor, cell: int = 0) -> Tensor:
        """Sum probabilities of flat states over everything but one memory cell: P[M_cell | …].

        Args:
            state_probs: Probabilities of the flat states, shape (…, n_states).
            cell: The cell j*, 0 … N − 1.

        Returns:
            Probabilities of the cell's values, shape (…, |ℳ|).

        Raises:
            TypeError: The cell is not an integer.
            ValueError: There is no such cell, or the last axis is not the flat states.
        """
        cell = check_cell(cell, self.n_cells)
        check_tensor(state_probs, "state_probs")
        if state_probs.shape[-1:] != (self.n_states,):
            raise ValueError(
                f"state_probs: expected a last axis of {self.n_states} flat states, "
                f"got shape {tuple(state_probs.shape)}"
            )
        joint = state_probs.unflatten(-1, self._initial.shape)
        first = state_probs.ndim - 1
        others = [axis for axis in range(first, joint.ndim) if axis != first + cell]
        return joint.sum(others)
