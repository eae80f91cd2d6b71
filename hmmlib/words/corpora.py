"""Sentences of real text as numbers, in three parts: to train on, to choose by, to test on."""

from __future__ import annotations

import hashlib
import lzma
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from hmmlib._book import book_file
from hmmlib._checks import as_tensor, check_fraction, check_integers, check_kind, check_positive_int
from hmmlib._display import compact_repr
from hmmlib._texts import check_lengths, check_text_shape, check_tokens

UNKNOWN = "<unk>"
"""The word that stands for every word outside the vocabulary."""

END = "<eos>"
"""The last word of each sentence."""


class Sentences(NamedTuple):
    """Sentences of different lengths.

    Attributes:
        tokens: Words as integers 0 … V − 1, int64, shape (n, longest); 0 beyond the end of a sentence.
        lengths: Number of words of each, int64, shape (n,).
    """

    tokens: Tensor
    lengths: Tensor

    @property
    def n_tokens(self) -> int:
        """Number of words in all."""
        return int(self.lengths.sum())

    def part(self, rows: slice | Tensor) -> Sentences:
        """Some of the sentences.

        Args:
            rows: Which.

        Returns:
            They, no wider than the longest of them.
        """
        tokens, lengths = self.tokens[rows], self.lengths[rows]
        return Sentences(tokens[:, : int(lengths.max()) if len(lengths) else 0], lengths)

    def __repr__(self) -> str:
        return compact_repr(self)


class SentenceModel(Protocol):
    """A language model of whole sentences: `KneserNey`, `BlockedHMM`, `LSTMLanguageModel`."""

    @property
    def n_tokens(self) -> int:
        """Size V of the vocabulary."""
        ...

    def log_probs(self, sentences: Sentences) -> Tensor:
        """Log-probability of each sentence.

        Args:
            sentences: The sentences.

        Returns:
            Nats, shape (n,).
        """
        ...


def as_sentences(sentences: Sentences, n_tokens: int, name: str = "sentences") -> Sentences:
    """Check sentences at the door.

    Args:
        sentences: Tokens, integers 0 … V − 1, and lengths, 1 … longest; what lies beyond the end of a
            sentence is never read.
        n_tokens: Size V of the vocabulary.
        name: The argument's name, for the message.

    Returns:
        The sentences, on the CPU.

    Raises:
        TypeError: No `Sentences`, or tokens or lengths that are not integers.
        ValueError: Wrong shapes, no sentence, an empty one, or a token out of range; the message names the
            sequence and the position.
    """
    check_kind(sentences, Sentences, name, "Sentences(tokens, lengths)")
    try:
        shape = check_text_shape(sentences.tokens)
        ends = check_lengths(sentences.lengths, shape, torch.device("cpu"))
        if ends is None:
            raise TypeError("lengths: expected integers, got None")
        inside = torch.arange(shape[1]) < ends[:, None]
        return Sentences(check_tokens(sentences.tokens, n_tokens, inside, advice="").cpu(), ends)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}.{error}") from None


def check_history(history: Sequence[int], n_tokens: int) -> list[int]:
    """Check the beginning of a sentence.

    Args:
        history: Words, integers 0 … V − 1; there may be none.
        n_tokens: Size V of the vocabulary.

    Returns:
        The words.

    Raises:
        TypeError: No sequence of integers.
        ValueError: A word out of range.
    """
    if not len(history):
        return []
    words: list[int] = check_integers(as_tensor(history, "history", "integers"), "history").tolist()
    for place, word in enumerate(words):
        if not 0 <= word < n_tokens:
            raise ValueError(f"history: word {place} is {word}; expected 0 … {n_tokens - 1}")
    return words


def perplexity(model: SentenceModel, sentences: Sentences) -> float:
    """The exponential of the mean loss per word: among how many equally likely words a model seems to choose.

    Each sentence begins anew, and its end is a word to be predicted like any other.

    Args:
        model: The language model.
        sentences: The sentences.

    Returns:
        The perplexity, ≥ 1; infinite if some sentence has probability 0.

    Raises:
        ValueError: As for the model's `log_probs`.
    """
    if not hasattr(model, "log_probs"):
        raise TypeError(f"model: expected a language model of sentences, got {type(model).__name__}")
    nats = -float(model.log_probs(sentences).double().sum()) / sentences.n_tokens
    return math.exp(nats) if nats < 700 else math.inf


@dataclass(frozen=True, eq=False)
class WordCorpus:
    """Text in three parts with one vocabulary.

    Attributes:
        words: The vocabulary, most frequent word first, then `UNKNOWN` and `END`; V of them.
        train: Sentences to train on.
        validation: Sentences to choose by.
        test: Sentences to test on.
    """

    words: tuple[str, ...]
    train: Sentences
    validation: Sentences
    test: Sentences

    @property
    def n_words(self) -> int:
        """Size V of the vocabulary."""
        return len(self.words)

    def spell(self, sentence: Iterable[int]) -> str:
        """A sentence in words.

        Args:
            sentence: Integers 0 … V − 1.

        Returns:
            The words.
        """
        return " ".join(self.words[int(word)] for word in sentence)

    def __repr__(self) -> str:
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        sizes = ", ".join(f"{name}={part.n_tokens:,}" for name, part in parts.items())
        return f"WordCorpus(n_words={self.n_words:,}, {sizes})"


def king_james(share: float = 1.0, *, fewest: int = 3) -> WordCorpus:
    """The King James Bible, which comes with the book: a verse is a sentence.

    Whole chapters are held out, about one in twenty for validation and one in twenty for the test: those
    whose names' SHA-256, as a number, leaves 0 or 1 when divided by 20. Words that occur fewer than three
    times in the training part are `UNKNOWN`.

    Example:
        >>> from hmmlib.words import king_james
        >>> king_james()
        WordCorpus(n_words=6,681, train=731,702, validation=43,933, test=45,136)

    Args:
        share: Which share of the chapters to train on, in (0, 1]; a smaller part is in every larger one. The
            other two parts stay whole.
        fewest: How often a word must occur in the training part to be in the vocabulary, ≥ 1.

    Returns:
        The corpus.

    Raises:
        TypeError: Not a number.
        ValueError: Out of range, or so small a share that no chapter is left.
        FileNotFoundError: The text is not there.
    """
    share = check_fraction(share, "share", above_zero=True)
    fewest = check_positive_int(fewest, "fewest")
    parts: dict[str, list[list[str]]] = {"train": [], "validation": [], "test": []}
    for name, verses in _chapters():
        number = int(hashlib.sha256(name.encode()).hexdigest(), 16)
        part = ("validation", "test")[number % 20] if number % 20 < 2 else "train"
        if part != "train" or number // 20 % 1000 < 1000 * share:
            parts[part] += verses
    if not parts["train"]:
        raise ValueError(f"share: {share} of the chapters are none; expected more")
    return word_corpus(parts["train"], parts["validation"], parts["test"], fewest=fewest)


def word_corpus(
    train: Sequence[Sequence[str]],
    validation: Sequence[Sequence[str]],
    test: Sequence[Sequence[str]],
    *,
    fewest: int = 1,
) -> WordCorpus:
    """Number the words of sentences, and end each by `END`.

    Args:
        train: Sentences to train on, lists of words; their words make up the vocabulary.
        validation: Sentences to choose by.
        test: Sentences to test on.
        fewest: How often a word must occur in the first to be in the vocabulary, ≥ 1.

    Returns:
        The corpus. Words as frequent as one another are in alphabetical order.

    Raises:
        TypeError: A part that is no list of lists of words.
        ValueError: A part without sentences, or `fewest` below 1.
    """
    fewest = check_positive_int(fewest, "fewest")
    for name, part in (("train", train), ("validation", validation), ("test", test)):
        if not isinstance(part, Sequence) or isinstance(part, str):
            raise TypeError(f"{name}: expected a list of sentences, got {type(part).__name__}")
        if not len(part):
            raise ValueError(f"{name}: expected at least one sentence, got none")
        for row, sentence in enumerate(part):
            if not isinstance(sentence, Sequence) or isinstance(sentence, str):
                raise TypeError(f"{name}: sentence {row} is {sentence!r}; expected a list of words")
    counts = Counter(word for sentence in train for word in sentence)
    kept = sorted((word for word, n in counts.items() if n >= fewest), key=lambda word: (-counts[word], word))
    words = (*(word for word in kept if word not in (UNKNOWN, END)), UNKNOWN, END)
    index = {word: number for number, word in enumerate(words)}

    def numbered(part: Sequence[Sequence[str]]) -> Sentences:
        rows = [[*(index.get(w, index[UNKNOWN]) for w in sentence), index[END]] for sentence in part]
        lengths = torch.tensor([len(row) for row in rows])
        tokens = torch.zeros(len(rows), int(lengths.max()), dtype=torch.int64)
        tokens[torch.arange(tokens.shape[1]) < lengths[:, None]] = torch.tensor([w for r in rows for w in r])
        return Sentences(tokens, lengths)

    return WordCorpus(words, numbered(train), numbered(validation), numbered(test))


def _chapters() -> Iterator[tuple[str, list[list[str]]]]:
    """Name and verses of each chapter."""
    name = ""
    verses: list[list[str]] = []
    packed = book_file("data/king_james/text.txt.xz").read_bytes()
    for line in lzma.decompress(packed).decode("utf-8").splitlines():
        if line.startswith("# "):
            if verses:
                yield name, verses
            name, verses = line[2:], []
        else:
            verses.append(line.split())
    yield name, verses
