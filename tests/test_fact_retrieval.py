"""The sweep over retrieval from documents: what its records say."""

from __future__ import annotations

import json

import pytest

from hmmlib.experiments import EXPERIMENTS
from hmmlib.sweeps import Workplace

EXPERIMENT = EXPERIMENTS["fact-retrieval"]
CELLS = EXPERIMENT.presets["smoke"].cells()
SCORES = {"exact_match", "nats", "recall_first", "recall", "right_without", "distinct"}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    place = Workplace("cpu", tmp_path_factory.mktemp("cells"))
    found = {}
    for config in CELLS:
        config = json.loads(json.dumps(config))
        EXPERIMENT.check(config)
        found[config["kind"]] = EXPERIMENT.compute(config, place)
    return found


def judgements(entry):
    """All entries that are scores, however deep."""
    if set(entry) >= SCORES:
        yield entry
    else:
        for value in entry.values():
            if isinstance(value, dict):
                yield from judgements(value)


def test_every_answer_is_judged_on_both_halves(records):
    assert set(records) == {"retriever", "start", "facts"}
    for record in records.values():
        found = list(judgements(record))
        assert len(found) >= 4
        for one in found:
            assert 0 <= one["exact_match"] <= 1
            assert one["recall_first"] <= one["recall"]
            assert one["nats"] >= 0
    assert {"bayes", "bayes_k", "bm25", "frozen", "learnt"} <= set(records["retriever"])
    facts = records["facts"]
    assert {"closed", "closed_new_truth", "reader_frozen", "reader_trained"} <= set(facts)
    assert {"as_token", "untaught", "random_documents"} <= set(facts)
    assert set(facts["reader_frozen"]["swap"]) == {
        "old_truth_new_index",
        "new_truth_old_index",
        "new_truth_new_index",
    }


def test_nobody_is_better_than_bayes_by_more_than_chance(records):
    for kind in ("retriever", "facts"):
        best = records[kind]["bayes"]["unseen"]["nats"]
        others = [
            one["nats"]
            for name, entry in records[kind].items()
            if name in ("bm25", "before", "frozen")
            for one in judgements(entry)
        ]
        assert best < min(others)


def test_a_wrong_cell_is_refused():
    wrong = json.loads(json.dumps(CELLS[0]))
    wrong["kind"] = "book"
    with pytest.raises(
        ValueError, match="kind: expected one of the kinds retriever, start, facts, got 'book'"
    ):
        EXPERIMENT.check(wrong)
    wrong = json.loads(json.dumps(CELLS[0]))
    wrong["paraphrase"] = 2
    with pytest.raises(ValueError, match="paraphrase"):
        EXPERIMENT.check(wrong)
    for kind, index, message in (
        ("start", "thawed", "index: expected one of frozen, trained, got 'thawed'"),
        ("facts", "trained", "index: expected frozen in a cell of kind facts, got 'trained'"),
    ):
        wrong = json.loads(json.dumps(next(cell for cell in CELLS if cell["kind"] == kind)))
        wrong["index"] = index
        with pytest.raises(ValueError, match=message):
            EXPERIMENT.check(wrong)
