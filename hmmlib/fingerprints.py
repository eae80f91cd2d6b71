"""Short names for tables of numbers: what has the same name is the same."""

from __future__ import annotations

import hashlib

from torch import Tensor

from hmmlib.chain import LatentChainModel


def fingerprint(model: LatentChainModel) -> str:
    """A short name for an HMM's parameters: two models with the same name are the same.

    Args:
        model: HMM or memory-augmented HMM.

    Returns:
        64 hexadecimal digits.
    """
    chain = model.chain
    return digest(chain.initial, chain.transition, chain.emission, chain.columns)


def digest(*tables: Tensor) -> str:
    """SHA-256 of tables of numbers, their shapes and types.

    Args:
        tables: On any device.

    Returns:
        64 hexadecimal digits.
    """
    found = hashlib.sha256()
    for table in tables:
        numbers = table.detach().cpu().contiguous().numpy()
        found.update(f"{numbers.dtype} {numbers.shape}".encode())
        found.update(numbers.tobytes())
    return found.hexdigest()
