"""Heads: the few numbers put on top of a frozen masked language model (the paper's Sections 3 and 4).

`LinearHead` reads one position, `AttentionHead` finds the positions worth reading, `SoftAttentionHead` is its
trainable form. `logistic_head` solves for the linear head of least log loss, `tune_logistic` chooses its
penalty. `NeighbourHead` has labelled examples in place of weights, and `nearest_error` says how often the
nearest is wrong.
"""

from hmmlib.heads.attention import AttentionHead, SoftAttentionHead
from hmmlib.heads.linear import LinearHead
from hmmlib.heads.logistic import LogisticFit, log_loss, logistic_head, tune_logistic
from hmmlib.heads.nearest import nearest_error
from hmmlib.heads.neighbours import NeighbourFit, NeighbourHead, tune_neighbours

__all__ = [
    "AttentionHead",
    "LinearHead",
    "LogisticFit",
    "NeighbourFit",
    "NeighbourHead",
    "SoftAttentionHead",
    "log_loss",
    "logistic_head",
    "nearest_error",
    "tune_logistic",
    "tune_neighbours",
]
