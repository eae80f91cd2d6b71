"""Short names for tables of numbers: what has the same name is the same."""

from __future__ import annotations

from hmmlib._files import digest
from hmmlib.hmm.chain import LatentChainModel, chain_of


def fingerprint(model: LatentChainModel) -> str:
    """A short name for an HMM's parameters: two models with the same name are the same.

    Args:
        model: HMM or memory-augmented HMM.

    Returns:
        64 hexadecimal digits.

    Raises:
        TypeError: `model` is something else.
    """
    chain = chain_of(model)
    return digest(chain.initial, chain.transition, chain.emission, chain.columns)
