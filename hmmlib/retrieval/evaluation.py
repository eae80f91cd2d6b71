"""How often answers are right, and whether they come from the right document."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import check_tensor
from hmmlib.retrieval._door import check_documents, check_queries
from hmmlib.retrieval.encoders import BiEncoder, check_encoder, top_documents
from hmmlib.retrieval.mixtures import Decoding, decode, log_prob_of, sequence_law, token_law
from hmmlib.retrieval.readers import AnswerReader, check_reader
from hmmlib.retrieval.worlds import Documents, Queries

Reading = Callable[[Queries, Tensor], Tensor]
"""P[answer | document] of questions, each with k documents: (questions, which (n, k)) ↦ (n, k, |ℳ|, |ℳ|)."""

# Questions are read so many at a time.
_PIECE = 256


class RetrievalScores(NamedTuple):
    """What answers from k documents are worth.

    Attributes:
        exact_match: Share of answers of which both words are right.
        nats: Mean of −log P[right answer].
        recall_first: Share of questions whose own document has the largest score.
        recall: Share of questions whose own document is among the k.
        right_without: Share of the right answers that were found without the right document.
        distinct: Number of documents that have the largest score for some question.
    """

    exact_match: float
    nats: float
    recall_first: float
    recall: float
    right_without: float
    distinct: int


def evaluate_answers(
    queries: Queries,
    scores: Tensor,
    reading: Reading,
    *,
    k: int,
    how: Decoding = "exact",
) -> RetrievalScores:
    """Judge answers that are taken from the k documents of the largest scores.

    Args:
        queries: The questions.
        scores: Score of each document, shape (n, E): logarithms of probabilities, up to a constant.
        reading: What is read in a document.
        k: How many documents.
        how: How an answer is chosen; 'token' also takes its probability from `token_law`.

    Returns:
        The scores.

    Raises:
        ValueError: k out of range, or another way to decode.
    """
    check_queries(queries)
    if not callable(reading):
        raise TypeError(f"reading: expected a function of questions and documents, got {reading!r}")
    top, which = top_documents(scores, k)
    right, log_probs = [], []
    put_together = token_law if how == "token" else sequence_law
    for start in range(0, len(which), _PIECE):
        rows = slice(start, start + _PIECE)
        asked, log_retrieval = queries.part(rows), top[rows].double()
        with torch.no_grad():
            answers = reading(asked, which[rows])
        chosen = decode(log_retrieval, answers, how)
        right.append((chosen == asked.answer).all(1))
        law = put_together(log_retrieval, answers)
        log_probs.append(log_prob_of(law, asked.answer))
    good = torch.cat(right)
    own = which == queries.entity[:, None]
    without = (good & ~own.any(1)).sum() / good.sum().clamp_min(1)
    return RetrievalScores(
        exact_match=float(good.double().mean()),
        nats=-float(torch.cat(log_probs).mean()),
        recall_first=float(own[:, 0].double().mean()),
        recall=float(own.any(1).double().mean()),
        right_without=float(without),
        distinct=len(which[:, 0].unique()),
    )


def encoder_scores(encoder: BiEncoder, queries: Queries, documents: Documents) -> Tensor:
    """Scalar products of the vectors of questions and documents.

    Args:
        encoder: The encoder.
        queries: The questions.
        documents: The documents.

    Returns:
        Scores, shape (n, E).
    """
    check_encoder(encoder), check_queries(queries), check_documents(documents)
    with torch.no_grad():
        return encoder.query_vectors(queries.key) @ encoder.document_vectors(documents).T


def read_with(reader: AnswerReader, documents: Documents) -> Reading:
    """What a trained reader reads in documents.

    Args:
        reader: The reader.
        documents: The documents.

    Returns:
        The function that `evaluate_answers` asks.
    """
    check_reader(reader), check_documents(documents)
    return lambda asked, which: reader.answers(asked.slot, asked.key, documents, which)


def read_perfectly(answers: Tensor) -> Reading:
    """What is read in documents by one who reads perfectly.

    Args:
        answers: From `exact_answers`, shape (slots, E, |ℳ|, |ℳ|).

    Returns:
        The function that `evaluate_answers` asks.
    """
    check_tensor(answers, "answers")
    return lambda asked, which: answers[asked.slot[:, None], which]
