"""What a soft prompt does to an exact model: it changes the law of the state under the blank, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib.hmm import Chain, blank_posterior


class _ChainOnly(NamedTuple):
    """A model that is nothing but its chain."""

    chain: Chain


def blank_likelihood(chain: Chain, texts: Tensor) -> Tensor:
    """P[x | H_∅], up to a factor for each text.

    Args:
        chain: The model.
        texts: Integers 0 … V − 1, shape (n, time).

    Returns:
        In double precision, the largest of each text being one, shape (n, K·C).
    """
    uniform = torch.full_like(chain.initial, 1 / chain.n_states)
    # Up to a factor for each text, a likelihood is the posterior under the uniform law.
    posterior = blank_posterior(_ChainOnly(replace(chain, initial=uniform)), texts).double()
    return posterior / posterior.amax(1, keepdim=True)


def prompt_steps(
    initial: Tensor, transition: Tensor, columns: Tensor, logs: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Each prompt vector u_j, and the law of content and chain state one step later.

    Args:
        initial: Joint law of content and first chain state, shape (K, C).
        transition: Row-stochastic, shape (C, C).
        columns: The emission column of each content and chain state, shape (K, C).
        logs: Logarithms of the vectors' entries, up to a constant for each vector, shape (k, E).

    Yields:
        The vector, of largest entry one, shape (E,); and the law ρ, shape (K, C).
    """
    law = initial
    for row in logs:
        # A state that cannot be there has no say, not even in the scale.
        there = torch.zeros_like(row, dtype=torch.bool)
        there[columns[law > 0]] = True
        row = torch.where(there, row, -torch.inf)
        vector = (row - row.amax().detach()).exp()
        law = law * vector[columns]
        law = (law / law.sum()) @ transition
        yield vector, law
