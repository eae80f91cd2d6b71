"""The masked language model that knows the truth: exact inference in a known HMM."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike
from hmmlib._display import card, in_lines
from hmmlib._texts import check_tokens
from hmmlib.hmm import HMM, MemoryHMM, conditionals_at, posteriors_from_evidence
from hmmlib.lm.base import Context


class ExactLM:
    """What exact models have in common: a token's embedding is its likelihood under each state.

    Args:
        model: The HMM, or memory-augmented HMM, that the texts come from.

    Raises:
        TypeError: Another kind of object.
    """

    def __init__(self, model: HMM | MemoryHMM) -> None:
        if not isinstance(model, HMM | MemoryHMM):
            raise TypeError(f"model: expected an HMM or a MemoryHMM, got {type(model).__name__}")
        self.model = model
        self.n_tokens = model.n_tokens
        self.mask_token = model.n_tokens
        emission = model.chain.emission
        self.embedding_dim = len(emission)
        # Made in inference mode, the table would be barred from all later work with gradients.
        with torch.inference_mode(False):
            self._embeddings = torch.cat([emission.T, torch.ones_like(emission.T[:1])])

    def __repr__(self) -> str:
        return in_lines(f"{type(self).__name__}({self.model!r})")

    def _repr_html_(self) -> str:
        return card(type(self).__name__, self.model._repr_html_())

    def embed(self, tokens: ArrayLike) -> Tensor:
        """Embed texts.

        Args:
            tokens: Integers 0 … V − 1, or V for the blank, shape (batch, time).

        Returns:
            Embeddings, shape (batch, time, H); for a memory-augmented HMM (batch, time, |ℳ|·N·|𝒮|).

        Raises:
            TypeError: The tokens are not integers.
            ValueError: Wrong shape, an empty batch, or a token out of range.
        """
        # The blank is one more admissible token here.
        advice = f"the blank is mask_token = {self.mask_token}"
        checked = check_tokens(tokens, self.n_tokens + 1, advice=advice)
        return self._embeddings[checked.to(self._embeddings.device)]


class ExactMaskedLM(ExactLM):
    """The masked language model that has learnt a known HMM perfectly.

    The embedding of token z is its likelihood under each state, e(z) = ``emission[:, z]``, a row of the
    paper's W; the blank's is all ones, no evidence; any non-negative vector is a legitimate soft prompt
    (Section 3.1). Predictions are exact leave-one-out conditionals, and differentiable in the embeddings.

    Example:
        >>> from hmmlib import HMM, ExactMaskedLM
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.3, 0.7]])
        >>> lm = ExactMaskedLM(hmm)
        >>> text = [[0, lm.mask_token, 0]]
        >>> lm.token_probs(lm.embed(text))[0, 1].numpy().round(3)
        array([0.711, 0.289])

    Args:
        model: The HMM, or memory-augmented HMM, that the texts come from.

    Raises:
        TypeError: Not such a model.
    """

    conditioned_on: Context = "others"

    def token_probs(self, embeddings: Tensor) -> Tensor:
        """Ḡ: the conditional distribution of each position's token given the embeddings at the others.

        Args:
            embeddings: Non-negative, shape (batch, time, embedding_dim).

        Returns:
            Probabilities, shape (batch, time, V); they carry gradients if the embeddings do.

        Raises:
            TypeError: The embeddings are not a tensor of real numbers.
            ValueError: Wrong shape, a negative or non-finite entry, or embeddings that are jointly
                impossible.
        """
        return posteriors_from_evidence(self.model, embeddings, keep=("conditionals",)).conditionals

    def token_probs_at(self, embeddings: Tensor, position: int) -> Tensor:
        """What `token_probs` says of one position, in about half the time.

        Args:
            embeddings: Non-negative, shape (batch, time, embedding_dim).
            position: 0 … time − 1.

        Returns:
            Probabilities, shape (batch, V); they carry gradients if the embeddings do.

        Raises:
            TypeError: The embeddings are not a tensor of real numbers, or the position not an integer.
            ValueError: No such position; or as for `token_probs`.
        """
        return conditionals_at(self.model, embeddings, position)
