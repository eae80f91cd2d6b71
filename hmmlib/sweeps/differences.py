"""How far two records of one cell are apart: by rounding, as on two processors, or in more than that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Apart(NamedTuple):
    """Two numbers at the same place of two records.

    Attributes:
        where: The place, such as ``methods.head.loss`` or ``history.kl[3]``.
        ours: The number in the first record.
        theirs: That in the second.
    """

    where: str
    ours: float
    theirs: float

    @property
    def absolute(self) -> float:
        """The distance between them."""
        return abs(self.ours - self.theirs)

    @property
    def relative(self) -> float:
        """The distance as a share of the larger of the two."""
        return self.absolute / max(abs(self.ours), abs(self.theirs))

    def __str__(self) -> str:
        return f"{self.absolute:.3g} (relative {self.relative:.3g}) at {self.where}"


@dataclass(frozen=True)
class Differences:
    """Where two records differ.

    Attributes:
        numbers: Places at which both have a number, and not the same.
        structure: What else differs, in words: keys, lengths, texts, kinds of values.
    """

    numbers: tuple[Apart, ...] = ()
    structure: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.numbers or self.structure)

    def __add__(self, other: Differences) -> Differences:
        return Differences(self.numbers + other.numbers, self.structure + other.structure)

    def largest(self) -> str:
        """The largest distances in words, absolute and relative, each with its place.

        Returns:
            One or two of them; empty if no numbers differ.
        """
        if not self.numbers:
            return ""
        absolute = max(self.numbers, key=lambda apart: apart.absolute)
        relative = max(self.numbers, key=lambda apart: apart.relative)
        return str(absolute) if absolute.relative == relative.relative else f"{absolute}, {relative}"


def differences(ours: Any, theirs: Any, what: str = "") -> Differences:
    """Compare two records, entry by entry.

    The order of keys does not matter, and a number that is none (NaN) is like another one.

    Args:
        ours: A value as it comes from JSON.
        theirs: Another one.
        what: Where they are from, which places begin with.

    Returns:
        Where they differ.
    """
    numbers, structure = [], []
    for found in _walk(ours, theirs, what):
        if isinstance(found, Apart):
            numbers.append(found)
        else:
            structure.append(found)
    return Differences(tuple(numbers), tuple(structure))


def _walk(ours: Any, theirs: Any, where: str) -> Iterator[Apart | str]:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for name in sorted(ours.keys() ^ theirs.keys()):
            yield f"{_at(where, name)} is in {'ours' if name in ours else 'theirs'} only"
        for name in ours:
            if name in theirs:
                yield from _walk(ours[name], theirs[name], _at(where, name))
    elif isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            yield f"{where} has {len(ours)} entries in ours, {len(theirs)} in theirs"
        for i, pair in enumerate(zip(ours, theirs, strict=False)):
            yield from _walk(*pair, f"{where}[{i}]")
    elif _is_number(ours) and _is_number(theirs):
        if ours != theirs:
            yield Apart(where, ours, theirs)
    elif not (type(ours) is type(theirs) and (ours == theirs or (ours != ours and theirs != theirs))):
        yield f"{where} is {ours!r} in ours, {theirs!r} in theirs"


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
