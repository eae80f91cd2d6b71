"""Seeds and generators: where all randomness of the library comes from."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


def step_generator(device: torch.device, *key: int) -> torch.Generator:
    """A generator whose stream depends on the key and on nothing else.

    Args:
        device: Where it draws.
        key: Integers ≥ 0, for example seed, purpose and step.

    Returns:
        The generator.
    """
    seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))
    return torch.Generator(device).manual_seed(seed)


def sampling_generator(generator: int | torch.Generator, device: torch.device) -> torch.Generator:
    """Return a torch generator on `device`, seeded if an int was given."""
    if isinstance(generator, torch.Generator):
        if generator.device.type != device.type:
            raise ValueError(f"generator: lives on {generator.device}, the model on {device}")
        return generator
    return torch.Generator(device=device).manual_seed(_check_seed(generator, "a torch.Generator"))


def drawing_generator(generator: int | np.random.RandomState) -> np.random.RandomState:
    """Return numpy's frozen Mersenne twister, seeded if an int was given.

    Its stream never changes between versions and machines, and it is the one that the paper's released
    code draws from: the same seed gives the same model.
    """
    if isinstance(generator, np.random.RandomState):
        return generator
    return np.random.RandomState(_check_seed(generator, "a numpy RandomState"))


def keyed_generator(*key: int) -> np.random.RandomState:
    """Return a numpy RandomState whose stream depends on the key and on nothing else."""
    return np.random.RandomState(np.random.SeedSequence(key).generate_state(4))


def start_generator(generator: int | np.random.RandomState) -> torch.Generator:
    """A torch generator on the CPU that a seed, or the next number of numpy's stream, determines."""
    return torch.Generator().manual_seed(int(drawing_generator(generator).randint(2**31)))


def fill_uniform(module: nn.Module, bound: float, random: torch.Generator) -> None:
    """Draw all parameters of a module from −bound … bound, whatever torch's defaults are."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(-bound, bound, generator=random)


def _check_seed(seed: int, otherwise: str) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"generator: expected an int seed or {otherwise}, got {seed!r}")
    # What numpy takes; torch takes more, but a seed should do for drawing a model and for sampling from it.
    if not 0 <= seed < 2**32:
        raise ValueError(f"generator: expected a seed 0 … 2**32 − 1, got {seed}")
    return int(seed)
