"""Vanilla hidden Markov models: their parameters, checked once and never changed (Section 2)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hmmlib._checks import (
    ArrayLike,
    check_device,
    check_dtype,
    distributions,
    own_copy,
    real_tensor,
)
from hmmlib._display import card, heat_map
from hmmlib.hmm.chain import Chain
from hmmlib.hmm.stationary import stationary_distribution

if TYPE_CHECKING:
    from hmmlearn.hmm import CategoricalHMM


class HMM:
    """A hidden Markov model over a finite vocabulary; immutable: its tables are given out as copies.

    The chain starts in state h with probability ``initial[h]`` *at the first position of a sequence*,
    moves from h to h' with probability ``transition[h, h']`` and emits token x with probability
    ``emission[h, x]``. In the layout (∅, x) of the paper the first position is a blank, so that
    `initial` is the distribution of the state H₀ under the blank.

    The paper writes the matrices column-stochastic: A = ``transition.T`` and W = ``emission.T``
    (Section 2).

    Example:
        >>> from hmmlib import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.8, 0.2], [0.3, 0.7]])
        >>> hmm
        HMM(n_states=2, n_tokens=2)
        >>> hmm.stationary().numpy().round(3)
        array([0.667, 0.333])

    Args:
        initial: P[first state], shape (H,).
        transition: P[next state | state], rows sum to one, shape (H, H).
        emission: P[token | state], rows sum to one, shape (H, V).
        device: Where the parameters live; the CPU by default.
        dtype: torch.float64 (default) or torch.float32. At the paper's temperatures probabilities reach
            1e-44, which float32 cannot hold.

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
        if distribution.ndim != 1 or distribution.numel() == 0:
            raise ValueError(f"initial: expected shape (n_states,), got {tuple(distribution.shape)}")
        n_states = distribution.numel()
        if moves.shape != (n_states, n_states):
            raise ValueError(
                f"transition: expected shape ({n_states}, {n_states}), as initial has {n_states} states, "
                f"got {tuple(moves.shape)}"
            )
        if words.ndim != 2 or words.shape[0] != n_states or words.shape[1] == 0:
            raise ValueError(
                f"emission: expected shape ({n_states}, n_tokens), as initial has {n_states} states, "
                f"got {tuple(words.shape)}"
            )
        self._initial = distributions(distribution, "initial", [], to, at)
        self._transition = distributions(moves, "transition", ["row"], to, at)
        self._emission = distributions(words, "emission", ["row"], to, at)

    @property
    def initial(self) -> Tensor:
        """P[first state], shape (H,)."""
        return own_copy(self._initial)

    @property
    def transition(self) -> Tensor:
        """P[next state | state], ``transition[from, to]``, shape (H, H)."""
        return own_copy(self._transition)

    @property
    def emission(self) -> Tensor:
        """P[token | state], ``emission[state, token]``, shape (H, V)."""
        return own_copy(self._emission)

    @property
    def n_states(self) -> int:
        """Number H of hidden states."""
        return self._initial.numel()

    @property
    def n_tokens(self) -> int:
        """Size V of the vocabulary."""
        return self._emission.shape[1]

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return self._initial.device

    @property
    def dtype(self) -> torch.dtype:
        """Number type of the parameters, and of everything computed from them."""
        return self._initial.dtype

    @cached_property
    def chain(self) -> Chain:
        """The model as a chain with a single content (see `hmmlib.hmm.chain`)."""
        # Kept for good, so it must not be made in inference mode, which bars it from work with gradients.
        with torch.inference_mode(False):
            columns = torch.arange(self.n_states, device=self.device)[None]
            return Chain(self._initial[None], self._transition, self._emission, columns)

    def __repr__(self) -> str:
        kind = "" if self.device.type == "cpu" else f", device={str(self.device)!r}"
        kind += "" if self.dtype == torch.float64 else f", dtype={self.dtype}"
        return f"HMM(n_states={self.n_states}, n_tokens={self.n_tokens}{kind})"

    def _repr_html_(self) -> str:
        return card(
            repr(self),
            heat_map("initial", self._initial),
            heat_map("transition", self._transition, "from", "to"),
            heat_map("emission", self._emission, "state", "token"),
        )

    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> HMM:
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
        return HMM(self._initial, self._transition, self._emission, device=where, dtype=target)

    def with_initial(self, initial: ArrayLike) -> HMM:
        """Return the same model with another start, e.g. ``hmm.with_initial(hmm.stationary())``.

        Args:
            initial: P[first state], shape (H,).

        Returns:
            The new model.

        Raises:
            TypeError: `initial` does not hold real numbers.
            ValueError: `initial` is not a distribution over the H states.
        """
        distribution = real_tensor(initial, "initial")
        if distribution.shape != self._initial.shape:
            raise ValueError(f"initial: expected shape ({self.n_states},), got {tuple(distribution.shape)}")
        return HMM(distribution, self._transition, self._emission, device=self.device, dtype=self.dtype)

    def stationary(self) -> Tensor:
        """Distribution π with π·transition = π.

        Computed without subtractions (Grassmann, Taksar and Heyman 1985) and in logarithms, so that it is
        accurate even when states are joined by probabilities of 1e-40 only. States of a probability below
        what the type can hold have 0.

        Returns:
            π, shape (H,).

        Raises:
            ValueError: The chain has several closed classes of states, hence several such distributions; the
                message lists them.
        """
        return stationary_distribution(self._transition)

    @classmethod
    def from_hmmlearn(cls, model: CategoricalHMM) -> HMM:
        """Build an HMM from a `hmmlearn.hmm.CategoricalHMM`; its parameters mean the same.

        Its texts have another layout: ``X`` of shape (n, 1) is a column, all texts one below the other, and
        `lengths` says where they end. A single one is ``X.T`` here, shape (1, n), whose log-likelihood is
        ``model.score(X)``; several become rows by ``np.split(X[:, 0], np.cumsum(lengths)[:-1])``, padded to
        the longest for ``posteriors(…, lengths=lengths)``.

        Args:
            model: A model with `startprob_`, `transmat_` and `emissionprob_`.

        Returns:
            The HMM.

        Raises:
            TypeError: One of these attributes is missing.
            ValueError: One of them is not a table of distributions.
        """
        missing = [n for n in ("startprob_", "transmat_", "emissionprob_") if not hasattr(model, n)]
        if missing:
            raise TypeError(
                f"model: expected a fitted CategoricalHMM, {type(model).__name__} lacks {', '.join(missing)}"
            )
        return cls(model.startprob_, model.transmat_, model.emissionprob_)

    def to_hmmlearn(self) -> CategoricalHMM:
        """Return the same model as a `hmmlearn.hmm.CategoricalHMM` (needs the extra `interop`).

        Returns:
            The model, ready to sample and score.

        Raises:
            ImportError: hmmlearn is not installed.
        """
        from hmmlearn.hmm import CategoricalHMM

        model: Any = CategoricalHMM(n_components=self.n_states)
        model.n_features = self.n_tokens
        # Copies, as hmmlearn writes to its tables when it is fitted.
        model.startprob_ = self._initial.cpu().double().numpy().copy()
        model.transmat_ = self._transition.cpu().double().numpy().copy()
        model.emissionprob_ = self._emission.cpu().double().numpy().copy()
        return model
