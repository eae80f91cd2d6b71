"""The best soft prompt by log-loss, each prompt being judged by the best head for it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from typing import NamedTuple, Protocol

import numpy as np
import scipy
import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_positive_int, check_tokens
from hmmlib._display import compact_repr, fields_html
from hmmlib._random import drawing_generator
from hmmlib.heads import LinearHead, logistic_head
from hmmlib.heads.logistic import check_binary_labels, check_penalty, minimise_log_loss, whitening_map
from hmmlib.hmm import Chain
from hmmlib.lm import (
    ExactMaskedLM,
    MaskedLM,
    blank_probs,
    check_sees_others,
    prepend_mask,
    prepend_prompt,
)
from hmmlib.tuning._prompted_chain import blank_likelihood, prompt_steps

# Spreads of random starts, in turn. Weights of states are worth varying over orders of magnitude: posteriors
# do. Where texts give the state away, the neutral prompt lies on a plateau that only the larger one leaves.
_LOG_WEIGHT_SPREADS = (3.0, 10.0)
# Log-weights stay within this, so that the rarest state still counts in double precision.
_LARGEST_LOG_WEIGHT = 150.0
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
    restarts: int = 5,
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

    This function has many local minima and plateaus, hence the restarts. The first starts from the neutral
    prompt, the blank's own embedding; the others around it, at random.

    In an exact model a prompt is non-negative, so its logarithm is what varies; a state is switched off in
    the limit only, which comes down to rounding. Texts enter through P[x | H_∅] alone, which is computed
    once, and the prompt through ρ, the law that it turns the prior under the blank into. Any other model is
    run on all texts at every step, some of them at a time.

    Args:
        lm: The frozen language model.
        tokens: Texts x, integers 0 … V − 1, shape (n, time).
        labels: 0 or 1, integers, shape (n,).
        n_prompt: Number k of prompt vectors, ≥ 1.
        restarts: Number of starts, ≥ 1.
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
    restarts = check_positive_int(restarts, "restarts")
    max_iterations = check_positive_int(max_iterations, "max_iterations")
    l2 = check_penalty(l2)
    random = drawing_generator(generator)
    prompts: _Prompts
    if isinstance(lm, ExactMaskedLM):
        prompts = _ExactPrompts(lm.model.chain, texts, n_prompt)
    else:
        prompts = _AnyPrompts(lm, texts, n_prompt)
    truth = classes.numpy(force=True)
    best, losses = None, []
    for start in prompts.starts(random, restarts):
        objective = _Objective(prompts, truth, l2)
        found = scipy.optimize.minimize(
            objective,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=prompts.bounds(),
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
    prompt = prompts.prompt(torch.from_numpy(best[1].x))
    # Fitted and scored once more on what the model itself shows.
    with torch.no_grad():
        shown = torch.cat([blank_probs(lm, piece, prompt) for piece in texts.split(_PIECE)])
    fit = logistic_head(shown, classes, l2=l2)
    return OptimalPrompt(
        prompt, fit.head, fit.loss, fit.accuracy, tuple(losses), bool(best[1].success) and fit.converged
    )


class _Prompts(Protocol):
    """Prompts of one length for some texts, by free parameters θ, and what the model then shows."""

    def starts(self, random: np.random.RandomState, count: int) -> Iterator[np.ndarray]:
        """Parameters to start from, the neutral prompt's first."""
        ...

    def bounds(self) -> scipy.optimize.Bounds | None:
        """Limits of the parameters."""
        ...

    def prompt(self, theta: Tensor) -> Tensor:
        """The prompt, shape (k, embedding_dim)."""
        ...

    def features(self, theta: np.ndarray) -> np.ndarray | None:
        """Ḡ at the blank, shape (n, V), or None where a text becomes impossible."""
        ...

    def pull_back(self, theta: np.ndarray, slopes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The gradient of Σ_i slopes_i · weightsᵀḠ_i in θ, at the θ that `features` was last called for."""
        ...


class _Objective:
    """The smallest penalised loss that a head reaches, and its gradient, as a function of θ."""

    def __init__(self, prompts: _Prompts, labels: np.ndarray, l2: float) -> None:
        self.prompts, self.labels, self.l2 = prompts, labels, l2
        self.weights: np.ndarray | None = None  # of the last head

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        features = self.prompts.features(theta)
        if features is None:
            # As with no head at all, hence no better than where the step began: it is taken back.
            return float(np.log(2)), np.zeros_like(theta)
        values = self._best_values(features, self.weights)
        signs = 2 * self.labels - 1
        loss = np.logaddexp(0, -signs * values).mean() + self.l2 / 2 * np.square(values).mean()
        slopes = (-signs * scipy.special.expit(-signs * values) + self.l2 * values) / len(values)
        assert self.weights is not None
        return float(loss), self.prompts.pull_back(theta, slopes, self.weights)

    def log_loss(self, theta: np.ndarray) -> float:
        """The mean log-loss of the best head, without the penalty."""
        features = self.prompts.features(theta)
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


class _ExactPrompts:
    """Prompts of an exact model, by log-weights, shape (k, E).

    With L_ih = P[x_i | H_∅ = h], the model shows Ḡ_i = W(ρ ⊙ L_i)/ρᵀL_i, where ρ is the law of the state
    under the blank once the prompt has re-weighted the states before it. With a memory, h is the flat state.
    """

    def __init__(self, chain: Chain, texts: Tensor, n_prompt: int) -> None:
        self.shape = (n_prompt, len(chain.emission))
        self.columns = chain.columns.cpu()
        self.initial = chain.initial.cpu().double()
        self.transition = chain.transition.cpu().double()
        self.emission = chain.flat_emission.cpu().double().numpy()
        self.known_to = np.float32 if chain.initial.dtype == torch.float32 else np.float64
        self.likelihood = blank_likelihood(chain, texts).cpu().numpy()
        neutral = torch.zeros(self.shape, dtype=torch.float64, device="cpu")
        self.evidence = self.likelihood @ self._prior(neutral).numpy()
        impossible = np.flatnonzero(self.evidence == 0)
        if len(impossible):
            raise ValueError(
                f"tokens: sequence {impossible[0]} has probability 0 after {n_prompt} neutral prompt "
                "vectors; expected a text that the model can produce there"
            )

    def starts(self, random: np.random.RandomState, count: int) -> Iterator[np.ndarray]:
        yield np.zeros(self.shape).reshape(-1)
        for spread in islice(cycle(_LOG_WEIGHT_SPREADS), count - 1):
            yield spread * random.randn(*self.shape).reshape(-1)

    def bounds(self) -> scipy.optimize.Bounds:
        return scipy.optimize.Bounds(-_LARGEST_LOG_WEIGHT, _LARGEST_LOG_WEIGHT)

    def prompt(self, theta: Tensor) -> Tensor:
        return torch.stack([row for row, _ in self._steps(theta)])

    def features(self, theta: np.ndarray) -> np.ndarray | None:
        prior = self._prior(torch.from_numpy(theta)).numpy()
        self.evidence = self.likelihood @ prior
        if self.evidence.min() < np.finfo(np.float64).tiny:
            return None
        shown: np.ndarray = (self.likelihood * prior) @ self.emission / self.evidence[:, None]
        return shown.astype(self.known_to)

    def pull_back(self, theta: np.ndarray, slopes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        parameters = torch.tensor(theta, requires_grad=True, device="cpu")
        prior = self._prior(parameters)
        # The value of text i is Σ_h c_h ρ_h L_ih / Σ_h ρ_h L_ih, with c = Wᵀb.
        levels = self.emission @ weights
        values = self.likelihood @ (levels * prior.numpy(force=True)) / self.evidence
        each = slopes / self.evidence
        gradient = levels * (each @ self.likelihood) - (each * values) @ self.likelihood
        prior.backward(torch.from_numpy(gradient))
        assert parameters.grad is not None
        return parameters.grad.numpy()

    def _prior(self, theta: Tensor) -> Tensor:
        """ρ = A diag(u_k) … A diag(u_1) π₀, summing to one."""
        *_, (_, law) = self._steps(theta)
        return law.reshape(-1)

    def _steps(self, theta: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Each prompt vector u_j, and the law of content and chain state one step later."""
        return prompt_steps(self.initial, self.transition, self.columns, theta.view(self.shape))


class _AnyPrompts:
    """Prompts of any language model, by their own entries, shape (k, embedding_dim)."""

    def __init__(self, lm: MaskedLM, texts: Tensor, n_prompt: int) -> None:
        self.lm = lm
        self.pieces = prepend_mask(lm, texts).split(_PIECE)
        self.shape = (n_prompt, lm.embedding_dim)
        with torch.no_grad():
            words = lm.embed(torch.arange(lm.n_tokens, device=texts.device)[None])[0]
            blank = lm.embed(torch.full((1, 1), lm.mask_token, device=texts.device))[0]
        self.blank = blank.double().expand(self.shape).numpy(force=True)
        self.spread = float(words.double().std(correction=0))

    def starts(self, random: np.random.RandomState, count: int) -> Iterator[np.ndarray]:
        yield self.blank.reshape(-1)
        for _ in range(count - 1):
            yield (self.blank + self.spread * random.randn(*self.shape)).reshape(-1)

    def bounds(self) -> scipy.optimize.Bounds | None:
        return None

    def prompt(self, theta: Tensor) -> Tensor:
        return theta.view(self.shape)

    def features(self, theta: np.ndarray) -> np.ndarray | None:
        with torch.no_grad():
            prompt = self.prompt(torch.from_numpy(theta))
            return torch.cat([self._shown(prompt, piece) for piece in self.pieces]).numpy(force=True)

    def pull_back(self, theta: np.ndarray, slopes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        parameters = torch.tensor(theta, requires_grad=True, device="cpu")
        gradient = torch.zeros_like(parameters)
        starts = torch.from_numpy(np.outer(slopes, weights)).split(_PIECE)
        for piece, start in zip(self.pieces, starts, strict=True):
            shown = self._shown(self.prompt(parameters), piece)
            # Of the prompt only: the model's own parameters, if it has any, are left alone.
            gradient += torch.autograd.grad(shown, parameters, start.to(shown))[0]
        return gradient.numpy()

    def _shown(self, prompt: Tensor, piece: Tensor) -> Tensor:
        embeddings = prepend_prompt(prompt, self.lm.embed(piece))
        return self.lm.token_probs(embeddings)[:, self.shape[0]]
