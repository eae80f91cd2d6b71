"""Which variants a learner is not shown, and what it is shown then."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_positive_int
from hmmlib._random import drawing_generator
from hmmlib.processes._door import check_left_out, check_probs

How = Literal["random", "consecutive"]


def leave_out(
    n: int, k: int, how: How = "random", *, generator: int | np.random.RandomState | None = None
) -> Tensor:
    """Sets of k variants to leave out, no variant in two of them.

    Consecutive variants in lexicographic order begin alike: a set of them can be a whole branch of the
    process, of which nothing is left to learn from.

    Args:
        n: Number of variants.
        k: How many to leave out, 1 … n − 1.
        how: 'random', or 'consecutive' for those that follow each other.
        generator: Seed or numpy RandomState; random sets need one.

    Returns:
        Numbers of variants, ascending in each row, int64, shape (⌊n / k⌋, k). What is left over where k does
        not divide n is in no set.

    Raises:
        TypeError: A number that is not an integer, or no generator for random sets.
        ValueError: k out of range, or another way.
    """
    n, k = check_positive_int(n, "n", 2), check_positive_int(k, "k")
    if k >= n:
        raise ValueError(f"k: expected fewer than all {n} variants, got {k}")
    if how not in get_args(How):
        raise ValueError(f"how: expected one of {get_args(How)}, got {how!r}")
    if how == "consecutive":
        order = np.arange(n)
    elif generator is None:
        raise TypeError("generator: expected an int seed or a numpy RandomState, got None")
    else:
        order = drawing_generator(generator).permutation(n)
    sets = torch.from_numpy(order[: n // k * k].astype(np.int64)).reshape(-1, k)
    return sets.sort(1).values


def training_law(probs: ArrayLike, left_out: ArrayLike) -> Tensor:
    """Probabilities of variants in a log of which some are left out: p / (1 − P[left out]), and 0 for these.

    Args:
        probs: P[variant] in the process, with the sum 1, shape (n,).
        left_out: Numbers of the variants that are left out, shape (k,).

    Returns:
        Probabilities, double precision, shape (n,).

    Raises:
        TypeError: No real numbers, or variants that are not integers.
        ValueError: No probabilities, variants out of range or twice, or all of them.
    """
    law = check_probs(probs, "probs")
    kept = law.masked_fill(check_left_out(left_out, law), 0.0)
    return kept / kept.sum()


def draw_log(probs: ArrayLike, n: int, *, generator: int | np.random.RandomState) -> Tensor:
    """Draw a log: how often each variant comes among n texts.

    Args:
        probs: P[variant], with the sum 1, shape (m,).
        n: Number of texts.
        generator: Seed or numpy RandomState.

    Returns:
        Counts with the sum n, int64, shape (m,).

    Raises:
        TypeError: No real numbers, a number that is not an integer, or another generator.
        ValueError: No probabilities, or fewer than one text.
    """
    law, n = check_probs(probs, "probs"), check_positive_int(n, "n")
    counts = drawing_generator(generator).multinomial(n, (law / law.sum()).numpy())
    return torch.from_numpy(counts.astype(np.int64))
