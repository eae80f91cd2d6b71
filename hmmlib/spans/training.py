"""Readers of spans are made from masked language models, and adapted to few examples."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_fraction, check_kind, check_positive_int
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
    edit: Callable[[SpanItems], SpanItems] | None = None,
    recipe: ModuleRecipe | None = None,
    watch: Callable[[int, SpanReader], object] | None = None,
    watch_every: int = 150,
) -> SpanReader:
    """Train a reader on definitions and contexts that are new in every step.

    Args:
        reader: Where to begin; it is not changed.
        world: The world that items are drawn from.
        entities: Which entities are asked about and spoken of; all if not given.
        relevance_weight: As for `span_loss`.
        edit: What is done to items before they are read, such as giving `Names`.
        recipe: How.
        watch: Called with the number of steps done and the reader as it then is; what it returns is not
            looked at.
        watch_every: Steps between these calls.

    Returns:
        The reader.

    Raises:
        TypeError: Not a reader, a world or a recipe, or a number of steps that is not an integer.
        ValueError: An entity that is not there, fewer than two, a weight outside [0, 1], or a number of steps
            below 1.
        FloatingPointError: The loss is no longer finite; the message names the step.
    """
    recipe = given_recipe(recipe)
    trained = copy.deepcopy(check_span_reader(reader))
    check_kind(world, SpanWorld, "world", "a SpanWorld")
    _check_weight(relevance_weight)
    check_positive_int(watch_every, "watch_every")
    among = known_entities(entities, "entities", world.n_entities, 2)
    kept: list[SpanItems] = []

    def loss(step: int) -> Tensor:
        place = step % _BLOCK
        if not place:
            random = keyed_generator(recipe.seed, step)
            drawn = world.draw(_BLOCK * recipe.batch, generator=random, asked=among, others=among)
            kept[:] = [drawn if edit is None else edit(drawn)]
        items = kept[0].part(slice(place * recipe.batch, (place + 1) * recipe.batch))
        return span_loss(trained(items.query, items.context), span_targets(items), relevance_weight)

    def after(done: int) -> None:
        if watch is not None and not done % watch_every:
            watch(done, trained)

    train_module(trained, loss, recipe, after=after)
    return trained


def adapt(
    reader: SpanReader,
    items: SpanItems,
    *,
    relevance_weight: float | None = None,
    recipe: ModuleRecipe | None = None,
) -> SpanReader:
    """Train a reader on given items, read again and again.

    Args:
        reader: Where to begin; it is not changed.
        items: The items.
        relevance_weight: As for `span_loss`; 1 to learn the relevance alone.
        recipe: How.

    Returns:
        The reader.

    Raises:
        TypeError: Not a reader, items or a recipe.
        ValueError: A weight outside [0, 1].
        FloatingPointError: The loss is no longer finite; the message names the step.
    """
    recipe = given_recipe(recipe)
    trained = copy.deepcopy(check_span_reader(reader))
    _check_weight(relevance_weight)
    targets = span_targets(items)

    def loss(step: int) -> Tensor:
        random = step_generator(torch.device("cpu"), recipe.seed, step)
        rows = torch.randperm(len(targets), generator=random)[: recipe.batch]
        scores = trained(items.query[rows], items.context[rows])
        return span_loss(scores, targets[rows], relevance_weight)

    train_module(trained, loss, recipe)
    return trained


def _check_weight(relevance_weight: float | None) -> None:
    if relevance_weight is not None:
        check_fraction(relevance_weight, "relevance_weight")
