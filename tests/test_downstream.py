"""Cells of Figure 3: every rung is there, a cell is a function of its configuration, and scores are right."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import scipy
import torch

from hmmlib import Split, TaskData, random_hmm
from hmmlib.experiments import EXPERIMENTS, head_vs_prompt, memory_vs_vanilla
from hmmlib.experiments.exact_prompts import ExactPromptsConfig, exact_cell
from hmmlib.experiments.head_vs_prompt import HeadVsPromptConfig
from hmmlib.experiments.memory_vs_vanilla import MemoryVsVanillaConfig
from hmmlib.experiments.scales import DOWNSTREAM_SCALES, downstream_scale
from hmmlib.experiments.scoring import Scorer, accuracy_of, mean_divergence
from hmmlib.experiments.setting import Setting, Stopwatch
from hmmlib.pretraining import PRETRAINING_PRESETS
from hmmlib.sweeps import Workplace

PAPERS_SEEDS = {"gpu": (20, 5), "paper": (20, 5), "laptop": (20, 5)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def prompt_record(folder):
    (config,) = HeadVsPromptConfig("smoke", (6,), (2,)).cells()
    return head_vs_prompt.head_vs_prompt_cell(config, Workplace("cpu", folder))


@pytest.fixture(scope="module", params=memory_vs_vanilla.KINDS)
def memory_record(request, folder):
    (config,) = MemoryVsVanillaConfig("smoke", (request.param,), (2,), (1,)).cells()
    return memory_vs_vanilla.memory_vs_vanilla_cell(config, Workplace("cpu", folder))


def without_times(record):
    return {name: value for name, value in record.items() if "seconds" not in name}


def test_a_cell_of_heads_and_prompts_is_a_function_of_its_configuration(prompt_record, tmp_path):
    (config,) = json.loads(json.dumps(HeadVsPromptConfig("smoke", (6,), (2,)).cells()))
    again = head_vs_prompt.head_vs_prompt_cell(config, Workplace("cpu", tmp_path))
    assert json.dumps(without_times(again)) == json.dumps(without_times(prompt_record))


def test_a_cell_with_memory_is_a_function_of_its_configuration(memory_record, tmp_path):
    config = MemoryVsVanillaConfig("smoke", (memory_record["kind"],), (2,), (1,)).cells()[0]
    again = memory_vs_vanilla.memory_vs_vanilla_cell(config, Workplace("cpu", tmp_path))
    assert json.dumps(without_times(again)) == json.dumps(without_times(memory_record))


def test_every_rung_is_there(prompt_record, memory_record):
    rungs = [name for name in head_vs_prompt.METHODS if name != "learnt_prompt_paper"]
    assert list(prompt_record["methods"]) == rungs
    assert list(memory_record["methods"]) == list(memory_vs_vanilla.METHODS)
    for record in (prompt_record, memory_record):
        for entry in record["methods"].values():
            assert 0 <= entry["test"] <= 1
        assert record["pretraining"]["kl"] > 0
        assert record["blank_kl"] > 0
        assert all(seconds >= 0 for seconds in record["seconds"].values())


def test_rungs_of_the_exact_model_agree_with_the_experiment_on_it(prompt_record):
    scale = downstream_scale("smoke")
    how = {"sizes": scale.sizes, "length": scale.length, "restarts": scale.restarts, "longer_prompts": ()}
    (config,) = ExactPromptsConfig(n_states=(6,), seeds=(2,), path=(), **how).cells()
    config["recipe"] = scale.recipes(2)["paper"].to_dict()
    exact = exact_cell(config, Workplace("cpu", Path("runs")))
    names = {"majority": "majority", "posterior": "posterior", "head": "exact_head"}
    names |= {"head_paper": "exact_head_paper", "prompt_1": "exact_prompt"}
    for theirs, ours in names.items():
        for part in ("test", "clear"):
            assert prompt_record["methods"][ours][part] == exact["methods"][theirs][part]


def test_on_a_small_machine_the_exact_rungs_beat_the_majority(prompt_record):
    methods = prompt_record["methods"]
    assert methods["posterior"]["test"] > methods["majority"]["test"]
    assert methods["exact_prompt"]["loss"] <= methods["exact_head"]["loss"] + 1e-6
    assert set(methods["exact_head"]["fewer"]) == {"50"}


def test_how_near_a_prompt_comes_to_a_prior_is_recorded(prompt_record):
    for found in prompt_record["prior"].values():
        assert 0 <= found["divergence"] <= found["divergence_initial"] <= math.log(2)
        assert 0 <= found["variation"] <= 1


def test_a_memory_and_as_many_states(folder):
    configs = MemoryVsVanillaConfig("smoke", n_values=(2,), seeds=(1,)).cells()
    records = [
        memory_vs_vanilla.memory_vs_vanilla_cell(config, Workplace("cpu", folder)) for config in configs
    ]
    assert [record["n_states"] for record in records] == [8, 8]
    assert records[0]["methods"] != records[1]["methods"]


@pytest.mark.parametrize("name", PAPERS_SEEDS)
def test_presets_have_the_papers_points(name):
    prompts, memories = (
        EXPERIMENTS[experiment].presets[name].cells()
        for experiment in ("head-vs-prompt", "memory-vs-vanilla")
    )
    n_seeds, n_memory_seeds = PAPERS_SEEDS[name]
    assert len(prompts) == 6 * n_seeds
    assert len(memories) == 2 * 4 * n_memory_seeds
    assert {cell["n_states"] for cell in prompts} == {4, 8, 10, 15, 25, 30}
    assert {cell["n_values"] for cell in memories} == {2, 3, 5, 7}
    for cell in prompts + memories:
        assert cell["scale"]["sizes"] == [5000, 500, 1000]
        assert cell["scale"]["length"] == 128
        assert cell["pretraining"]["seed"] == cell["seed"]


def test_each_scale_has_a_pretraining():
    assert {scale.pretraining for scale in DOWNSTREAM_SCALES.values()} == set(PRETRAINING_PRESETS)


def test_arguments_are_checked(folder):
    with pytest.raises(ValueError, match=r"preset: expected one of .*'laptop'.* got 'huge'"):
        HeadVsPromptConfig("huge")
    with pytest.raises(ValueError, match=r"kinds: expected one of .*'memory'.* got 'semantic'"):
        MemoryVsVanillaConfig(kinds=("semantic",))
    config = MemoryVsVanillaConfig("smoke").cells()[0] | {"kind": "semantic"}
    with pytest.raises(ValueError, match="kinds: expected one of"):
        memory_vs_vanilla.memory_vs_vanilla_cell(config, Workplace("cpu", folder))


def labelled(scores):
    margin = torch.tensor(scores, dtype=torch.float64)
    both = torch.stack([torch.zeros_like(margin), margin], 1)
    return Split(torch.zeros(len(margin), 3, dtype=torch.int64), (margin >= 0).long(), both)


def test_scores():
    train = labelled([1.0, -1.0, -1.0])
    score = Scorer(TaskData(train, train, labelled([1.0, 1e-12, -1.0, -0.5])))
    assert score.facts() == {"positive_share": 0.5, "clear_share": 0.75}
    assert score.majority() == {"test": 0.5, "clear": 0.666667}
    assert score.answers(torch.tensor([1, 0, 0, 0])) == {"test": 0.75, "clear": 1.0}
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    entry = score.solved(features, features[[0, 0, 1, 0]], fewer=(1, 2))
    assert (entry["test"], entry["train"], entry["converged"]) == (0.75, 1.0, True)
    assert entry["fewer"] == {"1": None, "2": 0.75}


def test_the_best_penalty_of_a_path_is_scored_besides():
    train = labelled([-1.0] * 5 + [1.0] * 11)
    score = Scorer(TaskData(train, train, labelled([-1.0, 1.0])))
    share = torch.tensor([0.0] * 5 + [0.2] + [1.0] * 10, dtype=torch.float64)
    features = torch.stack([share, 1 - share], 1)
    strong, weak = 1e3, 1e-8
    entry = score.solved(features, features[[0, 5]], l2=strong, path=(strong, weak))
    # With so strong a penalty the head is that of least squares, which the ten at 1 draw away.
    assert (entry["test"], entry["train"]) == (0.5, 0.9375)
    assert entry["path"] == {"test": 1.0, "clear": 1.0, "train": 1.0, "l2": weak}
    assert score.solved(features, features[[0, 5]], path=(1e-6, weak))["path"]["l2"] == 1e-6


def test_scores_where_no_margin_is_clear():
    score = Scorer(TaskData(*[labelled([0.0, 1e-10])] * 3))
    assert score.answers(torch.tensor([1, 1])) == {"test": 1.0, "clear": None}


def test_a_tie_for_the_majority_goes_to_the_first_class():
    score = Scorer(TaskData(*[labelled([1.0, -1.0])] * 3))
    assert score.majority() == score.answers(torch.tensor([0, 0]))


def test_accuracy_of_a_method_that_is_not_there():
    record = {"methods": {"majority": {"test": 0.5}}}
    assert accuracy_of("majority", record) == 0.5
    assert accuracy_of("learnt_prompt_paper", record) is None


def test_mean_divergence():
    p = torch.tensor([[0.5, 0.5], [1.0, 0.0]], dtype=torch.float64)
    q = torch.tensor([[0.25, 0.75], [1.0, 0.0]], dtype=torch.float64)
    expected = 0.5 * (0.5 * torch.log(torch.tensor(2.0)) + 0.5 * torch.log(torch.tensor(2 / 3)))
    assert mean_divergence(p, q) == pytest.approx(float(expected))
    assert mean_divergence(p, p.float()) == pytest.approx(0)


def test_the_divergence_at_the_blank_is_from_the_exact_model_to_the_other():
    setting = Setting(random_hmm(4, 10, generator=1), 1, sizes=(5, 5, 6), length=4)
    exact = setting.exact_probs[1]
    other = (exact.square() + 0.01) / (exact.square() + 0.01).sum(1, keepdim=True)
    there, back = (scipy.stats.entropy(*pair, axis=1).mean() for pair in ((exact, other), (other, exact)))
    assert setting.blank_kl(other) == pytest.approx(there, abs=1e-6)
    assert abs(there - back) > 0.01


def test_a_stopwatch_tells_laps():
    watch = Stopwatch()
    watch.lap("first")
    watch.lap("second")
    assert list(watch.laps) == ["first", "second"]
