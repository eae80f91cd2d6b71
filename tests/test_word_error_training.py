"""The sweep over criteria: its records say what they should, its differences are paired."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hmmlib.experiments import EXPERIMENTS, word_error_training
from hmmlib.experiments.word_error_training import BEAMS, EXPONENTS, WAYS
from hmmlib.sweeps import Workplace
from hmmlib.transduction import (
    BeamRecipe,
    HybridTransducer,
    TransducerRecipe,
    beam_search,
    error_counts,
    random_spoken_words,
    train_transducer,
)


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    preset = replace(
        EXPERIMENTS["word-error-training"].presets["smoke"], shrink=20, sizes=(20, 60), further_steps=10
    )
    (config,) = preset.cells()
    word_error_training.check_cell(config)
    return word_error_training.word_error_cell(config, Workplace("cpu", tmp_path_factory.mktemp("cells")))


def test_every_model_is_judged_in_every_way(record):
    assert list(record["models"]) == ["base", *WAYS]
    for found in record["models"].values():
        assert list(found["beam"]) == [str(width) for width in BEAMS]
        for counts in (*found["beam"].values(), *found["exponent"].values(), found["least_expected"]):
            errors = counts["substitutions"] + counts["deletions"] + counts["insertions"]
            assert counts["rate"] == pytest.approx(errors / counts["words"], abs=1e-5)
        assert found["oracle"] <= found["beam"]["8"]["rate"] + 1e-9
        assert found["beam"]["8"] == found["exponent"]["0.0"]
        assert found["nats"] > record["exact_nats"] > 0
        for tuned in found["penalty"].values():
            assert tuned["validation"][str(tuned["chosen"])] == min(tuned["validation"].values())


def test_bayes_makes_the_fewest_errors(record):
    assert record["bayes"]["rate"] <= record["path"]["rate"] + 0.05
    assert record["bayes"]["rate"] < min(m["beam"]["8"]["rate"] for m in record["models"].values())


def test_differences_are_paired_and_their_intervals_hold_them(record):
    for name, differences in record["differences"].items():
        for width in ("1", "8"):
            found = differences[width]
            one, other = (record["models"][m]["beam"][width]["rate"] for m in (name, "likelihood"))
            assert found["mean"] == pytest.approx(one - other, abs=2e-6)
            assert found["low"] <= found["mean"] <= found["high"]


def test_unknown_starts_are_refused():
    with pytest.raises(ValueError, match="starts: expected some of small, large, got 'middling'"):
        replace(EXPERIMENTS["word-error-training"].presets["laptop"], starts=("middling",))


def test_exponents_choose_as_a_search_with_them_does():
    world = random_spoken_words(generator=0)
    validation, test = (world.sample(40, generator=part) for part in (1, 2))
    model = HybridTransducer(world.n_words, world.dim, width=16, generator=0)
    model = train_transducer(model, *test, generator=0, recipe=TransducerRecipe(40, learning_rate=0.01))
    found, _ = word_error_training._Judge(validation, test, 0).record(model)
    for exponent in EXPONENTS:
        beams = beam_search(model, test[0], BeamRecipe(BEAMS[-1], length_exponent=exponent))
        counts = error_counts(beams.strings(), test[1])
        assert found["exponent"][str(exponent)]["rate"] == pytest.approx(counts.rate, abs=1e-6)
