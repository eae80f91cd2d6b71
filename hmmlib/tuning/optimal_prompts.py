"""The best soft prompt by log-loss, each prompt being judged by the best head for it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from typing import NamedTuple, Protocol

import numpy as np
import scipy
import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_positive_int
from hmmlib._display import compact_repr, fields_html
from hmmlib._random import drawing_generator
from hmmlib._texts import check_tokens
from hmmlib.heads import LinearHead, logistic_head
from hmmlib.heads.logistic import check_binary_labels, check_penalty, minimise_log_loss, whitening_map
from hmmlib.lm import MaskedLM, check_sees_others
from hmmlib.lm._modules import frozen
from hmmlib.lm._unchecked import at_blank
from hmmlib.tuning._prompt_parameters import ExactPrompts, Prompts, parametrisation

# Largest derivative, and relative fall of the loss in a step, at which a search ends.
_GRADIENT_TOLERANCE = 1e-7
_LOSS_TOLERANCE = 1e-11
# Texts whose gradients are in memory at once.
_PIECE = 256


class OptimalPrompt(NamedTuple):
    """A prompt and a head, fitted together.

    Attributes:
        prompt: The vectors u_1 … u_k, shape (k, embedding_dim); in an exact model each is non-negative and
            its largest entry is one.
        head: The best head for that prompt.
        loss: Mean log-loss on the texts fitted, in nats, without the penalty.
        accuracy: Share of the labels fitted that come out right.
        losses: The mean log-loss that each start led to; the smallest is that of `prompt`.
        converged: Whether the search that found `prompt`, and that for its head, came to rest.
    """

    prompt: Tensor
    head: LinearHead
    loss: float
    accuracy: float
    losses: tuple[float, ...]
    converged: bool

    def __repr__(self) -> str:
        return compact_repr(self)

    def _repr_html_(self) -> str:
        return fields_html(self)


def optimal_prompt(
    lm: MaskedLM,
    tokens: ArrayLike,
    labels: ArrayLike,
    *,
    n_prompt: int = 1,
    starts: int = 5,
    generator: int | np.random.RandomState,
    l2: float = 1e-8,
    max_iterations: int = 1000,
) -> OptimalPrompt:
    """Fit a soft prompt and a linear head together, to convergence (the setting of Section 3.1).

    Minimises the mean log-loss of the labels, plus l2/2 times the mean square of the head's values, over
    prompts u_1 … u_k and heads b that read Ḡ at the blank of (u_1, …, u_k, ∅, x). For any prompt the best
    head is a logistic regression, solved anew each time (`hmmlib.heads.logistic_head`). What is left is a
    function of the prompt alone, whose gradient is the partial one at the best head, and L-BFGS minimises
    it. (A step in both at once would have to suit the prompt's log-weights, of size 1, and a head's weights,
    of size 1e10.)

    This function has many local minima and plateaus, hence several starts: first the neutral prompt, the
    blank's own embedding, then random ones around it.

    In an exact model a prompt is non-negative, so its logarithm is what varies; a state is switched off in
    the limit only, which comes down to rounding. Texts enter through P[x | H_∅] alone, which is computed
    once, and the prompt through ρ, the distribution that it turns the prior under the blank into. Any other
    model is run on all texts at every step, some of them at a time.

    Args:
        lm: The frozen language model.
        tokens: Texts x, integers 0 … V − 1, shape (n, time).
        labels: 0 or 1, integers, shape (n,).
        n_prompt: Number k of prompt vectors, ≥ 1.
        starts: Number of starts, ≥ 1.
        generator: Seed of the random starts, or a numpy RandomState (advanced).
        l2: Weight of the penalty, ≥ 0.
        max_iterations: Of L-BFGS from each start, ≥ 1.

    Returns:
        The best of all starts.

    Raises:
        TypeError: Not a language model, tokens or labels that are not integers, or a generator of another
            kind.
        ValueError: Shapes that do not fit, a token out of range, a label that is neither 0 nor 1, a number
            too small, a seed beyond 32 bits, a text that the model cannot produce after the neutral prompt,
            or a causal model.
    """
    if not isinstance(lm, MaskedLM):
        raise TypeError(f"lm: expected a MaskedLM, got {type(lm).__name__}")
    check_sees_others(lm, "a head at the blank before a text")
    texts = check_tokens(tokens, lm.n_tokens, advice="")
    classes = check_binary_labels(labels, len(texts))
    n_prompt = check_positive_int(n_prompt, "n_prompt")
    starts = check_positive_int(starts, "starts")
    max_iterations = check_positive_int(max_iterations, "max_iterations")
    l2 = check_penalty(l2)
    random = drawing_generator(generator)
    truth = classes.numpy(force=True)
    best, losses = None, []
    with frozen(lm):
        prompts = parametrisation(lm)
        shown = (
            _ClosedForm(prompts, texts, n_prompt)
            if isinstance(prompts, ExactPrompts)
            else _ByPasses(prompts, texts, n_prompt)
        )
        limits = None if prompts.limit is None else scipy.optimize.Bounds(-prompts.limit, prompts.limit)
        for start in _starts(prompts, n_prompt, starts, random):
            objective = _Objective(shown, truth, l2)
            found = scipy.optimize.minimize(
                objective,
                start,
                jac=True,
                method="L-BFGS-B",
                bounds=limits,
                options={
                    "maxiter": max_iterations,
                    "maxfun": 10 * max_iterations,
                    "maxcor": 20,
                    "gtol": _GRADIENT_TOLERANCE,
                    "ftol": _LOSS_TOLERANCE,
                },
            )
            losses.append(objective.log_loss(found.x))
            if best is None or losses[-1] < best[0]:
                best = losses[-1], found
        assert best is not None
        # Fitted and scored once more on what the model itself shows.
        with torch.no_grad():
            prompt = prompts.prompt(shown.theta(best[1].x))
            fit = logistic_head(at_blank(lm, texts, prompt), classes, l2=l2)
    return OptimalPrompt(
        prompt, fit.head, fit.loss, fit.accuracy, tuple(losses), bool(best[1].success) and fit.converged
    )


def _starts(
    prompts: Prompts, n_prompt: int, count: int, random: np.random.RandomState
) -> Iterator[np.ndarray]:
    """Flat parameters to start from: the neutral prompt's, then random ones around them."""
    neutral = prompts.neutral(n_prompt).double().numpy(force=True)
    yield neutral.reshape(-1)
    for spread in islice(cycle(prompts.spreads), count - 1):
        yield (neutral + spread * random.randn(*neutral.shape)).reshape(-1)


class _Features(Protocol):
    """What a model shows at the blanks of some texts, as a function of a prompt's flat parameters θ."""

    def features(self, theta: np.ndarray) -> np.ndarray | None:
        """Ḡ at the blank, shape (n, V), or None where a text becomes impossible."""
        ...

    def pull_back(self, theta: np.ndarray, slopes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The gradient of Σ_i slopes_i · weightsᵀḠ_i in θ, at the θ that `features` was last called for."""
        ...


class _Objective:
    """The smallest penalised loss that a head reaches, and its gradient, as a function of θ."""

    def __init__(self, shown: _Features, labels: np.ndarray, l2: float) -> None:
        self.shown, self.labels, self.l2 = shown, labels, l2
        self.weights: np.ndarray | None = None  # of the last head

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        features = self.shown.features(theta)
        if features is None:
            # As with no head at all, hence no better than where the step began: it is taken back.
            return float(np.log(2)), np.zeros_like(theta)
        values = self._best_values(features, self.weights)
        signs = 2 * self.labels - 1
        loss = np.logaddexp(0, -signs * values).mean() + self.l2 / 2 * np.square(values).mean()
        slopes = (-signs * scipy.special.expit(-signs * values) + self.l2 * values) / len(values)
        assert self.weights is not None
        return float(loss), self.shown.pull_back(theta, slopes, self.weights)

    def log_loss(self, theta: np.ndarray) -> float:
        """The mean log-loss of the best head, without the penalty."""
        features = self.shown.features(theta)
        assert features is not None
        values = self._best_values(features, None)
        return float(np.logaddexp(0, (1 - 2 * self.labels) * values).mean())

    def _best_values(self, features: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        """Values of the best head, which is kept; the search for it starts from the given one."""
        whitening = whitening_map(features)
        whitened = features @ whitening
        # As close to the values of the given head as a head can now come.
        start = None if weights is None else whitened.T @ (features @ weights) / len(features)
        found, _ = minimise_log_loss(whitened, self.labels, self.l2, start=start)
        self.weights = whitening @ found
        return np.asarray(whitened @ found)


class _ClosedForm:
    """An exact model's features, by `ExactPrompts`: its formula and, written out, the formula's gradient."""

    def __init__(self, prompts: ExactPrompts, texts: Tensor, n_prompt: int) -> None:
        self.prompts = prompts
        self.shape = prompts.neutral(n_prompt).shape
        self.emission = prompts.emission.numpy(force=True)
        self.known_to = np.float32 if prompts.chain.initial.dtype == torch.float32 else np.float64
        self.likelihood = prompts.likelihood(texts).numpy(force=True)
        self.evidence = self.likelihood @ self._prior(np.zeros(self.shape)).numpy(force=True)
        impossible = np.flatnonzero(self.evidence == 0)
        if len(impossible):
            raise ValueError(
                f"tokens: sequence {impossible[0]} has probability 0 after {n_prompt} neutral prompt "
                "vectors; expected a text that the model can produce there"
            )

    def theta(self, flat: np.ndarray) -> Tensor:
        """The parameters as a tensor."""
        return torch.from_numpy(flat).view(self.shape).to(self.prompts.emission.device)

    def features(self, theta: np.ndarray) -> np.ndarray | None:
        prior = self._prior(theta).numpy(force=True)
        self.evidence = self.likelihood @ prior
        if self.evidence.min() < np.finfo(np.float64).tiny:
            return None
        shown: np.ndarray = (self.likelihood * prior) @ self.emission / self.evidence[:, None]
        return shown.astype(self.known_to)

    def pull_back(self, theta: np.ndarray, slopes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        parameters = self.theta(theta).clone().requires_grad_()
        prior = self.prompts.prior(parameters)
        # The value of text i is Σ_h c_h ρ_h L_ih / Σ_h ρ_h L_ih, with c = Wᵀb.
        levels = self.emission @ weights
        values = self.likelihood @ (levels * prior.numpy(force=True)) / self.evidence
        each = slopes / self.evidence
        gradient = levels * (each @ self.likelihood) - (each * values) @ self.likelihood
        (found,) = torch.autograd.grad(prior, parameters, torch.from_numpy(gradient).to(prior))
        return found.reshape(-1).numpy(force=True)

    def _prior(self, theta: np.ndarray) -> Tensor:
        return self.prompts.prior(self.theta(theta))


class _ByPasses:
    """Any language model's features, by running it on all texts."""

    def __init__(self, prompts: Prompts, texts: Tensor, n_prompt: int) -> None:
        self.shape = prompts.neutral(n_prompt).shape
        self.probs = prompts.probs(texts)
        self.rows = torch.arange(len(texts), device="cpu")

    def theta(self, flat: np.ndarray) -> Tensor:
        """The parameters as a tensor."""
        return torch.from_numpy(flat).view(self.shape)

    def features(self, theta: np.ndarray) -> np.ndarray | None:
        with torch.no_grad():
            return self.probs(self.rows, self.theta(theta)).numpy(force=True)

    def pull_back(self, theta: np.ndarray, slopes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        parameters = self.theta(theta).clone().requires_grad_()
        gradient = torch.zeros_like(parameters)
        starts = torch.from_numpy(np.outer(slopes, weights)).split(_PIECE)
        for rows, start in zip(self.rows.split(_PIECE), starts, strict=True):
            shown = self.probs(rows, parameters)
            # Of the prompt only: the model's own parameters, if it has any, are left alone.
            gradient += torch.autograd.grad(shown, parameters, start.to(shown))[0]
        return gradient.reshape(-1).numpy()
