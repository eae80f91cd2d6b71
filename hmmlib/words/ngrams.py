"""N-gram language models with Kneser and Ney's smoothing: the measure of any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import check_positive_int
from hmmlib.words.corpora import Sentences, as_sentences, check_history

_Array = np.ndarray


@dataclass(frozen=True, eq=False)
class _Level:
    """The m-grams that occur, for one m.

    Attributes:
        keys: Each as (number of its first m − 1 words)·(V + 1) + last word, sorted; the place of a key is the
            m-gram's number.
        share: What is left of each one's count, as a share of its context's, shape (m-grams,).
        rest: What a context leaves to shorter ones, shape (contexts,); 1 for contexts that never occur.
    """

    keys: _Array
    share: _Array
    rest: _Array


class KneserNey:
    """An n-gram model, interpolated, with one discount for each length.

    (Kneser and Ney 1995; Chen and Goodman 1999.) A word's probability after a history h of m − 1 words is

        max(c(h w) − d, 0)/c(h) + d·N(h)/c(h) · P(w | h without its first word),

    with N(h) the number of different words seen after h. For the longest history c are counts; for shorter
    ones c(h w) is the number of different words before h w, or its count where h begins the sentence. At the
    end stands the uniform distribution. d is n₁/(n₁ + 2n₂), by the numbers of m-grams counted once and twice.

    Example:
        >>> import torch
        >>> from hmmlib.words import KneserNey, Sentences
        >>> text = Sentences(torch.tensor([[0, 1, 2], [0, 0, 2]]), torch.tensor([3, 3]))
        >>> model = KneserNey(text, order=2, n_tokens=3)
        >>> model.next_probs([0]).numpy().round(3)
        array([0.378, 0.244, 0.378])

    Args:
        sentences: Sentences to count.
        order: The longest history plus one, n ≥ 1.
        n_tokens: Size V of the vocabulary.

    Raises:
        TypeError: Tokens, lengths or sizes that are not integers.
        ValueError: Wrong shapes, no sentence, an empty one, or a token out of range.
    """

    def __init__(self, sentences: Sentences, order: int, n_tokens: int) -> None:
        self._order = check_positive_int(order, "order")
        self._n_tokens = check_positive_int(n_tokens, "n_tokens")
        words, place = _stream(as_sentences(sentences, self._n_tokens), self._n_tokens)
        base = self._n_tokens + 1
        numbers = words  # of the m-gram that ends at each place
        found: list[tuple[_Array, _Array]] = [(words, np.arange(base))]
        for m in range(2, self._order + 1):
            keys = np.where(place >= m - 1, _shifted(numbers, -1) * base + words, -1)
            kinds = np.unique(keys[keys >= 0])
            numbers = np.where(keys >= 0, np.searchsorted(kinds, keys), -1)
            found.append((numbers, kinds))
        self._levels = [self._level(found, m, place) for m in range(1, self._order + 1)]

    @property
    def order(self) -> int:
        """The longest history plus one."""
        return self._order

    @property
    def n_tokens(self) -> int:
        """Size V of the vocabulary."""
        return self._n_tokens

    @property
    def n_grams(self) -> int:
        """How many different m-grams were counted, of all lengths."""
        return sum(len(level.keys) for level in self._levels)

    def _level(self, found: list[tuple[_Array, _Array]], m: int, place: _Array) -> _Level:
        """Counts of the m-grams of the stream, discounted."""
        numbers, keys = found[m - 1]
        predicted = place >= max(1, m - 1)
        counts = np.zeros(len(keys))
        if m == self._order:
            counts += np.bincount(numbers[predicted], minlength=len(keys))
        else:
            longer = found[m][0]
            _, first = np.unique(longer, return_index=True)
            first = first[longer[first] >= 0]
            counts += np.bincount(numbers[first], minlength=len(keys))
            at_start = predicted & (place == m - 1)
            counts += np.bincount(numbers[at_start], minlength=len(keys))
        base = self._n_tokens + 1
        n_contexts = 1 if m == 1 else len(found[m - 2][1])
        context = np.zeros(len(keys), np.int64) if m == 1 else keys // base
        once, twice = (counts == 1).sum(), (counts == 2).sum()
        discount = once / (once + 2 * twice) if once else 0.0
        left = np.maximum(counts - discount, 0.0)
        total = np.bincount(context, counts, n_contexts)
        seen = total > 0
        divisor = np.where(seen, total, 1.0)
        rest = np.where(seen, 1.0 - np.bincount(context, left, n_contexts) / divisor, 1.0)
        return _Level(keys, left / divisor[context], rest)

    def log_probs(self, sentences: Sentences) -> Tensor:
        """Log-probability of each sentence.

        Args:
            sentences: The sentences.

        Returns:
            Nats, shape (n,).

        Raises:
            TypeError: Tokens or lengths that are not integers.
            ValueError: Wrong shapes, no sentence, an empty one, or a token out of range.
        """
        words, place = _stream(as_sentences(sentences, self._n_tokens), self._n_tokens)
        with np.errstate(divide="ignore"):  # a word that the model gives no chance
            logs = np.log(self._probs(words, place))
        row = np.cumsum(place == 0) - 1
        return torch.from_numpy(np.bincount(row, np.where(place > 0, logs, 0.0)))

    def _probs(self, words: _Array, place: _Array) -> _Array:
        """Probability of the word at each place of a stream, given those before it in its sentence."""
        base = self._n_tokens + 1
        probs = np.full(len(words), 1.0 / self._n_tokens)
        for m, level in enumerate(self._levels, 1):
            # The context is the m − 1 words before, numbered step by step; −1: it never occurred.
            number = np.zeros(len(words), np.int64) if m == 1 else _shifted(words, m - 1)
            for j in range(2, m):
                number = _find(self._levels[j - 1].keys, number, _shifted(words, m - j), base)
            known = (place >= max(1, m - 1)) & (number >= 0)
            rest = np.where(known, level.rest[np.maximum(number, 0)], 1.0)
            gram = words if m == 1 else _find(level.keys, number, words, base)
            own = np.where(known & (gram >= 0), level.share[np.maximum(gram, 0)], 0.0)
            probs = own + rest * probs
        return probs

    def next_probs(self, history: Sequence[int]) -> Tensor:
        """The distribution of the next word of a sentence.

        Args:
            history: The sentence so far, integers 0 … V − 1; it may be empty.

        Returns:
            Probabilities, shape (V,).

        Raises:
            ValueError: A word out of range.
        """
        given = check_history(history, self._n_tokens)
        before = np.array([self._n_tokens, *given][-self._order :], np.int64)
        n, width = self._n_tokens, len(before) + 1
        words = np.concatenate([np.tile(before, (n, 1)), np.arange(n)[:, None]], 1)
        place = np.tile(np.arange(width) + (len(given) + 1 - len(before)), (n, 1))
        return torch.from_numpy(self._probs(words.ravel(), place.ravel()).reshape(n, width)[:, -1].copy())


def _stream(sentences: Sentences, start: int) -> tuple[_Array, _Array]:
    """All sentences in a row, each behind the symbol `start`, and each word's place in its own."""
    tokens, lengths = (part.numpy() for part in sentences)
    rows = np.concatenate([np.full((len(tokens), 1), start), tokens], 1)
    inside = np.arange(rows.shape[1]) <= lengths[:, None]
    places = np.broadcast_to(np.arange(rows.shape[1]), rows.shape)
    return rows[inside], places[inside]


def _shifted(values: _Array, by: int) -> _Array:
    """What stands `by` places before each place (for −1 as for 1: the place before)."""
    by = abs(by)
    return np.concatenate([np.full(by, -1), values[: len(values) - by]])


def _find(keys: _Array, context: _Array, word: _Array, base: int) -> _Array:
    """The numbers of m-grams; −1 for those that do not occur."""
    wanted = np.where(context >= 0, context * base + word, -1)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, -1)
