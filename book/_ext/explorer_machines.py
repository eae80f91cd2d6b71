"""The machines that the live explorer starts from: those of the chapters, as plain numbers.

Each is built with hmmlib, which checks it, and handed to the page as JSON. Nothing is computed here that
the reader's browser could show: posteriors and heads are the explorer's own work.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from hmmlib import HMM, MemoryHMM
from hmmlib.hmm import REVIEW_STATES, REVIEW_WORDS, review_hmm

Machine = dict[str, Any]


def _plain(hmm: HMM, title: str, *, mu: Sequence[float], text: str, prompt: Sequence[float]) -> Machine:
    """A vanilla HMM over the first letters of the alphabet."""
    letters = string.ascii_lowercase[: hmm.n_tokens]
    return {
        "title": title,
        "tokens": list(letters),
        "states": [f"{state}" for state in range(hmm.n_states)],
        "initial": hmm.initial.tolist(),
        "transition": hmm.transition.tolist(),
        "emission": hmm.emission.tolist(),
        "mu": list(mu),
        "prompt": list(prompt),
        "text": [letters.index(letter) for letter in text],
    }


def letters() -> Machine:
    """Chapter 1: three states that write a, b, c, d in turn.

    Returns:
        The machine.
    """
    hmm = HMM(
        initial=[1.0, 0.0, 0.0],
        transition=[[0.7, 0.3, 0.0], [0.0, 0.7, 0.3], [0.4, 0.0, 0.6]],
        emission=[[0.9, 0.1, 0.0, 0.0], [0.0, 0.8, 0.2, 0.0], [0.0, 0.0, 0.3, 0.7]],
    )
    title = "chapter 1: three states, four tokens"
    return _plain(hmm, title, mu=[1, -1, 0], text="aabbcdcdabbc", prompt=[1, 0, 0])


def head() -> Machine:
    """Chapter 2: the slow reviewer; as many states as words, so that a head can read every margin.

    Returns:
        The machine.
    """
    quick = review_hmm()
    stay = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.2, 0.1, 0.7]]
    hmm = HMM(quick.initial, stay, quick.emission)
    title = "chapter 2: three states, three tokens"
    return _plain(hmm, title, mu=[0.0, 1.0, -1.0], text="babcbaacabba", prompt=[1, 1, 0])


def prompt() -> Machine:
    """Chapter 4: five states and three tokens; a prompt leaves three of the states.

    Returns:
        The machine.
    """
    hmm = HMM(
        initial=[0.2] * 5,
        transition=[
            [0.5, 0.0, 0.0, 0.0, 0.5],
            [0.2, 0.0, 0.0, 0.8, 0.0],
            [0.5, 0.0, 0.5, 0.0, 0.0],
            [0.0, 0.8, 0.0, 0.0, 0.2],
            [0.7, 0.0, 0.0, 0.0, 0.3],
        ],
        emission=[[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.4, 0.4, 0.2], [0.2, 0.2, 0.6], [0.1, 0.1, 0.8]],
    )
    title = "chapter 4: five states, three tokens"
    return _plain(hmm, title, mu=[1, 0, 0, 0, -1], text="aaacacac", prompt=[0, 0, 0, 1, 1])


def reviews(*, quotes: bool = False) -> Machine:
    """The running example: the reviewer describes, praises or complains, and may quote others.

    Args:
        quotes: Whether there is the fourth state.

    Returns:
        The machine, with the running task: praising rather than complaining.
    """
    hmm = review_hmm(quotes=quotes)
    names = REVIEW_STATES[: hmm.n_states]
    text = ("great", "plot", "great", "dull", "plot", "great")
    return {
        "title": f"reviews: {', '.join(names)}",
        "tokens": list(REVIEW_WORDS),
        "states": list(names),
        "initial": hmm.initial.tolist(),
        "transition": hmm.transition.tolist(),
        "emission": hmm.emission.tolist(),
        "mu": [0, 1, -1, 0][: hmm.n_states],
        "prompt": [1.0] * hmm.n_states,
        "text": [REVIEW_WORDS.index(word) for word in text],
    }


def quotes() -> Machine:
    """The running example with its fourth state, so that there are more states than tokens.

    Returns:
        The machine.
    """
    return reviews(quotes=True)


NOUNS = {
    "sea": {"boat": 0.5, "horse": 0.1, "light": 0.4},
    "farm": {"boat": 0.2, "horse": 0.5, "light": 0.3},
    "town": {"boat": 0.3, "horse": 0.2, "light": 0.5},
}
ADJECTIVES = {
    "calm": {"calm": 0.8, "light": 0.2},
    "grim": {"cold": 0.8, "light": 0.2},
    "torn": {"calm": 0.4, "cold": 0.4, "light": 0.2},
}
TEXT = ("light", "is", "cold", "the", "boat", "and", "calm", "light", "is", "light")
KINDS = ("article", "noun", "link", "adjective")


def memory_hmm() -> tuple[MemoryHMM, list[str]]:
    """The machine of chapter 5 and its words.

    Returns:
        The machine, with cells scene and mood, and the words in the order of the tokens.
    """
    pairs = list(zip(NOUNS.values(), ADJECTIVES.values(), strict=True))
    laws = [[[{"the": 1.0}, noun], [{"is": 0.5, "and": 0.5}, mood]] for noun, mood in pairs]
    words = list(dict.fromkeys(w for value in laws for cell in value for law in cell for w in law))
    emission = [[[[law.get(w, 0.0) for w in words] for law in cell] for cell in value] for value in laws]
    moves = [[0, 1, 0, 0], [0.2, 0, 0.8, 0], [0, 0.3, 0, 0.7], [0.5, 0.2, 0.3, 0]]
    start = torch.full([len(pairs), len(pairs), 2, 2], 1 / (4 * len(pairs) ** 2), dtype=torch.float64)
    return MemoryHMM(start, moves, emission), words


def memory() -> Machine:
    """Chapter 5: a scene and a mood, kept for the whole text.

    Returns:
        The machine; emission columns have the index (m·N + j)·|𝒮| + s.
    """
    model, words = memory_hmm()
    per_value = model.n_cells * model.n_syntax
    names: tuple[Sequence[str], Sequence[str]] = (list(NOUNS), list(ADJECTIVES))
    return {
        "title": "chapter 5: a scene and a mood",
        "tokens": words,
        "states": list(KINDS),
        "initial": model.initial.flatten().tolist(),
        "transition": model.transition.tolist(),
        "emission": _columns(model.emission),
        "mu": [1.0, -1.5, 0.8],
        "text": [words.index(word) for word in TEXT],
        "memory": {
            "nValues": model.n_values,
            "nCells": model.n_cells,
            "nSyntax": model.n_syntax,
            "cell": 0,
            "name": "scene",
            "values": list(NOUNS),
            "kinds": [
                {
                    "name": kind,
                    "columns": [value * per_value + state for value in range(model.n_values)],
                    "labels": names[state // model.n_syntax],
                }
                for state, kind in enumerate(KINDS)
            ],
        },
    }


def _columns(emission: Tensor) -> list[list[float]]:
    rows: list[list[float]] = emission.flatten(0, 2).tolist()
    return rows


def _hand(title: str, text: str, *, initial: Sequence[int], transition: Any, emission: Any) -> Machine:
    """A small HMM over the first letters, whose parameters are whole tenths; a dot in the text is a blank."""
    tables = (torch.tensor(table, dtype=torch.float64) / 10 for table in (initial, transition, emission))
    hmm = HMM(*tables)
    letters = string.ascii_lowercase[: hmm.n_tokens]
    return {
        "title": title,
        "tokens": list(letters),
        "states": [f"{state}" for state in range(hmm.n_states)],
        "initial": list(initial),
        "transition": transition,
        "emission": emission,
        "text": [letters.find(letter) for letter in text],
    }


def two_tokens() -> Machine:
    """Two states and two tokens: by hand.

    Returns:
        The machine; its parameters are counts of tenths, and -1 in the text is a blank.
    """
    return _hand(
        "two states, two tokens",
        ".aab",
        initial=[5, 5],
        transition=[[7, 3], [2, 8]],
        emission=[[8, 2], [3, 7]],
    )


def three_tokens() -> Machine:
    """Two states and three tokens, one of which tells nothing: by hand.

    Returns:
        The machine; its parameters are counts of tenths, and -1 in the text is a blank.
    """
    return _hand(
        "two states, three tokens",
        ".abc",
        initial=[6, 4],
        transition=[[9, 1], [4, 6]],
        emission=[[6, 3, 1], [2, 3, 5]],
    )


MACHINES: dict[str, Callable[[], Machine]] = {
    "letters": letters,
    "head": head,
    "prompt": prompt,
    "memory": memory,
    "reviews": reviews,
    "quotes": quotes,
}
"""The machines by the names that the directives know."""

HAND_MACHINES: dict[str, Callable[[], Machine]] = {"two-tokens": two_tokens, "three-tokens": three_tokens}
"""The machines to compute with by hand: all their parameters are whole tenths."""
