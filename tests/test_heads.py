"""Heads apart from how they were made: their formulas, attention, shapes, errors."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hmmlib import AttentionHead, LinearHead, TransformerConfig, TransformerMaskedLM, blank_probs
from hmmlib.heads import SoftAttentionHead, logistic_head


def random_probs(*shape: int, seed: int = 0) -> torch.Tensor:
    """Random token distributions."""
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


def test_a_tie_is_class_one_under_one_row_and_the_first_class_under_several():
    # As both classes' docstrings say: 1(0 ≥ 0) is 1, and of equal values the first counts.
    tie, row = torch.tensor([[0.5, 0.5]]), torch.tensor([1.0, -1.0])
    assert LinearHead(row).labels(tie).tolist() == [1]
    assert LinearHead(torch.stack([-row / 2, row / 2])).labels(tie).tolist() == [0]
    assert LinearHead(torch.zeros(3, 2)).labels(tie).tolist() == [0]


FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


def soft_head(dtype=torch.float64):
    parts = numbers(3), numbers(3, 4, seed=2), numbers(6, 3, seed=3), numbers(3, 4, seed=4)
    return SoftAttentionHead(
        *(part.to(dtype) for part in parts), numbers(2, 3, seed=5).to(dtype), numbers(5, 3, seed=6).to(dtype)
    )


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("weights", [torch.float64, torch.float32])
def test_laws_may_be_of_any_float_type(attention: AttentionHead, dtype, weights):
    probs, tokens = random_probs(2, 5, 4).to(dtype), torch.tensor([[0, 3, 2, 4, 1], [4, 4, 0, 1, 2]])
    same = probs.to(weights)
    linear = LinearHead(numbers(4).to(weights))
    assert linear.values(probs).dtype == weights
    assert torch.equal(linear.values(probs), linear.values(same))
    assert torch.equal(linear.labels(probs), linear.labels(same))
    parts = {name: value.to(weights) for name, value in vars(attention).items() if torch.is_tensor(value)}
    hard, soft = replace(attention, **parts), soft_head(weights)
    for ask in (
        hard.keys,
        hard.attention,
        lambda given: hard.values(given, tokens),
        lambda given: hard.labels(given, tokens),
        lambda given: hard.position_values(given, tokens),
        soft.attention,
        lambda given: soft.values(given, tokens),
        lambda given: soft.labels(given, tokens),
    ):
        assert torch.equal(ask(probs), ask(same))
    # And gradients find their way back.
    leaf = probs.clone().requires_grad_()
    (linear.values(leaf).sum() + soft.values(leaf, tokens).sum()).backward()
    assert leaf.grad is not None
    assert leaf.grad.dtype == dtype


def test_a_fitted_head_can_be_applied_to_what_a_network_shows():
    lm = TransformerMaskedLM(4, TransformerConfig(width=8, n_layers=1, n_heads=2, feed_forward=8))
    texts = torch.tensor([[0, 1, 2], [3, 2, 1], [1, 1, 0], [2, 3, 3]])
    with torch.no_grad():
        shown = blank_probs(lm, texts)
    fit = logistic_head(shown, [0, 1, 0, 1])
    assert fit.head.weights.dtype == torch.float64
    assert shown.dtype == torch.float32
    assert fit.head.labels(shown).shape == (4,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearHead([1.0, 2.0]), "weights: expected a tensor of real numbers, got list"),
        (
            lambda: LinearHead(torch.tensor([1, 2])),
            "weights: expected a tensor of real numbers, got torch.int64",
        ),
        (lambda: LinearHead(torch.ones(2)).values([0.5, 0.5]), "probs: expected a tensor of real numbers"),
        (lambda: LinearHead(torch.ones(2)).labels(torch.ones(2, dtype=int)), "probs: .*, got torch.int64"),
        (lambda: replace(soft_head(), query=[1.0] * 3), "query: .*, got list"),
        (
            lambda: replace(soft_head(), embeddings="e"),
            "embeddings: expected a tensor of real numbers, got str",
        ),
        (
            lambda: replace(soft_head(), readout=numbers(3, 4).float()),
            "readout: expected torch.float64 as of projection, got torch.float32",
        ),
    ],
)
def test_what_is_no_tensor_of_numbers_is_named(make, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        make()


@pytest.mark.parametrize("name", ["positions", "weights"])
def test_a_single_number_is_no_part_of_a_head(name):
    with pytest.raises(ValueError, match=rf"^{name}: expected shape .*, got \(\)$"):
        replace(soft_head(), **{name: torch.tensor(1.0, dtype=torch.float64)})


def test_one_row_of_weights_per_class():
    head = LinearHead(torch.eye(3))
    probs = torch.tensor([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])
    torch.testing.assert_close(head.values(probs), probs)
    assert head.labels(probs).tolist() == [1, 0]


def test_attention_by_the_formula(attention: AttentionHead):
    probs, tokens = random_probs(2, 5, 4), torch.tensor([[0, 3, 2, 4, 1], [4, 4, 0, 1, 2]])
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
    probs = random_probs(1, 1, 4).expand(1, 3, 4)
    tokens = torch.tensor([[0, 1, 2]])
    torch.testing.assert_close(attention.attention(probs), torch.full((1, 3), 1 / 3).double())
    mean = attention.position_values(probs, tokens).mean(1)
    torch.testing.assert_close(attention.values(probs, tokens), mean)


def test_keys_within_the_tolerance_tie(attention: AttentionHead):
    probs = random_probs(1, 3, 4)
    largest, second, _ = sorted(attention.keys(probs)[0].tolist(), reverse=True)
    third_apart = replace(attention, tolerance=(largest - second) * 1.0001)
    assert int((third_apart.attention(probs) > 0).sum()) == 2
    assert int((replace(attention, tolerance=(largest - second) * 0.9999).attention(probs) > 0).sum()) == 1


def test_soft_attention_is_a_softmax(attention: AttentionHead):
    soft = replace(attention, temperature=0.3)
    probs = random_probs(2, 5, 4)
    torch.testing.assert_close(soft.attention(probs), torch.softmax(soft.keys(probs) / 0.3, -1))


def test_attention_with_one_row_of_weights_per_class(attention: AttentionHead):
    probs, tokens = random_probs(2, 5, 4), torch.tensor([[0, 3, 2, 1, 1], [2, 1, 0, 1, 2]])
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
    with pytest.raises(ValueError, match=r"probs: expected distributions over 3 tokens, got shape \(2, 4\)"):
        LinearHead(torch.ones(3)).values(random_probs(2, 4))
    with pytest.raises(
        ValueError, match=r"probs: expected distributions over 4 tokens, got shape \(2, 5, 3\)"
    ):
        attention.keys(random_probs(2, 5, 3))
    with pytest.raises(ValueError, match=r"tokens: expected shape \(2, 5\) as of probs, got \(2, 4\)"):
        attention.values(random_probs(2, 5, 4), torch.zeros(2, 4, dtype=torch.int64))
