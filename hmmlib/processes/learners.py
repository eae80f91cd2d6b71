"""Learners that count: what follows the last few activities, and what follows each marking."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_positive_int
from hmmlib.processes._door import check_texts, check_weights, up_to_end
from hmmlib.processes.states import state_graph
from hmmlib.processes.trees import ProcessTree, check_tree

_Pair: TypeAlias = tuple[Hashable, int]
"""What comes before, and what after it."""


class _Shares:
    """How often each of several things follows each of several others, as shares."""

    def __init__(self) -> None:
        self._counts: dict[Hashable, dict[int, float]] = {}

    def add(self, pairs: Sequence[_Pair], weight: float) -> None:
        for before, after in pairs:
            row = self._counts.setdefault(before, {})
            row[after] = row.get(after, 0.0) + weight

    def log_prob(self, pairs: Sequence[_Pair]) -> Tensor:
        rows = [(self._counts.get(before, {}), after) for before, after in pairs]
        shares = [row[after] / sum(row.values()) if after in row else 0.0 for row, after in rows]
        return torch.tensor(shares, dtype=torch.float64, device="cpu").log().sum()


class NgramProcess:
    """The next activity depends on the last few: maximum likelihood, without smoothing.

    Example:
        >>> from hmmlib.processes import NgramProcess
        >>> model = NgramProcess([[0, 1, 2], [0, 0, 2]], order=2, n_tokens=3)
        >>> model.log_probs([[0, 1, 2], [0, 2, 2], [1, 2, 2]]).exp().numpy().round(3)
        array([0.333, 0.333, 0.   ])

    Args:
        tokens: Texts to count, END-padded, integers 0 … n_tokens − 1, shape (n, L).
        weights: How much each text counts, at least 0, shape (n,); all the same if not given.
        order: Activities that are looked at, the next one with them, at least 1. At the beginning of a text
            there are fewer, and that it is the beginning is seen.
        n_tokens: Size of the vocabulary; END is the last token.

    Raises:
        TypeError: Tokens or sizes that are not integers, or weights that are no numbers.
        ValueError: Wrong shapes, tokens out of range or after END, a weight below 0, or none above 0.
    """

    def __init__(
        self, tokens: ArrayLike, weights: ArrayLike | None = None, *, order: int, n_tokens: int
    ) -> None:
        self.order, self.n_tokens = (
            check_positive_int(order, "order"),
            check_positive_int(n_tokens, "n_tokens"),
        )
        texts = check_texts(tokens, self.n_tokens)
        self._shares = _Shares()
        for pairs, weight in zip(
            self._pairs(texts), check_weights(weights, len(texts)).tolist(), strict=True
        ):
            if weight:
                self._shares.add(pairs, weight)

    def __repr__(self) -> str:
        return f"NgramProcess(order={self.order}, n_tokens={self.n_tokens})"

    def log_probs(self, tokens: ArrayLike) -> Tensor:
        """Log-probabilities of texts.

        Args:
            tokens: Integers 0 … n_tokens − 1, END-padded, shape (n, L). A text without END is a beginning.

        Returns:
            Nats, double precision, shape (n,); −inf for what was never seen.

        Raises:
            TypeError: No integers.
            ValueError: Wrong shape, or tokens out of range or after END.
        """
        texts = check_texts(tokens, self.n_tokens)
        return torch.stack([self._shares.log_prob(pairs) for pairs in self._pairs(texts)])

    def _pairs(self, texts: Tensor) -> list[list[_Pair]]:
        """The tokens before, and the token, at each place of each text."""
        begin = (self.n_tokens,) * (self.order - 1)  # no token, before the first
        lengths = up_to_end(texts, self.n_tokens).sum(1).tolist()
        found: list[list[_Pair]] = []
        for text, length in zip(texts.tolist(), lengths, strict=True):
            whole = (*begin, *text)
            found.append([(whole[i : i + self.order - 1], text[i]) for i in range(length)])
        return found


class MarkingCounts:
    """A learner that knows which markings a process has, and counts what follows each of them.

    A marking is what is left of the process; which activity led to it does not matter. So the learner knows
    all of the structure, and nothing of the probabilities: these are of maximum likelihood, not smoothed.

    Args:
        tree: The process. Its texts have to tell the marking: no marking may be followed by two of the same
            activity.
        tokens: Texts of the process to count, tokens as of `to_hmm`, END-padded, shape (n, L).
        weights: How much each text counts, at least 0, shape (n,); all the same if not given.

    Raises:
        TypeError: Not a process tree, tokens that are not integers, or weights that are no numbers.
        ValueError: A tree whose texts do not tell the marking, wrong shapes, tokens out of range or after
            END, a text that the process does not have, a weight below 0, or none above 0.
    """

    def __init__(self, tree: ProcessTree, tokens: ArrayLike, weights: ArrayLike | None = None) -> None:
        graph = state_graph(check_tree(tree))
        self.tree, self.n_tokens = tree, len(graph.names)
        numbers = {tree: 0}
        for state in graph.states:
            numbers.setdefault(state.rest, len(numbers))
        self._following: list[dict[int, int]] = [{} for _ in numbers]
        moves = zip(
            (tree, *(state.rest for state in graph.states[:-1])), (graph.start, *graph.after), strict=False
        )
        for marking, law in moves:
            following = {(graph.tokens[state], numbers[graph.states[state].rest]) for state in law}
            self._following[numbers[marking]] = dict(following)
            if len(self._following[numbers[marking]]) < len(following):
                raise ValueError(
                    f"tree: expected one whose texts tell the marking, got {tree}, where one marking is "
                    "followed by two of the same activity"
                )
        texts = check_texts(tokens, self.n_tokens)
        self._shares = _Shares()
        weighed = zip(self._pairs(texts), check_weights(weights, len(texts)).tolist(), strict=True)
        for row, (pairs, weight) in enumerate(weighed):
            if pairs is None:
                raise ValueError(f"tokens: expected texts of the process, row {row} is none")
            if weight:
                self._shares.add(pairs, weight)

    def __repr__(self) -> str:
        return f"MarkingCounts({self.tree})"

    def log_probs(self, tokens: ArrayLike) -> Tensor:
        """Log-probabilities of texts.

        Args:
            tokens: Tokens as of `to_hmm`, END-padded, shape (n, L). A text without END is a beginning.

        Returns:
            Nats, double precision, shape (n,); −inf for what the process does not have, and for moves that
            were never seen.

        Raises:
            TypeError: No integers.
            ValueError: Wrong shape, or tokens out of range or after END.
        """
        texts = check_texts(tokens, self.n_tokens)
        impossible = torch.tensor(-torch.inf, dtype=torch.float64, device="cpu")
        return torch.stack(
            [impossible if pairs is None else self._shares.log_prob(pairs) for pairs in self._pairs(texts)]
        )

    def _pairs(self, texts: Tensor) -> list[list[_Pair] | None]:
        """The marking before each token of each text, and the token; None where one is impossible."""
        lengths = up_to_end(texts, self.n_tokens).sum(1).tolist()
        return [self._path(text[:length]) for text, length in zip(texts.tolist(), lengths, strict=True)]

    def _path(self, text: list[int]) -> list[_Pair] | None:
        pairs: list[_Pair] = []
        marking = 0
        for token in text:
            if token not in self._following[marking]:
                return None
            pairs.append((marking, token))
            marking = self._following[marking][token]
        return pairs
