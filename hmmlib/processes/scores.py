"""How much of a process a learner has found: fit, precision and generalisation, without simulating it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import binom

from hmmlib._checks import ArrayLike, check_positive_int, real_array
from hmmlib.processes._door import check_left_out, check_probs
from hmmlib.processes.folds import training_law


class ProcessScores(NamedTuple):
    """What a learner gives to the variants of a process, each score from 0 to 1.

    Attributes:
        legal: Probability of all variants; what is missing goes to texts that the process does not have.
        fit: What it has in common with the law of the training texts, Σ min(q, p_training).
        precision: What it has in common with the process, Σ min(q, p).
        generalisation: What it has in common with the process on what was left out, as a share of that:
            Σ min(q, p) / Σ p.
        left_out_mass: Probability that it gives to what was left out.
    """

    legal: float
    fit: float
    precision: float
    generalisation: float
    left_out_mass: float


def process_scores(q: ArrayLike, p: ArrayLike, left_out: ArrayLike) -> ProcessScores:
    """Score a learner that was shown a process of which some variants were left out.

    The scores of Peeperkorn et al. (2022) count what a simulated log has in common with others. These are
    their limits for long logs; for a finite one see `sampling_ceiling`.

    Example:
        >>> from hmmlib.processes import process_scores
        >>> process_scores([0.5, 0.25, 0.0, 0.25], [0.25, 0.25, 0.25, 0.25], [2, 3])
        ProcessScores(legal=1.0, fit=0.75, precision=0.75, generalisation=0.5, left_out_mass=0.25)

    Args:
        q: P[variant] of the learner, with a sum of at most 1, shape (n,).
        p: P[variant] of the process, with the sum 1, shape (n,).
        left_out: Numbers of the variants that were left out, shape (k,).

    Returns:
        The scores.

    Raises:
        TypeError: No real numbers, or variants that are not integers.
        ValueError: Shapes that do not fit, no probabilities, variants out of range or twice, or all of them.
    """
    law = check_probs(p, "p")
    found = real_array(q, "q", (len(law),))
    # A network's probabilities are those of single precision.
    if float(found.min()) < 0 or float(found.sum()) > 1 + 1e-5:
        raise ValueError(
            "q: expected numbers of at least 0 with a sum of at most 1, got the least "
            f"{float(found.min()):g} and the sum {float(found.sum()):.6g}"
        )
    mask = check_left_out(left_out, law)
    both = torch.minimum(found, law)
    return ProcessScores(
        legal=float(found.sum()),
        fit=float(torch.minimum(found, training_law(law, left_out)).sum()),
        precision=float(both.sum()),
        generalisation=float(both[mask].sum() / law[mask].sum()),
        left_out_mass=float(found[mask].sum()),
    )


def sampling_ceiling(n: int, probs: ArrayLike) -> float:
    """What two independent logs of n texts have in common, as a share of n, in the mean.

    The number of texts of a variant is binomial, and the mean of the smaller of two is Σ_k P[X > k]². A
    learner that knows the process has no better fit or precision when a simulated log is compared with a
    drawn one.

    Example:
        >>> from hmmlib.processes import sampling_ceiling
        >>> round(sampling_ceiling(12_000, [1 / 120] * 120), 5)
        0.94385

    Args:
        n: Number of texts in each log.
        probs: P[variant], with the sum 1, shape (m,).

    Returns:
        The share, above 0 and at most 1.

    Raises:
        TypeError: A number that is not an integer, or no real numbers.
        ValueError: Fewer than one text, or no probabilities.
    """
    n, law = check_positive_int(n, "n"), check_probs(probs, "probs")
    different, counts = np.unique(law.numpy(), return_counts=True)
    k = np.arange(n)
    common = [float(np.square(binom.sf(k, n, min(prob, 1.0))).sum()) for prob in different]
    return float(np.dot(common, counts)) / n


def truth_excess(p: ArrayLike, left_out: ArrayLike) -> float:
    """What the truth pays more than the best where variants are left out: −log(1 − P[left out]).

    The best for such texts is their own law, `training_law`, under which nothing that was left out is
    possible. So their loss prefers it to the truth.

    Args:
        p: P[variant] of the process, with the sum 1, shape (n,).
        left_out: Numbers of the variants that are left out, shape (k,).

    Returns:
        Nats per text, above 0.

    Raises:
        TypeError: No real numbers, or variants that are not integers.
        ValueError: No probabilities, variants out of range or twice, or all of them.
    """
    law = check_probs(p, "p")
    return -math.log(float(law[~check_left_out(left_out, law)].sum()))
