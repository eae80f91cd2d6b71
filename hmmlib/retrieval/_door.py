"""Checks of what the package's functions are given: worlds, documents, questions, and words."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor

from hmmlib._checks import ArrayLike, as_tensor, check_integers, check_kind
from hmmlib.retrieval.worlds import Documents, KnowledgeWorld, Queries


def check_world(world: KnowledgeWorld) -> KnowledgeWorld:
    """Return a world, or raise TypeError."""
    return check_kind(world, KnowledgeWorld, "world", "a KnowledgeWorld")


def check_documents(documents: Documents, name: str = "documents") -> Documents:
    """Return documents, or raise TypeError."""
    return check_kind(documents, Documents, name, "Documents, as those of a KnowledgeWorld")


def check_queries(queries: Queries) -> Queries:
    """Return questions, or raise TypeError."""
    return check_kind(queries, Queries, "queries", "Queries, as KnowledgeWorld.queries makes them")


def check_words(words: ArrayLike, n_words: int, name: str, columns: int | None = None) -> Tensor:
    """Return words as int64, or raise.

    Args:
        words: The words, shape (n, columns).
        n_words: How many there are.
        name: The argument's name, for the message.
        columns: How many in a row; any number if not given.

    Returns:
        The words.

    Raises:
        TypeError: No integers.
        ValueError: None, another shape, or a word out of range; the message names the row.
    """
    shape = f"(n, {columns or 'L'})"
    found = as_tensor(words, name, f"words, integers of shape {shape}")
    if found.ndim != 2 or 0 in found.shape or columns not in (None, found.shape[1]):
        raise ValueError(f"{name}: expected words of shape {shape}, got {tuple(found.shape)}")
    found = check_integers(found, name)
    wrong = ((found < 0) | (found >= n_words)).nonzero()
    if len(wrong):
        row, place = wrong[0].tolist()
        raise ValueError(f"{name}: expected words 0 … {n_words - 1}, row {row} has {int(found[row, place])}")
    return found


def check_parts(train: Collection[str], parts: Collection[str]) -> None:
    """Raise ValueError unless something is to be trained, and nothing but `parts`."""
    if not isinstance(train, Collection) or not train or not all(part in parts for part in train):
        raise ValueError(f"train: expected some of {', '.join(parts)}, got {train!r}")
