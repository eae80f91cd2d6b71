"""Settings of every test run: quiet progress bars, steady property tests, tolerant decimals."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest

# Kernels that run the notebooks inherit this: outputs hold no progress bars.
os.environ["TQDM_DISABLE"] = "1"

RELATIVE_TOLERANCE = 1e-3
# Below this size a printed number is rounding noise, of either sign.
ABSOLUTE_TOLERANCE = 1e-9

# A decimal has a point or an exponent; an integer has neither, and is compared as text.
_DECIMAL = re.compile(
    r"(?<![\w.])[-+]?(?:\d+\.\d+(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|\d+e[-+]?\d+)(?!\w|\.\d)"
)


class OutputText(str):
    """Text of a cell's output, equal to another when only decimals differ, and by very little.

    Words, integers, layout and the number of decimals must agree exactly; two decimals agree within
    ``RELATIVE_TOLERANCE`` of the larger one.
    """

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str):
            return NotImplemented
        if str.__eq__(self, other):
            return True
        if _skeleton(self) != _skeleton(other):
            return False
        pairs = zip(_decimals(self), _decimals(other), strict=True)
        return all(
            abs(a - b) <= max(ABSOLUTE_TOLERANCE, RELATIVE_TOLERANCE * max(abs(a), abs(b))) for a, b in pairs
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def _skeleton(text: str) -> list[str]:
    """The text between the decimals, with runs of blanks (columns that moved by a digit) as one."""
    return [re.sub(r"[ \t]+", " ", part) for part in _DECIMAL.split(text)]


def _decimals(text: str) -> list[float]:
    return [float(number) for number in _DECIMAL.findall(text)]


def pytest_configure(config: pytest.Config) -> None:
    """Compare notebook outputs through `OutputText`, where nbval is in use."""
    if config.pluginmanager.hasplugin("nbval"):
        from nbval.plugin import IPyNbCell

        plain = IPyNbCell.sanitize

        def sanitize(cell: IPyNbCell, output: Any) -> Any:
            cleaned = plain(cell, output)
            return OutputText(cleaned) if isinstance(cleaned, str) else cleaned

        IPyNbCell.sanitize = sanitize

    if config.pluginmanager.hasplugin("hypothesispytest"):
        from hypothesis import settings

        # The same examples on every machine, and no clock: CI must not flicker.
        settings.register_profile("book", derandomize=True, deadline=None, print_blob=True)
        settings.load_profile("book")
