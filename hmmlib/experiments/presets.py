"""Recipes by name, for the machine at hand: `smoke`, `laptop`, `gpu`, `paper`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hmmlib.masking import Masking
from hmmlib.recipes import PretrainingRecipe, Stage
from hmmlib.text_streams import CorpusConfig
from hmmlib.transformer import TransformerConfig

PAPER_MASKING = Masking(rate=0.05, blank=0.8, random=0.1)
"""5% of the tokens, by BERT's rule (the paper's appendix on experiments)."""

BERT_SHAPE = TransformerConfig(
    width=768, n_layers=6, n_heads=12, hidden=3072, positions="learned", norm="post", dropout=0.1
)
"""BERT-base with six layers, as in the paper."""

PRETRAINING_PRESETS: dict[str, PretrainingRecipe] = {
    # A few seconds: that everything runs.
    "smoke": PretrainingRecipe(
        transformer=TransformerConfig(width=32, n_layers=2, n_heads=2, hidden=64),
        stages=(Stage(steps=60, batch=32, length=32),),
        masking=Masking(0.3),
        warmup=10,
    ),
    # About a minute on two cores.
    "laptop": PretrainingRecipe(
        stages=(Stage(steps=600, batch=64, length=64),),
        masking=Masking(0.3),
        warmup=30,
    ),
    # A few minutes of one card that eight of them share.
    "gpu": PretrainingRecipe(
        transformer=TransformerConfig(width=128, n_layers=4, n_heads=4, hidden=512),
        stages=(Stage(steps=2500, batch=256, length=128),),
        masking=Masking(0.15),
        learning_rate=2e-3,
        warmup=125,
        precision="bfloat16",
    ),
    # The paper's, to the letter: three epochs of a fixed corpus.
    "paper": PretrainingRecipe(
        transformer=BERT_SHAPE,
        stages=(Stage(steps=37_500, batch=8, length=512),),
        masking=PAPER_MASKING,
        corpus=CorpusConfig(),
        learning_rate=1e-5,
        betas=(0.9, 0.999),
        warmup=1000,
        precision="float16",
    ),
}
"""What each is for is said in the book, chapter 7, with what it reaches."""


def pretraining_preset(name: str, seed: int = 0) -> PretrainingRecipe:
    """A recipe by name.

    Args:
        name: 'smoke', 'laptop', 'gpu' or 'paper'.
        seed: Of initial weights, text, masks and dropout.

    Returns:
        The recipe.

    Raises:
        ValueError: There is no such preset.
    """
    if name not in PRETRAINING_PRESETS:
        raise ValueError(f"preset: expected one of {tuple(PRETRAINING_PRESETS)}, got {name!r}")
    return replace(PRETRAINING_PRESETS[name], seed=seed)


def _with_transformer(recipe: PretrainingRecipe, **changes: Any) -> PretrainingRecipe:
    return replace(recipe, transformer=replace(recipe.transformer, **changes))


VARIANTS: dict[str, Callable[[PretrainingRecipe], PretrainingRecipe]] = {
    "as it is": lambda recipe: recipe,
    "learned positions": lambda recipe: _with_transformer(recipe, positions="learned"),
    "post-norm": lambda recipe: _with_transformer(recipe, norm="post"),
    "BERT's shape": lambda recipe: _with_transformer(recipe, positions="learned", norm="post"),
}
"""What changing one thing of a recipe does."""
