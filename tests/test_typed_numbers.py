"""No number in the prose of Part II is one that neither a cell prints nor a result file has."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typed_numbers import ALLOWED, CHAPTERS, NOTEBOOKS, decimals, typed


@pytest.mark.parametrize("name", CHAPTERS)
def test_decimals_in_the_prose_are_printed_or_fetched_or_explained(name):
    notebook = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
    allowed = ALLOWED.get(name, {})
    assert typed(notebook) == list(allowed), (
        "quote results by a cell or {result}`name`; settings go to ALLOWED, and what is gone leaves it"
    )


def notebook(prose: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "cells": [
            {"cell_type": "markdown", "source": [prose]},
            {"cell_type": "code", "source": [], "outputs": list(outputs)},
        ]
    }


def test_a_planted_number_is_found():
    table = {"data": {"text/plain": ["H  86.66\n"], "text/markdown": ["| 1,234.5 |"]}}
    printed = {"name": "stdout", "text": ["KL: 0.013\n"]}
    said = notebook("Heads reach 86.7 ± 5.1 of 1,234.5, at a KL of 0.013, not 0.0131.", table, printed)
    assert typed(said) == ["5.1", "0.0131"]
    assert typed(notebook("86.7", {"data": {"image/png": "86.7"}})) == ["86.7"]


@pytest.mark.parametrize(
    "source",
    [
        "a setting `rate=0.05` in code",
        "a formula $q = 1.96$, and $$x = 2.5$$ (label-three)",
        "fetched: {result}`recipe-head-15`; a link {doc}`version 1.25`",
        "```python\nx = 0.5\n```",
        "version 2.13.0 and Section 3.1.2",
        "[there](https://a.b/1.5) and https://a.b/2.5",
        ":width: 30.5em",
    ],
)
def test_code_formulas_roles_and_versions_are_no_numbers_of_the_prose(source):
    assert decimals(source) == []


def test_tables_in_the_prose_are_prose():
    assert decimals("```{list-table}\n* - heads\n  - 98.8 ± 4.9\n```") == ["98.8", "4.9"]
