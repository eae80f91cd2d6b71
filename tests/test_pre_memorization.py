"""The sweep over runs of fine-tuning: what its records say."""

from __future__ import annotations

import json

import pytest

from hmmlib.experiments import EXPERIMENTS
from hmmlib.sweeps import Workplace

EXPERIMENT = EXPERIMENTS["pre-memorization"]
(CELL,) = (json.loads(json.dumps(config)) for config in EXPERIMENT.presets["smoke"].cells())
HOW = CELL["how"]


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    EXPERIMENT.check(CELL)
    return EXPERIMENT.compute(CELL, Workplace("cpu", tmp_path_factory.mktemp("store")))


def test_a_record_has_what_was_seen_at_each_checkpoint(record):
    assert {name: record[name] for name in ("plane", "seed", "mid", "n", "rate")} == {
        name: CELL[name] for name in ("plane", "seed", "mid", "n", "rate")
    }
    assert record["entropy"] > 0
    assert 1 < record["bayes_perplexity"] < 10
    assert [entry["step"] for entry in record["checkpoints"]] == [0, 2, 4]
    for entry in record["checkpoints"]:
        for asked in ("test", "validation", "train"):
            assert 0 <= entry[asked]["sampled"] <= 1
            assert 0 <= entry[asked]["expected"] <= 1
        assert entry["gap"]["test"] < 0
        assert entry["alarms"] == [0.0, 0.0, 0.0] == entry["memorised"]
    assert all(0 <= share <= 1 for share in record["can_alarm"])


def test_accuracy_before_memorisation_is_there_for_every_threshold(record):
    first, *later = record["checkpoints"]
    assert "pre_memorization" not in first
    assert [set(entry["pre_memorization"]) for entry in later] == [{"expected"}, {"expected", "sampled"}]
    for entry in later:
        for estimate, found in entry["pre_memorization"].items():
            assert len(found["deltas"]) == len(HOW["deltas"])
            assert len(found["perplexities"]) == len(HOW["perplexities"])
            # Nothing is memorised yet: it is the accuracy on training queries.
            assert found["deltas"][-1] == entry["train"][estimate]
            # More is called memorised by a lower δ, and by a higher perplexity.
            assert found["deltas"] == sorted(found["deltas"])
            assert found["perplexities"] == sorted(found["perplexities"], reverse=True)


def test_one_run_keeps_its_examples(record, tmp_path):
    for name in ("expected", "gaps"):
        assert [len(row) for row in record["examples"][name]] == [8, 8, 8]
    last = record["examples"]["expected"][-1]
    assert sum(last) / 8 == pytest.approx(record["checkpoints"][-1]["train"]["expected"], abs=1e-5)
    other = EXPERIMENT.compute(
        CELL | {"mid": 0, "how": HOW | {"keeps_examples": False}}, Workplace("cpu", tmp_path)
    )
    assert "examples" not in other
    assert other["checkpoints"][0] != record["checkpoints"][0]


def test_the_sweep_keeps_one_run_and_has_a_plane_for_each_question():
    cells = EXPERIMENT.presets["laptop"].cells()
    assert sum(cell["how"]["keeps_examples"] for cell in cells) == 1
    worlds = {cell["plane"]: cell["how"]["hmm"]["emission_temperature"] for cell in cells}
    assert worlds == {"main": 0.1, "low noise": 0.03, "few examples": 0.1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mid": -1}, "mid: expected at least 0"),
        ({"n": 0}, "n: expected at least 1"),
        ({"rate": 0}, "rate: expected a finite number > 0"),
        ({"seed": -1}, "seed"),
        ({"how": HOW | {"checkpoints": [0]}}, r"checkpoints: expected one after the first step, got \[0\]"),
        ({"how": HOW | {"checkpoints": [0, 3, 2, 4]}}, "checkpoints: expected rising numbers of steps"),
        ({"how": HOW | {"n_test": 17}}, "n_test: expected 16 at most, as there are traces, got 17"),
        ({"how": HOW | {"perplexities": [1.0]}}, "perplexities: expected numbers above 1, got 1.0"),
        ({"how": HOW | {"temperature": 0}}, "temperature"),
        ({"how": HOW | {"mid_matrix_rate": -1}}, "mid_matrix_rate"),
        ({"how": HOW | {"matrix_rate": 0}}, "matrix_rate"),
        ({"how": HOW | {"answer_positions": [8]}}, "answer_positions"),
        (
            {"how": HOW | {"transformer": HOW["transformer"] | {"causal": False}}},
            "transformer: expected a ca",
        ),
        ({"how": {}}, "how: expected the entries"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_computed(change, message):
    with pytest.raises(ValueError, match=message):
        EXPERIMENT.check(CELL | change)
