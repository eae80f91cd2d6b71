"""Hidden Markov models: parameters, stationary law, the paper's random generator."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import (
    ArrayLike,
    check_device,
    check_distributions,
    check_positive_int,
    drawing_generator,
    float_tensor,
)
from hmmlib._display import card, heat_map
from hmmlib.chain import Chain
from hmmlib.random_parameters import emission_rows, permutation_mixture, tempered

if TYPE_CHECKING:
    from hmmlearn.hmm import CategoricalHMM


class HMM:
    """A hidden Markov model over a finite vocabulary; immutable.

    The chain starts in state h with probability ``initial[h]`` *at the first position of a sequence*,
    moves from h to h' with probability ``transition[h, h']`` and emits token x with probability
    ``emission[h, x]``. In the layout (∅, x) of the paper the first position is a blank, so that
    `initial` is the law of the state H₀ under the blank.

    The paper writes the matrices column-stochastic: A = ``transition.T`` and W = ``emission.T``
    (Section 2).

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
        at = check_device(device)
        self._initial = float_tensor(initial, "initial", dtype, at)
        self._transition = float_tensor(transition, "transition", dtype, at)
        self._emission = float_tensor(emission, "emission", dtype, at)
        if self._initial.ndim != 1 or self._initial.numel() == 0:
            raise ValueError(f"initial: expected shape (n_states,), got {tuple(self._initial.shape)}")
        n_states = self._initial.numel()
        if self._transition.shape != (n_states, n_states):
            raise ValueError(
                f"transition: expected shape ({n_states}, {n_states}), as initial has {n_states} states, "
                f"got {tuple(self._transition.shape)}"
            )
        if self._emission.ndim != 2 or self._emission.shape[0] != n_states or self._emission.shape[1] == 0:
            raise ValueError(
                f"emission: expected shape ({n_states}, n_tokens), as initial has {n_states} states, "
                f"got {tuple(self._emission.shape)}"
            )
        check_distributions(self._initial, "initial", [])
        check_distributions(self._transition, "transition", ["row"])
        check_distributions(self._emission, "emission", ["row"])

    @property
    def initial(self) -> Tensor:
        """P[first state], shape (H,)."""
        return self._initial

    @property
    def transition(self) -> Tensor:
        """P[next state | state], ``transition[from, to]``, shape (H, H)."""
        return self._transition

    @property
    def emission(self) -> Tensor:
        """P[token | state], ``emission[state, token]``, shape (H, V)."""
        return self._emission

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
        """The model as a chain with a single content (see `hmmlib.chain`)."""
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
        """Return a copy on another device or of another number type.

        Args:
            device: Target device; unchanged if None.
            dtype: Target type; unchanged if None. Rows are rescaled to sum to one in it.

        Returns:
            The copy.

        Raises:
            ValueError: The device or the type cannot be used.
        """
        target = self.dtype if dtype is None else dtype
        parts = (part.to(target) for part in (self._initial, self._transition, self._emission))
        initial, transition, emission = (part / part.sum(-1, keepdim=True) for part in parts)
        where = self.device if device is None else device
        return HMM(initial, transition, emission, device=where, dtype=target)

    def with_initial(self, initial: ArrayLike) -> HMM:
        """Return the same model started from another law, e.g. ``hmm.with_initial(hmm.stationary())``.

        Args:
            initial: P[first state], shape (H,).

        Returns:
            The new model.

        Raises:
            TypeError: `initial` does not hold real numbers.
            ValueError: `initial` is not a distribution over the H states.
        """
        law = float_tensor(initial, "initial", self.dtype, self.device)
        if law.shape != self._initial.shape:
            raise ValueError(f"initial: expected shape ({self.n_states},), got {tuple(law.shape)}")
        return HMM(law, self._transition, self._emission, device=self.device, dtype=self.dtype)

    def stationary(self) -> Tensor:
        """Law π with π·transition = π.

        Computed without subtractions (Grassmann, Taksar and Heyman 1985) and in logarithms, so that it is
        accurate even when states are joined by probabilities of 1e-40 only. States of a probability below
        what the type can hold have 0.

        Returns:
            π, shape (H,).

        Raises:
            ValueError: The chain has several closed classes of states, hence several such laws; the
                message lists them.
        """
        return stationary_law(self._transition)

    @classmethod
    def from_hmmlearn(cls, model: CategoricalHMM) -> HMM:
        """Build an HMM from a `hmmlearn.hmm.CategoricalHMM`; conventions are the same.

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


def stationary_law(transition: Tensor) -> Tensor:
    """Stationary law of a row-stochastic matrix; see `HMM.stationary`.

    Args:
        transition: Row-stochastic matrix, shape (n, n).

    Returns:
        π, shape (n,).

    Raises:
        ValueError: There are several closed classes, hence several stationary laws.
    """
    matrix = transition.detach().cpu().double().numpy()
    closed = _closed_classes(matrix > 0)
    if len(closed) > 1:
        listing = ", ".join("{" + ", ".join(map(str, members)) + "}" for members in closed)
        raise ValueError(
            f"transition: {len(closed)} closed classes of states, {listing}, each with its own stationary "
            "law; expected one"
        )
    law = np.zeros(len(matrix))
    law[closed[0]] = _eliminate_states(matrix[np.ix_(closed[0], closed[0])])
    return torch.as_tensor(law, dtype=transition.dtype, device=transition.device)


def _closed_classes(edges: np.ndarray) -> list[list[int]]:
    """Communicating classes that the chain cannot leave."""
    reach = edges | np.eye(len(edges), dtype=bool)
    for _ in range(int(np.ceil(np.log2(len(edges)))) if len(edges) > 1 else 0):
        reach = (reach.astype(np.float32) @ reach.astype(np.float32)) > 0
    both_ways = reach & reach.T
    classes = {tuple(np.flatnonzero(row)) for row in both_ways}
    return [
        [int(s) for s in members]
        for members in sorted(classes)
        if not np.delete(reach[members[0]], members).any()
    ]


def _eliminate_states(matrix: np.ndarray) -> np.ndarray:
    """Stationary law of an irreducible chain: censor the last state again and again, then go back."""
    n = len(matrix)
    # Ratios of a few probabilities of 1e-40 are beyond the range of doubles; their logarithms are not.
    with np.errstate(divide="ignore"):
        log = np.log(matrix)
    for k in range(n - 1, 0, -1):
        log[:k, k] -= np.logaddexp.reduce(log[k, :k])
        log[:k, :k] = np.logaddexp(log[:k, :k], log[:k, k, None] + log[k, :k])
    log_law = np.zeros(n)
    for k in range(1, n):
        log_law[k] = np.logaddexp.reduce(log_law[:k] + log[:k, k])
    law: np.ndarray = np.exp(log_law - log_law.max())
    return law / law.sum()


def random_hmm(
    n_states: int,
    n_tokens: int = 10,
    *,
    generator: int | np.random.RandomState,
    transition_temperature: float = 0.01,
    emission_temperature: float = 0.01,
    initial_temperature: float = 10.0,
    n_permutations: int | None = None,
    device: str | torch.device | None = None,
) -> HMM:
    """Draw an HMM as the paper's experiments do (its simulations, and the released generator).

    The transition matrix is a mixture Σ w_k P_k of random permutation matrices, w = softmax(U/temperature)
    with U uniform on [0, 1); emission rows and the initial law are softmax(U/temperature) too. Being
    doubly stochastic, the chain has the uniform stationary law.

    Draws are made in the order of the released code and from the same generator: an int seed gives the
    very HMM that the paper's first experiment used for that seed.

    Args:
        n_states: Number H of hidden states, ≥ 1.
        n_tokens: Size V of the vocabulary, ≥ 1; the paper's is 10.
        generator: Seed, or a numpy RandomState (advanced by the draw).
        transition_temperature: Temperature of the mixture weights, > 0; lower is more deterministic.
        emission_temperature: Temperature of the emission rows, > 0.
        initial_temperature: Temperature of the initial law, > 0.
        n_permutations: Number of permutations mixed; n_states by default, as in the paper.
        device: Where the model is put.

    Returns:
        The model, in float64.

    Raises:
        TypeError: A size is not an integer, a temperature is not a number, or the generator is of another
            kind.
        ValueError: A size below 1, a temperature that is not positive, a seed beyond 32 bits, or an unknown
            device.
    """
    n_states = check_positive_int(n_states, "n_states")
    n_tokens = check_positive_int(n_tokens, "n_tokens")
    count = n_states if n_permutations is None else check_positive_int(n_permutations, "n_permutations")
    random = drawing_generator(generator)
    initial = tempered(random.rand(n_states), initial_temperature, "initial_temperature")
    transition = permutation_mixture(n_states, count, transition_temperature, random)
    emission = emission_rows((n_states,), n_tokens, emission_temperature, random)
    return HMM(initial, transition, emission, device=device)
