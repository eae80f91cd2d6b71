"""What Bayes knows in a world of facts: which document is meant, and what it says."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib._texts import check_words
from hmmlib.hmm import content_posterior
from hmmlib.retrieval._door import check_documents, check_queries, check_world
from hmmlib.retrieval.worlds import Documents, KnowledgeWorld, Queries

# Scores of so many pairs of question and document are added up at a time.
_PIECE = 2**22
_DIGITS = 12


def pair_log_probs(world: KnowledgeWorld) -> Tensor:
    """Log P[word of a question | word at the same place of its document].

    Args:
        world: The world.

    Returns:
        Nats, shape (2A, 2A), row: the document's word; −inf for what cannot be asked.
    """
    written = world.document_words.T  # (2A, A)
    total = written.sum(1, keepdim=True)
    # Without errors the second form is never in a document; any symbol may then stand behind it.
    symbol = torch.where(total > 0, written / total, 1 / world.n_symbols)
    return (symbol @ world.query_words).log()


def exact_retrieval(world: KnowledgeWorld, key: Tensor, documents: Documents | None = None) -> Tensor:
    """Log P[document | question]: all documents are as likely before a question is asked.

    Args:
        world: The world.
        key: Words of the questions' keys, shape (n, L).
        documents: The documents; the world's if not given.

    Returns:
        Nats, shape (n, E).

    Raises:
        ValueError: Keys of another length or with unknown words, no document, or a question that no document
            can be meant by.
    """
    among = _among(world, documents)
    asked, written = (
        check_words(words, world.n_words, name, world.key_length)
        for words, name in ((key, "key"), (among.keys, "documents"))
    )
    pairs = pair_log_probs(world)
    size = max(1, _PIECE // len(written))
    found = torch.cat([_scores(pairs, piece, written) for piece in asked.split(size)])
    lost = (found == -torch.inf).all(1).nonzero()
    if len(lost):
        row = int(lost[0])
        raise ValueError(f"key: no document can be meant by row {row}, {asked[row].tolist()}")
    return found.log_softmax(1)


def _among(world: KnowledgeWorld, documents: Documents | None) -> Documents:
    own = check_world(world).documents
    return own if documents is None else check_documents(documents)


def _scores(pairs: Tensor, key: Tensor, document_keys: Tensor) -> Tensor:
    total = pairs.new_zeros(len(key), len(document_keys))
    for asked, written in zip(key.T, document_keys.T, strict=True):
        total += pairs[written][:, asked].T
    # Documents that are as probable are so to the last digit, whatever order their terms were added in.
    return total.round(decimals=_DIGITS)


def exact_answers(world: KnowledgeWorld, documents: Documents | None = None) -> Tensor:
    """P[answer | document], for each question that can be asked of it.

    Args:
        world: The world.
        documents: The documents; the world's if not given.

    Returns:
        Probabilities of the first and of the second word, shape (slots, E, |ℳ|, |ℳ|).

    Raises:
        ValueError: A text with a token out of range, or one that no memory can have written.
    """
    among = _among(world, documents)
    model = world.model
    held = content_posterior(model, among.texts)
    joint = held.unflatten(1, (model.n_values,) * model.n_cells)
    tables = []
    for slot in range(world.n_slots):
        first, second = world.cells_of(slot)
        others = [1 + cell for cell in range(model.n_cells) if cell not in (first, second)]
        both = joint.sum(others) if others else joint
        tables.append(both if first < second else both.transpose(1, 2))
    return torch.stack(tables)


def bayes_answers(world: KnowledgeWorld, queries: Queries, documents: Documents | None = None) -> Tensor:
    """P[answer | question, documents]: what nobody can be better than.

    Args:
        world: The world.
        queries: The questions.
        documents: The documents; the world's if not given.

    Returns:
        Probabilities of the first and of the second word, shape (n, |ℳ|, |ℳ|).
    """
    asked = check_queries(queries)
    weights = exact_retrieval(world, asked.key, documents).exp()
    answers = exact_answers(world, documents)
    found = answers.new_empty(len(weights), *answers.shape[2:])
    for slot in range(world.n_slots):
        rows = asked.slot == slot
        found[rows] = torch.einsum("nz,zab->nab", weights[rows], answers[slot])
    return found
