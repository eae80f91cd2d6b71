"""Expected counts of texts under given parameters, in one pass: the E-step of Baum and Welch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike
from hmmlib._display import compact_repr
from hmmlib._precision import exact_products
from hmmlib._texts import check_text_shape, check_tokens
from hmmlib.hmm._batches import fitting_rows, in_pieces, raise_impossible
from hmmlib.hmm._evidence import positions_read
from hmmlib.hmm._forward_backward import forward_backward
from hmmlib.hmm._pairs import pair_sums
from hmmlib.hmm._sweeps import Scratch


class ExpectedCounts(NamedTuple):
    """How often each thing is expected to have happened in a batch of texts, given the texts.

    Attributes:
        initial: Texts that start in each state, shape (H,).
        transition: Steps from state to state, shape (H, H).
        emission: Tokens written in each state, shape (H, V); blanks are not counted.
        log_likelihood: log P of each text in nats, shape (batch,).
    """

    initial: Tensor
    transition: Tensor
    emission: Tensor
    log_likelihood: Tensor

    def __repr__(self) -> str:
        return compact_repr(self)


class Texts:
    """Checked texts, ready to be counted again and again.

    Args:
        tokens: Integers, shape (batch, time).
        observed: Booleans, shape (batch, time), or None.
        lengths: Integers, shape (batch,), or None.
        n_tokens: Size V of the vocabulary.
        device: Where they are counted.

    Raises:
        TypeError: As for `expected_counts`.
        ValueError: As for `expected_counts`.
    """

    def __init__(
        self,
        tokens: ArrayLike,
        observed: ArrayLike | None,
        lengths: ArrayLike | None,
        n_tokens: int,
        device: torch.device,
    ) -> None:
        shape = check_text_shape(tokens)
        seen = positions_read(shape, observed, lengths, device)
        self._tokens = check_tokens(tokens, n_tokens, seen).to(device)  # (B, T)
        # Token V is the blank.
        self._index = self._tokens if seen is None else torch.where(seen, self._tokens, n_tokens)  # (B, T)
        inside = positions_read(shape, None, lengths, device)
        self._inside = torch.ones_like(self._tokens, dtype=torch.bool) if inside is None else inside  # (B, T)

    @property
    def n_seen(self) -> int:
        """Number of tokens that are read."""
        return int((self._index == self._tokens).sum())

    def counts(self, initial: Tensor, transition: Tensor, emission: Tensor) -> ExpectedCounts:
        """Expected counts under the given parameters.

        Args:
            initial: Shape (H,).
            transition: Shape (H, H).
            emission: Shape (H, V).

        Returns:
            The counts.

        Raises:
            ValueError: A text that these parameters cannot produce.
        """
        on_cpu = initial.device.type == "cpu"
        table = torch.cat([emission.T, torch.ones_like(emission.T[:1])])  # (V + 1, H)

        def count(rows: slice) -> ExpectedCounts:
            with torch.inference_mode(False), torch.no_grad(), exact_products(initial.device):
                return self._count(rows, initial, transition, table, Scratch() if on_cpu else None)

        # Pieces are the same on every machine, and so are the rounding and the sums.
        size, n_texts = fitting_rows(len(initial), on_cpu), len(self._tokens)
        pieces = [slice(i, min(i + size, n_texts)) for i in range(0, n_texts, size)]
        parts = in_pieces(count, pieces, on_cpu)
        initials, transitions, emissions, likelihoods = zip(*parts, strict=True)
        return ExpectedCounts(
            torch.stack(initials).sum(0),
            torch.stack(transitions).sum(0),
            torch.stack(emissions).sum(0),
            torch.cat(likelihoods),
        )

    def _count(
        self, rows: slice, initial: Tensor, transition: Tensor, table: Tensor, scratch: Scratch | None
    ) -> ExpectedCounts:
        index, inside = self._index[rows].T.contiguous(), self._inside[rows].T  # (T, B)
        evidence = table.index_select(0, index.view(-1)).view(*index.shape, -1)  # (T, B, H)
        start = initial.expand(evidence.shape[1:]).contiguous()  # (B, H)
        wanted = ("filtered", "smoothed", "likelihood_ratio")
        found = forward_backward(start, transition, evidence, wanted, scratch)
        step = torch.where(inside, found.log_step, 0.0)  # (T, B)
        if bool((step.sum(0) == -torch.inf).any()):
            raise_impossible(step[..., None], step.new_zeros(1), rows.start, self._explain)
        filtered, smoothed, ratio = (
            found.tables[kind].div_(found.totals[kind][..., None]) for kind in wanted
        )  # (T, B, H) each
        moves = inside[1:].to(evidence.dtype)  # (T − 1, B)
        pairs = pair_sums(start, transition, evidence, None, filtered, ratio, moves, expected=True)
        written = torch.zeros_like(table)  # (V + 1, H)
        written.index_add_(0, index.view(-1), smoothed.flatten(0, 1))
        return ExpectedCounts(smoothed[0].sum(0), pairs, written[:-1].T, step.sum(0))

    def _explain(self, row: int, position: int) -> str:
        return f"tokens: sequence {row}, position {position}: token {int(self._tokens[row, position])}"
