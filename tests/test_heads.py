"""Heads apart from how they were made: their formulas, attention, shapes, errors."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hmmlib import AttentionHead, LinearHead


def laws(*shape: int, seed: int = 0) -> torch.Tensor:
    """Random token laws."""
    random = torch.Generator().manual_seed(seed)
    return torch.softmax(torch.randn(*shape, dtype=torch.float64, generator=random), -1)


def numbers(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def attention() -> AttentionHead:
    """Four tokens, three features."""
    return AttentionHead(numbers(3, 4), numbers(3, seed=2), numbers(3, seed=3), numbers(5, 3, seed=4))


def test_a_linear_head_weighs_the_law():
    head = LinearHead(torch.tensor([1.0, -2.0, 0.5]))
    probs = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]])
    torch.testing.assert_close(head.values(probs), torch.tensor([0.125, -1.45]))
    assert head.labels(probs).tolist() == [1, 0]


def test_zero_counts_as_class_one():
    assert LinearHead(torch.tensor([1.0, -1.0])).labels(torch.tensor([[0.5, 0.5]])).tolist() == [1]


def test_one_row_of_weights_per_class():
    head = LinearHead(torch.eye(3))
    probs = torch.tensor([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])
    torch.testing.assert_close(head.values(probs), probs)
    assert head.labels(probs).tolist() == [1, 0]


def test_attention_by_the_formula(attention: AttentionHead):
    probs, tokens = laws(2, 5, 4), torch.tensor([[0, 3, 2, 4, 1], [4, 4, 0, 1, 2]])
    for text in range(2):
        values = []
        for i in range(5):
            z = attention.projection @ probs[text, i]
            assert attention.keys(probs)[text, i] == pytest.approx(float(attention.key @ z))
            value = float(attention.weights @ (z * attention.embeddings[tokens[text, i]]))
            assert attention.position_values(probs, tokens)[text, i] == pytest.approx(value)
            values.append(value)
        best = int(attention.keys(probs)[text].argmax())
        assert attention.values(probs, tokens)[text] == pytest.approx(values[best])
        assert attention.labels(probs, tokens)[text] == int(values[best] >= 0)


def test_hard_attention_averages_over_ties(attention: AttentionHead):
    probs = laws(1, 1, 4).expand(1, 3, 4)
    tokens = torch.tensor([[0, 1, 2]])
    torch.testing.assert_close(attention.attention(probs), torch.full((1, 3), 1 / 3).double())
    mean = attention.position_values(probs, tokens).mean(1)
    torch.testing.assert_close(attention.values(probs, tokens), mean)


def test_keys_within_the_tolerance_tie(attention: AttentionHead):
    probs = laws(1, 3, 4)
    largest, second, _ = sorted(attention.keys(probs)[0].tolist(), reverse=True)
    third_apart = replace(attention, tolerance=(largest - second) * 1.0001)
    assert int((third_apart.attention(probs) > 0).sum()) == 2
    assert int((replace(attention, tolerance=(largest - second) * 0.9999).attention(probs) > 0).sum()) == 1


def test_soft_attention_is_a_softmax(attention: AttentionHead):
    soft = replace(attention, temperature=0.3)
    probs = laws(2, 5, 4)
    torch.testing.assert_close(soft.attention(probs), torch.softmax(soft.keys(probs) / 0.3, -1))


def test_attention_with_one_row_of_weights_per_class(attention: AttentionHead):
    probs, tokens = laws(2, 5, 4), torch.tensor([[0, 3, 2, 1, 1], [2, 1, 0, 1, 2]])
    rows = numbers(3, 3, seed=9)
    values = replace(attention, weights=rows).values(probs, tokens)
    for k in range(3):
        torch.testing.assert_close(values[:, k], replace(attention, weights=rows[k]).values(probs, tokens))
    assert replace(attention, weights=rows).labels(probs, tokens).tolist() == values.argmax(1).tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"projection": torch.ones(3)}, r"projection: expected shape \(d, V\), got \(3,\)"),
        ({"key": torch.ones(2)}, r"key: expected shape \(3,\), got \(2,\)"),
        ({"weights": torch.ones(4)}, r"weights: expected shape \(3,\) or \(n_classes, 3\), got \(4,\)"),
        ({"embeddings": torch.ones(4, 3)}, r"embeddings: expected shape \(5, 3\), one row per token and one"),
        ({"temperature": -1.0}, r"temperature: expected a finite number >= 0, got -1.0"),
        ({"tolerance": float("nan")}, r"tolerance: expected a finite number >= 0, got nan"),
    ],
)
def test_parts_that_do_not_fit(attention: AttentionHead, change: dict, message: str):
    with pytest.raises(ValueError, match=message):
        replace(attention, **change)


def test_inputs_that_do_not_fit(attention: AttentionHead):
    with pytest.raises(ValueError, match=r"weights: expected shape \(V,\) or \(n_classes, V\), got \(\)"):
        LinearHead(torch.tensor(1.0))
    with pytest.raises(ValueError, match=r"probs: expected laws over 3 tokens, got shape \(2, 4\)"):
        LinearHead(torch.ones(3)).values(laws(2, 4))
    with pytest.raises(ValueError, match=r"probs: expected laws over 4 tokens, got shape \(2, 5, 3\)"):
        attention.keys(laws(2, 5, 3))
    with pytest.raises(ValueError, match=r"tokens: expected shape \(2, 5\) as of probs, got \(2, 4\)"):
        attention.values(laws(2, 5, 4), torch.zeros(2, 4, dtype=torch.int64))
