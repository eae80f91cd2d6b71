"""Checks of what the package's functions are given: worlds, documents, and questions."""

from __future__ import annotations

from collections.abc import Collection

from hmmlib._checks import check_kind
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


def check_parts(train: Collection[str], parts: Collection[str]) -> None:
    """Raise ValueError unless something is to be trained, and nothing but `parts`."""
    if not isinstance(train, Collection) or not train or not all(part in parts for part in train):
        raise ValueError(f"train: expected some of {', '.join(parts)}, got {train!r}")
