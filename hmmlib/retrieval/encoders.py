"""Bi-encoders: a vector for a question, a vector for a document, and their scalar product as the score."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hmmlib._checks import ArrayLike, check_kind, check_positive, check_positive_int, check_tensor
from hmmlib._random import keyed_generator, step_generator
from hmmlib.retrieval._door import check_parts, check_world
from hmmlib.retrieval.exact import pair_log_probs
from hmmlib.retrieval.mixtures import log_prob_of, sequence_law
from hmmlib.retrieval.worlds import Documents, KnowledgeWorld


class BiEncoder(nn.Module):
    """A vector for each word at each place, summed; one table for questions, and one for documents.

    Words of keys start with vectors of length about one, tokens of texts with zero: what a document says has
    no part in its vector until training gives it one.

    Args:
        world: The world whose keys and texts it reads.
        width: Length of the vectors.
        generator: Seed of the start.
    """

    def __init__(self, world: KnowledgeWorld, width: int = 64, *, generator: int = 0) -> None:
        super().__init__()
        check_world(world)
        width = check_positive_int(width, "width")
        random = step_generator(torch.device("cpu"), check_positive_int(generator, "generator", 0))
        single = torch.float32  # whatever torch's default is
        keys = (2, world.key_length, world.n_words, width)
        query, document = torch.randn(keys, generator=random, dtype=single) / width**0.5
        text = torch.zeros(world.text_length, world.model.n_tokens, width, dtype=single)
        tables = {"query": query, "document": document, "text": text}
        self.tables = nn.ParameterDict({name: nn.Parameter(table.clone()) for name, table in tables.items()})

    def query_vectors(self, key: Tensor) -> Tensor:
        """Vectors of questions.

        Args:
            key: Words of the keys, shape (n, L).

        Returns:
            Shape (n, width).
        """
        return _summed(self.tables["query"], key)

    def document_vectors(self, documents: Documents) -> Tensor:
        """Vectors of documents: the index.

        Args:
            documents: The documents, E of them.

        Returns:
            Shape (E, width).
        """
        return _summed(self.tables["document"], documents.keys) + _summed(
            self.tables["text"], documents.texts
        )


def _summed(table: Tensor, words: Tensor) -> Tensor:
    return table[torch.arange(words.shape[1]), words].sum(1)


def check_encoder(encoder: BiEncoder) -> BiEncoder:
    """Check that something is an encoder.

    Args:
        encoder: It.

    Returns:
        The same.

    Raises:
        TypeError: Anything else.
    """
    return check_kind(encoder, BiEncoder, "encoder", "a BiEncoder")


def exact_encoder(world: KnowledgeWorld, rank: int | None = None) -> BiEncoder:
    """The bi-encoder that is Bayes: log P[question | document] is a sum over places of a table's entries.

    The table of logarithms has a rank; its singular vectors, place by place, are vectors of questions and
    documents whose scalar product is that sum. With fewer of them it is the best approximation to the table.

    Args:
        world: The world, with noise: otherwise some logarithms are −inf.
        rank: Singular vectors for each place; all that there are if not given. The width is L times as many.

    Returns:
        The encoder, in double precision and frozen; a document's text does not matter to it.

    Raises:
        ValueError: A rank below 1 or above 2A, or a world in which some questions are impossible.
    """
    table = pair_log_probs(check_world(world))
    if not bool(table.isfinite().all()):
        raise ValueError("world: expected noise above 0; without it some logarithms are −inf")
    left, values, right = torch.linalg.svd(table)
    count = len(values) if rank is None else check_positive_int(rank, "rank")
    if count > len(values):
        raise ValueError(f"rank: expected at most {len(values)}, got {rank}")
    encoder = BiEncoder(world, world.key_length * count).double().requires_grad_(requires_grad=False)
    for parameter in encoder.tables.values():
        parameter.zero_()
    root = values[:count].sqrt()
    for place in range(world.key_length):
        own = slice(place * count, (place + 1) * count)
        encoder.tables["document"][place, :, own] = left[:, :count] * root
        encoder.tables["query"][place, :, own] = right[:count].T * root
    return encoder


def top_documents(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The documents of the largest scores.

    Args:
        scores: Shape (n, E).
        k: How many, 1 … E.

    Returns:
        Their scores and numbers, both shape (n, k), best first.

    Raises:
        ValueError: No document, or k out of range.
    """
    check_tensor(scores, "scores", "scores of documents, shape (n, E)")
    if scores.ndim != 2 or not scores.shape[1]:
        raise ValueError(
            f"scores: expected shape (n, E) with one document or more, got {tuple(scores.shape)}"
        )
    if check_positive_int(k, "k") > scores.shape[1]:
        raise ValueError(f"k: expected at most {scores.shape[1]}, as many as documents, got {k}")
    found = scores.topk(k, 1)
    return found.values, found.indices


@dataclass(frozen=True)
class RetrieverRecipe:
    """How an encoder is trained.

    Attributes:
        steps: Number of steps.
        batch: Questions in a step.
        learning_rate: Of Adam, at the start; it falls linearly to zero.
        seed: Of the questions.
    """

    steps: int = 300
    batch: int = 128
    learning_rate: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch"):
            check_positive_int(getattr(self, name), name)
        check_positive(self.learning_rate, "learning_rate")
        check_positive_int(self.seed, "seed", 0)


def warm_up(
    encoder: BiEncoder,
    world: KnowledgeWorld,
    *,
    paraphrase: float | None = None,
    recipe: RetrieverRecipe | None = None,
) -> BiEncoder:
    """Train an encoder on pairs of a question and its document (dense passage retrieval).

    The other documents of a batch are what a question does not mean (Karpukhin et al. 2020). One question
    is asked about each entity, the same again and again, as in a set of labelled pairs.

    Args:
        encoder: Where to begin; it is not changed.
        world: Entities to learn from; others than those of the test, or their keys are learnt by heart.
        paraphrase: Probability of the second form in the pairs; the world's if not given.
        recipe: Steps and learning rate.

    Returns:
        The trained encoder.
    """
    recipe = _recipe(recipe)
    trained = copy.deepcopy(check_encoder(encoder))
    asked = check_world(world).queries_about(
        torch.arange(world.n_entities), generator=recipe.seed, paraphrase=paraphrase
    )
    random = step_generator(torch.device("cpu"), recipe.seed, 1)

    def loss(_: int) -> Tensor:
        rows = torch.randperm(len(asked.key), generator=random)[: recipe.batch]
        own = asked.entity[rows]
        documents = Documents(world.documents.keys[own], world.documents.texts[own])
        scores = trained.query_vectors(asked.key[rows]) @ trained.document_vectors(documents).T
        return F.cross_entropy(scores, torch.arange(len(rows)))

    _train(trained.parameters(), loss, recipe)
    return trained


def train_retriever(
    encoder: BiEncoder,
    world: KnowledgeWorld,
    answers: Tensor,
    *,
    k: int | None,
    entities: ArrayLike | None = None,
    train: Collection[str] = ("query",),
    recipe: RetrieverRecipe | None = None,
) -> BiEncoder:
    """Train an encoder on answers alone, under RAG-Sequence.

    Lewis et al. train the questions' side and leave that of the documents as it is, so that the vectors of
    the documents, the index, need not be made anew. With both, they are made anew in every step.

    Args:
        encoder: Where to begin; it is not changed.
        world: The world whose facts are asked for.
        answers: What a reader says with each document, shape (slots, E, |ℳ|, |ℳ|): `exact_answers` for one
            that reads perfectly.
        k: Documents that an answer is taken from; None for all of them.
        entities: Which entities are asked about; all if not given.
        train: What is trained, of 'query' and 'document'.
        recipe: Steps and learning rate.

    Returns:
        The trained encoder.

    Raises:
        ValueError: k out of range, nothing to train or something else, answers of another shape, or an entity
            that is not there.
    """
    recipe = _recipe(recipe)
    trained = copy.deepcopy(check_encoder(encoder))
    check_parts(train, ("query", "document"))
    check_world(world)
    size = world.n_entities if k is None else check_positive_int(k, "k")
    expected = (world.n_slots, world.n_entities, world.model.n_values, world.model.n_values)
    if tuple(check_tensor(answers, "answers").shape) != expected:
        raise ValueError(f"answers: expected shape {expected}, got {tuple(answers.shape)}")
    of_documents = "document" in train
    with torch.no_grad():
        frozen = trained.document_vectors(world.documents)

    def loss(step: int) -> Tensor:
        asked = world.queries(recipe.batch, generator=keyed_generator(recipe.seed, step), entities=entities)
        index = trained.document_vectors(world.documents) if of_documents else frozen
        scores, among = top_documents(trained.query_vectors(asked.key) @ index.T, size)
        law = sequence_law(scores.double(), answers[asked.slot[:, None], among])
        return -log_prob_of(law, asked.answer).mean()

    sides = {"query": ("query",), "document": ("document", "text")}
    _train([trained.tables[name] for side in sides if side in train for name in sides[side]], loss, recipe)
    return trained


def _recipe(recipe: RetrieverRecipe | None) -> RetrieverRecipe:
    if recipe is None:
        return RetrieverRecipe()
    return check_kind(recipe, RetrieverRecipe, "recipe", "a RetrieverRecipe")


def _train(parameters: Iterable[Tensor], loss: Callable[[int], Tensor], recipe: RetrieverRecipe) -> None:
    optimiser = torch.optim.Adam(parameters, recipe.learning_rate)
    for step in range(recipe.steps):
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * (1 - step / recipe.steps)
        optimiser.zero_grad()
        loss(step).backward()
        optimiser.step()
