"""How far a language model is from the conditionals that it should have learnt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor

from hmmlib._checks import check_positive_int
from hmmlib._display import card, compact_repr, facts, fields_html, in_lines
from hmmlib._random import step_generator
from hmmlib.hmm import HMM, LatentChainModel, MemoryHMM, posteriors, sample_tokens
from hmmlib.lm import Context, ExactCausalLM, MaskedLM, Masking, conditioned_on

# Texts whose distributions and states are in memory at once.
_PIECE = 128


@dataclass(frozen=True)
class HeldOut:
    """Texts with blanks, and the exact distribution of each token under a blank.

    For a causal model nothing is hidden: `masked` is where it is asked, everywhere, and the exact
    distribution of a token is that given the tokens before it.

    Attributes:
        tokens: The texts, int64, shape (batch, time).
        masked: Where the blanks are, booleans of the same shape; M in all.
        conditionals: Exact distribution of the token at each blank given the tokens that are seen, float64,
            shape (M, V), in the order of ``masked.nonzero()``.
        conditioned_on: 'others', or 'past' for causal models.
    """

    tokens: Tensor
    masked: Tensor
    conditionals: Tensor
    conditioned_on: Context = "others"

    __repr__ = compact_repr
    _repr_html_ = fields_html

    @property
    def answers(self) -> Tensor:
        """The tokens under the blanks, shape (M,)."""
        return self.tokens[self.masked]

    @property
    def surprise(self) -> Tensor:
        """−log of the exact probability of each token under a blank, nats, shape (M,)."""
        return -self.conditionals.gather(1, self.answers[:, None])[:, 0].log()

    @property
    def exact_cross_entropy(self) -> float:
        """Mean of `surprise`: the cross-entropy that the exact model has on these texts, nats.

        It is one sample of what `hmmlib.hmm.bayes_floor` is the expectation of.
        """
        return float(self.surprise.mean())


def draw_held_out(
    model: LatentChainModel,
    *,
    generator: int,
    n_texts: int = 512,
    length: int = 128,
    rate: float = 0.05,
    conditioned_on: Context = "others",
) -> HeldOut:
    """Draw texts, put blanks into them, and compute what an exact model predicts there.

    For causal models the texts are the same, and what is predicted is each token from those before it.

    Args:
        model: HMM or memory-augmented HMM.
        generator: Seed of texts and blanks.
        n_texts: Number of texts.
        length: Tokens in each.
        rate: Probability that a token is hidden, the paper's by default; not used for causal models.
        conditioned_on: 'others', or 'past' for causal models.

    Returns:
        The texts and the exact conditionals, on the model's device.

    Raises:
        TypeError: Not an HMM, or a size or the seed is not an integer.
        ValueError: A size below 1, a rate outside of (0, 1], or predictions conditioned on something else.
    """
    if not isinstance(model, HMM | MemoryHMM):
        raise TypeError(f"model: expected an HMM or a MemoryHMM, got {type(model).__name__}")
    n_texts, length = check_positive_int(n_texts, "n_texts"), check_positive_int(length, "length")
    generator = check_positive_int(generator, "generator", 0)
    masking = Masking(rate)
    if conditioned_on not in get_args(Context):
        raise ValueError(f"conditioned_on: expected one of {get_args(Context)}, got {conditioned_on!r}")
    device = model.chain.initial.device
    random = step_generator(device, generator, 2)
    tokens = sample_tokens(model, n_texts, length, generator=random)
    if conditioned_on == "past":
        everywhere = torch.ones_like(tokens, dtype=torch.bool)
        causal = ExactCausalLM(model)
        probs = torch.cat([causal.token_probs(causal.embed(some)) for some in tokens.split(_PIECE)])
        return HeldOut(tokens, everywhere, probs[everywhere].double(), conditioned_on)
    _, masked = masking.apply(tokens, model.chain.n_tokens, random)
    exact = posteriors(model, tokens, observed=~masked, keep=("conditionals",)).conditionals[masked].double()
    return HeldOut(tokens, masked, exact)


@dataclass(frozen=True)
class Evaluation:
    """A model's predictions beside the exact ones, blank by blank (M of them).

    Attributes:
        divergence: KL(exact ‖ model) of the token's distribution at each blank, nats, shape (M,).
        variation: Total variation distance of the two distributions, 0 … 1, shape (M,).
        surprise: −log of the model's probability of the token, nats, shape (M,).
        floor: The same for the exact probability, nats, shape (M,).
        text: Number of the text that each blank is in, shape (M,).
        position: Each blank's position in its text, shape (M,).
        neighbours: Other blanks in the same text, at a distance of at most `reach`, shape (M,).
        reach: That distance.
    """

    divergence: Tensor
    variation: Tensor
    surprise: Tensor
    floor: Tensor
    text: Tensor
    position: Tensor
    neighbours: Tensor
    reach: int

    @property
    def kl(self) -> float:
        """Mean of `divergence`, nats."""
        return float(self.divergence.mean())

    @property
    def kl_error(self) -> float:
        """Standard error of `kl`, blanks of one text counted as dependent; NaN for a single text."""
        n_texts = int(self.text.max()) + 1
        sums = self.divergence.new_zeros(n_texts).index_add_(0, self.text, self.divergence - self.kl)
        return float(sums.std() * math.sqrt(n_texts) / len(self.text)) if n_texts > 1 else math.nan

    @property
    def total_variation(self) -> float:
        """Mean of `variation`."""
        return float(self.variation.mean())

    @property
    def cross_entropy(self) -> float:
        """Mean of `surprise`, nats."""
        return float(self.surprise.mean())

    @property
    def exact_cross_entropy(self) -> float:
        """Mean of `floor`, the exact model's cross-entropy, nats: no model's is lower in expectation."""
        return float(self.floor.mean())

    def kl_by(self, group: Tensor) -> list[tuple[int, float, int]]:
        """Mean KL among the blanks of each group.

        Args:
            group: An integer for each blank, for example `position`, ``position // 8`` or `neighbours`,
                shape (M,).

        Returns:
            Group, mean KL in nats and number of blanks, in ascending order; empty groups are left out.

        Raises:
            ValueError: Not one integer per blank.
        """
        if group.shape != self.divergence.shape or group.is_floating_point():
            raise ValueError(
                f"group: expected integers of shape {tuple(self.divergence.shape)}, one per blank, got "
                f"{group.dtype} of shape {tuple(group.shape)}"
            )
        found = []
        for key in group.unique().tolist():
            of_group = self.divergence[group == key]
            found.append((int(key), float(of_group.mean()), len(of_group)))
        return found

    def __repr__(self) -> str:
        return in_lines(
            f"Evaluation(kl={self.kl:.4g} ± {self.kl_error:.2g}, total_variation={self.total_variation:.4g}, "
            f"cross_entropy={self.cross_entropy:.4g}, exact_cross_entropy={self.exact_cross_entropy:.4g}, "
            f"blanks={len(self.divergence)})"
        )

    def _repr_html_(self) -> str:
        names = ("kl", "kl_error", "total_variation", "cross_entropy", "exact_cross_entropy")
        pairs = [(name, getattr(self, name)) for name in names]
        return card("Evaluation", facts([*pairs, ("blanks", len(self.divergence))]))


def evaluate(lm: MaskedLM, held_out: HeldOut, *, reach: int = 8) -> Evaluation:
    """Compare a model's predictions under blanks with the exact conditionals.

    Args:
        lm: The language model.
        held_out: Texts with blanks, or for a causal model texts that it is shown as they are.
        reach: How far `Evaluation.neighbours` looks.

    Returns:
        The comparison, on the CPU.

    Raises:
        TypeError: Not a language model, or not held-out text.
        ValueError: The model has another vocabulary, or is conditioned on something else; texts too long for
            it; a reach below 1.
        FloatingPointError: A prediction is NaN.
    """
    reach = check_positive_int(reach, "reach")
    if not isinstance(lm, MaskedLM):
        raise TypeError(f"lm: expected a MaskedLM, got {type(lm).__name__}")
    if not isinstance(held_out, HeldOut):
        raise TypeError(f"held_out: expected a HeldOut, got {type(held_out).__name__}")
    exact = held_out.conditionals.cpu()
    if lm.n_tokens != exact.shape[1]:
        raise ValueError(f"lm: has {lm.n_tokens} words; the held-out texts have {exact.shape[1]}")
    if conditioned_on(lm) != held_out.conditioned_on:
        raise ValueError(
            f"lm: predicts from the {conditioned_on(lm)}; the held-out distributions are conditioned on the "
            f"{held_out.conditioned_on} (draw_held_out(…, conditioned_on={conditioned_on(lm)!r}))"
        )
    masked = held_out.masked
    with torch.no_grad():
        seen = held_out.tokens
        if held_out.conditioned_on == "others":
            seen = seen.masked_fill(masked, lm.mask_token)
        probs = lm.token_probs(lm.embed(seen))
    predicted = probs[masked.to(probs.device)].double().cpu()
    text, position = (part.cpu() for part in masked.nonzero(as_tuple=True))
    bad = predicted.isnan().any(1).nonzero()
    if len(bad):
        row = int(bad[0])
        raise FloatingPointError(f"lm: predicts NaN in text {int(text[row])}, position {int(position[row])}")
    # A probability that was rounded to zero counts as the smallest number there is.
    tiny = torch.finfo(probs.dtype).tiny
    answers = held_out.answers.cpu()
    return Evaluation(
        divergence=kl_divergences(exact, predicted, smallest=tiny),
        variation=(exact - predicted).abs().sum(1) / 2,
        surprise=-predicted.clamp_min(tiny).log().gather(1, answers[:, None])[:, 0],
        floor=held_out.surprise.cpu(),
        text=text,
        position=position,
        neighbours=_blanks_nearby(masked.cpu(), reach)[masked.cpu()],
        reach=reach,
    )


def kl_divergences(
    exact: Tensor, predicted: Tensor, *, smallest: float = torch.finfo(torch.float64).tiny
) -> Tensor:
    """KL(exact ‖ predicted) of each pair of distributions.

    Args:
        exact: Shape (n, V).
        predicted: The same shape.
        smallest: Predicted probabilities below it count as this.

    Returns:
        Nats, in double precision, shape (n,).
    """
    exact = exact.double()
    logs = predicted.to(exact).clamp_min(smallest).log()
    # x log x is 0 at 0, where the exact distribution excludes a token.
    return (torch.special.xlogy(exact, exact) - exact * logs).sum(1)


def _blanks_nearby(masked: Tensor, reach: int) -> Tensor:
    """Number of other blanks within `reach` of each position, shape (batch, time)."""
    total = torch.nn.functional.pad(masked.long().cumsum(1), (reach + 1, reach))
    total[:, -reach:] = total[:, -reach - 1 : -reach]
    return total[:, 2 * reach + 1 :] - total[:, : masked.shape[1]] - masked.long()
