"""Classes of words by what stands beside them: the exchange algorithm."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_positive_int
from hmmlib.words.blocked import check_classes
from hmmlib.words.corpora import Sentences, as_sentences

_Array = np.ndarray


@dataclass(frozen=True, eq=False)
class WordClasses:
    """Words in classes.

    Attributes:
        classes: Class of each word, int64, shape (V,).
        log_likelihoods: Log-likelihood of the class bigram in nats per word at the start and after each
            sweep, shape (sweeps + 1,); it never falls.
        converged: Whether no word would go elsewhere.
    """

    classes: Tensor
    log_likelihoods: Tensor
    converged: bool


def exchange_classes(
    sentences: Sentences,
    n_classes: int,
    n_tokens: int,
    *,
    max_sweeps: int = 20,
    initial_classes: ArrayLike | None = None,
) -> WordClasses:
    """Classes under which a class bigram gives the text a high likelihood (Kneser and Ney 1993).

    The model is P[w | v] = P[class of w | class of v] · P[w | class of w]. Words are taken in turn, the most
    frequent first, and each goes to the class where it makes the likelihood largest, until none moves. The
    result is a local maximum. A class never loses its last word.

    Sentences follow one another: the end of one stands before the first word of the next.

    Args:
        sentences: Sentences to learn from.
        n_classes: Number K of classes, 1 … V.
        n_tokens: Size V of the vocabulary.
        max_sweeps: How often all words are taken, at most.
        initial_classes: Where the words begin, shape (V,); by default the r-th most frequent in class
            r mod K.

    Returns:
        The classes.

    Raises:
        TypeError: Tokens, lengths, classes or sizes that are not integers.
        ValueError: Wrong shapes, an empty sentence, a token out of range, more classes than words, or one
            without words at the start.
    """
    n_tokens = check_positive_int(n_tokens, "n_tokens")
    n_classes = check_positive_int(n_classes, "n_classes")
    max_sweeps = check_positive_int(max_sweeps, "max_sweeps")
    if n_classes > n_tokens:
        raise ValueError(f"n_classes: expected at most the {n_tokens} words, got {n_classes}")
    text = as_sentences(sentences, n_tokens)
    inside = torch.arange(text.tokens.shape[1]) < text.lengths[:, None]
    stream = text.tokens[inside].numpy()
    if len(stream) < 2:
        raise ValueError("sentences: expected at least two words, got one")
    counts = np.bincount(stream, minlength=n_tokens)
    turn = np.lexsort((np.arange(n_tokens), -counts))
    if initial_classes is None:
        own = np.empty(n_tokens, np.int64)
        own[turn] = np.arange(n_tokens) % n_classes
    else:
        own = check_classes(initial_classes, n_tokens, "initial_classes").numpy()
        if own.max() + 1 != n_classes:
            raise ValueError(f"initial_classes: expected {n_classes} classes, got {own.max() + 1}")
    table = _ClassBigram(stream, own, n_tokens, n_classes)
    reached, moved = [table.log_likelihood()], True
    for _ in range(max_sweeps):
        moved = False
        for word in turn:
            if counts[word]:
                moved |= table.exchange(int(word))
        reached.append(table.log_likelihood())
        if not moved:
            break
    per_word = torch.tensor(reached, dtype=torch.float64) / (len(stream) - 1)
    return WordClasses(torch.from_numpy(table.own.copy()), per_word, not moved)


class _ClassBigram:
    """Counts of pairs of classes, and each word's neighbours."""

    def __init__(self, stream: _Array, own: _Array, n_tokens: int, n_classes: int) -> None:
        before, after = stream[:-1], stream[1:]
        self.own = own.copy()
        self._pairs = np.zeros((n_classes, n_classes))
        np.add.at(self._pairs, (own[before], own[after]), 1.0)
        self._next = _neighbours(before, after, n_tokens)
        self._previous = _neighbours(after, before, n_tokens)
        self._sizes = np.bincount(own, minlength=n_classes)
        self._of_words = float(_entropy(np.bincount(after, minlength=n_tokens)).sum())

    def log_likelihood(self) -> float:
        """Of the stream after its first word, in nats."""
        left, right = self._pairs.sum(1), self._pairs.sum(0)
        return float(
            _entropy(self._pairs).sum() - _entropy(left).sum() - _entropy(right).sum() + self._of_words
        )

    def exchange(self, word: int) -> bool:
        """Put a word where it fits best; whether it moved."""
        home = self.own[word]
        if self._sizes[home] == 1:
            return False
        n_classes = len(self._sizes)
        after, before, twice = self._beside(word, n_classes)
        # Without the word ...
        self._pairs[home] -= after
        self._pairs[:, home] -= before
        self._pairs[home, home] -= twice
        # ... and what the likelihood gains by it in each class.
        pairs = self._pairs
        follow, lead = after.nonzero()[0], before.nonzero()[0]
        gain = _gain(pairs[:, follow], after[follow]).sum(1) + _gain(pairs[lead], before[lead, None]).sum(0)
        own = np.arange(n_classes)
        diagonal = pairs[own, own]
        gain -= _gain(diagonal, after) + _gain(diagonal, before)
        gain += _gain(diagonal, after + before + twice)
        # How often the other words of a class have one behind or before them; the word itself counts there.
        left, right = pairs.sum(1) + before, pairs.sum(0) + after
        gain -= _gain(left, after.sum() + twice) + _gain(right, before.sum() + twice)
        best = int(gain.argmax())
        if gain[best] <= gain[home] + 1e-9 * max(1.0, abs(gain[home])):
            best = int(home)  # rounding is no reason to move
        self._pairs[best] += after
        self._pairs[:, best] += before
        self._pairs[best, best] += twice
        self._sizes[home] -= 1
        self._sizes[best] += 1
        self.own[word] = best
        return best != home

    def _beside(self, word: int, n_classes: int) -> tuple[_Array, _Array, float]:
        """How often each class follows the word and precedes it, itself left out, and it follows itself."""
        found, twice = [], 0.0
        for words, counts in (self._next[word], self._previous[word]):
            others = words != word
            twice = float(counts[~others].sum())
            found.append(np.bincount(self.own[words[others]], counts[others], n_classes))
        return found[0], found[1], twice


def _neighbours(of: _Array, beside: _Array, n_tokens: int) -> list[tuple[_Array, _Array]]:
    """For each word, which words stand beside it and how often."""
    kinds, counts = np.unique(of * n_tokens + beside, return_counts=True)
    ends = np.searchsorted(kinds, np.arange(n_tokens + 1) * n_tokens)
    return [(kinds[a:b] % n_tokens, counts[a:b].astype(float)) for a, b in pairwise(ends)]


def _entropy(counts: _Array) -> _Array:
    """n·log n, 0 at 0."""
    return counts * np.log(np.where(counts > 0, counts, 1.0))


def _gain(counts: _Array, more: _Array | float) -> _Array:
    """What n·log n gains when n grows."""
    return _entropy(counts + more) - _entropy(counts)
