"""The causal language model that knows the truth: each token predicted from those before it."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib.hmm import posteriors_from_evidence
from hmmlib.lm.base import Context
from hmmlib.lm.exact import ExactLM


class ExactCausalLM(ExactLM):
    """The causal language model that has learnt a known HMM perfectly.

    At position i it shows P[X_i | e_0, …, e_{i-1}]: the filtered posterior of the state at i − 1, one step
    on, and at position 0 the distribution of the first token. No model that predicts each token from those
    before it has a smaller cross-entropy in expectation, and over a text the exact one's adds up to −log
    P[x].

    Embeddings are those of `ExactMaskedLM`: a token's likelihood under each state, all ones for the blank,
    any non-negative vector for a soft prompt. The last one changes nothing, but has to be possible after the
    others.

    Args:
        model: The HMM, or memory-augmented HMM, that the texts come from.

    Attributes:
        conditioned_on: 'past': see `MaskedLM`.

    Raises:
        TypeError: Not such a model.
    """

    conditioned_on: Context = "past"

    def token_probs(self, embeddings: Tensor) -> Tensor:
        """The distribution of each position's token given the embeddings before it.

        Args:
            embeddings: Non-negative, shape (batch, time, embedding_dim).

        Returns:
            Probabilities, shape (batch, time, V); they carry gradients if the embeddings do.

        Raises:
            TypeError: The embeddings are not a tensor of real numbers.
            ValueError: Wrong shape, a negative or non-finite entry, or embeddings that are jointly
                impossible.
        """
        chain = self.model.chain
        filtered = posteriors_from_evidence(self.model, embeddings, keep=("filtered",)).filtered
        batch, time, _ = filtered.shape
        before = filtered[:, :-1].view(batch, time - 1, *chain.initial.shape)  # (batch, time - 1, K, C)
        first = chain.initial.expand(batch, 1, *chain.initial.shape)
        states = torch.cat([first, before @ chain.transition], 1).flatten(2)  # (batch, time, K · C)
        return states @ chain.flat_emission
