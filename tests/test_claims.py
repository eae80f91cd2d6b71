"""The table of claims is made from the boxes of the chapters, and a box of another form is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from claims import COLUMNS, box, table

ROOT = Path(__file__).parent.parent
HEADER = "\n".join(f"{'* -' if not i else '  -'} {column}" for i, column in enumerate(COLUMNS))
PAGE = ROOT / "book" / "neighbours.md"
LISTED = re.findall(r"^notebooks/\w+ .+$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def written(tmp_path, rows, name="one"):
    text = f"```{{list-table}}\n:header-rows: 1\n:name: {name}-tab-claim\n\n{HEADER}\n{rows}\n```\n"
    file = tmp_path / "notebooks" / f"{name}.py"
    file.parent.mkdir(exist_ok=True)
    lines = ("# %% [markdown]", *("# " + line if line else "#" for line in text.splitlines()))
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


ROW = """* - More is better
  - there is little,
    and {math}`x > 1`
  - there is much
  - {numref}`one-fig`"""


def test_a_box_is_read_with_lines_that_go_on(tmp_path):
    assert (
        box(written(tmp_path, f"{ROW}\n{ROW}"))
        == [("More is better", "there is little, and {math}`x > 1`", "there is much", "{numref}`one-fig`")]
        * 2
    )


def test_boxes_become_one_table_and_papers_are_named_once(tmp_path):
    written(tmp_path, f"{ROW}\n{ROW}")
    written(tmp_path, ROW, "two")
    lines, wrong = table(tmp_path, ["notebooks/one a2020b c2021d", "notebooks/two e2022f"])
    assert wrong == []
    firsts = [line.removeprefix("* - ") for line in lines if line.startswith("*")]
    assert firsts == [
        "Paper",
        "{cite:t}`a2020b,c2021d`; {doc}`/notebooks/one`",
        "",
        "{cite:t}`e2022f`; {doc}`/notebooks/two`",
    ]
    assert sum(line.startswith("  - ") for line in lines) == 4 * 4


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("* - One\n  - two", "one.py: expected 4 entries in a row"),
        (f"{ROW}\n  - a fifth", "one.py: expected 4 entries in a row"),
    ],
)
def test_a_row_of_another_length_is_named(tmp_path, rows, message):
    with pytest.raises(ValueError, match=message):
        box(written(tmp_path, rows))


def test_a_chapter_without_a_box_or_with_other_columns_is_named(tmp_path):
    file = written(tmp_path, ROW)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("Evidence", "Proof"), encoding="utf-8")
    assert "expected the columns" in table(tmp_path, ["notebooks/one a"])[1][0]
    file.write_text("# %% [markdown]\n# # One\n", encoding="utf-8")
    assert table(tmp_path, ["notebooks/one a"])[1] == [
        "one.py: expected one table named …-tab-claim, found 0"
    ]
    assert "two.py" in table(tmp_path, ["notebooks/two a"])[1][0]


def test_the_page_lists_all_chapters_of_its_part_and_the_books_own():
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    parts = [[chapter["file"] for chapter in part["chapters"]] for part in contents["parts"]]
    chapters = parts[parts.index(["book/neighbours"]) + 1]
    assert [line.split()[0] for line in LISTED] == ["notebooks/one_theorem", *chapters]


@pytest.mark.parametrize("line", LISTED, ids=lambda line: line.split()[0])
def test_the_evidence_of_a_claim_is_found_from_another_page(line):
    rows = box(ROOT / f"{line.split()[0]}.py")
    for row in rows:
        assert re.search(r"\{(?:prf:ref|numref|ref)\}`", row[-1]), row
        assert "above" not in " ".join(row), row
        assert "below" not in row[-1], row
