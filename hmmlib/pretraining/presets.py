"""Recipes by name, for the machine at hand: `smoke`, `laptop`, `gpu`, `paper`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hmmlib.lm import Masking, TransformerConfig
from hmmlib.pretraining.corpus import CorpusConfig
from hmmlib.pretraining.recipe import PretrainingRecipe, Stage

PAPER_MASKING = Masking(rate=0.05, blank=0.8, random=0.1)
"""5% of the tokens, by BERT's rule (the paper's appendix on experiments)."""

BERT_SHAPE = TransformerConfig(
    width=768, n_layers=6, n_heads=12, feed_forward=3072, positions="learned", norm="post", dropout=0.1
)
"""BERT-base with six layers, as in the paper."""

_PLAIN_LENGTH = 128  # of texts where length does not change in training
# The longest are those of downstream tasks: 128 tokens, a blank, a prompt of 20 vectors, and some more.
_LENGTHS = (16, 32, 160)


def _short_first(tokens: int, steps: tuple[int, int, int]) -> tuple[Stage, ...]:
    """Batches of about as many tokens, in texts that become longer."""
    return tuple(
        Stage(count, tokens // length, length) for count, length in zip(steps, _LENGTHS, strict=True)
    )


PRETRAINING_PRESETS: dict[str, PretrainingRecipe] = {
    # A few seconds: that everything runs.
    "smoke": PretrainingRecipe(
        transformer=TransformerConfig(width=32, n_layers=2, n_heads=2, feed_forward=64),
        stages=(Stage(steps=60, batch=32, length=32),),
        masking=Masking(0.3),
        warmup=10,
    ),
    # About a minute on two cores.
    "laptop": PretrainingRecipe(
        stages=_short_first(1024, steps=(700, 600, 800)),
        masking=Masking(0.3),
        optimiser="muon",
        learning_rate=3e-3,
        matrix_learning_rate=0.01,
        warmup=100,
    ),
    # For one card, best shared by several.
    "gpu": PretrainingRecipe(
        transformer=TransformerConfig(width=128, n_layers=4, n_heads=4, feed_forward=512),
        stages=_short_first(8192, steps=(800, 700, 1500)),
        masking=Masking(0.3),
        optimiser="muon",
        learning_rate=3e-3,
        matrix_learning_rate=0.01,
        warmup=100,
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
"""Recipes by name; ``book/results/pretraining_laptop.json`` has what `laptop` reaches."""


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
    if not isinstance(name, str):
        raise TypeError(f"preset: expected one of {tuple(PRETRAINING_PRESETS)}, got {type(name).__name__}")
    if name not in PRETRAINING_PRESETS:
        raise ValueError(f"preset: expected one of {tuple(PRETRAINING_PRESETS)}, got {name!r}")
    return replace(PRETRAINING_PRESETS[name], seed=seed)


def _small_paper(recipe: PretrainingRecipe) -> PretrainingRecipe:
    """The paper's choices at the size of `recipe`, on as many tokens."""
    paper, size = PRETRAINING_PRESETS["paper"], recipe.transformer
    batch = max(1, round(recipe.n_tokens_seen / recipe.n_steps / _PLAIN_LENGTH))
    steps = round(recipe.n_tokens_seen / (batch * _PLAIN_LENGTH))
    return replace(
        recipe,
        transformer=replace(size, positions="learned", norm="post", dropout=BERT_SHAPE.dropout),
        stages=(Stage(steps, batch, _PLAIN_LENGTH),),
        masking=paper.masking,
        optimiser="adamw",
        learning_rate=1e-3,
        betas=paper.betas,
    )


def _with_blanks(recipe: PretrainingRecipe) -> PretrainingRecipe:
    return replace(_small_paper(recipe), masking=recipe.masking)


def _without_dropout(recipe: PretrainingRecipe) -> PretrainingRecipe:
    before = _with_blanks(recipe)
    return replace(before, transformer=replace(before.transformer, dropout=0.0), betas=recipe.betas)


def _with_pre_norm(recipe: PretrainingRecipe) -> PretrainingRecipe:
    before = _without_dropout(recipe)
    return replace(before, transformer=replace(before.transformer, norm="pre"))


def _with_rotary(recipe: PretrainingRecipe) -> PretrainingRecipe:
    before = _with_pre_norm(recipe)
    return replace(before, transformer=replace(before.transformer, positions="rotary"))


def _with_muon(recipe: PretrainingRecipe) -> PretrainingRecipe:
    return replace(recipe, stages=_small_paper(recipe).stages)


def _with_berts_rule(recipe: PretrainingRecipe) -> PretrainingRecipe:
    return replace(recipe, masking=replace(recipe.masking, blank=0.8, random=0.1))


def _three_times_as_long(recipe: PretrainingRecipe) -> PretrainingRecipe:
    return replace(recipe, stages=tuple(replace(stage, steps=3 * stage.steps) for stage in recipe.stages))


def _unchanged(recipe: PretrainingRecipe) -> PretrainingRecipe:
    return recipe


VARIANTS: dict[str, Callable[[PretrainingRecipe], PretrainingRecipe]] = {
    "the paper's, small": _small_paper,
    "more blanks": _with_blanks,
    "no dropout": _without_dropout,
    "pre-norm": _with_pre_norm,
    "rotary positions": _with_rotary,
    "Muon": _with_muon,
    "short texts first": _unchanged,
    "BERT's rule": _with_berts_rule,
    "three times as long": _three_times_as_long,
}
"""Changes to a recipe, by name.

From the first to 'short texts first' they lead from the paper's recipe, scaled down to the size of the one
that is changed, to that one itself, one change at a time ('more blanks' changes rate and rule of the masking,
'no dropout' AdamW's decay rates as well); 'BERT's rule' keeps all of it but the masking, 'three times as
long' all but the numbers of steps.
"""

VARIANT_ORDER = tuple(VARIANTS)[: tuple(VARIANTS).index("short texts first") + 1]
"""The variants that lead from the paper's recipe to ours."""
