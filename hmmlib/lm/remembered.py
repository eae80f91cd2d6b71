"""A frozen model that is asked the same things again and again, and computes each answer once."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import torch
from torch import Tensor

from hmmlib._display import in_lines
from hmmlib._files import digest
from hmmlib.lm.base import Context, MaskedLM, check_lm, conditioned_on


class RememberedLM:
    """A language model whose answers are kept: what it shows of the same texts, after the same prompt.

    Heads are often fitted several times to what one model shows, and scored on the same texts. `blank_probs`,
    `text_probs` and all of `hmmlib.tuning` then run the model once for each set of texts. Nothing is kept of
    what carries gradients. The model must stay as it is: after its weights have changed, its answers are old.

    Example:
        >>> from hmmlib import ExactMaskedLM, RememberedLM, blank_probs, random_hmm
        >>> lm = RememberedLM(ExactMaskedLM(random_hmm(4, 10, generator=1)))
        >>> blank_probs(lm, [[1, 2, 3]]) is blank_probs(lm, [[1, 2, 3]])
        True

    Args:
        model: The language model.

    Attributes:
        model: The language model.
        n_tokens: As of the model.
        mask_token: As of the model.
        embedding_dim: As of the model.
        conditioned_on: As of the model.

    Raises:
        TypeError: Not a language model.
    """

    def __init__(self, model: MaskedLM) -> None:
        self.model = check_lm(model, "model")
        self.n_tokens, self.mask_token = model.n_tokens, model.mask_token
        self.embedding_dim = model.embedding_dim
        self.conditioned_on: Context = conditioned_on(model)
        self._answers: dict[Hashable, Tensor] = {}

    def __repr__(self) -> str:
        return in_lines(f"RememberedLM({self.model!r})")

    def embed(self, tokens: Tensor) -> Tensor:
        """Embed texts, as the model does.

        Args:
            tokens: Integers 0 … V − 1 or `mask_token`, shape (batch, time).

        Returns:
            Embeddings, shape (batch, time, embedding_dim).
        """
        return self.model.embed(tokens)

    def token_probs(self, embeddings: Tensor) -> Tensor:
        """Predict every position's token, as the model does; nothing is kept of it.

        Args:
            embeddings: Shape (batch, time, embedding_dim).

        Returns:
            Probabilities, shape (batch, time, V).
        """
        return self.model.token_probs(embeddings)

    def answer(
        self, question: Hashable, tensors: tuple[Tensor, ...], compute: Callable[[], Tensor]
    ) -> Tensor:
        """What was answered to a question before, or now.

        Args:
            question: What is asked …
            tensors: … of these texts and prompts, by their values.
            compute: Answers.

        Returns:
            The answer; to be read, not to be changed.
        """
        key = (question, digest(*tensors))
        if key not in self._answers:
            with torch.no_grad():
                self._answers[key] = compute()
        return self._answers[key]
