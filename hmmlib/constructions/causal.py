"""Heads and prompts for causal models, which predict the next token from those before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, float_tensor
from hmmlib._display import compact_repr, fields_html
from hmmlib._texts import check_tokens
from hmmlib.constructions.assumptions import DependentColumnsError, UnreachableStateError, equation
from hmmlib.constructions.dependencies import RTOL, analyse, dependencies, leak_limit
from hmmlib.constructions.linear import check_mu
from hmmlib.heads import LinearHead
from hmmlib.hmm import HMM
from hmmlib.lm import MaskedLM, prepend_mask, prepend_prompt
from hmmlib.lm.base import check_lm, check_prompt

About = Literal["next", "last"]


@dataclass(frozen=True)
class SuffixPrompt:
    """A prompt vector behind the text, and the linear head that goes with it.

    Attributes:
        prompt: The vector u, shape (1, H).
        head: The head, which reads what is shown next after (∅, x, u).
        states: supp u, the states that the prompt leaves at its place.
    """

    prompt: Tensor
    head: LinearHead
    states: tuple[int, ...]

    __repr__ = compact_repr
    _repr_html_ = fields_html

    def values(self, lm: MaskedLM, tokens: ArrayLike) -> Tensor:
        """The head's values on the prompted model.

        Args:
            lm: The language model, causal or not.
            tokens: Texts x, integers 0 … V − 1, shape (batch, time).

        Returns:
            Values, shape (batch,), or (batch, n_classes).

        Raises:
            TypeError: The tokens are not integers.
            ValueError: Wrong shapes, a token out of range, or a text that the prompt cannot follow.
        """
        return self.head.values(next_probs(lm, tokens, behind=self.prompt))

    def labels(self, lm: MaskedLM, tokens: ArrayLike) -> Tensor:
        """The classes that the head answers on the prompted model.

        Args:
            lm: The language model, causal or not.
            tokens: Texts x, integers 0 … V − 1, shape (batch, time).

        Returns:
            Classes, int64, shape (batch,).

        Raises:
            TypeError: The tokens are not integers.
            ValueError: Wrong shapes, a token out of range, or a text that the prompt cannot follow.
        """
        return self.head.labels(next_probs(lm, tokens, behind=self.prompt))


def next_probs(
    lm: MaskedLM, tokens: ArrayLike, *, front: ArrayLike | None = None, behind: ArrayLike | None = None
) -> Tensor:
    """What a model shows of the next token: at the last blank of (front, ∅, x, behind, ∅).

    The first blank hides H_0, as everywhere in this library, so that x_1 comes one step later. At the last
    one a causal model has seen all that a masked one sees, and both show the same.

    Args:
        lm: The language model.
        tokens: Texts x, integers 0 … V − 1, shape (batch, time).
        front: Prompt vectors before the first blank, shape (k, embedding_dim); none by default.
        behind: Prompt vectors behind the text, shape (k, embedding_dim); none by default.

    Returns:
        Distributions of the next token, shape (batch, V).

    Raises:
        TypeError: The tokens are not integers, or a prompt is no array of numbers.
        ValueError: Wrong shapes, a token out of range, or what is impossible together.
    """
    check_lm(lm)
    texts = check_tokens(tokens, lm.n_tokens, advice="")
    rows = lm.embed(prepend_mask(lm, texts))
    last = lm.embed(texts.new_full((1, 1), lm.mask_token)).expand(len(rows), -1, -1)
    for name, vectors in (("front", front), ("behind", behind)):
        if vectors is not None:
            checked = _named(vectors, rows.shape[-1], name).to(rows)
            rows = prepend_prompt(checked, rows) if name == "front" else _appended(rows, checked)
    return lm.token_probs(torch.cat([rows, last], 1))[:, -1]


def causal_head(model: HMM, mu: ArrayLike, *, about: About = "next", rtol: float = RTOL) -> LinearHead:
    """The head on what is shown of the next token whose value is the margin of a causal task.

    What is shown after x_1 … x_T is W·P[H_{T+1} | x] = W·A·P[H_T | x]. So a question about the next state
    asks that μ lies in the row space of W, one about the last state that it lies in that of WA.

    Args:
        model: The HMM.
        mu: Weights μ, shape (H,); or one row per class, shape (n_classes, H).
        about: 'next' for the margin μᵀP[H_{T+1} | x], 'last' for μᵀP[H_T | x].
        rtol: Relative tolerance for dependent columns.

    Returns:
        The head, for `next_probs`.

    Raises:
        TypeError: The weights are not real numbers.
        ValueError: Wrong shapes or entries, or another word for `about`.
        DependentColumnsError: No b solves the equation; the message names the columns that are dependent.
    """
    weights = check_mu(mu, model)
    if not isinstance(about, str) or about not in get_args(About):
        raise ValueError(f"about: expected one of {get_args(About)}, got {about!r}")
    table = model.emission if about == "next" else model.transition @ model.emission
    return _solve(table, weights, "W" if about == "next" else "WA", list(range(model.n_states)), rtol)


def suffix_prompt(
    model: HMM, mu: ArrayLike, *, vector: ArrayLike | None = None, rtol: float = RTOL
) -> SuffixPrompt:
    """A prompt behind the text, and its head: all labels μᵀP[H_{T+1} | x] ≥ 0 of a causal model right.

    The vector stands where the next token would: it multiplies P[H_{T+1} = h | x] by u_h, and after one more
    step the model shows WA(u ⊙ p) up to its scale. So b has to solve (WA)_Rᵀb = (μ/u)_R on R = supp u. It
    exists if the columns of WA in R are independent, and R may be any set that covers supp μ.

    Example:
        >>> from hmmlib.constructions import suffix_prompt
        >>> from hmmlib.hmm import review_hmm
        >>> found = suffix_prompt(review_hmm(quotes=True), [0, 1, 0, -3])  # four states, three words
        >>> found.states
        (1, 3)

    Args:
        model: The HMM.
        mu: Weights μ, shape (H,); or one row per class, shape (n_classes, H).
        vector: u ≥ 0, shape (H,), such as the embedding `model.emission[:, z]` of a word; by default one
            for the states that μ weighs and zero for the others.
        rtol: Relative tolerance for dependent columns.

    Returns:
        Prompt and head.

    Raises:
        TypeError: Weights or vector are not real numbers.
        ValueError: Wrong shapes or entries, or nothing but zeros.
        UnreachableStateError: A state that mu weighs has u_h = 0.
        DependentColumnsError: No b solves the equation; the message names the columns that are dependent.
    """
    weights = check_mu(mu, model)
    weighed = (weights != 0).reshape(-1, model.n_states).any(0)
    if vector is None:
        if not weighed.any():
            raise ValueError("mu: every weight is zero; expected a state that is weighed")
        prompt = weighed.to(model.dtype)
    else:
        prompt = float_tensor(vector, "vector", model.dtype, model.device)
        if prompt.shape != (model.n_states,):
            raise ValueError(f"vector: expected shape ({model.n_states},), got {tuple(prompt.shape)}")
        if not torch.isfinite(prompt).all() or (prompt < 0).any() or not (prompt > 0).any():
            raise ValueError("vector: expected finite numbers >= 0, not all of them zero")
    if (weighed & (prompt == 0)).any():
        state = int((weighed & (prompt == 0)).nonzero()[0])
        raise UnreachableStateError(
            f"vector: is zero on state {state}, which mu weighs; expected a positive entry there", state
        )
    states = (prompt > 0).nonzero().flatten()
    table = (model.transition @ model.emission)[states]
    head = _solve(table, weights[..., states] / prompt[states], "WA", states.tolist(), rtol)
    return SuffixPrompt(prompt[None], head, tuple(states.tolist()))


def _solve(table: Tensor, target: Tensor, name: str, states: list[int], rtol: float) -> LinearHead:
    """The head b with table·b = target, rows of the table being columns of the matrix of this name."""
    columns, wanted = table.T.double(), target.double()
    weights = wanted @ analyse(columns, rtol).inverse
    residual = (weights @ columns - wanted).norm(dim=-1)
    if (residual > leak_limit(rtol) * wanted.norm(dim=-1)).any():
        found = dependencies(columns, rtol)
        vectors = torch.stack([dependency.vector(len(states)) for dependency in found])
        gaps = (vectors @ wanted.reshape(-1, len(states)).T).abs().amax(1) / vectors.norm(dim=1)
        named = found[int(gaps.argmax())].renamed(states)
        raise DependentColumnsError(
            f"mu: {equation(named, lambda state: f'{name}[:, {state}]')}, so that no head tells these states "
            "apart as mu asks; expected independent columns, or mu in the row space",
            named,
        )
    return LinearHead(weights.to(table.dtype))


def _named(vectors: ArrayLike, size: int, name: str) -> Tensor:
    """A prompt as a tensor; what is wrong with it is said of the argument of this name."""
    try:
        return check_prompt(vectors, size)
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("prompt", name, 1)) from None


def _appended(rows: Tensor, vectors: Tensor) -> Tensor:
    return torch.cat([rows, vectors.expand(len(rows), -1, -1)], 1)
