"""Training of modules that have a transformer in them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hmmlib import TransformerConfig, TransformerMaskedLM
from hmmlib.pretraining import ModuleRecipe, train_module


class Reader(nn.Module):
    """A transformer, and a number read off its first position."""

    def __init__(self):
        super().__init__()
        shape = TransformerConfig(width=8, n_layers=1, n_heads=2, feed_forward=16)
        self.lm = TransformerMaskedLM(4, shape, generator=0)
        self.out = nn.Linear(8, 1, dtype=torch.float32)
        with torch.no_grad():
            self.out.weight.fill_(0.5)
            self.out.bias.zero_()

    def loss(self, _=0):
        texts = torch.tensor([[0, 1, 2], [3, 1, 2]])
        found = self.out(self.lm.hidden(self.lm.embedding(texts), 0))[:, 0]
        return (found - torch.tensor([1.0, -1.0])).square().mean()


@pytest.mark.parametrize("rate", [None, 0.02])
def test_a_module_learns_and_what_is_frozen_stays(rate):
    reader = Reader()
    reader.out.requires_grad_(requires_grad=False)
    before = [value.clone() for value in reader.out.parameters()]
    matrix = reader.lm.layers[0].up.weight.detach().clone()
    start = float(reader.loss().detach())
    train_module(reader, reader.loss, ModuleRecipe(200, 2, 0.02, matrix_learning_rate=rate))
    assert float(reader.loss().detach()) < start / 2
    assert all(map(torch.equal, reader.out.parameters(), before))
    assert not torch.equal(reader.lm.layers[0].up.weight, matrix)
    assert not reader.training


def test_a_loss_that_is_not_finite_is_named():
    reader = Reader()
    with pytest.raises(FloatingPointError, match="the loss is nan at step 3 of 10"):
        train_module(
            reader,
            lambda step: reader.loss() * (float("nan") if step == 3 else 1.0),
            ModuleRecipe(10, 2),
        )


def test_a_recipe_has_steps_and_rates():
    with pytest.raises(ValueError, match="steps: expected at least 1"):
        ModuleRecipe(steps=0)
    with pytest.raises(ValueError, match="matrix_learning_rate"):
        ModuleRecipe(matrix_learning_rate=0.0)
