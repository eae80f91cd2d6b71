"""BM25: the score of words in common that search engines start from (Robertson and Zaragoza 2009)."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib._checks import check_fraction, check_positive, check_positive_int
from hmmlib._texts import check_words


def bm25(document_keys: Tensor, key: Tensor, n_words: int, *, k1: float = 1.2, b: float = 0.75) -> Tensor:
    """Score documents by the words that they share with questions; rare words count for more.

    Args:
        document_keys: Words of the documents, integers 0 … `n_words` − 1, shape (E, L).
        key: Words of the questions, shape (n, L').
        n_words: Size of the vocabulary.
        k1: How soon a word that is repeated counts no more, > 0.
        b: How much long documents are marked down, 0 … 1; documents of one length are all treated alike.

    Returns:
        Scores, float64, shape (n, E); 0 where no word is shared.

    Raises:
        TypeError: Words that are no integers.
        ValueError: A number or a word out of range, or no word.
    """
    n_words = check_positive_int(n_words, "n_words")
    k1, b = check_positive(k1, "k1"), check_fraction(b, "b")
    counts, asked = (
        _counts(check_words(words, n_words, name), n_words)
        for words, name in ((document_keys, "document_keys"), (key, "key"))
    )
    having = (counts > 0).sum(0)
    rarity = (1 + (len(counts) - having + 0.5) / (having + 0.5)).log()
    length = counts.sum(1, keepdim=True)
    worth = counts * (k1 + 1) / (counts + k1 * (1 - b + b * length / length.mean()))
    # Scores that are the same are so to the last digit, in whatever order their terms were added.
    return (asked @ (rarity * worth).T).round(decimals=12)


def _counts(words: Tensor, n_words: int) -> Tensor:
    return torch.zeros(len(words), n_words, dtype=torch.float64).scatter_add_(
        1, words, torch.ones_like(words, dtype=torch.float64)
    )
