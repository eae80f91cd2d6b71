"""Readers and retrievers trained together, readers taught to read, and closed books."""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import Literal

import torch
from torch import Tensor, nn

from hmmlib._checks import ArrayLike, check_positive_int
from hmmlib._random import keyed_generator
from hmmlib.pretraining import ModuleRecipe, train_module
from hmmlib.pretraining.modules import given_recipe
from hmmlib.retrieval._door import check_parts, check_world
from hmmlib.retrieval.encoders import BiEncoder, check_encoder, top_documents
from hmmlib.retrieval.mixtures import at_answer, log_prob_of, sequence_law, token_law
from hmmlib.retrieval.readers import AnswerReader, check_reader
from hmmlib.retrieval.worlds import Documents, KnowledgeWorld, Queries

_BLOCK = 32


def teach_reading(
    reader: AnswerReader, world: KnowledgeWorld, *, recipe: ModuleRecipe | None = None
) -> AnswerReader:
    """Teach a reader to find answers in a document that has them, with entities that are new every time.

    Args:
        reader: Where to begin; it is not changed.
        world: A world of the same kind of entities.
        recipe: How.

    Returns:
        The reader that can read, and knows no fact.
    """
    recipe = given_recipe(recipe)
    taught = copy.deepcopy(check_reader(reader))
    check_world(world)
    kept: list[tuple[Queries, Documents]] = []

    def loss(step: int) -> Tensor:
        place = step % _BLOCK
        if not place:  # entities for several steps are drawn at once
            random = keyed_generator(recipe.seed, step)
            fresh = world.others(_BLOCK * recipe.batch, generator=random)
            asked = fresh.queries_about(torch.arange(fresh.n_entities), generator=random)
            kept[:] = [(asked, fresh.documents)]
        rows = slice(place * recipe.batch, (place + 1) * recipe.batch)
        asked, own = kept[0][0].part(rows), Documents(*(table[rows] for table in kept[0][1]))
        return -at_answer(taught(asked.slot, asked.key, own), asked.answer).mean()

    train_module(taught, loss, recipe)
    return taught


def train_closed_book(
    reader: AnswerReader,
    world: KnowledgeWorld,
    *,
    entities: ArrayLike | None = None,
    recipe: ModuleRecipe | None = None,
) -> AnswerReader:
    """Teach a reader the facts themselves, without documents.

    Args:
        reader: Where to begin; it is not changed.
        world: The world whose facts are asked for.
        entities: Which entities are asked about; all if not given.
        recipe: How.

    Returns:
        The closed book.
    """
    recipe = given_recipe(recipe)
    taught = copy.deepcopy(check_reader(reader))
    check_world(world)

    def loss(step: int) -> Tensor:
        asked = world.queries(recipe.batch, generator=keyed_generator(recipe.seed, step), entities=entities)
        return -at_answer(taught(asked.slot, asked.key), asked.answer).mean()

    train_module(taught, loss, recipe)
    return taught


def train_rag(
    reader: AnswerReader,
    encoder: BiEncoder,
    world: KnowledgeWorld,
    *,
    k: int,
    entities: ArrayLike | None = None,
    law: Literal["sequence", "token"] = "sequence",
    train: Collection[str] = ("reader", "query"),
    recipe: ModuleRecipe | None = None,
) -> tuple[AnswerReader, BiEncoder]:
    """Train a reader and the questions' side of a retriever on answers alone (Lewis et al. 2020).

    Args:
        reader: Where the reader begins; it is not changed.
        encoder: Where the retriever begins; it is not changed.
        world: The world whose facts are asked for.
        k: Documents that each answer is taken from.
        entities: Which entities are asked about; all if not given.
        law: How the documents' answers are put together.
        train: What is trained, of 'reader' and 'query'.
        recipe: How.

    Returns:
        Reader and encoder.

    Raises:
        ValueError: Nothing to train, or something else; another law; k out of range.
    """
    check_parts(train, ("reader", "query"))
    if law not in ("sequence", "token"):
        raise ValueError(f"law: expected sequence or token, got {law!r}")
    recipe, k = given_recipe(recipe), check_positive_int(k, "k")
    own_reader, own_encoder = copy.deepcopy(check_reader(reader)), copy.deepcopy(check_encoder(encoder))
    together = nn.ModuleDict({"reader": own_reader, "encoder": own_encoder})
    check_world(world)
    own_reader.requires_grad_("reader" in train)
    for name, table in own_encoder.tables.items():
        table.requires_grad_(name == "query" and "query" in train)
    with torch.no_grad():
        index = own_encoder.document_vectors(world.documents)
    put_together = sequence_law if law == "sequence" else token_law

    def loss(step: int) -> Tensor:
        asked = world.queries(recipe.batch, generator=keyed_generator(recipe.seed, step), entities=entities)
        scores, which = top_documents(own_encoder.query_vectors(asked.key) @ index.T, k)
        answers = own_reader.answers(asked.slot, asked.key, world.documents, which)
        return -log_prob_of(put_together(scores.double(), answers), asked.answer).mean()

    train_module(together, loss, recipe)
    return own_reader.requires_grad_(requires_grad=True), own_encoder.requires_grad_(requires_grad=True)
