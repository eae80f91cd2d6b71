"""The sum over all ways in which a transducer can write a string: its lattice."""

from __future__ import annotations

import torch
from torch import Tensor


def transducer_log_probs(log_blank: Tensor, log_label: Tensor, frames: Tensor, lengths: Tensor) -> Tensor:
    """Log-probability of strings under a transducer, summed over all alignments; differentiable.

    At frame t, with u words written, the transducer writes the next word, and stays at the frame, or a blank,
    and goes on to the next. Behind the last word the last frame's blank ends it. So the probability α(t, u)
    of having come to (t, u) is α(t−1, u)·blank(t−1, u) + α(t, u−1)·word(t, u−1), and a row at a time

        α(t, ·) = exp(C_t) · cumsum(α(t−1, ·)·blank(t−1, ·)/exp(C_t)),

    where C_t(u) is the sum of the logarithms of the first u words' probabilities at frame t.

    Args:
        log_blank: Log-probability of the blank at each frame and number of words, shape (B, T, U + 1).
        log_label: Of the string's next word, shape (B, T, U).
        frames: Number of frames of each, 1 … T, shape (B,).
        lengths: Number of words of each, 0 … U, shape (B,).

    Returns:
        Nats, double precision, shape (B,).
    """
    blank, label = log_blank.double(), log_label.double()
    batch, time, _ = blank.shape
    inside = torch.arange(label.shape[2]) < lengths[:, None]  # (B, U)
    label = torch.where(inside[:, None], label, 0.0)  # what is never read must not be infinite
    sums = torch.nn.functional.pad(label.cumsum(-1), (1, 0))  # (B, T, U + 1)
    row = sums[:, 0]
    ends = [row]
    for t in range(1, time):
        row = (row + blank[:, t - 1] - sums[:, t]).logcumsumexp(-1) + sums[:, t]
        ends.append(row)
    every = torch.stack(ends, 1) + blank  # (B, T, U + 1)
    return every[torch.arange(batch), frames - 1, lengths]
