"""Masked language models that know the truth: exact inference in a known HMM."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_kind
from hmmlib._display import card, in_lines
from hmmlib._texts import check_embeddings, check_tokens
from hmmlib.hmm import HMM, MemoryHMM, conditionals_at, posteriors_from_evidence
from hmmlib.lm.base import Context
from hmmlib.lm.masking import Masking, noisy_evidence


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


class ExactMaskingLM(ExactLM):
    """The masked language model that has learnt perfectly what a masking asks for, at words in sight too.

    A model that is trained under BERT's rule is asked for chosen words that it may see, right or replaced,
    among others that may be replaced. The best answer, G̃_i(v) (κ·1[v = x_i] + r/V) up to a factor, is what
    this model shows: inference in which every word may be random (`noisy_evidence`), times what the word
    itself says. At a blank it is G̃_i alone. So it differs from a network that was trained under the masking
    by what the network has not learnt, and from `ExactMaskedLM` by the masking.

    The embedding of a token is its evidence in the noise, followed by what it says of itself.

    Example:
        >>> from hmmlib import HMM, Masking
        >>> from hmmlib.lm import ExactMaskingLM
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.3, 0.7]])
        >>> lm = ExactMaskingLM(hmm, Masking(0.3, blank=0.8, random=0.1))
        >>> lm.token_probs(lm.embed([[0, lm.mask_token, 0]]))[0].numpy().round(3)
        array([[0.83 , 0.17 ],
               [0.706, 0.294],
               [0.83 , 0.17 ]])

    Args:
        model: The HMM, or memory-augmented HMM, that the texts come from.
        masking: What a network would be trained under.

    Raises:
        TypeError: Not such a model, or not a masking.
        ValueError: The masking blanks all that it chooses, and so asks for no word that is shown.
    """

    conditioned_on: Context = "others"

    def __init__(self, model: HMM | MemoryHMM, masking: Masking) -> None:
        super().__init__(model)
        check_kind(masking, Masking, "masking", "a Masking")
        kept = max(0.0, 1 - masking.blank - masking.random)
        if kept + masking.random == 0:
            raise ValueError(
                f"masking: {masking!r} asks for no word that is shown; expected blank < 1, or ExactMaskedLM"
            )
        self.masking = masking
        self._n_evidence = self.embedding_dim
        self.embedding_dim += self.n_tokens
        emission = noisy_evidence(model.chain.emission, masking.context_noise).T  # (V, E)
        itself = kept * torch.eye(self.n_tokens).to(emission) + masking.random / self.n_tokens  # (V, V)
        with torch.inference_mode(False):
            words = torch.cat([emission, itself], 1)
            self._embeddings = torch.cat([words, torch.ones_like(words[:1])])

    def token_probs(self, embeddings: Tensor) -> Tensor:
        """The distribution of each position's token, given that it was chosen, and all that is shown.

        Args:
            embeddings: Non-negative, shape (batch, time, embedding_dim).

        Returns:
            Probabilities, shape (batch, time, V); they carry gradients if the embeddings do.

        Raises:
            TypeError: The embeddings are not a tensor of real numbers.
            ValueError: Wrong shape, a negative or non-finite entry, or embeddings that are jointly
                impossible.
        """
        check_embeddings(embeddings, self.embedding_dim)
        evidence, itself = embeddings.split([self._n_evidence, self.n_tokens], -1)
        found = posteriors_from_evidence(self.model, evidence, keep=("conditionals",)).conditionals
        weights = found * itself.to(found)
        return weights / weights.sum(-1, keepdim=True)
