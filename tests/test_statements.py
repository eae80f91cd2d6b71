"""What the prose quotes: every statement has a text, follows its files, and is rendered where it is named."""

from __future__ import annotations

import copy
import io
import re
from pathlib import Path

import nbformat
import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from hmmlib.analysis import Results, read_results, say, statement_names, statements
from results_in_prose import SPACE, in_one_piece

ROOT = Path(__file__).resolve().parents[1]


def test_every_statement_has_a_short_text():
    names = statement_names()
    assert len(names) == len(set(names)) > 300
    for name in names:
        assert re.fullmatch(r"[a-z0-9-]+", name)
        text = say(name)
        assert 0 < len(text) < 130, name
        assert "nan" not in text, name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("paper-head-15", "74.6 ± 4.8"),
        ("paper-prompt-30-percent", "75%"),
        ("claim-1", "heads get worse as states are added"),
        ("claim-2a-whose", "the paper's"),
        ("claim-3-paper", "cannot be told"),
        ("claim-3-paper-effect", "−0.7 ± 6.1"),
        ("claim-1-paper-needs", "no more"),
        ("open-claims", "2b, 3, 5b"),
        ("open-claims-words", "three"),
        ("seeds-paper-1", "20"),
        ("seeds-paper-2-words", "five"),
        ("moved-head", "8.8"),
        ("may-differ-3", "63%"),
    ],
)
def test_what_hangs_on_the_paper_alone_is_known(name, text):
    assert say(name) == text


def test_a_wrong_name_is_refused_with_what_is_near():
    with pytest.raises(ValueError, match=r"got 'recipe-head-16'; near it are .*recipe-head-15"):
        say("recipe-head-16")


def more_seeds(name: str):
    """The book's files as they would be with the seeds of the exact model for every network."""
    content = copy.deepcopy(read_results(name))
    if name in ("head_vs_prompt_laptop", "memory_vs_vanilla_laptop"):
        content["cells"] = [
            {**cell, "seed": cell["seed"] + shift} for cell in content["cells"] for shift in (0, 100)
        ]
    if name == "head_vs_prompt_laptop":
        for cell in content["cells"]:
            cell["methods"]["learnt_prompt_paper"] = cell["methods"]["learnt_prompt"]
    return content


def test_new_files_give_new_sentences():
    now, then = Results(), Results(more_seeds)
    before, after = now.statements["seeds-fitted-1"](), say("seeds-fitted-1", then)
    assert int(after) == 2 * int(before)
    assert say("recipe-prompt-30", then) == say("fitted-prompt-30", then)
    assert say("claim-2a-recipe", then) in ("holds", "does not hold", "cannot be told")
    assert statement_names(then) == statement_names(now)
    assert all(say(name, then) for name in statement_names(then))


def test_worlds_that_lack_a_curve_say_so():
    def without(name: str):
        content = copy.deepcopy(read_results(name))
        if name == "head_vs_prompt_laptop":
            for cell in content["cells"]:
                cell["methods"].pop("learnt_prompt_paper", None)
        return content

    results = Results(without)
    for name in ("recipe-prompt-30", "claim-3-recipe", "claim-3-recipe-effect", "claim-3-recipe-needs"):
        assert say(name, results) == "not measured"


# --- on a page ---


def build(folder: Path, **pages: str) -> tuple[dict[str, str], str]:
    """Pages, those with an underscore in front from notebooks of one cell, and the warnings of Sphinx."""
    for name, text in pages.items():
        if name.startswith("_"):
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text, id="one")])
            nbformat.write(notebook, folder / f"{name}.ipynb")
        else:
            (folder / f"{name}.md").write_text(text, encoding="utf-8")
    warnings = io.StringIO()
    settings = {
        "extensions": ["myst_nb", "results_in_prose"],
        "nb_execution_mode": "off",
        "root_doc": "index",
        # A table of its own: extensions write into Sphinx's, which the next application would find so.
        "source_suffix": {".rst": "restructuredtext"},
        "myst_enable_extensions": ["colon_fence"],
    }
    with docutils_namespace():
        app = Sphinx(folder, None, folder / "out", folder / "trees", "html", settings, None, warnings)
        app.build()
    return {
        name: (folder / "out" / f"{name}.html").read_text(encoding="utf-8") for name in pages
    }, warnings.getvalue()


def test_pages_and_notebooks_show_the_statement(tmp_path):
    text = "# Title\n\nHeads reach *{result}`paper-head-15`* points.\n"
    pages, warnings = build(tmp_path, index=f"{text}\n```{{toctree}}\n_note\n```\n", _note=text)
    assert not warnings
    for page in pages.values():
        assert f'<span class="result">74.6{SPACE}±{SPACE}4.8</span>' in page


def test_an_unknown_name_is_an_error_of_the_build(tmp_path):
    _, warnings = build(tmp_path, index="# Title\n\n{result}`paper-head-16`\n")
    assert "ERROR: result: name: expected the name of a statement, got 'paper-head-16'" in warnings


def test_the_box_on_intervals_is_made_of_statements(tmp_path):
    box = (ROOT / "book" / "_includes" / "reading_intervals.md").read_text(encoding="utf-8")
    pages, warnings = build(tmp_path, index=f"# Title\n\n{box}")
    assert not warnings
    assert say("coverage-20") in pages["index"]
    assert "{result}" not in pages["index"]


def test_a_number_stays_in_one_piece():
    assert in_one_piece("1 ± 2 points") == f"1{SPACE}±{SPACE}2 points"


def test_a_page_depends_on_the_files_that_it_quotes():
    from results_in_prose import Result

    names = {path.stem for path in Result.files()}
    assert set(statements.FILES.values()) < names
