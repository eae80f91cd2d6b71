"""Hard prompts: strings of real tokens before the blank, what they rule out, how soon they are forgotten."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_positive_int, distributions, real_tensor
from hmmlib._display import compact_repr, fields_html
from hmmlib.constructions.assumptions import AssumptionError, SearchGaveUpError
from hmmlib.constructions.dependencies import RTOL, analyse
from hmmlib.constructions.linear import check_mu
from hmmlib.constructions.prompts import prompt_head
from hmmlib.heads import LinearHead
from hmmlib.hmm import HMM
from hmmlib.lm import MaskedLM, blank_probs


@dataclass(frozen=True)
class HardPrompt:
    """A string of tokens before the blank, and the linear head that goes with it.

    Attributes:
        tokens: The string z_1 … z_k; it may be empty.
        head: The head, which reads Ḡ at the blank of (z_1, …, z_k, ∅, x).
        reached: B, the states that are left under the blank.
    """

    tokens: tuple[int, ...]
    head: LinearHead
    reached: tuple[int, ...]

    __repr__ = compact_repr
    _repr_html_ = fields_html

    def values(self, lm: MaskedLM, tokens: ArrayLike) -> Tensor:
        """The head's values on the prompted model.

        Args:
            lm: The language model.
            tokens: Texts x, integers 0 … V − 1, shape (batch, time).

        Returns:
            Values, shape (batch,), or (batch, n_classes).

        Raises:
            TypeError: The tokens are not integers.
            ValueError: Wrong shapes, a token out of range, or a text that cannot follow the string.
        """
        return self.head.values(self._probs(lm, tokens))

    def labels(self, lm: MaskedLM, tokens: ArrayLike) -> Tensor:
        """The classes that the head answers on the prompted model.

        Args:
            lm: The language model.
            tokens: Texts x, integers 0 … V − 1, shape (batch, time).

        Returns:
            Classes, int64, shape (batch,).

        Raises:
            TypeError: The tokens are not integers.
            ValueError: Wrong shapes, a token out of range, or a text that cannot follow the string.
        """
        return self.head.labels(self._probs(lm, tokens))

    def _probs(self, lm: MaskedLM, tokens: ArrayLike) -> Tensor:
        vectors = lm.embed(torch.tensor([self.tokens]))[0] if self.tokens else None
        return blank_probs(lm, tokens, vectors)


def shortest_hard_prompt(
    model: HMM, mu: ArrayLike, *, most_sets: int = 100_000, rtol: float = RTOL
) -> HardPrompt:
    """The shortest string of tokens that leaves what relaxed non-degeneracy asks for, and its head.

    After a string, the states that the blank may hide depend on which states were possible before and on
    which of them can emit each token, and on nothing else. So strings are paths through sets of states, of
    which there are fewer than 2^H, and a breadth-first search from supp π₀ finds a shortest string, or proves
    that there is none. Of several it returns the first in the order of the tokens.

    Example:
        >>> from hmmlib import HMM
        >>> from hmmlib.constructions import shortest_hard_prompt
        >>> coins = HMM([0.3, 0.3, 0.4], [[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, 0], [0.5, 0.5], [0, 1]])
        >>> found = shortest_hard_prompt(coins, [1, -1, 0])
        >>> found.tokens, found.reached
        ((0,), (0, 1))

    Args:
        model: The HMM.
        mu: Weights μ, shape (H,); or one row per class, shape (n_classes, H).
        most_sets: Give up after this many sets of states, ≥ 1.
        rtol: Relative tolerance for dependent columns.

    Returns:
        String and head.

    Raises:
        TypeError: The weights are not real numbers.
        ValueError: Wrong shapes or entries.
        AssumptionError: No string of any length will do.
        SearchGaveUpError: The search met `most_sets` sets before everything was tried.
    """
    weights = check_mu(mu, model)
    most_sets = check_positive_int(most_sets, "most_sets")
    wanted = _as_bits(((weights != 0).reshape(-1, model.n_states).any(0) & (model.initial > 0)).tolist())
    followers = [_as_bits(row) for row in (model.transition > 0).tolist()]
    emitters = [_as_bits(column) for column in (model.emission.T > 0).tolist()]
    start = _as_bits((model.initial > 0).tolist())
    reached_by: dict[int, tuple[int, ...]] = {start: ()}
    queue = deque([start])
    while queue:
        states = queue.popleft()
        if wanted & ~states == 0 and _independent(model, states, rtol):
            tokens = reached_by[states]
            head = prompt_head(model, weights, model.emission[:, list(tokens)].T, rtol=rtol)
            return HardPrompt(tokens, head, tuple(_as_states(states)))
        for token, able in enumerate(emitters):
            after = 0
            for state in _as_states(states & able):
                after |= followers[state]
            if after and after not in reached_by:
                if len(reached_by) >= most_sets:
                    raise SearchGaveUpError(
                        f"mu: no string found among those that lead to the first {most_sets} sets of states; "
                        "expected a suitable string, or a larger most_sets"
                    )
                reached_by[after] = (*reached_by[states], token)
                queue.append(after)
    raise AssumptionError(
        f"mu: no string of tokens, of any length, leaves a set of states that covers {_as_states(wanted)}, "
        f"which mu weighs, and has independent emission columns; strings lead to {len(reached_by)} sets; "
        "expected relaxed non-degeneracy for one of them"
    )


def projective_diameter(transition: ArrayLike) -> float:
    """ω, how far apart two distributions can be after one step of a chain, in Hilbert's projective metric.

    The metric of two positive vectors is d(p, q) = log max_h (p_h/q_h) − log min_h (p_h/q_h). A positive
    transition matrix brings any two distributions within ω of each other, and multiplies smaller distances by
    tanh(ω/4) at most (Birkhoff 1957). Multiplying entries by likelihoods changes no distance.

    Args:
        transition: Probabilities from each state (row) to each state (column), shape (H, H).

    Returns:
        ω ≥ 0, the largest distance of two rows; infinite if one has a zero where the other has none.

    Raises:
        TypeError: Not an array of numbers.
        ValueError: Not a square matrix, or rows that are no distributions.
    """
    table = real_tensor(transition, "transition")
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not len(table):
        raise ValueError(f"transition: expected shape (H, H), got {tuple(table.shape)}")
    table = distributions(table, "transition", ("row",), torch.float64, table.device)
    rows = table[:, (table > 0).any(0)].log()
    gaps = rows[:, None] - rows[None]  # −inf − (−inf) is nan: both are zero there
    largest = gaps.nan_to_num(nan=-math.inf, posinf=math.inf, neginf=-math.inf).amax(-1)
    return float((largest + largest.T).amax())


def forgetting_bound(transition: ArrayLike, length: int) -> float:
    """How much the front of a prompt can change what is shown, if its last `length` tokens stay as they are.

    Behind two prompts that are equal in their last j tokens, and have at least one more each, the
    distributions under the blank are within θ^j·ω of each other in Hilbert's metric, with ω of
    `projective_diameter` and θ = tanh(ω/4). A text after the blank changes no such distance. So whatever the
    text, what is shown at the blank differs by at most tanh(θ^j·ω/4) in total variation.

    Example:
        >>> from hmmlib.constructions import forgetting_bound
        >>> [round(forgetting_bound([[0.8, 0.2], [0.2, 0.8]], j), 3) for j in (0, 1, 2)]
        [0.6, 0.393, 0.244]

    Args:
        transition: Probabilities from each state (row) to each state (column), shape (H, H).
        length: Number j of tokens that both prompts end in, ≥ 0.

    Returns:
        The bound, in [0, 1]; 1 where ω is infinite.

    Raises:
        TypeError: Not an array of numbers, or a length that is not an integer.
        ValueError: Not a square matrix, rows that are no distributions, or a negative length.
    """
    diameter = projective_diameter(transition)
    length = check_positive_int(length, "length", 0)
    if math.isinf(diameter):
        return 1.0
    return math.tanh(math.tanh(diameter / 4) ** length * diameter / 4)


def _independent(model: HMM, states: int, rtol: float) -> bool:
    kept = _as_states(states)
    return len(kept) <= model.n_tokens and analyse(model.emission[kept].T, rtol).rank == len(kept)


def _as_bits(flags: list[bool]) -> int:
    return sum(1 << state for state, flag in enumerate(flags) if flag)


def _as_states(bits: int) -> list[int]:
    return [state for state in range(bits.bit_length()) if bits >> state & 1]
