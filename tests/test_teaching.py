"""Problem sheets are made from the exercises of the chapters, and each exercise says how hard it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from teaching import KINDS, Exercise, exercises, figure_sheet, figures, heading, sheet, theory

ROOT = Path(__file__).parent.parent
CHAPTER = """# %% [markdown]
# # A chapter
#
# %% mystnb={"figure": {"caption": "What $\\\\\\\\mu$ is. More.", "name": "one-fig"}, "image": {"alt": "x"}}
# ::::{exercise} ●● Think: Why?
# :label: one-ex-why
# :::{exercise} ● By hand: How much?
# :label: one-ex-how
"""


def test_a_sheet_lists_the_exercises_from_easy_to_hard(tmp_path):
    file = tmp_path / "one.py"
    file.write_text(CHAPTER, encoding="utf-8")
    assert list(exercises(file)) == [
        Exercise("one-ex-why", 2, "Think", "Why?"),
        Exercise("one-ex-how", 1, "By hand", "How much?"),
    ]
    assert figures(file) == [("one-fig", r"What $\\mu$ is.")]
    assert figure_sheet(2, file) == (["**2. A chapter**", "", r"- {ref}`What $\\mu$ is. <one-fig>`", ""], [])
    lines, wrong = sheet(3, file)
    assert wrong == []
    assert lines == [
        "**Sheet 3: {doc}`A chapter <../notebooks/one>`**",
        "",
        "- ● *By hand*: {ref}`How much? <one-ex-how>`",
        "- ●● *Think*: {ref}`Why? <one-ex-why>`",
        "",
    ]


@pytest.mark.parametrize("title", ["", "Why?", "●●●● Think: Why?", "● Guess: Why?", "● Think:"])
def test_an_exercise_that_does_not_say_how_hard_it_is_is_named(tmp_path, title):
    file = tmp_path / "one.py"
    file.write_text(f"# # A chapter\n# :::{{exercise}} {title}\n# :label: x-ex\n", encoding="utf-8")
    lines, (wrong,) = sheet(1, file)
    assert "x-ex" not in "".join(lines)
    assert wrong.startswith("one.py: exercise x-ex: expected a title like '●● Think: …', got ")


@pytest.mark.parametrize("chapter", theory(ROOT), ids=lambda file: file.stem)
def test_each_chapter_of_the_theory_has_one_exercise_of_each_kind(chapter):
    found = list(exercises(chapter))
    assert [one for one in found if isinstance(one, str)] == []
    assert {one.kind for one in found} == set(KINDS)
    assert len(found) >= 5
    assert heading(chapter)
    assert chapter.read_text(encoding="utf-8").count("{admonition} Hint") >= 5
