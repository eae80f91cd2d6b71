"""What tuning returns: a language model with the head, and perhaps the prompt, found for it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike
from hmmlib._display import card, facts, in_lines, listing
from hmmlib._texts import check_tokens
from hmmlib.heads import LinearHead, SoftAttentionHead
from hmmlib.heads._values import labels_of
from hmmlib.lm import MaskedLM, Masking, Reading, RememberedLM
from hmmlib.lm._modules import frozen
from hmmlib.lm._unchecked import after_prompt, at_blank, no_prompt, split_texts
from hmmlib.lm.base import led_by_blanks
from hmmlib.tasks import Split


@dataclass(frozen=True)
class Epoch:
    """Training by AdamW after one pass over the training texts.

    Attributes:
        step: Steps taken so far.
        train_loss: Mean log-loss of the training texts in this pass, nats.
        validation_loss: Mean log-loss of the validation texts after it, nats.
        validation_accuracy: Share of the validation labels that come out right.
        prompt_gradient: Mean length of the gradient of the prompt's parameters in this pass; None without a
            prompt.
    """

    step: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    prompt_gradient: float | None = None


@dataclass(frozen=True)
class SolverStep:
    """L-BFGS after one of its steps, each of which looks at all training texts.

    Attributes:
        step: Steps taken so far.
        train_loss: Mean log-loss of the training texts there, nats.
        validation_loss: Mean log-loss of the validation texts there, nats.
        validation_accuracy: Share of the validation labels that come out right.
    """

    step: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True, eq=False)
class Tuned:
    """A language model with what was tuned on it.

    Attributes:
        lm: The language model; of `fine_tune`, a copy with weights of its own.
        head: The head, on the model's device.
        prompt: The vectors u_1 … u_k, shape (k, embedding_dim), or None.
        history: The way to what was kept: the epochs of AdamW; for an attention head that was solved, the
            steps of L-BFGS from where AdamW ended on; empty for a head solved by Newton's method.
        learning_rate: AdamW's that was kept; None for a head solved by Newton's method.
        converged: Whether the search came to rest: AdamW for want of improvement within the recipe's
            patience, a solver by its own tolerance. If there were both, both did.
        reading: How the model is asked about the text, for an attention head.
        masking: The masking that 'read off' needs.
    """

    lm: MaskedLM
    head: LinearHead | SoftAttentionHead
    prompt: Tensor | None
    history: tuple[Epoch, ...] | tuple[SolverStep, ...]
    learning_rate: float | None
    converged: bool
    reading: Reading = "shown"
    masking: Masking | None = None

    def __repr__(self) -> str:
        prompt = "None" if self.prompt is None else f"{len(self.prompt)} vectors"
        return in_lines(
            f"Tuned(head={type(self.head).__name__}, prompt={prompt}, {self._length()}, "
            f"learning_rate={self.learning_rate}, converged={self.converged}, {self.lm!r})"
        )

    def _length(self) -> str:
        unit = "steps" if self.history and isinstance(self.history[0], SolverStep) else "epochs"
        return f"{unit}={len(self.history)}"

    def _repr_html_(self) -> str:
        kept = [("lm", repr(self.lm)), ("learning_rate", self.learning_rate), ("converged", self.converged)]
        names = ("step", "train_loss", "validation_loss", "validation_accuracy")
        way = [[getattr(entry, name) for name in names] for entry in self.history]
        parts = [("head", self.head), *([] if self.prompt is None else [("prompt", self.prompt)])]
        return card("Tuned", facts([*kept, *parts]), *([listing(names, way)] if way else []))

    def values(self, tokens: ArrayLike) -> Tensor:
        """The head's values.

        Args:
            tokens: Texts x, integers 0 … V − 1, shape (n, time).

        Returns:
            On the model's device: shape (n, n_classes), or (n,) for a head that was solved for two classes.

        Raises:
            TypeError: The tokens are not integers.
            ValueError: Wrong shape, a token out of range, or texts longer than the model or the head knows.
        """
        texts = check_tokens(tokens, self.lm.n_tokens, advice="")
        n_prompt = 0 if self.prompt is None else len(self.prompt)
        with torch.no_grad(), frozen(self.lm):
            # What is remembered is asked for as a whole, as it was before.
            whole = isinstance(self.lm, RememberedLM)
            pieces = [texts] if whole else split_texts(self.lm, texts, n_prompt + 1)
            return torch.cat([self._piece_values(piece) for piece in pieces])

    def labels(self, tokens: ArrayLike) -> Tensor:
        """The classes that the head answers.

        Args:
            tokens: Texts x, integers 0 … V − 1, shape (n, time).

        Returns:
            Classes, int64, on the model's device, shape (n,).

        Raises:
            TypeError: The tokens are not integers.
            ValueError: As for `values`.
        """
        return labels_of(self.values(tokens), self.head.weights.ndim == 1)

    def accuracy(self, split: Split) -> float:
        """Share of labels that come out right.

        Args:
            split: Labelled texts.

        Returns:
            A number from 0 to 1.

        Raises:
            TypeError: The tokens are not integers.
            ValueError: As for `values`.
        """
        found = self.labels(split.tokens)
        return float((found == split.labels.to(found.device)).double().mean())

    def _piece_values(self, texts: Tensor) -> Tensor:
        if isinstance(self.head, LinearHead):
            prompt = no_prompt(self.lm) if self.prompt is None else self.prompt
            return self.head.values(at_blank(self.lm, texts, prompt).to(self.head.weights))
        probs = after_prompt(self.lm, texts, no_prompt(self.lm), 1, self.reading == "blanked", self.masking)
        seen = led_by_blanks(self.lm, texts).to(probs.device)
        return self.head.values(probs.to(self.head.weights), seen)
