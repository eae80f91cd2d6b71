"""What a causal language model makes of queries: how often it is right, how probable solutions are to it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import check_kind, check_positive, check_positive_int
from hmmlib._display import compact_repr
from hmmlib.lm import MaskedLM, generate, sequence_log_probs
from hmmlib.lm.base import check_lm
from hmmlib.reasoning.tasks import TraceData, TraceTask


class AnswerAccuracy(NamedTuple):
    """How often a model answers each query rightly, by two estimates of the same probability.

    Attributes:
        sampled: Share of right answers among the samples, double precision, shape (n,).
        expected: Mean over the samples of the probability of the right answer given the sampled trace. By
            Rao and Blackwell's theorem its variance is no larger. Shape (n,).
    """

    sampled: Tensor
    expected: Tensor

    def __repr__(self) -> str:
        return compact_repr(self)


def answer_accuracy(
    lm: MaskedLM,
    data: TraceData,
    n_samples: int,
    *,
    generator: int | torch.Generator,
    temperature: float = 1.0,
) -> AnswerAccuracy:
    """Let a model think and answer, and count the right answers.

    Only states stand in traces, and only answers where answers belong (`TraceTask.allowed`): a model is not
    blamed for what it has not learnt of the format.

    Args:
        lm: Causal language model over the task's vocabulary, used as it is.
        data: Queries with their answers; the traces are not looked at.
        n_samples: Samples k of each query, ≥ 1.
        generator: Seed, or a torch.Generator on the model's device.
        temperature: At which tokens are drawn, above 0.

    Returns:
        The accuracy on each query.

    Raises:
        TypeError: Not a language model or data of a task, a number that is not an integer, or another
            generator.
        ValueError: A model that is not causal, or has another vocabulary; fewer than one sample, or a
            temperature of 0 or below.
    """
    _check_both(lm, data)
    n_samples = check_positive_int(n_samples, "n_samples")
    temperature = check_positive(temperature, "temperature")
    allowed, first = data.task.allowed, 2 * data.task.length
    queries, right = (each.repeat_interleave(n_samples, 0) for each in (data.queries, data.answers))
    found = generate(
        lm, queries, len(allowed), generator=generator, temperature=temperature, allowed=allowed
    ).tokens
    trace, answer = found.split([data.task.length, data.task.n_answers], 1)
    with torch.no_grad():
        told = torch.cat([queries.to(trace), trace, right.to(trace)], 1)
        logs = sequence_log_probs(lm, told, first, allowed[data.task.length :], temperature=temperature)
    hits = (answer == right.to(answer)).all(1).double()
    return AnswerAccuracy(*(each.view(-1, n_samples).mean(1).cpu() for each in (hits, logs.sum(1).exp())))


def solution_log_probs(lm: MaskedLM, data: TraceData) -> Tensor:
    """How probable the given traces and answers are to a model, token by token.

    As in `answer_accuracy`, tokens that cannot stand at a place have no probability.

    Args:
        lm: Causal language model over the task's vocabulary, used as it is.
        data: The sequences.

    Returns:
        log q[token | before], nats, double precision, without gradients: T of the trace, A of the answer,
        shape (n, T + A).

    Raises:
        TypeError: Not a language model, or not data of a task.
        ValueError: A model that is not causal, or has another vocabulary.
    """
    _check_both(lm, data)
    with torch.no_grad():
        return sequence_log_probs(lm, data.sequences, data.task.length, data.task.allowed).cpu()


def trace_gap(lm: MaskedLM, data: TraceData) -> Tensor:
    """By how much a model finds the given traces more probable than Bayes: log q[z | x] − log P*[z | x].

    For a trace z that was drawn from P* and that the model has not seen, a gap of δ or more has a probability
    of at most e^{−δ} (`false_alarm_bound`), whatever the model: q sums to one over all traces, so the mean of
    q / P* is at most one. The mean gap is −KL(P* ‖ q).

    Args:
        lm: Causal language model over the task's vocabulary, used as it is.
        data: The sequences; the answers are not looked at.

    Returns:
        Nats, double precision, shape (n,).

    Raises:
        TypeError: Not a language model, or not data of a task.
        ValueError: A model that is not causal, or has another vocabulary.
    """
    logs = solution_log_probs(lm, data)[:, : data.task.length].sum(1)
    return logs - data.trace_log_probs.to(logs)


def _check_both(lm: MaskedLM, data: TraceData) -> None:
    check_kind(data, TraceData, "data", "TraceData, as TraceTask.draw makes them")
    check_vocabulary(lm, data.task)


def check_vocabulary(lm: MaskedLM, task: TraceTask) -> None:
    """Check that a language model has a task's words.

    Args:
        lm: The model.
        task: The task.

    Raises:
        TypeError: Not a language model.
        ValueError: It has another vocabulary.
    """
    if check_lm(lm).n_tokens != task.n_tokens:
        raise ValueError(f"lm: has {lm.n_tokens} words; expected the task's {task.n_tokens}")
