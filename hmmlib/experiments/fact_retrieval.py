"""Questions answered from documents: by Bayes, with trained retrievers and readers, and from memory.

Three kinds of cells, all on `hmmlib.retrieval.KnowledgeWorld`. In 'retriever' documents are read perfectly,
and retrievers differ; in 'start' a retriever is trained on answers alone, from nothing or from few pairs; in
'facts' reader and retriever are trained together, beside a closed book, for few facts and for many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import torch

from hmmlib._checks import check_fraction, check_positive_int
from hmmlib.experiments.checks import check_labels, check_named_kind, check_seed
from hmmlib.experiments.fact_worlds import (
    LARGE_VOCABULARY,
    SMALL_VOCABULARY,
    FactBench,
    check_world,
    world_of,
)
from hmmlib.experiments.scoring import rounded
from hmmlib.experiments.setting import OF_THE_RUN, Stopwatch
from hmmlib.pretraining import ModuleRecipe
from hmmlib.retrieval import (
    AnswerReader,
    Queries,
    RetrieverRecipe,
    bm25,
    read_with,
    teach_reading,
    train_closed_book,
    train_rag,
)
from hmmlib.retrieval.mixtures import Decoding, at_answer, most_probable
from hmmlib.sweeps import Experiment, Record, Workplace, check_entries, option

_ENTRIES = ("preset", "kind", "n_entities", "paraphrase", "pairs", "k", "index", "seed", "world", "how")
_RETRIEVER = ("warm_up", "training")
_INDICES: Mapping[str, tuple[str, ...]] = {"frozen": ("query",), "trained": ("query", "document")}
"""Which sides of a retriever learn from answers."""

_KINDS: Mapping[str, tuple[str, ...]] = {
    "retriever": _RETRIEVER,
    "start": _RETRIEVER,
    "facts": ("controls", "warm_up", "reading", "closed", "training"),
}
"""What a configuration says of how each kind of cell is computed."""


@dataclass(frozen=True)
class FactRetrievalConfig:
    """What is computed.

    Attributes:
        preset: The preset's name.
        seeds: Each gives an HMM, entities, documents, questions and the start of whatever is trained.
        paraphrases: In 'retriever', how often questions are put in other words.
        pairs: In 'retriever', numbers of pairs that retrievers start from.
        starts: In 'start', numbers of pairs to start from, and of documents in training, 0 for all.
        indices: In 'start', whether the index is 'frozen', or 'trained' with the questions' side.
        facts: In 'facts', numbers of entities; half of them are asked about in training.
        controls: For which of them random documents, readers that were not taught, and RAG-Token are tried.
        questions: Questions that are asked in a test.
        shrink: What entities and steps are divided by; 1 but for tests.
    """

    preset: str
    seeds: tuple[int, ...] = option((1, 2, 3, 4, 5), "seeds")
    paraphrases: tuple[float, ...] = option((0.0, 0.25, 0.5, 1.0), "shares of questions in other words")
    pairs: tuple[int, ...] = (512, 4096)
    starts: tuple[tuple[int, int], ...] = ((0, 1), (0, 4), (0, 16), (0, 64), (0, 0), (1024, 4), (1024, 0))
    indices: tuple[str, ...] = ("frozen", "trained")
    facts: tuple[int, ...] = option((64, 256, 1024, 4096), "numbers of entities")
    controls: tuple[int, ...] = (1024,)
    questions: int = 1000
    shrink: int = 1

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it.

        Returns:
            The fields.
        """
        return asdict(self)

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each: `preset`, `kind`, `n_entities`, `paraphrase`, `pairs` that retrievers
            start from, `k` documents in training (0 for all), whether the `index` of documents is 'frozen' or
            'trained', `seed`, the `world`, and `how` it is trained.
        """
        steps = self.shrink
        warm = asdict(RetrieverRecipe(steps=300 // steps))
        alone = {"warm_up": warm, "training": warm}
        together: Record = {
            "warm_up": warm,
            "reading": asdict(ModuleRecipe(steps=1500 // steps, batch=64)),
            "closed": asdict(ModuleRecipe(steps=1200 // steps, batch=128)),
            "training": asdict(ModuleRecipe(steps=300 // steps, batch=32)),
        }
        small, large = (world_of(words, self.questions) for words in (SMALL_VOCABULARY, LARGE_VOCABULARY))
        points: list[tuple[Any, ...]] = [
            ("start", 1024, 0.5, *start, index, small, alone)
            for index, start in product(self.indices, self.starts)
        ]
        for share, pairs in product(self.paraphrases, self.pairs):
            points.append(("retriever", 1024, share, pairs, 8, "frozen", small, alone))
        for n in self.facts:
            how = {"controls": n in self.controls, **together}
            points.append(("facts", n, 0.5, 4096, 4, "frozen", large, how))
        return [
            {
                "preset": self.preset,
                "kind": kind,
                "n_entities": n_entities // self.shrink,
                "paraphrase": paraphrase,
                "pairs": pairs // self.shrink,
                "k": k,
                "index": index,
                "seed": seed,
                "world": world,
                "how": how,
            }
            for kind, n_entities, paraphrase, pairs, k, index, world, how in points
            for seed in self.seeds
        ]


def _retrievers(bench: FactBench, config: Record, watch: Stopwatch) -> Record:
    k, n = config["k"], bench.world.n_entities
    found: Record = {
        "bayes": bench.judged(bench.bayes, n),
        "bayes_k": bench.judged(bench.bayes, k),
        "bm25": bench.judged(
            lambda asked: bm25(bench.world.documents.keys, asked.key, bench.world.n_words), k
        ),
    }
    watch.lap("exact")
    encoder = bench.warm(config["pairs"], config["how"]["warm_up"])
    found["frozen"] = bench.judged(bench.by_encoder(encoder), k)
    watch.lap("warm-up")
    learnt = bench.learnt(encoder, k, config["how"]["training"])
    found["learnt"] = bench.judged(bench.by_encoder(learnt), k)
    watch.lap("training")
    return found


def _starts(bench: FactBench, config: Record, watch: Stopwatch) -> Record:
    k = config["k"] or bench.world.n_entities
    encoder = bench.warm(config["pairs"], config["how"]["warm_up"])
    found = {"before": bench.judged(bench.by_encoder(encoder), k)}
    learnt = bench.learnt(encoder, k, config["how"]["training"], _INDICES[config["index"]])
    watch.lap("training")
    # Judged with as many documents as in training, and with eight, the same for all.
    found["after"] = bench.judged(bench.by_encoder(learnt), k)
    found["after_8"] = bench.judged(bench.by_encoder(learnt), min(8, bench.world.n_entities))
    return found


def _facts(bench: FactBench, config: Record, watch: Stopwatch) -> Record:
    world, k, seen = bench.world, config["k"], bench.entities["seen"]
    later = world.rewritten(generator=3000 + bench.seed)
    asked_later = {name: bench.ask(later, name) for name in bench.entities}
    documents, documents_later = world.documents, later.documents
    found: Record = {
        "bayes": bench.judged(bench.bayes, world.n_entities),
        "bayes_k": bench.judged(bench.bayes, k),
    }
    start = AnswerReader(world, generator=bench.seed)
    closed = train_closed_book(start, world, entities=seen, recipe=bench.recipe(config["how"]["closed"]))
    for name, questions in (("closed", bench.questions), ("closed_new_truth", asked_later)):
        found[name] = {half: _closed_book(closed, asked) for half, asked in questions.items()}
    watch.lap("closed book")
    taught = teach_reading(start, world, recipe=bench.recipe(config["how"]["reading"]))
    watch.lap("reading")
    encoder = bench.warm(config["pairs"], config["how"]["warm_up"])
    found["before"] = bench.judged(bench.by_encoder(encoder), k, read_with(taught, documents))
    plan = {"k": k, "entities": seen, "recipe": bench.recipe(config["how"]["training"])}
    ways: dict[str, Record] = {"reader_frozen": {"train": ("query",)}, "reader_trained": {}}
    readers = dict.fromkeys(ways, taught)
    if config["how"]["controls"]:
        ways |= {"as_token": {"law": "token"}, "untaught": {}}
        readers |= {"as_token": taught, "untaught": start}
    for name, way in ways.items():
        reader, learnt = train_rag(readers[name], encoder, world, **plan, **way)
        scores = bench.by_encoder(learnt)
        how: Decoding = "token" if name == "as_token" else "exact"
        one: Record = {
            f"k_{size}": bench.judged(scores, size, read_with(reader, documents), how=how)
            for size in (1, k, 16)
            if size <= world.n_entities
        }
        one["read_perfectly"] = bench.judged(scores, k)
        one["found_perfectly"] = bench.judged(bench.bayes, k, read_with(reader, documents))
        # What is true, and what the documents say, before and after all was written anew.
        one["swap"] = {
            f"{truth}_truth_{index}_index": bench.judged(
                bench.by_encoder(learnt, written), k, read_with(reader, written), asked, how
            )
            for truth, asked in (("old", bench.questions), ("new", asked_later))
            for index, written in (("old", documents), ("new", documents_later))
            if (truth, index) != ("old", "old")  # that is f"k_{k}"
        }
        found[name] = one
        watch.lap(name)
    if config["how"]["controls"]:
        random = torch.Generator().manual_seed(bench.seed)
        found["random_documents"] = bench.judged(
            lambda asked: torch.rand(len(asked.key), world.n_entities, generator=random),
            k,
            read_with(taught, documents),
        )
    return found


def _closed_book(reader: AnswerReader, asked: Queries) -> Record:
    with torch.no_grad():
        law = reader(asked.slot, asked.key)
    right = (most_probable(law) == asked.answer).all(1)
    nats = -at_answer(law, asked.answer).double().mean()
    return {"exact_match": rounded(float(right.double().mean())), "nats": rounded(float(nats))}


_COMPUTE: Mapping[str, Callable[[FactBench, Record, Stopwatch], Record]] = {
    "retriever": _retrievers,
    "start": _starts,
    "facts": _facts,
}


def fact_retrieval_cell(config: Record, place: Workplace) -> Record:  # noqa: ARG001 - nothing is kept
    """Train what answers questions, and judge it on entities that training asked about and on others.

    Args:
        config: One of `FactRetrievalConfig.cells`.
        place: Not used: nothing is shared between cells, and all is computed on the CPU.

    Returns:
        The record, ready for JSON: `kind`, `seed`, `n_entities`, `paraphrase`, `pairs`, `k`, `index`; and by
        what answers, for 'seen' and 'unseen' entities, the entries of `hmmlib.retrieval.RetrievalScores`.
        `seconds` and `cpu_seconds` are of the run.

    Raises:
        ValueError: An entry that is missing or too many, or a value out of range.
    """
    check_entries(config, _ENTRIES)
    watch = Stopwatch()
    kind = _check_kind(config)
    bench = FactBench(config)
    watch.lap("world")
    found = _COMPUTE[kind](bench, config, watch)
    told = ("kind", "n_entities", "paraphrase", "pairs", "k", "index", "seed")
    return {**{name: config[name] for name in told}, **found, **watch.times()}


def _check_kind(config: Record) -> str:
    kind = check_named_kind(config, _KINDS, "kind")
    check_entries(config["how"], _KINDS[kind], "how")
    return kind


def check_cell(config: Record) -> None:
    """Check the configuration of a cell, without computing anything to speak of.

    Args:
        config: The configuration.

    Raises:
        TypeError: A value of another type.
        ValueError: An unknown kind, an entry that is missing or too many, or a value out of range.
    """
    check_entries(config, _ENTRIES)
    check_labels(config, ("preset",))
    check_seed(config["seed"])
    check_world(config["world"])
    check_positive_int(config["n_entities"], "n_entities", 2)
    check_fraction(config["paraphrase"], "paraphrase")
    for name in ("pairs", "k"):
        check_positive_int(config[name], name, 0)
    if config["index"] not in _INDICES:
        raise ValueError(f"index: expected one of {', '.join(_INDICES)}, got {config['index']!r}")
    kind, how = _check_kind(config), config["how"]
    if kind != "start" and config["index"] != "frozen":
        raise ValueError(f"index: expected frozen in a cell of kind {kind}, got {config['index']!r}")
    RetrieverRecipe(**how["warm_up"])
    for name in ("reading", "closed"):
        if name in how:
            ModuleRecipe(**how[name])
    (ModuleRecipe if kind == "facts" else RetrieverRecipe)(**how["training"])


def _matched(name: str, half: str, record: Record) -> float | None:
    entry = record.get(name)
    found: float | None = None if entry is None else 100 * entry[half]["exact_match"]
    return found


EXPERIMENT = Experiment(
    name="fact-retrieval",
    title="questions answered from documents: retrievers, readers, and closed books",
    presets={
        "laptop": FactRetrievalConfig("laptop"),
        "smoke": FactRetrievalConfig(
            "smoke",
            seeds=(1,),
            paraphrases=(0.5,),
            pairs=(1024,),
            starts=((0, 4),),
            facts=(1024,),
            questions=20,
            shrink=64,
        ),
    },
    compute=fact_retrieval_cell,
    check=check_cell,
    of_the_run=OF_THE_RUN,
    groups=("kind", "n_entities", "paraphrase", "pairs", "k", "index"),
    columns={
        "Bayes, unseen, %": lambda record: _matched("bayes", "unseen", record),
        "closed book, seen, %": lambda record: _matched("closed", "seen", record),
        "after, unseen, %": lambda record: _matched("after_8", "unseen", record),
    },
    devices=("cpu",),
)
"""The sweep over retrievers, starts, and numbers of facts.

:meta hide-value:
"""
