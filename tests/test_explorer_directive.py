"""The directive of the live explorer, and the machines it starts from."""

from __future__ import annotations

import ast
import io
from pathlib import Path
from typing import Any

import pytest
import torch
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

import hmmlib
from explorer import KINDS
from explorer_machines import HAND_MACHINES, MACHINES, memory_hmm
from hmmlib.hmm import review_hmm

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


OFFERED = {name: getattr(hmmlib, name) for name in hmmlib.__all__} | {"review_hmm": review_hmm}


def assigned(notebook: str, *names: str) -> dict[str, Any]:
    """The values that a chapter's script first gives to these names; nothing else of it runs."""
    script = ast.parse((NOTEBOOKS / f"{notebook}.py").read_text(encoding="utf-8"))
    found: dict[str, Any] = {}
    for node in script.body:
        if isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            bound = {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
            if bound & set(names) and (isinstance(node, ast.AugAssign) or not bound <= set(found)):
                exec(compile(ast.Module([node], []), notebook, "exec"), {**OFFERED, "torch": torch}, found)
    assert set(names) <= set(found)
    return found


def test_the_machines_are_those_of_the_chapters() -> None:
    letters = assigned("text_from_an_hmm", "small")["small"]
    head = assigned("head_tuning", "stay", "mu", "quick", "hmm")
    prompt = assigned("soft_prompts", "A", "W", "five", "u")
    for name, hmm in (("letters", letters), ("head", head["hmm"]), ("prompt", prompt["five"])):
        machine = MACHINES[name]()
        for part in ("initial", "transition", "emission"):
            assert machine[part] == getattr(hmm, part).tolist(), (name, part)
    assert MACHINES["head"]()["mu"] == head["mu"]
    assert MACHINES["prompt"]()["prompt"] == prompt["u"][0].tolist()


def test_the_machine_with_memory_is_that_of_its_chapter() -> None:
    chapter = assigned("memory_and_attention", "nouns", "adjectives", "mu", "moves")
    model, words = memory_hmm()
    machine = MACHINES["memory"]()
    assert machine["transition"] == chapter["moves"]
    assert machine["mu"] == chapter["mu"]
    assert machine["initial"] == model.initial.flatten().tolist()
    probs = [list(chapter[kind].values()) for kind in ("nouns", "adjectives")]
    for cell, values in enumerate(probs):
        for value, distribution in enumerate(values):
            column = (value * 2 + cell) * 2 + 1
            assert machine["emission"][column] == [distribution.get(word, 0) for word in words]
    assert machine["memory"]["values"] == list(chapter["nouns"])


@pytest.mark.parametrize("name", MACHINES)
def test_the_first_text_can_be_written(name: str) -> None:
    machine = MACHINES[name]()
    model: Any = (
        memory_hmm()[0]
        if name == "memory"
        else hmmlib.HMM(machine["initial"], machine["transition"], machine["emission"])
    )
    assert torch.isfinite(hmmlib.posteriors(model, [machine["text"]]).log_likelihood).all()
    assert len(machine["states"]) == len(machine["transition"])
    assert len(machine["tokens"]) == model.n_tokens


@pytest.mark.parametrize("name", HAND_MACHINES)
def test_machines_to_compute_with_by_hand_are_in_tenths(name: str) -> None:
    machine = HAND_MACHINES[name]()
    rows = [machine["initial"], *machine["transition"], *machine["emission"]]
    assert all(sum(row) == 10 and all(isinstance(entry, int) for entry in row) for row in rows)
    assert len(machine["states"]) == 2
    assert machine["text"][0] == -1
    assert max(machine["text"]) < len(machine["tokens"]) == len(machine["emission"][0])


def test_the_reviews_are_the_running_example() -> None:
    for name, quotes in (("reviews", False), ("quotes", True)):
        machine, hmm = MACHINES[name](), review_hmm(quotes=quotes)
        for part in ("initial", "transition", "emission"):
            assert machine[part] == getattr(hmm, part).tolist()
        assert machine["mu"][:3] == [0, 1, -1]


def test_the_geometry_takes_what_can_be_drawn() -> None:
    assert set(KINDS["geometry"].machines) == {"head", "prompt", "reviews", "quotes"}


def build(folder: Path, text: str) -> tuple[str, str]:
    """The page of a text, and the warnings that Sphinx gave."""
    (folder / "index.md").write_text(text, encoding="utf-8")
    warnings = io.StringIO()
    settings = {"extensions": ["myst_parser", "explorer"], "myst_enable_extensions": ["colon_fence"]}
    # Otherwise Sphinx warns that an earlier build in this process has registered the same nodes.
    with docutils_namespace():
        app = Sphinx(folder, None, folder / "out", folder / "trees", "html", settings, None, warnings)
        app.build()
    return (folder / "out" / "index.html").read_text(encoding="utf-8"), warnings.getvalue()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ":machines: heads",
            "machines: expected some of letters, head, prompt, memory, reviews, quotes, got 'heads'",
        ),
        (
            ":panels: head",
            "machines: expected some of letters, head, prompt, memory, reviews, quotes, got none",
        ),
        (
            ":machines: head\n:panels: head, foot",
            "panels: expected some of reveal, prompt, head, machine, got 'foot'",
        ),
        (":machines: head, memory", "machines with and without a memory do not mix: head, memory"),
    ],
)
def test_wrong_options_are_named(tmp_path: Path, options: str, said: str) -> None:
    _, warnings = build(tmp_path, f"# Title\n\n:::{{explorer}} Name\n{options}\n\nReplacement.\n:::\n")
    assert said in warnings


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        (
            "geometry",
            ":machines: letters",
            "geometry: machines: expected some of head, prompt, reviews, quotes, got 'letters'",
        ),
        (
            "geometry",
            ":machines: head\n:panels: reveal",
            "panels: expected some of task, prompt, machine, got 'reveal'",
        ),
        (
            "by-hand",
            ":machines: head",
            "by-hand: machines: expected some of two-tokens, three-tokens, got 'head'",
        ),
        ("by-hand", ":machines: two-tokens\n:panels: head", "by-hand: panels: there are none to choose"),
    ],
)
def test_wrong_options_of_the_other_pieces_are_named(
    tmp_path: Path, kind: str, options: str, said: str
) -> None:
    _, warnings = build(tmp_path, f"# Title\n\n:::{{{kind}}} Name\n{options}\n\nReplacement.\n:::\n")
    assert said in warnings


def test_a_page_loads_what_its_pieces_need(tmp_path: Path) -> None:
    page, warnings = build(
        tmp_path, "# Title\n\n:::{by-hand} Name\n:machines: two-tokens\n\nReplacement.\n:::\n"
    )
    assert not warnings
    assert 'class="explorer" data-by-hand="' in page
    assert page.index("explorer_widgets.js") < page.index("explorer_fractions.js")
    assert page.index("explorer_fractions.js") < page.index("explorer_by_hand.js")
    assert "explorer_pieces.css" in page
    assert "explorer_maths.js" not in page


def test_a_replacement_is_asked_for(tmp_path: Path) -> None:
    _, warnings = build(tmp_path, "# Title\n\n:::{explorer} Name\n:machines: head\n:::\n")
    assert "what a reader without JavaScript sees" in warnings


def test_the_page_holds_replacement_settings_and_scripts(tmp_path: Path) -> None:
    page, warnings = build(tmp_path, "# Title\n\n:::{explorer} A < B\n:machines: head\n\nReplacement.\n:::\n")
    assert not warnings
    assert "Replacement." in page
    assert "A &lt; B" in page
    assert page.index("explorer_maths.js") < page.index("explorer.js")
    assert "explorer.css" in page
