"""The sweep over labelled texts that are looked up: what its records say."""

from __future__ import annotations

import json

import pytest
import torch

from hmmlib import TransformerConfig, TransformerMaskedLM, random_hmm, sample_tokens
from hmmlib.experiments import EXPERIMENTS
from hmmlib.experiments.reference_decoding import vectors_at_blank
from hmmlib.lm import blank_probs
from hmmlib.sweeps import Workplace

EXPERIMENT = EXPERIMENTS["reference-decoding"]
(CELL,) = (json.loads(json.dumps(config)) for config in EXPERIMENT.presets["smoke"].cells())


def test_a_record_has_memories_and_heads_on_all_features(tmp_path):
    EXPERIMENT.check(CELL)
    record = EXPERIMENT.compute(CELL, Workplace("cpu", tmp_path))
    assert 0.5 <= record["majority"] < 1
    assert set(record["methods"]) == {"posterior", "exact", "network", "vector", "words"}
    for name, counts in record["methods"].items():
        assert list(counts) == ["8", "64"]
        for entry in counts.values():
            ways = {"one", "fixed", "tuned"} | ({"head"} if name != "words" else set())
            assert all(0 <= entry[way] <= 1 for way in ways)
            assert ("head" in entry) == (name != "words")
    assert record["methods"]["posterior"]["64"]["head"] > 0.9
    assert record["methods"]["exact"]["64"]["head"] > 0.9
    assert len(record["parts"]["2"]["64"]["turned"]) == 1
    assert json.loads(json.dumps(record)) == record


def test_a_network_s_vectors_are_those_behind_what_it_shows_at_the_blank():
    lm = TransformerMaskedLM(5, TransformerConfig(width=8, n_layers=1, n_heads=2, feed_forward=8))
    tokens = sample_tokens(random_hmm(3, 5, generator=1), 7, 9, generator=2)
    found = vectors_at_blank(lm, tokens)
    assert found.shape == (7, 8)
    x = lm.transform_norm(torch.nn.functional.gelu(lm.transform(found.float())))
    logits = x @ lm.embedding.weight[:5].T + lm.bias
    torch.testing.assert_close(torch.softmax(logits, -1), blank_probs(lm, tokens), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": 0.0}, "temperature"),
        ({"how": CELL["how"] | {"counts": [65]}}, "counts: expected 64 at most"),
        ({"how": CELL["how"] | {"parts": [3]}}, "parts: expected divisors of 32"),
        ({"how": CELL["how"] | {"tried": {}}}, "tried: expected the entries"),
        ({"how": CELL["how"] | {"length": 0}}, "length"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_computed(change, message):
    with pytest.raises(ValueError, match=message):
        EXPERIMENT.check(CELL | change)
