"""How far from exact a network may be: the KL at which no more than so many labels are lost.

Networks that are stopped while they are pretrained (`hmmlib.experiments.half_trained`) give points (KL,
labels lost below the exact model). Between them losses are taken as linear in log KL. Losses are paired, on
one HMM and one set of texts, and averaged over seeds at equal KL. Nothing is said of KLs beyond those of
the stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hmmlib.analysis.ladder import ALL, percent_right
from hmmlib.analysis.results import Record

Numbers = NDArray[np.float64]


class LossCurve(NamedTuple):
    """What is lost below the exact model, against the KL of the network.

    Attributes:
        kl: KL at the blank in nats, rising, shape (n,).
        loss: Points lost, shape (n,).
    """

    kl: Numbers
    loss: Numbers

    def kl_needed(self, loss: float) -> float:
        """The largest KL from which down no more is lost than this.

        Args:
            loss: Points.

        Returns:
            The KL in nats; infinity if no KL of the curve loses more, and 0 if even its smallest does.
        """
        above = np.flatnonzero(self.loss > loss)
        if not above.size:
            return float("inf")
        first = int(above[0])
        if first == 0:
            return 0.0
        ends = self.loss[first - 1 : first + 1]
        share = (loss - ends[0]) / (ends[1] - ends[0])
        logs = np.log(self.kl[first - 1 : first + 1])
        return float(np.exp(logs[0] + share * (logs[1] - logs[0])))

    def in_words(self, kl: float) -> str:
        """A KL that this curve gave, as a table has it.

        Args:
            kl: As `kl_needed` returns it.

        Returns:
            Two digits, or that it is beyond the ends of the curve.
        """
        if kl == 0:
            return f"< {self.kl[0]:.2g}"
        return f"> {self.kl[-1]:.2g}" if kl > self.kl[-1] else f"{kl:.2g}"


def loss_curve(record: Record, method: str, texts: str = ALL) -> LossCurve:
    """What one HMM's networks lose below the exact model.

    Args:
        record: Of a cell of `half-trained`.
        method: 'head' or 'prompt'.
        texts: Which are counted, `ALL` or `CLEAR`.

    Returns:
        A point for each stop, in the order of their KLs.

    Raises:
        ValueError: The record lacks the method, or a KL is not positive.
    """
    best = percent_right({**record, "methods": record["exact"]}, f"exact_{method}", texts)
    kl = np.array([stop["blank_kl"] for stop in record["stops"]], dtype=np.float64)
    if not (kl > 0).all():
        raise ValueError(f"record: expected positive KLs at the blank, got {kl.min()}")
    loss = np.array([best - percent_right(stop, f"learnt_{method}", texts) for stop in record["stops"]])
    order = np.argsort(kl, kind="stable")
    return LossCurve(kl[order], loss[order])


def mean_curve(curves: Sequence[LossCurve]) -> LossCurve:
    """Mean loss of several HMMs at equal KL.

    Args:
        curves: Of each, at least one.

    Returns:
        The curve over the KLs that all of them span, with a point wherever one of them has one.

    Raises:
        ValueError: There is no curve, or they span no KL in common.
    """
    if not curves:
        raise ValueError("curves: expected at least one, got none")
    low, high = max(curve.kl[0] for curve in curves), min(curve.kl[-1] for curve in curves)
    if low > high:
        raise ValueError(f"curves: expected KLs in common, got one from {low:g} up and one to {high:g}")
    kl = np.unique(np.concatenate([[low, high], *(curve.kl for curve in curves)]))
    kl = kl[(kl >= low) & (kl <= high)]
    losses = [np.interp(np.log(kl), np.log(curve.kl), curve.loss) for curve in curves]
    return LossCurve(kl, np.mean(losses, axis=0))
