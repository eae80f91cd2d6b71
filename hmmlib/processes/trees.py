"""Process trees: expressions that say which activities may follow each other, and what is left after each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hmmlib._checks import check_kind

Kind = Literal["skip", "act", "seq", "xor", "parallel", "loop", "repeat"]


@dataclass(frozen=True)
class ProcessTree:
    """A process, or what is left of one: made by `act`, `seq`, `xor`, `parallel`, `loop` and `skip`.

    Two of them are equal if they are written alike. They can be keys of a dictionary.

    Attributes:
        kind: What the tree is at its root; 'repeat' is what is left of a loop after its body.
        activity: Name of the activity of an 'act', empty for all else.
        parts: The trees below.
    """

    kind: Kind
    activity: str = ""
    parts: tuple[ProcessTree, ...] = ()

    def __repr__(self) -> str:
        if self.kind == "act":
            return self.activity
        return f"{self.kind}({', '.join(map(repr, self.parts))})"

    @property
    def activities(self) -> tuple[str, ...]:
        """Names of all activities, each once, in the order in which they are first written."""
        if self.kind == "act":
            return (self.activity,)
        return tuple(dict.fromkeys(name for part in self.parts for name in part.activities))

    @property
    def has_loop(self) -> bool:
        """Whether the process can go on for ever."""
        return self.kind in ("loop", "repeat") or any(part.has_loop for part in self.parts)

    @property
    def can_end(self) -> bool:
        """Whether the process may end now, without another activity."""
        if self.kind in ("act", "loop"):  # the body of a loop has something to do
            return False
        if self.kind == "xor":
            return any(part.can_end for part in self.parts)
        return self.kind == "repeat" or all(part.can_end for part in self.parts)

    def moves(self) -> tuple[tuple[str, ProcessTree], ...]:
        """What may happen next, and what is left after it: the derivatives of Brzozowski (1964).

        Where activities have the same name there are several moves of that name, as many as ways to make
        them (Antimirov 1996).

        Returns:
            Pairs of an activity's name and a tree.
        """
        if self.kind == "act":
            return ((self.activity, skip()),)
        if self.kind == "seq":
            first, rest = self.parts[0], seq(*self.parts[1:])
            found = tuple((name, seq(left, rest)) for name, left in first.moves())
            return found + (rest.moves() if first.can_end else ())
        if self.kind == "xor":
            return tuple(move for part in self.parts for move in part.moves())
        if self.kind == "parallel":
            return tuple(
                (name, parallel(*self.parts[:i], left, *self.parts[i + 1 :]))
                for i, part in enumerate(self.parts)
                for name, left in part.moves()
            )
        if self.kind == "loop":
            body, redo = self.parts
            again = ProcessTree("repeat", parts=(seq(redo, body),))
            return tuple((name, seq(left, again)) for name, left in body.moves())
        if self.kind == "repeat":
            return tuple((name, seq(left, self)) for name, left in self.parts[0].moves())
        return ()


def act(activity: str) -> ProcessTree:
    """A single activity.

    Args:
        activity: Its name, any word but 'END'.

    Returns:
        The tree.

    Raises:
        TypeError: No word.
        ValueError: An empty word, or 'END', which ends every text.
    """
    check_kind(activity, str, "activity", "the name of an activity")
    if activity in ("", "END"):
        raise ValueError(f"activity: expected a word other than 'END', got {activity!r}")
    return ProcessTree("act", activity)


def skip() -> ProcessTree:
    """Nothing at all: a choice between an activity and this is that activity, or not.

    Returns:
        The tree.
    """
    return ProcessTree("skip")


def seq(first: ProcessTree, *others: ProcessTree) -> ProcessTree:
    """One after the other.

    Args:
        first: What comes first.
        *others: What follows.

    Returns:
        The tree; without what is nothing, and with sequences inside of it taken apart.

    Raises:
        TypeError: Not a process tree.
    """
    return _flat("seq", _checked(first, others))


def parallel(first: ProcessTree, *others: ProcessTree) -> ProcessTree:
    """All of these, side by side: their activities come in any order that each of them allows.

    Args:
        first: One of them.
        *others: The others.

    Returns:
        The tree; without what is nothing, and with those side by side inside of it taken apart.

    Raises:
        TypeError: Not a process tree.
    """
    return _flat("parallel", _checked(first, others))


def xor(first: ProcessTree, *others: ProcessTree) -> ProcessTree:
    """One of these; which one, its first activity decides.

    Args:
        first: One of them.
        *others: The others.

    Returns:
        The tree.

    Raises:
        TypeError: Not a process tree.
    """
    parts = _checked(first, others)
    return parts[0] if len(parts) == 1 else ProcessTree("xor", parts=parts)


def loop(body: ProcessTree, redo: ProcessTree | None = None) -> ProcessTree:
    """A body, and then any number of times something between and the body again.

    Args:
        body: What is repeated.
        redo: What comes between; nothing if not given.

    Returns:
        The tree.

    Raises:
        TypeError: Not a process tree.
        ValueError: A body that can be nothing: such a loop could go round for ever without an activity.
    """
    check_kind(body, ProcessTree, "body", "a process tree")
    between = skip() if redo is None else check_kind(redo, ProcessTree, "redo", "a process tree")
    if body.can_end:
        raise ValueError(f"body: expected a tree with an activity in every text of it, got {body}")
    return ProcessTree("loop", parts=(body, between))


def check_tree(tree: ProcessTree) -> ProcessTree:
    """Return a process tree with an activity, or raise.

    Args:
        tree: The tree.

    Returns:
        It.

    Raises:
        TypeError: Something else.
        ValueError: A tree with no activity.
    """
    check_kind(tree, ProcessTree, "tree", "a process tree")
    if not tree.activities:
        raise ValueError(f"tree: expected one or more activities, got {tree}")
    return tree


def _checked(first: ProcessTree, others: tuple[ProcessTree, ...]) -> tuple[ProcessTree, ...]:
    check_kind(first, ProcessTree, "first", "a process tree")
    for i, part in enumerate(others):
        check_kind(part, ProcessTree, f"others[{i}]", "a process tree")
    return (first, *others)


def _flat(kind: Literal["seq", "parallel"], parts: tuple[ProcessTree, ...]) -> ProcessTree:
    """A tree whose parts are neither nothing nor of its own kind, so that what is left alike is equal."""
    found: list[ProcessTree] = []
    for part in parts:
        if part.kind != "skip":
            found += part.parts if part.kind == kind else [part]
    if len(found) < 2:
        return found[0] if found else skip()
    return ProcessTree(kind, parts=tuple(found))
