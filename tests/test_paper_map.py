"""The paper map names what is there, and leaves out nothing that belongs in it."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from paper_map import SOURCE, Entry, dangling, left_out, markdown, read_map

ROOT = Path(__file__).resolve().parent.parent
MAP = read_map(ROOT / SOURCE)
ENTRY = Entry(
    name="Head tuning",
    says="A head is enough.",
    paper="Section 3",
    pages=("notebooks/head_tuning", "book/notation"),
    theorems=("thm-head-tuning",),
    figures=("fig-noise", "tab-notation"),
    code=("hmmlib.hmm.vanilla.HMM.stationary", "hmmlib.hmm.vanilla"),
    tests=("tests/test_theorems.py::test_head_or_certificate",),
    results=("book/results/figure3_paper.json#experiment_1.H", "book/results/figure3_paper.json"),
)


def test_the_map_names_only_what_is_there():
    entries = [entry for table in MAP.values() for entry in table]
    complaints = {entry.name: list(dangling(ROOT, entry)) for entry in entries}
    assert {name: found for name, found in complaints.items() if found} == {}


def test_the_map_leaves_out_no_theorem_of_the_paper_and_no_test_of_a_theorem():
    assert list(left_out(ROOT, MAP)) == []


def test_the_page_shows_every_table_once():
    page = (ROOT / "book" / "paper_map.md").read_text(encoding="utf-8")
    assert re.findall(r"^```\{paper-map\} (\w+)$", page, re.MULTILINE) == list(MAP)


def test_names_in_the_map_are_different():
    names = [entry.name for table in MAP.values() for entry in table]
    assert len(set(names)) == len(names)


def test_an_entry_in_order_is_no_reason_to_complain():
    assert list(dangling(ROOT, ENTRY)) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"pages": (*ENTRY.pages, "notebooks/none")}, "no page notebooks/none"),
        ({"theorems": ("thm-none",)}, "no label thm-none on notebooks/head_tuning, book/notation"),
        ({"figures": ("sp-fig-coins",)}, "no label sp-fig-coins on notebooks/head_tuning, book/notation"),
        ({"code": ("hmmlib.hmm.vanilla.none",)}, "no object hmmlib.hmm.vanilla.none"),
        ({"code": ("hmmlib.none.HMM",)}, "no object hmmlib.none.HMM"),
        ({"code": ("pathlib.Path",)}, "no object pathlib.Path"),
        ({"tests": ("tests/test_none.py::test_x",)}, "no test tests/test_none.py::test_x"),
        ({"fails": ("tests/test_theorems.py::margins",)}, "no test tests/test_theorems.py::margins"),
        ({"results": ("book/results/none.json",)}, "no result book/results/none.json"),
        (
            {"results": ("book/results/figure3_paper.json#experiment_1.none",)},
            "no result book/results/figure3_paper.json#experiment_1.none",
        ),
        (
            {"results": ("book/results/figure3_paper.json#source.none",)},
            "no result book/results/figure3_paper.json#source.none",
        ),
    ],
)
def test_what_is_not_there_is_found(change: dict, complaint: str):
    assert list(dangling(ROOT, replace(ENTRY, **change))) == [complaint]


def test_a_theorem_or_test_that_is_not_in_the_map_is_found(tmp_path: Path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "notebooks" / "new.py").write_text(
        "# :::{prf:lemma} A lemma (the paper's Section 9)\n# :label: lem-new\n"
        "# :::{prf:lemma} Another (the paper's Section 9)\n#\n"
        "# :::{prf:lemma} Ours\n# :label: lem-ours\n"
    )
    (tmp_path / "tests" / "test_theorem_new.py").write_text("def test_new(): ...\n\ndef helper(): ...\n")
    (tmp_path / "tests" / "test_other.py").write_text("def test_other(): ...\n")
    assert list(left_out(tmp_path, MAP)) == [
        "notebooks/new.py: lem-new, A lemma (the paper's Section 9), is not in the map",
        "notebooks/new.py: no label, Another (the paper's Section 9), is not in the map",
        "tests/test_theorem_new.py::test_new is not in the map",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "Head', 'nam = "Head', "an entry without a name: lacks name; not known: nam"),
        ("says = ", "tells = ", "lacks says; not known: tells"),
    ],
)
def test_an_entry_that_is_not_whole_is_refused(tmp_path: Path, old: str, new: str, message: str):
    file = tmp_path / SOURCE.name
    shutil.copy(ROOT / SOURCE, file)
    file.write_text(file.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(message)):
        read_map(file)


def test_an_entry_is_an_item_with_links():
    assert markdown(replace(ENTRY, pages=ENTRY.pages[:1], fails=ENTRY.tests)) == [
        "Head tuning (the paper's Section 3)",
        ": A head is enough.",
        "",
        "  - **Pages:** {doc}`/notebooks/head_tuning`",
        "  - **Theorems:** {prf:ref}`thm-head-tuning`",
        "  - **Figures:** {numref}`fig-noise`, {numref}`tab-notation`",
        "  - **Functions:** {py:obj}`~hmmlib.hmm.vanilla.HMM.stationary`, {py:obj}`~hmmlib.hmm.vanilla`",
        "  - **Tests:**",
        "    - `tests/test_theorems.py`: `test_head_or_certificate`",
        "  - **Broken on purpose:**",
        "    - `tests/test_theorems.py`: `test_head_or_certificate`",
        "  - **Results:**",
        "    - `book/results/figure3_paper.json`: `experiment_1.H`",
        "",
    ]


def test_what_the_paper_does_not_say_is_ours():
    assert markdown(replace(ENTRY, paper=""))[0] == "Head tuning (*ours*)"
