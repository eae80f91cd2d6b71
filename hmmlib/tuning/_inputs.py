"""Checks of what all kinds of tuning are given."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib._texts import check_tokens
from hmmlib.lm import MaskedLM
from hmmlib.tasks import Split, TaskData
from hmmlib.tuning.recipe import TuningRecipe


def check_inputs(lm: MaskedLM, data: TaskData, recipe: TuningRecipe) -> TaskData:
    """Check a language model, labelled texts and a recipe.

    Args:
        lm: The language model.
        data: The texts; those for testing are not looked at.
        recipe: The recipe.

    Returns:
        The texts as they are trusted from here on, tokens and labels being int64.

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
        if not isinstance(scores := getattr(data, name).scores, Tensor):
            raise TypeError(f"data.{name}.scores: expected a tensor, got {type(scores).__name__}")
    n_classes = count_classes(data)
    train, validation = (
        _check_split(lm, split, name, n_classes)
        for split, name in ((data.train, "data.train"), (data.validation, "data.validation"))
    )
    counts = torch.bincount(train.labels, minlength=n_classes)
    if int(counts.max()) == len(train.labels):
        raise ValueError(
            f"data.train: all {len(train.labels)} labels are {int(counts.argmax())}; expected at least "
            "two classes"
        )
    return TaskData(train, validation, data.test)


def count_classes(data: TaskData) -> int:
    """The number of classes of labelled texts: each has a score.

    Args:
        data: The texts.

    Returns:
        The number.
    """
    return data.train.scores.shape[-1]


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


def _check_split(lm: MaskedLM, split: Split, name: str, n_classes: int) -> Split:
    for part in ("tokens", "labels"):
        if not isinstance(getattr(split, part), Tensor):
            kind = type(getattr(split, part)).__name__
            raise TypeError(f"{name}.{part}: expected a tensor, got {kind}")
    try:
        texts = check_tokens(split.tokens, lm.n_tokens, advice="")
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}.{error}") from None
    labels = split.labels
    if labels.dtype.is_floating_point or labels.is_complex() or labels.dtype == torch.bool:
        raise TypeError(f"{name}.labels: expected integers, got {labels.dtype}")
    if labels.shape != (len(texts),):
        raise ValueError(
            f"{name}.labels: expected shape ({len(texts)},), one per text, got {tuple(labels.shape)}"
        )
    bad = ((labels < 0) | (labels >= n_classes)).nonzero()
    if len(bad):
        row = int(bad[0])
        raise ValueError(
            f"{name}.labels: text {row} has label {int(labels[row])}; expected 0 … {n_classes - 1}, as there "
            f"are {n_classes} scores"
        )
    return split._replace(tokens=texts, labels=labels.long())
