"""The explorer's mathematics, run in Chromium, against hmmlib."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from browser.cases import (
    Case,
    cold_cases,
    impossible_cases,
    memory_cases,
    near_tie,
    plain_cases,
)
from browser.conftest import STATIC

pytestmark = pytest.mark.browser

TABLES = ("filtered", "smoothed", "leaveOneOut", "conditionals")
Run = Callable[[str, Any], Any]


@pytest.fixture(scope="module")
def run(browser: Any) -> Iterator[Run]:
    """Evaluate a JavaScript function of one argument beside the maths file, on an empty page."""
    page = browser.new_page()
    page.add_script_tag(path=str(STATIC / "explorer_maths.js"))
    yield page.evaluate
    page.close()


def close(found: Any, expected: Any, what: str) -> None:
    """Agreement to 1e-9, of the number or of its share."""
    np.testing.assert_allclose(
        np.array(found, float), np.array(expected, float), rtol=1e-9, atol=1e-9, err_msg=what
    )


READ_TEXT = """cases => cases.map(c => {
    const r = ExplorerMaths.readText(c.machine, c.tokens, {mu: c.mu, prompt: c.prompt});
    return {...r, exact: r.head.exact};
})"""


def check_texts(run: Run, cases: list[Case]) -> None:
    for number, (case, found) in enumerate(zip(cases, run(READ_TEXT, cases), strict=True)):
        for part in ("plain", "shown"):
            for table in TABLES:
                close(found[part][table], case[part][table], f"case {number}, {part} {table}")
        close(found["plain"]["logLikelihood"], case["plain"]["logLikelihood"], f"case {number}, likelihood")
        close(found["prior"], case["prior"], f"case {number}, prior")
        close(found["margin"], case["margin"], f"case {number}, margin")
        assert found["exact"] == (case["weights"] is not None), f"case {number}: is there a head?"
        if case["weights"] is not None:
            value = float(np.dot(case["weights"], case["shown"]["conditionals"][0]))
            close(found["value"], value, f"case {number}, value of the head")
            size = np.abs(case["weights"]).max()
            close(np.array(found["weights"]) / size, np.array(case["weights"]) / size, f"case {number}, head")


def test_texts_heads_and_prompts(run: Run) -> None:
    cases = plain_cases()
    assert {len(case["tokens"]) for case in cases} == {1, 5, 17, 128}
    heads = [case["weights"] is not None for case in cases]
    prompts = [case["prompt"] is not None for case in cases]
    assert {(True, True), (True, False), (False, True), (False, False)} == set(
        zip(heads, prompts, strict=True)
    )
    check_texts(run, cases)


def test_probabilities_of_1e_38(run: Run) -> None:
    cases = cold_cases()
    assert min(case["plain"]["logLikelihood"] for case in cases) < np.log(1e-38) * 32
    check_texts(run, cases)


READ_MEMORY = """cases => cases.map(c =>
    ExplorerMaths.readMemory(c.machine, c.tokens, {mu: c.mu, cell: c.cell}))"""


def test_memory_and_the_attention_head(run: Run) -> None:
    cases = memory_cases()
    assert {len(case["tokens"]) for case in cases} == {1, 9, 30, 128}
    assert {case["head"] is None for case in cases} == {True, False}
    check_memories(run, cases)


def test_nearly_the_largest_key_is_not_the_largest(run: Run) -> None:
    case = near_tie()
    best = max(case["head"]["keys"])
    assert any(1e-9 < best - key < 1e-3 for key in case["head"]["keys"])
    check_memories(run, [case])


def check_memories(run: Run, cases: list[Case]) -> None:
    for number, (case, found) in enumerate(zip(cases, run(READ_MEMORY, cases), strict=True)):
        for table in TABLES:
            close(found["found"][table], case["plain"][table], f"case {number}, {table}")
        close(found["memory"], case["memory"], f"case {number}, memory")
        close(found["margin"], case["margin"], f"case {number}, margin")
        assert found["recovered"]["states"] == case["states"], f"case {number}"
        if case["head"] is None:
            assert found["head"] is None
            continue
        close(found["recovered"]["projection"], case["projection"], f"case {number}, projection")
        for part in ("keys", "values", "output"):
            close(found["head"][part], case["head"][part], f"case {number}, {part}")
        assert found["head"]["chosen"] == case["head"]["chosen"], f"case {number}"


READ_FAILURE = """cases => cases.map(c => {
    try { ExplorerMaths.readText(c.machine, c.tokens, {mu: [1, 0, 0]}); return null; }
    catch (error) { return {name: error.name, position: error.position, message: error.message}; }
})"""


def test_impossible_evidence_names_the_position(run: Run) -> None:
    cases = impossible_cases()
    for case, found in zip(cases, run(READ_FAILURE, cases), strict=True):
        assert found["name"] == "ImpossibleEvidence"
        assert f"position {found['position']}:" in case["message"]
        assert f"position {found['position']} " in found["message"]


def test_a_prompt_that_leaves_nothing_is_told_apart(run: Run) -> None:
    machine = impossible_cases()[0]["machine"]
    read = """c => {
        const task = {mu: [1, 0, 0], prompt: c.prompt};
        try { ExplorerMaths.readText(c.machine, c.tokens, task); return null; }
        catch (error) { return [error.name, error.position ?? null]; } }"""
    # The machine starts in state 0, which this prompt rules out.
    assert run(read, {"machine": machine, "tokens": [0], "prompt": [0, 1, 1]}) == ["EmptyPrompt", None]
    # Here a text starts with `a` only if the blank is in state 2; the prompt leaves it in state 1.
    forked = {**machine, "initial": [0.5, 0.0, 0.5], "transition": [[0, 1, 0], [0, 1, 0], [1, 0, 0]]}
    case = {"machine": forked, "tokens": [0, 1], "prompt": None}
    assert run(read, case) is None
    assert run(read, case | {"prompt": [1, 0, 0]}) == ["ImpossibleAfterPrompt", 1]


@pytest.mark.parametrize(
    ("distribution", "entry", "value", "expected"),
    [
        ([0.5, 0.3, 0.2], 0, 0.75, [0.75, 0.15, 0.1]),
        ([0.5, 0.5, 0.0], 1, 0.0, [1.0, 0.0, 0.0]),
        ([1.0, 0.0, 0.0], 0, 0.4, [0.4, 0.3, 0.3]),
        ([0.2, 0.8], 1, 7.0, [0.0, 1.0]),
        ([1.0], 0, 0.3, [1.0]),
    ],
)
def test_an_edited_row_stays_a_law(
    run: Run, distribution: list[float], entry: int, value: float, expected: list[float]
) -> None:
    found = run(
        "([distribution, entry, value]) => ExplorerMaths.setEntry(distribution, entry, value)",
        [distribution, entry, value],
    )
    np.testing.assert_allclose(found, expected, atol=1e-15)


def test_an_entry_dragged_to_one_and_back_leaves_no_trace(run: Run) -> None:
    found = run(
        """distribution => { const full = ExplorerMaths.setEntry(distribution, 0, 1);
        return ExplorerMaths.setEntry(full, 0, distribution[0], distribution); }""",
        [0.5, 0.4, 0.1],
    )
    np.testing.assert_allclose(found, [0.5, 0.4, 0.1], atol=1e-15)


def test_samples_have_the_law_of_the_machine(run: Run) -> None:
    machine = impossible_cases()[0]["machine"] | {"initial": [0.2, 0.3, 0.5]}
    draws = run(
        """machine => { let seed = 1;
        const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
        return Array.from({length: 20000}, () => ExplorerMaths.sample(machine, 2, random)); }""",
        machine,
    )
    states = np.array([d["states"] for d in draws])
    tokens = np.array([d["tokens"] for d in draws])
    assert states.shape == (20000, 3)
    assert tokens.shape == (20000, 2)
    distribution = np.array(machine["initial"])
    for i in range(3):
        np.testing.assert_allclose(np.bincount(states[:, i], minlength=3) / 20000, distribution, atol=0.015)
        if i:
            seen = np.bincount(tokens[:, i - 1], minlength=4) / 20000
            np.testing.assert_allclose(seen, distribution @ np.array(machine["emission"]), atol=0.015)
        distribution = distribution @ np.array(machine["transition"])
