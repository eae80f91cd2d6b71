"""Text with part-of-speech tags, counted as an HMM: the tags are its states and the words its tokens."""

from __future__ import annotations

import lzma
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from hmmlib._book import book_file
from hmmlib._checks import check_number, check_positive_int
from hmmlib.hmm import HMM

OTHER_WORD = "…"
"""The token that stands for every word outside the vocabulary."""

OTHER_TAG = "other"
"""The state that stands for every tag outside the tag set."""

COARSE_TAGS: Mapping[str, str] = {
    **dict.fromkeys(("NN", "NNS", "NNP", "NNPS"), "NOUN"),
    **dict.fromkeys(("VB", "VBD", "VBG", "VBN", "VBP", "VBZ", "MD"), "VERB"),
    **dict.fromkeys(("JJ", "JJR", "JJS"), "ADJ"),
    **dict.fromkeys(("RB", "RBR", "RBS", "WRB"), "ADV"),
    **dict.fromkeys(("PRP", "PRP$", "WP", "WP$"), "PRON"),
    **dict.fromkeys(("DT", "PDT", "WDT", "EX"), "DET"),
    **dict.fromkeys(("IN",), "ADP"),
    **dict.fromkeys(("TO", "RP", "POS"), "PRT"),
    **dict.fromkeys(("CC",), "CONJ"),
    **dict.fromkeys(("CD",), "NUM"),
    **dict.fromkeys((",", ".", ":", "OPEN", "CLOSE", "-LRB-", "-RRB-", "HYPH"), "PUNCT"),
}
"""The tags of `read_tagged` in twelve classes; what is not named here becomes `OTHER_TAG`, the twelfth.

After Petrov, Das and McDonald, *A universal part-of-speech tagset* (2012).
"""

_QUOTES = {"``": "OPEN", "''": "CLOSE"}


@dataclass(frozen=True, eq=False)
class TaggedText:
    """Running text in which each token has a tag.

    Attributes:
        words: The vocabulary, most frequent word first, `OTHER_WORD` at the end; V of them.
        tags: The tag set, H of them.
        tokens: Index of each word of the text, shape (n,).
        states: Index of each tag of the text, shape (n,).
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    tokens: np.ndarray
    states: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def word_counts(self) -> np.ndarray:
        """How often a tag comes with a word, shape (H, V)."""
        return _pairs(self.states, self.tokens, len(self.tags), len(self.words))

    @cached_property
    def tag_counts(self) -> np.ndarray:
        """How often a tag is followed by another, shape (H, H)."""
        return _pairs(self.states[:-1], self.states[1:], len(self.tags), len(self.tags))

    def cut(self, n_words: int) -> TaggedText:
        """The same text with a smaller vocabulary.

        Args:
            n_words: How many of the most frequent words to keep, ≥ 1; the others become `OTHER_WORD`.

        Returns:
            The text, with at most ``n_words + 1`` words.

        Raises:
            TypeError: `n_words` is no integer.
            ValueError: `n_words` is not positive.
        """
        kept = min(check_positive_int(n_words, "n_words"), len(self.words) - 1)
        return replace(self, words=(*self.words[:kept], OTHER_WORD), tokens=np.minimum(self.tokens, kept))

    def merged(self, classes: Mapping[str, str]) -> TaggedText:
        """The same text with tags merged into classes.

        Args:
            classes: The class of each tag, such as `COARSE_TAGS`; tags without one become `OTHER_TAG`.

        Returns:
            The text; its tags are the classes that occur, the most frequent first.
        """
        named = np.array([classes.get(tag, OTHER_TAG) for tag in self.tags])
        count = Counter[str]()
        for name, size in zip(named.tolist(), self.word_counts.sum(1), strict=True):
            count[name] += int(size)
        tags = tuple(name for name, size in count.most_common() if size)
        place = np.array([tags.index(name) if name in tags else 0 for name in named.tolist()])
        return replace(self, tags=tags, states=place[self.states])

    def hmm(self, pseudo_counts: float = 0.0) -> HMM:
        """The HMM that emits and moves as often as counted.

        Args:
            pseudo_counts: α ≥ 0. Each row of counts gets α more, spread as words (or tags) are in the text as
                a whole, each of these counted once more. With α = 0 rows are the relative frequencies.

        Returns:
            The HMM; it starts in a tag with the frequency of the tag in the text.

        Raises:
            TypeError: `pseudo_counts` is no number.
            ValueError: `pseudo_counts` is negative, or it is 0 and a tag never occurs or is never followed.
        """
        alpha = check_number(pseudo_counts, "pseudo_counts", "a number of at least 0")
        if alpha < 0:
            raise ValueError(f"pseudo_counts: expected a number of at least 0, got {pseudo_counts}")
        for counts in (self.word_counts, self.tag_counts):
            empty = np.flatnonzero(counts.sum(1) == 0)
            if not alpha and len(empty):
                raise ValueError(
                    f"pseudo_counts: expected more than 0, as the tag {self.tags[empty[0]]!r} has no counts"
                )
        initial = self.word_counts.sum(1) + (1.0 if alpha else 0.0)
        moves, emissions = (_smoothed(counts, alpha) for counts in (self.tag_counts, self.word_counts))
        return HMM(initial / initial.sum(), moves, emissions)


def read_tagged(part: str = "train") -> list[tuple[str, str]]:
    """The book's tagged novels, as pairs of a word in lower case and its tag.

    The tags are those of the Penn Treebank, but for the quotation marks, whose tags are OPEN and CLOSE here.

    Args:
        part: 'train' (*Pride and Prejudice* and most of *Emma*) or 'heldout' (the beginning of *Persuasion*).

    Returns:
        The words in order, paragraph after paragraph.

    Raises:
        ValueError: Another part.
    """
    if part not in ("train", "heldout"):
        raise ValueError(f"part: expected 'train' or 'heldout', got {part!r}")
    found = parse_tagged(book_file(f"data/english/{part}.txt.xz"))
    return [(word, _QUOTES.get(tag, tag)) for word, tag in found]


def parse_tagged(path: Path) -> list[tuple[str, str]]:
    """Read ``word/TAG word/TAG …`` from a text file, which may be packed with xz.

    Args:
        path: The file.

    Returns:
        The pairs, in order.

    Raises:
        ValueError: A token without a tag; the message gives its line.
    """
    packed = path.read_bytes()
    text = (lzma.decompress(packed) if path.suffix == ".xz" else packed).decode()
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for token in line.split():
            word, slash, tag = token.rpartition("/")
            if not (word and slash and tag):
                raise ValueError(f"{path.name}: expected word/TAG, got {token!r} in line {number}")
            found.append((word, tag))
    return found


def tagged_text(
    pairs: Sequence[tuple[str, str]], *, fewest: int = 1, like: TaggedText | None = None
) -> TaggedText:
    """Number the words and tags of a text.

    Args:
        pairs: Words and their tags, in order.
        fewest: Tags with fewer occurrences than this become `OTHER_TAG`.
        like: Take vocabulary and tag set from this text instead, to count a second text in its terms.

    Returns:
        The text. Words that are as frequent as one another are in the order of their first occurrence.

    Raises:
        TypeError: `fewest` is no integer.
        ValueError: No pairs, `fewest` is not positive, or `like` has no `OTHER_TAG` for a new tag.
    """
    if not pairs:
        raise ValueError("pairs: expected at least one word with its tag, got none")
    fewest = check_positive_int(fewest, "fewest")
    if like is None:
        vocabulary = (*_by_frequency(word for word, _ in pairs if word != OTHER_WORD), OTHER_WORD)
        counts = Counter(tag for _, tag in pairs)
        tags = tuple(tag for tag, count in counts.most_common() if count >= fewest)
        tags += (OTHER_TAG,) if len(tags) < len(counts) else ()
    else:
        vocabulary, tags = like.words, like.tags
    word_of = {word: i for i, word in enumerate(vocabulary)}
    tag_of = {tag: i for i, tag in enumerate(tags)}
    strange = next((tag for _, tag in pairs if tag not in tag_of), None)
    if strange is not None and OTHER_TAG not in tag_of:
        raise ValueError(f"like: expected a tag set with {strange!r} or {OTHER_TAG!r}")
    last, other = len(vocabulary) - 1, tag_of.get(OTHER_TAG, 0)
    tokens = np.array([word_of.get(word, last) for word, _ in pairs])
    states = np.array([tag_of.get(tag, other) for _, tag in pairs])
    return TaggedText(vocabulary, tags, tokens, states)


def bigram_law(tokens: np.ndarray, n_words: int) -> tuple[np.ndarray, np.ndarray]:
    """The probability of a word, and of a word given the word before, from counts.

    The second is interpolated with the first as Witten and Bell do: after a word that has been followed by k
    different words in n places, a new follower is given the share k/(n + k). The first counts every word once
    more than it occurs.

    Args:
        tokens: A text, integers 0 … V − 1, shape (n,).
        n_words: V.

    Returns:
        P[x], shape (V,), and P[x' | x] with x as the row, shape (V, V).

    Raises:
        TypeError: `n_words` is no integer.
        ValueError: `n_words` is not positive, or a token is out of range.
    """
    n_words = check_positive_int(n_words, "n_words")
    if tokens.min() < 0 or tokens.max() >= n_words:
        raise ValueError(f"tokens: expected integers from 0 to {n_words - 1}, got up to {tokens.max()}")
    single = np.bincount(tokens, minlength=n_words) + 1.0
    single /= single.sum()
    counts = _pairs(tokens[:-1], tokens[1:], n_words, n_words)
    kinds = np.maximum((counts > 0).sum(1, keepdims=True), 1)
    return single, (counts + kinds * single) / (counts.sum(1, keepdims=True) + kinds)


def between(tokens: np.ndarray, law: np.ndarray, first: np.ndarray) -> np.ndarray:
    """How probable each word of a text is given the others, under a Markov chain of words.

    Args:
        tokens: The text, integers 0 … V − 1, shape (n,), n ≥ 3.
        law: P[x' | x], x as the row, shape (V, V).
        first: P[x] of the first word; not read for the words returned, but for their number V.

    Returns:
        P[x_i | x_{i−1}, x_{i+1}] for all words but the first and the last, shape (n − 2,).

    Raises:
        ValueError: Fewer than three words, or shapes that do not fit.
    """
    if len(tokens) < 3:
        raise ValueError(f"tokens: expected at least three, got {len(tokens)}")
    if law.shape != (len(first), len(first)):
        raise ValueError(f"law: expected shape {(len(first), len(first))}, got {law.shape}")
    left, here, right = tokens[:-2], tokens[1:-1], tokens[2:]
    found = law[left, here] * law[here, right]
    across = np.empty(len(here))
    backwards = np.ascontiguousarray(law.T)
    for start in range(0, len(here), 512):
        rows = slice(start, start + 512)
        across[rows] = np.einsum("ij,ij->i", law[left[rows]], backwards[right[rows]])
    probs: np.ndarray = found / across
    return probs


def _pairs(first: np.ndarray, second: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Counts of pairs, float64, shape (rows, columns)."""
    return (
        np.bincount(first * columns + second, minlength=rows * columns).reshape(rows, columns).astype(float)
    )


def _smoothed(counts: np.ndarray, alpha: float) -> np.ndarray:
    everywhere = counts.sum(0) + 1.0
    mixed = counts + alpha * everywhere / everywhere.sum()
    shares: np.ndarray = mixed / mixed.sum(1, keepdims=True)
    return shares


def _by_frequency(words: Iterable[str]) -> list[str]:
    return [word for word, _ in Counter(words).most_common()]
