"""The running example of the book's theory: an HMM that writes reviews, small enough to read and to draw."""

from __future__ import annotations

from hmmlib.hmm.vanilla import HMM

REVIEW_WORDS = ("plot", "great", "dull")
"""The tokens 0, 1 and 2 of `review_hmm`."""

REVIEW_STATES = ("describe", "praise", "complain", "quote")
"""The hidden states of `review_hmm`: what the reviewer is doing; the last one only with `quotes`."""


def review_hmm(*, quotes: bool = False) -> HMM:
    """An HMM that writes reviews: the reviewer describes, praises or complains, and may quote others.

    A describing reviewer mostly writes ``plot``, a praising one ``great`` and a complaining one ``dull``; the
    three emission columns are independent, as the paper's Section 3 asks. One who quotes others writes the
    two opinions equally often: the mean of praise and complaint, so that four states share three columns.

    Example:
        >>> from hmmlib.hmm import REVIEW_WORDS, review_hmm
        >>> hmm = review_hmm()
        >>> dict(zip(REVIEW_WORDS, hmm.emission[1].tolist()))
        {'plot': 0.2, 'great': 0.7, 'dull': 0.1}

    Args:
        quotes: Whether there is the fourth state, in which others are quoted.

    Returns:
        The model, of 3 or 4 states (`REVIEW_STATES`) and 3 tokens (`REVIEW_WORDS`). All its probabilities are
        tenths, so that it can be computed with by hand.

    Raises:
        TypeError: `quotes` is not a bool.
    """
    if not isinstance(quotes, bool):
        raise TypeError(f"quotes: expected True or False, got {quotes!r}")
    if not quotes:
        return HMM(
            initial=[0.4, 0.3, 0.3],
            transition=[[0.4, 0.3, 0.3], [0.4, 0.5, 0.1], [0.4, 0.1, 0.5]],
            emission=[[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.2, 0.1, 0.7]],
        )
    return HMM(
        initial=[0.3, 0.3, 0.3, 0.1],
        transition=[[0.4, 0.2, 0.2, 0.2], [0.3, 0.5, 0.1, 0.1], [0.3, 0.1, 0.5, 0.1], [0.2, 0.2, 0.2, 0.4]],
        emission=[[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.2, 0.1, 0.7], [0.2, 0.4, 0.4]],
    )
