"""The sweep over readers of spans: what its records say."""

from __future__ import annotations

import json

import pytest
import torch

from hmmlib.analysis import book_file
from hmmlib.experiments import EXPERIMENTS, shipped, span_reading
from hmmlib.experiments.span_reading import masked_start
from hmmlib.experiments.span_worlds import SpanBench, span_record
from hmmlib.hmm import fingerprint
from hmmlib.spans import load_reader, read_spans
from hmmlib.sweeps import Workplace

EXPERIMENT = EXPERIMENTS["machine-reading"]
CELLS = [json.loads(json.dumps(config)) for config in EXPERIMENT.presets["smoke"].cells()]
SCORES = {"f1", "exact_match", "accuracy", "auc", "consistency_gap"}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    place = Workplace("cpu", tmp_path_factory.mktemp("cells"))
    found = {}
    for config in CELLS:
        EXPERIMENT.check(config)
        key = config["start"], bool(config["steps"]), config["variant"]
        found[key] = EXPERIMENT.compute(config, place)
    return found


def test_starts_are_judged_with_few_examples_and_readers_at_once_too(records):
    assert set(records) == {
        *((start, False, "none") for start in ("nothing", "masked", "continued")),
        *((start, True, "none") for start in ("nothing", "masked")),
        ("masked", True, "names hidden"),
    }
    for (_, retrofitted, variant), record in records.items():
        assert ("zero_shot" in record) == ("curve" in record) == retrofitted
        assert ("few_shot" in record) == (variant == "none")
        longer = "longer" in record.get("few_shot", {})
        assert longer == (record["start"] == "masked" and not retrofitted)
        for entry in (*record.get("few_shot", {}).values(), *record.get("zero_shot", {}).values()):
            assert set(entry) == SCORES
            assert all(0 <= entry[name] <= 1 for name in SCORES - {"consistency_gap"})
    named = records["masked", True, "names hidden"]
    assert set(named["zero_shot"]) == {"names_shown", "names_hidden", "questions"}


def test_yes_and_no_are_learnt_in_the_ways_of_this_book_too(records):
    before, after = (records["masked", read, "none"]["yes_or_no"]["16"] for read in (False, True))
    assert set(before) == {"fine-tuned", "head", "head on words", "prompt"}
    assert set(after) == {"fine-tuned", "head"}
    assert all(0 <= value <= 1 for value in (*before.values(), *after.values()))


def test_a_head_is_chosen_on_other_pairs_than_it_was_fitted_to():
    random = torch.Generator().manual_seed(0)
    x, later, test = (torch.randn(n, 30, generator=random).double() for n in (40, 400, 400))
    right = [rows[:, 0] > 0.3 for rows in (x, later, test)]
    says = span_reading._chosen_head(x, right[0], later, right[1])
    assert float((says(test) == right[2]).double().mean()) > 0.7
    shifted = span_reading._chosen_head(x + 5, right[0], later + 5, right[1])
    assert says(test).equal(shifted(test + 5))


def test_the_exact_reader_is_the_best_and_is_of_one_mind(records):
    first = records["nothing", False, "none"]
    for name, bayes in first["bayes"].items():
        assert bayes["f1"] >= first["overlap"][name]["f1"]
        assert bayes["consistency_gap"] == 0
    for record in records.values():
        for name, entry in record.get("zero_shot", {}).items():
            if name in first["bayes"]:
                assert entry["f1"] <= first["bayes"][name]["f1"]


def test_nobody_who_is_held_back_is_met_in_training():
    config = CELLS[0]
    bench = SpanBench(config["world"], config["seed"])
    assert not set(bench.seen.tolist()) & set(bench.held.tolist())
    assert len(bench.seen) + len(bench.held) == bench.world.n_entities
    assert set(bench.tests["questions"].entity.tolist()) <= set(bench.held.tolist())
    own = bench.examples(200, "definition")
    met = {*own.entity.tolist(), *own.contents.flatten().tolist()}
    assert met <= set(bench.seen.tolist())
    assert len(bench.few_seen) == 16
    assert set(bench.few_seen.tolist()) < set(bench.seen.tolist())
    assert not bench.few_seen.equal(bench.seen[:16])
    assert set(bench.about_few().entity.tolist()) <= set(bench.few_seen.tolist())
    longer = bench.examples(100, "definition")
    assert longer.query.equal(own.query[:100])


def test_a_start_from_nothing_is_untrained_and_the_others_are_not():
    config = CELLS[0]
    bench = SpanBench(config["world"], config["seed"])
    found = [masked_start(bench, start, config["how"]) for start in ("nothing", "masked", "continued")]
    weights = [lm.embedding.weight.detach() for lm in found]
    assert not weights[0].equal(weights[1])
    assert not weights[1].equal(weights[2])
    assert found[0].n_tokens == bench.world.n_words + 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": "elsewhere"}, "start: expected one of nothing, masked, continued, got 'elsewhere'"),
        ({"variant": "names"}, "variant: expected one of none, "),
        ({"rate": 0.0, "steps": 10}, "rate: expected"),
        ({"steps": -1}, "steps: expected at least 0"),
        ({"world": {**CELLS[0]["world"], "n_seen": 215}}, "n_seen: expected 2 … 214, got 215"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_computed(change, message):
    with pytest.raises(ValueError, match=message):
        EXPERIMENT.check(CELLS[0] | change)


def test_the_shipped_reader_is_the_one_of_the_sweep():
    cell = shipped.shipped_reader_cell()
    assert (cell["start"], cell["rate"], cell["variant"], cell["seed"]) == ("masked", 0.01, "none", 1)
    reader, about = load_reader(book_file("checkpoints") / shipped.READER_FILE)
    assert about["cell"] == json.loads(json.dumps(cell))
    assert about["provenance"]["git"]["dirty"] is False
    bench = SpanBench(cell["world"], cell["seed"])
    assert about["hmm"] == fingerprint(bench.world.model)
    items = bench.tests["definitions_held"]
    found = span_record(items, read_spans(reader, items))
    assert found == {k: pytest.approx(v, abs=2e-3) for k, v in about["scores"]["definitions_held"].items()}
