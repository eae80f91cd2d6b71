"""Soft prompts for a vanilla HMM, with their heads (the paper's Section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_kind, check_positive_int, float_tensor
from hmmlib._display import compact_repr, fields_html
from hmmlib.constructions.assumptions import (
    AssumptionError,
    DependentColumnsError,
    SearchGaveUpError,
    UnreachableStateError,
    equation,
)
from hmmlib.constructions.dependencies import RTOL, analyse, dependencies
from hmmlib.constructions.linear import check_mu, head_for_prior
from hmmlib.heads import LinearHead
from hmmlib.hmm import HMM
from hmmlib.lm import MaskedLM, blank_probs


@dataclass(frozen=True)
class SoftPrompt:
    """A prompt and the linear head that goes with it.

    Attributes:
        prompt: The vectors u_1 … u_k, shape (k, H).
        head: The head, which reads Ḡ at the blank of (u, ∅, x).
        states: The prompt states, supp u; those that the prompt lets the chain start in.
        reached: B, the states that can follow them: those left under the blank.
    """

    prompt: Tensor
    head: LinearHead
    states: tuple[int, ...]
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
            ValueError: Wrong shapes, a token out of range, or a text that cannot follow the prompt.
        """
        return self.head.values(blank_probs(lm, tokens, self.prompt))

    def labels(self, lm: MaskedLM, tokens: ArrayLike) -> Tensor:
        """The classes that the head answers on the prompted model.

        Args:
            lm: The language model.
            tokens: Texts x, integers 0 … V − 1, shape (batch, time).

        Returns:
            Classes, int64, shape (batch,).

        Raises:
            TypeError: The tokens are not integers.
            ValueError: Wrong shapes, a token out of range, or a text that cannot follow the prompt.
        """
        return self.head.labels(blank_probs(lm, tokens, self.prompt))


def prompted_prior(model: HMM, prompt: ArrayLike) -> Tensor:
    """ρ, the distribution of the state under the blank of (u_1, …, u_k, ∅), before any text is seen.

    Each vector multiplies the distribution of its state, and the chain takes a step:
    ρ = A diag(u_k) A diag(u_{k-1}) … A diag(u_1) π₀, rescaled to sum to one (Section 3.1).

    Args:
        model: The HMM.
        prompt: The vectors u_1 … u_k, non-negative, shape (k, H).

    Returns:
        ρ, shape (H,).

    Raises:
        TypeError: The prompt does not hold real numbers.
        ValueError: Wrong shape, an entry that is negative or not finite, or a prompt that no state fits.
    """
    check_kind(model, HMM, "model", "an HMM")
    distribution = model.initial
    for index, vector in enumerate(_check_prompt(prompt, model)):
        weighed = vector * distribution
        total = weighed.sum()
        if not total > 0:
            raise ValueError(
                f"prompt: vector {index} is zero on every state that the chain can be in there; expected a "
                f"positive entry among states {(distribution > 0).nonzero().flatten().tolist()}"
            )
        distribution = (weighed / total) @ model.transition
    return distribution


def prompt_head(model: HMM, mu: ArrayLike, prompt: ArrayLike, *, rtol: float = RTOL) -> LinearHead:
    """The head b = (W_B⁺)ᵀ(μ ⊙ π₀/ρ)_B that goes with a given prompt, B = supp ρ (Section 3.1).

    The paper asks for independent columns of W_B. It is enough that (μ ⊙ π₀/ρ)_B is in the row space of W_B.

    Args:
        model: The HMM.
        mu: Weights μ, shape (H,); or one row per class, shape (n_classes, H).
        prompt: The vectors u_1 … u_k, non-negative, shape (k, H).
        rtol: Emission columns count as dependent where singular values fall below this share of the
            largest.

    Returns:
        The head, for the blank of (u_1, …, u_k, ∅, x).

    Raises:
        TypeError: Weights or prompt do not hold real numbers.
        ValueError: Wrong shapes or entries, or a prompt that no state fits.
        UnreachableStateError: A state that mu weighs has probability zero under the blank.
        DependentColumnsError: No b does it; the message names the columns that are dependent.
    """
    return head_for_prior(model, check_mu(mu, model), prompted_prior(model, prompt), rtol)


def soft_prompt(
    model: HMM, mu: ArrayLike, *, states: Sequence[int] | None = None, rtol: float = RTOL
) -> SoftPrompt:
    """A prompt that switches states off, and its head: every label F*(x) right (Section 3.1).

    The prompt is the indicator u_h = 1[h ∈ states]. Under the blank it leaves the states B that can follow
    one of them. The theorem asks that B covers the states that mu weighs and that the columns of W_B are
    independent (*relaxed non-degeneracy*).

    Example:
        >>> from hmmlib import random_hmm, soft_prompt
        >>> from hmmlib.constructions import find_prompt_states
        >>> from hmmlib.hmm import random_sparse_hmm
        >>> hmm = random_sparse_hmm(6, 4, generator=2)  # more states than tokens
        >>> mu = [0, 0, 0, 0, 1, -1]
        >>> states = find_prompt_states(hmm, mu)
        >>> states
        (0, 3)
        >>> soft_prompt(hmm, mu, states=states).prompt.numpy()
        array([[1., 0., 0., 1., 0., 0.]])

    Args:
        model: The HMM.
        mu: Weights μ, shape (H,); or one row per class, shape (n_classes, H).
        states: The prompt states; searched for by `find_prompt_states` by default.
        rtol: Relative tolerance for dependent columns.

    Returns:
        Prompt and head.

    Raises:
        TypeError: The weights are not real numbers, or a state is not an integer.
        ValueError: Wrong shapes or entries, no such state.
        AssumptionError: The assumption does not hold; the message names the state that is out of reach, or
            the columns that are dependent, or says that no set of prompt states exists.
    """
    weights = check_mu(mu, model)
    chosen = find_prompt_states(model, weights, rtol=rtol) if states is None else _check_states(states, model)
    prompt = torch.zeros(1, model.n_states, dtype=model.dtype, device=model.device)
    prompt[0, list(chosen)] = 1.0
    prior = prompted_prior(model, prompt)
    head = head_for_prior(model, weights, prior, rtol)
    return SoftPrompt(prompt, head, chosen, tuple((prior > 0).nonzero().flatten().tolist()))


def find_prompt_states(
    model: HMM, mu: ArrayLike, *, rtol: float = RTOL, most_sets: int = 10_000
) -> tuple[int, ...]:
    """Search for prompt states whose followers B cover supp μ and have independent emission columns.

    The search is complete. Any set that will do has, for each state that mu weighs, a member which that
    state can follow, and what follows a part of the set is a part of what follows the whole. So it suffices
    to cover the states that mu weighs one by one, trying all their predecessors, and to turn back as soon as
    columns become dependent.

    Args:
        model: The HMM.
        mu: Weights μ, shape (H,); or one row per class, shape (n_classes, H).
        rtol: Relative tolerance for dependent columns.
        most_sets: Give up after looking at so many sets B, ≥ 1.

    Returns:
        The prompt states, in increasing order; none of them can be left out.

    Raises:
        TypeError: The weights are not real numbers.
        ValueError: Wrong shapes or entries.
        UnreachableStateError: A state that mu weighs follows no state that the chain can start in.
        DependentColumnsError: Whatever leads to some state that mu weighs also leads to states with
            dependent columns.
        SearchGaveUpError: `most_sets` sets were looked at; there may be one among the others.
        AssumptionError: No set of prompt states will do.
    """
    weights = check_mu(mu, model)
    most_sets = check_positive_int(most_sets, "most_sets")
    starts = (model.initial > 0).nonzero().flatten().tolist()
    followers = {c: frozenset((model.transition[c] > 0).nonzero().flatten().tolist()) for c in starts}
    weighed = ((weights != 0).reshape(-1, model.n_states).any(0) & (model.initial > 0)).nonzero()
    wanted = frozenset(weighed.flatten().tolist())
    if not wanted:  # every margin is zero, whatever the prompt
        return (starts[0],)

    known: dict[frozenset[int], bool] = {}

    def independent(states: frozenset[int]) -> bool:
        if states not in known:
            if len(known) >= most_sets:
                raise SearchGaveUpError(
                    f"mu: no prompt states found among the first {most_sets} sets looked at; expected a "
                    "suitable set, or a larger most_sets"
                )
            columns = model.emission[sorted(states)].T
            known[states] = len(states) <= model.n_tokens and analyse(columns, rtol).rank == len(states)
        return known[states]

    before: dict[int, list[int]] = {}
    for state in sorted(wanted):
        leading = [c for c in starts if state in followers[c]]
        before[state] = [c for c in leading if independent(followers[c])]
        if not leading:
            raise UnreachableStateError(
                f"mu: state {state}, which mu weighs, follows no state that the chain can start in; "
                "expected weights on states that can follow one",
                state,
            )
        if not before[state]:
            fewest = min(leading, key=lambda c: len(followers[c]))
            raise _no_way(model, state, fewest, sorted(followers[fewest]), rtol)

    tried: set[frozenset[int]] = set()

    def cover(chosen: tuple[int, ...], reached: frozenset[int]) -> tuple[int, ...] | None:
        missing = wanted - reached
        if not missing:
            return chosen
        hardest = min(missing, key=lambda state: (len(before[state]), state))
        for c in sorted(before[hardest], key=lambda c: len(followers[c] - reached)):
            larger = reached | followers[c]
            if larger in tried:
                continue
            tried.add(larger)
            if independent(larger) and (found := cover((*chosen, c), larger)) is not None:
                return found
        return None

    found = cover((), frozenset())
    if found is None:
        raise AssumptionError(
            f"mu: no set of prompt states exists: each set whose followers cover the states {sorted(wanted)} "
            "that mu weighs leads to states with dependent emission columns; expected relaxed non-degeneracy"
        )
    # A later member may lead to what an earlier one was chosen for.
    kept = sorted(found)
    for c in found:
        others = [other for other in kept if other != c]
        if wanted <= frozenset().union(*(followers[other] for other in others)):
            kept = others
    return tuple(kept)


def _no_way(model: HMM, state: int, leader: int, followers: list[int], rtol: float) -> DependentColumnsError:
    named = dependencies(model.emission[followers].T, rtol)[0].renamed(followers)
    return DependentColumnsError(
        f"mu: every state that leads to state {state}, which mu weighs, also leads to states with dependent "
        f"emission columns; after state {leader}: {equation(named, lambda h: f'W[:, {h}]')}; expected "
        "independent columns after at least one of them",
        named,
    )


def _check_states(states: Sequence[int], model: HMM) -> tuple[int, ...]:
    chosen = sorted({check_positive_int(state, "states", 0) for state in states})
    if not chosen:
        raise ValueError("states: expected at least one prompt state, got none")
    if chosen[-1] >= model.n_states:
        raise ValueError(f"states: expected 0 … {model.n_states - 1}, got {chosen[-1]}")
    if not (model.initial[chosen] > 0).any():
        raise UnreachableStateError(
            f"states: the chain starts in none of the prompt states {chosen}; expected at least one of "
            f"{(model.initial > 0).nonzero().flatten().tolist()}",
            chosen[0],
        )
    return tuple(chosen)


def _check_prompt(prompt: ArrayLike, model: HMM) -> Tensor:
    vectors = float_tensor(prompt, "prompt", model.dtype, model.device)
    if vectors.ndim != 2 or vectors.shape[1] != model.n_states:
        raise ValueError(f"prompt: expected shape (k, {model.n_states}), got {tuple(vectors.shape)}")
    bad = (~torch.isfinite(vectors) | (vectors < 0)).nonzero()
    if len(bad):
        row, state = (int(i) for i in bad[0])
        raise ValueError(
            f"prompt: vector {row}, state {state} is {float(vectors[row, state]):g}; expected a finite "
            "number >= 0"
        )
    return vectors
