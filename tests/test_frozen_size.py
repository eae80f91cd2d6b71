"""The sweep over widths of a frozen model: what its records say."""

from __future__ import annotations

import json

import pytest
import torch

from hmmlib import TransformerConfig, TransformerMaskedLM, random_hmm, sample_tokens
from hmmlib.experiments import EXPERIMENTS
from hmmlib.experiments.frozen_size import beliefs, shown
from hmmlib.sweeps import Workplace

EXPERIMENT = EXPERIMENTS["frozen-size"]
(CELL,) = (json.loads(json.dumps(config)) for config in EXPERIMENT.presets["smoke"].cells())


def test_a_record_has_the_risks_of_both_heads(tmp_path):
    EXPERIMENT.check(CELL)
    record = EXPERIMENT.compute(CELL, Workplace("cpu", tmp_path))
    assert record["kl"] > 0
    assert 1 <= record["effective_rank"] <= 8
    assert record["floor"] > 0
    for noise in ("noise_0.3", "noise_1"):
        for way in ("min_norm", "ridge"):
            entry = record[noise][way]
            assert 0 < entry["low"] <= entry["median"] <= entry["high"]
    assert EXPERIMENT.compute(CELL, Workplace("cpu", tmp_path))["floor"] == record["floor"]


def test_beliefs_and_what_is_shown_do_not_look_at_the_last_token():
    model = random_hmm(3, 5, generator=1)
    lm = TransformerMaskedLM(
        5, TransformerConfig(width=8, n_layers=1, n_heads=2, feed_forward=8, causal=True)
    )
    tokens = sample_tokens(model, 6, 7, generator=2)
    other = tokens.clone()
    other[:, -1] = (other[:, -1] + 1) % 5
    assert beliefs(model, tokens).equal(beliefs(model, other))
    torch.testing.assert_close(beliefs(model, tokens).sum(1), torch.ones(6, dtype=torch.float64))
    assert shown(lm, tokens).equal(shown(lm, other))
    assert shown(lm, tokens).shape == (6, 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 16}, "width: expected 8, as in the recipe, got 16"),
        ({"how": CELL["how"] | {"labels": 201}}, "labels: expected 200 at most"),
        ({"how": CELL["how"] | {"label_noises": [0.0]}}, "label_noises"),
        ({"world": {}}, "world: expected the entries"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_computed(change, message):
    with pytest.raises(ValueError, match=message):
        EXPERIMENT.check(CELL | change)
