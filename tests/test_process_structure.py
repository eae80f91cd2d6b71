"""The sweep over processes of which variants are left out: what its records say."""

from __future__ import annotations

import json
import math

import pytest

from hmmlib.experiments import EXPERIMENTS
from hmmlib.experiments.process_structure import read, written
from hmmlib.processes import EXAMPLES, act, seq, skip, xor
from hmmlib.sweeps import Workplace

EXPERIMENT = EXPERIMENTS["process-structure"]
FOLD, CHOSEN = (json.loads(json.dumps(config)) for config in EXPERIMENT.presets["smoke"].cells())


def record_of(config, folder):
    EXPERIMENT.check(config)
    record = EXPERIMENT.compute(config, Workplace("cpu", folder))
    record.pop("seconds")
    record.pop("cpu_seconds")
    return record


def test_a_record_has_exact_scores_of_every_learner(tmp_path):
    record = record_of(FOLD, tmp_path)
    assert (record["n_variants"], record["left_out"], record["held"]) == (48, 24, 0)
    assert record["left_out_prob"] == pytest.approx(0.5)
    assert record["truth_excess"] == pytest.approx(math.log(2), abs=1e-6)
    assert set(record["scores"]) == {"network", "markings", "2", "3", "4"}
    for scores in record["scores"].values():
        assert all(0 <= value <= 1 + 1e-5 for value in scores.values())
        assert scores["left_out_mass"] <= scores["legal"]
    # Half of the variants are all that begin with two of the four activities: nothing is left to count.
    for learner in ("markings", "2", "3", "4"):
        assert record["scores"][learner]["generalisation"] == 0
    assert record["scores"]["markings"]["legal"] == pytest.approx(1)
    assert 0 < record["ceilings"]["fit"] < 1
    assert record["nats"]["truth"] == pytest.approx(math.log(48), abs=1e-6)
    assert 1 <= record["best_epoch"] <= record["epochs"] == 3
    assert "curve" not in record
    assert record_of(FOLD, tmp_path) == record


def test_with_variants_held_back_the_way_there_is_recorded(tmp_path):
    record = record_of(CHOSEN, tmp_path)
    assert [point["epoch"] for point in record["curve"]] == [1, 3]
    best = record["by_variants"]
    assert best["nats"]["variants"] <= min(point["nats"]["variants"] for point in record["curve"])
    assert best["nats"]["variants"] <= record["nats"]["variants"]
    # With its own three quarters less eight of 48 the log has 28 variants.
    assert record["left_out_prob"] == pytest.approx(0.25)
    last = record["curve"][-1]
    if record["best_epoch"] == 3:
        assert last["scores"] == record["scores"]["network"]


def test_a_tree_is_written_and_read():
    trees = [*EXAMPLES.values(), seq(act("a"), xor(skip(), act("b")))]
    assert [read(json.loads(json.dumps(written(tree)))) for tree in trees] == trees


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"left_out": 48}, "left_out: expected fewer than all 48 variants"),
        ({"left_out": 40, "held": 8}, "left_out: expected fewer than all 48 variants"),
        ({"folds": "first"}, "folds: expected one of the kinds random, consecutive"),
        ({"process": ["sequence", ["act", "a"]]}, "process: expected one of"),
        ({"how": FOLD["how"] | {"validation": 0.0}}, "validation: expected a share above 0"),
        ({"how": FOLD["how"] | {"texts": 0}}, "texts"),
        ({"how": FOLD["how"] | {"network": {"width": 0, "n_layers": 1, "dropout": 0.0}}}, "width"),
        ({"how": {}}, "how: expected the entries"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_computed(change, message):
    with pytest.raises(ValueError, match=message):
        EXPERIMENT.check(FOLD | change)
