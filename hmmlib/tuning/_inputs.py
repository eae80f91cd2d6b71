"""Checks of what all kinds of tuning are given."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib._checks import check_tokens
from hmmlib.lm import MaskedLM
from hmmlib.tasks import Split, TaskData
from hmmlib.tuning.recipe import TuningRecipe


def check_inputs(lm: MaskedLM, data: TaskData, recipe: TuningRecipe) -> int:
    """Check a language model, labelled texts and a recipe.

    Args:
        lm: The language model.
        data: The texts; those for testing are not looked at.
        recipe: The recipe.

    Returns:
        Number of classes.

    Raises:
        TypeError: One of another type, or tokens or labels that are not integers.
        ValueError: Shapes that do not fit, a token or label out of range, or training labels of one class.
    """
    for name, value, kind in (
        ("lm", lm, MaskedLM),
        ("data", data, TaskData),
        ("recipe", recipe, TuningRecipe),
    ):
        if not isinstance(value, kind):
            raise TypeError(f"{name}: expected a {kind.__name__}, got {type(value).__name__}")
    for name in ("train", "validation"):
        _check_split(lm, getattr(data, name), f"data.{name}", data.train)
    n_classes = data.train.scores.shape[-1]
    counts = torch.bincount(data.train.labels, minlength=n_classes)
    if int(counts.max()) == len(data.train.labels):
        raise ValueError(
            f"data.train: all {len(data.train.labels)} labels are {int(counts.argmax())}; expected at least "
            "two classes"
        )
    return n_classes


def check_solvable(recipe: TuningRecipe, n_classes: int) -> None:
    """Raise if a linear head is to be solved for more than two classes.

    Args:
        recipe: The recipe.
        n_classes: Number of classes.

    Raises:
        ValueError: It is.
    """
    if recipe.solve_heads and n_classes != 2:
        raise ValueError(
            f"recipe: solve_heads=True is for two classes, the data have {n_classes}; expected "
            "solve_heads=False"
        )


def _check_split(lm: MaskedLM, split: Split, name: str, train: Split) -> None:
    for part in ("tokens", "labels", "scores"):
        if not isinstance(getattr(split, part), Tensor):
            kind = type(getattr(split, part)).__name__
            raise TypeError(f"{name}.{part}: expected a tensor, got {kind}")
    try:
        count = len(check_tokens(split.tokens, lm.n_tokens, advice=""))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}.{error}") from None
    labels = split.labels
    if labels.dtype.is_floating_point or labels.is_complex() or labels.dtype == torch.bool:
        raise TypeError(f"{name}.labels: expected integers, got {labels.dtype}")
    if labels.shape != (count,):
        raise ValueError(f"{name}.labels: expected shape ({count},), one per text, got {tuple(labels.shape)}")
    n_classes = train.scores.shape[-1]
    bad = ((labels < 0) | (labels >= n_classes)).nonzero()
    if len(bad):
        row = int(bad[0])
        raise ValueError(
            f"{name}.labels: text {row} has label {int(labels[row])}; expected 0 … {n_classes - 1}, as there "
            f"are {n_classes} scores"
        )
