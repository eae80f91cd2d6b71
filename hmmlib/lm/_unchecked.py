"""How a model is asked about texts that were checked at the door: see `hmmlib.lm.readings` for the door."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from hmmlib.lm._modules import module_of
from hmmlib.lm.base import MaskedLM, OnePositionLM, led_by_blanks, prepend_prompt
from hmmlib.lm.masking import Masking
from hmmlib.lm.remembered import RememberedLM

# Numbers in the embeddings that are held at once where no gradients are kept. What a model makes of them
# takes more room; how much of that it holds at once is for the model to say.
_EMBEDDED = 1 << 24


def no_prompt(lm: MaskedLM) -> Tensor:
    """The prompt of no vectors, shape (0, embedding_dim)."""
    return torch.empty(0, lm.embedding_dim, dtype=torch.float64, device="cpu")


def split_texts(lm: MaskedLM, texts: Tensor, n_before: int) -> Iterator[Tensor]:
    """The texts, a part at a time.

    Args:
        lm: The language model.
        texts: int64, shape (n, time).
        n_before: Number of positions that are put before each text.

    Yields:
        Some of the texts.
    """
    yield from texts.split(max(1, _EMBEDDED // ((n_before + texts.shape[1]) * lm.embedding_dim)))


def keeps_graph(lm: MaskedLM, prompt: Tensor) -> bool:
    """Whether what the model shows is to carry gradients, to the prompt or to weights."""
    module = module_of(lm)
    weights = () if module is None else module.parameters()
    return torch.is_grad_enabled() and any(part.requires_grad for part in (prompt, *weights))


def at_blank(lm: MaskedLM, texts: Tensor, prompt: Tensor) -> Tensor:
    """The distributions at the blanks of (u_1, …, u_k, ∅, x).

    Args:
        lm: The language model.
        texts: x, int64, 0 … V − 1, shape (n, time).
        prompt: u, shape (k, embedding_dim).

    Returns:
        Ḡ_∅, shape (n, V).
    """
    if isinstance(lm, RememberedLM):
        model = lm.model
        if keeps_graph(model, prompt):
            return at_blank(model, texts, prompt)
        return lm.answer("blank", (texts, prompt), lambda: at_blank(model, texts, prompt))

    def shown(some: Tensor) -> Tensor:
        return probs_at(lm, prepend_prompt(prompt, lm.embed(led_by_blanks(lm, some))), len(prompt))

    if keeps_graph(lm, prompt):
        return shown(texts)
    return torch.cat([shown(some) for some in split_texts(lm, texts, len(prompt) + 1)])


def after_prompt(
    lm: MaskedLM, texts: Tensor, prompt: Tensor, n_blanks: int, blanked: bool, masking: Masking | None
) -> Tensor:
    """The distributions at blanks and words of (u_1, …, u_k, ∅, …, ∅, x).

    Args:
        lm: The language model.
        texts: x, int64, 0 … V − 1, shape (n, time).
        prompt: u, shape (k, embedding_dim).
        n_blanks: Number of blanks.
        blanked: Whether each word is hidden when it is asked for.
        masking: What the model was trained under, to be taken out of the distributions at words; or None.

    Returns:
        Ḡ, shape (n, n_blanks + time, V).
    """
    if isinstance(lm, RememberedLM):
        model = lm.model
        if keeps_graph(model, prompt):
            return after_prompt(model, texts, prompt, n_blanks, blanked, masking)
        if masking is not None:
            return _read_off(
                after_prompt(lm, texts, prompt, n_blanks, blanked, None), texts, n_blanks, masking
            )
        return lm.answer(
            ("words", n_blanks, blanked),
            (texts, prompt),
            lambda: after_prompt(model, texts, prompt, n_blanks, blanked, None),
        )

    def embedded(seen: Tensor) -> Tensor:
        return prepend_prompt(prompt, lm.embed(seen))

    def asked(some: Tensor) -> Tensor:
        seen = led_by_blanks(lm, some, n_blanks)
        if blanked:
            passes = (
                probs_at(lm, embedded(_hidden(lm, seen, i)), len(prompt) + i) for i in range(seen.shape[1])
            )
            return torch.stack(list(passes), 1)
        probs = lm.token_probs(embedded(seen))[:, len(prompt) :]
        return probs if masking is None else _read_off(probs, some, n_blanks, masking)

    if keeps_graph(lm, prompt):
        return asked(texts)
    return torch.cat([asked(some) for some in split_texts(lm, texts, len(prompt) + n_blanks)])


def _read_off(probs: Tensor, texts: Tensor, n_blanks: int, masking: Masking) -> Tensor:
    """What is shown at blanks and words, with what a masking lets words say themselves taken out."""
    words = texts[..., None].to(probs.device) == torch.arange(probs.shape[-1], device=probs.device)
    kept = max(0.0, 1 - masking.blank - masking.random)
    # In the precision of the model: an exact one has more digits than a network.
    weights = probs[:, n_blanks:] / (kept * words.to(probs.dtype) + masking.random / probs.shape[-1])
    return torch.cat([probs[:, :n_blanks], weights / weights.sum(-1, keepdim=True)], 1)


def probs_at(lm: MaskedLM, embeddings: Tensor, position: int) -> Tensor:
    """What a model shows at one position, computed there alone where the model can.

    Args:
        lm: The language model.
        embeddings: Shape (batch, time, embedding_dim).
        position: 0 … time − 1.

    Returns:
        Probabilities, shape (batch, V).
    """
    if isinstance(lm, OnePositionLM):
        return lm.token_probs_at(embeddings, position)
    return lm.token_probs(embeddings)[:, position].clone()  # not a view, which would keep all in memory


def _hidden(lm: MaskedLM, seen: Tensor, position: int) -> Tensor:
    hidden = seen.clone()
    hidden[:, position] = lm.mask_token
    return hidden
