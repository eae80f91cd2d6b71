"""Notebooks are executed side by side: what comes out, what is said of those that fail."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import execute_notebooks
from cores import cores
from execute_notebooks import RECORD, longest_first, main, write_anew, write_copies
from kernels import Outcome, execute_side_by_side

# Waits for a file that the other notebook writes.
MEET = """import time
from pathlib import Path

Path("{own}").touch()
for _ in range(3000):
    if Path("{other}").exists():
        break
    time.sleep(0.1)
print(Path("{other}").exists())"""
NOISY = "import sys\nprint('loud', file=sys.stderr)\nprint('quiet')"


def notebook(*cells: str) -> nbformat.NotebookNode:
    return new_notebook(cells=[new_markdown_cell("# Title"), *map(new_code_cell, cells)])


def run(
    notebooks: dict[str, nbformat.NotebookNode], folder: Path, workers: int = 2, timeout: int = 600
) -> dict[str, Outcome]:
    told: list[Outcome] = []
    outcomes = execute_side_by_side(notebooks, folder, told.append, workers=workers, timeout=timeout)
    assert told == outcomes
    return {outcome.name: outcome for outcome in outcomes}


def printed(notebook: nbformat.NotebookNode) -> str:
    return "".join(output.text for cell in notebook.cells[1:] for output in cell.outputs)


def test_two_run_at_the_same_time(tmp_path: Path) -> None:
    pair = {
        "a": notebook(MEET.format(own="a", other="b")),
        "b": notebook(MEET.format(own="b", other="a")),
    }
    outcomes = run(pair, tmp_path)
    assert {name: outcome.fault for name, outcome in outcomes.items()} == {"a": None, "b": None}
    assert [printed(pair[name]) for name in "ab"] == ["True\n", "True\n"]
    assert all(outcome.seconds > 0 for outcome in outcomes.values())


def test_one_at_a_time_they_keep_their_order(tmp_path: Path) -> None:
    note = 'open("log", "a").write("{} ");'
    names = ["third", "first", "second"]
    outcomes = run({name: notebook(note.format(name)) for name in names}, tmp_path, workers=1)
    assert list(outcomes) == names
    assert (tmp_path / "log").read_text().split() == names


@pytest.mark.parametrize(("given", "threads"), [(None, 1), ("3", 3)])
def test_each_computes_with_one_thread(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str | None, threads: int
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if given:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    found = notebook('import os\nprint(os.environ["OMP_NUM_THREADS"])')
    run({"a": found}, tmp_path)
    assert printed(found) == f"{threads}\n"


def test_outputs_hold_nothing_of_the_moment(tmp_path: Path) -> None:
    found = notebook(NOISY, "6 * 7")
    assert run({"a": found}, tmp_path)["a"].fault is None
    first, second = found.cells[1:]
    assert [(output.name, output.text) for output in first.outputs] == [("stdout", "quiet\n")]
    assert second.outputs[0].data == {"text/plain": "42"}
    assert [first.execution_count, second.execution_count] == [1, 2]
    assert "execution" not in first.metadata
    assert "version" not in found.metadata.language_info


def test_a_cell_that_fails_is_shown_and_the_others_go_on(tmp_path: Path) -> None:
    found = {"bad": notebook("x = 1", "x = x / 0  # here", "print(x)"), "good": notebook("print(1)")}
    outcomes = run(found, tmp_path, workers=1)
    fault = outcomes["bad"].fault
    assert fault is not None
    assert "x = x / 0  # here" in fault
    assert "ZeroDivisionError: division by zero" in fault
    assert "Traceback" in fault
    assert outcomes["good"].fault is None
    assert printed(found["good"]) == "1\n"


def test_a_cell_that_takes_too_long_is_shown(tmp_path: Path) -> None:
    outcome = run({"slow": notebook("import time\ntime.sleep(3600)")}, tmp_path, timeout=2)["slow"]
    assert outcome.fault is not None
    assert "timed out" in outcome.fault
    assert "time.sleep(3600)" in outcome.fault


def test_a_kernel_that_dies_is_a_fault(tmp_path: Path) -> None:
    outcome = run({"dead": notebook("import os\nos._exit(1)")}, tmp_path)["dead"]
    assert "died" in (outcome.fault or "")


def test_a_loop_of_the_callers_does_not_matter(tmp_path: Path) -> None:
    async def inside() -> Outcome:
        return run({"good": notebook("print(1)")}, tmp_path)["good"]

    assert asyncio.run(inside()).fault is None


def test_what_may_be_long_starts_first() -> None:
    assert longest_first(["b", "new", "a", "c"], {"a": 2, "b": 30, "c": 2}) == ["new", "b", "a", "c"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two notebooks with old outputs."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("one", "two"):
        old = notebook(f"print('{name} ' + 'new')")
        old.cells[1].outputs = [new_output("stream", name="stdout", text="old\n")]
        old.cells[1].execution_count = 1
        nbformat.write(old, folder / f"{name}.ipynb")
    monkeypatch.setattr(execute_notebooks, "NOTEBOOKS", folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_copies_have_new_outputs_and_notebooks_stay(folder: Path, tmp_path: Path) -> None:
    before, target = contents(folder), tmp_path / "executed"
    target.mkdir()
    (target / "gone.ipynb").write_text("of a notebook that is no more")
    write_copies(["two"], 2, target, folder)
    assert contents(folder) == before
    assert sorted(contents(target)) == [RECORD, "two.ipynb"]
    assert printed(nbformat.read(target / "two.ipynb", as_version=4)) == "two new\n"
    record = json.loads((target / RECORD).read_text())
    assert record["stored"] == ["one"]
    assert list(record["seconds"]) == ["two"]


def test_after_a_fault_there_are_no_copies(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "executed"
    arguments = ["--into", str(target), "--workers", "2"]
    assert main(arguments) == 0
    assert sorted(contents(target)) == [RECORD, "one.ipynb", "two.ipynb"]
    nbformat.write(notebook("undefined_name"), folder / "two.ipynb")
    capfd.readouterr()
    assert main(arguments) == 1
    assert contents(target) == {}
    said = capfd.readouterr().err
    assert "notebooks/two failed: " in said
    assert "NameError: name 'undefined_name' is not defined" in said
    assert "1 of 2 notebooks failed: two" in said


def test_a_notebook_written_anew_is_that_of_its_script(folder: Path) -> None:
    good, bad = folder / "good.py", folder / "bad.py"
    good.write_text("# %% [markdown]\n# Title\n# %%\nprint(2)\n")
    bad.write_text("# %%\n1 / 0\n")
    nbformat.write(notebook("print('as it was')"), bad.with_suffix(".ipynb"))
    before = bad.with_suffix(".ipynb").read_bytes()
    outcomes = write_anew(["good", "bad"], 2, folder)
    assert {outcome.name for outcome in outcomes if outcome.fault} == {"bad"}
    assert printed(nbformat.read(good.with_suffix(".ipynb"), as_version=4)) == "2\n"
    assert bad.with_suffix(".ipynb").read_bytes() == before


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["three"], "there is no notebook three; there are one, two"),
        (["--workers", "0"], "--workers has to be at least 1, got 0"),
    ],
)
def test_bad_requests_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    with pytest.raises(SystemExit):
        main(["--into", str(tmp_path / "executed"), *arguments])
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("share", "number"),
    [("max 100000", 64), ("250000 100000", 2), ("50000 100000", 1), (None, 64), ("6500000 100000", 64)],
)
def test_cores_are_those_that_may_be_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, share: str | None, number: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)), raising=False)
    file = tmp_path / "cpu.max"
    if share:
        file.write_text(f"{share}\n")
    assert cores(file) == number
