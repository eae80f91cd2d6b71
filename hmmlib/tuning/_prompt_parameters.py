"""Soft prompts by free parameters θ, and what a model shows at the blank after them, as a function of θ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from hmmlib._random import step_generator
from hmmlib.hmm import Chain, blank_posterior
from hmmlib.lm import ExactMaskedLM, MaskedLM, RememberedLM
from hmmlib.lm._unchecked import at_blank
from hmmlib.tuning.recipe import TuningRecipe

# Spreads of random log-weights of states: posteriors vary over orders of magnitude. Where texts give the
# state away, the neutral prompt lies on a plateau that only the larger one leaves.
_LOG_WEIGHT_SPREADS = (3.0, 10.0)
# Log-weights stay within this, so that the rarest state still counts in double precision.
_LARGEST_LOG_WEIGHT = 150.0

# The distributions of some of the texts, which are given by their rows, for given parameters.
TokenProbs = Callable[[Tensor, Tensor], Tensor]


class Prompts(Protocol):
    """Prompts by free parameters θ, shape (k, embedding_dim).

    Attributes:
        spreads: Of random parameters around the neutral ones, to be tried in turn.
        limit: The largest size of a parameter; None if there is none.
    """

    spreads: tuple[float, ...]
    limit: float | None

    def neutral(self, n_prompt: int) -> Tensor:
        """The parameters of blanks, which say nothing."""
        ...

    def start(self, recipe: TuningRecipe, number: int) -> Tensor:
        """Parameters to start from; the number says which start."""
        ...

    def parameters(self, prompt: Tensor) -> Tensor:
        """The parameters of a given prompt."""
        ...

    def prompt(self, theta: Tensor) -> Tensor:
        """The prompt."""
        ...

    def probs(self, texts: Tensor) -> TokenProbs:
        """What is shown at the blanks of texts, which are taken as checked."""
        ...


def parametrisation(lm: MaskedLM) -> Prompts:
    """How the prompts of a model are parametrised.

    Args:
        lm: The model; frozen, for as long as the prompts are used.

    Returns:
        `ExactPrompts` or `FreePrompts`.
    """
    # While a prompt is searched for, nothing is asked twice.
    lm = lm.model if isinstance(lm, RememberedLM) else lm
    return ExactPrompts(lm) if isinstance(lm, ExactMaskedLM) else FreePrompts(lm)


class FreePrompts:
    """Prompts of any language model, by their own entries.

    Args:
        lm: The model.
    """

    limit: float | None = None

    def __init__(self, lm: MaskedLM) -> None:
        self.lm = lm
        with torch.no_grad():
            self.embeddings = lm.embed(torch.tensor([[*range(lm.n_tokens), lm.mask_token]], device="cpu"))[0]
        if self.embeddings.dtype != torch.float64:
            self.embeddings = self.embeddings.float()
        self.spreads: tuple[float, ...] = (float(self.embeddings[:-1].double().std(correction=0)),)

    def neutral(self, n_prompt: int) -> Tensor:
        return self.embeddings[-1].repeat(n_prompt, 1)

    def start(self, recipe: TuningRecipe, number: int) -> Tensor:
        words = self.embeddings[:-1]
        random = step_generator(torch.device("cpu"), recipe.seed, 1, number)
        if recipe.prompt_init == "tokens":
            chosen = torch.randint(len(words), (recipe.n_prompt,), generator=random, device="cpu")
            return words[chosen.to(words.device)]
        if recipe.prompt_init == "blank":
            return self.neutral(recipe.n_prompt)
        shape = (recipe.n_prompt, words.shape[1])
        noise = torch.randn(shape, generator=random, dtype=torch.float64, device="cpu").to(words)
        return words.mean(0) + words.std(correction=0) * noise

    def parameters(self, prompt: Tensor) -> Tensor:
        return prompt.detach().to(self.embeddings, copy=True)

    def prompt(self, theta: Tensor) -> Tensor:
        return theta

    def probs(self, texts: Tensor) -> TokenProbs:
        return lambda rows, theta: at_blank(self.lm, texts[rows.to(texts.device)], theta)


class ExactPrompts:
    """Prompts of an exact model, non-negative, by the logarithms of their entries.

    With L_ih = P[x_i | H_∅ = h], the model shows Ḡ_i = W(ρ ⊙ L_i)/ρᵀL_i, where ρ is the distribution of
    the state under the blank once the prompt has re-weighted the states before it. So texts enter through L
    alone, which is computed once. With a memory, h is the flat state.

    Args:
        lm: The model.
    """

    spreads: tuple[float, ...] = _LOG_WEIGHT_SPREADS
    limit: float | None = _LARGEST_LOG_WEIGHT

    def __init__(self, lm: ExactMaskedLM) -> None:
        self.lm, self.chain = lm, lm.model.chain
        self.initial, self.transition = self.chain.initial.double(), self.chain.transition.double()
        self.emission = self.chain.flat_emission.double()

    def neutral(self, n_prompt: int) -> Tensor:
        return self.emission.new_zeros(n_prompt, self.lm.embedding_dim)

    def start(self, recipe: TuningRecipe, number: int) -> Tensor:
        neutral = self.neutral(recipe.n_prompt)
        random = step_generator(torch.device("cpu"), recipe.seed, 1, number)
        if recipe.prompt_init == "tokens":
            words = torch.randint(self.lm.n_tokens, (recipe.n_prompt,), generator=random, device="cpu")
            return self.parameters(self.chain.emission.T[words.to(neutral.device)])
        if recipe.prompt_init == "blank":
            return neutral
        noise = torch.randn(neutral.shape, generator=random, dtype=torch.float64, device="cpu")
        return self.spreads[0] * noise.to(neutral)

    def parameters(self, prompt: Tensor) -> Tensor:
        prompt = prompt.detach().to(self.emission)
        largest = prompt.amax(1, keepdim=True)
        bad = (~torch.isfinite(prompt) | (prompt < 0) | (largest <= 0)).nonzero()
        if len(bad):
            row, entry = (int(i) for i in bad[0])
            raise ValueError(
                f"start: vector {row}, entry {entry} is {float(prompt[row, entry]):g}; expected finite "
                "numbers >= 0, not all zero"
            )
        return (prompt / largest).log().clamp(min=-_LARGEST_LOG_WEIGHT)

    def prompt(self, theta: Tensor) -> Tensor:
        return torch.stack([vector for vector, _ in self._steps(theta)]).to(self.chain.emission)

    def prior(self, theta: Tensor) -> Tensor:
        """ρ = A diag(u_k) … A diag(u_1) π₀ of the flat states, summing to one, shape (K·C,)."""
        *_, (_, distribution) = self._steps(theta)
        return distribution.flatten()

    def likelihood(self, texts: Tensor) -> Tensor:
        """L up to a factor for each text, the largest of each being one, shape (n, K·C)."""
        found = blank_likelihood(self.chain, texts.to(self.emission.device))
        return found / found.amax(1, keepdim=True)

    def probs(self, texts: Tensor) -> TokenProbs:
        likelihood = self.likelihood(texts)

        def shown(rows: Tensor, theta: Tensor) -> Tensor:
            weights = likelihood[rows.to(likelihood.device)] * self.prior(theta)
            evidence = weights.sum(1, keepdim=True)
            impossible = (evidence.flatten() == 0).nonzero()
            if len(impossible):
                row = int(rows[int(impossible[0])])
                raise ValueError(
                    f"data: text {row} has probability 0 after the prompt; expected one that the model can "
                    "produce there, or lower learning_rates"
                )
            return weights @ self.emission / evidence

        return shown

    def _steps(self, theta: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Each prompt vector u_j, and the distribution of content and chain state one step later.

        A vector's largest entry is one; its shape is (E,), that of the distribution (K, C).
        """
        columns, distribution = self.chain.columns, self.initial
        for row in theta:
            # A state that cannot be there has no say, not even in the scale.
            there = torch.zeros_like(row, dtype=torch.bool)
            there[columns[distribution > 0]] = True
            row = torch.where(there, row, -torch.inf)
            vector = (row - row.amax().detach()).exp()
            distribution = distribution * vector[columns]
            distribution = (distribution / distribution.sum()) @ self.transition
            yield vector, distribution


class _ChainOnly(NamedTuple):
    """A model that is nothing but its chain."""

    chain: Chain


def blank_likelihood(chain: Chain, texts: Tensor) -> Tensor:
    """P[x | H_∅], up to a factor for each text.

    Args:
        chain: The model.
        texts: Integers 0 … V − 1, shape (n, time).

    Returns:
        In double precision, each text's summing to one, shape (n, K·C).
    """
    # Up to a factor for each text, a likelihood is the posterior under the uniform distribution.
    uniform = torch.full_like(chain.initial, 1 / chain.n_states)
    return blank_posterior(_ChainOnly(replace(chain, initial=uniform)), texts).double()
