"""Readers of spans are made from masked language models, and adapted to few examples."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_fraction, check_kind
from hmmlib._random import keyed_generator, step_generator
from hmmlib.pretraining import ModuleRecipe, train_module
from hmmlib.pretraining.modules import given_recipe
from hmmlib.spans.readers import SpanReader, check_span_reader, span_loss, span_targets
from hmmlib.spans.worlds import SpanItems, SpanWorld, known_entities

# Items for so many steps are drawn at once.
_BLOCK = 32


def retrofit(
    reader: SpanReader,
    world: SpanWorld,
    *,
    entities: ArrayLike | None = None,
    relevance_weight: float | None = None,
    recipe: ModuleRecipe | None = None,
) -> SpanReader:
    """Train a reader on definitions and contexts that are new in every step.

    Args:
        reader: Where to begin; it is not changed.
        world: The world that items are drawn from.
        entities: Which entities are asked about and spoken of; all if not given.
        relevance_weight: As for `span_loss`.
        recipe: How.

    Returns:
        The reader.

    Raises:
        TypeError: Not a reader, a world or a recipe.
        ValueError: An entity that is not there, fewer than two, or a weight outside [0, 1].
    """
    recipe = given_recipe(recipe)
    trained = copy.deepcopy(check_span_reader(reader))
    check_kind(world, SpanWorld, "world", "a SpanWorld")
    if relevance_weight is not None:
        check_fraction(relevance_weight, "relevance_weight")
    among = known_entities(entities, "entities", world.n_entities)
    kept: list[SpanItems] = []

    def loss(step: int) -> Tensor:
        place = step % _BLOCK
        if not place:
            kept[:] = [
                world.draw(
                    _BLOCK * recipe.batch,
                    generator=keyed_generator(recipe.seed, step),
                    asked=among,
                    others=among,
                )
            ]
        items = kept[0].part(slice(place * recipe.batch, (place + 1) * recipe.batch))
        return span_loss(trained(items.query, items.context), span_targets(items), relevance_weight)

    train_module(trained, loss, recipe)
    return trained


def adapt(reader: SpanReader, items: SpanItems, *, recipe: ModuleRecipe | None = None) -> SpanReader:
    """Train a reader on given items, read again and again.

    Args:
        reader: Where to begin; it is not changed.
        items: The items.
        recipe: How.

    Returns:
        The reader.

    Raises:
        TypeError: Not a reader, items or a recipe.
    """
    recipe = given_recipe(recipe)
    trained = copy.deepcopy(check_span_reader(reader))
    targets = span_targets(items)

    def loss(step: int) -> Tensor:
        random = step_generator(torch.device("cpu"), recipe.seed, step)
        rows = torch.randperm(len(targets), generator=random)[: recipe.batch]
        return span_loss(trained(items.query[rows], items.context[rows]), targets[rows])

    train_module(trained, loss, recipe)
    return trained
