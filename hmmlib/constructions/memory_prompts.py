"""Prompts that condition the memory, with the attention head (the paper's Section 4, second part)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_cell, check_kind, check_positive, check_positive_int, float_tensor
from hmmlib._display import compact_repr, fields_html
from hmmlib.constructions.assumptions import AssumptionError
from hmmlib.constructions.attention import head_of_recovery
from hmmlib.constructions.dependencies import RTOL
from hmmlib.constructions.linear import check_weights
from hmmlib.constructions.recoverable import recovery
from hmmlib.heads import AttentionHead
from hmmlib.hmm import MemoryHMM
from hmmlib.lm import MaskedLM, text_probs


@dataclass(frozen=True)
class MemoryPrompt:
    """A prompt that conditions the memory, and the attention head that goes with it.

    Attributes:
        prompt: One vector u, shape (1, |ℳ|·N·|𝒮|).
        n_blanks: Number of blanks between prompt and text.
        head: The head, which reads Ḡ at the text's positions.
        values_kept: ℳ*, the values of the cell that the prompt leaves.
        start_error: δ = max_h |ρ_h/π_h − 1|, how far the distribution ρ of the text's first hidden state is
            from the distribution π that it has without a prompt. With one cell and no blanks it is 0.
    """

    prompt: Tensor
    n_blanks: int
    head: AttentionHead
    values_kept: tuple[int, ...]
    start_error: float

    __repr__ = compact_repr
    _repr_html_ = fields_html

    def probs(self, lm: MaskedLM, tokens: ArrayLike) -> Tensor:
        """What the prompted model shows at the tokens of the texts.

        Args:
            lm: The language model.
            tokens: Texts x, integers 0 … V − 1, shape (batch, time).

        Returns:
            Token distributions, shape (batch, time, V).

        Raises:
            TypeError: The tokens are not integers.
            ValueError: Wrong shapes, a token out of range, or a text that cannot follow the prompt.
        """
        return text_probs(lm, tokens, self.prompt, self.n_blanks)

    def values(self, lm: MaskedLM, tokens: Tensor) -> Tensor:
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
        return self.head.values(self.probs(lm, tokens), tokens)

    def labels(self, lm: MaskedLM, tokens: Tensor) -> Tensor:
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
        return self.head.labels(self.probs(lm, tokens), tokens)


def memory_prompt(
    model: MemoryHMM,
    mu: ArrayLike,
    *,
    cell: int = 0,
    states: Sequence[int] | None = None,
    n_blanks: int | None = None,
    tolerance: float = 1e-9,
    temperature: float = 0.0,
    rtol: float = RTOL,
) -> MemoryPrompt:
    """A prompt that lets only values weighed by μ into a cell, and its attention head (Section 4).

    The prompt is u_{(m,(j,s))} = 1[j = j*, m ∈ ℳ*] with ℳ* = supp μ. As the memory never changes, one vector
    conditions it for the whole text, and only columns that still occur have to satisfy the condition on
    recoverable states.

    With one cell the prompt takes the place of the blank, and leaves the chain alone. With several it also
    forces the chain to begin by reading cell j*. Blanks between prompt and text let the chain forget that;
    how far it has is `start_error` δ. Where some key is one, the label is right if
    |μᵀP[M_{j*} | x]| > P[M_{j*} ∈ ℳ* | x]·b with the bound b of `start_error_bound`.

    Args:
        model: The memory-augmented HMM. With several cells, its memory has to be independent of the first
            chain state, and that state's distribution stationary if the chain is to forget the prompt.
        mu: Weights μ of the values, shape (|ℳ|,); or one row per class, shape (n_classes, |ℳ|).
        cell: The cell j*, 0 … N − 1.
        states: S*; the largest recoverable set by default.
        n_blanks: Number of blanks; as many as bring δ to `tolerance` by default. With one cell, 0.
        tolerance: The δ wanted, > 0; read only where `n_blanks` is None.
        temperature: Of the attention; 0, hard attention, is the paper's.
        rtol: Relative tolerance for dependent columns.

    Returns:
        Prompt, number of blanks, head.

    Raises:
        TypeError: Weights that are not real numbers; a cell, state or number of blanks that is not an
            integer.
        ValueError: Wrong shapes or entries, no weight that is not zero, no such cell or state, a negative
            number of blanks.
        AssumptionError: The states are not recoverable under the prompt, no content fits the prompt, the
            memory depends on the first chain state, or no number of blanks makes the chain forget.
    """
    check_kind(model, MemoryHMM, "model", "a MemoryHMM")
    weights = check_weights(mu, model.n_values, model.dtype, model.device)
    cell = check_cell(cell, model.n_cells)
    weighed = (weights != 0).reshape(-1, model.n_values).any(0)
    kept = tuple(weighed.nonzero().flatten().tolist())
    if not kept:
        raise ValueError("mu: every weight is zero; expected at least one value of the cell that is weighed")
    shape = (model.n_values, model.n_cells, model.n_syntax)
    prompt = torch.zeros(shape, dtype=model.dtype, device=model.device)
    prompt[list(kept), cell] = 1.0
    prompt = prompt.reshape(1, -1)
    if not (model.chain.initial * prompt[0, model.chain.columns] > 0).any():
        raise AssumptionError(
            f"mu: the chain never starts reading cell {cell} with a value among {list(kept)}; expected a "
            "positive initial probability of that"
        )
    found = recovery(model, cell=cell, states=states, values=kept, rtol=rtol)
    if n_blanks is not None:
        n_blanks = check_positive_int(n_blanks, "n_blanks", 0)
    count, error = _blanks(model, cell, n_blanks, check_positive(tolerance, "tolerance"))
    return MemoryPrompt(prompt, count, head_of_recovery(model, weights, found, temperature), kept, error)


def start_errors(model: MemoryHMM, cell: int, most_blanks: int) -> list[float]:
    """How far a prompt for a cell still moves the text's first state, after each number of blanks.

    Args:
        model: The memory-augmented HMM; with several cells, its memory independent of the first chain
            state.
        cell: The cell j* that the prompt forces the chain to begin with, 0 … N − 1.
        most_blanks: The largest number of blanks, ≥ 0.

    Returns:
        δ_k = max_h |ρ_h/π_h − 1| for k = 0 … most_blanks; infinite where ρ_h > 0 = π_h. With one cell the
        distributions are those under each content; the prompt alone changes nothing, and blanks do unless the
        start is stationary.

    Raises:
        TypeError: The cell or the number is not an integer.
        ValueError: No such cell, or a negative number.
        AssumptionError: The memory depends on the first chain state, or the chain never starts in the cell.
    """
    most_blanks = check_positive_int(most_blanks, "most_blanks", 0)
    return list(islice(_errors_by_blanks(model, check_cell(cell, model.n_cells)), most_blanks + 1))


def start_error_bound(mu: ArrayLike, start_error: float) -> float:
    """How far a prompt that still moves the text's first state can take the head from the margin given ℳ*.

    If the distribution of the first state is off by δ = `start_error`, so are the likelihoods of a text under
    the values of the cell: they are multiplied by factors in [1 − δ, 1 + δ]. That moves the posterior over
    ℳ* = supp μ by at most δ/(1 + √(1 − δ²)) in total variation, and its margin by that times max μ − min μ
    over ℳ*. No smaller number bounds it for all models.

    Args:
        mu: Weights μ of the values, shape (|ℳ|,).
        start_error: δ ≥ 0, as of `MemoryPrompt` or `start_errors`; may be infinite.

    Returns:
        The bound, at most max μ − min μ over ℳ*; 0 where one value is kept.

    Raises:
        TypeError: Weights that are not real numbers, or a δ that is not a number.
        ValueError: Another shape, no weight that is not zero, or a negative δ.
    """
    weights = float_tensor(mu, "mu", torch.float64, torch.device("cpu"))
    if weights.ndim != 1 or not torch.isfinite(weights).all():
        raise ValueError(f"mu: expected finite weights of shape (|ℳ|,), got shape {tuple(weights.shape)}")
    kept = weights[weights != 0]
    if not len(kept):
        raise ValueError("mu: every weight is zero; expected at least one value of the cell that is weighed")
    if isinstance(start_error, bool) or not isinstance(start_error, int | float):
        raise TypeError(f"start_error: expected a number >= 0, got {start_error!r}")
    if not start_error >= 0:
        raise ValueError(f"start_error: expected a number >= 0, got {start_error}")
    delta = min(float(start_error), 1.0)
    return float(kept.max() - kept.min()) * delta / (1 + math.sqrt(1 - delta**2))


def _errors_by_blanks(model: MemoryHMM, cell: int) -> Iterator[float]:
    """δ_0, δ_1, … without end; see `start_errors`."""
    chain = model.chain
    if model.n_cells == 1:  # every state is let through, so that memory and chain may be dependent
        distribution = usual = chain.initial @ chain.transition
    else:
        distribution, usual = (start @ chain.transition for start in _starts_with_and_without(model, cell))
    while True:
        ratio = torch.where(usual > 0, distribution / usual, torch.where(distribution > 0, torch.inf, 1.0))
        yield float((ratio - 1).abs().max())
        distribution = distribution @ chain.transition


def _starts_with_and_without(model: MemoryHMM, cell: int) -> tuple[Tensor, Tensor]:
    """The distribution of the first chain state given that it reads the cell, and that without a prompt."""
    chain = model.chain
    memory, start = chain.initial.sum(1), chain.initial.sum(0)
    gap = (chain.initial - memory[:, None] * start).abs()
    if gap.max() > (1e-12 if model.dtype == torch.float64 else 1e-6):
        content, state = divmod(int(gap.argmax()), len(start))
        raise AssumptionError(
            f"initial: the memory depends on the first chain state: content {content} and chain state "
            f"{state} have probability {float(chain.initial[content, state]):.6g}, independence gives "
            f"{float(memory[content] * start[state]):.6g}; expected independence where a prompt has to leave "
            "several cells alone"
        )
    inside = torch.zeros_like(start).reshape(model.n_cells, model.n_syntax)
    inside[cell] = 1.0
    distribution = start * inside.reshape(-1)
    if not distribution.sum() > 0:
        raise AssumptionError(f"initial: the chain never starts reading cell {cell}; expected that it can")
    return distribution / distribution.sum(), start


_MOST_BLANKS = 1000


def _blanks(model: MemoryHMM, cell: int, n_blanks: int | None, tolerance: float) -> tuple[int, float]:
    """The number of blanks, and the start error that it leaves."""
    if n_blanks is not None:
        return n_blanks, start_errors(model, cell, n_blanks)[-1]
    error = 0.0
    for count, error in enumerate(islice(_errors_by_blanks(model, cell), _MOST_BLANKS + 1)):
        if error <= tolerance:
            return count, error
    raise AssumptionError(
        f"n_blanks: after {_MOST_BLANKS} blanks the distribution of the text's first state is still off by "
        f"{error:.2g}, relative to that without a prompt; expected at most {tolerance:g} (does the chain "
        "start in its stationary distribution, and mix?)"
    )
