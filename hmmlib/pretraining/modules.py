"""Train any module that has a transformer in it, as a transformer is pretrained."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from hmmlib._checks import check_kind, check_positive, check_positive_int
from hmmlib.pretraining.optimisers import Optimisers
from hmmlib.pretraining.recipe import PretrainingRecipe, Stage


@dataclass(frozen=True)
class ModuleRecipe:
    """How a module is trained: Muon for the matrices of its layers, AdamW for all else.

    Attributes:
        steps: Number of steps.
        batch: Items in a step.
        learning_rate: Of AdamW, at its highest.
        matrix_learning_rate: Of Muon, at its highest; None for AdamW everywhere.
        warmup: Steps over which the rates rise from zero; after that they fall linearly to zero.
        seed: Of the items.
    """

    steps: int = 300
    batch: int = 32
    learning_rate: float = 3e-3
    matrix_learning_rate: float | None = 0.02
    warmup: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch"):
            check_positive_int(getattr(self, name), name)
        check_positive(self.learning_rate, "learning_rate")
        if self.matrix_learning_rate is not None:
            check_positive(self.matrix_learning_rate, "matrix_learning_rate")
        for name in ("warmup", "seed"):
            check_positive_int(getattr(self, name), name, 0)


def given_recipe(recipe: ModuleRecipe | None) -> ModuleRecipe:
    """Return a recipe, the default if there is none.

    Args:
        recipe: The recipe, or None.

    Returns:
        It.

    Raises:
        TypeError: Something else.
    """
    if recipe is None:
        return ModuleRecipe()
    return check_kind(recipe, ModuleRecipe, "recipe", "a ModuleRecipe")


def train_module(
    module: nn.Module,
    loss: Callable[[int], Tensor],
    recipe: ModuleRecipe,
    *,
    after: Callable[[int], object] | None = None,
) -> None:
    """Train a module in place; parameters that want no gradient stay as they are.

    Args:
        module: The module.
        loss: The loss of a step, by the step's number.
        recipe: How.
        after: Called after each step with the number of steps done, as if training had ended there; what it
            returns is not looked at.

    Raises:
        FloatingPointError: The loss is no longer finite; the message names the step.
    """
    plan = PretrainingRecipe(
        stages=(Stage(recipe.steps, recipe.batch, 1),),
        optimiser="adamw",
        learning_rate=recipe.learning_rate,
        warmup=min(recipe.warmup, recipe.steps - 1),
    )
    if recipe.matrix_learning_rate is not None:
        plan = replace(plan, optimiser="muon", matrix_learning_rate=recipe.matrix_learning_rate)
    optimisers, scaler = Optimisers(module, plan), torch.amp.GradScaler("cpu", enabled=False)
    module.train()
    for step in range(recipe.steps):
        found = loss(step)
        if not math.isfinite(nats := float(found.detach())):
            raise FloatingPointError(f"the loss is {nats} at step {step} of {recipe.steps}")
        found.backward()
        optimisers.step(step, scaler)
        if after is not None:
            module.eval()
            after(step + 1)
            module.train()
    module.eval()
