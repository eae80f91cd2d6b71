"""Answers from several documents: RAG-Sequence, RAG-Token, and how they are decoded (Lewis et al. 2020)."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from hmmlib._checks import check_positive_int, check_tensor
from hmmlib._texts import check_words

Decoding = Literal["exact", "thorough", "fast", "token"]
_LEAST = 1e-30


def sequence_law(log_retrieval: Tensor, answers: Tensor) -> Tensor:
    """RAG-Sequence: one document writes the whole answer. P[y] = Σ_z P[z] P[y_1 | z] P[y_2 | z, y_1].

    Args:
        log_retrieval: Scores of the documents, shape (n, k); P[z] is their softmax.
        answers: P[y | z] of both words, shape (n, k, a, b).

    Returns:
        Probabilities, shape (n, a, b).

    Raises:
        ValueError: Shapes that do not fit, no document, scores that are all −inf or not a number, or answers
            that do not sum to one; the message names the row.
    """
    weights = _weights(log_retrieval, answers)
    return torch.einsum("nz,nzab->nab", weights, answers)


def token_law(log_retrieval: Tensor, answers: Tensor) -> Tensor:
    """RAG-Token: a document is drawn anew for each word. P[y] = Π_i Σ_z P[z] P[y_i | z, y_1 … y_{i−1}].

    Args:
        log_retrieval: Scores of the documents, shape (n, k); P[z] is their softmax.
        answers: P[y | z] of both words, shape (n, k, a, b). Where a document gives a first word the
            probability zero, all second words are as likely.

    Returns:
        Probabilities, shape (n, a, b).

    Raises:
        ValueError: As `sequence_law`.
    """
    weights = _weights(log_retrieval, answers)
    first = answers.sum(-1, keepdim=True)  # (n, k, a, 1)
    second = torch.where(first > 0, answers / first, 1 / answers.shape[-1])
    return torch.einsum("nz,nza->na", weights, first[..., 0])[..., None] * torch.einsum(
        "nz,nzab->nab", weights, second
    )


def at_answer(table: Tensor, answer: Tensor) -> Tensor:
    """The entry of each row's table that belongs to its answer.

    Args:
        table: Numbers for all answers, shape (n, a, b).
        answer: The two words, shape (n, 2).

    Returns:
        Shape (n,).
    """
    return table[torch.arange(len(table)), answer[:, 0], answer[:, 1]]


def log_prob_of(law: Tensor, answer: Tensor) -> Tensor:
    """Log-probability of answers, of which none is taken to be less probable than 1e-30.

    So a wrong answer that no document gives costs a finite number of nats, and has no gradient.

    Args:
        law: Probabilities of all answers, shape (n, a, b).
        answer: The two words, shape (n, 2).

    Returns:
        Nats, shape (n,).
    """
    return at_answer(law, answer).clamp_min(_LEAST).log()


def most_probable(table: Tensor) -> Tensor:
    """The answer with the largest entry.

    Args:
        table: Probabilities, or their logarithms, shape (n, a, b).

    Returns:
        The two words, shape (n, 2).
    """
    best, words = table.flatten(1).argmax(1), table.shape[2]
    return torch.stack([best // words, best % words], 1)


def retrieval_given_answer(log_retrieval: Tensor, answers: Tensor, answer: Tensor) -> Tensor:
    """P[z | x, y]: which document an answer came from, under RAG-Sequence.

    Args:
        log_retrieval: Scores of the documents, shape (n, k).
        answers: P[y | z], shape (n, k, a, b).
        answer: The answer's words, shape (n, 2).

    Returns:
        Probabilities, shape (n, k).

    Raises:
        ValueError: As `sequence_law`; another number of answers, a word out of range, or an answer that no
            document gives.
    """
    weights = _weights(log_retrieval, answers)
    said = check_words(answer, min(answers.shape[2:]), "answer", 2)
    if len(said) != len(weights):
        raise ValueError(f"answer: expected {len(weights)} rows, as many as questions, got {len(said)}")
    joint = weights * answers[torch.arange(len(said)), :, said[:, 0], said[:, 1]]
    total = joint.sum(1, keepdim=True)
    never = (total[:, 0] == 0).nonzero()
    if len(never):
        row = int(never[0])
        raise ValueError(f"answer: row {row}, {said[row].tolist()}, has probability 0 with all documents")
    return joint / total


def decode(log_retrieval: Tensor, answers: Tensor, how: Decoding = "exact", beam: int = 4) -> Tensor:
    """Choose an answer.

    Args:
        log_retrieval: Scores of the documents, shape (n, k).
        answers: P[y | z], shape (n, k, a, b).
        how: 'exact', the most probable under `sequence_law`. 'thorough', the most probable of those that a
            beam search finds with any one document. 'fast', the same, but an answer has no probability with
            a document whose own search did not find it. 'token', a beam search under `token_law`.
        beam: How many beginnings, and answers, a search keeps.

    Returns:
        The two words, shape (n, 2).

    Raises:
        ValueError: As `sequence_law`, another way to decode, or a beam below 1.
    """
    if how not in get_args(Decoding):
        raise ValueError(f"how: expected one of {get_args(Decoding)}, got {how!r}")
    beam = check_positive_int(beam, "beam")
    if how == "token":
        law = token_law(log_retrieval, answers)
        scores = torch.where(_found(law, beam), law, -1)
    elif how == "fast":
        weights = _weights(log_retrieval, answers)
        scores = torch.einsum("nz,nzab->nab", weights, answers * _found(answers, beam))
    else:
        scores = sequence_law(log_retrieval, answers)
        if how == "thorough":
            scores = torch.where(_found(answers, beam).any(1), scores, -1)
    return most_probable(scores)


def _found(answers: Tensor, beam: int) -> Tensor:
    """Which answers a beam search ends with, for each distribution of two words."""
    a, b = answers.shape[-2:]
    begun = answers.sum(-1).topk(min(beam, a), -1).indices
    extended = torch.zeros_like(answers).scatter_(-2, begun[..., None].expand(*begun.shape, b), 1) > 0
    kept = torch.where(extended, answers, -1).flatten(-2).topk(min(beam, a * b), -1).indices
    found = torch.zeros_like(answers).flatten(-2).scatter_(-1, kept, 1).view(answers.shape) > 0
    return found & extended


def _weights(log_retrieval: Tensor, answers: Tensor) -> Tensor:
    """P[z] of each row, of arguments that fit and are distributions."""
    check_tensor(log_retrieval, "log_retrieval", "scores of documents, shape (n, k)")
    check_tensor(answers, "answers", "probabilities of answers, shape (n, k, words, words)")
    shape = tuple(log_retrieval.shape)
    if log_retrieval.ndim != 2 or 0 in shape:
        raise ValueError(f"log_retrieval: expected shape (n, k) with one document or more, got {shape}")
    if answers.ndim != 4 or tuple(answers.shape[:2]) != shape:
        raise ValueError(
            f"answers: expected shape ({shape[0]}, {shape[1]}, words, words), got {tuple(answers.shape)}"
        )
    weights = log_retrieval.softmax(1)
    lost = weights.isnan().any(1).nonzero()
    if len(lost):
        row = int(lost[0])
        raise ValueError(
            f"log_retrieval: row {row} is {log_retrieval[row].tolist()}; expected a finite score"
        )
    total = answers.detach().flatten(2).sum(-1)
    close = 1e-5 if answers.dtype == torch.float64 else 1e-3
    wrong = (((total - 1).abs() > close) | (answers.detach() < 0).flatten(2).any(-1)).nonzero()
    if len(wrong):
        row, place = wrong[0].tolist()
        raise ValueError(
            f"answers: row {row}, document {place} is no distribution, its sum is "
            f"{float(total[row, place]):.6g}"
        )
    return weights
