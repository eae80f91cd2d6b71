"""Settings of every test run: no progress bars, steady property tests, tolerant decimals, pictures seen."""

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

# How the text of a PNG begins in a notebook.
PNG = "iVBORw0KGgo"

# A decimal has a point or an exponent; an integer has neither, and is compared as text. Tables have a true
# minus sign.
_DECIMAL = re.compile(
    r"(?<![\w.])[-+−]?(?:\d+\.\d+(?:e[-+−]?\d+)?|\.\d+(?:e[-+−]?\d+)?|\d+e[-+−]?\d+)(?!\w|\.\d)"
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
    return [float(number.replace("−", "-")) for number in _DECIMAL.findall(text)]


def pytest_configure(config: pytest.Config) -> None:
    """Where nbval is in use, compare outputs through `OutputText`, and see that pictures are there."""
    if config.pluginmanager.hasplugin("nbval"):
        from nbval.plugin import IPyNbCell

        plain, compare = IPyNbCell.sanitize, IPyNbCell.compare_outputs

        def sanitize(cell: IPyNbCell, output: Any) -> Any:
            if isinstance(output, str) and output.startswith(PNG):
                return "a picture"
            cleaned = plain(cell, output)
            return OutputText(cleaned) if isinstance(cleaned, str) else cleaned

        def compare_outputs(cell: IPyNbCell, new: Any, stored: Any, skip_compare: Any = None) -> bool:
            skipped = set(skip_compare or cell.parent.skip_compare) - {"image/png"}
            return compare(cell, new, stored, skipped)

        IPyNbCell.sanitize, IPyNbCell.compare_outputs = sanitize, compare_outputs

    if config.pluginmanager.hasplugin("hypothesispytest"):
        from hypothesis import settings

        # The same examples on every machine, and no clock: CI must not flicker.
        settings.register_profile("book", derandomize=True, deadline=None, print_blob=True)
        settings.load_profile("book")
