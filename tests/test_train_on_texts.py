"""Masked training on texts from anywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hmmlib import (
    Masking,
    PretrainingRecipe,
    Stage,
    TransformerConfig,
    TransformerMaskedLM,
    draw_held_out,
    pretrain,
    random_hmm,
)
from hmmlib.pretraining import TextStream, train_on_texts

MODEL = random_hmm(3, 5, generator=0, emission_temperature=0.3)
SHAPE = TransformerConfig(width=16, n_layers=1, n_heads=2, feed_forward=32, dropout=0.1)
RECIPE = PretrainingRecipe(SHAPE, (Stage(30, 8, 12),), masking=Masking(0.3, 0.8, 0.1), warmup=2, seed=3)


class Repeated:
    """The same text again and again; it begins with a token that stands nowhere else."""

    def __init__(self, first=5):
        self.first = first

    def batch(self, step, size, length):  # noqa: ARG002 - every step has the same texts
        row = torch.arange(length) % 5
        row[0] = self.first
        return row.expand(size, -1)


def test_the_same_text_gives_the_model_that_pretraining_gives():
    held_out = draw_held_out(MODEL, generator=0, n_texts=4, length=12)
    expected = pretrain(MODEL, RECIPE, held_out=held_out, progress=False).lm
    start = TransformerMaskedLM(5, SHAPE, generator=RECIPE.seed)
    before = {name: value.clone() for name, value in start.state_dict().items()}
    found = train_on_texts(start, TextStream(MODEL, RECIPE.seed), RECIPE)
    assert all(map(torch.equal, found.state_dict().values(), expected.state_dict().values()))
    assert all(torch.equal(value, before[name]) for name, value in start.state_dict().items())
    assert not found.training


def test_what_is_never_hidden_is_never_predicted():
    start = TransformerMaskedLM(6, SHAPE, generator=0)
    recipe = replace(RECIPE, stages=(Stage(150, 8, 12),), masking=Masking(0.3))
    masked = torch.tensor([[6, 1, 2, 6, 4, 0]])

    def at_blanks(lm):
        with torch.no_grad():
            return lm.token_probs(lm.embed(masked))[0, [0, 3]]

    trained = at_blanks(train_on_texts(start, Repeated(), recipe))
    guarded = at_blanks(train_on_texts(start, Repeated(), recipe, never_hidden=[5]))
    assert trained[0, 5] > guarded[0, 5] + 0.15
    assert guarded[1, 3] > 0.2


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"texts": [[0, 1]]}, TypeError, "texts: expected an object with batch"),
        ({"never_hidden": [6]}, ValueError, "never_hidden: expected 0 … 5, entry 0 is 6"),
        ({"lm": MODEL}, TypeError, "lm: expected a TransformerMaskedLM"),
        ({"texts": Repeated(7)}, ValueError, "texts: expected words 0 … 5, row 0 has 7"),
        ({"never_hidden": range(6)}, FloatingPointError, "the loss is nan at step 0 of 30"),
    ],
)
def test_what_is_wrong_is_named(changes, kind, message):
    given = {"lm": TransformerMaskedLM(6, SHAPE), "texts": Repeated(), "recipe": RECIPE} | changes
    with pytest.raises(kind, match=message):
        train_on_texts(**given)
