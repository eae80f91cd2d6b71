"""Which tokens a masked language model must predict, and what it sees in their place."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hmmlib._checks import check_fraction


@dataclass(frozen=True)
class Masking:
    """Choose tokens at random, each independently, and hide or corrupt them.

    A chosen token is predicted, whatever is shown in its place. BERT's rule (Devlin et al. 2019), which
    the paper's experiments use, is ``Masking(rate, blank=0.8, random=0.1)``.

    Attributes:
        rate: Probability that a token is chosen, above 0.
        blank: Share of the chosen tokens that the blank replaces.
        random: Share that a word drawn uniformly replaces, perhaps by itself. The rest are shown as they are.
    """

    rate: float = 0.15
    blank: float = 1.0
    random: float = 0.0

    def __post_init__(self) -> None:
        for name in ("rate", "blank", "random"):
            value = check_fraction(getattr(self, name), name, above_zero=name == "rate")
            object.__setattr__(self, name, value)
        if self.blank + self.random > 1 + 1e-12:
            raise ValueError(
                f"random: expected blank + random ≤ 1, got {self.blank} + {self.random} = "
                f"{self.blank + self.random}"
            )

    @property
    def context_noise(self) -> float:
        """Probability that a word that is seen was drawn at random, not by the HMM.

        Seen words are those not chosen, those shown as they are, and random ones. The best prediction under
        this masking treats every word as such a channel's output: see `noisy_evidence`.
        """
        seen = 1 - self.rate * self.blank
        # Where all that is seen is random, rounding may exceed one.
        return min(1.0, self.rate * self.random / seen) if seen > 0 else 0.0

    def apply(self, tokens: Tensor, n_tokens: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Choose tokens of a batch and hide or corrupt them; at least one is chosen.

        Args:
            tokens: Integers 0 … V − 1, shape (batch, time).
            n_tokens: V, which is also the blank.
            generator: Source of randomness, on the tokens' device.

        Returns:
            What the model sees (V for the blank), and which tokens were chosen (booleans), both of the
            shape of `tokens`.
        """
        draw = torch.rand(tokens.shape, dtype=torch.float32, device=tokens.device, generator=generator)
        # The smallest draw is chosen even where none falls below the rate.
        chosen = (draw < self.rate) | (draw == draw.min())
        if self.blank == 1:
            return tokens.masked_fill(chosen, n_tokens), chosen
        fate = torch.rand(tokens.shape, dtype=torch.float32, device=tokens.device, generator=generator)
        words = torch.randint(n_tokens, tokens.shape, device=tokens.device, generator=generator)
        seen = torch.where(chosen & (fate < self.blank + self.random), words, tokens)
        return seen.masked_fill(chosen & (fate < self.blank), n_tokens), chosen


def noisy_evidence(emission: Tensor, noise: float) -> Tensor:
    """Evidence of each word when it may have been drawn at random instead of by the HMM.

    Args:
        emission: ``emission[h, x]``, or one row per (value, cell, syntax state) of a memory model, shape
            (H, V).
        noise: Probability that a seen word is random, 0 … 1.

    Returns:
        ``(1 - noise) * emission + noise / V``, same shape.

    Raises:
        ValueError: The noise is no probability.
    """
    check_fraction(noise, "noise")
    return (1 - noise) * emission + noise / emission.shape[-1]
