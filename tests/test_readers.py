"""Readers of documents: shapes, what they read, and what training changes."""

from __future__ import annotations

import pytest
import torch

from hmmlib import TransformerConfig, random_memory_hmm
from hmmlib.hmm import uniform_memory
from hmmlib.pretraining import ModuleRecipe
from hmmlib.retrieval import (
    AnswerReader,
    BiEncoder,
    Documents,
    KnowledgeWorld,
    teach_reading,
    train_closed_book,
    train_rag,
)

MODEL = uniform_memory(
    random_memory_hmm(2, 2, 6, n_cells=2, generator=1, transition_temperature=0.3, emission_temperature=0.1)
)
WORLD = KnowledgeWorld(MODEL, n_entities=12, n_symbols=4, key_length=2, text_length=5, generator=0)
ASKED = WORLD.queries(40, generator=1)
OWN = Documents(*(table[ASKED.entity] for table in WORLD.documents))
SMALL = TransformerConfig(width=16, n_layers=1, n_heads=2, feed_forward=32)
START = AnswerReader(WORLD, SMALL, generator=0)


def nats(reader, documents=None):
    with torch.no_grad():
        law = reader(ASKED.slot, ASKED.key, documents)
    return -float(law[torch.arange(40), ASKED.answer[:, 0], ASKED.answer[:, 1]].mean())


def test_answers_are_distributions_and_each_document_is_read_alone():
    with torch.no_grad():
        closed, opened = START(ASKED.slot, ASKED.key), START(ASKED.slot, ASKED.key, OWN)
        which = torch.stack([ASKED.entity, torch.zeros(40, dtype=torch.int64)], 1)
        both = START.answers(ASKED.slot, ASKED.key, WORLD.documents, which)
    ones = torch.ones(40)
    for law in (closed, opened):
        torch.testing.assert_close(law.exp().sum((1, 2)), ones)
    torch.testing.assert_close(both[:, 0].float(), opened.exp())
    assert both.dtype == torch.float64
    assert not torch.allclose(closed, opened)


@pytest.mark.parametrize("other", [torch.float64, torch.bfloat16])
def test_a_start_does_not_depend_on_the_default_number_type(other):
    usual = [*START.state_dict().values(), *BiEncoder(WORLD, 8).state_dict().values()]
    torch.set_default_dtype(other)
    try:
        found = [
            *AnswerReader(WORLD, SMALL, generator=0).state_dict().values(),
            *BiEncoder(WORLD, 8).state_dict().values(),
        ]
    finally:
        torch.set_default_dtype(torch.float32)
    assert {value.dtype for value in found} == {torch.float32}
    assert all(map(torch.equal, found, usual))


def test_who_is_taught_to_read_finds_answers_and_who_has_no_document_learns_facts():
    recipe = ModuleRecipe(steps=60, batch=32, seed=1)
    taught = teach_reading(START, WORLD, recipe=recipe)
    assert nats(taught, OWN) < nats(START, OWN) - 0.1
    closed = train_closed_book(START, WORLD, recipe=recipe)
    assert nats(closed) < nats(START) - 0.2
    again = teach_reading(START, WORLD, recipe=recipe)
    assert all(map(torch.equal, taught.state_dict().values(), again.state_dict().values()))


@pytest.mark.parametrize("train", [("reader",), ("query",), ("reader", "query")])
@pytest.mark.parametrize("law", ["sequence", "token"])
def test_rag_trains_what_is_asked_and_nothing_else(train, law):
    encoder = BiEncoder(WORLD, 8, generator=0)
    before = {name: value.clone() for name, value in START.state_dict().items()}
    recipe = ModuleRecipe(steps=3, batch=8, warmup=0)
    reader, learnt = train_rag(START, encoder, WORLD, k=3, law=law, train=train, recipe=recipe)
    changed = {
        "reader": any(not torch.equal(value, before[name]) for name, value in reader.state_dict().items()),
        "query": not torch.equal(learnt.tables["query"], encoder.tables["query"]),
    }
    assert changed == {"reader": "reader" in train, "query": "query" in train}
    for name in ("document", "text"):
        assert torch.equal(learnt.tables[name], encoder.tables[name])
    assert all(torch.equal(value, before[name]) for name, value in START.state_dict().items())
    assert all(p.requires_grad for module in (reader, learnt) for p in module.parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": ()}, "train: expected some of reader, query"),
        ({"train": ("index",)}, "train: expected some of reader, query, got"),
        ({"law": "word"}, "law: expected sequence or token, got 'word'"),
        ({"k": 13}, "k: expected at most 12"),
        ({"entities": [12]}, "entities: expected 0 … 11"),
    ],
)
def test_what_is_wrong_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        train_rag(START, BiEncoder(WORLD, 8), WORLD, **({"k": 3} | changes))
