"""Text from causal language models, token by token, and how probable given tokens are to them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, as_tensor, check_positive, check_positive_int
from hmmlib._display import compact_repr
from hmmlib._random import sampling_generator
from hmmlib._texts import check_tokens
from hmmlib.lm._unchecked import probs_at
from hmmlib.lm.base import MaskedLM, check_lm, conditioned_on


class Generated(NamedTuple):
    """What a model wrote after prefixes.

    Attributes:
        tokens: The new tokens, int64, shape (batch, n_new).
        log_probs: Log-probability with which each was drawn, nats, double precision, the same shape.
    """

    tokens: Tensor
    log_probs: Tensor

    def __repr__(self) -> str:
        return compact_repr(self)


def generate(
    lm: MaskedLM,
    prefix: ArrayLike,
    n_new: int,
    *,
    generator: int | torch.Generator,
    temperature: float = 1.0,
    allowed: ArrayLike | None = None,
) -> Generated:
    """Let a causal model go on with texts, each token drawn given all before it.

    A token v is drawn with a probability proportional to P[v | before]^(1 / temperature), among those that
    are allowed at its place: the largest logarithm wins, after Gumbel noise. At a temperature near 0 that is
    the most probable token.

    Example:
        >>> from hmmlib import HMM
        >>> from hmmlib.lm import ExactCausalLM, generate
        >>> turn = HMM([1.0, 0.0, 0.0], [[0, 1, 0], [0, 0, 1], [1, 0, 0]], [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
        >>> generate(ExactCausalLM(turn), [[0, 1]], 4, generator=0).tokens
        tensor([[2, 0, 1, 2]])

    Args:
        lm: Causal language model (``conditioned_on='past'``), used as it is: a network in training mode has
            its dropout.
        prefix: Beginnings of texts, integers 0 … V − 1, shape (batch, time); time may be 0. A row for each
            text that is wanted.
        n_new: Number of tokens to write, ≥ 1.
        generator: Seed, or a torch.Generator on the model's device.
        temperature: Above 0.
        allowed: Which tokens may stand at each new place, booleans, shape (n_new, V); all by default.

    Returns:
        The new tokens, and the log-probability of each as `sequence_log_probs` has it, on the model's device.

    Raises:
        TypeError: Not a language model, tokens or a number that are not integers, a mask that is not boolean,
            or another generator.
        ValueError: A model that is not causal; wrong shapes, an empty batch or a token out of range; fewer
            than one new token, or a temperature of 0 or below; no token allowed somewhere, or none of
            positive probability.
    """
    _check_causal(lm)
    before = check_tokens(prefix, lm.n_tokens, advice="", empty=True, name="prefix")
    n_new = check_positive_int(n_new, "n_new")
    temperature = check_positive(temperature, "temperature")
    may = _check_allowed(allowed, n_new, lm.n_tokens)
    found = []
    with torch.no_grad():
        # The blank holds the place of the token that is asked for; a causal model does not look at it.
        blank = before.new_full((len(before), 1), lm.mask_token)
        device = lm.embed(blank).device
        text, blank = before.to(device), blank.to(device)
        random = sampling_generator(generator, device)
        for step in range(n_new):
            probs = probs_at(lm, lm.embed(torch.cat([text, blank], 1)), text.shape[1])
            here = None if may is None else may[step : step + 1]
            laws = _laws(probs[:, None], here, temperature, step)[:, 0]
            waiting = torch.empty_like(laws).exponential_(generator=random)
            token = (laws - waiting.log()).argmax(-1, keepdim=True)
            found.append(laws.gather(-1, token))
            text = torch.cat([text, token], 1)
    return Generated(text[:, before.shape[1] :], torch.cat(found, 1))


def sequence_log_probs(
    lm: MaskedLM,
    tokens: ArrayLike,
    from_position: int,
    allowed: ArrayLike | None = None,
    *,
    temperature: float = 1.0,
) -> Tensor:
    """Log-probability of each token of texts given those before it, from a position on.

    Their sums are log P[x_i, …, x_T | x_0, …, x_{i−1}]. With the same `allowed` and temperature they are
    those with which `generate` would draw the tokens.

    Example:
        >>> from hmmlib import HMM
        >>> from hmmlib.lm import ExactCausalLM, sequence_log_probs
        >>> coin = HMM([1.0], [[1.0]], [[0.5, 0.25, 0.25]])
        >>> sequence_log_probs(ExactCausalLM(coin), [[0, 1, 2]], 1).exp()
        tensor([[0.2500, 0.2500]], dtype=torch.float64)
        >>> sequence_log_probs(ExactCausalLM(coin), [[0, 1, 0]], 2, [[True, True, False]]).exp()
        tensor([[0.6667]], dtype=torch.float64)

    Args:
        lm: Causal language model (``conditioned_on='past'``), used as it is: a network in training mode has
            its dropout.
        tokens: Texts, integers 0 … V − 1, shape (batch, time).
        from_position: The first position that is asked about, 0 … time − 1.
        allowed: Which tokens may stand at each of these, booleans, shape (time − from_position, V); the
            others have no probability. All by default.
        temperature: Above 0.

    Returns:
        Nats, double precision, on the model's device, shape (batch, time − from_position); −inf for a token
        that cannot stand there. They carry gradients if the weights do.

    Raises:
        TypeError: Not a language model, tokens or a position that are not integers, or a mask that is not
            boolean.
        ValueError: A model that is not causal; wrong shapes, an empty batch or a token out of range; no such
            position; a temperature of 0 or below; no token allowed somewhere, or none of positive
            probability.
    """
    _check_causal(lm)
    texts = check_tokens(tokens, lm.n_tokens, advice="")
    first, time = check_positive_int(from_position, "from_position", 0), texts.shape[1]
    if first >= time:
        raise ValueError(f"from_position: expected 0 … {time - 1}, got {first}")
    temperature = check_positive(temperature, "temperature")
    may = _check_allowed(allowed, time - first, lm.n_tokens)
    laws = _laws(lm.token_probs(lm.embed(texts))[:, first:], may, temperature, 0)
    return laws.gather(-1, texts[:, first:, None].to(laws.device))[..., 0]


def _laws(probs: Tensor, allowed: Tensor | None, temperature: float, first_step: int) -> Tensor:
    """Logarithms of the distributions that tokens are drawn from, double precision, (batch, steps, V)."""
    logs = probs.double().log()
    if allowed is not None:
        logs = logs.masked_fill(~allowed.to(logs.device), -torch.inf)
    largest = logs.detach().amax(-1, keepdim=True)
    none = (largest[..., 0] == -torch.inf).nonzero()
    if len(none):
        row, step = none[0].tolist()
        raise ValueError(
            f"allowed: at step {first_step + step} every allowed token has probability 0 after sequence "
            f"{row}; expected one that can follow"
        )
    # From the largest on, lest a very low temperature make all of them infinite.
    return ((logs - largest) / temperature).log_softmax(-1)


def _check_causal(lm: MaskedLM) -> None:
    if conditioned_on(check_lm(lm)) != "past":
        raise ValueError(
            f"lm: {type(lm).__name__} predicts each token from all others; expected a causal model "
            "(conditioned_on='past')"
        )


def _check_allowed(allowed: ArrayLike | None, steps: int, n_tokens: int) -> Tensor | None:
    """Which tokens may stand at each step, boolean (steps, V), or None."""
    if allowed is None:
        return None
    found = as_tensor(allowed, "allowed", f"booleans of shape ({steps}, {n_tokens})")
    if found.dtype != torch.bool:
        raise TypeError(f"allowed: expected booleans (True = may stand there), got {found.dtype}")
    if found.shape != (steps, n_tokens):
        raise ValueError(f"allowed: expected shape ({steps}, {n_tokens}), got {tuple(found.shape)}")
    none = (~found.any(1)).nonzero()
    if len(none):
        raise ValueError(f"allowed: step {int(none[0])} allows no token; expected one or more")
    return found
