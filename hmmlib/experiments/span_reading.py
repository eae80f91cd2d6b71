"""How readers of spans are made of their starts, and what few examples and labels make of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from hmmlib.experiments.scoring import rounded
from hmmlib.experiments.span_worlds import SpanBench, accuracy_of, span_record
from hmmlib.lm import TransformerMaskedLM, blank_probs
from hmmlib.pretraining import ModuleRecipe, PretrainingRecipe, train_on_texts
from hmmlib.regression import ridge_head
from hmmlib.spans import (
    Articles,
    Names,
    PairTexts,
    SpanItems,
    SpanReader,
    adapt,
    pair_texts,
    read_spans,
    reader_lm,
    retrofit,
)
from hmmlib.spans.readers import marks
from hmmlib.sweeps import Record
from hmmlib.tasks import Split, TaskData
from hmmlib.tuning import TuningRecipe, tune_prompt

STARTS = ("nothing", "masked", "continued")
"""No training; a masked language model; one that went on with texts such as those of retrofitting."""

BY_TURNS, FEW_ENTITIES = "articles by turns", "16 entities"
VARIANTS = (
    "none",
    FEW_ENTITIES,
    "no negatives",
    "names shown",
    "names hidden",
    BY_TURNS,
)
"""One change each. Fewer entities in retrofitting; every context relevant, and half as many of them; every
mention opens with a name, which definitions show, or have "anybody" in its place; the articles of masked
training have even segments, about two entities by turns."""

# Contexts on which a reader is watched as it learns.
_WATCHED = 500
# Labelled pairs by which tuned heads and prompts are chosen.
_VALIDATION = 256
# Of heads by ridge regression, to choose from on the validation pairs.
_PENALTIES = tuple(10.0**power for power in range(-4, 5))


def masked_start(
    bench: SpanBench, start: str, how: Record, names: Names | None = None, *, by_turns: bool = False
) -> TransformerMaskedLM:
    """Train what a reader begins with.

    Args:
        bench: The world, and the entities that may be met.
        start: One of `STARTS`.
        how: The recipes `masked` and `continued`.
        names: Names that it shall have words for; it does not meet them yet.
        by_turns: Whether articles have even segments, about two entities by turns.

    Returns:
        The transformer.
    """
    more = 0 if names is None else names.n_words
    lm = reader_lm(bench.world, more_words=more, generator=bench.seed)
    if start == "nothing":
        return lm
    spread = 0 if by_turns else 3
    texts = Articles(bench.world, entities=bench.seen, spread=spread, by_turns=by_turns, seed=bench.seed)
    lm = train_on_texts(lm, texts, _recipe(how["masked"], bench.seed))
    if start == "masked":
        return lm
    pairs = PairTexts(bench.world, lm, entities=bench.seen, seed=bench.seed)
    return train_on_texts(lm, pairs, _recipe(how["continued"], bench.seed), never_hidden=marks(lm))


def _recipe(stored: Record, seed: int) -> PretrainingRecipe:
    return PretrainingRecipe.from_dict(dict(stored) | {"seed": seed})


def retrofitted(
    bench: SpanBench, lm: TransformerMaskedLM, config: Record, names: Names | None = None
) -> tuple[SpanReader, list[list[float]]]:
    """Retrofit a start, and watch it learn.

    Args:
        bench: The world.
        lm: The start.
        config: A cell's configuration: `steps`, `rate`, `variant` and `how` are read.
        names: Names that mentions open with, for the variants that have them.

    Returns:
        The reader, and for some numbers of steps: that number, F1, accuracy and AUC on definitions of
        entities that training never meets.
    """
    how, variant = config["how"], config["variant"]
    edit: Callable[[SpanItems], SpanItems] | None = None
    watched = bench.tests["definitions_held"].part(slice(_WATCHED))
    if names is not None:
        edit = lambda items: names.give(items, shown=variant == "names shown")  # noqa: E731
        watched = edit(watched)
    curve: list[list[float]] = []
    plan = how["retrofit"] | {"steps": config["steps"], "seed": bench.seed}
    plan["matrix_learning_rate"] = config["rate"]
    if variant == "no negatives":
        plan["batch"] //= 2  # as many answers in a step as otherwise

    def watch(step: int, reader: SpanReader) -> None:
        found = span_record(watched, read_spans(reader, watched))
        curve.append([step, *(found[name] for name in ("f1", "accuracy", "auc"))])

    reader = retrofit(
        SpanReader(lm, generator=bench.seed),
        bench.without_negatives() if variant == "no negatives" else bench.world,
        entities=bench.few_seen if variant == FEW_ENTITIES else bench.seen,
        edit=edit,
        recipe=ModuleRecipe(**plan),
        watch=watch,
        watch_every=how["watch_every"],
    )
    return reader, curve


def few_shot(bench: SpanBench, reader: SpanReader, how: Record) -> Record:
    """Judge a reader on questions after few examples of questions; with the most, also after long training.

    Args:
        bench: The world.
        reader: The reader; it is not changed.
        how: `shots`, the recipe `few`, and perhaps `longer`.

    Returns:
        The entries of `hmmlib.spans.SpanScores` by number of examples, and for `longer`.
    """
    asked, found = bench.tests["questions"], {}
    ways = {str(n): (n, how["few"]) for n in how["shots"]}
    if "longer" in how:
        ways["longer"] = max(how["shots"]), how["longer"]
    for name, (n, plan) in ways.items():
        recipe = ModuleRecipe(**plan | {"seed": bench.seed})
        learnt = adapt(reader, bench.examples(n, "question", relevant=1.0), recipe=recipe)
        found[name] = span_record(asked, read_spans(learnt, asked))
    return found


def yes_or_no(bench: SpanBench, reader: SpanReader, how: Record, *, words: bool) -> Record:
    """How often it is said rightly whether a context is relevant, learnt from labelled definitions.

    Args:
        bench: The world.
        reader: The reader; it is not changed.
        how: `labels`, and the recipes `few` and `tuning`.
        words: Whether a head and a prompt on the words at a blank are tried, too.

    Returns:
        Accuracies by number of labels and way.
    """
    test, found = bench.tests["definitions_held"], {}
    most = max(how["labels"])
    drawn = bench.examples(most + _VALIDATION, "definition")
    later = drawn.part(slice(most, most + _VALIDATION))
    few = ModuleRecipe(**how["few"] | {"seed": bench.seed})
    shown: dict[str, Callable[[SpanItems], Tensor]] = {"head": lambda items: _mark_vectors(reader, items)}
    if words:
        shown["head on words"] = lambda items: _blank_words(reader, items)
    features = {name: [read(items) for items in (drawn, later, test)] for name, read in shown.items()}
    for n in how["labels"]:
        own = drawn.part(slice(n))
        learnt = adapt(reader, own, relevance_weight=1.0, recipe=few)
        one = {"fine-tuned": accuracy_of(read_spans(learnt, test).relevance > 0.5, test)}
        for name, (all_own, to_choose, asked) in features.items():
            says = _chosen_head(all_own[:n], own.relevant, to_choose, later.relevant)
            one[name] = accuracy_of(says(asked), test)
        if words:
            data = TaskData(*(_labelled(reader, items) for items in (own, later, test)))
            recipe = TuningRecipe.from_dict(dict(how["tuning"]) | {"seed": bench.seed})
            # As many steps for few labels as for many.
            recipe = replace(recipe, epochs=recipe.epochs * most // n)
            tuned = tune_prompt(reader.lm, data, recipe, progress=False)
            one["prompt"] = rounded(tuned.accuracy(data.test))
        found[str(n)] = one
    return found


def _chosen_head(x: Tensor, labels: Tensor, to_choose: Tensor, right: Tensor) -> Callable[[Tensor], Tensor]:
    """A linear head with a constant, by ridge regression, whose penalty is best on other pairs."""
    mean, scale = x.mean(0), x.std(0).clamp_min(1e-9)

    def ready(rows: Tensor) -> Tensor:
        return torch.cat([(rows - mean) / scale, torch.ones(len(rows), 1, dtype=rows.dtype)], 1)

    heads = [ridge_head(ready(x), 2.0 * labels - 1, penalty * len(x)) for penalty in _PENALTIES]
    scores = [float(((ready(to_choose) @ head > 0) == right).double().mean()) for head in heads]
    best = heads[scores.index(max(scores))]
    return lambda rows: ready(rows) @ best > 0


def _mark_vectors(reader: SpanReader, items: SpanItems) -> Tensor:
    text = pair_texts(reader.lm, items.query, items.context)
    with torch.no_grad():
        return reader.lm.hidden(reader.lm.embedding(text))[:, 0].double()


def _blank_words(reader: SpanReader, items: SpanItems) -> Tensor:
    with torch.no_grad():
        return blank_probs(reader.lm, _labelled(reader, items).tokens).double()


def _labelled(reader: SpanReader, items: SpanItems) -> Split:
    text = pair_texts(reader.lm, items.query, items.context)[:, 1:]
    labels = items.relevant.long()
    return Split(text, labels, torch.nn.functional.one_hot(labels, 2).double())
