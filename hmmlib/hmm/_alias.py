"""Drawing from many discrete distributions in constant time each (Walker 1977, Vose 1991)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class AliasTable:
    """Draws from many discrete distributions.

    A draw proposes one of the n outcomes uniformly and keeps it with a tabulated probability, otherwise it
    takes that outcome's alias. An outcome of probability zero is never drawn.

    Args:
        rows: Distributions, shape (m, n).
    """

    def __init__(self, rows: Tensor) -> None:
        keep, alias = _alias_rows(rows.detach().cpu().double().numpy())
        self.n = rows.shape[1]
        with torch.inference_mode(False):  # a table may be kept for good
            self._keep = torch.as_tensor(keep, device=rows.device).reshape(-1)
            self._alias = torch.as_tensor(alias, device=rows.device).reshape(-1)

    def propose(self, shape: tuple[int, ...], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw proposals and the coins that decide on them.

        Args:
            shape: How many.
            generator: Source of randomness.

        Returns:
            Proposed outcomes (int64) and coins, uniform on [0, 1), both of the given shape.
        """
        scaled = torch.rand(shape, dtype=torch.float64, device=self._keep.device, generator=generator)
        scaled *= self.n
        guess = scaled.long()
        return guess, scaled.sub_(guess)

    def accept(self, row: Tensor, guess: Tensor, coin: Tensor) -> Tensor:
        """Turn proposals into draws from the given rows.

        Args:
            row: Which distribution each draw is from, int64.
            guess: Proposed outcomes, same shape.
            coin: Coins, same shape.

        Returns:
            Outcomes, int64, same shape.
        """
        index = (row * self.n + guess).reshape(-1)
        # `index_select` starts no threads for so little work, unlike indexing.
        keep, alias = (table.index_select(0, index).view(guess.shape) for table in (self._keep, self._alias))
        return torch.where(coin < keep, guess, alias)

    def draw(self, row: Tensor, generator: torch.Generator) -> Tensor:
        """Draw once from each of the given rows.

        Args:
            row: Which distribution each draw is from, int64, any shape.
            generator: Source of randomness.

        Returns:
            Outcomes, int64, same shape.
        """
        return self.accept(row, *self.propose(tuple(row.shape), generator))

    def walk(self, state: Tensor, n_steps: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw Markov chains, row s being the distribution of what follows state s.

        Args:
            state: First state of each chain, int64, shape (batch,).
            n_steps: Number of states to return.
            generator: Source of randomness.

        Returns:
            States, int64, shape (n_steps, batch), and those that follow the last ones, shape (batch,).
        """
        guess, coin = self.propose((n_steps, len(state)), generator)
        path = torch.empty_like(guess)
        if state.device.type != "cpu":
            for t in range(n_steps):
                path[t] = state
                state = self.accept(state, guess[t], coin[t])
            return path, state
        # numpy takes a tenth of the time of torch to start each of these small operations.
        keep, alias, now, out = self._keep.numpy(), self._alias.numpy(), state.numpy(), path.numpy()
        for t, (cells, coins) in enumerate(zip(guess.numpy(), coin.numpy(), strict=True)):
            out[t] = now
            index = now * self.n + cells
            now = np.where(coins < keep.take(index), cells, alias.take(index))
        return path, torch.from_numpy(now)


def _alias_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability of keeping each proposal, and its alias, both of the shape of `rows`."""
    keep = np.ones(rows.shape)
    alias = np.tile(np.arange(rows.shape[1]), (len(rows), 1))
    for row, own_keep, own_alias in zip(rows, keep, alias, strict=True):
        _fill(row * (len(row) / row.sum()), own_keep, own_alias)
    return keep, alias


def _fill(left: np.ndarray, keep: np.ndarray, alias: np.ndarray) -> None:
    """Fill one row, `left` being the mass of each outcome in units of one proposal.

    Outcomes with less than one unit are filled up, the last first, by the last with more; one that has given
    too much is filled up next. So the outcomes that give do so one after another, each to a run of those that
    lack something.
    """
    small, large = (np.flatnonzero(side)[::-1] for side in (left < 1, left >= 1))
    lacks = (1 - left[small]).tolist()
    given, runs, before = 0, [], None  # how many were filled up, by whom how many, who gave too much
    for giver, mass in zip(large.tolist(), left[large].tolist(), strict=True):
        if before is not None:
            alias[before] = giver
            mass -= 1 - keep[before]
            before = None
        first = given
        while mass >= 1 and given < len(lacks):
            mass -= lacks[given]
            given += 1
        runs.append(given - first)
        if mass >= 1:
            break  # nobody lacks anything any more
        before, keep[giver] = giver, mass
    if before is not None:
        keep[before] = 1.0  # up to rounding, as nobody has more than one unit any more
    filled = small[:given]
    keep[filled] = left[filled]
    alias[filled] = np.repeat(large[: len(runs)], runs)
