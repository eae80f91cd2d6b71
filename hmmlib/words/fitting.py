"""Blocked HMMs fitted to sentences by expectation–maximisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_dtype, check_kind, check_number, check_positive_int
from hmmlib._display import in_lines
from hmmlib._random import drawing_generator
from hmmlib.words._recursion import BlockCounts, Blocks, block_counts
from hmmlib.words.blocked import BlockedHMM, check_classes, states_for
from hmmlib.words.corpora import Sentences, as_sentences, perplexity


@dataclass(frozen=True)
class BlockedFit:
    """A blocked HMM fitted to sentences.

    Attributes:
        model: The HMM; the best on the validation sentences, if there are any.
        log_likelihoods: Log-likelihood of the training sentences in nats per word, at the start and after
            each iteration but the last, shape (n_iterations,).
        validation: Perplexity of the validation sentences after each iteration, shape (n_iterations,); empty
            without them.
        best_iteration: Which iteration `model` is of, from 1.
    """

    model: BlockedHMM
    log_likelihoods: Tensor
    validation: Tensor
    best_iteration: int

    @property
    def n_iterations(self) -> int:
        """Number of iterations."""
        return len(self.log_likelihoods)

    def __repr__(self) -> str:
        return in_lines(
            f"BlockedFit({self.model!r}, n_iterations={self.n_iterations}, "
            f"best_iteration={self.best_iteration})"
        )


def fit_blocked_hmm(
    sentences: Sentences,
    n_states: int,
    classes: ArrayLike,
    *,
    generator: int | np.random.RandomState,
    validation: Sentences | None = None,
    max_iterations: int = 20,
    patience: int = 2,
    transition_pseudo_counts: float = 0.5,
    emission_pseudo_counts: float = 0.02,
    dtype: torch.dtype = torch.float64,
) -> BlockedFit:
    """Fit a blocked HMM to sentences by expectation–maximisation, with exact expected counts.

    The start is the class bigram: a step from class to class has its probability there, shared out among
    the class's states by random weights, and a word has its share of its class, likewise. Random weights
    break the symmetry of a class's states; without them nothing could tell them apart, and in the first two
    or three iterations little happens.

    Counts are smoothed before their shares are taken: each row of the transition has so many more, spread
    as the class bigram is, and each word in each state of its class. Without them a step or a word that the
    training sentences lack would be impossible for good.

    Args:
        sentences: Sentences to learn from.
        n_states: Number H of states, a multiple of the number of classes.
        classes: Class of each word, integers 0 … K − 1, shape (V,).
        generator: Seed or numpy RandomState of the start.
        validation: Sentences to choose the iteration by.
        max_iterations: Iterations, at most.
        patience: How many iterations without a better perplexity of `validation` end the fit.
        transition_pseudo_counts: Counts added to each row of the transition and to the first states, ≥ 0.
        emission_pseudo_counts: Counts added to each entry of the emission, ≥ 0.
        dtype: torch.float64 (default) or torch.float32, in half the memory and time.

    Returns:
        The fit.

    Raises:
        TypeError: Tokens, lengths, classes or sizes that are not integers, pseudo-counts that are no numbers.
        ValueError: Wrong shapes, an empty sentence, a token out of range, a class without words, a number of
            states that is no multiple of the classes, or a negative pseudo-count.
    """
    own = check_classes(classes)
    n_classes, n_tokens = int(own.max()) + 1, len(own)
    k = states_for(n_states, n_classes)
    train = as_sentences(sentences, n_tokens)
    held = None if validation is None else as_sentences(validation, n_tokens, "validation")
    max_iterations = check_positive_int(max_iterations, "max_iterations")
    patience = check_positive_int(patience, "patience")
    smoothing = _Smoothing(
        _class_bigram(train, own, n_classes),
        _not_negative(transition_pseudo_counts, "transition_pseudo_counts"),
        _not_negative(emission_pseudo_counts, "emission_pseudo_counts"),
    )
    check_dtype(dtype)
    blocks = _start(train, own, k, smoothing.bigram, drawing_generator(generator), dtype)
    reached: list[float] = []
    of_validation: list[float] = []
    best, best_iteration = blocks, 0
    for iteration in range(1, max_iterations + 1):
        counts = block_counts(blocks, train)
        reached.append(float(counts.log_probs.sum()) / train.n_tokens)
        blocks = _shares(counts, blocks, smoothing)
        if held is not None:
            of_validation.append(perplexity(BlockedHMM.of_blocks(blocks), held))
            if of_validation[-1] > min(of_validation):
                if iteration - best_iteration >= patience:
                    break
                continue
        best, best_iteration = blocks, iteration
    return BlockedFit(
        BlockedHMM.of_blocks(best),
        torch.tensor(reached, dtype=torch.float64),
        torch.tensor(of_validation, dtype=torch.float64),
        best_iteration,
    )


def expected_block_counts(model: BlockedHMM, sentences: Sentences) -> BlockCounts:
    """Expected numbers of starts, steps and words given sentences: the E-step.

    Args:
        model: The HMM.
        sentences: The sentences.

    Returns:
        The counts, summed over the sentences.

    Raises:
        TypeError: Tokens or lengths that are not integers, a model of another kind.
        ValueError: Wrong shapes, an empty sentence, a token out of range, or a sentence that the model cannot
            produce; the message names the sentence and the position.
    """
    check_kind(model, BlockedHMM, "model", "a BlockedHMM")
    return block_counts(model.blocks, as_sentences(sentences, model.n_tokens))


@dataclass(frozen=True)
class _Smoothing:
    """What is added to counts.

    Attributes:
        bigram: P[class of the next word | class]; in the last row, of the first word; shape (K + 1, K).
        transition: Counts added to each row of the transition and to the first states.
        emission: Counts added to each entry of the emission.
    """

    bigram: Tensor
    transition: float
    emission: float


def _shares(counts: BlockCounts, old: Blocks, smoothing: _Smoothing) -> Blocks:
    """The M-step; a row without any count stays as it was."""
    m, k = old.initial.shape
    spread = (smoothing.bigram * (smoothing.transition / k)).to(old.initial)
    first = counts.initial + spread[-1, :, None]
    moves = (counts.moves + spread[:-1].reshape(-1, 1, 1)).view(m, m, k, k)
    total = moves.sum((1, 3))[:, None, :, None]  # (K, 1, k, 1)
    shared = torch.where(total > 0, moves / torch.where(total > 0, total, 1.0), old.moves.view(m, m, k, k))
    words = counts.emission + smoothing.emission
    sums = torch.zeros_like(first).index_add_(0, old.classes, words)[old.classes]  # (V, k)
    emission = torch.where(sums > 0, words / torch.where(sums > 0, sums, 1.0), old.emission)
    return Blocks(first / first.sum(), shared.view(-1, k, k), emission, old.classes)


def _start(
    train: Sentences,
    classes: Tensor,
    k: int,
    bigram: Tensor,
    random: np.random.RandomState,
    dtype: torch.dtype,
) -> Blocks:
    m = bigram.shape[1]
    inside = torch.arange(train.tokens.shape[1]) < train.lengths[:, None]
    counts = train.tokens[inside].bincount(minlength=len(classes)).double() + 0.02
    share = counts / torch.zeros(m, dtype=torch.float64).index_add_(0, classes, counts)[classes]
    words = share[:, None] * torch.from_numpy(random.uniform(0.5, 1.5, (len(classes), k)))
    words /= torch.zeros(m, k, dtype=torch.float64).index_add_(0, classes, words)[classes]
    moves = torch.from_numpy(random.uniform(0.5, 1.0, (m, m, k, k)).astype(np.float32)).to(dtype)
    moves *= (bigram[:-1, :, None, None] / moves.sum(3, keepdim=True).double()).to(dtype)
    moves /= moves.sum((1, 3), keepdim=True)
    first = (bigram[-1][:, None] / k).expand(m, k)
    return Blocks(first.to(dtype).contiguous(), moves.view(-1, k, k), words.to(dtype), classes)


def _class_bigram(train: Sentences, classes: Tensor, m: int) -> Tensor:
    """P[class of the next word | class], one count a row spread as words are; last, of the first word."""
    own = classes[train.tokens]
    follows = torch.arange(1, own.shape[1]) < train.lengths[:, None]
    pairs = (own[:, :-1] * m + own[:, 1:])[follows].bincount(minlength=m * m).view(m, m).double()
    first = own[:, 0].bincount(minlength=m).double()
    inside = torch.arange(own.shape[1]) < train.lengths[:, None]
    unigram = own[inside].bincount(minlength=m).double() + 1.0
    counts = torch.cat([pairs, first[None]]) + unigram / unigram.sum()
    return counts / counts.sum(1, keepdim=True)


def _not_negative(value: float, name: str) -> float:
    value = check_number(value, name, "a finite number >= 0")
    if value < 0:
        raise ValueError(f"{name}: expected a finite number >= 0, got {value!r}")
    return value
