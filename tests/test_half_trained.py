"""Networks stopped on their way: each stop is a network of the same pretraining, and cells are functions."""

from __future__ import annotations

import json

import pytest

from hmmlib.experiments import half_trained, head_vs_prompt
from hmmlib.experiments.half_trained import HalfTrainedConfig
from hmmlib.experiments.head_vs_prompt import HeadVsPromptConfig
from hmmlib.sweeps import Workplace

SHARES = (0.25, 1.0)


def cell(folder, shares=SHARES):
    (config,) = HalfTrainedConfig("smoke", (6,), (2,), shares).cells()
    return half_trained.half_trained_cell(json.loads(json.dumps(config)), Workplace("cpu", folder))


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return cell(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    (config,) = HeadVsPromptConfig("smoke", (6,), (2,)).cells()
    return head_vs_prompt.head_vs_prompt_cell(config, Workplace("cpu", tmp_path_factory.mktemp("store")))


def test_the_last_stop_is_the_network_that_was_never_stopped(record, whole):
    last = record["stops"][-1]
    assert last["step"] == whole["pretraining"]["steps"]
    assert last["kl"] == pytest.approx(whole["pretraining"]["kl"], abs=1e-5)
    assert last["blank_kl"] == whole["blank_kl"]
    head = dict(whole["methods"]["learnt_head"])
    head.pop("fewer")
    assert last["methods"]["learnt_head"] == head


def test_the_exact_rungs_are_those_of_the_experiment_on_heads_and_prompts(record, whole):
    for name, entry in record["exact"].items():
        theirs = {part: value for part, value in whole["methods"][name].items() if part != "fewer"}
        assert entry == theirs
    assert list(record["exact"]) == ["majority", "posterior", "exact_head", "exact_prompt"]


def test_pretraining_goes_on_between_the_stops(record, tmp_path):
    first, last = record["stops"]
    assert 0 < first["step"] < last["step"]
    assert first["kl"] > last["kl"] > 0
    # A stop on the way does not change what comes after it.
    (alone,) = cell(tmp_path, shares=(1.0,))["stops"]
    assert alone == last
    assert not list(tmp_path.iterdir())


def test_starts_are_those_asked_for(monkeypatch, tmp_path):
    asked = []

    def noted(*arguments, **_options):
        asked.append(arguments[2].starts)
        raise InterruptedError

    monkeypatch.setattr(half_trained, "tune_prompt", noted)
    (config,) = HalfTrainedConfig("smoke", (4,), (1,), (0.1,), starts=2).cells()
    with pytest.raises(InterruptedError):
        half_trained.half_trained_cell(config, Workplace("cpu", tmp_path))
    assert asked == [2]


@pytest.mark.parametrize("shares", [(), (0.0, 1.0), (0.5, 0.5), (0.7, 0.2), (0.5, 1.1)])
def test_stops_must_rise_and_end_within_the_pretraining(shares):
    with pytest.raises(ValueError, match="shares: expected rising numbers"):
        HalfTrainedConfig(shares=shares)
