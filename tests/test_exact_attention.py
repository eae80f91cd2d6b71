"""The second experiment on the exact model alone has the entries of the whole one; features are as said."""

from __future__ import annotations

import json

import pytest
import torch

from hmmlib.experiments import EXPERIMENTS, exact_attention, memory_vs_vanilla
from hmmlib.experiments.exact_attention import ExactAttentionConfig
from hmmlib.experiments.features import first_words, pair_shares, pooled, word_shares
from hmmlib.experiments.memory_vs_vanilla import MemoryVsVanillaConfig
from hmmlib.sweeps import Workplace


@pytest.mark.parametrize("kind", exact_attention.KINDS)
def test_on_the_exact_model_alone_entries_are_those_of_the_second_experiment(kind, tmp_path):
    place = Workplace("cpu", tmp_path)
    (config,) = json.loads(json.dumps(ExactAttentionConfig("smoke", (kind,), (2,), (1,)).cells()))
    found = exact_attention.exact_attention_cell(config, place)
    (whole,) = MemoryVsVanillaConfig("smoke", (kind,), (2,), (1,)).cells()
    other = memory_vs_vanilla.memory_vs_vanilla_cell(whole, place)
    assert list(found["methods"]) == list(exact_attention.METHODS)
    for name in ("kind", "n_values", "n_states", "seed", "redraws", "positive_share", "clear_share"):
        assert found[name] == other[name]
    for name, entry in found["methods"].items():
        assert entry == other["methods"][name]


def test_kinds_are_checked(tmp_path):
    with pytest.raises(ValueError, match=r"kinds: expected one of .*'memory'.* got 'semantic'"):
        ExactAttentionConfig(kinds=("semantic",))
    config = ExactAttentionConfig("smoke").cells()[0] | {"kind": "semantic"}
    with pytest.raises(ValueError, match="kinds: expected one of"):
        exact_attention.exact_attention_cell(config, Workplace("cpu", tmp_path))


def test_the_preset_has_the_papers_points_on_twenty_seeds():
    laptop = EXPERIMENTS["exact-attention"].presets["laptop"].cells()
    whole = EXPERIMENTS["memory-vs-vanilla"].presets["laptop"].cells()
    points = {tuple(cell[name] for name in ("kind", "n_values")) for cell in whole}
    assert {tuple(cell[name] for name in ("kind", "n_values")) for cell in laptop} == points
    assert len(laptop) == 20 * len(points)
    assert all(cell["scale"] == whole[0]["scale"] for cell in laptop)


def test_features():
    tokens, V = torch.tensor([[0, 1, 1, 2]]), 3
    assert word_shares(tokens, V).tolist() == [[0.25, 0.5, 0.25]]
    pairs = pair_shares(tokens, V)
    assert pairs[:, :3].tolist() == word_shares(tokens, V).tolist()
    expected = torch.zeros(3, 3, dtype=torch.float64)
    expected[0, 1] = expected[1, 1] = expected[1, 2] = 1 / 3
    torch.testing.assert_close(pairs[0, 3:].view(3, 3), expected)
    assert first_words(tokens, V, 2).tolist() == [[1, 0, 0, 0, 1, 0]]
    probs = torch.rand(1, 4, 3, generator=torch.Generator().manual_seed(1))
    found = pooled(tokens, probs).view(3, 3)
    torch.testing.assert_close(found[1], probs[0, 1:3].double().sum(0) / 4)
