"""Figures of masking rules: what is lost where any word may be random, and what a network learns of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from torch import Tensor

from hmmlib.plotting._parts import HATCHED, LEAST_KL, LETTERS, short
from hmmlib.plotting.style import PALETTE


def taken_for_noise(exact: Tensor, noisy: Tensor, answer: int, divergences: Mapping[str, Tensor]) -> Figure:
    """Draw what is lost where words may be random: two distributions at one blank, and KL over all blanks.

    Args:
        exact: G at one blank, shape (V,).
        noisy: The best prediction there when words may be random, shape (V,).
        answer: The token under the blank.
        divergences: Name and KL(G ‖ best prediction) at many blanks, nats, shape (M,).

    Returns:
        The figure: the distributions on the left; on the right, the share of blanks whose KL exceeds a size.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.3))
    x = np.arange(len(exact))
    left.bar(x - 0.2, exact.cpu().numpy(), 0.4, color=PALETTE[0].color, label="$G$")
    left.bar(x + 0.2, noisy.cpu().numpy(), 0.4, label=r"$\tilde{G}$", **HATCHED)
    names = list(LETTERS[: len(exact)]) if len(exact) <= len(LETTERS) else [str(token) for token in x]
    left.set_xticks(x, [f"[{name}]" if token == answer else name for token, name in enumerate(names)])
    left.set(xlabel="token; in brackets, the one under the blank", ylabel="probability", title="One blank")
    left.grid(visible=False, axis="x")
    left.legend()
    for (name, values), line in zip(divergences.items(), PALETTE, strict=False):
        sizes = np.sort(values.clamp_min(LEAST_KL).cpu().numpy())[::-1]
        shares = np.arange(1, len(sizes) + 1) / len(sizes)
        shown = sizes > LEAST_KL
        right.loglog(
            sizes[shown], 100 * shares[shown], label=name, color=line.color, linestyle=line.linestyle
        )
    right.set(xlabel=r"KL($G$ ‖ $\tilde{G}$) above (nats)", ylabel="blanks (%)", title="All blanks")
    right.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    right.legend(loc="lower left")
    return figure


def two_targets(distances: Mapping[str, Sequence[float]]) -> Figure:
    """Draw how far a network is from two distributions that it may have learnt.

    Args:
        distances: Name of a kind of position, and KL(G ‖ network) and KL(G̃ ‖ network) there, nats.

    Returns:
        The figure: a pair of bars for each kind.
    """
    figure, axes = plt.subplots(figsize=(5.6, 3.0))
    x = np.arange(len(distances))
    plain, doubting = zip(*distances.values(), strict=True)
    axes.bar(x - 0.18, plain, 0.34, color=PALETTE[0].color, label="from $G$")
    axes.bar(x + 0.18, doubting, 0.34, label=r"from $\tilde{G}$", **HATCHED)
    for shift, values in ((-0.18, plain), (0.18, doubting)):
        for place, value in zip(x + shift, values, strict=True):
            axes.annotate(
                short(value), (place, value), (0, 3), textcoords="offset points", ha="center", fontsize=9
            )
    axes.set(ylabel="KL to the network (nats)", ylim=(0, 1.25 * max(*plain, *doubting)))
    axes.set_xticks(x, list(distances))
    axes.grid(visible=False, axis="x")
    axes.legend(loc="upper left")
    return figure
