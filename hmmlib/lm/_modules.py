"""The torch module behind a language model, if there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from hmmlib.lm.base import MaskedLM


def module_of(lm: MaskedLM) -> nn.Module | None:
    """The module that holds a model's weights: the model itself, or its attribute `model`, or that one's."""
    found: object = lm
    while found is not None and not isinstance(found, nn.Module):
        found = getattr(found, "model", None)
    return found


@contextmanager
def frozen(lm: MaskedLM) -> Iterator[None]:
    """No dropout and no gradients for the model's own weights; afterwards all is as before."""
    module = module_of(lm)
    if module is None:
        yield
        return
    modes = [(part, part.training) for part in module.modules()]
    wanted = [(weight, weight.requires_grad) for weight in module.parameters()]
    module.eval().requires_grad_(False)
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
        for weight, mode in wanted:
            weight.requires_grad_(mode)
