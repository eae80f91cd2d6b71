"""A recipe for tuning says what it means, refuses what makes no sense, and survives being stored."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from hmmlib.tuning import CONVERGED, PAPER_TUNING, QUICK, TuningRecipe

OTHER = TuningRecipe(
    epochs=7,
    batch=9,
    learning_rates=[1 / 3, 0.1],
    betas=[0.5, 0.75],
    weight_decay=0.25,
    warmup=0,
    schedule="constant",
    patience=4,
    n_prompt=3,
    prompt_init="tokens",
    solve_heads=True,
    starts=8,
    seed=5,
)


@pytest.mark.parametrize("recipe", [PAPER_TUNING, CONVERGED, QUICK, OTHER], ids=repr)
def test_a_stored_recipe_is_the_same(recipe):
    again = TuningRecipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert again == recipe
    assert hash(again) == hash(recipe)


def test_every_entry_is_stored_and_differs_from_the_default():
    stored, default = OTHER.to_dict(), TuningRecipe().to_dict()
    names = {"restarts" if name == "starts" else name for name in TuningRecipe.__dataclass_fields__}
    assert set(stored) == names
    assert [name for name in stored if stored[name] == default[name]] == []


def test_stored_recipes_keep_their_names():
    # Cells of sweeps are called by a hash of what is stored.
    assert OTHER.to_dict()["restarts"] == OTHER.starts == 8
    assert list(OTHER.to_dict())[-2:] == ["restarts", "seed"]
    with pytest.raises(TypeError, match="restart"):
        TuningRecipe(restarts=2)


def test_the_papers_recipe():
    assert (
        TuningRecipe(
            epochs=100,
            batch=128,
            learning_rates=(1e-2,),
            weight_decay=0.0,
            warmup=500,
            schedule="linear",
            patience=None,
            n_prompt=20,
            solve_heads=False,
        )
        == PAPER_TUNING
    )


def test_the_schedule_is_hugging_faces():
    transformers = pytest.importorskip("transformers")
    weight = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.AdamW([weight], 1.0)
    schedule = transformers.get_linear_schedule_with_warmup(optimiser, 5, 20)
    recipe = TuningRecipe(warmup=5)
    for step in range(20):
        assert recipe.learning_rate_factor(step, 20) == pytest.approx(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()


def test_other_schedules():
    constant = TuningRecipe(warmup=2, schedule="constant")
    assert [constant.learning_rate_factor(step, 5) for step in range(5)] == [0, 0.5, 1, 1, 1]
    assert TuningRecipe(warmup=0).learning_rate_factor(0, 4) == 1


def test_numbers_may_be_numpys():
    recipe = TuningRecipe(
        epochs=np.int64(3), learning_rates=(np.float32(0.5),), betas=(np.float64(0.5), 0.5), seed=np.int32(4)
    )
    assert TuningRecipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs: expected at least 1, got 0"),
        ({"batch": 1.5}, TypeError, "batch: expected an integer, got 1.5"),
        ({"n_prompt": 0}, ValueError, "n_prompt: expected at least 1, got 0"),
        ({"starts": 0}, ValueError, "starts: expected at least 1, got 0"),
        ({"warmup": -1}, ValueError, "warmup: expected at least 0, got -1"),
        ({"patience": 0}, ValueError, "patience: expected at least 1, got 0"),
        ({"seed": 2**32}, ValueError, "seed: expected a seed 0 … 2.*32 − 1, got 4294967296"),
        ({"learning_rates": 0.1}, TypeError, "learning_rates: expected a tuple of numbers, got 0.1"),
        ({"learning_rates": ()}, ValueError, "learning_rates: expected at least one"),
        ({"learning_rates": (0.1, 0)}, ValueError, "learning_rates: expected a finite number > 0, got 0"),
        ({"betas": 0.9}, TypeError, "betas: expected a tuple of numbers, got 0.9"),
        ({"betas": (0.9,)}, ValueError, "betas: expected two, got 1"),
        ({"betas": (0.9, 1.0)}, ValueError, "betas: expected a number 0 ≤ betas < 1, got 1.0"),
        (
            {"weight_decay": -0.1},
            ValueError,
            "weight_decay: .* 0 ≤ weight_decay ≤ 1, got -0.1",
        ),
        ({"solve_heads": 1}, TypeError, "solve_heads: expected True or False, got 1"),
        (
            {"schedule": "cosine"},
            ValueError,
            "schedule: .*'linear', 'constant'.*, got 'cosine'",
        ),
        ({"prompt_init": "zero"}, ValueError, "prompt_init: expected one of .*'blank'.*, got 'zero'"),
    ],
)
def test_what_makes_no_sense_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        TuningRecipe(**change)


def test_an_entry_that_no_recipe_has_is_refused():
    with pytest.raises(TypeError, match="colour"):
        TuningRecipe.from_dict(TuningRecipe().to_dict() | {"colour": "red"})
