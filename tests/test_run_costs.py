"""What the pages say about time and memory: measured, complete, and within what Binder gives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nbclient.exceptions import CellExecutionError

from measure_notebooks import COSTS, LIMIT_MIB, main, measure, with_some
from run_costs import SPACE, duration, in_the_books_order, measured_again, read_costs, sentence

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
RECORDED = read_costs(COSTS)
WORDS = {
    "a few seconds": 5,
    "ten seconds": 10,
    "a quarter of a minute": 15,
    "twenty seconds": 20,
    "half a minute": 30,
    "a minute": 60,
    "a minute and a half": 90,
    "two minutes": 120,
}


def test_every_notebook_was_measured_within_two_gibibytes() -> None:
    assert sorted(RECORDED["notebooks"]) == sorted(script.stem for script in NOTEBOOKS.glob("*.py"))
    assert RECORDED["limit_mib"] == LIMIT_MIB == 2048
    for cost in RECORDED["notebooks"].values():
        assert 50 < cost["peak_mib"] < LIMIT_MIB
        assert 1 < cost["seconds"] < 300


@pytest.mark.parametrize("name", sorted(RECORDED["notebooks"]))
def test_the_time_in_a_notebooks_words_is_about_the_measured_one(name: str) -> None:
    text = " ".join((NOTEBOOKS / f"{name}.py").read_text(encoding="utf-8").replace("\n#", " ").split())
    said = re.search(r"\b(?:takes about|runs in) ([a-z ]+?)(?: on two cores)?\.", text)
    assert said, "a notebook says how long it takes: Running it takes about ..."
    assert 0.5 <= RECORDED["notebooks"][name]["seconds"] / WORDS[said[1]] <= 2


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 s"), (37.4, "37 s"), (89, "89 s"), (91, "1.5 min"), (130, "2 min"), (140, "2.5 min")],
)
def test_durations_read_well(seconds: float, said: str) -> None:
    assert duration(seconds) == said.replace(" ", SPACE)


def test_a_page_says_what_its_build_took() -> None:
    cost = {"seconds": 30.2, "peak_mib": 500}
    plain, built = (sentence(cost, 2, seconds).replace(SPACE, " ") for seconds in (None, 41.1))
    assert "takes 30 s on 2 cores, and at most 500 MiB" in plain
    assert "took 41 s when it was built; it needs at most 500 MiB" in built


def test_some_notebooks_can_be_measured_again() -> None:
    made = {"date": "2030-01-02T03:04:05+00:00", "machine": {"cpu": "a processor"}}
    old = {"seconds": 9.0, "peak_mib": 300}
    notebooks = {"head_tuning": old, "soft_prompts": old, "gone": old}
    stored = {"limit_mib": 2048, "notebooks": notebooks, "provenance": {}}
    content = with_some(stored, {"head_tuning": {"seconds": 5.0, "peak_mib": 200}}, made)
    assert content["notebooks"] == {
        "head_tuning": {"seconds": 5.0, "peak_mib": 200, "provenance": made},
        "soft_prompts": old,
    }
    assert content["limit_mib"] == 2048
    said = measured_again(content["notebooks"])
    assert said == " 1 of the pages were measured again on 2030-01-02 (a processor)."
    assert measured_again({"soft_prompts": old}) == ""


def test_a_notebook_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["no_such_chapter"])
    assert "there is no notebook no_such_chapter" in capsys.readouterr().err


def test_the_list_has_the_books_order() -> None:
    names = ["when_heads_fail", "head_tuning", "head_vs_prompt", "text_from_an_hmm"]
    found = in_the_books_order(names, NOTEBOOKS.parent / "_toc.yml")
    assert found == ["text_from_an_hmm", "head_tuning", "when_heads_fail", "head_vs_prompt"]


def test_memory_is_measured_and_limited(tmp_path: Path) -> None:
    script = tmp_path / "large.py"
    cell = "# %%\nimport numpy as np\n\nlarge = np.ones(({}, 2**17))  # so many MiB\n"
    script.write_text(cell.format(200))
    assert 200 < measure(script, limit_mib=700)["peak_mib"] < 700
    script.write_text(cell.format(800))
    with pytest.raises(CellExecutionError, match="Unable to allocate 800"):
        measure(script, limit_mib=700)
