"""One interface for every masked language model, and how texts, blanks and prompts are laid out for it."""

from __future__ import annotations

from typing import Literal, Protocol, get_args, runtime_checkable

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, as_tensor, check_kind, check_positive_int, check_tensor
from hmmlib._texts import check_tokens

Context = Literal["others", "past"]


@runtime_checkable
class MaskedLM(Protocol):
    """A map from embeddings to token probabilities at every position (Ḡ in the paper's Section 3.1).

    Heads and prompts are tuned on this interface and cannot tell whether exact inference or a trained
    network is behind it. A model that can say one position's distribution for less than all may offer that
    besides: see `OnePositionLM`.

    What a prediction is conditioned on is told by an attribute `conditioned_on`, which a model need not have:

    - 'others', also where there is no such attribute: at a blank, all other positions. At a position that
      shows its token an exact model leaves it out too; a network sees it, and what it shows there is not
      P[X_i | X_{-i}] (`hmmlib.lm.text_probs` has ways to ask for that).
    - 'past': at every position i, e_0 … e_{i-1} and no more. Such a model is causal, and is asked by
      `token_probs` of a text alone: at the blank before a text it has seen nothing of it.

    Attributes:
        n_tokens: Size V of the vocabulary.
        mask_token: Integer that stands for the blank ∅ in texts; not a word of the vocabulary.
        embedding_dim: Size of an embedding, hence of a soft prompt's vectors.
    """

    n_tokens: int
    mask_token: int
    embedding_dim: int

    def embed(self, tokens: Tensor) -> Tensor:
        """Embed texts.

        Args:
            tokens: Integers 0 … V − 1 or `mask_token`, shape (batch, time).

        Returns:
            Embeddings, shape (batch, time, embedding_dim).
        """
        ...

    def token_probs(self, embeddings: Tensor) -> Tensor:
        """Predict every position's token from what the model is conditioned on: see the class.

        Args:
            embeddings: Shape (batch, time, embedding_dim).

        Returns:
            Probabilities, shape (batch, time, V).
        """
        ...


@runtime_checkable
class OnePositionLM(MaskedLM, Protocol):
    """A masked language model that can predict a single position for less than it takes to predict all."""

    def token_probs_at(self, embeddings: Tensor, position: int) -> Tensor:
        """Predict one position's token: ``token_probs(embeddings)[:, position]``.

        Args:
            embeddings: Shape (batch, time, embedding_dim).
            position: 0 … time − 1.

        Returns:
            Probabilities, shape (batch, V).
        """
        ...


def check_lm(lm: MaskedLM, name: str = "lm") -> MaskedLM:
    """Return what should be a language model.

    Args:
        lm: What came in.
        name: The argument's name, for the message.

    Returns:
        The same.

    Raises:
        TypeError: It is no masked language model.
    """
    return check_kind(lm, MaskedLM, name, "a masked language model")


def conditioned_on(lm: MaskedLM) -> Context:
    """What a model's predictions are conditioned on.

    Args:
        lm: The language model.

    Returns:
        Its attribute `conditioned_on`, or 'others' if it has none.

    Raises:
        ValueError: The attribute is neither 'others' nor 'past'.
    """
    found: Context = getattr(check_lm(lm), "conditioned_on", "others")
    if found not in get_args(Context):
        raise ValueError(f"lm: has conditioned_on = {found!r}; expected one of {get_args(Context)}")
    return found


def check_sees_others(lm: MaskedLM, wanted: str) -> None:
    """Refuse a causal model where a prediction has to depend on what follows.

    Args:
        lm: The language model.
        wanted: What needs it, for the message.

    Raises:
        ValueError: The model predicts from the past alone.
    """
    if conditioned_on(lm) == "past":
        raise ValueError(
            f"lm: {type(lm).__name__} predicts each token from those before it alone "
            f"(conditioned_on='past'); {wanted} needs a model with conditioned_on='others'"
        )


def prepend_mask(lm: MaskedLM, tokens: ArrayLike, count: int = 1) -> Tensor:
    """Put blanks before each text, x becoming (∅, x), for `lm.embed`.

    Args:
        lm: The language model, which says what its blank is.
        tokens: Integers 0 … V − 1, shape (batch, time); time may be 0.
        count: Number of blanks, ≥ 0.

    Returns:
        int64, shape (batch, count + time).

    Raises:
        TypeError: The tokens are not integers.
        ValueError: Wrong shape, an empty batch, a token out of range, or a negative count.
    """
    check_lm(lm)
    checked = check_tokens(tokens, lm.n_tokens, advice="", empty=True)
    return led_by_blanks(lm, checked, check_positive_int(count, "count", 0))


def led_by_blanks(lm: MaskedLM, texts: Tensor, count: int = 1) -> Tensor:
    """What `prepend_mask` does, for texts that are checked already.

    Args:
        lm: The language model.
        texts: int64, 0 … V − 1, shape (batch, time).
        count: Number of blanks, ≥ 0.

    Returns:
        int64, shape (batch, count + time).
    """
    return torch.cat([texts.new_full((len(texts), count), lm.mask_token), texts], 1)


def prepend_prompt(prompt: ArrayLike, embeddings: Tensor) -> Tensor:
    """Put one soft prompt before each embedded text, e becoming (u_1, …, u_k, e) (Section 3.1).

    Args:
        prompt: The vectors u_1 … u_k, shape (k, embedding_dim); k = 0 adds nothing.
        embeddings: Shape (batch, time, embedding_dim).

    Returns:
        Shape (batch, k + time, embedding_dim).

    Raises:
        TypeError: The prompt is no array of numbers.
        ValueError: The prompt's vectors are not of the embeddings' size.
    """
    check_tensor(embeddings, "embeddings")
    vectors = check_prompt(prompt, embeddings.shape[-1]).to(embeddings)
    if not len(vectors):
        return embeddings  # not a copy, which takes as long as a sweep of inference
    return torch.cat([vectors.expand(len(embeddings), -1, -1), embeddings], 1)


def check_prompt(prompt: ArrayLike, size: int) -> Tensor:
    """Return a soft prompt as a tensor, or raise.

    Args:
        prompt: The vectors u_1 … u_k, shape (k, size).
        size: Of an embedding.

    Returns:
        The vectors; a tensor as it is, with its gradients.

    Raises:
        TypeError: No array of numbers.
        ValueError: Another shape.
    """
    vectors = as_tensor(prompt, "prompt", f"numbers of shape (k, {size})")
    if vectors.ndim != 2 or vectors.shape[1] != size:
        raise ValueError(
            f"prompt: expected shape (k, {size}), as of the embeddings, got {tuple(vectors.shape)}"
        )
    return vectors
