"""All texts of a process, with their exact probabilities."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import check_fraction, check_positive_int
from hmmlib._display import compact_repr
from hmmlib.processes.states import StateGraph, state_graph
from hmmlib.processes.trees import ProcessTree, check_tree

# More would not be learnt from one by one.
_MOST_VARIANTS = 100_000


class Variants(NamedTuple):
    """Texts of a process, in lexicographic order of their tokens.

    Attributes:
        tokens: Each text, END, and END again up to the common length, int64, shape (n, L).
        lengths: Tokens up to the first END and with it, int64, shape (n,).
        probs: Exact probabilities, double precision, shape (n,). They sum to one, unless longer texts were
            left away.
        names: Name of each token; END is the last.
    """

    tokens: Tensor
    lengths: Tensor
    probs: Tensor
    names: tuple[str, ...]

    def __repr__(self) -> str:
        return compact_repr(self)

    @property
    def tail(self) -> float:
        """Probability of all texts that are not among these."""
        return max(0.0, 1 - float(self.probs.sum()))


def variants(tree: ProcessTree, *, tail: float = 0.0, max_length: int | None = None) -> Variants:
    """List the texts of a process.

    Example:
        >>> from hmmlib.processes import act, seq, variants, xor
        >>> found = variants(seq(act("a"), xor(act("b"), act("c"))))
        >>> found.tokens.tolist(), found.probs.tolist()
        ([[0, 1, 3], [0, 2, 3]], [0.5, 0.5])

    Args:
        tree: The process.
        tail: Texts are listed up to the length beyond which there is no more probability than this; at least
            0 and below 1.
        max_length: The same by number of activities.

    Returns:
        The texts, all of them if neither is given.

    Raises:
        TypeError: Not a process tree, no number, or a length that is not an integer.
        ValueError: A tree with no activity, or with very many states or texts; neither a tail nor a length
            for one with loops, or both; or a length that no text has.
    """
    graph = state_graph(check_tree(tree))
    tail = check_fraction(tail, "tail", below_one=True)
    longest = None if max_length is None else check_positive_int(max_length, "max_length", 0)
    if tail and longest is not None:
        raise ValueError(f"max_length: expected none where a tail is given, got {longest}")
    if tree.has_loop and not tail and longest is None:
        raise ValueError("max_length: expected one, or a tail above 0, as the tree has a loop")
    if tail:
        longest = _length_beyond(graph, tail)
    texts, probs = _texts(graph, longest)
    if not texts:
        raise ValueError(f"max_length: expected the length of a text or more, got {longest}")
    ends = torch.tensor([len(text) for text in texts], device="cpu")
    end, longest_text = len(graph.names) - 1, int(ends.max())
    padded = [text + (end,) * (longest_text - len(text)) for text in texts]
    return Variants(
        torch.tensor(padded, device="cpu"),
        ends,
        torch.tensor(probs, dtype=torch.float64, device="cpu"),
        graph.names,
    )


def _moved(graph: StateGraph, belief: dict[int, float]) -> dict[int, float]:
    """Probability of each state one move on."""
    found: dict[int, float] = {}
    for state, prob in belief.items():
        for following, chance in graph.after[state].items():
            found[following] = found.get(following, 0.0) + prob * chance
    return found


def _length_beyond(graph: StateGraph, tail: float) -> int:
    """The least number of activities beyond which there are only texts of this probability together."""
    end, length, belief = len(graph.states) - 1, 0, dict(graph.start)
    while True:
        belief.pop(end, None)  # texts of `length` activities
        if sum(belief.values()) <= tail:
            return length
        belief, length = _moved(graph, belief), length + 1


def _texts(graph: StateGraph, longest: int | None) -> tuple[list[tuple[int, ...]], list[float]]:
    """Texts with their END, by beginnings that grow; the belief of each is P[beginning, state]."""
    end = len(graph.names) - 1
    texts: list[tuple[int, ...]] = []
    probs: list[float] = []
    waiting: list[tuple[tuple[int, ...], dict[int, float]]] = [((), graph.start)]
    while waiting:
        text, belief = waiting.pop()
        by_token: dict[int, dict[int, float]] = {}
        for state, prob in belief.items():
            by_token.setdefault(graph.tokens[state], {})[state] = prob
        if end in by_token:
            texts.append((*text, end))
            probs.append(sum(by_token.pop(end).values()))
            if len(texts) > _MOST_VARIANTS:
                raise ValueError(f"tree: expected at most {_MOST_VARIANTS} texts, got more")
        if longest is None or len(text) < longest:
            waiting += [((*text, token), _moved(graph, part)) for token, part in by_token.items()]
    order = sorted(range(len(texts)), key=texts.__getitem__)
    return [texts[i] for i in order], [probs[i] for i in order]
