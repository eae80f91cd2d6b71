"""Accuracy before memorisation, which foretells how well a fine-tuned model does on new questions.

The method is that of Kang et al. (2024), *What do learning dynamics reveal about generalization in LLM
reasoning?* (arXiv 2411.07681), by their released code. There an example is memorised where the perplexity of
its solution is below a threshold, which has to be tuned. Where the exact probability of a solution is known,
the gap to it needs no tuning: `false_alarm_bound`.
"""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import (
    ArrayLike,
    as_tensor,
    check_integers,
    check_kind,
    check_number,
    real_array,
    real_tensor,
)
from hmmlib._display import compact_repr


def pre_memorization_accuracy(accuracies: ArrayLike, memorised: ArrayLike, *, run: str = "the run") -> Tensor:
    """Accuracy on each training example before the model had memorised its solution.

    At the last checkpoint m it is min(max_{m′ ≤ m} Acc_{m′} · 1[not memorised at m′], Acc_m): the best
    accuracy at any checkpoint where the solution was not memorised, and no more than the accuracy now. For an
    earlier checkpoint pass the rows up to it. Its mean over the examples is the forecast of the accuracy on
    new ones.

    Example:
        >>> from hmmlib.reasoning import pre_memorization_accuracy
        >>> accuracies = [[0.2, 0.0], [0.6, 0.4], [1.0, 1.0]]
        >>> memorised = [[False, False], [False, True], [True, True]]
        >>> pre_memorization_accuracy(accuracies, memorised).tolist()
        [0.6, 0.0]

    Args:
        accuracies: Of each training example at each checkpoint, in the order of training, 0 … 1, shape
            (checkpoints, n).
        memorised: Whether its solution was memorised then, booleans, the same shape.
        run: What to call the run in a warning: that all examples are memorised at the first checkpoint
            already, and the result is 0 whatever the model has learnt.

    Returns:
        Accuracies, double precision, shape (n,).

    Raises:
        TypeError: No real numbers, a mask that is not boolean, or a name that is no text.
        ValueError: Shapes that do not fit, or an accuracy outside of 0 … 1; the message names the entry.
    """
    found = real_array(accuracies, "accuracies", (-1, -1))
    _check_range(found, "accuracies", 0.0, 1.0)
    mask = as_tensor(memorised, "memorised", f"booleans of shape {tuple(found.shape)}").cpu()
    if mask.dtype != torch.bool:
        raise TypeError(f"memorised: expected booleans (True = memorised), got {mask.dtype}")
    if mask.shape != found.shape:
        raise ValueError(
            f"memorised: expected shape {tuple(found.shape)} as of the accuracies, got {tuple(mask.shape)}"
        )
    check_kind(run, str, "run", "the name of a run")
    if bool(mask[0].all()):
        warnings.warn(
            f"memorised: all {mask.shape[1]} examples of {run} are memorised at the first checkpoint; "
            "expected an earlier one, before they are",
            stacklevel=2,
        )
    return found.masked_fill(mask, 0.0).amax(0).minimum(found[-1])


def solution_perplexity(log_probs: ArrayLike) -> Tensor:
    """Perplexity of solutions, exp(−mean of the log-probabilities of their tokens).

    To Bayes the geometric mean of the traces' is exp(H[h | x] / T), with the entropy of `path_entropy`: a
    threshold on perplexities has to follow it from world to world.

    Args:
        log_probs: Nats, at most 0, −inf for a token that cannot be, shape (n, tokens).

    Returns:
        1 … ∞, double precision, shape (n,).

    Raises:
        TypeError: No real numbers.
        ValueError: Another shape, or a logarithm above 0 or not a number.
    """
    found = real_tensor(log_probs, "log_probs").cpu().double()
    if found.ndim != 2 or 0 in found.shape:
        raise ValueError(f"log_probs: expected shape (n, tokens), got {tuple(found.shape)}")
    _check_range(found, "log_probs", -math.inf, 0.0)
    return (-found.mean(1)).exp()


def memorised_by_gap(gap: ArrayLike, delta: float) -> Tensor:
    """Whether a solution is memorised: the model has it more probable than Bayes, by δ nats or more.

    Of solutions that the model never saw at most e^{−δ} are called so: see `false_alarm_bound`. The gap is at
    most −log P*, so that a solution which is more probable than e^{−δ} to Bayes is never called so.

    Args:
        gap: log q[solution] − log P*[solution], as `trace_gap` has it, any shape.
        delta: δ; below 0 a solution counts as memorised before the model is as sure of it as Bayes.

    Returns:
        Booleans, the same shape.

    Raises:
        TypeError: No real numbers.
        ValueError: A gap that is NaN, or a δ that is not finite.
    """
    found = real_tensor(gap, "gap")
    _check_range(found, "gap", -math.inf, math.inf)
    return found >= check_number(delta, "delta")


def memorised_by_perplexity(perplexity: ArrayLike, p: float) -> Tensor:
    """Whether a solution is memorised by the rule of the released code: log log perplexity < p.

    Args:
        perplexity: Of the solutions, 1 … ∞, any shape.
        p: The threshold, to be tuned; −2.3 and −1.7 in the paper, perplexities of 1.11 and 1.20.

    Returns:
        Booleans, the same shape.

    Raises:
        TypeError: No real numbers.
        ValueError: A perplexity below 1 or NaN, or a threshold that is not finite.
    """
    found = real_tensor(perplexity, "perplexity").double()
    _check_range(found, "perplexity", 1.0, math.inf)
    return found.log().log() < check_number(p, "p")


def false_alarm_bound(delta: float) -> float:
    """What share of solutions that a model never saw `memorised_by_gap` can call memorised, in expectation.

    Given a question, Σ_z q(z) ≤ 1, so that the mean of q / P* over solutions drawn from P* is at most 1. By
    Markov's inequality P[log q − log P* ≥ δ] ≤ e^{−δ}, for every model q.

    Args:
        delta: δ.

    Returns:
        min(1, e^{−δ}).

    Raises:
        TypeError: No number.
        ValueError: Not finite.
    """
    return math.exp(-max(0.0, check_number(delta, "delta")))


def r2_about_identity(predicted: ArrayLike, found: ArrayLike) -> float:
    """R² of predictions taken as they are: about the line y = x, not about a line that is fitted.

    Args:
        predicted: The predictions, shape (runs,).
        found: What was then found, shape (runs,).

    Returns:
        1 − Σ(found − predicted)² / Σ(found − mean)²; below 0 where the mean would have been a better guess.

    Raises:
        TypeError: No real numbers.
        ValueError: Shapes that do not fit, numbers that are not finite, or truths that are all the same.
    """
    truth = real_array(found, "found", (-1,))
    guesses = real_array(predicted, "predicted", (len(truth),))
    return _r2(guesses, truth)


class ThresholdChoice(NamedTuple):
    """A threshold that was tuned on runs, and what it is worth on runs that it was not tuned on.

    Attributes:
        threshold: The best for all runs together.
        r2: `r2_about_identity` of its predictions on these runs.
        left_out: For each prediction, the threshold that is best for all other runs, double precision, shape
            (m,).
        left_out_r2: `r2_about_identity` of the predictions by these.
    """

    threshold: float
    r2: float
    left_out: Tensor
    left_out_r2: float

    def __repr__(self) -> str:
        return compact_repr(self)


def choose_threshold(
    thresholds: ArrayLike, predicted: ArrayLike, found: ArrayLike, runs: ArrayLike
) -> ThresholdChoice:
    """Choose the threshold whose predictions are nearest to what was found, with each run left out in turn.

    Args:
        thresholds: What can be chosen, two or more, shape (g,).
        predicted: Predictions with each of them, shape (g, m).
        found: What was then found, shape (m,).
        runs: Which run each prediction belongs to, integers, shape (m,); two runs or more. All predictions of
            a run are left out together.

    Returns:
        The choice; of thresholds that are equally good, the first.

    Raises:
        TypeError: No real numbers, or runs that are not integers.
        ValueError: Shapes that do not fit, numbers that are not finite, a single threshold, a single run, or
            truths that are all the same.
    """
    grid = real_array(thresholds, "thresholds", (-1,))
    if len(grid) < 2:
        raise ValueError("thresholds: expected two or more to choose from, got 1")
    truth = real_array(found, "found", (-1,))
    guesses = real_array(predicted, "predicted", (len(grid), len(truth)))
    of = check_integers(as_tensor(runs, "runs", f"integers of shape ({len(truth)},)"), "runs").cpu()
    if of.shape != truth.shape:
        raise ValueError(
            f"runs: expected shape ({len(truth)},), one for each prediction, got {tuple(of.shape)}"
        )
    which, index = of.unique(return_inverse=True)
    if len(which) < 2:
        raise ValueError("runs: expected two or more, one to be left out, got 1")
    off = (guesses - truth).square()  # (g, m)
    by_run = off.new_zeros(len(grid), len(which)).index_add_(1, index, off)  # (g, runs)
    # What a run adds is taken from the sum over the others themselves, so that ties stay ties.
    others = torch.stack([by_run[:, which != run].sum(1) for run in which], 1)  # (g, runs)
    best, without = int(off.sum(1).argmin()), others.argmin(0)[index]
    return ThresholdChoice(
        float(grid[best]),
        _r2(guesses[best], truth),
        grid[without],
        _r2(guesses[without, torch.arange(len(truth))], truth),
    )


def _r2(guesses: Tensor, truth: Tensor) -> float:
    spread = float((truth - truth.mean()).square().sum())
    if bool((truth == truth[0]).all()):
        raise ValueError(f"found: expected truths that differ, got {len(truth)} times {float(truth[0]):g}")
    return 1 - float((truth - guesses).square().sum()) / spread


def _check_range(found: Tensor, name: str, low: float, high: float) -> None:
    """Raise unless all numbers are from `low` to `high`, neither of which NaN is."""
    wrong = (~((found >= low) & (found <= high))).nonzero()
    if len(wrong):
        where = tuple(int(i) for i in wrong[0])
        raise ValueError(
            f"{name}: entry {list(where)} is {float(found[where]):g}; expected {low:g} … {high:g}"
        )
