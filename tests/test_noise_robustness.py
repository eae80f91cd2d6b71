"""Classes told apart in noise: each kind of model, the same world for all, errors."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hmmlib.densities import ClassifierRecipe, train_classifier
from hmmlib.experiments import EXPERIMENTS, noise_robustness
from hmmlib.experiments.noise_judges import ARMS
from hmmlib.experiments.noise_robustness import LEVELS, WORLD, noisy_world
from hmmlib.sweeps import Workplace

SMALL = {**WORLD, "n_classes": 3, "test_sequences": 60}


def cell(arm, **changes):
    recipe = {"flows": {"steps": 30}, "mixture": {"max_iterations": 5}, "network": {"steps": 60}}
    model = dict(ARMS[arm])
    if "recipe" in model:
        model["recipe"] = {**model["recipe"], **recipe[model["kind"]]}
    named = {"preset": "small", "thickness": 0.1, "sequences": 60, "train_noise": 0.0, "arm": arm, "seed": 1}
    return {**named, "world": SMALL, "model": model} | changes


def record(arm, folder, **changes):
    config = cell(arm, **changes)
    noise_robustness.check_cell(config)
    return noise_robustness.noise_robustness_cell(config, Workplace("cpu", folder))


@pytest.mark.parametrize("arm", ["mixture_2", "mixture_8_full", "flows_1", "flows_3_tempered", "network"])
def test_every_kind_of_model_is_trained_and_judged(arm, tmp_path):
    found = record(arm, tmp_path)
    assert list(found["accuracy"]) == list(LEVELS)
    assert found["accuracy"]["clean"] > 0.4
    assert found["n_parameters"] > 0
    is_density = arm not in ("flows_3_tempered", "network")
    assert (found["test_nats"] is None) == (not is_density)
    if is_density:
        assert found["test_nats"] < found["exact_nats"]
    if "mixture" in arm:
        assert found["least_gain"] > -1e-9


def test_bayes_knows_best(tmp_path):
    matched, mismatched = (record(f"{kind}_bayes", tmp_path) for kind in ("matched", "mismatched"))
    assert matched["accuracy"]["clean"] == mismatched["accuracy"]["clean"]
    assert matched["test_nats"] == mismatched["test_nats"] == matched["exact_nats"]
    assert matched["accuracy"]["5 dB"] > mismatched["accuracy"]["5 dB"]
    others = [record(arm, tmp_path) for arm in ("mixture_2", "network")]
    for name in LEVELS:
        assert matched["accuracy"][name] >= max(o["accuracy"][name] for o in others) - 0.03


def test_noise_in_training_is_a_second_copy(tmp_path):
    _, plain, test, noise = noisy_world(cell("mixture_2"))
    _, both, same, again = noisy_world(cell("mixture_2", train_noise=0.3))
    assert torch.equal(both.x[: len(plain.x)], plain.x)
    assert both.classes.tolist() == plain.classes.tolist() * 2
    assert float((both.x[len(plain.x) :] - plain.x).std()) == pytest.approx(0.3, rel=0.05)
    assert torch.equal(test.x, same.x)
    assert torch.equal(noise, again)
    one, two = (record("mixture_2", tmp_path, train_noise=sigma) for sigma in (0.0, 0.3))
    assert one["train_nats"] > two["train_nats"]  # both of the clean copy


def test_exact_ones_are_computed_once():
    cells = EXPERIMENTS["noise-robustness"].presets["laptop"].cells()
    counts = {arm: sum(config["arm"] == arm for config in cells) for arm in ("matched_bayes", "mixture_20")}
    assert counts == {"matched_bayes": 15, "mixture_20": 30}
    with pytest.raises(ValueError, match="arms: expected some of matched_bayes"):
        replace(EXPERIMENTS["noise-robustness"].presets["laptop"], arms=("ear",))


def test_the_network_learns_and_names_what_is_wrong():
    _, train, test, _ = noisy_world(cell("network"))
    found = train_classifier(train.x, train.classes, generator=0, recipe=ClassifierRecipe(150, width=16))
    right = (found.scores(test.x).argmax(1) == test.classes).double().mean()
    assert float(right) > 0.7
    with pytest.raises(ValueError, match="classes: no sequence has class 1; expected each to occur"):
        train_classifier(train.x[:2], [0, 2], generator=0)
    with pytest.raises(ValueError, match=r"classes: expected shape \(2,\), one for each sequence"):
        train_classifier(train.x[:2], [0], generator=0)
    with pytest.raises(ValueError, match="classes: sequence 1 has class -1"):
        train_classifier(train.x[:2], [0, -1], generator=0)
