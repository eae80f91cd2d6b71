"""What a model shows at the blank after a soft prompt, as a function of the prompt's free parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from hmmlib._random import step_generator
from hmmlib.lm import ExactMaskedLM, MaskedLM, blank_laws, blank_probs
from hmmlib.tuning._prompted_chain import blank_likelihood, prompt_steps
from hmmlib.tuning.recipe import TuningRecipe

# Random log-weights of states: posteriors vary over orders of magnitude.
_LOG_WEIGHT_SPREAD = 3.0
# Log-weights start within this, zero being out of their reach.
_SMALLEST_LOG_WEIGHT = -150.0

# The laws of some of the texts, which are given by their rows, for given parameters.
Laws = Callable[[Tensor, Tensor], Tensor]


class Prompts(Protocol):
    """Prompts by free parameters θ, shape (k, embedding_dim)."""

    def start(self, recipe: TuningRecipe, number: int) -> Tensor:
        """Parameters to start from; the number says which start."""
        ...

    def parameters(self, prompt: Tensor) -> Tensor:
        """The parameters of a given prompt."""
        ...

    def prompt(self, theta: Tensor) -> Tensor:
        """The prompt."""
        ...

    def laws(self, texts: Tensor) -> Laws:
        """What is shown at the blanks of texts."""
        ...


class FreePrompts:
    """Prompts of any language model, by their own entries.

    Args:
        lm: The model.
    """

    def __init__(self, lm: MaskedLM) -> None:
        self.lm = lm
        with torch.no_grad():
            self.embeddings = lm.embed(torch.tensor([[*range(lm.n_tokens), lm.mask_token]], device="cpu"))[0]
        if self.embeddings.dtype != torch.float64:
            self.embeddings = self.embeddings.float()

    def start(self, recipe: TuningRecipe, number: int) -> Tensor:
        words, blank = self.embeddings[:-1], self.embeddings[-1]
        random = step_generator(torch.device("cpu"), recipe.seed, 1, number)
        if recipe.prompt_init == "tokens":
            chosen = torch.randint(len(words), (recipe.n_prompt,), generator=random, device="cpu")
            return words[chosen.to(words.device)]
        if recipe.prompt_init == "blank":
            return blank.repeat(recipe.n_prompt, 1)
        shape = (recipe.n_prompt, len(blank))
        noise = torch.randn(shape, generator=random, dtype=torch.float64, device="cpu").to(words)
        return words.mean(0) + words.std(correction=0) * noise

    def parameters(self, prompt: Tensor) -> Tensor:
        return prompt.detach().to(self.embeddings, copy=True)

    def prompt(self, theta: Tensor) -> Tensor:
        return theta

    def laws(self, texts: Tensor) -> Laws:
        def shown(rows: Tensor, theta: Tensor) -> Tensor:
            some = texts[rows.to(texts.device)]
            # Without gradients, all texts may be asked for.
            ask = blank_probs if theta.requires_grad else blank_laws
            return ask(self.lm, some, theta)

        return shown


class ExactPrompts:
    """Prompts of an exact model, non-negative, by the logarithms of their entries.

    With L_ih = P[x_i | H_∅ = h], the model shows Ḡ_i = W(ρ ⊙ L_i)/ρᵀL_i, where ρ is the law of the state
    under the blank once the prompt has re-weighted the states before it. So texts enter through L alone,
    which is computed once.

    Args:
        lm: The model.
    """

    def __init__(self, lm: ExactMaskedLM) -> None:
        self.lm, self.chain = lm, lm.model.chain

    def start(self, recipe: TuningRecipe, number: int) -> Tensor:
        emission = self.chain.emission
        random = step_generator(torch.device("cpu"), recipe.seed, 1, number)
        if recipe.prompt_init == "tokens":
            words = torch.randint(self.lm.n_tokens, (recipe.n_prompt,), generator=random, device="cpu")
            return self.parameters(emission.T[words.to(emission.device)])
        shape = (recipe.n_prompt, len(emission))
        if recipe.prompt_init == "blank":
            return torch.zeros(shape, dtype=torch.float64, device=emission.device)
        noise = torch.randn(shape, generator=random, dtype=torch.float64, device="cpu")
        return _LOG_WEIGHT_SPREAD * noise.to(emission.device)

    def parameters(self, prompt: Tensor) -> Tensor:
        prompt = prompt.detach().to(self.chain.emission.device, torch.float64)
        largest = prompt.amax(1, keepdim=True)
        bad = (~torch.isfinite(prompt) | (prompt < 0) | (largest <= 0)).nonzero()
        if len(bad):
            row, entry = (int(i) for i in bad[0])
            raise ValueError(
                f"start: vector {row}, entry {entry} is {float(prompt[row, entry]):g}; expected finite "
                "numbers >= 0, not all zero"
            )
        return (prompt / largest).log().clamp(min=_SMALLEST_LOG_WEIGHT)

    def prompt(self, theta: Tensor) -> Tensor:
        return torch.stack([vector for vector, _ in self._steps(theta)]).to(self.chain.emission)

    def laws(self, texts: Tensor) -> Laws:
        emission = self.chain.flat_emission.double()
        likelihood = blank_likelihood(self.chain, texts.to(emission.device))

        def shown(rows: Tensor, theta: Tensor) -> Tensor:
            *_, (_, law) = self._steps(theta)
            weights = likelihood[rows.to(likelihood.device)] * law.flatten()
            evidence = weights.sum(1, keepdim=True)
            impossible = (evidence.flatten() == 0).nonzero()
            if len(impossible):
                row = int(rows[int(impossible[0])])
                raise ValueError(
                    f"data: text {row} has probability 0 after the prompt; expected one that the model can "
                    "produce there, or lower learning_rates"
                )
            return weights @ emission / evidence

        return shown

    def _steps(self, theta: Tensor) -> list[tuple[Tensor, Tensor]]:
        chain = self.chain
        return list(prompt_steps(chain.initial.double(), chain.transition.double(), chain.columns, theta))
