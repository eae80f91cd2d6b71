"""The Bayes floor of masked language modelling: the loss that no predictor can beat."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import check_fraction, check_positive_int, check_tensor
from hmmlib._precision import exact_products
from hmmlib._random import sampling_generator
from hmmlib.hmm.chain import LatentChainModel, chain_of
from hmmlib.hmm.inference import posteriors
from hmmlib.hmm.memory import MemoryHMM
from hmmlib.hmm.sampling import sample_tokens
from hmmlib.hmm.vanilla import HMM

# Texts worked on at once hold about this many tokens.
_BATCH_TOKENS = 200_000


class Estimate(NamedTuple):
    """A mean over random texts, with its uncertainty.

    Attributes:
        value: The estimate.
        standard_error: Its standard error, over independent texts.
    """

    value: float
    standard_error: float


def entropy(probs: Tensor) -> Tensor:
    """Entropy in nats along the last axis, with 0·log 0 = 0.

    Args:
        probs: Probabilities, shape (…, n).

    Returns:
        Entropies, shape (…).

    Raises:
        TypeError: The probabilities are not a tensor of real numbers.
    """
    check_tensor(probs, "probs")
    return -torch.xlogy(probs, probs).sum(-1)


def bayes_floor(
    model: LatentChainModel,
    *,
    generator: int | torch.Generator,
    mask_rate: float | None = None,
    n_texts: int = 500,
    length: int = 128,
) -> Estimate:
    """Estimate the least expected loss of a masked language model, in nats per masked token.

    Given the tokens that are left, no predictor of a masked token X_i has an expected log loss below the
    entropy of its exact conditional distribution. The estimate averages those entropies over random texts and
    masks; that is steadier than averaging −log P of the tokens that happened to stand there.

    Example:
        >>> from hmmlib import bayes_floor, random_hmm
        >>> floor = bayes_floor(random_hmm(15, 10, generator=1), mask_rate=0.3, generator=0)
        >>> print(f"{floor.value:.2f} nats per masked token")
        0.11 nats per masked token

    Args:
        model: Where texts come from.
        generator: Seed, or a torch.Generator on the model's device (advanced).
        mask_rate: Each position is masked with this probability, in (0, 1]; by default one position at a
            time, each in turn, which is G_i(x) of the paper.
        n_texts: Number of texts, ≥ 2.
        length: Tokens in a text, ≥ 1.

    Returns:
        The floor and its standard error.

    Raises:
        TypeError: A size is not an integer, or the generator is of another kind.
        ValueError: A size too small, a rate or a seed out of range, or no position masked in any text.
    """
    device = chain_of(model).initial.device
    n_texts = check_positive_int(n_texts, "n_texts", 2)
    length = check_positive_int(length, "length")
    if mask_rate is not None:
        check_fraction(mask_rate, "mask_rate", above_zero=True)
    random = sampling_generator(generator, device)
    at_once = max(1, _BATCH_TOKENS // length)
    sizes = [min(at_once, n_texts - done) for done in range(0, n_texts, at_once)]
    sums, counts = [], []
    for size in sizes:
        tokens = sample_tokens(model, size, length, generator=random)
        rate = 1.0 if mask_rate is None else mask_rate
        masked = torch.rand(size, length, generator=random, dtype=torch.float32, device=device) < rate
        seen = None if mask_rate is None else ~masked
        probs = posteriors(model, tokens, observed=seen, keep=("conditionals",)).conditionals
        sums.append((entropy(probs) * masked).sum(-1))
        counts.append(masked.sum(-1))
    total, count = torch.cat(sums), torch.cat(counts)
    if int(count.sum()) == 0:
        raise ValueError(f"mask_rate: {mask_rate} masked no position; expected more texts or a larger rate")
    value = total.sum() / count.sum()
    error = (total - value * count).square().sum().sqrt() / count.sum()
    return Estimate(float(value), float(error * (n_texts / (n_texts - 1)) ** 0.5))


def unigram_entropy(model: HMM | MemoryHMM, *, position: int = 64) -> float:
    """Cross-entropy of a model that has learnt how frequent each word is, and nothing else.

    Args:
        model: The HMM.
        position: Where in a text the frequencies are taken, far from its start.

    Returns:
        Entropy of the word at that position, nats.
    """
    chain = chain_of(model)
    position = check_positive_int(position, "position", 0)
    with exact_products(chain.initial.device):
        distribution = chain.initial @ torch.linalg.matrix_power(chain.transition, position)
        words = distribution.reshape(-1) @ chain.flat_emission
    return float(-torch.special.xlogy(words, words).sum())
