"""Baum–Welch: expected counts, and HMMs fitted to texts by them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, as_tensor, check_device, check_positive, check_positive_int
from hmmlib._display import in_lines
from hmmlib._random import drawing_generator
from hmmlib._texts import check_text_shape, check_tokens
from hmmlib.hmm._counts import ExpectedCounts, Texts
from hmmlib.hmm._evidence import positions_read
from hmmlib.hmm.vanilla import HMM


def expected_counts(
    model: HMM, tokens: ArrayLike, *, observed: ArrayLike | None = None, lengths: ArrayLike | None = None
) -> ExpectedCounts:
    """Expected numbers of starts, transitions and emissions given texts: the E-step of Baum and Welch.

    For evidence that is no table of tokens, `log_likelihood` has them: ``initial * initial.grad`` and
    ``transition * transition.grad``, with the smoothed `posteriors_from_evidence` in place of emissions.

    Args:
        model: The HMM.
        tokens: Integers 0 … V − 1, shape (batch, time).
        observed: Booleans, shape (batch, time); False makes a position blank. All are observed by default.
        lengths: Length of each text, 1 … time, shape (batch,); all of them `time` by default.

    Returns:
        The counts, summed over the batch.

    Raises:
        TypeError: The model is no `HMM`; tokens or lengths that are not integers, a mask that is not boolean.
        ValueError: Wrong shapes, an empty batch, a token out of range, or a text that the model cannot
            produce; the message names the sequence and the position.
    """
    if not isinstance(model, HMM):
        raise TypeError(f"model: expected an HMM, got {type(model).__name__} (a MemoryHMM has flatten())")
    texts = Texts(tokens, observed, lengths, model.n_tokens, model.device)
    return texts.counts(model.initial, model.transition, model.emission)


@dataclass(frozen=True)
class HMMFit:
    """An HMM fitted to texts.

    Attributes:
        model: The HMM.
        log_likelihoods: log P[all texts] in nats under the model of the start and after each iteration, shape
            (n_iterations + 1,); the last is that of `model`.
        converged: Whether the last iteration gained less than the tolerance.
        of_starts: The last log-likelihood of each start, shape (starts,); `model` is of the best.
    """

    model: HMM
    log_likelihoods: Tensor
    converged: bool
    of_starts: Tensor

    @property
    def n_iterations(self) -> int:
        """Number of iterations of the start that was kept."""
        return len(self.log_likelihoods) - 1

    def __repr__(self) -> str:
        return in_lines(
            f"HMMFit({self.model!r}, log_likelihood={float(self.log_likelihoods[-1]):.6g}, "
            f"n_iterations={self.n_iterations}, converged={self.converged})"
        )


def fit_hmm(
    tokens: ArrayLike,
    n_states: int,
    *,
    generator: int | np.random.RandomState | None = None,
    initial_model: HMM | None = None,
    starts: int = 1,
    max_iterations: int = 200,
    tolerance: float = 1e-6,
    n_tokens: int | None = None,
    observed: ArrayLike | None = None,
    lengths: ArrayLike | None = None,
    device: str | torch.device | None = None,
) -> HMMFit:
    """Fit an HMM to texts by Baum and Welch's algorithm, expectation–maximisation.

    Each iteration counts starts, transitions and emissions as expected under the model, and takes their
    shares as the next model; the log-likelihood never falls. A probability of 0 stays 0. A state that the
    texts never visit keeps its row of the emission, one that they never leave its row of the transition.

    The likelihood has many local maxima, and several starts are worth their time.

    Example:
        >>> import torch
        >>> from hmmlib import HMM, fit_hmm, sample_tokens
        >>> truth = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])
        >>> texts = sample_tokens(truth, 200, 50, generator=0)
        >>> fit = fit_hmm(texts, 2, generator=0, starts=2)
        >>> fit.converged
        True
        >>> bool((fit.log_likelihoods.diff() > -1e-6).all())
        True
        >>> first = int(fit.model.emission[1, 0] > fit.model.emission[0, 0])  # states come in any order
        >>> bool(((fit.model.emission[first] - truth.emission[0]).abs() < 0.05).all())
        True

    Args:
        tokens: Integers 0 … V − 1, shape (batch, time). Entries that are blank or beyond the length are
            never read.
        n_states: Number H of hidden states.
        generator: Seed or numpy RandomState of the random starts; needed unless `initial_model` is given.
        initial_model: The model to begin with, in place of a random one; its number type and device are kept.
        starts: Number of random starts; the one that ends with the highest likelihood is kept. Every row of
            a random start is uniform over all distributions (Dirichlet, all ones).
        max_iterations: Iterations of each start, at most.
        tolerance: A start ends when an iteration gains less than this, in nats per token read.
        n_tokens: Size V of the vocabulary; one more than the largest token by default.
        observed: Booleans, shape (batch, time); False makes a position blank: its token is unknown.
        lengths: Length of each text, 1 … time, shape (batch,); all of them `time` by default.
        device: Where to compute; the CPU, or where `initial_model` lives, by default.

    Returns:
        The fit.

    Raises:
        TypeError: Tokens, lengths or sizes that are not integers, a mask that is not boolean, an
            `initial_model` that is no HMM, no generator where one is needed.
        ValueError: Wrong shapes, an empty batch, a token out of range, texts of blanks only, a size below 1,
            a model of another number of states or tokens, or a text that `initial_model` cannot produce.
    """
    n_states = check_positive_int(n_states, "n_states")
    starts = check_positive_int(starts, "starts")
    max_iterations = check_positive_int(max_iterations, "max_iterations")
    tolerance = check_positive(tolerance, "tolerance")
    if initial_model is not None:
        first = _checked_start(initial_model, n_states, n_tokens, starts, device)
        texts = Texts(tokens, observed, lengths, first.n_tokens, first.device)
        models = [first]
    else:
        if generator is None:
            raise TypeError("generator: expected a seed or RandomState, or an initial_model, got None")
        random, at = drawing_generator(generator), check_device(device)
        size = _vocabulary(tokens, observed, lengths) if n_tokens is None else n_tokens
        size = check_positive_int(size, "n_tokens")
        texts = Texts(tokens, observed, lengths, size, at)
        models = [_random_start(n_states, size, random, at) for _ in range(starts)]
    if texts.n_seen == 0:
        raise ValueError("observed: every position is blank; expected at least one token to read")
    fits = [_fit_from(model, texts, max_iterations, tolerance) for model in models]
    ends = torch.stack([log_likelihoods[-1] for _, log_likelihoods, _ in fits])
    model, log_likelihoods, converged = fits[int(ends.argmax())]
    return HMMFit(model, log_likelihoods, converged, ends)


def _fit_from(model: HMM, texts: Texts, max_iterations: int, tolerance: float) -> tuple[HMM, Tensor, bool]:
    """The model after so many iterations, the log-likelihoods (iterations + 1,), whether it converged."""
    parameters = (model.initial, model.transition, model.emission)
    reached, converged = [], False
    for iteration in range(max_iterations + 1):
        counts = texts.counts(*parameters)
        reached.append(counts.log_likelihood.sum())
        converged = iteration > 0 and float(reached[-1] - reached[-2]) < tolerance * texts.n_seen
        if converged or iteration == max_iterations:
            break
        initial, transition, emission = (
            _shares(count, old) for count, old in zip(counts[:3], parameters, strict=True)
        )
        parameters = (initial, transition, emission)
    return HMM(*parameters, device=model.device, dtype=model.dtype), torch.stack(reached), converged


def _shares(counts: Tensor, old: Tensor) -> Tensor:
    """Each row of counts as shares of its sum; the old row where there is nothing to share."""
    total = counts.sum(-1, keepdim=True)
    return torch.where(total >= torch.finfo(total.dtype).tiny, counts / total, old)


def _random_start(n_states: int, n_tokens: int, random: np.random.RandomState, at: torch.device) -> HMM:
    return HMM(
        random.dirichlet(np.ones(n_states)),
        random.dirichlet(np.ones(n_states), n_states),
        random.dirichlet(np.ones(n_tokens), n_states),
        device=at,
    )


def _checked_start(
    model: HMM, n_states: int, n_tokens: int | None, starts: int, device: str | torch.device | None
) -> HMM:
    if not isinstance(model, HMM):
        raise TypeError(f"initial_model: expected an HMM, got {type(model).__name__}")
    if model.n_states != n_states:
        raise ValueError(f"initial_model: expected n_states = {n_states} states, got {model.n_states}")
    if n_tokens is not None and model.n_tokens != n_tokens:
        raise ValueError(f"initial_model: expected n_tokens = {n_tokens} tokens, got {model.n_tokens}")
    if starts != 1:
        raise ValueError(f"starts: expected 1, as all would begin with initial_model, got {starts}")
    return model if device is None else model.to(device)


def _vocabulary(tokens: ArrayLike, observed: ArrayLike | None, lengths: ArrayLike | None) -> int:
    """One more than the largest token that is read."""
    found = as_tensor(tokens, "tokens", "integers of shape (batch, time)")
    batch, time = check_text_shape(found)
    read = positions_read((batch, time), observed, lengths, found.device)
    return int(check_tokens(found, 2**62, read).max()) + 1
