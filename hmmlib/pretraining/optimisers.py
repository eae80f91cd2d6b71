"""The optimisers of a recipe, several handled as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hmmlib.pretraining._muon import StackedMuon
from hmmlib.pretraining.recipe import PretrainingRecipe


class Optimisers:
    """AdamW, or Muon for the layers' matrices and AdamW for all else, on the recipe's schedule.

    Args:
        lm: The module whose parameters are trained, but for frozen ones: a transformer or
            a module with one in it.
        recipe: Learning rates, schedule and the rest.
    """

    def __init__(self, lm: nn.Module, recipe: PretrainingRecipe) -> None:
        self._recipe = recipe
        self._parameters = [parameter for parameter in lm.parameters() if parameter.requires_grad]
        matrices = []
        if recipe.optimiser == "muon":
            # The transformer may be a part of the module: its layers are then called "lm.layers.0…".
            named = lm.named_parameters()
            matrices = [
                p for name, p in named if ".layers." in f".{name}" and p.ndim == 2 and p.requires_grad
            ]
        chosen = {id(matrix) for matrix in matrices}
        rest = [parameter for parameter in self._parameters if id(parameter) not in chosen]
        adamw = torch.optim.AdamW(
            rest, recipe.learning_rate, betas=recipe.betas, weight_decay=recipe.weight_decay, fused=True
        )
        self._parts: list[tuple[torch.optim.Optimizer, float]] = [(adamw, recipe.learning_rate)]
        if matrices:
            rate = recipe.matrix_learning_rate
            muon = StackedMuon(matrices, rate, weight_decay=recipe.weight_decay)
            self._parts.append((muon, rate))

    def step(self, number: int, scaler: torch.amp.GradScaler) -> None:
        """Take one step along the gradients that the parameters hold, and clear them.

        Args:
            number: Number of the step, from 0.
            scaler: What the loss was scaled with.
        """
        factor = self._recipe.learning_rate_factor(number)
        if scaler.is_enabled():
            # The scaler leaves out a step optimiser by optimiser: what overflows in one must stop all.
            gradients = [p.grad for p in self._parameters if p.grad is not None]
            spoilt = nn.utils.get_total_norm(gradients) * 0  # NaN if anything is not finite
            for gradient in gradients:
                gradient += spoilt
        for optimiser, rate in self._parts:
            for group in optimiser.param_groups:
                group["lr"] = rate * factor
            scaler.unscale_(optimiser)
        if self._recipe.clip is not None:
            nn.utils.clip_grad_norm_(self._parameters, self._recipe.clip)
        for optimiser, _ in self._parts:
            scaler.step(optimiser)
        scaler.update()
        for optimiser, _ in self._parts:
            optimiser.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that the next step depends on.

        Returns:
            Tensors by name, for `load`.
        """
        return {
            f"{part}.{index}.{name}": value
            for part, (optimiser, _) in enumerate(self._parts)
            for index, state in optimiser.state_dict()["state"].items()
            for name, value in state.items()
        }

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from a state.

        Args:
            tensors: As `tensors` returned them.
        """
        for part, (optimiser, _) in enumerate(self._parts):
            state: dict[int, dict[str, Any]] = {}
            for key, value in tensors.items():
                owner, index, name = key.split(".")
                if int(owner) == part:
                    state.setdefault(int(index), {})[name] = value
            optimiser.load_state_dict(
                {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}
            )
