"""What Bayes knows in a world of facts: which document is meant, and what it says."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib.hmm import content_posterior
from hmmlib.retrieval.worlds import Documents, KnowledgeWorld, Queries

# Scores of so many pairs of question and document are added up at a time.
_PIECE = 2**22


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
    among = world.documents if documents is None else documents
    check_keys(world, among.keys, "documents")
    check_keys(world, key, "key")
    pairs = pair_log_probs(world)
    size = max(1, _PIECE // len(among.keys))
    found = torch.cat([_scores(pairs, piece, among.keys) for piece in key.split(size)])
    lost = (found == -torch.inf).all(1).nonzero()
    if len(lost):
        row = int(lost[0])
        raise ValueError(f"key: no document can be meant by row {row}, {key[row].tolist()}")
    return found.log_softmax(1)


def _scores(pairs: Tensor, key: Tensor, document_keys: Tensor) -> Tensor:
    total = pairs.new_zeros(len(key), len(document_keys))
    for asked, written in zip(key.T, document_keys.T, strict=True):
        total += pairs[written][:, asked].T
    return total


def check_keys(world: KnowledgeWorld, keys: Tensor, name: str) -> None:
    """Check words of keys.

    Args:
        world: The world that they should be of.
        keys: The words.
        name: The argument's name, for the message.

    Raises:
        ValueError: None, a wrong length, or a word out of range.
    """
    if keys.ndim != 2 or not len(keys) or keys.shape[1] != world.key_length:
        raise ValueError(f"{name}: expected keys of shape (n, {world.key_length}), got {tuple(keys.shape)}")
    wrong = ((keys < 0) | (keys >= world.n_words)).nonzero()
    if len(wrong):
        row, place = wrong[0].tolist()
        raise ValueError(
            f"{name}: expected words 0 … {world.n_words - 1}, row {row} has {int(keys[row, place])}"
        )


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
    among = world.documents if documents is None else documents
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
    weights = exact_retrieval(world, queries.key, documents).exp()
    answers = exact_answers(world, documents)
    found = answers.new_empty(len(weights), *answers.shape[2:])
    for slot in range(world.n_slots):
        asked = queries.slot == slot
        found[asked] = torch.einsum("nz,zab->nab", weights[asked], answers[slot])
    return found
