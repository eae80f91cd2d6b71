"""Examples for readers do what they say: those of docstrings, and those of README."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import json
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import hmmlib

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS

MODULES = ["hmmlib"] + [module.name for module in pkgutil.walk_packages(hmmlib.__path__, "hmmlib.")]


def examples() -> list[doctest.DocTest]:
    """Every docstring of the library with an example in it."""
    found = []
    for name in MODULES:
        if name != "hmmlib.__main__":
            found += doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name), name)
    return [test for test in found if test.examples]


@pytest.mark.parametrize("test", examples(), ids=lambda test: test.name)
def test_the_examples_of_docstrings_are_right(test, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example may write a file
    report = io.StringIO()
    doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(test, out=report.write)
    assert report.getvalue() == ""


def test_the_ten_lines_of_readme_print_what_it_says():
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    printed = re.search(r"```text\n(.*?)```", README, re.DOTALL)
    assert code
    assert printed
    lines = [line for line in code[1].splitlines() if line]
    assert len(lines) <= 11, "it says ten lines, and one of imports"
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(code[1], {})
    assert shown.getvalue() == printed[1]


def test_the_numbers_among_the_findings_are_those_of_the_results():
    findings = re.search(r"<!-- findings -->(.*?)<!-- end of findings -->", README, re.DOTALL)
    assert findings
    exact = json.loads((ROOT / "book" / "results" / "exact_prompts.json").read_text(encoding="utf-8"))
    largest = [cell["methods"] for cell in exact["cells"] if cell["n_states"] == 30]
    prompt, head = (100 * np.mean([m[name]["test"] for m in largest]) for name in ("prompt_1", "head"))
    paper = json.loads((ROOT / "book" / "results" / "figure3_paper.json").read_text(encoding="utf-8"))
    theirs = [paper["experiment_1"][kind]["mean"][-1] for kind in ("prompt_tuning", "head_tuning")]
    told = [int(share) for share in re.findall(r"(\d+)%", findings[1])]
    assert told[:4] == [round(value) for value in (prompt, head, *theirs)]
    # The nearest neighbour is in a cell of chapter 10, word counts among the results of chapter 9.
    chapter = (ROOT / "notebooks" / "where_the_error_comes_from.ipynb").read_text(encoding="utf-8")
    cells = r" \| ([\d.]+) ± [\d.]+" * 3
    shares = re.search(rf"\| neighbour, on G{cells} \|", chapter)
    assert shares
    assert told[4] == min(int(float(share)) for share in shares.groups())
    memory = json.loads(
        (ROOT / "book" / "results" / "memory_vs_vanilla_laptop.json").read_text(encoding="utf-8")
    )
    counted = [
        np.mean(
            [
                c["methods"]["word_counts"]["test"]
                for c in memory["cells"]
                if c["kind"] == "memory" and c["n_values"] == n
            ]
        )
        for n in (2, 3, 5, 7)
    ]
    assert told[5:] == [int(100 * min(counted))]
