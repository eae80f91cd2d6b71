"""Questions about the hidden states of texts, each with a chain of thought and an answer."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_kind, check_members, check_positive_int
from hmmlib._display import compact_repr, in_lines
from hmmlib._random import sampling_generator
from hmmlib.hmm import HMM, MemoryHMM, posteriors, sample_paths, sample_tokens


class TraceTask:
    """Which hidden state was most probable where, asked of a text, and answered after a path of states.

    A sequence is a *query*, a *trace* and an *answer*. The query is a text of an HMM. The trace is a path of
    hidden states, drawn from the posterior given the text: several are right, each with a known probability.
    The answer are the most probable states at some positions, by smoothing; it depends on the query alone.

    One vocabulary has them all, for H states and V tokens of the HMM: 0 … V − 1 are the text's, V + h is
    state h in a trace, and V + H + h is state h in an answer. What kind of token stands at a place is known
    beforehand (`allowed`).

    Example:
        >>> from hmmlib import random_hmm
        >>> from hmmlib.reasoning import TraceTask
        >>> task = TraceTask(random_hmm(4, 10, generator=1), 6, [5, 2])
        >>> task.n_tokens, task.n_positions
        (18, 14)
        >>> data = task.draw(3, generator=0)
        >>> data.sequences.shape, data.answers.shape
        (torch.Size([3, 14]), torch.Size([3, 2]))

    Args:
        model: HMM or memory-augmented HMM, whose flat states are then asked for.
        length: Tokens T in a query, and states in a trace.
        answer_positions: The positions that are asked about, 0 … T − 1, in the order of the answer.

    Attributes:
        model: The HMM.
        length: T.
        answer_positions: The positions, int64, shape (A,).

    Raises:
        TypeError: Not such a model, or numbers that are not integers.
        ValueError: A length below 1, no position, or one outside of the text.
    """

    def __init__(self, model: HMM | MemoryHMM, length: int, answer_positions: ArrayLike) -> None:
        self.model = check_kind(model, (HMM, MemoryHMM), "model", "an HMM or a MemoryHMM")
        self.length = check_positive_int(length, "length")
        self.answer_positions = check_members(answer_positions, "answer_positions", self.length)

    def __repr__(self) -> str:
        return in_lines(
            f"TraceTask(n_states={self.model.n_states}, length={self.length}, "
            f"answer_positions={self.answer_positions.tolist()})"
        )

    @property
    def n_answers(self) -> int:
        """Number A of states in an answer."""
        return len(self.answer_positions)

    @property
    def n_tokens(self) -> int:
        """Size V + 2H of the vocabulary."""
        return self.model.n_tokens + 2 * self.model.n_states

    @property
    def n_positions(self) -> int:
        """Tokens 2T + A in a sequence."""
        return 2 * self.length + self.n_answers

    @property
    def allowed(self) -> Tensor:
        """Which tokens may stand at each place of trace and answer, booleans, shape (T + A, V + 2H)."""
        n_tokens, n_states = self.model.n_tokens, self.model.n_states
        found = torch.zeros(self.length + self.n_answers, self.n_tokens, dtype=torch.bool)
        found[: self.length, n_tokens : n_tokens + n_states] = True
        found[self.length :, n_tokens + n_states :] = True
        return found

    def draw(self, n: int, *, generator: int | torch.Generator) -> TraceData:
        """Draw queries, each with one trace and its answer.

        Args:
            n: How many.
            generator: Seed, or a torch.Generator on the model's device.

        Returns:
            The sequences.

        Raises:
            TypeError: A number that is not an integer, or another generator.
            ValueError: Fewer than one.
        """
        n = check_positive_int(n, "n")
        random = sampling_generator(generator, self.model.device)
        text = sample_tokens(self.model, n, self.length, generator=random)
        states, log_probs = sample_paths(self.model, text, generator=random)
        smoothed = posteriors(self.model, text, keep=("smoothed",)).smoothed
        answer = smoothed[:, self.answer_positions.to(text.device)].argmax(-1)
        first = self.model.n_tokens
        sequences = torch.cat([text, first + states[:, 0], first + self.model.n_states + answer], 1)
        return TraceData(self, sequences, log_probs[:, 0])


class TraceData(NamedTuple):
    """Queries, each with a trace and the answer.

    Attributes:
        task: Whose they are.
        sequences: Query, trace and answer one after the other, int64, shape (n, 2T + A).
        trace_log_probs: log P*[trace | query], exact, nats, double precision, shape (n,).
    """

    task: TraceTask
    sequences: Tensor
    trace_log_probs: Tensor

    def __repr__(self) -> str:
        return compact_repr(self)

    @property
    def queries(self) -> Tensor:
        """The texts, 0 … V − 1, shape (n, T)."""
        return self.sequences[:, : self.task.length]

    @property
    def traces(self) -> Tensor:
        """The states of the traces as tokens, V … V + H − 1, shape (n, T)."""
        return self.sequences[:, self.task.length : 2 * self.task.length]

    @property
    def answers(self) -> Tensor:
        """The states of the answers as tokens, V + H … V + 2H − 1, shape (n, A)."""
        return self.sequences[:, 2 * self.task.length :]

    def part(self, rows: slice | Tensor) -> TraceData:
        """Some of them.

        Args:
            rows: Which.

        Returns:
            They.
        """
        return TraceData(self.task, self.sequences[rows], self.trace_log_probs[rows])
