"""The HMM of a process tree: its hidden state is the marking, with the activity that led to it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch

from hmmlib.hmm import HMM
from hmmlib.processes.trees import ProcessTree, check_tree, skip

END = "END"
"""The token that ends every text, and fills the places after its end."""

# The HMM's matrix has the square of this many numbers.
_MOST_STATES = 4096


class ProcessState(NamedTuple):
    """A hidden state of a process.

    Attributes:
        activity: What has just happened; 'END' at the end.
        rest: The marking: what is left of the process.
    """

    activity: str
    rest: ProcessTree


class StateGraph(NamedTuple):
    """All states that a process can come to, and how it moves among them.

    Attributes:
        names: Name of each token; 'END' is the last.
        states: The states; the end is the last.
        tokens: Token of each state.
        start: Probability of each first state.
        after: Probability of each state that follows, for each state.
    """

    names: tuple[str, ...]
    states: tuple[ProcessState, ...]
    tokens: tuple[int, ...]
    start: dict[int, float]
    after: tuple[dict[int, float], ...]


@lru_cache(maxsize=64)
def state_graph(tree: ProcessTree) -> StateGraph:
    """Find all states of a process.

    Args:
        tree: A tree with an activity.

    Returns:
        The graph.

    Raises:
        ValueError: More states than an HMM can have here.
    """
    end = ProcessState(END, skip())
    numbers: dict[ProcessState, int] = {}
    found = [tree]
    laws: list[dict[ProcessState, float]] = []
    # States are numbered as they are found, and `found` grows on the way.
    for rest in found:
        moves = [ProcessState(*move) for move in rest.moves()]
        if rest.can_end:
            moves.append(end)
        law: dict[ProcessState, float] = {}
        for state in moves:
            law[state] = law.get(state, 0.0) + 1 / len(moves)
            if state != end and state not in numbers:
                numbers[state] = len(numbers)
                found.append(state.rest)
        laws.append(law)
        if len(numbers) >= _MOST_STATES:
            raise ValueError(f"tree: expected fewer than {_MOST_STATES} states, got more")
    numbers[end] = len(numbers)
    laws.append({end: 1.0})
    start, *after = ({numbers[state]: prob for state, prob in law.items()} for law in laws)
    names = (*tree.activities, END)
    states = tuple(numbers)
    tokens = tuple(names.index(state.activity) for state in states)
    return StateGraph(names, states, tokens, start, tuple(after))


def to_hmm(tree: ProcessTree) -> tuple[HMM, tuple[str, ...]]:
    """The HMM of a process.

    Its hidden state is the marking, with the activity that led to it, and emits this activity: see
    `process_states`. Of all moves that are possible, the end among them, each is as probable. The end goes on
    for ever, and emits END.

    Example:
        >>> from hmmlib.processes import act, parallel, seq, to_hmm
        >>> to_hmm(seq(act("a"), parallel(act("b"), act("c"))))
        (HMM(n_states=6, n_tokens=4), ('a', 'b', 'c', 'END'))

    Args:
        tree: The process.

    Returns:
        The HMM, and the names of its tokens; END is the last.

    Raises:
        TypeError: Not a process tree.
        ValueError: A tree with no activity, or with very many states.
    """
    graph = state_graph(check_tree(tree))
    count = len(graph.states)
    initial = torch.zeros(count, dtype=torch.float64, device="cpu")
    transition, emission = initial.new_zeros(count, count), initial.new_zeros(count, len(graph.names))
    for state, prob in graph.start.items():
        initial[state] = prob
    for state, law in enumerate(graph.after):
        emission[state, graph.tokens[state]] = 1
        for following, prob in law.items():
            transition[state, following] = prob
    return HMM(initial, transition, emission), graph.names


def process_states(tree: ProcessTree) -> tuple[ProcessState, ...]:
    """What the hidden states of a process's HMM mean.

    Args:
        tree: The process.

    Returns:
        The states of `to_hmm`, in their order; the end is the last.

    Raises:
        TypeError: Not a process tree.
        ValueError: A tree with no activity, or with very many states.
    """
    return state_graph(check_tree(tree)).states
