"""A recipe says what it means, refuses what makes no sense, and survives being stored."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmmlib import CorpusConfig, Masking, PretrainingRecipe, Stage, TransformerConfig
from hmmlib._files import sha256

STAGES = (Stage(3, 4, 10), Stage(1, 2, 20), Stage(5, 8, 10))


def stored_and_read(recipe):
    return PretrainingRecipe.from_dict(json.loads(json.dumps(recipe.to_dict())))


@pytest.mark.parametrize(
    "recipe",
    [
        PretrainingRecipe(),
        PretrainingRecipe(
            transformer=TransformerConfig(
                8, 2, 1, 12, positions="learned", norm="post", max_positions=20, dropout=0.1, epsilon=1e-6
            ),
            stages=STAGES,
            masking=Masking(0.3, 0.8, 0.1),
            optimiser="muon",
            learning_rate=1 / 3,
            matrix_learning_rate=0.1,
            betas=(0.8, 0.999),
            weight_decay=0.01,
            warmup=0,
            schedule="constant",
            clip=None,
            precision="bfloat16",
            compile=True,
            seed=7,
        ),
        PretrainingRecipe(corpus=CorpusConfig(5, 1000), stages=[Stage(1, 1, 1)], betas=[0.5, 0.5]),
    ],
    ids=["default", "all else", "corpus"],
)
def test_a_stored_recipe_is_the_same(recipe):
    again = stored_and_read(recipe)
    assert again == recipe
    assert hash(again) == hash(recipe)
    assert type(again.stages) is tuple
    assert type(again.betas) is tuple


def test_every_entry_is_stored():
    stored = PretrainingRecipe().to_dict()
    assert set(stored) == set(PretrainingRecipe.__dataclass_fields__)
    assert set(stored["masking"]) == set(Masking.__dataclass_fields__)
    # What was stored before there were causal models is still the same recipe, with the same hash.
    kept = set(TransformerConfig.__dataclass_fields__) - {"causal", "feed_forward"} | {"hidden"}
    assert set(stored["transformer"]) == kept
    assert sha256(stored) == "8be033fb7b2e0aaac330ed41c42386a2d33967e9497aed75104d2249c06168be"
    causal = replace(PretrainingRecipe(), transformer=TransformerConfig(causal=True))
    assert causal.to_dict()["transformer"]["causal"] is True
    assert stored_and_read(causal) == causal


@pytest.mark.parametrize(
    "recipe",
    [
        PretrainingRecipe(stages=(Stage(np.int64(3), np.int32(4), np.int64(5)),)),
        PretrainingRecipe(seed=np.int64(3), warmup=np.int64(2)),
        PretrainingRecipe(learning_rate=np.float32(0.5), clip=np.float32(2)),
        PretrainingRecipe(masking=Masking(np.float32(0.5))),
        PretrainingRecipe(transformer=TransformerConfig(width=np.int64(8), dropout=np.float32(0.5))),
        PretrainingRecipe(corpus=CorpusConfig(np.int64(5), np.int64(128))),
    ],
    ids=["stage", "integers", "numbers", "masking", "transformer", "corpus"],
)
def test_numbers_may_be_numpys(recipe):
    # They are accepted, so what is made of them can be stored.
    assert stored_and_read(recipe) == recipe


def test_an_entry_that_no_recipe_has_is_refused():
    with pytest.raises(TypeError, match="colour"):
        PretrainingRecipe.from_dict(PretrainingRecipe().to_dict() | {"colour": "red"})
    with pytest.raises(ValueError, match="warmup: expected at least 0, got -1"):
        PretrainingRecipe.from_dict(PretrainingRecipe().to_dict() | {"warmup": -1})
    with pytest.raises(ValueError, match=r"^stored: has no entry 'transformer'"):
        PretrainingRecipe.from_dict({"learning_rate": 1})
    with pytest.raises(TypeError, match=r"^stored: expected a mapping, as of to_dict, got list"):
        PretrainingRecipe.from_dict([])


def test_steps_belong_to_stages():
    recipe = PretrainingRecipe(stages=STAGES)
    found = [0] * 3 + [1] + [2] * 5
    assert [recipe.stage_at(step) for step in range(9)] == [(index, STAGES[index]) for index in found]
    assert recipe.n_steps == 9
    assert recipe.n_tokens_seen == 3 * 40 + 40 + 5 * 80


@pytest.mark.parametrize("step", [-1, 9, 100])
def test_a_step_beyond_the_recipe_is_named(step):
    with pytest.raises(ValueError, match=f"^step: expected 0 … 8, got {step}$"):
        PretrainingRecipe(stages=STAGES).stage_at(step)


def test_the_learning_rate_rises_and_falls():
    recipe = PretrainingRecipe(stages=(Stage(12, 1, 1),), warmup=4)
    expected = [1 / 4, 2 / 4, 3 / 4, 1] + [(12 - step) / 8 for step in range(4, 12)]
    assert [recipe.learning_rate_factor(step) for step in range(12)] == expected
    constant = PretrainingRecipe(stages=(Stage(12, 1, 1),), warmup=4, schedule="constant")
    assert [constant.learning_rate_factor(step) for step in range(12)] == [1 / 4, 2 / 4, 3 / 4] + [1] * 9


@given(steps=st.integers(1, 40), warmup=st.integers(0, 60), schedule=st.sampled_from(["linear", "constant"]))
def test_every_step_learns_and_none_more_than_at_the_highest(steps, warmup, schedule):
    recipe = PretrainingRecipe(stages=(Stage(steps, 1, 1),), warmup=warmup, schedule=schedule)
    factors = [recipe.learning_rate_factor(step) for step in range(steps)]
    assert all(0 < factor <= 1 for factor in factors)
    rising, falling = factors[:warmup], factors[warmup:]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    if falling:
        assert falling[0] == 1
    if falling and schedule == "linear":
        assert falling[-1] == pytest.approx(1 / len(falling))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"stages": ()}, ValueError, "stages: expected at least one"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate: expected a finite number > 0, got 0.0"),
        ({"learning_rate": math.nan}, ValueError, "learning_rate: expected a finite number > 0, got nan"),
        ({"learning_rate": "1"}, TypeError, "learning_rate: expected a number > 0, got '1'"),
        ({"matrix_learning_rate": -1}, ValueError, "matrix_learning_rate: expected a finite number > 0"),
        ({"betas": (0.9,)}, ValueError, "betas: expected two, got 1"),
        ({"betas": (0.9, 1.0)}, ValueError, "betas: expected a number 0 ≤ betas < 1, got 1.0"),
        ({"weight_decay": 1.5}, ValueError, "weight_decay: expected a number 0 ≤ weight_decay ≤ 1"),
        ({"weight_decay": -0.1}, ValueError, "weight_decay: expected a number 0 ≤ weight_decay ≤ 1"),
        ({"warmup": -1}, ValueError, "warmup: expected at least 0, got -1"),
        ({"warmup": 0.5}, TypeError, "warmup: expected an integer, got 0.5"),
        ({"stages": (1, 2)}, TypeError, "stages: number 0 is 1; expected a Stage"),
        ({"stages": 3}, TypeError, "stages: expected a tuple, got 3"),
        ({"betas": 0.9}, TypeError, "betas: expected a tuple, got 0.9"),
        ({"masking": 0.15}, TypeError, "masking: expected a Masking, got 0.15"),
        ({"transformer": "BERT"}, TypeError, "transformer: expected a TransformerConfig, got 'BERT'"),
        ({"corpus": 5}, TypeError, "corpus: expected a CorpusConfig or None, got 5"),
        ({"compile": 1}, TypeError, "compile: expected True or False, got 1"),
        ({"seed": -1}, ValueError, "seed: expected at least 0, got -1"),
        ({"clip": 0.0}, ValueError, "clip: expected a finite number > 0, got 0.0"),
        ({"optimiser": "sgd"}, ValueError, r"optimiser: expected one of \('adamw', 'muon'\), got 'sgd'"),
        ({"schedule": "cosine"}, ValueError, r"schedule: expected one of \('linear', 'constant'\)"),
        ({"precision": "float64"}, ValueError, r"precision: expected one of \('float32', 'bfloat16', 'flo"),
        (
            {"transformer": TransformerConfig(positions="learned", max_positions=127)},
            ValueError,
            "stages: texts of 128 tokens; the transformer learns max_positions = 127",
        ),
    ],
)
def test_bad_settings_are_named(change, error, message):
    with pytest.raises(error, match=f"^{message}"):
        PretrainingRecipe(**change)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Stage(0, 1, 1), ValueError, "steps: expected at least 1, got 0"),
        (lambda: Stage(1, 0, 1), ValueError, "batch: expected at least 1, got 0"),
        (lambda: Stage(1, 1, 0), ValueError, "length: expected at least 1, got 0"),
        (lambda: Stage(1, 1, 1.5), TypeError, "length: expected an integer, got 1.5"),
    ],
)
def test_bad_stages_are_named(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()


def test_a_seed_that_nothing_can_be_drawn_from_is_refused():
    with pytest.raises(ValueError, match=r"^seed: "):
        PretrainingRecipe(seed=2**64)


def test_texts_may_be_as_long_as_positions_are_learnt():
    exactly = TransformerConfig(positions="learned", max_positions=128)
    assert PretrainingRecipe(transformer=exactly).transformer == exactly
    PretrainingRecipe(transformer=TransformerConfig(max_positions=4))  # rotary positions do not end


def test_no_limit_on_the_gradient():
    assert stored_and_read(PretrainingRecipe(clip=None)).clip is None
