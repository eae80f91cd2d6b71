"""The loss of one step: tokens are hidden, or none in a causal model, and predicted."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from hmmlib.lm import TransformerMaskedLM
from hmmlib.pretraining.recipe import PretrainingRecipe

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def step_loss(
    lm: TransformerMaskedLM,
    logits: Callable[[Tensor], Tensor],
    tokens: Tensor,
    recipe: PretrainingRecipe,
    random: torch.Generator,
    never_hidden: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of the tokens that the recipe's masking chooses, of all in a causal model.

    Args:
        lm: The model.
        logits: Its `TransformerMaskedLM.logits`, perhaps compiled.
        tokens: Texts, shape (batch, time), on the model's device.
        recipe: Masking, precision and dropout.
        random: Of the step.
        never_hidden: Tokens that are neither hidden nor predicted; all may be if not given.

    Returns:
        Nats per predicted token, with gradients.
    """
    seen = targets = tokens
    if not lm.config.causal:
        seen, chosen = recipe.masking.apply(tokens, lm.n_tokens, random)
        if never_hidden is not None:
            kept = torch.isin(tokens, never_hidden)
            seen, chosen = torch.where(kept, tokens, seen), chosen & ~kept
        # −100 is what torch leaves out of the mean.
        targets = tokens.masked_fill(~chosen, -100)
    # Dropout draws from torch's global generator: seeded for the step, and put back after it.
    device, dropout = tokens.device, lm.config.dropout > 0
    cards = [device] if device.type == "cuda" else []
    with (
        torch.random.fork_rng(cards, enabled=dropout),
        torch.autocast(device.type, _DTYPES[recipe.precision], enabled=recipe.precision != "float32"),
    ):
        if dropout:
            torch.manual_seed(random.initial_seed())
        found = logits(lm.embedding(seen))
    return F.cross_entropy(found.float().flatten(0, 1), targets.flatten())
