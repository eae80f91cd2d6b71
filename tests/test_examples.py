"""Examples for readers do what they say: those of docstrings, and those of README."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import pkgutil
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import hmmlib

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS

# Modules that need an extra of the library.
EXTRAS = {"hmmlib.hmm._kernels": "numba"}
MODULES = ["hmmlib"] + [module.name for module in pkgutil.walk_packages(hmmlib.__path__, "hmmlib.")]


def examples() -> list[doctest.DocTest]:
    """Every docstring of the library with an example in it."""
    found = []
    for name in MODULES:
        extra = EXTRAS.get(name)
        if name != "hmmlib.__main__" and (extra is None or find_spec(extra) is not None):
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
