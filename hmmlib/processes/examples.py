"""Small processes with few variants each, of different structures."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hmmlib.processes.trees import ProcessTree, act, loop, parallel, seq, xor


def _acts(names: str) -> list[ProcessTree]:
    return [act(name) for name in names]


def _choices(pairs: str) -> list[ProcessTree]:
    """A choice of two for each word."""
    return [xor(*_acts(pair)) for pair in pairs.split()]


_MIDDLE = _choices("de fg hi jk lm")

EXAMPLES: Mapping[str, ProcessTree] = MappingProxyType(
    {
        "S4": seq(act("a"), parallel(*_acts("bcde")), xor(*_acts("fg")), act("h")),
        "A5": seq(act("a"), parallel(*_acts("bcdef")), act("g")),
        "C7": seq(*_choices("ab cd ef gh ij kl mn")),
        "LR": seq(
            act("a"),
            xor(seq(act("b"), *_MIDDLE, act("n")), seq(act("c"), *_MIDDLE, act("o"))),
            act("p"),
        ),
        "LP": seq(act("a"), loop(seq(act("b"), xor(*_acts("cd"))), act("e")), act("f")),
    }
)
"""Process trees by name.

S4: four activities in any order and a choice of two, 48 variants. A5: five activities in any order, 120. C7:
seven choices of two, 128. LR: the first choice decides the last but one activity, five choices later, 64. LP:
a loop, with variants without end.
"""
